"""Labelled images: the one form that all data sets have, loaded or generated."""

from __future__ import annotations

import enum
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from pixeltree.datasets.streams import stream
from pixeltree.errors import DataError

Images = npt.NDArray[np.uint8]
Indices = npt.NDArray[np.intp]
Targets = npt.NDArray[np.int64]

NOWHERE = -1
"""Row and column of an object that an image does not have."""

_DIMENSIONS = {"classification": 1, "localization": 3, "segmentation": 3}
_DEAL_STREAM = 0x4445414C
"""Sets the draws of a deal apart from others with the same seed."""


class Task(enum.StrEnum):
    """What is asked about an image."""

    CLASSIFICATION = "classification"
    LOCALIZATION = "localization"
    SEGMENTATION = "segmentation"


@dataclass(frozen=True, eq=False)
class Dataset:
    """Labelled images; what does not fit together is a DataError.

    Attributes:
        name: what the set is called in messages, for example ``glyphs (training)``.
        task: what is asked about an image.
        images: uint8 (N, rows, columns), grey, 0 to 255; N at least 1.
        targets: int64, by task: classification (N,), the class; localization (N, objects, 2), row and
            column of each object's centre in pixels, both :data:`NOWHERE` for an object that an image does
            not have; segmentation (N, cell rows, cell columns), the class of each cell.
        classes: names of the classes, each different. Localization has one.
    """

    name: str
    task: Task
    images: Images
    targets: Targets
    classes: tuple[str, ...]

    def __post_init__(self) -> None:
        self._check_images()
        if self.targets.dtype != np.int64 or self.targets.ndim != _DIMENSIONS[self.task]:
            raise DataError(
                f"{self.name}: targets for {self.task} must be int64 with {_DIMENSIONS[self.task]} "
                f"dimensions, not {self.targets.dtype} with {self.targets.ndim}"
            )
        if len(self.targets) != len(self.images):
            raise DataError(f"{self.name}: {len(self.images)} images but {len(self.targets)} targets")
        if len(set(self.classes)) != len(self.classes) or not self.classes:
            raise DataError(f"{self.name}: every class needs a name of its own, not {self.classes}")
        if self.task is Task.LOCALIZATION:
            self._check_positions()
        elif self.targets.min() < 0 or self.targets.max() >= len(self.classes):
            wrong = self.targets[(self.targets < 0) | (self.targets >= len(self.classes))][0]
            raise DataError(f"{self.name}: target {wrong} names none of the {len(self.classes)} classes")

    def _check_images(self) -> None:
        if self.images.dtype != np.uint8 or self.images.ndim != 3:
            raise DataError(
                f"{self.name}: images must be uint8 (N, rows, columns), "
                f"not {self.images.dtype} {self.images.shape}"
            )
        if not self.images.size:
            raise DataError(f"{self.name}: there are no images (shape {self.images.shape})")

    def _check_positions(self) -> None:
        if self.targets.shape[2] != 2:
            raise DataError(f"{self.name}: positions need a row and a column, not shape {self.targets.shape}")
        absent = (self.targets == NOWHERE).all(axis=2)
        inside = ((self.targets >= 0) & (self.targets < self.images.shape[1:])).all(axis=2)
        if not (absent | inside).all():
            image = int(np.flatnonzero(~(absent | inside).all(axis=1))[0])
            raise DataError(f"{self.name}: image {image} has an object outside its {self.size} pixels")

    def __len__(self) -> int:
        return len(self.images)

    @property
    def size(self) -> tuple[int, int]:
        """Rows and columns of the images, in pixels."""
        return self.images.shape[1], self.images.shape[2]

    def subset(self, chosen: Indices | npt.NDArray[np.bool_], name: str | None = None) -> Dataset:
        """The images at some indices, or where a mask is true, in that order.

        Raises:
            DataError: no image is chosen.
        """
        return replace(self, name=name or self.name, images=self.images[chosen], targets=self.targets[chosen])

    def spread(self, most: int | None) -> Dataset:
        """At most so many of the images, evenly spread; all of them for None."""
        if most is None or most >= len(self):
            return self
        return self.subset(np.linspace(0, len(self) - 1, most).astype(np.intp))

    def counts(self) -> npt.NDArray[np.int64]:
        """Targets per class: int64 (classes,); images for classification, cells for segmentation.

        For localization, the number of objects.
        """
        if self.task is Task.LOCALIZATION:
            return np.array([(self.targets[:, :, 0] != NOWHERE).sum()], np.int64)
        return np.bincount(self.targets.ravel(), minlength=len(self.classes)).astype(np.int64)

    def require_every_class(self) -> None:
        """Refuse a set in which a class never occurs: nothing can be learned or measured about it.

        Raises:
            DataError: naming the classes.
        """
        missing = [name for name, count in zip(self.classes, self.counts(), strict=True) if not count]
        if missing:
            raise DataError(
                f"{self.name}: no images of class {', '.join(missing)}; add some, or leave the class out"
            )

    def require_size(self, rows: int, columns: int) -> None:
        """Refuse images of another size.

        Raises:
            DataError: saying both sizes.
        """
        if self.size != (rows, columns):
            raise DataError(
                f"{self.name}: images are {self.size[0]} x {self.size[1]} pixels; "
                f"{rows} x {columns} are needed"
            )

    def digest(self) -> str:
        """Hexadecimal BLAKE2b-128 of everything but the name: equal for equal sets, on every machine."""
        description = repr((str(self.task), self.images.shape, self.targets.shape, self.classes))
        state = hashlib.blake2b(description.encode(), digest_size=16)
        state.update(np.ascontiguousarray(self.images).tobytes())
        state.update(np.ascontiguousarray(self.targets).astype("<i8").tobytes())
        return state.hexdigest()


