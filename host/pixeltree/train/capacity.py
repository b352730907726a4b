"""What one node may cost, and the best network that stays within it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from pixeltree.errors import CompileError, ModelError, SpecificationError
from pixeltree.model.geometry import ConvolutionGeometry, FullyConnectedGeometry, Pooling, Weights
from pixeltree.model.splitting import channels_do_not_mix, narrowed
from pixeltree.train.specification import NetworkSpecification

_BIAS_BYTES = 4


@dataclass(frozen=True)
class Capacity:
    """Limits of one node. Registers and blocks are the compiler's to check.

    Attributes:
        segment_bytes: see :class:`pixeltree.train.tables.TreeTable`, as for the others.
        outcomes: most outcomes.
        parts: most parts of a network.
    """

    segment_bytes: int
    outcomes: int = 255
    parts: int = 1

    def __post_init__(self) -> None:
        if min(self.segment_bytes, self.parts) < 1 or not 2 <= self.outcomes <= 255:
            raise SpecificationError(
                f"a node needs at least 1 byte of weights, 2 to 255 outcomes and at least 1 part, not {self}"
            )

    def fits(self, network: NetworkSpecification) -> bool:
        """Whether a network, or each part of it, stays within the limits."""
        return self.parts_of(network) is not None

    def parts_of(self, network: NetworkSpecification) -> int | None:
        """The fewest parts that a network needs, 1 if it fits a node as it is; None if it does not fit."""
        if _outcomes(network) > self.outcomes:
            return None
        most = min(self.parts, _separate_channels(network))
        fitting = (n for n in range(1, most + 1) if _part_bytes(network, n) <= self.segment_bytes)
        return next(fitting, None)


def segment_bytes(network: NetworkSpecification) -> int:
    """Bytes of a network's weights, a bit for each sign and 1.6 for each ternary one, and of its biases."""
    head = network.head
    biases = head.outcomes if isinstance(head, FullyConnectedGeometry) else 1
    return (network.weight_bits + 7) // 8 + _BIAS_BYTES * biases


def _separate_channels(network: NetworkSpecification) -> int:
    """Channels between which a network may be divided: all that do not mix, or 1."""
    convolutions = [layer for layer in network.layers if isinstance(layer, ConvolutionGeometry)]
    apart = channels_do_not_mix(convolutions) and isinstance(network.head, FullyConnectedGeometry)
    return convolutions[0].channels if apart else 1


def _part_bytes(network: NetworkSpecification, parts: int) -> int:
    """Bytes of the largest of some parts."""
    if parts == 1:
        return segment_bytes(network)
    channels = math.ceil(_separate_channels(network) / parts)
    layers = (layer if isinstance(layer, Pooling) else narrowed(layer, channels) for layer in network.layers)
    return segment_bytes(replace(network, layers=tuple(layers)))


def choices(
    network: NetworkSpecification, sides: Sequence[int], planes: Sequence[int] = (1,)
) -> list[NetworkSpecification]:
    """The network with each of some sides for its last pooling, and with each of some planes of weights.

    The finest pooling comes first, with most planes. A side of 1 leaves the pooling out; what fits no image
    is left out.

    Raises:
        SpecificationError: it has no pooling.
    """
    places = [index for index, layer in enumerate(network.layers) if isinstance(layer, Pooling)]
    if not places:
        raise SpecificationError("a network whose size is to be chosen needs a pooling layer")
    last = network.layers[places[-1]]
    assert isinstance(last, Pooling)
    result = []
    for side in sorted(sides):
        layers = list(network.layers)
        layers[places[-1] : places[-1] + 1] = [Pooling(side)] if side > 1 else []
        try:
            pooled = replace(network, layers=tuple(layers))
        except ModelError:
            continue
        result += [replace(pooled, head=head) for head in _heads(network, planes)]
    return result


def _heads(network: NetworkSpecification, planes: Sequence[int]) -> list[FullyConnectedGeometry]:
    """Heads of a network with each of some planes of weights, most first; ternary weights have no planes."""
    head = network.head
    if isinstance(head, FullyConnectedGeometry) and head.weights is Weights.TERNARY:
        return [head]
    return [FullyConnectedGeometry(_outcomes(network), each) for each in sorted(planes, reverse=True)]


def _outcomes(network: NetworkSpecification) -> int:
    """Outcomes of a fully connected head; 2 without one."""
    return network.head.outcomes if isinstance(network.head, FullyConnectedGeometry) else 2


def best_fit(
    candidates: Sequence[NetworkSpecification], outcomes: int, capacity: Capacity
) -> NetworkSpecification | None:
    """The first candidate that fits with so many outcomes, its head changed to them; None if none does."""
    for candidate in candidates:
        network = candidate.with_outcomes(outcomes)
        if capacity.fits(network):
            return network
    return None


def most_outcomes(network: NetworkSpecification, capacity: Capacity) -> int:
    """The most outcomes with which a network fits; 0 if it does not fit with 2."""
    fitting = range(2, capacity.outcomes + 1)
    return max((n for n in fitting if capacity.fits(network.with_outcomes(n))), default=0)


def require_fit(
    candidates: Sequence[NetworkSpecification], outcomes: int, capacity: Capacity
) -> NetworkSpecification:
    """As :func:`best_fit`, where something must fit.

    Raises:
        CompileError: nothing does; says what the smallest would need.
    """
    network = best_fit(candidates, outcomes, capacity)
    if network is None:
        smallest = min(segment_bytes(each.with_outcomes(outcomes)) for each in candidates)
        parts = f", nor {capacity.parts} of them together" if capacity.parts > 1 else ""
        raise CompileError(
            f"no network for {outcomes} outcomes fits a node of {capacity.segment_bytes:,} bytes and "
            f"{capacity.outcomes} outcomes{parts}; the smallest needs {smallest:,} bytes"
        )
    return network
