"""The array of a program, or of several: controller, clock, virtual registers and camera, driven by steps."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from threading import RLock

import numpy as np

from pixeltree_emu.array.planes import SHAPE
from pixeltree_emu.controller.clock import CostModel, DeviceClock
from pixeltree_emu.controller.device_array import Kernel
from pixeltree_emu.controller.primitives import Controller
from pixeltree_emu.controller.readout import ReadOutParameters
from pixeltree_emu.errors import EmulatorError
from pixeltree_emu.vendor.calls import Arguments, Call, ScanRows
from pixeltree_emu.vendor.camera import ProgramCamera
from pixeltree_emu.vendor.gathered import GatheredArray
from pixeltree_emu.vendor.spare import SpareRegisters
from pixeltree_emu.vendor.words import Odd, Part
from pixeltree_protocol.chip.registers import AREGS, DREGS, Analog, Digital
from pixeltree_protocol.objects.step import Step
from pixeltree_protocol.vendor.registers import ANALOG, AREG_OF, DIGITAL, DREG_OF

logger = logging.getLogger(__name__)

_LONGEST_EXPOSURE_NS = 10_000_000_000

Action = Callable[[], bytes | None]

_MOST_KNOWN = 16_384
"""Steps that are kept prepared; a program's frames have some hundreds."""


@dataclass(frozen=True)
class BoardParts:
    """What a board is made of.

    Attributes:
        array: with its sensor and source.
        costs: device time of each step.
        read_out: what the sources leave open about read-out.
    """

    array: GatheredArray
    costs: CostModel
    read_out: ReadOutParameters


