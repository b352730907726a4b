"""Input binarization in training: the bits that the array will compute, with a gradient for the threshold."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from pixeltree.train.binarize import Estimator, sign
from pixeltree.train.specification import Input

SOFTNESS = 16.0
"""Half-range grey levels about the threshold within which a pixel moves it."""


class InputBinarization(nn.Module):
    """X = sign(level - what it is compared with - threshold), -1 in the margin; level = brightness // 2.

    That is 0, the local mean, or the level of the whole image (``excess``). All are integers, so
    ``level - mean > t`` is ``level - mean > floor(t)``: a learned real threshold folds to an integer exactly.

    Attributes:
        threshold: float (), a parameter if learned.
    """

    threshold: Tensor

    def __init__(self, specification: Input) -> None:
        super().__init__()
        self.specification = specification
        start = torch.tensor(specification.threshold + 0.5)
        if specification.learned:
            self.threshold = nn.Parameter(start / SOFTNESS)
        else:
            self.register_buffer("threshold", start / SOFTNESS)
        self._least = -127 if specification.local_mean or specification.excess else 0

    def folded_threshold(self) -> int:
        """The integer threshold, kept within the range that the array has."""
        return int(torch.clamp(torch.floor(self.threshold.double() * SOFTNESS), self._least, 127))

    def forward(self, brightness: Tensor) -> Tensor:
        """Signs: float32 (batch, 1, rows, columns).

        Args:
            brightness: (batch, rows, columns), whole numbers 0 to 255, of any type.
        """
        level = (brightness.to(torch.uint8) >> 1).float().unsqueeze(1)
        threshold = torch.clamp(self.threshold * SOFTNESS, self._least, 127.5)
        if not self.training:
            threshold = threshold.floor() + 0.5
        if self.specification.local_mean or self.specification.excess:
            level = level - _local_means(level, self.specification.local_mean) - self._image_level(level)
        signs = sign((level - threshold) / SOFTNESS, Estimator.CLIPPED)
        margin = self.specification.margin
        if not margin:
            return signs
        inner = signs[:, :, margin:-margin, margin:-margin]
        return nn.functional.pad(inner, (margin,) * 4, value=-1.0)

    def _image_level(self, level: Tensor) -> Tensor:
        """``InputSpec._image_level`` for a batch: float32 (batch, 1, 1, 1); zeros without ``excess``."""
        excess, margin = self.specification.excess, self.specification.margin
        if not excess:
            return level.new_zeros(len(level), 1, 1, 1)
        size = self.specification.size
        within = level[:, :, margin : size - margin, margin : size - margin].long()
        mean = _rounded_means(within)
        return (mean - excess * _rounded_means(torch.clamp(mean - within, max=0))).float()


def _rounded_means(values: Tensor) -> Tensor:
    """Means of each image to the nearest integer, halves up: int64 (batch, 1, 1, 1)."""
    count = values[0].numel()
    sums = values.sum(dim=(1, 2, 3), keepdim=True)
    return torch.div(2 * sums + count, 2 * count, rounding_mode="floor")


def _local_means(level: Tensor, powers: int) -> Tensor:
    """Means of the 2^j x 2^j pixels that begin at each pixel and go right and down; 0 beyond the edge.

    This is ``InputSpec.binarize`` for a batch: average with the pixel 2^i to the right, then with the one 2^i
    below, rounded down each time, for i from 0 to j - 1.
    """
    if not powers:
        return torch.zeros_like(level)
    mean = level
    for power in range(powers):
        distance = 1 << power
        right = nn.functional.pad(mean, (0, distance, 0, 0))[:, :, :, distance:]
        mean = torch.div(mean + right, 2, rounding_mode="floor")
        below = nn.functional.pad(mean, (0, 0, 0, distance))[:, :, distance:]
        mean = torch.div(mean + below, 2, rounding_mode="floor")
    return mean
