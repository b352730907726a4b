"""Compile a tree's capture node: expose, threshold, cut out the input, copy it to every channel's place."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pixeltree.compiler import ir
from pixeltree.compiler.ir import Plane, Word
from pixeltree.compiler.placement import INPUT, Layout, block_layout, cell_layout, grid_side, picture_pattern
from pixeltree.errors import CompileError
from pixeltree.folded import FoldedModel, InputSpec, ModelError
from pixeltree.folded.layers import Convolution
from pixeltree_protocol.registers import ARRAY_SIZE, Analog, Digital


@dataclass(frozen=True)
class CaptureGeometry:
    """Which part of the picture is the input, and how it lies on the array. Bad values are CompileErrors.

    In blocks, a window of the picture is copied into every block of a grid. In cells, the whole picture is
    sampled, one pixel in every cell of the size of ``pitch``, and spread over its cell.

    Attributes:
        threshold: input bit = half-range brightness (0-127) greater than this.
        block_row, block_column: the block of the picture, counted from the top left, that is the window.
        margin: pixels at the edge of the input that are forced to 0; in blocks, a kernel that reaches over
            the edge of its block finds them there, and not the neighbour block's copy.
        size: rows and columns of the input, 16 to 256.
        in_cells: whether the input lies in cells.
    """

    threshold: int
    block_row: int = 1
    block_column: int = 1
    margin: int = 4
    size: int = 64
    in_cells: bool = False

    def __post_init__(self) -> None:
        values = (self.threshold, self.block_row, self.block_column, self.margin, self.size)
        if not all(isinstance(value, int) for value in values):
            raise CompileError(f"threshold, block, margin and size must be whole numbers, not {values}")
        try:
            InputSpec(self.size, self.margin, self.threshold)
        except ModelError as error:
            raise CompileError(str(error)) from error
        if not (0 <= self.block_row < self.grid and 0 <= self.block_column < self.grid) and not self.in_cells:
            raise CompileError(f"the window's block must lie in the {self.grid} x {self.grid} grid")

    @property
    def spec(self) -> InputSpec:
        """The input that nodes of the tree take."""
        return InputSpec(self.size, self.margin, self.threshold)

    @property
    def room(self) -> int:
        """Side of a block."""
        return 1 << (self.size - 1).bit_length()

    @property
    def grid(self) -> int:
        """Blocks along each side."""
        return ARRAY_SIZE // self.room

    @property
    def pitch(self) -> int:
        """Picture pixels from one input pixel to the next."""
        return self.grid if self.in_cells else 1

    @property
    def top(self) -> int:
        """First row of the window."""
        return 0 if self.in_cells else self.block_row * self.room

    @property
    def left(self) -> int:
        """First column of the window, from the left of the picture."""
        return 0 if self.in_cells else self.block_column * self.room

    def layout(self, model: FoldedModel) -> Layout:
        """How the input lies on the array for a node of the tree.

        Raises:
            CompileError: the model takes another input, or has too many channels.
        """
        if model.input.size != self.size or model.input.margin > self.margin:
            raise CompileError(
                f"the node takes {model.input}, and the tree captures {self.size} x {self.size} pixels "
                f"with a margin of {self.margin}"
            )
        if not self.in_cells:
            return block_layout(self.grid)
        channels = max((layer.outputs for layer in model.layers if isinstance(layer, Convolution)), default=1)
        return cell_layout(self.size, grid_side(channels) ** 2)

    def window(self, picture: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        """The pixels of a whole picture (256, 256) that are the input: uint8 (size, size)."""
        return picture[self.top :: self.pitch, self.left :: self.pitch][: self.size, : self.size]

    def input_bits(self, window: npt.NDArray[np.uint8]) -> npt.NDArray[np.bool_]:
        """What the capture node makes of the window: bool (size, size), the integer reference of this module.

        Args:
            window: uint8 (size, size), brightness 0 to 255.
        """
        return self.spec.binarize(window)


def capture_unit(geometry: CaptureGeometry) -> ir.Unit:
    """The capture node as operations on planes."""
    x = Plane("x")
    section = ir.Section("capture")
    section.operations += [ir.SetLevel(geometry.threshold), *_expose_and_threshold(x), _box(geometry)]
    section.operations.append(ir.Keep(x, Digital.RECT))
    section.operations += _to_cells(geometry, x) if geometry.in_cells else _to_blocks(geometry, x)
    section.operations.append(Word("MOV", (INPUT,), (x,)))
    return ir.Unit([section], 1, 8)


def _expose_and_threshold(x: Plane) -> list[ir.Operation]:
    """X := get_image > IN."""
    image, level = Plane("image", True), Plane("level", True)
    news, pix = Analog.NEWS, Analog.PIX
    return [
        Word("all"),
        Word("bus", (news,), (pix,)),
        *(Word("rpix"), Word("rpix"), Word("nop")),
        Word("bus", (image,), (news, pix)),
        Word("bus", (level,), (Analog.IN,)),
        Word("where", (), (image, level)),
        Word("MOV", (x,), (Digital.FLAG,)),
        Word("all"),
    ]


def _box(geometry: CaptureGeometry) -> ir.SelectBox:
    first = geometry.margin * geometry.pitch
    last = (geometry.size - geometry.margin) * geometry.pitch - 1
    right = ARRAY_SIZE - 1 - geometry.left
    return ir.SelectBox((geometry.top + first, right - last, geometry.top + last, right - first))


def _to_blocks(geometry: CaptureGeometry, x: Plane) -> Iterator[ir.Operation]:
    """Fill the blocks along each axis by doubling, starting from the window's."""
    for index, down, right in ((geometry.block_row, 1, 0), (geometry.block_column, 0, 1)):
        reach = 1
        while reach < geometry.grid:
            distance = (-reach if index & reach else reach) * geometry.room
            yield from _spread(x, down * distance, right * distance)
            reach *= 2


def _to_cells(geometry: CaptureGeometry, x: Plane) -> Iterator[ir.Operation]:
    """Keep one pixel of every cell and spread it over the cell by doubling."""
    free = ARRAY_SIZE - geometry.pitch  # the bits that tell cells apart
    yield ir.Select(picture_pattern(0, 0, free, free))
    yield ir.Keep(x, Digital.SELECT)
    for down, right in ((1, 0), (0, 1)):
        reach = 1
        while reach < geometry.pitch:
            yield from _spread(x, down * reach, right * reach)
            reach *= 2


def _spread(x: Plane, down: int, right: int) -> Iterator[ir.Operation]:
    moved = Plane("moved")
    yield ir.Copy(moved, x)
    yield ir.Shift(moved, down, right)
    yield ir.Merge(x, moved)
