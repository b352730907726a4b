"""Data as a command line names them, and as the file of a tree has them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pixeltree.datasets.dataset import Dataset
from pixeltree.datasets.record import TrainingData
from pixeltree.datasets.sources import (
    Data,
    DigitsData,
    FolderData,
    GlyphsData,
    IdxData,
    MnistData,
    ScenesData,
    changed,
    describe,
    recorded,
)
from pixeltree.errors import DataError
from pixeltree_protocol.names import known_names

_DIGIT_CELLS = 9
"""A digit of 8 pixels and what is dark around it."""

_MNIST_CELLS = 30
"""A digit of 28 pixels and what is dark around it."""

_NAMED: Mapping[str, tuple[type[Data], Mapping[str, Any]]] = {
    "digits": (DigitsData, {}),
    "mnist": (MnistData, {}),
    "glyphs": (GlyphsData, {}),
    "scenes-localization": (ScenesData, {"task": "localization", "objects": (1, 3)}),
    "scenes-what": (ScenesData, {"task": "what", "objects": (1, 1)}),
    "scenes-segmentation": (ScenesData, {"task": "segmentation", "objects": (1, 3)}),
}

NAMES = tuple(_NAMED)
"""Data that need no folder."""


@dataclass(frozen=True, eq=False)
class HeldOutPart:
    """Images to evaluate a tree on, and what is known about them.

    Attributes:
        images: the test part.
        source: how it was read.
        recorded: what the tree was made with; None if its file does not say.
        overlap: how many of the images are training or validation images of the tree, as its file can tell
            (:meth:`pixeltree.datasets.record.TrainingData.overlap`).
    """

    __test__ = False  # no test class, in spite of its name

    images: Dataset
    source: Data
    recorded: TrainingData | None
    overlap: int = 0

    @property
    def is_as_recorded(self) -> bool:
        """Whether these are, byte for byte, the test images that were put aside when the tree was trained."""
        return self.recorded is not None and self.recorded.test == self.images.digest()

    def sentences(self) -> list[str]:
        """For people: how the images were read, and whether they are those of the record."""
        lines = [f"data: {describe(self.source)}"]
        if self.recorded is None:
            return [f"{lines[0]}; the tree's file does not say how its own were read"]
        before = self.recorded.source
        if recorded(self.source) == before:
            lines[0] += ", as recorded in the tree's file"
        elif type(self.source) is type(before):
            lines[0] += f", changed from what the tree's file records: {describe(before)}"
        else:
            lines[0] += f", not those of the training: {describe(before)}"
        if isinstance(self.source, MnistData) and not self.source.folder:
            lines.append("these come with the package; --data FOLDER asks all 10,000 test images")
        elif self.is_as_recorded:
            lines.append("these are the test images recorded at training, byte for byte")
        else:
            lines.append(
                f"these are not the test images recorded at training "
                f"(digest {self.images.digest()}, recorded {self.recorded.test})"
            )
        return lines

    def require_apart(self) -> None:
        """Refuse images that the tree has learned from, or was chosen by.

        Raises:
            DataError: saying how many there are.
        """
        if self.overlap:
            found = f"{self.overlap:,} of the {len(self.images):,} test images ({describe(self.source)})"
            about = "about " if self.recorded and self.recorded.is_sampled else ""
            raise DataError(
                f"{about}{found} are training or validation images of the tree, so its score on them would "
                f"be too good. "
                f"Read the data as at training (leave out --data-seed), give other data, "
                f"or add --allow-overlap"
            )


def held_out_part(
    size: int,
    recorded: TrainingData | None = None,
    data: str | None = None,
    changes: Mapping[str, object] | None = None,
) -> HeldOutPart:
    """The images to evaluate a tree on.

    Args:
        size: rows and columns that the images must have, in pixels.
        recorded: what the tree was made with; it says how images are read.
        data: one of :data:`NAMES`, or a folder, of IDX files or with one folder per class; None for what is
            recorded. A set of the recorded kind is read with the recorded settings.
        changes: settings in place of the recorded or default ones.

    Raises:
        DataError: there is no such data, they cannot be loaded, have no such setting, or another size.
    """
    source = changed(_source(size, recorded, data), changes or {})
    images = source.load_test(size)
    images.require_size(size, size)
    return HeldOutPart(images, source, recorded, recorded.overlap(images) if recorded else 0)


def _source(size: int, recorded: TrainingData | None, data: str | None) -> Data:
    before = recorded.source if recorded else None
    if data is None:
        if before is None:
            raise DataError(
                "the tree's file does not say which data it was trained on (it was made by hand, or by an "
                "earlier version); name the data with --data"
            )
        folder = getattr(before, "folder", "")
        if folder and not Path(folder).is_dir():
            raise DataError(
                f"the tree was trained on the folder {folder}, which is not there; "
                f"give its new place with --data"
            )
        return before
    if data in _NAMED:
        kind, settings = _NAMED[data]
        if isinstance(before, kind):
            return changed(before, settings)
        if kind is DigitsData:
            return DigitsData(size // _DIGIT_CELLS)
        if kind is MnistData:
            return MnistData(upsampling=max(1, size // _MNIST_CELLS))
        return kind(**settings)
    folder = Path(data).expanduser()
    if not folder.is_dir():
        raise DataError(f"{data!r} is neither a folder nor a data set; {known_names(data, NAMES)}")
    place = str(folder.absolute())
    found = IdxData(place) if any(folder.glob("*idx3*")) else FolderData(place)
    kinds = (IdxData, MnistData) if isinstance(found, IdxData) else (FolderData,)
    return changed(before, {"folder": place}) if isinstance(before, kinds) else found
