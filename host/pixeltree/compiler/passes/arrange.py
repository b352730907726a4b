"""First pass: which channel goes where on its grid, a free choice that decides what loading weights costs.

A weight plane is a boolean function of a channel's position, and its cover of selections is what it costs.
For layers whose channels do not mix, all planes of a chain of layers take one common permutation of the
positions. The search is threshold accepting (Dueck and Scheuer 1990): swap two channels, take what is not
worse by more than a bound that shrinks. Integers and a fixed sequence of draws: every machine finds the same.
"""

from __future__ import annotations

import random
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from pixeltree.compiler.layout import FeatureMap, Layout, array_position
from pixeltree.compiler.taps import bias_planes, taps
from pixeltree.errors import CompileError
from pixeltree.model import Convolution, FoldedModel, Pooling
from pixeltree.model.geometry import Weights
from pixeltree_protocol.chip.costs import CostTable
from pixeltree_protocol.objects.cover import cube_counts

Arrangement = list[tuple[int, ...]]

_SEARCHED_POSITIONS = 16
"""Grids of this many positions are searched: smaller ones gain little, larger ones have no table."""

_SWAPS = 4000
_START_BOUND_NS = 1500
_REGISTERS = 4
"""Selections of a plane beyond this many take a launch and two words each."""


def arrange(model: FoldedModel, layout: Layout) -> Arrangement:
    """Grid positions of every layer's output channels; empty for pooling.

    Raises:
        CompileError: a layer has more channels than the grid has positions.
    """
    there = layout.grid.positions
    for index, layer in enumerate(model.layers):
        if isinstance(layer, Convolution) and (channels := layer.geometry.channels) > there:
            raise CompileError(
                f"layer {index}: {channels} channels, and {layout} has room for {there}: use fewer "
                "channels, or a smaller input"
            )
    result: Arrangement = [()] * len(model.layers)
    for chain in _chains(model):
        positions = _search([model.layers[index] for index in chain], layout)
        for index in chain:
            result[index] = positions
    return result


def _chains(model: FoldedModel) -> list[list[int]]:
    """Layers that must share an arrangement: a convolution and the depthwise ones that follow it."""
    chains: list[list[int]] = []
    for index, layer in enumerate(model.layers):
        if isinstance(layer, Pooling):
            continue
        if chains and layer.weights.shape[1] == 1 and layer.geometry.groups == layer.geometry.channels > 1:
            chains[-1].append(index)
        else:
            chains.append([index])
    return chains


def _search(chain: list[Convolution | Pooling], layout: Layout) -> tuple[int, ...]:
    """The positions of a chain's channels."""
    layers = [layer for layer in chain if isinstance(layer, Convolution)]
    outputs = layers[0].geometry.channels
    identity = tuple(range(outputs))
    is_alone = all(layer.weights.shape[1] == 1 and layer.geometry.groups in {1, outputs} for layer in layers)
    if not is_alone or outputs != _SEARCHED_POSITIONS or layout.grid.positions != _SEARCHED_POSITIONS:
        return identity
    planes = _planes(layers, layout)
    price = _prices()
    order = list(identity)
    cost = int(price[planes].sum())
    best, best_cost = tuple(order), cost
    draws = random.Random(0)
    for swap in range(_SWAPS):
        first, second = int(draws.random() * outputs), int(draws.random() * outputs)
        differ = (planes >> first ^ planes >> second) & 1
        swapped = planes ^ (differ << first) ^ (differ << second)
        swapped_cost = int(price[swapped].sum())
        if swapped_cost <= cost + _START_BOUND_NS * (_SWAPS - 2 * swap) // _SWAPS:
            planes, cost = swapped, swapped_cost
            order[first], order[second] = order[second], order[first]
            if cost < best_cost:
                best, best_cost = tuple(order), cost
    place = [array_position(layout, position) for position in identity]
    return tuple(place.index(best.index(place[channel])) for channel in identity)


def _planes(layers: list[Convolution], layout: Layout) -> npt.NDArray[np.int64]:
    """Every weight and bias plane as an integer, bit p for the channel at array position p."""
    identity = tuple(range(_SEARCHED_POSITIONS))
    place = [array_position(layout, position) for position in identity]
    planes = []
    for layer in layers:
        sources = () if layer.geometry.groups == 1 else identity
        source = FeatureMap((len(sources) or 1, 1, 1), layout, 1, sources)
        target = FeatureMap((len(identity), 1, 1), layout, 1, identity)
        visited = taps(layer, source, target)
        values = [{p: tap.stored(p) > 0 for p in tap.weights} for tap in visited]
        if layer.geometry.weights is Weights.TERNARY:
            values += [{p: not tap.stored(p) for p in tap.weights} for tap in visited]
        values += bias_planes(layer, visited, target)
        planes += [sum(1 << place[position] for position in identity if plane[position]) for plane in values]
    return np.array(planes, np.int64)


@lru_cache(maxsize=1)
def _prices() -> npt.NDArray[np.int64]:
    """What loading each function of a position costs, in nanoseconds: int64 (65,536,)."""
    costs = CostTable()
    counts = cube_counts().astype(np.int64)
    merge = costs.launch_ns + 2 * costs.word_ns
    return np.asarray(counts * costs.select_ns + np.maximum(0, counts - _REGISTERS) * merge)
