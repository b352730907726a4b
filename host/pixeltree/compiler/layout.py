"""Where feature maps lie on the array.

Two families of layouts, one description: every channel has a position on a grid, and neighbouring pixels of a
map are ``pitch`` PEs apart.

- *Blocks*: the array is a grid of blocks, one channel each; pixels begin next to each other.
- *Cells*: the array is a grid of cells, one input pixel each; the channels lie next to each other in a cell.

Strides and pooling leave a map where it is and make its pitch larger. In both layouts a connection from input
channel c at tap (i, j) to output channel o is one fixed offset on the array, so that all layers are sums over
offsets, each with a weight plane that depends on the output channel's position alone.

Coordinates here are those of the picture: row 0 on top, column 0 on the LEFT.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from pixeltree.errors import CompileError
from pixeltree.model import InputSpec
from pixeltree.model.geometry import Shape
from pixeltree_protocol.chip.registers import ARRAY_SIZE, Digital
from pixeltree_protocol.objects.cover import ChannelGrid, Pattern

INPUT = Digital.R5
"""The input plane: written once per frame by the capture node, read-only for all others."""

WINDOW = Digital.R12
"""What window nodes cut out of the input plane. Planes of other nodes never have R12, so it stays as it is
from node to node, as the input plane does."""

_ALL = ARRAY_SIZE - 1
EDGE = 1 << 16
"""A map with this much quiet around it ends at the edge of the array, beyond which everything is 0."""


@dataclass(frozen=True)
class Layout:
    """How inputs and channels share the array.

    Attributes:
        grid: where channels are; the input plane holds a copy of the input at every position.
        pitch: PEs between neighbouring pixels of the input.
        source: the DREG that holds it: the input plane, or below a window node the window.
    """

    grid: ChannelGrid
    pitch: int
    source: Digital = INPUT

    @property
    def in_blocks(self) -> bool:
        """Whether channels have blocks of their own, as opposed to places in a cell."""
        return self.grid.side << self.grid.shift == ARRAY_SIZE and self.pitch < 1 << max(self.grid.shift, 1)

    def __str__(self) -> str:
        side, apart = self.grid.side, 1 << self.grid.shift
        kind = "blocks" if self.in_blocks else "cells"
        return f"{kind}: {side} x {side} channels {apart} PEs apart, pixels {self.pitch} PEs apart"


def block_layout(side: int) -> Layout:
    """A grid of ``side`` x ``side`` blocks, 1 to 16."""
    return Layout(ChannelGrid(side, (ARRAY_SIZE // side).bit_length() - 1), 1)


def cell_layout(size: int, channels: int) -> Layout:
    """Cells for an input of ``size`` x ``size`` pixels that hold so many channels.

    Raises:
        CompileError: the cells are too small.
    """
    pitch, side = cell_side(size), grid_side(channels)
    if side > min(pitch, 16):
        raise CompileError(
            f"{channels} channels need cells of {side} x {side} PEs; an input of {size} x {size} pixels "
            f"leaves {pitch} x {pitch}: use at most {min(pitch, 16) ** 2} channels, or an input of at most "
            f"{ARRAY_SIZE // side} x {ARRAY_SIZE // side}"
        )
    return Layout(ChannelGrid(side, 0), pitch)


def block_side(size: int) -> int:
    """PEs along each side of the blocks of an input of ``size`` x ``size`` pixels."""
    return 1 << (size - 1).bit_length()


def cell_side(size: int) -> int:
    """PEs along each side of the cells of an input of ``size`` x ``size`` pixels."""
    return 1 << (ARRAY_SIZE // size).bit_length() - 1


def grid_side(channels: int) -> int:
    """Side of the smallest grid for so many channels."""
    side = 1
    while side * side < channels:
        side *= 2
    return side


@dataclass(frozen=True)
class FeatureMap:
    """A feature map on the array.

    Attributes:
        shape: channels, rows, columns.
        layout: of the model.
        pitch: PEs between neighbouring pixels.
        positions: grid position of every channel, ``row * side + column`` from the top left; empty: the map
            has one channel, with a copy at every position.
        quiet_before: PEs above and to the left of the map that are known to be 0.
        quiet_after: PEs below and to the right.
    """

    shape: Shape
    layout: Layout
    pitch: int
    positions: tuple[int, ...]
    quiet_before: int = 0
    quiet_after: int = 0

    def place(self, channel: int) -> tuple[int, int]:
        """Row and column of a channel's first pixel."""
        row, column = divmod(self.positions[channel], self.layout.grid.side)
        return row << self.layout.grid.shift, column << self.layout.grid.shift

    def room(self) -> int:
        """PEs along each side that a map may take without running into the next channel or the edge."""
        layout = self.layout
        return 1 << layout.grid.shift if layout.in_blocks else ARRAY_SIZE

    def span(self) -> int:
        """PEs along each side from the first pixel to the end of the last one's cell."""
        return max(self.shape[1:]) * self.pitch

    def cleaned(self) -> FeatureMap:
        """The map after everything outside it has been set to 0."""
        if not self.layout.in_blocks or self.layout.grid.side == 1:
            return replace(self, quiet_before=EDGE, quiet_after=EDGE)
        gap = self.room() - self.span()
        return replace(self, quiet_before=gap, quiet_after=gap)


def input_map(spec: InputSpec, layout: Layout) -> FeatureMap:
    """Where the input plane lies.

    Raises:
        CompileError: the input does not fit the layout.
    """
    span = spec.size * layout.pitch
    empty = FeatureMap((1, spec.size, spec.size), layout, layout.pitch, ())
    if span > empty.room():
        raise CompileError(
            f"an input of {spec.size} x {spec.size} pixels, {layout.pitch} PEs apart, does not fit into "
            f"{empty.room()} x {empty.room()} PEs: use a smaller grid of channels"
        )
    if not layout.in_blocks or layout.grid.side == 1:
        return replace(empty, quiet_before=EDGE, quiet_after=EDGE)
    quiet = empty.room() - span + spec.margin * layout.pitch
    return replace(empty, quiet_before=quiet, quiet_after=quiet)


def array_position(layout: Layout, position: int) -> int:
    """A grid position in array coordinates (column 0 on the RIGHT), as masks and covers number them."""
    side = layout.grid.side
    row, column = divmod(position, side)
    return row * side + side - 1 - column


def mask_of(layout: Layout, positions: Iterable[int]) -> int:
    """Grid positions as the bits of a mask plane."""
    return sum(1 << array_position(layout, position) for position in positions)


def picture_pattern(row: int, column: int, free_rows: int, free_columns: int) -> Pattern:
    """A pattern select, its address given in picture coordinates: array columns count from the right."""
    return Pattern(row & ~free_rows, ~column & _ALL & ~free_columns, free_rows, free_columns)


def intervals(first: int, end: int) -> list[tuple[int, int]]:
    """Addresses first..end-1 as (address, free bits) of aligned powers of two, fewest first come."""
    cubes = []
    while first < end:
        size = first & -first or ARRAY_SIZE
        while first + size > end:
            size >>= 1
        cubes.append((first, size - 1))
        first += size
    return cubes
