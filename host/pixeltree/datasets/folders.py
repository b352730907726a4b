"""Pictures in folders: one folder per class."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np

from pixeltree.datasets.dataset import Dataset, Splits, Task, split
from pixeltree.errors import DataError
from pixeltree.files import AnyPath, as_path
from pixeltree.images import read_grey
from pixeltree_pictures import PICTURE_SUFFIXES, Size

SUFFIXES = frozenset(PICTURE_SUFFIXES)
"""Names of files that are taken for pictures; others are passed over."""

_SPLITS = {
    "training": ("training", "train"),
    "validation": ("validation", "val"),
    "test": ("test",),
}

_log = logging.getLogger(__name__)


def image_folder(folder: AnyPath, size: int = 64, fit: bool = False) -> Dataset:
    """Pictures in ``folder/CLASS/*``, classes in the order of their names.

    Args:
        folder: holds one folder per class.
        size: rows and columns that each picture must have.
        fit: crop each picture to a square about its centre and scale it to the size.

    Raises:
        DataError: there is no class, a class has no pictures, or a picture cannot be read or has another
            size.
    """
    folder = as_path(folder)
    classes = _subfolders(folder)
    if not classes:
        raise DataError(f"{folder} holds no folders; each class needs one, named after it")
    needed = Size(size, size, advice="fit = true in a recipe's [data] crops and scales")
    images, targets = [], []
    for target, own in enumerate(classes):
        files = [path for path in sorted(own.iterdir()) if path.suffix.lower() in SUFFIXES]
        if not files:
            raise DataError(f"class {own.name!r} has no images: {own} holds no picture files")
        _log.info("class %s: %d pictures", own.name, len(files))
        images += [read_grey(path, needed, fit) for path in files]
        targets += [target] * len(files)
    names = tuple(own.name for own in classes)
    return Dataset(folder.name, Task.CLASSIFICATION, np.stack(images), np.array(targets, np.int64), names)


def image_folders(folder: AnyPath, size: int = 64, fit: bool = False, seed: int = 0) -> Splits:
    """A folder with ``training``, ``validation`` and ``test`` inside, or one that is split 60 : 20 : 20.

    Args:
        folder: see :func:`image_folder`; ``train`` and ``val`` are understood too.
        size: see :func:`image_folder`.
        fit: see :func:`image_folder`.
        seed: of the split, where the folder has no three parts.

    Raises:
        DataError: see :func:`image_folder`; or only some of the three parts are there.
    """
    folder = as_path(folder)
    names = {path.name: path for path in _subfolders(folder)}
    parts = {part: next((names[n] for n in known if n in names), None) for part, known in _SPLITS.items()}
    there = [path for path in parts.values() if path is not None]
    if not there:
        return split(image_folder(folder, size, fit), (0.2, 0.2), seed)
    if len(there) < len(parts):
        missing = ", ".join(part for part, path in parts.items() if path is None)
        raise DataError(f"{folder} has {', '.join(path.name for path in there)} but no {missing}")
    return Splits(*(image_folder(path, size, fit) for path in there))


def _subfolders(folder: Path) -> list[Path]:
    try:
        return sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
    except OSError as error:
        raise DataError(f"cannot read {folder}: {error.strerror}") from error
