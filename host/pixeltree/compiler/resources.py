"""What a compiled node needs of each of the controller's resources, layer by layer, and what there is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pixeltree.compiler import ir
from pixeltree.compiler.cost import Cost
from pixeltree.compiler.encode import Encoded
from pixeltree.errors import CompileError
from pixeltree_protocol.objects import MAX_BLOCK_WORDS
from pixeltree_protocol.objects.program import MAX_SLOTS, Launch
from pixeltree_protocol.objects.segment import MAX_PACKED_BYTES, MOST_TERNARY_WEIGHTS
from pixeltree_protocol.objects.verify import MAX_WORDS_PER_NODE

_OFFSET_BITS = 32
_MOST_MASKS = 255
_MOST_STEPS = 0xFFFF


@dataclass(frozen=True)
class Needs:
    """What one layer adds to the node.

    Attributes:
        name: the layer.
        stored_words: words of blocks that no layer before has.
        blocks: such blocks, as indices.
        weight_bits: bits in the packed weight segment.
        ternary_weights: weights in the ternary segment.
        masks: planes of the mask segment that no layer before has.
        steps: controller steps.
        words: instruction words that it executes.
    """

    name: str
    stored_words: int
    blocks: tuple[int, ...]
    weight_bits: int
    ternary_weights: int
    masks: int
    steps: int
    words: int


@dataclass(frozen=True)
class _Resource:
    """A resource, how much of it a layer needs, how much there is, and how to need less."""

    name: str
    need: Callable[[Needs], int]
    there: int
    advice: str


_RESOURCES = (
    _Resource(
        "words in the controller's block store",
        lambda needs: needs.stored_words,
        MAX_BLOCK_WORDS,
        "a smaller kernel there, more groups, or the same shape as another layer's, which shares its blocks",
    ),
    _Resource(
        "blocks that a program can name",
        lambda needs: len(needs.blocks),
        MAX_SLOTS,
        "a smaller kernel there, or more groups",
    ),
    _Resource(
        "bits of weights and biases",
        lambda needs: needs.weight_bits,
        8 * MAX_PACKED_BYTES,
        "fewer channels there, more groups, or a smaller kernel",
    ),
    _Resource(
        "ternary weights",
        lambda needs: needs.ternary_weights,
        MOST_TERNARY_WEIGHTS,
        "fewer channels there, more groups, or a smaller kernel",
    ),
    _Resource(
        "planes that say where a tap is",
        lambda needs: needs.masks,
        _MOST_MASKS,
        "fewer channels there, no groups or one per channel, or a smaller kernel",
    ),
    _Resource(
        "controller steps",
        lambda needs: needs.steps,
        _MOST_STEPS,
        "fewer channels there, or a smaller kernel",
    ),
    _Resource(
        "instruction words executed",
        lambda needs: needs.words,
        MAX_WORDS_PER_NODE,
        "cells in place of blocks, more groups, or a smaller kernel",
    ),
)


def needs_of(unit: ir.Unit, encoded: Encoded, costs: Sequence[Cost]) -> tuple[Needs, ...]:
    """What every section of an encoded unit adds, in order; ``costs`` are the sections'."""
    result = []
    blocks: set[int] = set()
    masks: set[int] = set()
    for number, (section, cost) in enumerate(zip(unit.sections, costs, strict=True)):
        steps = [step for step, of in zip(encoded.steps, encoded.sections, strict=True) if of == number]
        runs = dict.fromkeys(step.block for step in steps if isinstance(step, Launch))
        new = tuple(block for block in runs if block not in blocks)
        blocks |= set(new)
        loads = [operation for operation in section.operations if isinstance(operation, ir.LoadWeights)]
        bits = sum(load.width for load in loads if load.ternary is None)
        ternary = sum(load.width for load in loads if load.ternary is ir.Ternary.ZEROS)
        bits += _OFFSET_BITS * sum(
            isinstance(operation, ir.ScanMap | ir.SumLogit) for operation in section.operations
        )
        new_masks = {load.mask for load in loads if not load.of_head} - masks
        masks |= new_masks
        stored = sum(len(encoded.blocks[block].words) for block in new)
        result.append(Needs(section.name, stored, new, bits, ternary, len(new_masks), len(steps), cost.words))
    return tuple(result)


def check_resources(needs: Sequence[Needs]) -> None:
    """Refuse what does not fit.

    Raises:
        CompileError: the resource, what each layer needs of it, what there is, and what would need less.
    """
    for resource in _RESOURCES:
        total = sum(resource.need(layer) for layer in needs)
        if total <= resource.there:
            continue
        layers = [(resource.need(layer), layer.name) for layer in needs if resource.need(layer)]
        most, name = max(layers)
        listing = "; ".join(f"layer {layer}: {need:,}" for need, layer in layers)
        enough = resource.there - (total - most)
        remedy = (
            f"Layer {name} would have to do with {enough:,}: {resource.advice}"
            if enough > 0
            else "The other layers alone are too many: fewer layers, or two nodes"
        )
        raise CompileError(
            f"{total:,} {resource.name} are needed, and {resource.there:,} are there. {listing}. {remedy}"
        )