class Board:
    """Executes what a program asks for, and counts words and device time.

    Args:
        parts: array, costs and read-out.
        exposure_ns: light of a frame, and time from one frame to the next; the sensor's if 0.

    Attributes:
        array: with what it holds.
        clock: device time and words.
        lock: whoever shares a board holds it for a packet.
        launches: kernels that were launched.
    """

    def __init__(self, parts: BoardParts, exposure_ns: int = 0) -> None:
        self.array = parts.array
        self.array.gather()
        self.clock = DeviceClock(parts.costs)
        self.lock = RLock()
        self.launches = 0
        self._controller = Controller(self.array, self.clock, parts.read_out)
        self._spare = SpareRegisters(self.array)
        sensor = self.array.sensor
        self._camera = None if sensor.source is None else ProgramCamera(sensor.source)
        if self._camera is not None:
            sensor.source = self._camera
        self._exposure_ns = exposure_ns or sensor.exposure_ns
        self._began_ns = 0
        self._integrated = False
        self._actions: dict[type[Step], Callable[..., bytes | None]] = {
            **self._controller.actions,
            ScanRows: self._scan_rows,
        }
        self._known: dict[Step, Action] = {}

    # -- words -------------------------------------------------------------------------------------

    def prepared_words(self, parts: Sequence[Part]) -> Callable[[], None]:
        """What executes translated instructions; each call does it once."""
        runs = [
            partial(self._run_odd, part) if isinstance(part, Odd) else self._prepared_kernel(part)
            for part in parts
        ]
        if len(runs) == 1:
            return runs[0]

        def run_all() -> None:
            for run in runs:
                run()

        return run_all

    def _prepared_kernel(self, kernel: Kernel) -> Callable[[], None]:
        clock, run, resets = self.clock, self.array.run, kernel.resets_pix
        words, nanoseconds = len(kernel.items), clock.costs.words_ns(kernel.classes)

        def run_kernel() -> None:
            run(kernel, clock.now_ns)
            clock.words += words
            clock.now_ns += nanoseconds
            if resets:
                self._integrated = False

        return run_kernel

    def _run_odd(self, odd: Odd) -> None:
        """A word with virtual registers, for which registers of the array stand in."""
        virtual = tuple(dict.fromkeys(name for name in odd.names if name.startswith(".")))
        with self._spare.standing_in(virtual, self.clock.now_ns, odd.names) as places:
            self._prepared_kernel(Kernel((odd.word(lambda name: places.get(name) or _itself(name)),), None))()

    def launch(self) -> None:
        """A kernel begins."""
        self.launches += 1
        self.clock.charge(self.clock.costs.launch_ns)

    # -- calls -------------------------------------------------------------------------------------

    def call(self, call: Call, arguments: Arguments) -> bytes | None:
        """Execute a call; returns what it reads out.

        Raises:
            PixeltreeError: a register that does not exist, or one that the call cannot take.
        """
        return self.prepared_call(call, arguments)()

    def prepared_call(self, call: Call, arguments: Arguments) -> Action:
        """What executes a call each time that it is called, and returns what it reads out.

        Raises:
            PixeltreeError: a register that does not exist, or one that the call cannot take.
        """
        numbers = list(arguments)
        names: list[tuple[int, str]] = []
        for places, known, index_of in ((call.analog, ANALOG, AREG_OF), (call.digital, DIGITAL, DREG_OF)):
            for place in places:
                index = arguments[place]
                number = index_of.get(index)
                if number is not None:
                    numbers[place] = number
                elif 0 <= index < len(known):
                    names.append((place, known[index]))
                else:
                    raise EmulatorError(f"no register has index {index}")
        if names:
            return partial(self._call_virtually, call, arguments, tuple(numbers), names)
        step = call.step(tuple(numbers))
        known_action = self._known.get(step)
        if known_action is None:
            if len(self._known) >= _MOST_KNOWN:
                self._known.clear()
            known_action = self._known[step] = self._prepared_step(step)
        return known_action

    def _call_virtually(
        self, call: Call, arguments: Arguments, known: Arguments, names: Sequence[tuple[int, str]]
    ) -> bytes | None:
        """A call that names virtual registers, for which registers of the array stand in."""
        numbers = list(known)
        own = [_name(all_names, arguments[place]) for places, all_names in _both(call) for place in places]
        virtual = tuple(dict.fromkeys(name for _, name in names))
        with self._spare.standing_in(virtual, self.clock.now_ns, own, call.writes) as stand_ins:
            for place, name in names:
                numbers[place] = _number(stand_ins[name])
            return self._prepared_step(call.step(tuple(numbers)))()

    def _prepared_step(self, step: Step) -> Action:
        action, elapse, clock = self._actions[type(step)], self.array.elapse, self.clock

        def act() -> bytes | None:
            elapse(clock.now_ns)
            return action(step)

        return act

    def _scan_rows(self, step: ScanRows) -> bytes:
        data = self.array.scan_rows(DREGS[step.dreg], range(step.first, step.last + 1))
        self.clock.charge(len(data) * self.clock.costs.scan_byte_ns)
        return data

    def select(self, r: int, c: int, rx: int, cx: int) -> None:
        """SELECT := a pattern."""
        self.array.select_pattern(r & 0xFF, c & 0xFF, rx & 0xFF, cx & 0xFF)
        self.clock.charge(self.clock.costs.select_ns)

    def select_rectangle(self, r0: int, c0: int, r1: int, c1: int) -> None:
        """RECT := a rectangle."""
        self.array.select_rect(r0 & 0xFF, c0 & 0xFF, r1 & 0xFF, c1 & 0xFF)
        self.clock.charge(self.clock.costs.select_rect_ns)

    # -- light and time ----------------------------------------------------------------------------

    def begin_frame(self, number: int) -> None:
        """A frame: the time of one has passed, and PIX has seen its light, unless the program integrated."""
        self._began_ns = max(self.clock.now_ns, self._began_ns + self._exposure_ns)
        self.clock.now_ns = self._began_ns
        self.array.elapse(self.clock.now_ns)
        self.array.begin_frame(number)
        if not self._integrated:
            self.array.expose(self.clock.now_ns, self._exposure_ns)

    def integrate(self, numerator: int, denominator: int) -> None:
        """PIX_INTEGRATE: PIX sees so many seconds of light, which pass (INFERRED)."""
        if numerator <= 0 or denominator <= 0:
            return
        exposure_ns = min(numerator * 1_000_000_000 // denominator, _LONGEST_EXPOSURE_NS)
        self.clock.charge(exposure_ns)
        self.array.elapse(self.clock.now_ns)
        self.array.settle()
        self.array.expose(self.clock.now_ns, exposure_ns)
        self._integrated = True

    def restart_camera(self) -> None:
        """The camera's next frame is its first."""
        if self._camera is not None:
            self._camera.restart()

    def displace(self, rows: int, columns: int, division: int) -> None:
        """USE_SUBPIX; see :class:`ProgramCamera`."""
        if self._camera is not None:
            self._camera.displace(rows, columns, division)

    def reset(self) -> None:
        """The planes of an array that has done nothing yet."""
        engine = self.array.engine
        for areg in AREGS:
            engine.set_analog(areg, np.zeros(SHAPE, np.int16))
        for dreg in DREGS:
            engine.set_digital(dreg, np.zeros(SHAPE, np.bool_))
        engine.set_digital(Digital.FLAG, np.ones(SHAPE, np.bool_))
        engine.in_level = 0
        self._spare.clear()
        self._integrated = False
        self.array.expose(self.clock.now_ns, self._exposure_ns)


def _both(call: Call) -> tuple[tuple[tuple[int, ...], tuple[str, ...]], ...]:
    return (call.analog, ANALOG), (call.digital, DIGITAL)


def _name(known: tuple[str, ...], index: int) -> str:
    return known[index] if 0 <= index < len(known) else ""


def _itself(name: str) -> Analog | Digital:
    return Digital(name) if name in Digital.__members__.values() else Analog(name)


def _number(register: Analog | Digital) -> int:
    if isinstance(register, Analog):
        return AREGS.index(register)
    return DREGS.index(register)
