"""What every engine can do. Engines keep planes in a form of their own; planes go in and out as NumPy."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from pixeltree_emu.array.decay import Decay
from pixeltree_emu.array.planes import AnalogPlane, DigitalPlane
from pixeltree_emu.array.read_out import Box, PackedRows, RowNumbers
from pixeltree_emu.array.selection import DriveIn, PatternSelect, RectangleSelect
from pixeltree_protocol.chip.isa import ICW
from pixeltree_protocol.chip.registers import Analog, Digital

Item = ICW | PatternSelect | RectangleSelect | DriveIn
"""What blocks are made of: words, and what the controller does between them."""


@dataclass(frozen=True)
class EngineState:
    """All that an engine knows between two blocks.

    Attributes:
        analog: A-F, NEWS and PIX.
        digital: R0-R12, FLAG, SELECT and RECT.
        read_bus: the digital read bus, which remembers between words; bool (256, 256).
        in_level: level of IN.
        frame: number of the frame, and
        words: how many words have run in it, both for the draws of a non-ideal mode.
        decay: when registers were last written, which the next engine goes on with; None in ideal mode.
    """

    analog: Mapping[Analog, AnalogPlane]
    digital: Mapping[Digital, DigitalPlane]
    read_bus: DigitalPlane
    in_level: int
    frame: int
    words: int
    decay: Decay | None


class Crossing(NamedTuple):
    """Bit sets of registers, as ``decay`` numbers them, of a block in the course of which a tick begins.

    Attributes:
        touched: what it reads or writes before that; more does no harm.
        written: what it writes before that.
        written_after: what it writes after that.
    """

    touched: int
    written: int
    written_after: int


class Engine(Protocol):
    """Executes instruction words on the planes of one array.

    Planes are exchanged as copies: int16 (256, 256) for analog registers, bool (256, 256) for digital
    ones, in array coordinates (column 0 is the right edge).
    """

    in_level: int
    """Level of the global analog input IN, -128 to 127."""

    @property
    def alike(self) -> Hashable:
        """Engines with equal values take each other's kernels; None where an engine takes only its own."""
        ...

    @property
    def most_waiting(self) -> int:
        """Words that may wait to be run together: few milliseconds of work, or no gain in more."""
        ...

    def load(self, words: Sequence[Item]) -> Any:  # noqa: ANN401 - each engine's own kind of kernel
        """Make a block ready to run.

        Raises:
            MeaninglessWord: a word has no meaning; its ``index`` attribute says which. Nothing changed.
        """
        ...

    def run(self, kernel: Any) -> None:  # noqa: ANN401
        """Execute what :meth:`load` returned, once."""
        ...

    def run_across(self, kernel: Any, crossing: Crossing, now_ns: int) -> bool:  # noqa: ANN401
        """Execute a block once in the course of which a tick begins, if it can be done at once.

        It can where nothing that is due to decay then was touched by the block before: the registers decay
        first, and the block follows.

        Args:
            kernel: what :meth:`load` returned.
            crossing: what the block touches before and after.
            now_ns: device time at which the tick begins; the block ends within it.

        Returns:
            Whether it was done; else nothing has changed.
        """
        ...

    def analog(self, register: Analog) -> AnalogPlane:
        """A copy of A-F, NEWS or PIX."""
        ...

    def analog_view(self, register: Analog) -> npt.NDArray[np.signedinteger[Any]]:
        """A-F, NEWS or PIX itself, int8 or int16 (256, 256): not to be changed, nor kept for long."""
        ...

    def packed_rows(self, register: Digital, rows: range) -> bytes:
        """Rows of a digital plane, 32 bytes each, byte j bit i = column 8 j + i (fact sheet 1.1)."""
        ...

    def column_sums(self, register: Analog, rows: RowNumbers, bands: int) -> npt.NDArray[np.int16]:
        """Sums of A-F or NEWS over bands of rows; see :func:`read_out.column_sums`."""
        ...

    def any_one(self, register: Digital, rows: RowNumbers, columns: PackedRows) -> bool:
        """Whether a digital plane has a 1 where rows and columns cross."""
        ...

    def box(self, register: Digital) -> Box | None:
        """The box around the 1s of a digital plane."""
        ...

    def events(self, register: Digital, most: int, row_first: bool, h_dir: bool, v_dir: bool) -> bytes:
        """Coordinates of the first 1s of a digital plane; see :func:`read_out.events`."""
        ...

    def set_analog(self, register: Analog, plane: npt.NDArray[np.integer[Any]]) -> None:
        """Replace A-F, NEWS or PIX; values must lie in the register's range."""
        ...

    def digital(self, register: Digital) -> DigitalPlane:
        """A copy of R0-R12, FLAG, SELECT or RECT."""
        ...

    def set_digital(self, register: Digital, plane: DigitalPlane) -> None:
        """Replace R0-R12, FLAG, SELECT or RECT."""
        ...

    def elapse(self, now_ns: int) -> None:
        """Let registers decay until ``now_ns`` of device time; what is written next is written then.

        Time moves in ticks of 10 ms and never back; see ``decay``. In ideal mode nothing happens.
        """
        ...

    def begin_frame(self, frame: int) -> None:
        """Number the words that follow from 0; the draws of a non-ideal mode depend on both numbers."""
        ...

    def state(self) -> EngineState:
        """All that it knows, for another engine; it must not run any more after that one has resumed."""
        ...

    def resume(self, state: EngineState) -> None:
        """Go on where another engine with the same parameters and chip was."""
        ...
