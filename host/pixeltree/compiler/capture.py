"""Compile a tree's capture node: expose, threshold, cut out the window, copy it into all blocks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pixeltree.compiler import kernels
from pixeltree.compiler.image import CompiledNode, ImageBuilder
from pixeltree.compiler.plan import BLOCK_SIZE, GRID, INPUT, SHIFTED, TEMPS
from pixeltree.errors import CompileError
from pixeltree.kernels import Kernel
from pixeltree_protocol.objects.program import SelectRect, SetIn
from pixeltree_protocol.registers import ARRAY_SIZE, Analog, Digital, Direction

_CHUNK = 32
"""Pixels per run of the shift block: long enough to make launches cheap, short enough for the ICW store."""


@dataclass(frozen=True)
class CaptureGeometry:
    """Which part of the picture is the input. A value outside its range is a CompileError.

    Attributes:
        threshold: input bit = half-range brightness (0-127) greater than this.
        block_row, block_column: the 64 x 64 block of the picture, counted from the top left, that is the
            window; 1, 1 lies next to the centre.
        margin: pixels at the edge of the window that are forced to 0, at least 3, so that a kernel that
            reaches over the edge of a block finds 0 and not the neighbour block's copy.
    """

    threshold: int
    block_row: int = 1
    block_column: int = 1
    margin: int = 4

    def __post_init__(self) -> None:
        values = (self.threshold, self.block_row, self.block_column, self.margin)
        if not all(isinstance(value, int) for value in values):
            raise CompileError(f"threshold, block and margin must be whole numbers, not {values}")
        if not 0 <= self.threshold <= 127:
            raise CompileError(f"threshold {self.threshold} is outside the half range 0 to 127")
        if not (0 <= self.block_row < GRID and 0 <= self.block_column < GRID):
            raise CompileError(f"the window's block must lie in the {GRID} x {GRID} grid")
        if not 3 <= self.margin < BLOCK_SIZE // 2:
            raise CompileError(f"margin {self.margin}: a 4 x 4 kernel needs at least 3 pixels of margin")

    @property
    def top(self) -> int:
        """First row of the window."""
        return self.block_row * BLOCK_SIZE

    @property
    def left(self) -> int:
        """First column of the window, from the left of the picture."""
        return self.block_column * BLOCK_SIZE

    def input_bits(self, window: npt.NDArray[np.uint8]) -> npt.NDArray[np.bool_]:
        """What the capture node makes of the window: bool (64, 64), the integer reference of this module.

        Args:
            window: uint8 (64, 64), brightness 0 to 255.
        """
        bits = np.zeros(window.shape, np.bool_)
        inside = slice(self.margin, -self.margin)
        bits[inside, inside] = (window[inside, inside] >> 1) > self.threshold
        return bits


def compile_capture(geometry: CaptureGeometry) -> CompiledNode:
    """Compile the capture node."""
    builder = ImageBuilder()
    builder.steps.append(SetIn(geometry.threshold))
    builder.run(_expose_and_threshold())
    builder.steps.append(_window(geometry))
    builder.run(_cut_out())
    for index, toward_higher, toward_lower in (
        (geometry.block_row, Direction.NORTH, Direction.SOUTH),
        (geometry.block_column, Direction.WEST, Direction.EAST),
    ):
        _replicate(builder, index, toward_higher, toward_lower)
    builder.run(_keep())
    return builder.build((), is_capture=True)


def _expose_and_threshold() -> Kernel:
    """SHIFTED := get_image > IN."""
    kernel = Kernel()
    kernel.all()
    kernel.get_image(Analog.F)
    kernel.bus(Analog.E, Analog.IN)
    kernel.where(Analog.F, Analog.E)
    kernel.MOV(SHIFTED, Digital.FLAG)
    kernel.all()
    return kernel


def _window(geometry: CaptureGeometry) -> SelectRect:
    rows = geometry.top + geometry.margin, geometry.top + BLOCK_SIZE - 1 - geometry.margin
    right = ARRAY_SIZE - geometry.left - BLOCK_SIZE
    columns = right + geometry.margin, right + BLOCK_SIZE - 1 - geometry.margin
    return SelectRect(rows[0], columns[0], rows[1], columns[1])


def _cut_out() -> Kernel:
    kernel = Kernel()
    kernels.keep_selected(kernel, Digital.RECT)
    return kernel


def _replicate(builder: ImageBuilder, index: int, toward_higher: Direction, toward_lower: Direction) -> None:
    """Fill the four blocks along one axis by doubling, starting from block ``index``.

    ``toward_higher`` is the neighbour to read so that contents move to a higher block index.
    """
    for reach, low in ((1, index % 2 == 0), (2, index < GRID // 2)):
        builder.run(_copy_and_look(toward_higher if low else toward_lower))
        builder.run(_move(), times=reach * BLOCK_SIZE // _CHUNK)
        builder.run(_merge())


def _copy_and_look(direction: Direction) -> Kernel:
    kernel = Kernel()
    kernel.MOV(TEMPS[0], SHIFTED)
    kernel.look(direction)
    return kernel


def _move() -> Kernel:
    kernel = Kernel()
    kernels.shift(kernel, TEMPS[0], _CHUNK)
    return kernel


def _merge() -> Kernel:
    kernel = Kernel()
    kernels.merge(kernel)
    return kernel


def _keep() -> Kernel:
    kernel = Kernel()
    kernel.MOV(INPUT, SHIFTED)
    return kernel
