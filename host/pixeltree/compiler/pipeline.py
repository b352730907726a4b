"""The compiler from end to end: a folded model becomes a node, pass by pass."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from pixeltree.compiler import ir
from pixeltree.compiler.capture import CaptureGeometry, capture_unit
from pixeltree.compiler.cost import Cost, Predictor
from pixeltree.compiler.encode import Encoded, Encoder
from pixeltree.compiler.layout import Layout, block_layout, block_side, cell_layout, cell_side, grid_side
from pixeltree.compiler.lower import Lowered, lower
from pixeltree.compiler.node import CompiledNode, make_node
from pixeltree.compiler.passes.allocate import allocate
from pixeltree.compiler.passes.arrange import Arrangement, arrange
from pixeltree.compiler.passes.directions import set_directions
from pixeltree.compiler.passes.hoist import hoist_loads
from pixeltree.compiler.passes.words import select_words
from pixeltree.compiler.resources import Needs, check_resources, needs_of
from pixeltree.compiler.time_slots import channels_at_once, time_slots
from pixeltree.compiler.window import window_unit
from pixeltree.errors import CompileError
from pixeltree.model import Convolution, FoldedModel, Window
from pixeltree.model import FullyConnected as FullyConnectedHead
from pixeltree.model.ending import DECIDES, Ending
from pixeltree_protocol.chip.registers import ARRAY_SIZE
from pixeltree_protocol.objects import (
    BlockPlanes,
    Exit,
    FullyConnected,
    Label,
    PackedBits,
    Segment,
    TernaryWeights,
)
from pixeltree_protocol.objects.cover import ChannelGrid
from pixeltree_protocol.objects.ternary import pack_ternary, ternary_bytes

PASSES: tuple[tuple[str, Callable[[ir.Unit], None]], ...] = (
    ("select words", select_words),
    ("hoist loads", hoist_loads),
    ("allocate registers", allocate),
    ("set directions", set_directions),
)
"""Passes over the intermediate form, after lowering and before encoding, in order. Each does one thing."""


Show = Callable[[str, str], None]

_WAYS = ((True, 15), (True, 3), (False, 15), (False, 3), (False, 0))
"""Whether weight planes load in pairs, and how long a shift may be that stays among other words; tried in
this order. Pairs need more registers, shifts among words more room in the controller's store."""


_SMALL_HEAD = 256
"""Activations of a head that may be faster on the array; more never fit there."""


class Where(StrEnum):
    """Where a fully connected head is computed."""

    ARRAY = "array"
    CONTROLLER = "controller"


@dataclass(frozen=True)
class SectionCost:
    """What one layer costs.

    Attributes:
        name: the layer.
        cost: of its steps.
        needs: what it adds to the node's objects.
        planes: registers that hold something, after each of its operations: DREGs and AREGs.
    """

    name: str
    cost: Cost
    needs: Needs
    planes: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True)
class Compiled:
    """A compiled node and how it came about.

    Attributes:
        node: the compiled node.
        layout: how the input lies on the array.
        sections: cost of each layer, in order.
        information_bits: information content of the weights and biases.
    """

    node: CompiledNode
    layout: Layout
    sections: tuple[SectionCost, ...]
    information_bits: int = 0

    @property
    def cost(self) -> Cost:
        """Of the whole node."""
        return sum((section.cost for section in self.sections), Cost())


def layouts(model: FoldedModel) -> list[Layout]:
    """Layouts that have room for a model's channels, the better one first.

    Blocks are better where only the first layer convolves, cells where channels mix.

    Raises:
        CompileError: there is none; says which layer has too many channels.
    """
    channels = {
        f"layer {index}": layer.geometry.channels
        for index, layer in enumerate(model.layers)
        if isinstance(layer, Convolution)
    }
    size, found = model.input.size, []
    blocks = ARRAY_SIZE // block_side(size)
    side = grid_side(channels_at_once(model, blocks**2))
    if side <= blocks:
        found.append(block_layout(side))
    try:
        in_cells = cell_layout(size, channels_at_once(model, cell_side(size) ** 2))
        found.insert(0 if len(channels) > 1 else 1, in_cells)
    except CompileError as error:
        if not found:
            listing = ", ".join(f"{name} has {count}" for name, count in channels.items())
            raise CompileError(f"{error}. Channels: {listing}") from error
    return found


