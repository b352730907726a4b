"""What device time does to registers that nobody writes: AREGs drift, DREGs lose their ones.

Device time is counted in ticks of 10 ms. A register was last written in the tick of its last write,
wherever in it that was; any write counts for the whole plane, gated or not. Within a tick nothing decays, so
that looking at the array, or not, makes no difference. With ``idle`` the ticks since the last write:

    AREG    drifts toward the rest level by ``areg_decay * idle`` counts since the write, rounded down, and
            stops there
    DREG    a 1 becomes 0 where ``idle`` exceeds the PE's retention time (``Chip.retention``)

FLAG, SELECT and RECT are latches and PIX integrates light: they stay as they are. Rest mode, which slows
decay on the chip (fact sheet section 7), is not modelled.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from pixeltree_emu.array.nonidealities import TICK_NS, Chip
from pixeltree_emu.array.planes import AnalogPlane, DigitalPlane
from pixeltree_protocol.chip.registers import AREGS, DREGS, Analog, Digital

Register = Analog | Digital

_REGISTERS: tuple[Register, ...] = (*AREGS, *DREGS)
REGISTER_BITS = {register: 1 << number for number, register in enumerate(_REGISTERS)}
"""Bit of each register that decays in a set of written registers."""

_MILLIONTHS = 1_000_000
_NS_PER_SECOND = 1_000_000_000


class Due(NamedTuple):
    """What has decayed since the last tick that was asked about.

    Attributes:
        drifts: AREGs and by how many counts each drifts.
        losses: DREGs and where each keeps its ones.
    """

    drifts: list[tuple[Analog, int]]
    losses: list[tuple[Digital, DigitalPlane]]


NOTHING = Due([], [])


def drifted(plane: AnalogPlane, rest: int, counts: int) -> AnalogPlane:
    """A plane, int16, moved by so many counts toward the rest level, and never past it."""
    return np.asarray(np.clip(np.int16(rest), plane - np.int16(counts), plane + np.int16(counts)), np.int16)


class Decay:
    """Keeps the time of each register's last write, and says what has decayed since.

    Attributes:
        written: bit set of the registers written in this tick; engines add to it.
    """

    def __init__(self, chip: Chip) -> None:
        self.written = 0
        self._rate = round(chip.model.areg_decay * _MILLIONTHS)
        self._retention = chip.retention
        self._shortest, self._longest = int(chip.retention.min()), int(chip.retention.max())
        self._tick = 0
        self._since = dict.fromkeys(_REGISTERS, 0)
        self._done = dict.fromkeys(_REGISTERS, 0)

    def elapse(self, now_ns: int) -> Due:
        """Let time pass until ``now_ns`` on the device clock; a time in the past changes nothing."""
        tick = now_ns // TICK_NS
        if tick <= self._tick:
            return NOTHING
        for register, bit in REGISTER_BITS.items():
            if self.written & bit:
                self._since[register], self._done[register] = self._tick, 0
        self.written, self._tick = 0, tick
        return Due(self._drifts(), self._losses())

    def due_at(self, touched: int, written: int, now_ns: int) -> Due:
        """What some registers would have lost at ``now_ns``; nothing changes.

        Args:
            touched: bit set of the registers that are asked about.
            written: bit set of those that will be written before, in this tick.
            now_ns: in a later tick.
        """
        due = Due([], [])
        tick, written = now_ns // TICK_NS, self.written | written
        for register, bit in REGISTER_BITS.items():
            if not touched & bit:
                continue
            fresh = written & bit
            idle = tick - (self._tick if fresh else self._since[register])
            done = 0 if fresh else self._done[register]
            if isinstance(register, Analog):
                if self._counts(idle) != done:
                    due.drifts.append((register, self._counts(idle) - done))
            elif idle > self._shortest and done <= self._longest:
                due.losses.append((register, self._retention >= idle))
        return due

    def _counts(self, idle: int) -> int:
        """By how many counts an AREG has drifted after so many ticks."""
        return idle * TICK_NS * self._rate // (_NS_PER_SECOND * _MILLIONTHS)

    def _drifts(self) -> list[tuple[Analog, int]]:
        drifts = []
        for register in AREGS:
            counts = self._counts(self._tick - self._since[register])
            more = min(counts - self._done[register], 255)
            if more:
                drifts.append((register, more))
                self._done[register] = counts
        return drifts

    def _losses(self) -> list[tuple[Digital, DigitalPlane]]:
        losses, kept = [], dict[int, DigitalPlane]()
        for register in DREGS:
            idle = self._tick - self._since[register]
            if idle > self._shortest and self._done[register] <= self._longest:
                if idle not in kept:
                    kept[idle] = self._retention >= idle
                losses.append((register, kept[idle]))
                self._done[register] = idle
        return losses
