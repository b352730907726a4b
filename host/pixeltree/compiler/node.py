"""Compile one network into a node image."""

from __future__ import annotations

from collections.abc import Sequence

from pixeltree.compiler import kernels
from pixeltree.compiler.image import CompiledNode, ImageBuilder
from pixeltree.compiler.plan import BIAS_BITS, SHIFTED, UNIT, WEIGHT
from pixeltree.compiler.weights import TAPS, convolution_segment, output_segment, tap_path
from pixeltree.errors import CompileError
from pixeltree.network import FoldedNetwork
from pixeltree_protocol.objects import Exit
from pixeltree_protocol.objects.program import (
    ApplyFullyConnected,
    Argmax,
    LoadPlane,
    ScanDreg,
    SelectPattern,
    SetIn,
)
from pixeltree_protocol.registers import ARRAY_SIZE, DREGS, Direction

_ADDRESS_MASK = ARRAY_SIZE - 1


def compile_node(network: FoldedNetwork, exits: Sequence[Exit]) -> CompiledNode:
    """Compile a network.

    Args:
        network: the folded network.
        exits: where each outcome leads, one per output of the network.

    Raises:
        CompileError: the network does not fit the array or the contract.
    """
    if len(exits) != network.outcomes:
        raise CompileError(f"{network.outcomes} outcomes need as many exits, not {len(exits)}")
    builder = ImageBuilder()
    convolution = builder.add_segment(convolution_segment(network))
    builder.steps.append(SetIn(UNIT))
    _make_bias(builder, convolution)
    _convolve(builder, convolution)
    builder.run(kernels.binarize())
    _read_features(builder, network.pool)
    output = builder.add_segment(output_segment(network))
    builder.steps += [ApplyFullyConnected(output), Argmax()]
    return builder.build(exits)


def _make_bias(builder: ImageBuilder, segment: int) -> None:
    builder.run(kernels.clear_bias())
    for bit in range(BIAS_BITS):
        builder.steps.append(LoadPlane(segment, TAPS + bit, DREGS.index(WEIGHT)))
        builder.run(kernels.add_bias_bit())


def _convolve(builder: ImageBuilder, segment: int) -> None:
    builder.run(kernels.begin_sum())
    path = tap_path()
    for index in range(TAPS):
        direction = _direction(path[index], path[index + 1]) if index + 1 < TAPS else None
        builder.steps.append(LoadPlane(segment, index, DREGS.index(WEIGHT)))
        builder.run(kernels.tap(direction))


def _direction(here: tuple[int, int], there: tuple[int, int]) -> Direction:
    """The neighbour to read so that the input under tap ``here`` becomes that under tap ``there``."""
    if there[0] > here[0]:
        return Direction.SOUTH
    return Direction.EAST if there[1] > here[1] else Direction.WEST


def _read_features(builder: ImageBuilder, pool: int) -> None:
    builder.run(kernels.pool(pool))
    upper_bits = _ADDRESS_MASK & ~(pool - 1)
    # the top-left PE of a cell, seen on the picture, has the highest column number
    builder.steps.append(SelectPattern(0, pool - 1, upper_bits, upper_bits))
    builder.run(kernels.pack(pool))
    band = pool**2
    step = band if band < ARRAY_SIZE else 1
    builder.steps.append(ScanDreg(DREGS.index(SHIFTED), 0, step, ARRAY_SIZE // band))
