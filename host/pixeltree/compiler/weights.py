"""A folded network's parameters as weight segments."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pixeltree.compiler.plan import BIAS_BITS, GRID, block_bit
from pixeltree.compiler.readout import feature_order
from pixeltree.network import KERNEL_COUNT, KERNEL_SIZE, FoldedNetwork
from pixeltree_protocol.objects import BlockPlanes, FullyConnected

TAPS = KERNEL_SIZE * KERNEL_SIZE


def tap_path() -> list[tuple[int, int]]:
    """The order in which kernel taps (row, column) are visited: a snake, one pixel from each to the next."""
    rows = range(KERNEL_SIZE)
    return [(r, c if r % 2 == 0 else KERNEL_SIZE - 1 - c) for r in rows for c in range(KERNEL_SIZE)]


def bias_counts(network: FoldedNetwork) -> npt.NDArray[np.int64]:
    """The folded bias of each kernel in counts: int64 (16,), 0 to 17.

    The array counts mismatches D between input bits and weights. With ``neg`` negative weights in a
    kernel, D = 16 - S - neg, so ``S >= threshold`` is ``(17 - neg - threshold) - D > 0``.
    """
    negatives = np.sum(network.kernels < 0, axis=(1, 2))
    return np.asarray(np.clip(TAPS + 1 - negatives - network.thresholds, 0, TAPS + 1), np.int64)


def convolution_segment(network: FoldedNetwork) -> BlockPlanes:
    """16 planes of weights in tap order, then the bias bits, most significant first: 42 bytes of content."""
    weights = [network.kernels[:, r, c] > 0 for r, c in tap_path()]
    counts = bias_counts(network)
    biases = [counts >> bit & 1 for bit in reversed(range(BIAS_BITS))]
    return BlockPlanes(GRID, GRID, tuple(_plane(values) for values in (*weights, *biases)))


def output_segment(network: FoldedNetwork) -> FullyConnected:
    """Signs and biases of the fully connected layer, inputs in the order in which they are read out."""
    order = feature_order(network.pool)
    signs = network.weights.reshape(network.outcomes, -1)[:, order] > 0
    rows = np.packbits(signs, axis=1, bitorder="little")
    return FullyConnected(
        len(order), tuple(int(b) for b in network.biases), tuple(row.tobytes() for row in rows)
    )


def _plane(bits: npt.NDArray[np.generic]) -> int:
    return sum(1 << block_bit(kernel) for kernel in range(KERNEL_COUNT) if bits[kernel])
