"""Backgrounds that look natural: dead leaves with a fractal texture under uneven light.

Dead leaves, objects that hide each other with radii distributed as 1 / r^3, have the statistics of natural
images over many scales: A. B. Lee, D. Mumford, J. Huang, "Occlusion models for natural images", Int. J.
Computer Vision 41 (2001) 35-59.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

LEAVES = 90
"""Enough that they cover an image of 64 x 64 but for a few pixels."""

RADII = (2.5, 24.0)
"""Least and greatest radius of a leaf, in pixels."""

LEAF_LEVELS = (15.0, 190.0)
TEXTURE = 14.0
"""Greatest amplitude of the texture, in grey levels."""


def background(size: int, random: np.random.Generator) -> Floats:
    """One background.

    Args:
        size: rows and columns, a power of two.
        random: source of every draw.

    Returns:
        float64 (size, size), grey levels, about 0 to 210.
    """
    rows, columns = np.mgrid[:size, :size].astype(np.float64)
    image = np.full((size, size), random.uniform(*LEAF_LEVELS))
    for _ in range(LEAVES):
        _paint_leaf(image, rows, columns, random)
    return image + _texture(size, random) * (random.random() * TEXTURE)


def _paint_leaf(image: Floats, rows: Floats, columns: Floats, random: np.random.Generator) -> None:
    """One shaded ellipse over what is there; the radius by inversion of its distribution."""
    least, greatest = (1 / radius**2 for radius in RADII)
    radius = 1 / math.sqrt(least + (greatest - least) * random.random())
    row, column = random.random(2) * image.shape
    angle = random.random() * math.pi
    flat = random.uniform(0.5, 1.0)
    level, shading = random.uniform(*LEAF_LEVELS), random.uniform(-25, 25)
    along = math.cos(angle) * (rows - row) + math.sin(angle) * (columns - column)
    across = math.cos(angle) * (columns - column) - math.sin(angle) * (rows - row)
    inside = along**2 + (across / flat) ** 2 <= radius**2
    image[inside] = level + shading * along[inside] / radius


def _texture(size: int, random: np.random.Generator) -> Floats:
    """Value noise in octaves, each with half the amplitude of the one before: about -1 to 1."""
    total = np.zeros((size, size))
    amplitude, step = 0.5, size // 4
    while step:
        total += amplitude * _smooth(random.uniform(-1, 1, (size // step + 1, size // step + 1)), step)
        amplitude, step = amplitude / 2, step // 2
    return total


def _smooth(grid: Floats, step: int) -> Floats:
    """A grid's values joined bilinearly, ``step`` pixels apart."""
    share = np.arange(step) / step
    rows = grid[:-1, None] * (1 - share[:, None]) + grid[1:, None] * share[:, None]
    rows = rows.reshape(-1, grid.shape[1])
    joined = rows[:, :-1, None] * (1 - share) + rows[:, 1:, None] * share
    return np.asarray(joined.reshape(len(rows), -1))
