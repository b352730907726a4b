"""First pass: layers become operations on planes, each layer a section."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from pixeltree.compiler import ir
from pixeltree.compiler.array_head import lower_array_head
from pixeltree.compiler.layout import (
    FeatureMap,
    Layout,
    array_position,
    input_map,
    intervals,
    mask_of,
    picture_pattern,
)
from pixeltree.compiler.passes.arrange import Arrangement
from pixeltree.compiler.readout import lower_head, lower_scan
from pixeltree.compiler.taps import Offset, Tap, bias_planes, digit_levels, plus_taps, plus_weights, taps
from pixeltree.compiler.time_slots import time_slots
from pixeltree.errors import CompileError
from pixeltree.model import Convolution, FoldedModel, FullyConnected, HeatMap, Layer, Pooling
from pixeltree.model.ending import DECIDES, Ending
from pixeltree.model.geometry import Weights
from pixeltree_protocol.chip.registers import ARRAY_SIZE
from pixeltree_protocol.objects import FullyConnected as OutputSegment
from pixeltree_protocol.objects.cover import ChannelGrid, Pattern, cover, expand

GREATEST_UNIT = 12
"""Analog level of one count, at most: sums of small layers stay within the +-100 or so that users of the chip
keep to (fact sheet 7, saturation)."""

GREATEST_SUM = 127
"""Largest level of an AREG that has a negative."""

_ALL = ARRAY_SIZE - 1
_MOST_DROPPED = 3
"""Planes that one NOR takes beside the plane itself."""


@dataclass
class Lowered:
    """A model as operations on planes.

    Attributes:
        unit: the operations, masks and weights.
        output: the fully connected segment, if the head is one on the controller.
    """

    unit: ir.Unit
    output: OutputSegment | None


def lower(
    model: FoldedModel,
    layout: Layout,
    arrangements: Sequence[Arrangement],
    in_pairs: bool = False,
    on_array: bool = False,
    ending: Ending = DECIDES,
) -> Lowered:
    """Lower a model.

    Args:
        model: the model.
        layout: how its input lies on the array.
        arrangements: per time slot and layer the grid position of every output channel.
        in_pairs: whether neighbouring weight planes get registers of their own.
        on_array: whether a fully connected head is computed on the array, not on the controller.
        ending: how the node ends.

    Raises:
        CompileError: a layer does not fit; it says which, what it needs and what there is.
    """
    unit = ir.Unit([], layout.grid.side, layout.grid.shift, in_pairs=in_pairs)
    scanned, output = [], None
    parts = time_slots(model, layout)
    for number, (part, arrangement) in enumerate(zip(parts, arrangements, strict=True), 1):
        slot = f", time slot {number} of {len(parts)}" if len(parts) > 1 else ""
        lowering = _lower_layers(unit, part, layout, arrangement, slot)
        if isinstance(part.head, HeatMap):
            lowering.heat_map(part.head, part.shapes[-1])
        elif on_array and len(parts) == 1:
            lowering.section.name += " on the array"
            lower_array_head(unit, lowering.section, part.head, lowering.source, lowering.own_copy())
        elif on_array:
            raise lowering.fail(
                "its channels share the array in time slots, and a head on the array needs them together"
            )
        else:
            scanned.append(lower_scan(lowering.section, lowering.source, lowering.own_copy()))
    if isinstance(model.head, FullyConnected) and scanned:
        output = lower_head(lowering.section, model.head, lowering.source.pitch, scanned)
    if ending.adds:
        lowering.emit(ir.AddLogits())
    lowering.emit(ir.Proceed() if ending.proceeds else ir.Decide())
    return Lowered(unit, output)


def _lower_layers(
    unit: ir.Unit, model: FoldedModel, layout: Layout, arrangement: Arrangement, slot: str
) -> _LayerLowering:
    """Lower all layers but the head, in sections of their own; what lowers the head."""
    source = input_map(model.input, layout)
    plane: ir.Operand = layout.source
    for index, layer in enumerate(model.layers):
        lowering = _LayerLowering(unit, f"{index} {_title(layer)}{slot}", source, plane)
        source, plane = lowering.layer(layer, arrangement[index], model.shapes[index + 1])
    return _LayerLowering(unit, f"{len(model.layers)} {_title(model.head)}{slot}", source, plane)


def _title(layer: Layer | FullyConnected | HeatMap) -> str:
    if isinstance(layer, Pooling):
        return f"or pooling {layer.side} x {layer.side}"
    if isinstance(layer, FullyConnected):
        planes = f" x {layer.planes} planes" if layer.planes > 1 else ""
        planes = ", ternary" if layer.is_ternary else planes
        return f"fully connected {layer.outcomes} x {layer.weights[0].size}{planes}"
    kernel, ternary = layer.geometry.kernel, layer.geometry.weights is Weights.TERNARY
    shape = f"{layer.inputs} -> {layer.geometry.channels}, {kernel} x {kernel}"
    return f"{layer.kind} {shape}{', ternary' if ternary else ''}"


class _LayerLowering:
    """Lowers one layer into a section of its own."""

    def __init__(self, unit: ir.Unit, name: str, source: FeatureMap, plane: ir.Operand) -> None:
        self.unit = unit
        self.section = ir.Section(name)
        unit.sections.append(self.section)
        self.source = source
        self.plane = plane
        self.layout = source.layout
        self._sets = (ir.four_cubes(), ir.four_cubes()) if unit.in_pairs else (ir.four_cubes(),)
        self.cubes = self._sets[0]

    def emit(self, operation: ir.Operation) -> None:
        """Append an operation."""
        self.section.operations.append(operation)

    def fail(self, message: str) -> CompileError:
        """The error of this layer."""
        return CompileError(f"layer {self.section.name}: {message}")

    def own_copy(self) -> ir.Plane:
        """The source plane as one that may be changed."""
        if isinstance(self.plane, ir.Plane):
            return self.plane
        copy = ir.Plane("x")
        self.emit(ir.Copy(copy, self.plane))
        return copy

    def layer(
        self, layer: Layer, positions: tuple[int, ...], shape: tuple[int, int, int]
    ) -> tuple[FeatureMap, ir.Plane]:
        """Lower a layer; where its result lies, and in which plane."""
        if isinstance(layer, Pooling):
            return self._pool(layer, shape)
        target = FeatureMap(shape, self.layout, self.source.pitch * layer.geometry.stride, positions)
        self._check_span(target)
        total, bias, result = ir.Plane("sum", True), ir.Plane("bias", True), ir.Plane("y")
        order = self._taps(layer, target)
        level = self._unit(layer, order, target)
        self._bias(layer, order, target, bias, level)
        self._accumulate(order, target, total, layer.geometry.weights is Weights.TERNARY)
        self.emit(ir.Compare(result, (total, bias)))
        return target, result

    def heat_map(self, layer: HeatMap, shape: tuple[int, int, int]) -> FeatureMap:
        """Lower a heat map."""
        target = FeatureMap(shape, self.layout, self.source.pitch * layer.geometry.stride, (0,))
        self._check_span(target)
        total = ir.Plane("sum", True)
        order = self._taps(layer, target)
        level = self._unit(layer, order, target)
        self.emit(ir.SetLevel(level))
        self._accumulate(order, target, total, layer.geometry.weights is Weights.TERNARY)
        offset = int(np.count_nonzero(layer.weights)) - 2 * plus_weights(order, 0) + int(layer.bias[0])
        bit = self._store([offset >> i & 1 for i in range(32)])
        _, rows, columns = shape
        corner = _ALL - (columns - 1) * target.pitch
        corners = (0, corner, (rows - 1) * target.pitch, _ALL)
        self.emit(ir.ScanMap(total, bit, level, corners, target.pitch))
        return target

    def _check_span(self, target: FeatureMap) -> None:
        if target.span() - target.pitch >= target.room():
            _, rows, columns = target.shape
            raise self.fail(
                f"its result of {rows} x {columns} pixels, {target.pitch} PEs apart, does not fit into "
                f"{target.room()} x {target.room()} PEs: use narrower borders (before + after < kernel)"
            )

    # -- convolutions --------------------------------------------------------------------------------

    def _taps(self, layer: Convolution | HeatMap, target: FeatureMap) -> list[Tap]:
        self._make_quiet(layer, target)
        return taps(layer, self.source, target)

    def _make_quiet(self, layer: Convolution | HeatMap, target: FeatureMap) -> None:
        """See to it that taps outside the map read 0."""
        rows, columns = self.source.shape[1:]
        side, first, stride = layer.geometry.window
        over = max(
            (out - 1) * stride - first + side - size
            for out, size in zip(target.shape[1:], (rows, columns), strict=True)
        )
        before, after = first * self.source.pitch, max(0, over) * self.source.pitch
        if before <= self.source.quiet_before and after <= self.source.quiet_after:
            return
        clean = self.source.cleaned()
        if before > clean.quiet_before or after > clean.quiet_after:
            raise self.fail(
                f"its windows reach {max(before, after)} PEs over the edge of their block, where only "
                f"{min(clean.quiet_before, clean.quiet_after)} PEs are empty: use no border (before = after "
                "= 0), a smaller input, an input margin, or the cell layout"
            )
        plane = self.own_copy()
        below = self._beyond(rows * self.source.pitch, True)
        self._drop(plane, below + self._beyond(columns * self.source.pitch, False))
        self.plane, self.source = plane, clean

    def _beyond(self, first: int, rows: bool) -> list[Pattern]:
        """Patterns of the rows, or columns, from ``first`` to the end of the room, in every block."""
        room = self.source.room()
        free = _ALL & ~(room - 1)
        return [
            picture_pattern(at, 0, own | free, _ALL) if rows else picture_pattern(0, at, _ALL, own | free)
            for at, own in intervals(first, room)
        ]

    def _drop(self, plane: ir.Plane, patterns: list[Pattern]) -> None:
        for first in range(0, len(patterns), _MOST_DROPPED):
            part = patterns[first : first + _MOST_DROPPED]
            targets = self.cubes[: len(part)]
            self.emit(ir.LoadCubes(targets, tuple(part)))
            self.emit(ir.Drop(plane, targets))

    def _unit(self, layer: Convolution | HeatMap, order: list[Tap], target: FeatureMap) -> int:
        greatest = 1
        for position in target.positions:
            plus = plus_taps(order, position)
            greatest = max(greatest, plus, layer.taps + 1 - plus)
        level = min(GREATEST_UNIT, GREATEST_SUM // greatest)
        if not level:
            raise self.fail(
                f"sums of {layer.taps} weights reach {greatest} counts, and an AREG holds {GREATEST_SUM}: "
                f"use more groups or a smaller kernel, at most {2 * GREATEST_SUM - 2} weights per channel"
            )
        return level

    def _bias(
        self, layer: Convolution, order: list[Tap], target: FeatureMap, bias: ir.Plane, level: int
    ) -> None:
        """The bias matrix, one analog plane, from planes of digits; a section of its own.

        The smallest digit comes first: no sum on the way is beyond the range, and the greatest is written
        last, so that a chip's gain has the least to act on.
        """
        own, self.section = self.section, ir.Section(f"{self.section.name}: bias")
        self.unit.sections.insert(-1, self.section)
        self.emit(ir.ClearSum(bias))
        for index, plane in enumerate(reversed(bias_planes(layer, order, target))):
            plus, minus = digit_levels(level, index)
            self._load(plane)
            self.emit(ir.SetLevel(plus))
            self.emit(ir.BiasDigit(bias, self.cubes, adds=True))
            if minus != plus:
                self.emit(ir.SetLevel(minus))
            self.emit(ir.BiasDigit(bias, self.cubes, adds=False))
        self.emit(ir.SetLevel(level))
        self.section = own

    def _accumulate(self, order: list[Tap], target: FeatureMap, total: ir.Plane, are_ternary: bool) -> None:
        absent, zero = _Absent(self, target), ir.Plane("zero")
        self.emit(ir.ClearSum(total))
        for tap, x in self._walk(order):
            planes = absent.planes(tap)
            weights = {position: tap.stored(position) for position in tap.weights}
            if are_ternary:
                self._load_ternary(weights, zero, planes)
                planes = (zero,)
            else:
                self._load({position: weight > 0 for position, weight in weights.items()})
            self.emit(ir.AddTap(total, x, self.cubes, planes, tap.adds))

    def _walk(self, order: list[Tap]) -> Iterator[tuple[Tap, ir.Plane]]:
        """Every tap with the input as it lies under it, which is moved away from where it lay."""
        row_plane, x = ir.Plane("row"), ir.Plane("x")
        row: Offset | None = None  # what lies in row_plane: rows down, and in which pass
        place: Offset | None = None  # what lies in x
        for tap in order:
            down, right = tap.offset
            if row is None or (down < 0) != (row[0] < 0):
                self.emit(ir.Copy(row_plane, self.plane))
                row, place = (0, 0), None
            if down != row[0]:
                self.emit(ir.Shift(row_plane, row[0] - down, 0))
                row, place = (down, 0), None
            if place is None or (right < 0) != (place[1] < 0) or abs(right) < abs(place[1]):
                self.emit(ir.Copy(x, row_plane))
                place = (down, 0)
            if right != place[1]:
                self.emit(ir.Shift(x, 0, place[1] - right))
            place = (down, right)
            yield tap, x

    def _load(self, bits: dict[int, bool]) -> None:
        """Load one weight plane into the cubes."""
        numbered = self._numbered(bits)
        bit = self._store([int(value) for value in numbered.values()])
        self._load_plane(numbered, numbered, bit)

    def _load_ternary(self, weights: dict[int, int], zero: ir.Plane, absent: tuple[ir.Plane, ...]) -> None:
        """Load ternary weights: where one is 0 or absent into a plane, and the signs into the cubes."""
        numbered = self._numbered(weights)
        first = len(self.unit.ternary)
        self.unit.ternary += numbered.values()
        zeros = {position: not weight for position, weight in numbered.items()}
        self._load_plane(numbered, zeros, first, ir.Ternary.ZEROS)
        self.emit(ir.Union(zero, self.cubes))
        if absent:
            self.emit(ir.Union(zero, (zero, *absent)))
        signs = {position: weight > 0 for position, weight in numbered.items() if weight}
        self._load_plane(numbered, signs, first, ir.Ternary.SIGNS)

    def _numbered(self, values: dict[int, Any]) -> dict[int, Any]:
        """Values by the numbers that the array gives to their positions, in ascending order."""
        return dict(
            sorted((array_position(self.layout, position), value) for position, value in values.items())
        )

    def _load_plane(
        self, there: Iterable[int], bits: dict[int, Any], first: int, ternary: ir.Ternary | None = None
    ) -> None:
        """Load bits into cubes: of those positions ``there`` that have one."""
        mask, care, ones = (
            sum(1 << position for position in positions)
            for positions in (there, bits, (position for position, value in bits.items() if value))
        )
        if mask not in self.unit.masks:
            self.unit.masks.append(mask)
        self.cubes = self._sets[(self._sets.index(self.cubes) + 1) % len(self._sets)]
        loads = len(cover(ones, care, self.layout.grid.positions))
        self.emit(ir.ClearPlanes(self.cubes))
        which, width = self.unit.masks.index(mask), mask.bit_count()
        self.emit(ir.LoadWeights(self.cubes, which, first, width, loads, ternary=ternary))

    def _store(self, bits: list[int]) -> int:
        first = len(self.unit.weights)
        self.unit.weights += bits
        return first

    # -- pooling -------------------------------------------------------------------------------------

    def _pool(self, layer: Pooling, shape: tuple[int, int, int]) -> tuple[FeatureMap, ir.Plane]:
        target = replace(
            self.source, shape=shape, pitch=self.source.pitch * layer.side, quiet_before=0, quiet_after=0
        )
        return target, self._or_of_cells(layer.side)

    def _or_of_cells(self, side: int) -> ir.Plane:
        """OR of shifted copies, by doubling; OR does not mind what it sees twice."""
        plane, moved = self.own_copy(), ir.Plane("moved")
        for down, right in ((1, 0), (0, 1)):
            reach = 1
            while reach < side:
                step = min(reach, side - reach) * self.source.pitch
                self.emit(ir.Copy(moved, plane))
                self.emit(ir.Shift(moved, -down * step, -right * step))
                self.emit(ir.Merge(plane, moved))
                reach += min(reach, side - reach)
        return plane


class _Absent:
    """Planes of the positions that have no weight at a tap, kept from tap to tap."""

    def __init__(self, lowering: _LayerLowering, target: FeatureMap) -> None:
        self._lowering = lowering
        self._everything = mask_of(lowering.layout, target.positions)
        self._absent = 0
        self._planes = (ir.Plane("absent1"), ir.Plane("absent2"))
        self._used: tuple[ir.Plane, ...] = ()

    def planes(self, tap: Tap) -> tuple[ir.Plane, ...]:
        """The planes for a tap, loaded."""
        absent = self._everything & ~mask_of(self._lowering.layout, tap.weights)
        if absent != self._absent:
            self._absent = absent
            grid = ChannelGrid(self._lowering.layout.grid.side, self._lowering.layout.grid.shift)
            self._used = self._load(expand(grid, absent, self._everything)) if absent else ()
        return self._used

    def _load(self, patterns: tuple[Pattern, ...]) -> tuple[ir.Plane, ...]:
        emit, cubes = self._lowering.emit, self._lowering.cubes
        if len(patterns) <= len(self._planes):
            used = self._planes[: len(patterns)]
            emit(ir.LoadCubes(used, patterns))
            return used
        result = self._planes[0]
        for first in range(0, len(patterns), len(cubes)):
            part = patterns[first : first + len(cubes)]
            targets = cubes[: len(part)]
            emit(ir.LoadCubes(targets, part))
            emit(ir.Union(result, (*targets, *((result,) if first else ()))))
        return (result,)
