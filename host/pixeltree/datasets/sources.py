"""How images are read, as a value: the table ``[data]`` of a recipe, which the model file keeps."""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from pixeltree.datasets.dataset import Dataset, Splits
from pixeltree.datasets.digits import digits, held_out_digits
from pixeltree.datasets.find_and_read import Found, chosen_characters, found_part
from pixeltree.datasets.folders import image_folders
from pixeltree.datasets.glyphs import GlyphSettings, glyphs
from pixeltree.datasets.idx import IdxFolder
from pixeltree.datasets.mnist import held_out_mnist
from pixeltree.datasets.scenes import Scenes, SceneSettings, scene_splits
from pixeltree.errors import DataError
from pixeltree_protocol.names import known_names

_TASKS = {
    "localization": Scenes.localization,
    "segmentation": Scenes.segmentation,
    "what": Scenes.what,
}
_READING = {"what": Found.what, "localization": Found.localization}


@dataclass(frozen=True)
class DigitsData:
    """Settings of :func:`pixeltree.datasets.digits`, the digits of scikit-learn.

    Attributes:
        upsampling: side of one pixel of a digit, in pixels of the input.
        seed: seed of the draw of the validation images.
    """

    upsampling: int = 7
    seed: int = 0

    def load(self, size: int) -> Splits:
        """The images, as large as the network's input."""
        return digits(self.upsampling, size, self.seed)

    def load_test(self, size: int) -> Dataset:
        """The test part alone; scikit-learn is not needed."""
        return held_out_digits(self.upsampling, size)


@dataclass(frozen=True)
class GlyphsData:
    """Settings of :func:`pixeltree.datasets.glyphs`, characters drawn in many typefaces.

    Attributes:
        per_class: images of each class for training, validation and test.
        fonts: a folder of more fonts, relative to the recipe; "" for none.
        packaged: whether the typefaces of the extra ``fonts`` are used too.
        seed: seed of everything drawn.
    """

    per_class: tuple[int, int, int] = (240, 40, 60)
    fonts: str = ""
    packaged: bool = False
    seed: int = 0

    def load(self, size: int) -> Splits:
        """The images, as large as the network's input."""
        settings = GlyphSettings(per_class=self.per_class, size=size, seed=self.seed)
        return glyphs(settings, Path(self.fonts) if self.fonts else None, packaged=self.packaged)

    def load_test(self, size: int) -> Dataset:
        """The test part, hardly any other drawn: no image depends on how many others there are.

        The extra ``fonts`` is not needed: none of its typefaces is in the test.
        """
        return replace(self, per_class=(1, 1, self.per_class[2]), packaged=False).load(size).test


@dataclass(frozen=True)
class ScenesData:
    """Settings of :func:`pixeltree.datasets.scenes`, pictures of discs, squares and triangles.

    Attributes:
        task: "localization" (where are the objects), "segmentation" (which cells are objects), or "what"
            (disc, square or triangle; needs ``objects = [1, 1]``).
        counts: images for training, validation and test.
        objects: least and greatest number of objects in an image, 0 to 3.
        seed: seed of everything drawn.
    """

    task: str = "localization"
    counts: tuple[int, int, int] = (4000, 600, 1000)
    objects: tuple[int, int] = (1, 3)
    seed: int = 0

    def load(self, size: int) -> Splits:
        """The images; they are 64 x 64, whatever the network's input."""
        if self.task not in _TASKS:
            raise DataError(f"[data] task is {self.task!r}; {known_names(self.task, _TASKS)}")
        settings = SceneSettings(counts=self.counts, objects=self.objects, seed=self.seed)
        return scene_splits(_TASKS[self.task], settings)

    def load_test(self, size: int) -> Dataset:
        """The test part, hardly any other drawn: no image depends on how many others there are."""
        few = min(self.counts[0], 8), min(self.counts[1], 8), self.counts[2]
        return replace(self, counts=few).load(size).test


