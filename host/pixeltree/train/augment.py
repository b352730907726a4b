"""Augmentation: training images seen turned, zoomed, moved, in other light, and noisy."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from pixeltree.errors import SpecificationError
from pixeltree.train.pictures import change


@dataclass(frozen=True)
class Augmentation:
    """How training images are changed. Each change is drawn uniformly from its range, with either sign.

    Rotation, zoom, shear and shift are for classification only, since they do not move the targets.

    Attributes:
        rotation: largest rotation, in degrees.
        zoom: largest relative change of the scale of either axis, below 1.
        shear: largest shear, columns per row.
        shift: largest shift along each axis, in pixels.
        brightness: largest change of all levels, in grey levels.
        contrast: largest relative change of levels, below 1.
        noise: greatest sigma of Gaussian noise, in grey levels.
    """

    rotation: float = 0.0
    zoom: float = 0.0
    shear: float = 0.0
    shift: float = 0.0
    brightness: float = 0.0
    contrast: float = 0.0
    noise: float = 0.0

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if value < 0 or (name in ("zoom", "contrast") and value >= 1):
                raise SpecificationError(
                    f"augmentation: {name} is {value}; at least 0, zoom and contrast below 1"
                )

    @property
    def moves(self) -> bool:
        """Whether anything changes its place."""
        return any((self.rotation, self.zoom, self.shear, self.shift))


def augmented(
    images: npt.NDArray[np.uint8], ranges: Augmentation, generator: torch.Generator
) -> npt.NDArray[np.uint8]:
    """Images changed at random, each in its own way; all draws are one fill of random words.

    Args:
        images: uint8 (batch, rows, columns).
        ranges: of the changes.
        generator: where draws come from.

    Returns:
        uint8, same shape.
    """
    drawn = torch.randint(0, 1 << 31, (len(images), _DRAWS), dtype=torch.int32, generator=generator).numpy()
    spread = drawn / 2.0**30 - 1
    result = np.empty_like(images)
    keys = np.ascontiguousarray(drawn[:, :2]).view(np.uint32)
    change(images, _maps(spread[:, 2:], ranges, images.shape[1]), _light(spread[:, 8:], ranges), keys, result)
    return result


_DRAWS = 11
"""Random words of an image: two keys of its noise, six for where pixels come from, three for its light."""


def _light(spread: npt.NDArray[np.float64], ranges: Augmentation) -> npt.NDArray[np.float32]:
    """Contrast, brightness, and sigma of noise of each image: float32 (batch, 3)."""
    contrast, brightness = 1 + ranges.contrast * spread[:, 0], ranges.brightness * spread[:, 1]
    return np.stack([contrast, brightness, ranges.noise * np.abs(spread[:, 2])], axis=1).astype(np.float32)


def _maps(spread: npt.NDArray[np.float64], ranges: Augmentation, size: int) -> npt.NDArray[np.float32]:
    """Where each pixel of the result comes from: an affine map per image, float32 (batch, 2, 3).

    Row and column of the source are ``map @ (row, column, 1)``.
    """
    angle = spread[:, 0] * math.radians(ranges.rotation)
    across, down = 1 + spread[:, 1] * ranges.zoom, 1 + spread[:, 2] * ranges.zoom
    shear = spread[:, 3] * ranges.shear
    cosine, sine = np.cos(angle), np.sin(angle)
    rows = np.stack([(sine * shear + cosine) * down, sine * down], axis=1)
    columns = np.stack([(shear * cosine - sine) * across, cosine * across], axis=1)
    turned = np.stack([rows, columns], axis=1)
    middle = (size - 1) / 2
    moved = middle - turned.sum(axis=2) * middle + spread[:, [5, 4]] * ranges.shift
    return np.concatenate([turned, moved[:, :, None]], axis=2).astype(np.float32)
