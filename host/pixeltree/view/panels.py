"""What the page can show and what can be turned on it: a neutral list, whatever fills it.

A panel has a kind, which says how the page draws its values:

=============  ========================================================================================
kind           value
=============  ========================================================================================
``plane``      a NumPy array (rows, columns): bool, int8 levels or differences, uint8 grey
``plot``       a number, one point of a curve over time; ``least`` and ``most`` in the details are its range
``bars``       a list of numbers; ``least`` and ``most`` in the panel's details are their range
``marks``      ``{"boxes": [[top, left, height, width], ...], "points": [[row, column], ...],
               "texts": [[row, column, text], ...]}``, in pixels of the planes whose details call it their
               ``overlay``; ``"lines": [[[[row, column], ...], colour as in CSS, width], ...]`` may be there
``text``       text, several lines
``table``      an object: names and texts or numbers
``listing``    ``{"line": row, "note": text}``: where a program is; its rows are in the panel's details
``result``     ``{"label", "margins": [[name, sum], ...], "device_us", "map", "window"}``
``tree``       ``{"path": [name, ...], "label": name}``; the nodes are in the panel's details
``timeline``   a list of ``[lane, start_us, duration_us, name]``: events since the value before
=============  ========================================================================================

A control has a kind too: ``slider`` (whole numbers), ``switch`` (true or false), ``choice`` (one of its
options), ``button`` (pressed: true).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pixeltree.errors import DataError

PANEL_KINDS = ("plane", "plot", "text", "table", "listing", "result", "tree", "timeline", "bars", "marks")
CONTROL_KINDS = ("slider", "switch", "choice", "button")

LEVELS, DIFFERENCE, GREY, BITS = "levels", "difference", "grey", "bits"
"""How the numbers of a plane are meant: analog levels, differences of two planes, brightness, 0 and 1."""

Setting = int | bool | str
"""The value of a control."""


@dataclass(frozen=True)
class Panel:
    """A panel of the page.

    Attributes:
        name: by which its values come; unique.
        kind: one of :data:`PANEL_KINDS`.
        title: what people read.
        group: panels of one group are shown and hidden together; the name where it stands alone.
        shown: whether the page shows it from the beginning.
        details: what the page must know beside the values, as JSON can express it. Of a plane: ``scale``,
            one of the four ways in which numbers are meant.
    """

    name: str
    kind: str
    title: str = ""
    group: str = ""
    shown: bool = True
    details: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.kind not in PANEL_KINDS:
            raise DataError(f"panel {self.name}: no kind {self.kind!r}; known: {', '.join(PANEL_KINDS)}")

    def to_json(self) -> dict[str, Any]:
        """As the page gets it."""
        return {
            "name": self.name,
            "kind": self.kind,
            "title": self.title or self.name,
            "group": self.group or self.name,
            "shown": self.shown,
            "details": dict(self.details),
        }


@dataclass(frozen=True)
class Control:
    """Something that can be turned, chosen or pressed.

    Attributes:
        name: unique.
        kind: one of :data:`CONTROL_KINDS`.
        value: the value in force.
        title: what people read.
        group: a heading that it stands under.
        least, most: range of a slider.
        options: of a choice.
        unit: of a slider's value.
        hint: what it does, in a sentence.
    """

    name: str
    kind: str
    value: Setting = False
    title: str = ""
    group: str = ""
    least: int = 0
    most: int = 1
    options: tuple[str, ...] = ()
    unit: str = ""
    hint: str = ""

    def __post_init__(self) -> None:
        if self.kind not in CONTROL_KINDS:
            raise DataError(f"control {self.name}: no kind {self.kind!r}; known: {', '.join(CONTROL_KINDS)}")

    def checked(self, value: object) -> Setting:
        """A value that somebody wants to set.

        Raises:
            DataError: it is of another type, or out of range.
        """
        if self.kind == "slider":
            if isinstance(value, bool) or not isinstance(value, int) or not self.least <= value <= self.most:
                raise DataError(f"{self.name} takes whole numbers from {self.least} to {self.most}")
            return value
        if self.kind == "choice":
            if not isinstance(value, str) or value not in self.options:
                raise DataError(f"{self.name} is one of {', '.join(self.options)}")
            return value
        if not isinstance(value, bool):
            raise DataError(f"{self.name} takes true or false")
        return value

    def to_json(self) -> dict[str, Any]:
        """As the page gets it."""
        return {
            "name": self.name,
            "kind": self.kind,
            "value": self.value,
            "title": self.title or self.name,
            "group": self.group,
            "least": self.least,
            "most": self.most,
            "options": list(self.options),
            "unit": self.unit,
            "hint": self.hint,
        }
