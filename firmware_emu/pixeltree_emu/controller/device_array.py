"""The array as the controller sees it: load and run blocks, set IN, select pixels, read planes out."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from pixeltree_emu.array.engine import Crossing, Engine, Item
from pixeltree_emu.array.nonidealities import TICK_NS, Chip
from pixeltree_emu.array.planes import ArrayParameters, DigitalPlane
from pixeltree_emu.array.queue import Joints, LoadedBlock, StepQueue, no_joints
from pixeltree_emu.array.reference import ReferenceEngine
from pixeltree_emu.array.selection import pattern_select, rectangle
from pixeltree_emu.array.succession import SucceededEngine
from pixeltree_emu.errors import EmulatorError
from pixeltree_emu.machine.defaults import ENGINES
from pixeltree_emu.sensor.sensor import Sensor
from pixeltree_protocol.chip.isa import ICW
from pixeltree_protocol.chip.registers import Analog, Digital, bits
from pixeltree_protocol.names import known_names

logger = logging.getLogger(__name__)

_RESET = bits("rstpix", "selpix")
_SELECT_PIX = bits("selpix")


_JOINTS: dict[Hashable, Joints] = {}
"""What queues have joined, for all arrays of this process, by what makes their engines alike."""


def _joints_of(alike: Hashable) -> Joints:
    return no_joints() if alike is None else _JOINTS.setdefault(alike, no_joints())


class Kernel(LoadedBlock):
    """A block made ready; opaque to everyone but the array.

    Attributes:
        classes: how many words it has of each clock class.
        reads_pix, resets_pix: whether a word connects PIX to the bus, and whether one resets it.
    """

    def __init__(self, items: Sequence[Item], kernel: Any) -> None:  # noqa: ANN401 - the engine's own
        super().__init__(items, kernel)
        self.classes = Counter(item.clock for item in items if isinstance(item, ICW))
        values = [item.bits for item in items if isinstance(item, ICW)]
        self.reads_pix = any(value & _SELECT_PIX for value in values)
        self.resets_pix = any(value & _RESET == _RESET for value in values)


def create_engine(
    name: str, parameters: ArrayParameters, chip: Chip | None = None, at_once: bool = False
) -> Engine:
    """An engine by name.

    The fast engine is imported when it is wanted: its first ever import compiles it.

    Args:
        name: one of :data:`ENGINES`.
        parameters: what the sources leave open.
        chip: the errors of a chip, or None.
        at_once: where the fast engine must be compiled first, let the reference engine work until it is.

    Raises:
        EmulatorError: no engine has this name.
    """
    if name == "reference":
        return ReferenceEngine(parameters, chip)
    if name != "fast":
        raise EmulatorError(f"no engine is named {name!r}; {known_names(name, ENGINES)}")
    from pixeltree_emu.array.fast.build import Compiler  # noqa: PLC0415
    from pixeltree_emu.array.fast.loading import can_load_at_once, load, load_somehow  # noqa: PLC0415

    if not at_once or can_load_at_once():
        return load_somehow()(parameters, chip)
    logger.warning("compiling the fast engine; until then the reference engine works, with equal results")
    compiler = Compiler()
    first = ReferenceEngine(parameters, chip)
    return SucceededEngine(first, lambda: load(compiler)(parameters, chip), compiler.cancel)


class PixelArray:
    """Planes, engine, sensor and address latches.

    Args:
        parameters: properties of the array that the sources leave open.
        engine: ``fast`` or ``reference``.
        chip: the errors of a chip; none (ideal mode) if None.
        at_once: do not wait for the fast engine to be compiled; see :func:`create_engine`.
    """

    def __init__(
        self,
        parameters: ArrayParameters | None = None,
        engine: str = "fast",
        chip: Chip | None = None,
        at_once: bool = False,
    ) -> None:
        self.parameters = parameters or ArrayParameters()
        self._engine = create_engine(engine, self.parameters, chip, at_once)
        self._queue = StepQueue(self._engine, _joints_of(self._engine.alike))
        self._decays = chip is not None
        self._tick = 0
        self.sensor = Sensor()
        self._exposed_since = 0
        self._pix_set = False

    @property
    def engine(self) -> Engine:
        """The engine, with everything done that was asked of the array so far."""
        self._queue.settle()
        return self._engine

    @property
    def compiling(self) -> bool:
        """Whether the reference engine works until the fast one is compiled."""
        return isinstance(self._engine, SucceededEngine) and not self._engine.succeeded

    def load(self, words: Sequence[Item]) -> Kernel:
        """Make a block ready to run; see :meth:`Engine.load`."""
        return Kernel(words, self._engine.load(words))

    def settle(self) -> None:
        """Do everything that was asked of the array so far."""
        self._queue.settle()

    @property
    def alike(self) -> Hashable:
        """Arrays with equal values take each other's kernels; None where an array takes only its own."""
        return self._engine.alike

    @property
    def most_waiting(self) -> int:
        """Words that may be run together; see :attr:`Engine.most_waiting`."""
        return self._engine.most_waiting

    def decays_between(self, from_ns: int, to_ns: int) -> bool:
        """Whether registers decay after one device time, up to another."""
        return self._decays and from_ns // TICK_NS != to_ns // TICK_NS

    def elapse(self, now_ns: int) -> None:
        """Let registers decay until ``now_ns`` of device time; see :meth:`Engine.elapse`."""
        if self._decays and now_ns // TICK_NS > self._tick:
            self._tick = now_ns // TICK_NS
            self.engine.elapse(now_ns)

    def run(self, kernel: Kernel, now_ns: int = 0) -> None:
        """Execute a block once: at the latest when somebody looks at the array.

        Args:
            kernel: what :meth:`load` returned.
            now_ns: device time, at which PIX is read and reset: a block is short beside an exposure.
        """
        self.elapse(now_ns)
        if kernel.reads_pix and not self._pix_set:
            self._integrate(now_ns)
        self._queue.add(kernel)
        if kernel.resets_pix:
            self.begin_exposure(now_ns)

    def run_across(self, kernel: Kernel, crossing: Crossing, now_ns: int) -> bool:
        """Execute a block that PIX has no part in; see :meth:`Engine.run_across`."""
        done = self.engine.run_across(kernel.kernel, crossing, now_ns)
        if done:
            self._tick = now_ns // TICK_NS
        return done

    def begin_frame(self, frame: int) -> None:
        """Start the numbering that random draws follow; see :meth:`Engine.begin_frame`."""
        self.engine.begin_frame(frame)

    def begin_exposure(self, now_ns: int) -> None:
        """PIX starts to integrate from its reset level."""
        self._exposed_since = now_ns
        self._pix_set = False
        self.sensor.begin_exposure()

    def _integrate(self, now_ns: int, peek: bool = False) -> None:
        level = self.sensor.integrate(self._exposed_since, now_ns, self.parameters.pix_reset_level, peek)
        self.engine.set_analog(Analog.PIX, level)

    def expose(self, now_ns: int = 0, exposure_ns: int | None = None) -> None:
        """Expose a frame: PIX as an exposure, ending now, leaves it: of the sensor's time unless told.

        A frame's exposure goes on while the frame before is computed, so that it costs no time here.
        """
        self.begin_exposure(now_ns - (self.sensor.frame_ns if exposure_ns is None else exposure_ns))
        self._integrate(now_ns)
        self._pix_set = True

    def set_in(self, level: int) -> None:
        """Drive IN to a level from -128 to 127."""
        self.engine.in_level = level

    def select_pattern(self, r: int, c: int, rx: int, cx: int) -> None:
        """SELECT := pixels whose address matches but for the don't-care bits (fact sheet 4.2)."""
        self._queue.add(pattern_select(r, c, rx, cx))

    def select_rect(self, r0: int, c0: int, r1: int, c1: int) -> None:
        """RECT := the rectangle, corners inclusive. The vendor says that SELECT is modified: it follows."""
        self._select(rectangle(r0, c0, r1, c1))

    def _select(self, selected: DigitalPlane) -> None:
        self.engine.set_digital(Digital.SELECT, selected)
        self.engine.set_digital(Digital.RECT, selected)

    def scan_rows(self, register: Digital, rows: range) -> bytes:
        """Rows of a DREG, 32 bytes each, byte j bit i = column 8 j + i (fact sheet 1.1)."""
        return self.engine.packed_rows(register, rows)

    def areg(self, register: Analog) -> npt.NDArray[np.int8]:
        """An AREG as int8 (256, 256), in array coordinates."""
        return self.engine.analog(register).astype(np.int8)

    def pix(self, now_ns: int) -> npt.NDArray[np.int8]:
        """PIX as a block that read it now would find it; int8 (256, 256), in array coordinates."""
        if not self._pix_set:
            self._integrate(now_ns, peek=True)
        return self.areg(Analog.PIX)

    def write(self, register: Digital, plane: DigitalPlane) -> None:
        """Replace a DREG, where R0 is 1 if it is R12."""
        engine = self.engine
        if register is Digital.R12:
            plane = np.where(engine.digital(Digital.R0), plane, engine.digital(register))
        engine.set_digital(register, plane)
