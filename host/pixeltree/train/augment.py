"""Augmentation: training images seen turned, zoomed, moved, in other light, and noisy."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from pixeltree.errors import SpecificationError


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


def augmented(images: Tensor, ranges: Augmentation) -> Tensor:
    """Images changed at random, each in its own way; draws come from PyTorch's global generator.

    Args:
        images: uint8 (batch, rows, columns).
        ranges: of the changes.

    Returns:
        float32, same shape, whole numbers 0 to 255.
    """
    seen = images.float().unsqueeze(1)
    if ranges.moves:
        seen = nn.functional.grid_sample(
            seen, _grid(seen, ranges), padding_mode="border", align_corners=False
        )
    batch = len(images)
    spread = torch.rand(3, batch, 1, 1, 1) * 2 - 1
    middle = seen.mean(dim=(1, 2, 3), keepdim=True)
    seen = middle + (seen - middle) * (1 + ranges.contrast * spread[0]) + ranges.brightness * spread[1]
    if ranges.noise:
        seen = seen + torch.randn_like(seen) * (ranges.noise * spread[2].abs())
    return seen.round().clamp(0, 255).squeeze(1)


def _grid(images: Tensor, ranges: Augmentation) -> Tensor:
    """Where each pixel of the result comes from: an affine map per image."""
    batch, _, size, _ = images.shape
    spread = torch.rand(batch, 6) * 2 - 1
    angle = spread[:, 0] * math.radians(ranges.rotation)
    zoom = 1 + spread[:, 1:3] * ranges.zoom
    shear = spread[:, 3] * ranges.shear
    cosine, sine = angle.cos(), angle.sin()
    columns = torch.stack([cosine, shear * cosine - sine], dim=1) * zoom[:, :1]
    rows = torch.stack([sine, shear * sine + cosine], dim=1) * zoom[:, 1:]
    shift = spread[:, 4:6, None] * (ranges.shift * 2 / size)
    affine = torch.cat([torch.stack([columns, rows], dim=1), shift], dim=2)
    return nn.functional.affine_grid(affine, list(images.shape), align_corners=False)
