"""``glyphs``: the 62 characters 0-9, A-Z and a-z in many typefaces, turned, moved, scaled and noisy.

Every image has a random stream of its own, keyed by seed, split and index, and each class and typeface of a
split comes equally often. Letters are bright on a dark ground. What is similar in shape (0 and O, c and C)
stays apart by its size only, as in print.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import features

from pixeltree.arguments.files import AnyPath
from pixeltree.datasets.cache import cached
from pixeltree.datasets.dataset import Dataset, Images, Splits, Task
from pixeltree.datasets.steps import step
from pixeltree.datasets.streams import stream
from pixeltree.datasets.typefaces import (
    CLASSES,
    MASK_SIZE,
    SPLITS,
    Typeface,
    masks,
    packaged_typefaces,
    shipped_typefaces,
    typefaces_in,
)
from pixeltree.errors import DataError

VERSION = 3
"""Counts changes of this file or of ``typefaces`` that give other images."""

_STREAM = 0x474C595048 + VERSION
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class GlyphSettings:
    """What glyphs look like; ranges are drawn from uniformly, both signs.

    Attributes:
        per_class: images of each class for training, validation and test.
        size: rows and columns of an image, in pixels.
        rotation: largest rotation, in degrees.
        shift: largest shift along each axis, as a share of the image.
        scale: largest relative change of the size, the same along both axes.
        stroke: largest change of the strokes' edge, as a share of a blurred edge's height, below 0.5.
        noise: greatest sigma of the Gaussian noise of an image, in grey levels.
        dark: least and greatest level of the ground.
        bright: least and greatest level of the letter.
        seed: of everything drawn.
    """

    per_class: tuple[int, int, int] = (240, 40, 60)
    size: int = 64
    rotation: float = 10.0
    shift: float = 0.0625
    scale: float = 0.1
    stroke: float = 0.2
    noise: float = 12.0
    dark: tuple[int, int] = (10, 70)
    bright: tuple[int, int] = (140, 250)
    seed: int = 0

    def __post_init__(self) -> None:
        if min(self.per_class) < 1 or self.size < 8:
            raise DataError(f"glyphs need at least 1 image per class and 8 pixels: {self}")
        if not (
            0 <= self.stroke < 0.5 and 0 <= self.scale < 1 and min(self.rotation, self.shift, self.noise) >= 0
        ):
            raise DataError(
                f"glyphs: a range is negative, stroke is not below 0.5, or scale not below 1: {self}"
            )
        if not 0 <= self.dark[0] <= self.dark[1] < self.bright[0] <= self.bright[1] <= 255:
            raise DataError(
                f"glyphs: levels must satisfy 0 <= dark < bright <= 255: {self.dark}, {self.bright}"
            )


def glyphs(
    settings: GlyphSettings | None = None,
    fonts: AnyPath | None = None,
    cache: AnyPath | None = None,
    packaged: bool = False,
) -> Splits:
    """Glyphs in matplotlib's typefaces; families of the test occur in neither training nor validation.

    Args:
        settings: what they look like; None is the default.
        fonts: a folder with more fonts.
        cache: where to keep the images; None is the user's cache folder.
        packaged: whether to train and validate with the typefaces of the extra ``fonts`` too.

    Raises:
        DataError: a split gets no typeface, a font is damaged, matplotlib is absent, or the cache cannot be
            written.
    """
    chosen = settings or GlyphSettings()
    typefaces = shipped_typefaces() + (packaged_typefaces() if packaged else [])
    typefaces += typefaces_in(fonts) if fonts else []
    return Splits(*(_part(typefaces, chosen, part, cache) for part in range(len(SPLITS))))


def _part(
    typefaces: Sequence[Typeface], settings: GlyphSettings, part: int, cache: AnyPath | None
) -> Dataset:
    own = [typeface for typeface in typefaces if typeface.split == SPLITS[part]]
    if not own:
        raise DataError(f"glyphs: none of the typefaces is for the {SPLITS[part]} part; give more fonts")
    key = {
        "version": VERSION,
        "freetype": features.version("freetype2"),
        "settings": asdict(settings),
        "part": part,
        "fonts": [(typeface.name, typeface.file.stat().st_size) for typeface in own],
    }
    count = settings.per_class[part] * len(CLASSES)
    arrays = cached("glyphs", key, lambda: {"images": _images(own, settings, part, count)}, cache)
    images: npt.NDArray[Any] = arrays["images"]
    targets = np.arange(count, dtype=np.int64) % len(CLASSES)
    return Dataset(f"glyphs ({SPLITS[part]})", Task.CLASSIFICATION, images, targets, CLASSES)


def _images(typefaces: Sequence[Typeface], settings: GlyphSettings, part: int, count: int) -> Images:
    """The images of a split, uint8 (count, size, size): class i % 62, typeface i // 62 % typefaces."""
    letters = np.stack([masks(typeface) for typeface in typefaces])
    result = np.empty((count, settings.size, settings.size), np.uint8)
    for index in range(count):
        step("drawing glyphs", index, count)
        random = stream(settings.seed, _STREAM, part, index)
        mask = letters[index // len(CLASSES) % len(typefaces), index % len(CLASSES)]
        result[index] = draw_glyph(mask, settings, random)
    return result


def draw_glyph(mask: npt.NDArray[np.uint8], settings: GlyphSettings, random: np.random.Generator) -> Images:
    """One image of a letter: turned, moved, scaled, bolder or lighter, noisy.

    Args:
        mask: uint8 (128, 128), the letter's coverage; :data:`MASK_SIZE` rows fill the image before scaling.
        settings: the ranges.
        random: source of every draw.

    Returns:
        uint8 (size, size).
    """
    spread = random.random(5) * 2 - 1
    angle = math.radians(settings.rotation) * spread[0]
    zoom = MASK_SIZE / settings.size / (1 + settings.scale * spread[1])
    covered = _sample(mask, settings, angle, zoom, spread[2:4] * settings.shift * settings.size)
    edge = 0.5 + settings.stroke * spread[4]
    strokes = np.clip((_blurred(covered) / 255 - edge) * 4 + 0.5, 0, 1)
    dark, bright = (random.uniform(low, high) for low, high in (settings.dark, settings.bright))
    levels = dark + (bright - dark) * strokes
    levels += random.standard_normal(levels.shape) * (random.random() * settings.noise)
    return np.asarray(np.clip(np.rint(levels), 0, 255), np.uint8)


def _sample(
    mask: npt.NDArray[np.uint8], settings: GlyphSettings, angle: float, zoom: float, shift: Floats
) -> Floats:
    """The mask turned about its centre, scaled and shifted, bilinear: float64 (size, size)."""
    place = np.arange(settings.size) - (settings.size - 1) / 2
    rows, columns = place[:, None] - shift[0], place[None, :] - shift[1]
    centre = (MASK_SIZE - 1) / 2
    source = (
        (math.cos(angle) * rows - math.sin(angle) * columns) * zoom + centre,
        (math.sin(angle) * rows + math.cos(angle) * columns) * zoom + centre,
    )
    whole = [np.floor(axis) for axis in source]
    part = [axis - floor for axis, floor in zip(source, whole, strict=True)]
    padded = np.pad(mask, 1).astype(np.float64)
    first = [np.clip(axis.astype(np.intp) + 1, 0, MASK_SIZE) for axis in whole]
    top, left = first
    upper = padded[top, left] * (1 - part[1]) + padded[top, left + 1] * part[1]
    lower = padded[top + 1, left] * (1 - part[1]) + padded[top + 1, left + 1] * part[1]
    inside = (whole[0] >= -1) & (whole[0] < MASK_SIZE) & (whole[1] >= -1) & (whole[1] < MASK_SIZE)
    return np.asarray(np.where(inside, upper * (1 - part[0]) + lower * part[0], 0.0))


def _blurred(image: Floats) -> Floats:
    """A binomial blur, [1 2 1] / 4 along both axes: edges of two to three pixels, which ``stroke`` moves."""
    for _ in range(2):
        padded = np.pad(image, 1)
        rows = padded[:-2] + 2 * padded[1:-1] + padded[2:]
        image = (rows[:, :-2] + 2 * rows[:, 1:-1] + rows[:, 2:]) / 16
    return image
