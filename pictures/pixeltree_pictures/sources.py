"""Sources: pictures over time, the same for an emulated sensor and for a host that shows them.

A source shows one picture per period and starts again at its end; who asks decides by which clock. Pictures
are uint8 (rows, columns), the right way round. Cameras are in :mod:`pixeltree_pictures.camera`, videos in
:mod:`pixeltree_pictures.video`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from pixeltree_pictures.camera import CAMERA, open_camera
from pixeltree_pictures.errors import PictureError
from pixeltree_pictures.fitting import Fitting
from pixeltree_pictures.kinds import ARRAY_SUFFIXES, PICTURE_SUFFIXES, VIDEO_SUFFIXES
from pixeltree_pictures.levels import Grey
from pixeltree_pictures.reading import read_picture, read_pictures
from pixeltree_pictures.video import read_video
from pixeltree_protocol.names import known_names

logger = logging.getLogger(__name__)

SOURCE_RATE = 60.0
"""Pictures of a source per second, unless it is told otherwise or has a rate of its own."""

MOVING = "moving"
_KEPT = 2_048
"""Pictures of files that are kept in memory, 64 KiB each for a whole sensor."""

_FOREIGN_FOLDERS = frozenset({"__MACOSX"})
"""Folders that archive programs add, and that hold nothing of the user's."""


class Source(Protocol):
    """Pictures over time.

    Attributes:
        period_ns: for how long each picture is shown, in nanoseconds.
        count: pictures before it begins again; None where it has no end that it knows of.
        live: whether it shows what is now, whatever picture is asked for.
    """

    @property
    def period_ns(self) -> int: ...  # noqa: D102 - see the class

    @property
    def count(self) -> int | None: ...  # noqa: D102 - see the class

    @property
    def live(self) -> bool: ...  # noqa: D102 - see the class

    def frame(self, index: int) -> Grey:
        """Picture ``index``, from 0 without end."""
        ...

    def name(self, index: int) -> str:
        """What to call picture ``index``, for people: its file where it has one of its own."""
        ...


class ArraySource:
    """Pictures in memory.

    Args:
        frames: uint8 (count, rows, columns), or one picture (rows, columns).
        rate: pictures per second.
        title: what to call them.

    Raises:
        PictureError: another shape or type, or no picture.
    """

    live = False

    def __init__(self, frames: npt.NDArray[np.generic], rate: float = SOURCE_RATE, title: str = "") -> None:
        stack = frames[np.newaxis] if frames.ndim == 2 else frames
        if stack.dtype != np.uint8 or stack.ndim != 3 or not stack.size:
            raise PictureError(
                f"frames must be uint8 (count, rows, columns), not {frames.dtype} {frames.shape}"
            )
        self._frames = np.asarray(stack, np.uint8)
        self._title = title
        self.period_ns = period_of(rate)
        self.count: int | None = len(stack)

    def frame(self, index: int) -> Grey:
        """Picture ``index``, counted round and round."""
        return np.asarray(self._frames[index % len(self._frames)], np.uint8)

    def name(self, index: int) -> str:
        """Its number in the file."""
        return f"{self._title}[{index % len(self._frames)}]"


class FileSource:
    """Pictures from files, in the given order; read when they are needed.

    Args:
        paths: the files, at least one.
        fitting: the rule of sizes.
        rate: pictures per second.
        check: read every file at once: what is wrong with one should not wait until it is shown. One that
            cannot be read later, since somebody has taken it away, is passed over: the picture before stays.

    Raises:
        PictureError: a file cannot be read as a picture, or has another size.
    """

    live = False

    def __init__(
        self, paths: Sequence[Path], fitting: Fitting, rate: float = SOURCE_RATE, check: bool = True
    ) -> None:
        self._paths = list(paths)
        self._fitting = fitting
        self._read = lru_cache(maxsize=_KEPT)(self._read_one)
        self._last: Grey | None = None
        self.period_ns = period_of(rate)
        self.count: int | None = len(self._paths)
        if check:
            for file in reversed(self._paths):
                self._last = self._read(file)

    def _read_one(self, path: Path) -> Grey:
        return self._fitting.apply(read_picture(path), str(path))

    def frame(self, index: int) -> Grey:
        """The picture ``index``, counted round and round."""
        try:
            picture = self._read(self._paths[index % len(self._paths)])
        except PictureError as error:
            if self._last is None:
                raise
            logger.warning("the picture before stays: %s", error)
            return self._last
        if self._last is not None:
            self._last = picture
        return picture

    def name(self, index: int) -> str:
        """The file's path."""
        return str(self._paths[index % len(self._paths)])


