"""The array as the controller sees it: load and run blocks, set IN, select pixels, read planes out."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from pixeltree_emu.array.engine import Engine
from pixeltree_emu.array.planes import ArrayParameters, DigitalPlane
from pixeltree_emu.array.reference import ReferenceEngine
from pixeltree_emu.array.sensor import Sensor
from pixeltree_protocol.isa import ICW
from pixeltree_protocol.registers import ARRAY_SIZE, Analog, Digital, bits

Kernel = Any
"""A block made ready by the engine; opaque to everyone else."""

_RESET = bits("rstpix", "selpix")
_SELECT_PIX = bits("selpix")

_ADDRESSES = np.arange(ARRAY_SIZE)


class PixelArray:
    """Planes, engine, sensor and address latches."""

    def __init__(self, parameters: ArrayParameters | None = None) -> None:
        self.parameters = parameters or ArrayParameters()
        self.engine: Engine = ReferenceEngine(self.parameters)
        self.sensor = Sensor()
        self._exposed_since = 0
        self._pix_set = False

    def load(self, words: tuple[ICW, ...]) -> Kernel:
        """Make a block ready to run; see :meth:`Engine.load`."""
        return self.engine.load(words), _sets(words, _SELECT_PIX), _sets(words, _RESET)

    def run(self, kernel: Kernel, now_ns: int = 0) -> None:
        """Execute a block once.

        Args:
            kernel: what :meth:`load` returned.
            now_ns: device time, at which PIX is read and reset: a block is short beside an exposure.
        """
        block, reads_pix, resets_pix = kernel
        if reads_pix and not self._pix_set:
            self._integrate(now_ns)
        self.engine.run(block)
        if resets_pix:
            self.begin_exposure(now_ns)

    def begin_exposure(self, now_ns: int) -> None:
        """PIX starts to integrate from its reset level."""
        self._exposed_since = now_ns
        self._pix_set = False

    def _integrate(self, now_ns: int) -> None:
        level = self.sensor.integrate(self._exposed_since, now_ns, self.parameters.pix_reset_level)
        self.engine.set_analog(Analog.PIX, level)

    def expose(self, now_ns: int = 0) -> None:
        """Expose a frame: PIX as the sensor's exposure time, ending now, leaves it.

        A frame's exposure goes on while the frame before is computed, so that it costs no time here.
        """
        self._exposed_since = now_ns - self.sensor.exposure_ns
        self._integrate(now_ns)
        self._pix_set = True

    def set_in(self, level: int) -> None:
        """Drive IN to a level from -128 to 127."""
        self.engine.in_level = level

    def select_pattern(self, r: int, c: int, rx: int, cx: int) -> None:
        """SELECT := pixels whose address matches but for the don't-care bits (fact sheet 4.2)."""
        self._select(self.pattern(r, c, rx, cx))

    def select_rect(self, r0: int, c0: int, r1: int, c1: int) -> None:
        """RECT := the rectangle, corners inclusive. The vendor says that SELECT is modified: it follows."""
        self._select(self.rectangle(r0, c0, r1, c1))

    @staticmethod
    def pattern(r: int, c: int, rx: int, cx: int) -> DigitalPlane:
        """Pixels whose row and column match r and c but for the don't-care bits rx and cx."""
        rows = (_ADDRESSES ^ r) & ~rx & 0xFF == 0
        columns = (_ADDRESSES ^ c) & ~cx & 0xFF == 0
        return np.outer(rows, columns)

    @staticmethod
    def rectangle(r0: int, c0: int, r1: int, c1: int) -> DigitalPlane:
        """Pixels of a rectangle, corners inclusive; (r0, c0) is the top right one."""
        rows = (r0 <= _ADDRESSES) & (r1 >= _ADDRESSES)
        columns = (c0 <= _ADDRESSES) & (c1 >= _ADDRESSES)
        return np.outer(rows, columns)

    def _select(self, selected: DigitalPlane) -> None:
        self.engine.set_digital(Digital.SELECT, selected)
        self.engine.set_digital(Digital.RECT, selected)

    def scan_rows(self, register: Digital, rows: range) -> bytes:
        """Rows of a DREG, 32 bytes each, byte j bit i = column 8 j + i (fact sheet 1.1)."""
        return np.packbits(self.engine.digital(register)[list(rows)], axis=1, bitorder="little").tobytes()

    def areg(self, register: Analog) -> npt.NDArray[np.int8]:
        """An AREG as int8 (256, 256), in array coordinates."""
        return self.engine.analog(register).astype(np.int8)


def _sets(words: tuple[ICW, ...], mask: int) -> bool:
    """Whether any word has all bits of a mask set."""
    return any(word.bits & mask == mask for word in words)
