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
from dataclasses import dataclass, replace
from glob import escape
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from pixeltree.arguments.files import AnyPath, as_path, visible
from pixeltree.datasets.dataset import Dataset, Images, Splits, Task, deal
from pixeltree.datasets.enlarge import enlarge
from pixeltree.datasets.limit import drawn
from pixeltree.datasets.steps import step
from pixeltree.errors import DataError

_UNSIGNED_BYTE = 8
_LARGEST_FILE = 1 << 31
"""Bytes; EMNIST, the largest set in this layout, has 640 MB."""
_CHUNK = 1 << 20

Merged = Sequence[Sequence[str]]
"""Groups of classes that become one."""


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
            raw.seek(0)
            with gzip.GzipFile(fileobj=raw) if is_packed else raw as file:
                return _values(_whole(file, path), path, dimensions)
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror or error}") from error
    except (EOFError, zlib.error) as error:
        raise DataError(f"{path} is cut or damaged: {error}") from error


def _whole(file: BinaryIO | gzip.GzipFile, path: Path) -> bytes:
    """All of a file, or an error once it grows beyond reason."""
    parts: list[bytes] = []
    total = 0
    while part := file.read(_CHUNK):
        parts.append(part)
        total += len(part)
        if total > _LARGEST_FILE:
            raise DataError(
                f"{path} holds more than {_LARGEST_FILE:,} bytes, which no IDX file of images needs"
            )
    return b"".join(parts)


def _values(data: bytes, path: Path, dimensions: int) -> npt.NDArray[np.uint8]:
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
    """A file of images and one of labels. Its classes are the labels that occur.

    Args:
        images: three dimensions of unsigned bytes.
        labels: one dimension.
        classes: names of the labels from 0 on, or from 1 on if there is one name for each from 1 to the
            greatest and none is 0, as in EMNIST Letters; None names them by number.
        transposed: rows and columns are swapped, as in EMNIST.

    Raises:
        DataError: see :func:`read_idx`; or the files, or the names and the labels, do not fit together.
    """
    pair = _Pair.read(as_path(images), as_path(labels))
    return pair.dataset(_Classes.of(as_path(labels), pair.labels, classes), transposed)


@dataclass(frozen=True, eq=False)
class _Pair:
    """Images, uint8 (N, rows, columns), and their labels, uint8 (N,), as the files have them."""

    name: str
    images: Images
    labels: npt.NDArray[np.uint8]

    @classmethod
    def read(cls, images: Path, labels: Path) -> _Pair:
        step(f"reading {images.name}", 0, 0)
        pictures, numbers = read_idx(images, 3), read_idx(labels, 1)
        if len(pictures) != len(numbers):
            raise DataError(
                f"{images} holds {len(pictures):,} images, but {labels.name} {len(numbers):,} labels"
            )
        if not pictures.size:
            raise DataError(f"{images} holds no images (shape {pictures.shape})")
        return cls(images.name, pictures, numbers)

    def limited(self, limit: int, least: int, seed: int) -> _Pair:
        """Fewer images; see :func:`pixeltree.datasets.limit.drawn`."""
        chosen = drawn(self.labels, limit, least, seed, self.name)
        return replace(self, images=self.images[chosen], labels=self.labels[chosen])

    def dataset(self, classes: _Classes, transposed: bool) -> Dataset:
        """The images with the class of each in place of its label."""
        strange = self.labels[~np.isin(self.labels, classes.labels)]
        if len(strange):
            raise DataError(f"{self.name}: an image has the label {strange[0]}, which no training image has")
        targets = classes.indices[np.searchsorted(classes.labels, self.labels)]
        images = self.images.transpose(0, 2, 1) if transposed else self.images
        return Dataset(self.name, Task.CLASSIFICATION, np.ascontiguousarray(images), targets, classes.names)


