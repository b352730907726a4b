"""What one node may cost, and the best network that stays within it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from pixeltree.errors import CompileError
from pixeltree.train.specification import FullyConnected, NetworkSpecification, Pooling, SpecificationError

_BIAS_BYTES = 4


@dataclass(frozen=True)
class Capacity:
    """Limits of one node. Registers and blocks are the compiler's to check.

    Attributes:
        segment_bytes: weights and biases, in bytes.
        outcomes: most outcomes.
    """

    segment_bytes: int
    outcomes: int = 255

    def __post_init__(self) -> None:
        if self.segment_bytes < 1 or not 2 <= self.outcomes <= 255:
            raise SpecificationError(f"a node needs room for weights and for 2 to 255 outcomes: {self}")

    def fits(self, network: NetworkSpecification) -> bool:
        """Whether a network stays within the limits."""
        head = network.head
        outcomes = head.outcomes if isinstance(head, FullyConnected) else 2
        return outcomes <= self.outcomes and segment_bytes(network) <= self.segment_bytes


def segment_bytes(network: NetworkSpecification) -> int:
    """Bytes of a network's weights, one bit each, and of the logits' biases."""
    head = network.head
    biases = head.outcomes if isinstance(head, FullyConnected) else 1
    return (network.weight_bits + 7) // 8 + _BIAS_BYTES * biases


def pooled(network: NetworkSpecification, sides: Sequence[int]) -> list[NetworkSpecification]:
    """The network with each of some sides for its last pooling, finest first; what fits no image is left out.

    A side of 1 leaves the pooling out.

    Raises:
        SpecificationError: it has no pooling.
    """
    places = [index for index, layer in enumerate(network.layers) if isinstance(layer, Pooling)]
    if not places:
        raise SpecificationError("a network whose size is to be chosen needs a pooling layer")
    last = network.layers[places[-1]]
    assert isinstance(last, Pooling)
    kind = last.kind
    result = []
    for side in sorted(sides):
        layers = list(network.layers)
        layers[places[-1] : places[-1] + 1] = [Pooling(kind, side)] if side > 1 else []
        try:
            result.append(replace(network, layers=tuple(layers)))
        except SpecificationError:
            continue
    return result


def best_fit(
    candidates: Sequence[NetworkSpecification], outcomes: int, capacity: Capacity
) -> NetworkSpecification | None:
    """The first candidate that fits with so many outcomes, its head changed to them; None if none does."""
    for candidate in candidates:
        network = replace(candidate, head=FullyConnected(outcomes))
        if capacity.fits(network):
            return network
    return None


def most_outcomes(network: NetworkSpecification, capacity: Capacity) -> int:
    """The most outcomes with which a network fits; 0 if it does not fit with 2."""
    fitting = range(2, capacity.outcomes + 1)
    return max((n for n in fitting if capacity.fits(replace(network, head=FullyConnected(n)))), default=0)


def require_fit(
    candidates: Sequence[NetworkSpecification], outcomes: int, capacity: Capacity
) -> NetworkSpecification:
    """As :func:`best_fit`, where something must fit.

    Raises:
        CompileError: nothing does; says what the smallest would need.
    """
    network = best_fit(candidates, outcomes, capacity)
    if network is None:
        smallest = min(segment_bytes(replace(each, head=FullyConnected(outcomes))) for each in candidates)
        raise CompileError(
            f"no network for {outcomes} outcomes fits a node of {capacity.segment_bytes:,} bytes and "
            f"{capacity.outcomes} outcomes; the smallest needs {smallest:,} bytes"
        )
    return network
