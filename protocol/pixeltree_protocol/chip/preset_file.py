"""A preset from a file: a chip's numbers as TOML, as ``pixeltree calibrate`` writes them.

    base = "typical"            # the preset that has all numbers which the file does not name

    [errors]                    # of Nonidealities
    gain_error = -0.0071

    [sums]                      # scales of global sums
    sum_region_scale = 4100

    [kept]                      # of either kind: what could not be measured, and is as it was
    areg_rest = 0

Other tables are for people, and are not read: ``[standard_errors]``, ``[checks]``.
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

from pixeltree_protocol.chip.nonidealities import (
    SUM_SCALES,
    WHOLE_NUMBERS,
    Nonidealities,
    preset,
)
from pixeltree_protocol.errors import PresetError
from pixeltree_protocol.names import known_names

SUFFIX = ".toml"
"""What a preset's name ends with where it is a file's."""

ERRORS = tuple(item.name for item in fields(Nonidealities))
"""Names of the numbers in ``[errors]``."""

_TABLES = {"errors": ERRORS, "sums": SUM_SCALES, "kept": (*ERRORS, *SUM_SCALES)}
_FOR_PEOPLE = ("standard_errors", "checks")


@dataclass(frozen=True)
class PresetNumbers:
    """What a preset is.

    Attributes:
        base: the named preset that it is, or begins from.
        errors: numbers that differ from the base.
        sums: scales of global sums that differ from the device's own.
    """

    base: str
    errors: Mapping[str, float] = field(default_factory=dict)
    sums: Mapping[str, int] = field(default_factory=dict)

    @property
    def model(self) -> Nonidealities | None:
        """All numbers; None for exact arithmetic.

        Raises:
            PresetError: a number that cannot be, or one of an exact array.
        """
        start = preset(self.base)
        if start is None and self.errors:
            raise PresetError(f"{min(self.errors)}: {self.base} has no errors; choose another base")
        return start and replace(start, **self.errors)  # type: ignore[arg-type]

    @property
    def settings(self) -> tuple[str, ...]:
        """All numbers that the file gives, each as ``--set`` takes it: ``name=value``."""
        return tuple(f"{name}={value!r}" for name, value in {**self.errors, **self.sums}.items())


def named(name: str) -> PresetNumbers:
    """A preset that is known by its name.

    Raises:
        PresetError: there is none.
    """
    preset(name)
    return PresetNumbers(name)


def parsed(text: str, where: str) -> PresetNumbers:
    """The preset in a file.

    Args:
        text: what the file holds.
        where: its name, for messages.

    Raises:
        PresetError: it is no TOML, or has a name or a number that no preset has.
    """
    try:
        tables = tomllib.loads(text)
        return _numbers(tables)
    except tomllib.TOMLDecodeError as error:
        raise PresetError(f"{where} is not TOML: {error}") from error
    except PresetError as error:
        raise PresetError(f"{where}: {error}") from error


def _numbers(tables: dict[str, Any]) -> PresetNumbers:
    known = ("base", *_TABLES, *_FOR_PEOPLE)
    for name in tables:
        if name not in known:
            raise PresetError(f"it has {name}, which no preset has; {known_names(name, known)}")
    base = tables.get("base", "typical")
    if not isinstance(base, str):
        raise PresetError(f"base must be the name of a preset, not {base!r}")
    named(base)
    given = {**_table(tables, "kept"), **_table(tables, "errors"), **_table(tables, "sums")}
    sums = {name: int(value) for name, value in given.items() if name in SUM_SCALES}
    found = PresetNumbers(base, {name: given[name] for name in given if name not in SUM_SCALES}, sums)
    for scale, value in found.sums.items():
        if value < 1:
            raise PresetError(f"{scale} is {value}; it must be at least 1 unit a count")
    found.model  # noqa: B018 - a number that cannot be is refused here
    return found


def _table(tables: dict[str, Any], which: str) -> dict[str, Any]:
    table = tables.get(which, {})
    if not isinstance(table, dict):
        raise PresetError(f"{which} must be a table, [{which}]")
    return {name: number_of(name, value, _TABLES[which]) for name, value in table.items()}


def number_of(name: str, value: object, known: tuple[str, ...] = (*SUM_SCALES, *ERRORS)) -> float:
    """A number of a chip, from TOML or from text.

    Raises:
        PresetError: no number has this name, or the value is none.
    """
    if name not in known:
        raise PresetError(f"no number is named {name!r}; {known_names(name, known)}")
    whole = name in WHOLE_NUMBERS
    try:
        if isinstance(value, bool) or not isinstance(value, int | float | str):
            raise ValueError
        number: float = int(value) if whole and not isinstance(value, float) else float(value)
    except ValueError:
        number = math.nan
    if not math.isfinite(number) or (whole and number != int(number)):
        raise PresetError(f"{name}={value}: the value must be a {'whole ' if whole else ''}number")
    return int(number) if whole else number


def written(numbers: Mapping[str, float], comments: Mapping[str, str]) -> str:
    """Lines of a TOML table: each number with what is to be said of it behind."""
    lines = [(f"{name} = {value!r}", comments.get(name, "")) for name, value in numbers.items()]
    width = max((len(line) for line, _ in lines), default=0)
    return "".join(f"{line:{width}}{'  # ' + said if said else ''}".rstrip() + "\n" for line, said in lines)


def all_numbers(numbers: PresetNumbers) -> dict[str, float]:
    """Every number of a preset's errors by name; none for exact arithmetic."""
    model = numbers.model
    return {} if model is None else asdict(model)
