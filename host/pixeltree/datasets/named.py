"""Data as a command line names them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from pixeltree.datasets.dataset import Dataset
from pixeltree.datasets.digits import digits
from pixeltree.datasets.folders import image_folders
from pixeltree.datasets.glyphs import GlyphSettings, glyphs
from pixeltree.datasets.idx import idx_folder
from pixeltree.datasets.scenes import Scenes, SceneSettings, scene_splits
from pixeltree.errors import DataError

_DIGIT_CELLS = 9
"""A digit of 8 pixels and what is dark around it."""


def _glyphs(size: int) -> Dataset:
    """Only the test part is drawn: no image depends on how many others there are."""
    settings = GlyphSettings(size=size)
    return glyphs(replace(settings, per_class=(1, 1, settings.per_class[2]))).test


def _scenes(task: Callable[[Scenes], Dataset], objects: tuple[int, int] = (1, 3)) -> Dataset:
    settings = SceneSettings(objects=objects)
    return scene_splits(task, replace(settings, counts=(8, 8, settings.counts[2]))).test


_NAMED: dict[str, Callable[[int], Dataset]] = {
    "digits": lambda size: digits(size // _DIGIT_CELLS, size).test,
    "glyphs": _glyphs,
    "scenes-localization": lambda size: _scenes(Scenes.localization),
    "scenes-sparse": lambda size: _scenes(Scenes.localization, (0, 3)),
    "scenes-what": lambda size: _scenes(Scenes.what, (1, 1)),
    "scenes-segmentation": lambda size: _scenes(Scenes.segmentation),
}

NAMES = tuple(_NAMED)
"""Data that need no folder."""


def test_images(source: str, size: int) -> Dataset:
    """The test part of some data, with default settings.

    Args:
        source: one of :data:`NAMES`, or a folder, of IDX files or with one folder per class.
        size: rows and columns that the images must have, in pixels.

    Raises:
        DataError: there is no such data, or they cannot be loaded.
    """
    if source in _NAMED:
        dataset = _NAMED[source](size)
    elif not Path(source).is_dir():
        raise DataError(f"{source!r} is neither a folder nor one of {', '.join(NAMES)}")
    elif any(Path(source).glob("*idx3*")):
        dataset = idx_folder(Path(source), size=size).test
    else:
        dataset = image_folders(Path(source), size).test
    dataset.require_size(size, size)
    return dataset
