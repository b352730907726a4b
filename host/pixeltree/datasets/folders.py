"""Pictures in folders: one folder per class."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

import numpy as np

from pixeltree.arguments.files import AnyPath, as_path, visible
from pixeltree.arguments.images import read_grey
from pixeltree.datasets.dataset import Dataset, Splits, Task, deal, split
from pixeltree.datasets.limit import drawn
from pixeltree.datasets.steps import step
from pixeltree.errors import DataError
from pixeltree_pictures import PICTURE_SUFFIXES, Size

SUFFIXES = frozenset(PICTURE_SUFFIXES)
"""Names of files that are taken for pictures; others are passed over, and so are hidden ones."""

_SPLITS = {
    "training": ("training", "train"),
    "validation": ("validation", "val", "valid"),
    "test": ("test",),
}

_VALIDATION_SHARE = 0.2
"""Of the training images, where the folder has no validation part."""

_ADVICE = "fit = true in a recipe's [data], or --fit of eval and tree, crops and scales"

_log = logging.getLogger(__name__)


def image_folder(
    folder: AnyPath, size: int = 64, fit: bool = False, seed: int = 0, limit: int = 0, least: int = 1
) -> Dataset:
    """Pictures in ``folder/CLASS/*``, classes in the order of their names.

    Args:
        folder: holds one folder per class.
        size: rows and columns that each picture must have.
        fit: crop each picture to a square about its centre and scale it to the size.
        seed: of the draw of pictures, where there are more than the limit.
        limit: read at most so many pictures; 0 for all.
        least: read so many of each class, as far as it has so many.

    Raises:
        DataError: there is no class, a class has no pictures, a picture cannot be read or has another size,
            or the limit is too small for the classes.
    """
    folder = as_path(folder)
    classes = _subfolders(folder)
    if not classes:
        raise DataError(f"{folder} holds no folders; each class needs one, named after it")
    needed = Size(
        size, size, advice="fit = true in a recipe's [data], or --fit of eval and tree, crops and scales"
    )
    files: list[Path] = []
    targets: list[int] = []
    for target, own in enumerate(classes):
        pictures = _pictures(own)
        if not pictures:
            raise DataError(f"class {own.name!r} has no images: {own} holds no picture files")
        _log.info("class %s: %d pictures", own.name, len(pictures))
        files += pictures
        targets += [target] * len(pictures)
    chosen = drawn(np.array(targets), limit, least, seed, str(folder))
    images = np.empty((len(chosen), size, size), np.uint8)
    for index, place in enumerate(chosen):
        step("reading pictures", index, len(chosen))
        images[index] = read_grey(files[place], needed, fit)
    names = tuple(own.name for own in classes)
    return Dataset(folder.name, Task.CLASSIFICATION, images, np.array(targets, np.int64)[chosen], names)


def image_folders(
    folder: AnyPath, size: int = 64, fit: bool = False, seed: int = 0, limit: int = 0
) -> Splits:
    """A folder with ``training``, ``validation`` and ``test`` inside, or one that is split 60 : 20 : 20.

    Where there is no ``validation``, a fifth of the training images is split off.

    Args:
        folder: see :func:`image_folder`; ``train``, ``val`` and ``valid`` are understood too.
        size: see :func:`image_folder`.
        fit: see :func:`image_folder`.
        seed: of what is split.
        limit: read at most so many pictures of each part that is there; 0 for all.

    Raises:
        DataError: see :func:`image_folder`; or training or test is missing while another part is there.
    """
    folder = as_path(folder)
    # A part holds folders; a class that happens to be called "train" holds pictures.
    names = {path.name.lower(): path for path in _subfolders(folder) if _subfolders(path)}
    parts = {part: next((names[n] for n in known if n in names), None) for part, known in _SPLITS.items()}
    there = [path for path in parts.values() if path is not None]
    if not there:
        return split(image_folder(folder, size, fit, seed, limit, least=3), (0.2, 0.2), seed)
    training, validation, test = parts.values()
    if training is None or test is None:
        missing = ", ".join(part for part in ("training", "test") if parts[part] is None)
        raise DataError(f"{folder} has {', '.join(path.name for path in there)} but no {missing}")
    if validation is not None:
        return Splits(*(image_folder(path, size, fit, seed, limit) for path in there))
    whole = image_folder(training, size, fit, seed, limit, least=2)
    learned, chosen_by = deal(whole, (_VALIDATION_SHARE,), seed)
    return Splits(
        learned,
        replace(chosen_by, name=f"{whole.name} (validation)"),
        image_folder(test, size, fit, seed, limit),
    )


def _subfolders(folder: Path) -> list[Path]:
    return [path for path in _contents(folder) if path.is_dir()]


def _pictures(folder: Path) -> list[Path]:
    return [path for path in _contents(folder) if path.suffix.lower() in SUFFIXES and path.is_file()]


def _contents(folder: Path) -> list[Path]:
    try:
        return visible(folder.iterdir())
    except OSError as error:
        raise DataError(f"cannot read {folder}: {error.strerror}") from error
