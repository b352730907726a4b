"""The virtual device clock. What each step costs is the contract's table; every entry can be set.

``--cost NAME=VALUE`` sets an entry from the command line.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace

from pixeltree_emu.errors import EmulatorError
from pixeltree_protocol.chip.costs import CostTable
from pixeltree_protocol.chip.isa import ClockClass
from pixeltree_protocol.names import known_names


@dataclass(frozen=True)
class CostModel(CostTable):
    """The cost table with settings by name."""

    def with_settings(self, settings: list[str]) -> CostModel:
        """A model with ``NAME=VALUE`` settings applied.

        Raises:
            EmulatorError: an unknown name or a value that is not a whole number of at least 0.
        """
        names = [field.name for field in fields(self)]
        changes: dict[str, int] = {}
        for setting in settings:
            name, _, value = setting.partition("=")
            if name not in names:
                raise EmulatorError(f"no cost is named {name!r}; {known_names(name, names)}")
            if not value.isdigit() or (name == "line_bits_per_second" and int(value) == 0):
                raise EmulatorError(f"--cost {setting}: the value must be a whole number, at least 0")
            changes[name] = int(value)
        return replace(self, **changes)


class DeviceClock:
    """Device time since the start of the device, in nanoseconds."""

    def __init__(self, costs: CostModel) -> None:
        self.costs = costs
        self.now_ns = 0
        self.words = 0
        self.follows_line = False

    def charge(self, nanoseconds: int) -> None:
        """Let time pass."""
        self.now_ns += nanoseconds

    def charge_line(self, wire_bytes: int) -> None:
        """Let bytes come over the line, where the clock does not go on by itself while they do."""
        if not self.follows_line:
            self.charge(self.costs.line_ns(wire_bytes))

    def charge_words(self, classes: Mapping[ClockClass, int], times: int = 1) -> None:
        """Let words pass: so many of each clock class, ``times`` times."""
        self.words += times * sum(classes.values())
        self.now_ns += times * self.costs.words_ns(classes)
