"""Compile a tree's capture node: expose, threshold, cut out the input, copy it to every channel's place."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from pixeltree.compiler import ir
from pixeltree.compiler.ir import Plane, Word
from pixeltree.compiler.layout import (
    INPUT,
    WINDOW,
    Layout,
    block_layout,
    block_side,
    cell_layout,
    cell_side,
    picture_pattern,
)
from pixeltree.compiler.time_slots import channels_at_once
from pixeltree.errors import CompileError
from pixeltree.model import FoldedModel, InputSpec, ModelError, Window
from pixeltree_protocol.chip.registers import ARRAY_SIZE, Analog, Digital

_HOPS = 32
"""Pixels by which one block moves an AREG, at most."""


@dataclass(frozen=True)
class CaptureGeometry:
    """Which part of the picture is the input, and how it lies on the array. Bad values are CompileErrors.

    In blocks, a window of the picture is copied into every block of a grid. In cells, the whole picture is
    sampled, one pixel in every cell of the size of ``pitch``, and spread over its cell.

    Attributes:
        threshold: input bit = half-range brightness (0-127) greater than this (and the local mean).
        block_row, block_column: the block of the picture, counted from the top left, that is the window.
        margin: pixels at the edge of the input that are forced to 0; in blocks, a kernel that reaches over
            the edge of its block finds them there, and not the neighbour block's copy.
        size: rows and columns of the input, 16 to 256.
        in_cells: whether the input lies in cells.
        local_mean: 0, or j for the mean of 2^j x 2^j pixels as :class:`~pixeltree.model.InputSpec` has it.
        excess: 0, or k for a threshold that follows the image, as there; in blocks only.
    """

    threshold: int
    block_row: int = 1
    block_column: int = 1
    margin: int = 4
    size: int = 64
    in_cells: bool = False
    local_mean: int = 0
    excess: int = 0

    def __post_init__(self) -> None:
        values = (
            self.threshold,
            self.block_row,
            self.block_column,
            self.margin,
            self.size,
            self.local_mean,
            self.excess,
        )
        if not all(isinstance(value, int) for value in values):
            raise CompileError(
                f"threshold, block, margin, size, local mean and excess must be whole numbers, not {values}"
            )
        try:
            _ = self.spec
        except ModelError as error:
            raise CompileError(str(error)) from error
        if self.excess and self.in_cells:
            raise CompileError(
                "the input's threshold follows the image (excess), and this network needs cells, where "
                "global sums would count pixels that are no input: use one convolution, or excess = 0"
            )
        if not (0 <= self.block_row < self.grid and 0 <= self.block_column < self.grid) and not self.in_cells:
            raise CompileError(f"the window's block must lie in the {self.grid} x {self.grid} grid")

    @property
    def spec(self) -> InputSpec:
        """The input that nodes of the tree take."""
        return InputSpec(self.size, self.margin, self.threshold, self.local_mean, self.excess)

    @property
    def room(self) -> int:
        """Side of a block."""
        return block_side(self.size)

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

    def layout(self, model: FoldedModel, window: Window | None = None) -> Layout:
        """How the input lies on the array for a node of the tree.

        Args:
            model: of the node.
            window: the last one above it; None if it sees the captured input.

        Raises:
            CompileError: the model takes another input, or has too many channels.
        """
        spec = model.input
        seen = self.spec if window is None else replace(self.spec, size=window.size, margin=0)
        alike = replace(spec, margin=seen.margin, threshold=seen.threshold) == seen
        if not alike or spec.margin > seen.margin:
            what = "the tree captures" if window is None else "the window above it shows"
            raise CompileError(f"the node takes the input {spec}, but {what} {seen}")
        source = INPUT if window is None else WINDOW
        if not self.in_cells:
            return replace(block_layout(self.grid), source=source)
        channels = channels_at_once(model, cell_side(self.size) ** 2)
        return replace(cell_layout(self.size, channels), source=source)

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
    binarized = _adaptive if geometry.local_mean else _of_image if geometry.excess else _fixed
    section.operations += binarized(geometry, x)
    section.operations += [_without_margin(geometry, geometry.margin), ir.Keep(x, Digital.RECT)]
    section.operations += _to_cells(geometry, x) if geometry.in_cells else to_blocks(geometry, x)
    section.operations.append(Word("MOV", (INPUT,), (x,)))
    return ir.Unit([section], 1, 8)


def _expose(image: Plane) -> list[ir.Operation]:
    """Image := get_image, half range."""
    news, pix = Analog.NEWS, Analog.PIX
    return [
        Word("all"),
        Word("bus", (news,), (pix,)),
        *(Word("rpix"), Word("rpix"), Word("nop")),
        Word("bus", (image,), (news, pix)),
    ]


def _compare(x: Plane, *terms: ir.Operand) -> list[ir.Operation]:
    """X := sum of the terms > 0."""
    return [Word("where", (), terms), Word("MOV", (x,), (Digital.FLAG,)), Word("all")]


def _fixed(geometry: CaptureGeometry, x: Plane) -> Iterator[ir.Operation]:
    """X := get_image > IN."""
    image, level = Plane("image", True), Plane("level", True)
    yield ir.SetLevel(geometry.threshold)
    yield from _expose(image)
    yield Word("bus", (level,), (Analog.IN,))
    yield from _compare(x, image, level)


def _of_image(geometry: CaptureGeometry, x: Plane) -> Iterator[ir.Operation]:
    """X := get_image > its mean + ``excess`` x what it exceeds the mean by on average + threshold."""
    image, level, minus = (Plane(name, True) for name in ("image", "level", "minus"))
    dark, within = Plane("dark"), _without_margin(geometry, geometry.margin).corners
    yield ir.SetLevel(0)
    yield from _expose(image)
    yield ir.RaiseLevel(image, within, 1, 0)
    yield Word("bus", (level,), (Analog.IN,))
    yield from _compare(x, image, level)
    yield Word("NOT", (dark,), (x,))
    yield Word("bus", (minus,), (image, level))
    yield from (Word("WHERE", (), (dark,)), Word("bus", (minus,)), Word("all"))
    yield ir.RaiseLevel(minus, within, -geometry.excess, geometry.threshold)
    yield Word("bus", (level,), (Analog.IN,))
    yield from _compare(x, image, level)


def _adaptive(geometry: CaptureGeometry, x: Plane) -> Iterator[ir.Operation]:
    """X := get_image > local mean + threshold; what is not of the window counts as dark."""
    image, mean, moved = (Plane(name, True) for name in ("image", "mean", "moved"))
    minus, again = Plane("minus", True), Plane("again", True)
    yield ir.SetLevel(-geometry.threshold)
    yield from _expose(image)
    if geometry.size * geometry.pitch < ARRAY_SIZE:
        outside = Plane("outside")
        yield _without_margin(geometry, 0)
        yield Word("NOT", (outside,), (Digital.RECT,))
        yield from (Word("WHERE", (), (outside,)), Word("bus", (image,)), Word("all"))
    current = image
    for power in range(geometry.local_mean):
        for port in (Analog.XE, Analog.XS):
            yield from _neighbour(moved, current, geometry.pitch << power, port)
            yield Word("bus2", (minus, again), (current, moved))
            yield Word("bus", (mean,), (minus,))
            current = mean
    yield from _compare(x, image, minus, Analog.IN)


def _neighbour(target: Plane, source: Plane, distance: int, port: Analog) -> Iterator[ir.Operation]:
    """Target := source as it lies at a distance; 0 beyond the edge."""
    news = Analog.NEWS
    if distance >= ARRAY_SIZE:
        yield from (Word("bus", (news,)), Word("bus", (target,), (news,)))
        return
    yield from (Word("bus", (news,), (source,)), Word("bus", (target,), (port,)))
    hop = Word("bus", (news,), (target,)), Word("bus", (target,), (port,))
    chunks, rest = divmod(distance - 1, _HOPS)
    if chunks:
        yield ir.Repeat(chunks, hop * _HOPS)
    for _ in range(rest):
        yield from hop


def _without_margin(geometry: CaptureGeometry, margin: int) -> ir.SelectBox:
    return box(geometry, (margin, margin, geometry.size - margin, geometry.size - margin))


def box(geometry: CaptureGeometry, edges: tuple[int, int, int, int]) -> ir.SelectBox:
    """Select a rectangle of the input: first row and column, row and column after the last, in its pixels."""
    top, left, bottom, right = (edge * geometry.pitch for edge in edges)
    side = ARRAY_SIZE - 1 - geometry.left  # array columns count from the right
    return ir.SelectBox((geometry.top + top, side - right + 1, geometry.top + bottom - 1, side - left))


def to_blocks(geometry: CaptureGeometry, x: Plane) -> Iterator[ir.Operation]:
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
