"""``find-and-read``: one handwritten character somewhere on a photograph of 256 x 256 pixels.

The characters are those of a folder in the layout of MNIST. Each is pasted as the files have it: bright
strokes on a dark card. A device looks at all 256 x 256 pixels and takes every fourth of every fourth row,
which is what these images are: 64 x 64 pixels. Every scene has a random stream of its own, keyed by seed,
part and index.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from pixeltree.arguments.files import AnyPath
from pixeltree.datasets.cache import Arrays, cached
from pixeltree.datasets.dataset import NOWHERE, Dataset, Images, Targets, Task
from pixeltree.datasets.photographs import background
from pixeltree.datasets.steps import step
from pixeltree.datasets.streams import stream
from pixeltree.errors import DataError

VERSION = 1
"""Counts changes of this file or of ``photographs`` that give other images."""

SCENE = 256
"""Rows and columns of a scene, as many as the array has."""

STEP = 4
"""Rows, and columns, from one pixel that is taken to the next."""

_MARGIN = 16
"""Pixels at every edge that no card reaches into: the capture node keeps them dark."""
_SIDES = (88, 112)
"""Least and greatest side of a card."""
_LIGHT = (0.5, 0.9)
"""Share of its brightness that a photograph keeps."""
_CARD = (5.0, 40.0)
_INK = (215.0, 250.0)
"""Grey levels of a card and of the strokes on it."""
_NOISE = 8.0
"""Greatest sigma of the Gaussian noise of a scene, in grey levels."""
_STREAM = 0x52454144
_PARTS = ("training", "validation", "test")


@dataclass(frozen=True, eq=False)
class Found:
    """Scenes of one part, and what is in them.

    Attributes:
        name: of the set, in messages.
        images: uint8 (N, 64, 64).
        positions: int64 (N, 3, 2), row and column of the middle of the card in the first place, and
            :data:`NOWHERE` in the others, as scenes of up to three objects have it.
        targets: int64 (N,), the character.
        classes: names of the characters.
    """

    name: str
    images: Images
    positions: Targets
    targets: Targets
    classes: tuple[str, ...]

    def localization(self) -> Dataset:
        """Where is the character?"""
        return Dataset(self.name, Task.LOCALIZATION, self.images, self.positions, ("character",))

    def what(self) -> Dataset:
        """Which character is it?"""
        return Dataset(self.name, Task.CLASSIFICATION, self.images, self.targets, self.classes)


def chosen_characters(characters: Dataset, names: tuple[str, ...]) -> Dataset:
    """The images of some classes, numbered as they are named.

    Raises:
        DataError: a name is no class, or there are fewer than two.
    """
    strange = [name for name in names if name not in characters.classes]
    if strange or len(set(names)) < 2:
        raise DataError(
            f"find-and-read: characters lists at least two different classes of {characters.name}; "
            f"{', '.join(strange) or 'too few'} of {', '.join(names)}"
        )
    number = np.full(len(characters.classes), -1, np.int64)
    number[[characters.classes.index(name) for name in names]] = np.arange(len(names))
    own = number[characters.targets] >= 0
    return replace(
        characters,
        images=characters.images[own],
        targets=number[characters.targets[own]],
        classes=names,
    )


def found_part(part: int, characters: Dataset, count: int, seed: int, cache: AnyPath | None = None) -> Found:
    """The scenes of one part, which share neither characters nor photographs with those of another.

    Args:
        part: 0 for training, 1 for validation, 2 for test.
        characters: of this part, bright on dark.
        count: how many scenes.
        seed: of everything drawn.
        cache: where to keep them; None is the user's cache folder.

    Raises:
        DataError: a photograph or the cache cannot be read, or there is to be no scene.
    """
    if count < 1:
        raise DataError(f"find-and-read needs at least 1 scene for {_PARTS[part]}, not {count}")
    key = {
        "version": VERSION, "characters": characters.digest(), "part": part, "count": count, "seed": seed
    }  # fmt: skip
    arrays: dict[str, npt.NDArray[Any]] = cached(
        "find-and-read", key, lambda: _make(part, characters, count, seed), cache
    )
    name = f"find-and-read ({_PARTS[part]})"
    return Found(name, arrays["images"], arrays["positions"], arrays["targets"], characters.classes)


def _make(part: int, characters: Dataset, count: int, seed: int) -> Arrays:
    images = np.empty((count, SCENE // STEP, SCENE // STEP), np.uint8)
    positions = np.full((count, 3, 2), NOWHERE, np.int64)
    targets = np.empty(count, np.int64)
    for index in range(count):
        step("drawing scenes", index, count)
        scene, targets[index], (row, column) = draw(part, characters, seed, index)
        images[index] = scene[::STEP, ::STEP]
        positions[index, 0] = row // STEP, column // STEP
    return {"images": images, "positions": positions, "targets": targets}


def draw(part: int, characters: Dataset, seed: int, index: int) -> tuple[Images, int, tuple[int, int]]:
    """One scene as the sensor sees it.

    Returns:
        uint8 (256, 256), the class of the character, and row and column of the middle of its card.
    """
    random = stream(seed, _STREAM, part, index)
    levels = background(part, SCENE, random) * random.uniform(*_LIGHT)
    which = int(random.integers(len(characters)))
    side = int(random.integers(_SIDES[0], _SIDES[1] + 1))
    row, column = (int(place) for place in random.integers(_MARGIN, SCENE - _MARGIN - side + 1, 2))
    strokes = Image.fromarray(characters.images[which]).resize((side, side), Image.Resampling.BILINEAR)
    card, ink = random.uniform(*_CARD), random.uniform(*_INK)
    levels[row : row + side, column : column + side] = card + np.asarray(strokes) / 255 * (ink - card)
    levels = levels + random.standard_normal(levels.shape) * (random.random() * _NOISE)
    middle = row + side // 2, column + side // 2
    return np.clip(np.rint(levels), 0, 255).astype(np.uint8), int(characters.targets[which]), middle
