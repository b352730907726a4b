"""One engine at once, and a faster one in its place when that is ready.

Both give the same bits, so only the time that blocks take tells which one works. The change happens between
two blocks: all that the first engine knows goes to the second, and kernels are made ready anew as they run.
"""

from __future__ import annotations

import atexit
import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from pixeltree_emu.array.engine import Crossing, Engine, EngineState, Item
from pixeltree_emu.array.planes import AnalogPlane, DigitalPlane
from pixeltree_emu.array.read_out import Box, PackedRows, RowNumbers
from pixeltree_emu.errors import EmulatorError
from pixeltree_emu.machine.logs import fields
from pixeltree_protocol.chip.registers import Analog, Digital

logger = logging.getLogger(__name__)

_LONGEST_END = 3.0
"""Seconds for what is being made to end when this process does."""


@dataclass
class _Kernel:
    """A block, and what the engine that last loaded it made of it."""

    items: tuple[Item, ...]
    engine: Engine
    kernel: Any


class SucceededEngine:
    """An engine that another one succeeds; see :class:`pixeltree_emu.array.engine.Engine`.

    Args:
        first: runs blocks until then.
        make: makes the successor, in a thread of its own; where that fails, the first one stays.
        cancel: asks ``make`` to end soon, when this process does.

    Attributes:
        succeeded: whether the successor is in charge.
    """

    def __init__(self, first: Engine, make: Callable[[], Engine], cancel: Callable[[], None]) -> None:
        self._engine = first
        self.succeeded = False
        self._make = make
        self._cancel = cancel
        self._successor: Engine | None = None
        self._maker = threading.Thread(target=self._make_successor, name="compiling", daemon=True)
        atexit.register(self._end)
        self._maker.start()

    def _make_successor(self) -> None:
        try:
            self._successor = self._make()
        except (EmulatorError, ImportError, OSError, RuntimeError) as error:  # Numba's are of these kinds
            reason = str(error)
            logger.warning(
                "the fast engine cannot be had; the reference engine goes on, more slowly",
                extra=fields(reason=reason),
            )

    def _end(self) -> None:
        self._cancel()
        self._maker.join(_LONGEST_END)

    def wait(self) -> None:
        """Wait until the successor is ready, or cannot be had."""
        self._maker.join()

    def _now(self) -> Engine:
        """The engine in charge; the successor from the moment when it is ready."""
        successor = self._successor
        if successor is not None:
            self._successor = None
            successor.resume(self._engine.state())
            self._engine = successor
            self.succeeded = True
            atexit.unregister(self._end)
            logger.info("the fast engine has taken over")
        return self._engine

    alike = None
    """See :class:`pixeltree_emu.array.engine.Engine`: kernels are made anew for the successor."""

    @property
    def most_waiting(self) -> int:
        """See :class:`pixeltree_emu.array.engine.Engine`."""
        return self._engine.most_waiting

    @property
    def in_level(self) -> int:
        """Level of the global analog input IN."""
        return self._engine.in_level

    @in_level.setter
    def in_level(self, level: int) -> None:
        self._engine.in_level = level

    def load(self, words: Sequence[Item]) -> _Kernel:
        """See :class:`pixeltree_emu.array.engine.Engine`."""
        engine = self._now()
        return _Kernel(tuple(words), engine, engine.load(words))

    def run(self, kernel: _Kernel) -> None:
        """See :class:`pixeltree_emu.array.engine.Engine`."""
        engine = self._now()
        if kernel.engine is not engine:
            kernel.engine, kernel.kernel = engine, engine.load(kernel.items)
        engine.run(kernel.kernel)

    def run_across(self, kernel: _Kernel, crossing: Crossing, now_ns: int) -> bool:
        """Not while engines change places."""
        return False

    def analog(self, register: Analog) -> AnalogPlane:
        """See :class:`pixeltree_emu.array.engine.Engine`."""
        return self._engine.analog(register)

    def analog_view(self, register: Analog) -> npt.NDArray[np.signedinteger[Any]]:
        """See :class:`pixeltree_emu.array.engine.Engine`."""
        return self._engine.analog_view(register)

    def set_analog(self, register: Analog, plane: npt.NDArray[np.integer[Any]]) -> None:
        """See :class:`pixeltree_emu.array.engine.Engine`."""
        self._engine.set_analog(register, plane)

    def digital(self, register: Digital) -> DigitalPlane:
        """See :class:`pixeltree_emu.array.engine.Engine`."""
        return self._engine.digital(register)

    def packed_rows(self, register: Digital, rows: range) -> bytes:
        """See :class:`pixeltree_emu.array.engine.Engine`."""
        return self._engine.packed_rows(register, rows)

    def column_sums(self, register: Analog, rows: RowNumbers, bands: int) -> npt.NDArray[np.int16]:
        """See :class:`pixeltree_emu.array.engine.Engine`."""
        return self._engine.column_sums(register, rows, bands)

    def any_one(self, register: Digital, rows: RowNumbers, columns: PackedRows) -> bool:
        """See :class:`pixeltree_emu.array.engine.Engine`."""
        return self._engine.any_one(register, rows, columns)

    def box(self, register: Digital) -> Box | None:
        """See :class:`pixeltree_emu.array.engine.Engine`."""
        return self._engine.box(register)

    def events(self, register: Digital, most: int, row_first: bool, h_dir: bool, v_dir: bool) -> bytes:
        """See :class:`pixeltree_emu.array.engine.Engine`."""
        return self._engine.events(register, most, row_first, h_dir, v_dir)

    def set_digital(self, register: Digital, plane: DigitalPlane) -> None:
        """See :class:`pixeltree_emu.array.engine.Engine`."""
        self._engine.set_digital(register, plane)

    def elapse(self, now_ns: int) -> None:
        """See :class:`pixeltree_emu.array.engine.Engine`."""
        self._engine.elapse(now_ns)

    def begin_frame(self, frame: int) -> None:
        """See :class:`pixeltree_emu.array.engine.Engine`."""
        self._engine.begin_frame(frame)

    def state(self) -> EngineState:
        """See :class:`pixeltree_emu.array.engine.Engine`."""
        return self._engine.state()

    def resume(self, state: EngineState) -> None:
        """See :class:`pixeltree_emu.array.engine.Engine`."""
        self._engine.resume(state)