def compile_model(
    model: FoldedModel,
    exits: Sequence[Exit] | None = None,
    layout: Layout | None = None,
    show: Show | None = None,
    head: Where | None = None,
    ending: Ending = DECIDES,
) -> Compiled:
    """Compile a model.

    Args:
        model: the folded model.
        exits: where each outcome leads; label i for outcome i if None.
        layout: how the input plane lies on the array; chosen if None. All nodes of a tree share one.
        show: called with the name of every pass and the program after it, for people.
        head: where a fully connected head is computed; where it is faster if None.
        ending: how the node ends beside that.

    Raises:
        CompileError: the model does not fit; it says what, how much is needed, and what there is.
    """
    needed = ending.exits(model.outcomes)
    exits = [Label(i) for i in range(needed)] if exits is None else exits
    if len(exits) != needed:
        raise CompileError(f"{ending.describe(model.outcomes)} need {needed} exits, not {len(exits)}")
    ends = _Ends(tuple(exits), ending)
    if layout is not None:
        return _with_a_head(model, ends, layout, show, head)
    first, *others = layouts(model)
    try:
        return _with_a_head(model, ends, first, show, head)
    except CompileError:
        for other in others:
            with suppress(CompileError):
                return _with_a_head(model, ends, other, show, head)
        raise


@dataclass(frozen=True)
class _Ends:
    """How a node ends, with its exits."""

    exits: tuple[Exit, ...]
    ending: Ending


def _with_a_head(
    model: FoldedModel, ends: _Ends, layout: Layout, show: Show | None, head: Where | None
) -> Compiled:
    """Compile with the head where it is told to be, or where it is faster."""
    if head is Where.ARRAY and not isinstance(model.head, FullyConnectedHead):
        raise CompileError(
            "--head is for fully connected heads; this network's heat map is read from the array: leave "
            "it out"
        )
    if (
        head is not None
        or not isinstance(model.head, FullyConnectedHead)
        or model.head.weights[0].size > _SMALL_HEAD
    ):
        return _compile(model, ends, layout, show, head is Where.ARRAY)
    try:
        there = _compile(model, ends, layout, None, True)
    except CompileError:
        return _compile(model, ends, layout, show, False)
    here = _compile(model, ends, layout, None, False)
    on_array = there.cost.nanoseconds < here.cost.nanoseconds
    if show is not None:
        return _compile(model, ends, layout, show, on_array)
    return there if on_array else here


def _compile(model: FoldedModel, ends: _Ends, layout: Layout, show: Show | None, on_array: bool) -> Compiled:
    """Compile for one layout and one place of the head."""
    arrangements = [arrange(slot, layout) for slot in time_slots(model, layout)]
    lowered, encoded = _first_that_fits(model, layout, arrangements, on_array, ends.ending)
    unit = lowered.unit
    check_resources(needs_of(unit, encoded, [Cost()] * len(unit.sections)))
    segments: list[Segment] = []
    if unit.weights:
        segments.append(BlockPlanes(unit.grid_side, unit.grid_side, tuple(unit.masks)))
        segments.append(PackedBits(packed(unit.weights)))
    if unit.ternary:
        segments.append(TernaryWeights(len(unit.ternary), pack_ternary(np.array(unit.ternary, np.int8))))
    if unit.head_grid is not None:
        segments.append(BlockPlanes(unit.head_grid.side, unit.head_grid.side, (unit.head_mask,)))
    if lowered.output is not None:
        segments.append(lowered.output)
    if show is not None:
        _show_passes(
            lower(model, layout, arrangements, unit.in_pairs, on_array, ends.ending).unit,
            unit.longest_in_line,
            encoded,
            show,
        )
    sections = _section_costs(unit, encoded, segments)
    check_resources([section.needs for section in sections])
    node = make_node(encoded.steps, encoded.blocks, segments, ends.exits, source=layout.source)
    heads = [segment for segment in segments if isinstance(segment, FullyConnected)]
    output_bits = sum(
        32 * len(head.biases)
        + (8 * head.ternary_bytes if head.is_ternary else len(head.biases) * head.inputs * head.planes)
        for head in heads
    )
    information = len(unit.weights) + 8 * ternary_bytes(len(unit.ternary)) + output_bits
    return Compiled(node, layout, sections, information)


