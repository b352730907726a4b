"""IDX files, the layout of MNIST and EMNIST, plain or gzip.

A file is two zero bytes, a type, the number of dimensions, each dimension as 32 bits, most significant byte
first, and the values (http://yann.lecun.com/exdb/mnist, "the IDX file format"). What a file says about its
length is compared with what is there before anything is reserved.
"""

from __future__ import annotations

import gzip
import math
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pixeltree.datasets.dataset import Dataset, Splits, Task, deal
from pixeltree.datasets.enlarge import enlarge
from pixeltree.errors import DataError
from pixeltree.files import AnyPath, as_path

_UNSIGNED_BYTE = 8
_LARGEST_FILE = 1 << 31
"""Bytes; EMNIST, the largest set in this layout, has 640 MB."""
_CHUNK = 1 << 20


def read_idx(path: AnyPath, dimensions: int) -> npt.NDArray[np.uint8]:
    """The values of an IDX file of unsigned bytes.

    Args:
        path: the file; one that begins as gzip does is unpacked.
        dimensions: how many it must have: 3 for images, 1 for labels.

    Raises:
        DataError: it cannot be read, is no such file, or has more or fewer bytes than it says.
    """
    path = as_path(path)
    try:
        with path.open("rb") as raw:
            is_packed = raw.read(2) == b"\x1f\x8b"
            size = path.stat().st_size
            raw.seek(0)
            if not is_packed:
                return _read(raw.read(min(size, _LARGEST_FILE) + 1), path, dimensions)
            with gzip.GzipFile(fileobj=raw) as unpacked:
                return _read(_bounded(unpacked, path), path, dimensions)
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror or error}") from error
    except (EOFError, zlib.error) as error:
        raise DataError(f"{path} is cut or damaged: {error}") from error


def _bounded(file: gzip.GzipFile, path: Path) -> bytes:
    """All of a packed file, or an error once it grows beyond reason."""
    parts: list[bytes] = []
    total = 0
    while part := file.read(_CHUNK):
        parts.append(part)
        total += len(part)
        if total > _LARGEST_FILE:
            raise DataError(f"{path} unpacks to more than {_LARGEST_FILE:,} bytes")
    return b"".join(parts)


def _read(data: bytes, path: Path, dimensions: int) -> npt.NDArray[np.uint8]:
    header = 4 + 4 * dimensions
    if len(data) < 4 or data[:2] != b"\0\0":
        raise DataError(f"{path} is not an IDX file")
    if (data[2], data[3]) != (_UNSIGNED_BYTE, dimensions):
        raise DataError(
            f"{path} holds values of type {data[2]} in {data[3]} dimensions; expected unsigned bytes (type "
            f"{_UNSIGNED_BYTE}) in {dimensions}"
        )
    shape = tuple(int.from_bytes(data[4 + 4 * axis : 8 + 4 * axis], "big") for axis in range(dimensions))
    if len(data) != header + math.prod(shape):
        raise DataError(
            f"{path} says it holds {' x '.join(map(str, shape))} values, "
            f"but {max(0, len(data) - header):,} bytes follow its header: it is cut or damaged"
        )
    return np.frombuffer(data, np.uint8, offset=header).reshape(shape)


def idx_pair(
    images: AnyPath, labels: AnyPath, classes: Sequence[str] | None = None, transposed: bool = False
) -> Dataset:
    """A file of images and one of labels.

    Args:
        images: three dimensions of unsigned bytes.
        labels: one dimension.
        classes: name of each label from 0; None names them by number.
        transposed: rows and columns are swapped, as in EMNIST.

    Raises:
        DataError: see :func:`read_idx`; or the two do not fit together.
    """
    pictures, targets = read_idx(images, 3), read_idx(labels, 1)
    if transposed:
        pictures = np.ascontiguousarray(pictures.transpose(0, 2, 1))
    names = tuple(classes or map(str, range(int(targets.max(initial=0)) + 1)))
    return Dataset(as_path(images).name, Task.CLASSIFICATION, pictures, targets.astype(np.int64), names)


def idx_folder(
    folder: AnyPath,
    classes: Sequence[str] | None = None,
    transposed: bool = False,
    upsampling: int = 2,
    size: int = 64,
    seed: int = 0,
) -> Splits:
    """A folder in the layout of MNIST: four files, ``*train-images*``, ``*train-labels*`` and so on.

    A sixth of the training files becomes the validation part; the test files are the test.

    Args:
        folder: holds one file of each kind; the test files are named ``t10k`` or ``test``.
        classes: see :func:`idx_pair`.
        transposed: see :func:`idx_pair`.
        upsampling: side of one pixel in the scene, in scene pixels.
        size: rows and columns of the scene.
        seed: of the split.

    Raises:
        DataError: see :func:`idx_pair`; or a file is missing or there are several.
    """
    root = as_path(folder)

    def part(*kinds: str) -> Dataset:
        files = [_the_file(root, kinds, what) for what in ("images", "labels")]
        pair = idx_pair(files[0], files[1], classes, transposed)
        images = enlarge(pair.images, upsampling, size)
        return Dataset(files[0].name, pair.task, images, pair.targets, pair.classes)

    training, validation = deal(part("train"), (1 / 6,), seed)
    return Splits(training, validation, part("t10k", "test"))


def _the_file(folder: Path, kinds: tuple[str, ...], what: str) -> Path:
    found = [path for kind in kinds for path in sorted(folder.glob(f"*{kind}*{what}*"))]
    if len(found) != 1:
        names = ", ".join(path.name for path in found) or "none"
        raise DataError(f"{folder} must hold one file *{kinds[0]}*{what}*; found: {names}")
    return found[0]
