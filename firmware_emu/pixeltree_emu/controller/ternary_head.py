"""A fully connected layer whose weights are ternary: signs, and a mask of those that are not 0.

logit = number of inputs that count - 2 * popcount((bits XOR signs) AND mask) + bias
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pixeltree_protocol.objects import FullyConnected
from pixeltree_protocol.objects.ternary import unpack_ternary


class TernaryHead:
    """A layer made ready: the signs and the mask of each output, packed as the bits that are read.

    Args:
        segment: of ternary weights.
    """

    def __init__(self, segment: FullyConnected) -> None:
        row = len(segment.weights) // len(segment.biases)
        rows = [segment.weights[at : at + row] for at in range(0, len(segment.weights), row)]
        weights = np.array([unpack_ternary(each, segment.inputs) for each in rows])
        self._signs = np.packbits(weights > 0, axis=1, bitorder="little")
        self._mask = np.packbits(weights != 0, axis=1, bitorder="little")
        self._alike = np.array(segment.biases, np.int64) + np.count_nonzero(weights, axis=1)

    def logits(self, inputs: npt.NDArray[np.uint8]) -> tuple[int, ...]:
        """The logits of the input bits, uint8 (ceil(inputs / 8),); those beyond the last do not count."""
        unlike = np.bitwise_count((inputs ^ self._signs) & self._mask).sum(axis=1, dtype=np.int64)
        return tuple((self._alike - 2 * unlike).tolist())
