"""A fully connected head on the array: XNOR with a weight plane, and global sums through the ADC.

Activations spread over cells of 16 x 16 PEs or more, so that a weight plane is a function of the cell alone
and loads like a convolution's. One sum over a quarter of the array then takes 16,384 PEs; with IN at its
greatest level an activation that disagrees moves the ADC by almost two codes, so the counts, and with them
the logits, are exact. Ternary weights take a second plane, of what is 0.
"""

from __future__ import annotations

import numpy as np

from pixeltree.compiler import ir
from pixeltree.compiler.layout import FeatureMap
from pixeltree.compiler.readout import feature_numbers, keep_activations
from pixeltree.errors import CompileError
from pixeltree.model import FullyConnected
from pixeltree_protocol.chip.registers import ARRAY_SIZE
from pixeltree_protocol.objects.cover import ChannelGrid, cover, expand
from pixeltree_protocol.objects.program import pattern_pixels

LEAST_SHIFT = 4
"""Log2 of the least distance of activations: with fewer PEs each, the ADC confuses counts."""

_MOST_SHIFT = 7
_LEVEL = 127
_HALF = ARRAY_SIZE // 2
_SUM_SCALE = pattern_pixels(_HALF - 1, _HALF - 1)
"""Sum of levels that moves the ADC by one code: ``SumLogit`` fits its front end to the pattern, a quarter."""

_OFFSET_BITS = 32


def lower_array_head(
    unit: ir.Unit, section: ir.Section, head: FullyConnected, source: FeatureMap, plane: ir.Plane
) -> None:
    """Lower a head.

    Raises:
        CompileError: the activations lie too close to each other, or the weights are more than signs and 0.
    """
    if head.planes > 1:
        raise CompileError(
            f"layer {section.name}: its weights have {head.planes} planes of signs; a head on the array "
            "has one: use the controller's head"
        )
    features = feature_numbers(source)
    grid = _grid(section, source)
    keep_activations(section, plane, source, features)
    emit = section.operations.append
    for down, right in ((1, 0), (0, 1)):
        for power in range(grid.shift):
            moved = ir.Plane("moved")
            emit(ir.Copy(moved, plane))
            emit(ir.Shift(moved, down << power, right << power))
            emit(ir.Merge(plane, moved))
    numbers = features[:: 1 << grid.shift, :: 1 << grid.shift][:, ::-1].ravel()  # as the array counts columns
    mask = sum(1 << position for position, number in enumerate(numbers) if number >= 0)
    unit.head_grid, unit.head_mask = grid, mask
    places, order = np.flatnonzero(numbers >= 0).tolist(), numbers[numbers >= 0]
    absent = _absent(section, grid, mask)
    total, weights = ir.Plane("sum", True), _Weights(unit, section, grid, absent)
    emit(ir.SetLevel(_LEVEL))
    for row, bias in zip(head.weights.reshape(head.outcomes, -1), head.bias.tolist(), strict=True):
        each = dict(zip(places, row[order].tolist(), strict=True))
        emit(ir.ClearSum(total))
        without = weights.load_ternary(each) if head.is_ternary else weights.load(each)
        emit(ir.AddTap(total, plane, weights.cubes, without, adds=False))
        offset = sum(map(abs, each.values())) + bias
        first = len(unit.weights)
        unit.weights += [offset >> place & 1 for place in range(_OFFSET_BITS)]
        unit_256 = (_LEVEL * 256 << 2 * grid.shift) // _SUM_SCALE
        emit(ir.SumLogit(total, first, unit_256, (0, 0, _HALF - 1, _HALF - 1), (8, 8)))


class _Weights:
    """Loads the weights of one outcome after the other: by the numbers of their cells."""

    def __init__(
        self, unit: ir.Unit, section: ir.Section, grid: ChannelGrid, absent: tuple[ir.Plane, ...]
    ) -> None:
        self._unit = unit
        self._emit = section.operations.append
        self._grid = grid
        self._absent = absent
        self._zero = ir.Plane("zero")
        self.cubes = ir.four_cubes()

    def load(self, weights: dict[int, int]) -> tuple[ir.Plane, ...]:
        """Load signs into the cubes; planes of the cells without a weight."""
        first = len(self._unit.weights)
        self._unit.weights += [int(weight > 0) for weight in weights.values()]
        self._load({cell: weight > 0 for cell, weight in weights.items()}, len(weights), first, None)
        return self._absent

    def load_ternary(self, weights: dict[int, int]) -> tuple[ir.Plane, ...]:
        """Load ternary weights; a plane of the cells without a weight, and of those where it is 0."""
        first = len(self._unit.ternary)
        self._unit.ternary += weights.values()
        zeros = {cell: not weight for cell, weight in weights.items()}
        self._load(zeros, len(weights), first, ir.Ternary.ZEROS)
        self._emit(ir.Union(self._zero, self.cubes))
        if self._absent:
            self._emit(ir.Union(self._zero, (self._zero, *self._absent)))
        signs = {cell: weight > 0 for cell, weight in weights.items() if weight}
        self._load(signs, len(weights), first, ir.Ternary.SIGNS)
        return (self._zero,)

    def _load(self, bits: dict[int, bool], width: int, first: int, ternary: ir.Ternary | None) -> None:
        care, ones = sum(1 << cell for cell in bits), sum(1 << cell for cell, bit in bits.items() if bit)
        loads = len(cover(ones, care, self._grid.positions))
        self._emit(ir.ClearPlanes(self.cubes))
        self._emit(ir.LoadWeights(self.cubes, 0, first, width, loads, of_head=True, ternary=ternary))


def _grid(section: ir.Section, source: FeatureMap) -> ChannelGrid:
    """The grid of cells, one for each activation at most."""
    rows, columns = np.nonzero(feature_numbers(source) >= 0)
    addresses = int(np.bitwise_or.reduce(rows) | np.bitwise_or.reduce(columns))
    shift = min((addresses & -addresses).bit_length() - 1, _MOST_SHIFT) if addresses else _MOST_SHIFT
    if shift < LEAST_SHIFT:
        raise CompileError(
            f"layer {section.name}: its activations lie {1 << shift} PEs apart; on the array they need "
            f"{1 << LEAST_SHIFT}: pool more, use blocks, or the controller's head"
        )
    return ChannelGrid(ARRAY_SIZE >> shift, shift)


def _absent(section: ir.Section, grid: ChannelGrid, mask: int) -> tuple[ir.Plane, ...]:
    """A plane of the cells without an activation, loaded; none if there are none."""
    everything = (1 << grid.positions) - 1
    patterns = expand(grid, everything & ~mask, everything)
    if not patterns:
        return ()
    absent, cubes = ir.Plane("absent"), ir.four_cubes()
    for first in range(0, len(patterns), len(cubes)):
        part = patterns[first : first + len(cubes)]
        section.operations.append(ir.LoadCubes(cubes[: len(part)], part))
        before = (absent,) if first else ()
        section.operations.append(ir.Union(absent, (*cubes[: len(part)], *before)))
    return (absent,)
