"""A fully connected head on the array: XNOR with a weight plane, and global sums through the ADC.

Activations spread over cells of 16 x 16 PEs or more, so that a weight plane is a function of the cell alone
and loads like a convolution's. One sum over a quarter of the array then takes 16,384 PEs; with IN at its
greatest level an activation that disagrees moves the ADC by almost two codes, so the counts, and with them
the logits, are exact.
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
        CompileError: the activations lie too close to each other, or the weights are more than signs.
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
    order = numbers[numbers >= 0]
    absent = _absent(section, grid, mask)
    total, cubes = ir.Plane("sum", True), ir.four_cubes()
    emit(ir.SetLevel(_LEVEL))
    for signs, bias in zip(head.weights.reshape(head.outcomes, -1) > 0, head.bias.tolist(), strict=True):
        bits = signs[order].tolist()
        ones = sum(
            1 << int(place) for place, bit in zip(np.flatnonzero(numbers >= 0), bits, strict=True) if bit
        )
        loads = len(cover(ones, mask, grid.positions))
        first = len(unit.weights)
        unit.weights += [int(bit) for bit in bits]
        emit(ir.ClearSum(total))
        emit(ir.ClearPlanes(cubes))
        emit(ir.LoadWeights(cubes, 0, first, len(bits), loads, of_head=True))
        emit(ir.AddTap(total, plane, cubes, absent, adds=False))
        offset = len(bits) + bias
        first = len(unit.weights)
        unit.weights += [offset >> place & 1 for place in range(_OFFSET_BITS)]
        unit_256 = (_LEVEL * 256 << 2 * grid.shift) // _SUM_SCALE
        emit(ir.SumLogit(total, first, unit_256, (0, 0, _HALF - 1, _HALF - 1), (8, 8)))


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