def compile_capture(geometry: CaptureGeometry) -> Compiled:
    """Compile a tree's capture node."""
    return _without_layers(capture_unit(geometry), geometry, (), is_capture=True)


def compile_window(geometry: CaptureGeometry, window: Window, exit_: Exit) -> Compiled:
    """Compile a window node.

    Raises:
        CompileError: the window is larger than the input, or sees nothing of it.
    """
    return _without_layers(window_unit(geometry, window), geometry, (exit_,))


def _without_layers(
    unit: ir.Unit, geometry: CaptureGeometry, exits: Sequence[Exit], is_capture: bool = False
) -> Compiled:
    """Compile a node that moves pixels and has no layers."""
    for _, run in PASSES:
        run(unit)
    encoded = Encoder(unit).encode()
    segments = (PackedBits(packed(unit.weights)),) if unit.weights else ()
    sections = _section_costs(unit, encoded, segments)
    check_resources([section.needs for section in sections])
    node = make_node(encoded.steps, encoded.blocks, segments, exits, is_capture)
    return Compiled(node, Layout(ChannelGrid(1, 8), geometry.pitch), sections)


def _section_costs(unit: ir.Unit, encoded: Encoded, segments: Sequence[Segment]) -> tuple[SectionCost, ...]:
    predictor = Predictor(encoded.blocks, segments)
    costs = [Cost()] * len(unit.sections)
    for section, step in zip(encoded.sections, encoded.steps, strict=True):
        costs[section] += predictor.cost(step)
    needs = needs_of(unit, encoded, costs)
    return tuple(
        SectionCost(section.name, cost, need, tuple(section.planes))
        for section, cost, need in zip(unit.sections, costs, needs, strict=True)
    )


def _first_that_fits(
    model: FoldedModel,
    layout: Layout,
    arrangements: Sequence[Arrangement],
    on_array: bool,
    ending: Ending,
) -> tuple[Lowered, Encoded]:
    """Run the passes, the fastest way first, until registers and the block store suffice.

    Raises:
        CompileError: not even the most frugal way fits.
    """
    for in_pairs, longest_in_line in _WAYS:
        lowered = lower(model, layout, arrangements, in_pairs, on_array, ending)
        unit = lowered.unit
        unit.longest_in_line = longest_in_line
        try:
            for _, run in PASSES:
                run(unit)
        except CompileError:
            if in_pairs:
                continue
            raise
        encoded = Encoder(unit).encode()
        if encoded.fits:
            break
    return lowered, encoded


def _show_passes(unit: ir.Unit, longest_in_line: int, encoded: Encoded, show: Show) -> None:
    """Run the passes once more and show the program after each."""
    unit.longest_in_line = longest_in_line
    show("lower", unit.listing())
    for name, run in PASSES:
        run(unit)
        show(name, unit.listing())
    show("encode", encoded.listing())


def packed(bits: Sequence[int]) -> bytes:
    """Bits as bytes, least significant first."""
    return np.packbits(np.array(bits, np.uint8), bitorder="little").tobytes()