@dataclass(frozen=True)
class IdxData:
    """Settings of :func:`pixeltree.datasets.idx_folder`, files in the format of MNIST.

    Attributes:
        folder: folder of the four files, relative to the recipe.
        transposed: whether rows and columns of the images are swapped, as in EMNIST as NIST publishes it.
        upsampling: side of one pixel of the set, in pixels of the input.
        seed: seed of the draw of the validation images, and of what a limit takes.
        prefix: beginning of the files' names, where the folder holds several sets.
        classes: names of the classes; an empty list names them by their labels.
        limit: most training images, and most test images; 0 takes all.
        merged: groups of names of classes, as in ``[["C", "c"], ["O", "o"]]``; each becomes one class, called
            as the first of the group. So 62 classes become the 47 of EMNIST ByMerge.
    """

    folder: str
    transposed: bool = False
    upsampling: int = 2
    seed: int = 0
    prefix: str = ""
    classes: tuple[str, ...] = ()
    limit: int = 0
    merged: tuple[tuple[str, ...], ...] = ()

    def load(self, size: int) -> Splits:
        """The images, as large as the network's input."""
        return self._files(size).splits()

    def load_test(self, size: int) -> Dataset:
        """The test part alone."""
        return self._files(size).test()

    def _files(self, size: int) -> IdxFolder:
        return IdxFolder(
            Path(self.folder),
            self.classes or None,
            self.transposed,
            self.upsampling,
            size,
            self.seed,
            self.prefix,
            self.limit,
            self.merged,
        )


@dataclass(frozen=True)
class FindAndReadData:
    """Scenes of 256 x 256 pixels with one handwritten character on a photograph; every fourth pixel is seen.

    The characters are those of a folder of :func:`pixeltree.datasets.idx_folder`; the photographs come with
    scikit-learn and scikit-image. No part shares a character or a photograph with another.

    Attributes:
        folder: folder of the four files, relative to the recipe.
        transposed: as for ``idx``.
        prefix: as for ``idx``.
        classes: as for ``idx``.
        characters: names of the classes that are pasted; an empty list takes all.
        task: "what" (which character is it) or "localization" (where is it).
        counts: scenes for training, validation and test.
        limit: most scenes of each part; 0 for no other limit than ``counts``.
        seed: seed of everything drawn.
    """

    folder: str
    transposed: bool = False
    prefix: str = ""
    classes: tuple[str, ...] = ()
    characters: tuple[str, ...] = ()
    task: str = "what"
    counts: tuple[int, int, int] = (20000, 2000, 2000)
    limit: int = 0
    seed: int = 0

    def load(self, size: int) -> Splits:
        """The scenes as the device sees them, 64 x 64, whatever the network's input."""
        files = self._files().splits()
        return Splits(*(self._part(part, characters) for part, characters in enumerate(files)))

    def load_test(self, size: int) -> Dataset:
        """The test part alone."""
        return self._part(2, self._files().test())

    def _part(self, part: int, characters: Dataset) -> Dataset:
        if self.task not in _READING:
            raise DataError(f"[data] task is {self.task!r}; {known_names(self.task, _READING)}")
        if self.characters:
            characters = chosen_characters(characters, self.characters)
        count = min(self.counts[part], self.limit or self.counts[part])
        return _READING[self.task](found_part(part, characters, count, self.seed))

    def _files(self) -> IdxFolder:
        return IdxFolder(
            Path(self.folder), self.classes or None, self.transposed, 1, 28, self.seed, self.prefix
        )


@dataclass(frozen=True)
class MnistData:
    """Settings of MNIST. Its 70,000 images are four files in a folder; 400 of the test come with the package.

    The set is the same wherever it lies, so the file of a model does not keep the folder.

    Attributes:
        folder: folder of the four files, relative to the recipe; "" for the 400 test images of the package.
        upsampling: side of one pixel of the set, in pixels of the input.
        seed: seed of the draw of the validation images, and of what a limit takes.
        limit: most training images, and most test images; 0 takes all.
    """

    folder: str = ""
    upsampling: int = 1
    seed: int = 0
    limit: int = 0

    def load(self, size: int) -> Splits:
        """The images, as large as the network's input."""
        return self._files().load(size)

    def load_test(self, size: int) -> Dataset:
        """The test part alone."""
        return self._files().load_test(size) if self.folder else held_out_mnist(self.upsampling, size)

    def _files(self) -> IdxData:
        if not self.folder:
            raise DataError(
                "the training images of MNIST do not come with the package; give the folder of its four "
                "files with --data-folder, or as folder in [data]"
            )
        return IdxData(self.folder, upsampling=self.upsampling, seed=self.seed, limit=self.limit)