class MovingScene:
    """A synthetic scene: a bright disc that circles over a gradient. The same at every run.

    Args:
        rate: pictures per second.
        turn: pictures per turn.
        side: rows and columns.
    """

    live = False
    count: int | None = None

    def __init__(self, rate: float = SOURCE_RATE, turn: int = 120, side: int = 256) -> None:
        self.period_ns = period_of(rate)
        self._turn = turn
        self._rows, self._columns = np.indices((side, side)) * (256 / side)

    def frame(self, index: int) -> Grey:
        """The disc's place at picture ``index``."""
        angle = 2 * np.pi * (index % self._turn) / self._turn
        row, column = 128 + round(70 * np.sin(angle)), 128 + round(70 * np.cos(angle))
        disc = (self._rows - row) ** 2 + (self._columns - column) ** 2 < 30**2
        return np.asarray(np.where(disc, 230, self._columns // 4), np.uint8)

    def name(self, index: int) -> str:
        """Where in its turn it is."""
        return f"{MOVING}[{index % self._turn}]"


def open_source(
    name: str, path: Path, fitting: Fitting, rate: float = SOURCE_RATE, check: bool = True
) -> Source:
    """The source that a command line names.

    Args:
        name: ``moving``, ``camera:0`` (or another number, or the path of a video device), or a path.
        path: the same as a path, with a user's home put in: a picture, a folder of pictures with the folders
            in it, a ``.npy`` array, or a video.
        fitting: the size of the pictures, and what happens to others.
        rate: pictures per second; a video has its own.
        check: read every picture of a folder at once.

    Raises:
        PictureError: it cannot be opened, or is none of these.
    """
    period_of(rate)
    if name == MOVING:
        return MovingScene(rate, side=fitting.size.rows)
    if name.startswith(CAMERA):
        return open_camera(name, fitting, period_of(rate))
    if path.is_dir():
        return FileSource(pictures_in(path), fitting, rate, check)
    openers: tuple[tuple[Sequence[str], Callable[[], Source]], ...] = (
        (PICTURE_SUFFIXES, lambda: FileSource([path], fitting, rate)),
        (ARRAY_SUFFIXES, lambda: ArraySource(_stack(path, fitting), rate, str(path))),
        (VIDEO_SUFFIXES, lambda: ArraySource(*read_video(path, fitting, SOURCE_RATE), str(path))),
    )
    for suffixes, opener in openers:
        if path.suffix.lower() in suffixes:
            return opener()
    known = known_names(name, (MOVING, f"{CAMERA}0", *PICTURE_SUFFIXES, *ARRAY_SUFFIXES, *VIDEO_SUFFIXES))
    raise PictureError(
        f"{name} is not a source of pictures: give 'moving', 'camera:0', a folder, or a file of a known "
        f"kind; {known}"
    )


def open_pictures(
    named: Sequence[tuple[str, Path]], fitting: Fitting, rate: float = SOURCE_RATE, check: bool = True
) -> Source:
    """Several pictures and folders, one after the other; see :func:`open_source`.

    Raises:
        PictureError: one is neither a picture nor a folder, or is not there.
    """
    files: list[Path] = []
    for name, path in named:
        if path.is_dir():
            files += pictures_in(path)
        elif not path.exists():
            raise PictureError(f"cannot read {name}: No such file or directory")
        elif path.suffix.lower() in PICTURE_SUFFIXES:
            files.append(path)
        else:
            raise PictureError(f"{name} is neither a picture nor a folder; give it alone")
    return FileSource(files, fitting, rate, check)


def pictures_in(folder: Path) -> list[Path]:
    """The pictures of a folder and of the folders in it, in the order of their paths.

    What is hidden is what systems and archive programs leave, and is passed over.

    Raises:
        PictureError: a folder cannot be read, or there is no picture.
    """
    found = list(_below(folder))
    if not found:
        raise PictureError(f"no picture found in {folder}; known kinds: {', '.join(PICTURE_SUFFIXES)}")
    return found


def _below(folder: Path) -> list[Path]:
    try:
        inside = sorted(each for each in folder.iterdir() if not each.name.startswith("."))
    except OSError as error:
        raise PictureError(f"cannot read {folder}: {error.strerror or error}") from error
    found: list[Path] = []
    for each in inside:
        if each.is_dir() and not each.is_symlink() and each.name not in _FOREIGN_FOLDERS:
            found += _below(each)
        elif each.suffix.lower() in PICTURE_SUFFIXES and each.is_file():
            found.append(each)
    return found


def period_of(rate: float) -> int:
    """Nanoseconds between two pictures.

    Raises:
        PictureError: a rate that no source has.
    """
    if not 0.01 <= rate <= 100_000:
        raise PictureError(f"a source shows 0.01 to 100,000 frames per second, not {rate:g}")
    return round(1_000_000_000 / rate)


def _stack(path: Path, fitting: Fitting) -> Grey:
    return np.stack([fitting.apply(each, str(path)) for each in read_pictures(path)])
