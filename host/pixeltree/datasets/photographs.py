"""Photographs that come with scikit-learn and scikit-image, as backgrounds; nothing is downloaded.

A photograph belongs to one part only, so that a test scene has a background that no training scene has.
"""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from pixeltree.errors import DataError, from_extra

_PHOTOGRAPHS: tuple[tuple[tuple[str, str], ...], ...] = (
    (
        ("sklearn", "datasets/images/china.jpg"),
        ("skimage", "data/astronaut.png"),
        ("skimage", "data/brick.png"),
        ("skimage", "data/chelsea.png"),
        ("skimage", "data/coins.png"),
        ("skimage", "data/gravel.png"),
        ("skimage", "data/hubble_deep_field.jpg"),
        ("skimage", "data/motorcycle_left.png"),
    ),
    (("sklearn", "datasets/images/flower.jpg"), ("skimage", "data/rocket.jpg")),
    (("skimage", "data/camera.png"), ("skimage", "data/coffee.png"), ("skimage", "data/grass.png")),
)
"""Package and file of each photograph, for training, validation and test."""

Grey = npt.NDArray[np.uint8]


@cache
def photographs(part: int) -> tuple[Grey, ...]:
    """The grey photographs of a part, each uint8 (rows, columns) with at least 300 of both.

    Args:
        part: 0 for training, 1 for validation, 2 for test.

    Raises:
        DataError: a package is not installed, or has no such photograph.
    """
    return tuple(_read(package, name) for package, name in _PHOTOGRAPHS[part])


def _read(package: str, name: str) -> Grey:
    found = find_spec(package)  # importing them takes a second, and only their files are wanted
    if found is None or not found.submodule_search_locations:
        raise DataError(f"backgrounds need photographs of {package}: {from_extra('photographs')}")
    path = Path(found.submodule_search_locations[0]) / name
    try:
        with Image.open(path) as picture:
            return np.asarray(picture.convert("L"), np.uint8)
    except OSError as error:
        raise DataError(f"{path}, a photograph of {package}, cannot be read: {error}") from error


def background(part: int, size: int, random: np.random.Generator) -> Grey:
    """A square of one photograph, drawn with its place and scale, and turned left to right every other time.

    Args:
        part: as for :func:`photographs`.
        size: rows and columns of the result.
        random: source of every draw.

    Returns:
        uint8 (size, size).
    """
    choices = photographs(part)
    whole = choices[int(random.integers(len(choices)))]
    side = int(random.integers(min(size, *whole.shape), min(whole.shape) + 1))
    row, column = (int(random.integers(edge - side + 1)) for edge in whole.shape)
    square = whole[row : row + side, column : column + side]
    if random.random() < 0.5:
        square = square[:, ::-1]
    return np.asarray(Image.fromarray(square).resize((size, size), Image.Resampling.BOX), np.uint8)