@dataclass(frozen=True)
class FolderData:
    """Settings of :func:`pixeltree.datasets.image_folders`, pictures in one folder per class.

    Attributes:
        folder: folder of the pictures, relative to the recipe.
        fit: whether pictures are cropped to a square and scaled; without it other sizes are refused.
        seed: seed of the split, and of what a limit takes.
        limit: most pictures of each part that is on disk; 0 takes all.
    """

    folder: str
    fit: bool = False
    seed: int = 0
    limit: int = 0

    def load(self, size: int) -> Splits:
        """The images, as large as the network's input."""
        return image_folders(Path(self.folder), size, self.fit, self.seed, self.limit)

    def load_test(self, size: int) -> Dataset:
        """The test part alone."""
        return self.load(size).test


Data = DigitsData | MnistData | GlyphsData | ScenesData | IdxData | FindAndReadData | FolderData
DATA: Mapping[str, type[Data]] = {
    "digits": DigitsData,
    "mnist": MnistData,
    "glyphs": GlyphsData,
    "scenes": ScenesData,
    "idx": IdxData,
    "folder": FolderData,
    "find-and-read": FindAndReadData,
}
"""By their names in a recipe's ``set``."""

GENERATED = (GlyphsData, ScenesData)
"""Drawn from a seed; the parts come from random streams of their own, and so never share an image."""

ON_DISK = (IdxData, MnistData, FindAndReadData, FolderData)
"""Read from a folder, all or a limited number of images."""

SEARCHED = (ScenesData, FindAndReadData)
"""Scenes whose object may be looked for ("localization") before it is told ("what")."""


def set_of(source: Data) -> str:
    """The name of a set, as a recipe has it."""
    return next(name for name, kind in DATA.items() if type(source) is kind)


def describe(source: Data) -> str:
    """A set and its settings in the words of a recipe, for example ``digits (upsampling 7, seed 0)``.

    Settings that are empty are left out.
    """
    settings = [
        f"{name} {_words(value)}"
        for name, value in dataclasses.asdict(source).items()
        if value or isinstance(value, bool) or name == "seed"
    ]
    return f"{set_of(source)} ({', '.join(settings)})"


def _words(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple | list):
        return ", ".join("".join(each) if isinstance(each, tuple) else str(each) for each in value)
    return str(value)


def recorded(source: Data) -> Data:
    """The same as a model's file keeps it: with absolute paths, so that it holds in every working folder."""
    if isinstance(source, MnistData):
        return replace(source, folder="")
    changed = {
        name: str(Path(path).expanduser().absolute())
        for name in ("folder", "fonts")
        if (path := getattr(source, name, ""))
    }
    return replace(source, **changed)  # type: ignore[arg-type]


def changed(source: Data, changes: Mapping[str, object]) -> Data:
    """The same set, some settings changed.

    Raises:
        DataError: the set has no such setting.
    """
    names = [field.name for field in dataclasses.fields(source)]
    for name in changes:
        if name not in names:
            raise DataError(f"the data set {set_of(source)} has no setting {name}; it has {', '.join(names)}")
    return replace(source, **changes)  # type: ignore[arg-type]


def as_table(source: Data) -> dict[str, object]:
    """A recipe's table ``[data]``: plain values, for JSON."""
    return {"set": set_of(source)} | dataclasses.asdict(source)


def from_table(table: Mapping[str, object]) -> Data:
    """The inverse of :func:`as_table`, after a way through JSON.

    Raises:
        DataError: no such set, or a setting is unknown, missing, or of another type.
    """
    kind = DATA.get(str(table.get("set")))
    if kind is None:
        name = table.get("set")
        raise DataError(f"no data set is named {name!r}; {known_names(str(name), DATA)}")
    hints = typing.get_type_hints(kind)
    settings = {name: _read(hints, name, value) for name, value in table.items() if name != "set"}
    try:
        return kind(**settings)
    except TypeError as error:
        raise DataError(f"the settings of the data set {table['set']} are not complete: {error}") from error


def _tuples(value: object) -> object:
    """Lists, as JSON has them, as tuples."""
    return tuple(map(_tuples, value)) if isinstance(value, list | tuple) else value


def _read(hints: Mapping[str, object], name: str, value: object) -> typing.Any:  # noqa: ANN401 - by the hint
    if name not in hints:
        raise DataError(f"this Pixeltree does not know the setting {name} of the data; a later one may")
    hint = hints[name]
    kinds = typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
    for kind in kinds:
        if typing.get_origin(kind) is tuple and isinstance(value, list | tuple):
            return _tuples(value)
        if isinstance(kind, type) and type(value) is kind:
            return value
    raise DataError(f"the setting {name} of the data is {value!r}; expected {hint}")