@dataclass(frozen=True, eq=False)
class Splits:
    """A dataset in three parts that share no image; every class occurs in each.

    Attributes:
        training: to learn from.
        validation: to choose by.
        test: to report on, and for nothing else.
    """

    training: Dataset
    validation: Dataset
    test: Dataset

    def __post_init__(self) -> None:
        first = self.training
        for part in self:
            part.require_every_class()
            part.require_size(*first.size)
            if part.task is not first.task:
                raise DataError(
                    f"{part.name} is for {part.task}, but {first.name} for {first.task}; "
                    f"the parts of a data set have one task"
                )
            if part.classes != first.classes:
                raise DataError(
                    f"{_difference(part, first)}; all parts need the same classes in the same order"
                )

    def __iter__(self) -> Iterator[Dataset]:
        return iter((self.training, self.validation, self.test))


def _difference(one: Dataset, other: Dataset) -> str:
    """In words, how the classes of two sets differ."""
    found = [
        f"{mine.name} has {', '.join(more)}, which {theirs.name} has not"
        for mine, theirs in ((one, other), (other, one))
        if (more := [name for name in mine.classes if name not in theirs.classes])
    ]
    if found:
        return "classes differ: " + "; ".join(found)
    return f"{one.name} and {other.name} have the same classes in another order"


def grey_levels(values: npt.NDArray[np.generic], largest: float, name: str) -> Images:
    """Numbers of any type as grey levels: round(255 v / largest), half up.

    Args:
        values: any shape, 0 to ``largest``.
        largest: what becomes 255.
        name: of the set, for messages.

    Raises:
        DataError: a value is NaN, infinite or out of range, or no number.
    """
    if values.dtype.kind not in "buif":
        raise DataError(f"{name}: images hold values of type {values.dtype}; they must be numbers")
    finite = np.isfinite(values)
    if not finite.all():
        where = tuple(int(i) for i in np.argwhere(~finite)[0])
        raise DataError(f"{name}: the value at {where} is {values[where]}; images must hold finite numbers")
    scaled = values.astype(np.float64)
    if scaled.size and (scaled.min() < 0 or scaled.max() > largest):
        raise DataError(
            f"{name}: values go from {scaled.min():g} to {scaled.max():g}; expected 0 to {largest:g}"
        )
    return np.floor(scaled * 255 / largest + 0.5).astype(np.uint8)


def deal(dataset: Dataset, shares: Sequence[float], seed: int) -> list[Dataset]:
    """Deal a set out to parts that share no image. Classes are dealt one by one, so each keeps its share.

    Args:
        dataset: the whole.
        shares: of every part but the first, which gets the rest; each above 0, together below 1. Every class
            gives each part at least 1 image.
        seed: the same seed deals in the same way.

    Returns:
        The parts, images in the order of the whole.

    Raises:
        DataError: a class has too few images, or the shares are out of range.
    """
    if min(shares, default=0) <= 0 or sum(shares) >= 1:
        raise DataError(f"shares are {tuple(shares)}; each must be above 0 and their sum below 1")
    dataset.require_every_class()
    random = stream(seed, _DEAL_STREAM)
    is_classified = dataset.task is Task.CLASSIFICATION
    groups = dataset.targets if is_classified else np.zeros(len(dataset), np.int64)
    dealt: list[list[Indices]] = [[] for _ in range(len(shares) + 1)]
    for group in range(int(groups.max()) + 1):
        own = random.permutation(np.flatnonzero(groups == group))
        counts = [max(1, round(len(own) * share)) for share in shares]
        rest = len(own) - sum(counts)
        if rest < 1:
            what = f"class {dataset.classes[group]} has" if is_classified else "there are"
            raise DataError(f"{dataset.name}: {what} {len(own)} images, too few for {len(dealt)} parts")
        for part, chosen in zip(dealt, np.split(own, np.cumsum([rest, *counts[:-1]])), strict=True):
            part.append(chosen)
    return [dataset.subset(np.sort(np.concatenate(part))) for part in dealt]


def split(dataset: Dataset, shares: tuple[float, float], seed: int) -> Splits:
    """Training, validation and test parts of a set, by :func:`deal`.

    Args:
        dataset: the whole.
        shares: of validation and test.
        seed: the same seed deals in the same way.

    Raises:
        DataError: see :func:`deal`.
    """
    parts = zip(deal(dataset, shares, seed), ("training", "validation", "test"), strict=True)
    return Splits(*(replace(part, name=f"{dataset.name} ({name})") for part, name in parts))
