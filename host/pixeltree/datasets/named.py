"""Data as a command line names them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from pixeltree.datasets.dataset import Dataset
from pixeltree.datasets.digits import digits
from pixeltree.datasets.folders import image_folders
from pixeltree.datasets.glyphs import glyphs
from pixeltree.datasets.idx import idx_folder
from pixeltree.errors import DataError

_NAMED: dict[str, Callable[[], Dataset]] = {
    "digits": lambda: digits().test,
    "glyphs": lambda: glyphs().test,
}


def test_images(source: str, size: int) -> Dataset:
    """The test part of some data, with default settings.

    Args:
        source: ``digits``, ``glyphs``, or a folder, of IDX files or with one folder per class.
        size: rows and columns that the images must have, in pixels.

    Raises:
        DataError: there is no such data, or they cannot be loaded.
    """
    if source in _NAMED:
        dataset = _NAMED[source]()
    elif not Path(source).is_dir():
        raise DataError(f"{source!r} is neither a folder nor one of {', '.join(_NAMED)}")
    elif any(Path(source).glob("*idx3*")):
        dataset = idx_folder(Path(source), size=size).test
    else:
        dataset = image_folders(Path(source), size).test
    dataset.require_size(size, size)
    return dataset