@dataclass(frozen=True, eq=False)
class _Classes:
    """Labels that occur, uint8 (labels,) in increasing order; the class of each, int64 (labels,); names."""

    labels: npt.NDArray[np.uint8]
    indices: npt.NDArray[np.int64]
    names: tuple[str, ...]

    @classmethod
    def of(
        cls, file: Path, labels: npt.NDArray[np.uint8], names: Sequence[str] | None, merged: Merged = ()
    ) -> _Classes:
        known = np.unique(labels)
        called = cls._called(file, known, names)
        strange = {name for group in merged for name in group} - set(called)
        if strange:
            odd = ", ".join(sorted(strange))
            raise DataError(f"{file}: merged names {odd}, which is no class of an image")
        first = {name: group[0] for group in merged for name in group}
        classes = tuple(dict.fromkeys(first.get(name, name) for name in called))
        indices = [classes.index(first.get(name, name)) for name in called]
        return cls(known, np.array(indices, np.int64), classes)

    @staticmethod
    def _called(file: Path, known: npt.NDArray[np.uint8], names: Sequence[str] | None) -> tuple[str, ...]:
        """The name of each label that occurs."""
        if names is None or not len(known):
            return tuple(map(str, known))
        least, greatest = int(known[0]), int(known[-1])
        first = 1 if least > 0 and len(names) == greatest else 0
        if greatest - first >= len(names):
            raise DataError(
                f"{file}: {len(names)} classes are named, but labels go from {least} to {greatest}; "
                f"names are for the labels from 0 on, or from 1 on if there is one for each"
            )
        return tuple(names[label - first] for label in known)


@dataclass(frozen=True)
class IdxFolder:
    """A folder in the layout of MNIST, not read yet; the fields are the arguments of :func:`idx_folder`."""

    folder: AnyPath
    classes: Sequence[str] | None = None
    transposed: bool = False
    upsampling: int = 2
    size: int = 64
    seed: int = 0
    prefix: str = ""
    limit: int = 0
    merged: Merged = ()

    def splits(self) -> Splits:
        """All of it; raises as :func:`idx_folder` does."""
        learned, tested, classes = self._read()
        training, validation = deal(self._enlarged(learned, classes), (1 / 6,), self.seed)
        return Splits(training, validation, self._enlarged(tested, classes))

    def test(self) -> Dataset:
        """The test part alone: the many training images are not enlarged."""
        _, tested, classes = self._read()
        return self._enlarged(tested, classes)

    def _read(self) -> tuple[_Pair, _Pair, _Classes]:
        learned, tested = self._pair(2, "train"), self._pair(1, "t10k", "test")
        return learned, tested, _Classes.of(Path(learned.name), learned.labels, self.classes, self.merged)

    def _pair(self, least: int, *kinds: str) -> _Pair:
        root = as_path(self.folder)
        images, labels = (_the_file(root, self.prefix, kinds, what) for what in ("images", "labels"))
        return _Pair.read(images, labels).limited(self.limit, least, self.seed)

    def _enlarged(self, pair: _Pair, classes: _Classes) -> Dataset:
        small = pair.dataset(classes, self.transposed)
        return replace(small, images=enlarge(small.images, self.upsampling, self.size))


def idx_folder(
    folder: AnyPath,
    classes: Sequence[str] | None = None,
    transposed: bool = False,
    upsampling: int = 2,
    size: int = 64,
    seed: int = 0,
    prefix: str = "",
    limit: int = 0,
    merged: Merged = (),
) -> Splits:
    """A folder in the layout of MNIST: four files, ``*train-images*``, ``*train-labels*`` and so on.

    A sixth of the training files becomes the validation part; the test files are the test.
    Classes are the labels that training images have.

    Args:
        folder: holds one file of each kind; the test files are named ``t10k`` or ``test``.
        classes: see :func:`idx_pair`.
        transposed: see :func:`idx_pair`.
        upsampling: side of one pixel of a file in the enlarged image.
        size: rows and columns of the enlarged image; what the digit leaves is black.
        seed: of the split, and of the draw of images where there are more than the limit.
        prefix: of the files' names, as in ``emnist-letters``, for a folder that holds several sets.
        limit: take at most so many images of the training files and as many of the test files; 0 for all.
        merged: groups of names of classes that become one class, called as the first of the group.

    Raises:
        DataError: see :func:`idx_pair`; a file is missing or there are several; the limit is too small for
            the classes; or a test image has a label that no training image has.
    """
    return IdxFolder(folder, classes, transposed, upsampling, size, seed, prefix, limit, merged).splits()


def _the_file(folder: Path, prefix: str, kinds: tuple[str, ...], what: str) -> Path:
    """The one file of a kind; a packed file beside its unpacked one does not count."""
    patterns = [f"{escape(prefix)}*{kind}*{what}*" for kind in kinds]
    found = [path for pattern in patterns for path in visible(folder.glob(pattern))]
    found = [path for path in found if path.suffix != ".gz" or path.with_suffix("") not in found]
    if len(found) != 1:
        names = ", ".join(path.name for path in found) or "none"
        hint = "; prefix says which, as in 'emnist-letters'" if len(found) > 1 else ""
        raise DataError(f"{folder} must hold one file {prefix}*{kinds[0]}*{what}*; found: {names}{hint}")
    return found[0]
