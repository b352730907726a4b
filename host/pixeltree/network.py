"""A folded network and its integer reference: what the device must reproduce bit for bit.

The network of one node is, in this release, the layer stack of Liu et al. 2022 (Front. Neurosci.
16:909448) in its smallest form::

    input bits x in {0, 1}, 64 x 64
    -> 16 binary kernels 4 x 4:   S_k(r, c) = sum_ij kernel_k[i, j] * x(r + i, c + j)   (0 outside)
    -> folded batch norm:         a_k(r, c) = S_k(r, c) >= threshold_k
    -> OR pooling, p x p:         b_k(R, C) = any a_k in the cell
    -> binary fully connected:    logit_n = sum_kRC  weight_n,kRC * (2 b_kRC - 1)  +  bias_n

Rows grow downward and columns grow to the right, as in any image array.

Using x in {0, 1} instead of {-1, +1} loses nothing: with X = 2x - 1 (and X = -1 outside the image),
sum w X = 2 S - sum w, and the constant ``sum w`` disappears in the fold.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pixeltree.errors import NetworkError
from pixeltree.folded import Convolution, FoldedModel, FullyConnected, InputSpec, Pooling

INPUT_SIZE = 64
"""Height and width of a node's input, in pixels; also the block size on the array (256 / 4)."""

KERNEL_COUNT = 16
KERNEL_SIZE = 4

POOLS = (2, 4, 8, 16)
"""Sides that a pooling cell can have."""

GREATEST_BIAS = 2**24
"""Logits stay far inside 32 bits; without biases they cannot exceed the 16,384 inputs of pool 2."""

BitPlane = npt.NDArray[np.bool_]
SignArray = npt.NDArray[np.int8]


@dataclass(frozen=True, eq=False)
class FoldedNetwork:
    """The integer parameters of one node's network.

    Attributes:
        kernels: int8 (16, 4, 4), values -1 or +1.
        thresholds: int16 (16,); a kernel fires where its sum S, in [-16, 16], is >= its threshold.
            17 means never, -16 means always.
        pool: side of an OR-pooling cell in pixels; 2, 4, 8 or 16.
        weights: int8 (outcomes, 16, 64 / pool, 64 / pool), values -1 or +1.
        biases: int32 (outcomes,), added to the logits.
    """

    kernels: SignArray
    thresholds: npt.NDArray[np.int16]
    pool: int
    weights: SignArray
    biases: npt.NDArray[np.int32]

    def __post_init__(self) -> None:
        if self.pool not in POOLS:
            raise NetworkError(f"pool is {self.pool}; it must be one of {POOLS}")
        cells = INPUT_SIZE // self.pool
        outcomes = len(self.biases)
        _expect("kernels", self.kernels, (KERNEL_COUNT, KERNEL_SIZE, KERNEL_SIZE), signs=True)
        _expect("thresholds", self.thresholds, (KERNEL_COUNT,))
        _expect("weights", self.weights, (outcomes, KERNEL_COUNT, cells, cells), signs=True)
        _expect("biases", self.biases, (outcomes,))
        if np.any(np.abs(self.biases.astype(np.int64)) > GREATEST_BIAS):
            raise NetworkError(f"a bias is beyond +-{GREATEST_BIAS:,}")
        if outcomes < 2:
            raise NetworkError(f"the network has {outcomes} outcomes; a node needs at least 2 to decide")

    @property
    def outcomes(self) -> int:
        """Number of outputs."""
        return len(self.biases)

    def model(self, threshold: int, margin: int) -> FoldedModel:
        """The same network as a folded model, for an input of this threshold and margin.

        With X = 2 x - 1, ``S = sum w x >= threshold`` is ``sum w X + (sum w - 2 threshold + 1) > 0``.
        """
        bias = self.kernels.sum(axis=(1, 2), dtype=np.int32) - 2 * self.thresholds.astype(np.int32) + 1
        convolution = Convolution(
            self.kernels[:, None], bias, np.zeros(KERNEL_COUNT, np.bool_), after=KERNEL_SIZE - 1
        )
        head = FullyConnected(self.weights, self.biases)
        layers = (convolution, Pooling(self.pool))
        return FoldedModel(InputSpec(INPUT_SIZE, margin, threshold), layers, head)

    def convolve(self, bits: BitPlane) -> npt.NDArray[np.int16]:
        """Kernel sums S: int16 (16, 64, 64), each in [-16, 16]. ``bits`` is bool (64, 64)."""
        if bits.shape != (INPUT_SIZE, INPUT_SIZE):
            raise NetworkError(f"input bits have shape {bits.shape}; expected (64, 64)")
        reach = KERNEL_SIZE - 1
        padded = np.pad(bits.astype(np.int16), ((0, reach), (0, reach)))
        windows = np.lib.stride_tricks.sliding_window_view(padded, (KERNEL_SIZE, KERNEL_SIZE))
        return np.asarray(np.einsum("rcij,kij->krc", windows, self.kernels.astype(np.int16)), np.int16)

    def activations(self, bits: BitPlane) -> npt.NDArray[np.bool_]:
        """Binarized kernel sums: bool (16, 64, 64)."""
        return self.convolve(bits) >= self.thresholds[:, None, None]

    def features(self, bits: BitPlane) -> npt.NDArray[np.bool_]:
        """OR-pooled activations: bool (16, 64 / pool, 64 / pool)."""
        cells = INPUT_SIZE // self.pool
        tiles = self.activations(bits).reshape(KERNEL_COUNT, cells, self.pool, cells, self.pool)
        return np.asarray(tiles.any(axis=(2, 4)))

    def logits(self, bits: BitPlane) -> npt.NDArray[np.int32]:
        """Output sums: int32 (outcomes,)."""
        signs = self.features(bits).astype(np.int32).ravel() * 2 - 1
        return self.weights.reshape(self.outcomes, -1).astype(np.int32) @ signs + self.biases


def _expect(name: str, array: npt.NDArray[np.generic], shape: tuple[int, ...], signs: bool = False) -> None:
    if array.shape != shape:
        raise NetworkError(f"{name} has shape {array.shape}; expected {shape}")
    if signs and not np.all(np.abs(array) == 1):
        raise NetworkError(f"{name} must hold only -1 and +1")
