"""The array as the controller sees it: load and run blocks, set IN, select pixels, read planes out."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from pixeltree_emu.array.engine import Engine, Item
from pixeltree_emu.array.nonidealities import TICK_NS, Chip
from pixeltree_emu.array.planes import ArrayParameters, DigitalPlane
from pixeltree_emu.array.queue import LoadedBlock, StepQueue
from pixeltree_emu.array.reference import ReferenceEngine
from pixeltree_emu.array.selection import pattern_select
from pixeltree_emu.array.sensor import Sensor
from pixeltree_emu.errors import EmulatorError
from pixeltree_protocol.registers import ARRAY_SIZE, Analog, Digital

logger = logging.getLogger(__name__)

Kernel = LoadedBlock
"""A block made ready; opaque to everyone else."""

_ADDRESSES = np.arange(ARRAY_SIZE)


ENGINES = ("fast", "reference")


def create_engine(name: str, parameters: ArrayParameters, chip: Chip | None = None) -> Engine:
    """An engine by name.

    The fast engine is imported when it is wanted: its first ever import compiles it.

    Raises:
        EmulatorError: no engine has this name.
    """
    if name == "reference":
        return ReferenceEngine(parameters, chip)
    if name != "fast":
        raise EmulatorError(f"no engine is named {name!r}; known: {', '.join(ENGINES)}")
    from pixeltree_emu.array.fast.compiled import compiled_before  # noqa: PLC0415

    if not compiled_before():
        logger.warning("compiling the fast engine; this happens once and takes up to 20 s")
    from pixeltree_emu.array.fast import FastEngine  # noqa: PLC0415

    return FastEngine(parameters, chip)


class PixelArray:
    """Planes, engine, sensor and address latches.

    Args:
        parameters: properties of the array that the sources leave open.
        engine: ``fast`` or ``reference``.
        chip: the errors of a chip; none (ideal mode) if None.
    """

    def __init__(
        self, parameters: ArrayParameters | None = None, engine: str = "fast", chip: Chip | None = None
    ) -> None:
        self.parameters = parameters or ArrayParameters()
        self._engine = create_engine(engine, self.parameters, chip)
        self._queue = StepQueue(self._engine)
        self._decays = chip is not None
        self._tick = 0
        self.sensor = Sensor()

    @property
    def engine(self) -> Engine:
        """The engine, with everything done that was asked of the array so far."""
        self._queue.settle()
        return self._engine

    def load(self, words: Sequence[Item]) -> Kernel:
        """Make a block ready to run; see :meth:`Engine.load`."""
        return LoadedBlock(words, self._engine.load(words))

    def elapse(self, now_ns: int) -> None:
        """Let registers decay until ``now_ns`` of device time; see :meth:`Engine.elapse`.

        What waits is done first, as of the tick in which it was asked for.
        """
        if self._decays and now_ns // TICK_NS > self._tick:
            self._tick = now_ns // TICK_NS
            self.engine.elapse(now_ns)

    def run(self, kernel: Kernel, now_ns: int = 0) -> None:
        """Execute a block once: at the latest when somebody looks at the array.

        Args:
            kernel: what :meth:`load` returned.
            now_ns: device time; 0 lets no time pass.
        """
        self.elapse(now_ns)
        self._queue.add(kernel)

    def begin_frame(self, frame: int) -> None:
        """Start the numbering that random draws follow; see :meth:`Engine.begin_frame`."""
        self.engine.begin_frame(frame)

    def expose(self) -> None:
        """Let PIX integrate the scene."""
        self.engine.set_analog(Analog.PIX, self.sensor.expose(self.parameters.pix_reset_level))

    def set_in(self, level: int) -> None:
        """Drive IN to a level from -128 to 127."""
        self.engine.in_level = level

    def select_pattern(self, r: int, c: int, rx: int, cx: int) -> None:
        """SELECT := pixels whose address matches but for the don't-care bits (fact sheet 4.2)."""
        self._queue.add(pattern_select(r, c, rx, cx))

    def select_rect(self, r0: int, c0: int, r1: int, c1: int) -> None:
        """RECT := the rectangle, corners inclusive. The vendor says that SELECT is modified: it follows."""
        rows = (r0 <= _ADDRESSES) & (r1 >= _ADDRESSES)
        columns = (c0 <= _ADDRESSES) & (c1 >= _ADDRESSES)
        self._select(np.outer(rows, columns))

    def _select(self, selected: DigitalPlane) -> None:
        self.engine.set_digital(Digital.SELECT, selected)
        self.engine.set_digital(Digital.RECT, selected)

    def scan_rows(self, register: Digital, rows: range) -> bytes:
        """Rows of a DREG, 32 bytes each, byte j bit i = column 8 j + i (fact sheet 1.1)."""
        return np.packbits(self.engine.digital(register)[list(rows)], axis=1, bitorder="little").tobytes()

    def areg(self, register: Analog) -> npt.NDArray[np.int8]:
        """An AREG as int8 (256, 256), in array coordinates."""
        return self.engine.analog(register).astype(np.int8)
