"""Frame sources: what is before the emulated sensor over time.

A source shows one frame per period, from device time 0 on, and starts again at its end. Frames are uint8
(256, 256), the right way round.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps

from pixeltree_emu.array.planes import SHAPE
from pixeltree_emu.array.sensor import FrameSource
from pixeltree_emu.errors import EmulatorError
from pixeltree_emu.paths import TEXT, user_path

Frame = npt.NDArray[np.uint8]

DEFAULT_RATE = 60.0
"""Frames per second where the source does not say."""

_PICTURES = (".png", ".jpg", ".jpeg", ".bmp", ".pgm", ".ppm", ".tif", ".tiff", ".webp")
_ARRAYS = (".npy",)
_MAX_VIDEO_FRAMES = 18_000
_VIDEOS = (".mp4", ".avi", ".mov", ".mkv", ".webm", ".m4v")


class SourceError(EmulatorError):
    """A frame source cannot be read, or its frames have the wrong shape or type."""


class ArraySource:
    """Frames from a NumPy array.

    Args:
        frames: uint8 (count, 256, 256), or one frame (256, 256).
        rate: frames per second.

    Raises:
        SourceError: another shape or type, or no frame.
    """

    def __init__(self, frames: npt.NDArray[np.generic], rate: float = DEFAULT_RATE) -> None:
        stack = frames[np.newaxis] if frames.ndim == 2 else frames
        if stack.dtype != np.uint8 or stack.ndim != 3 or stack.shape[1:] != SHAPE or not len(stack):
            raise SourceError(f"frames must be uint8 (count, 256, 256), not {frames.dtype} {frames.shape}")
        self._frames = np.asarray(stack, np.uint8)
        self.period_ns = _period(rate)

    def frame(self, index: int) -> Frame:
        """Frame ``index``, counted round and round."""
        return np.asarray(self._frames[index % len(self._frames)], np.uint8)


class FileSource:
    """Frames from image files, in the given order; read when they are needed.

    Raises:
        SourceError: no file, or one that is no 256 x 256 picture.
    """

    def __init__(self, paths: Sequence[Path], rate: float = DEFAULT_RATE) -> None:
        if not paths:
            raise SourceError(f"no picture found; known kinds: {', '.join(_PICTURES)}")
        self._paths = list(paths)
        self._read = lru_cache(maxsize=64)(_read_picture)
        for file in self._paths:  # what is wrong with one should not wait until it is shown
            self._read(file)
        self.period_ns = _period(rate)

    def frame(self, index: int) -> Frame:
        """The picture ``index``, counted round and round."""
        return self._read(self._paths[index % len(self._paths)])


class MovingScene:
    """A synthetic scene: a bright disc that circles over a gradient. The same at every run.

    Args:
        rate: frames per second.
        turn: frames per turn.
    """

    def __init__(self, rate: float = DEFAULT_RATE, turn: int = 120) -> None:
        self.period_ns = _period(rate)
        self._turn = turn
        self._rows, self._columns = np.indices(SHAPE)

    def frame(self, index: int) -> Frame:
        """The disc's place at frame ``index``."""
        angle = 2 * np.pi * (index % self._turn) / self._turn
        row, column = 128 + round(70 * np.sin(angle)), 128 + round(70 * np.cos(angle))
        disc = (self._rows - row) ** 2 + (self._columns - column) ** 2 < 30**2
        return np.asarray(np.where(disc, 230, self._columns // 4), np.uint8)


def open_source(name: str, rate: float = DEFAULT_RATE) -> FrameSource:
    """The source that a command line names.

    Args:
        name: ``moving``, or the path of a picture, a folder of pictures, a ``.npy`` array, or a video.
        rate: frames per second; a video has its own.

    Raises:
        SourceError: it cannot be opened, or is none of these.
    """
    if name == "moving":
        return MovingScene(rate)
    path = user_path(name)
    if path.is_dir():
        return FileSource(_pictures_in(path), rate)
    openers: tuple[tuple[Sequence[str], Callable[[], FrameSource]], ...] = (
        (_PICTURES, lambda: FileSource([path], rate)),
        (_ARRAYS, lambda: ArraySource(_read_array(path), rate)),
        (_VIDEOS, lambda: ArraySource(*_read_video(path))),
    )
    for suffixes, opener in openers:
        if path.suffix.lower() in suffixes:
            return opener()
    known = ", ".join((*_PICTURES, *_ARRAYS, *_VIDEOS))
    raise SourceError(f"{name} is no source: give 'moving', a folder, or a file of a known kind ({known})")


def _pictures_in(folder: Path) -> list[Path]:
    """Pictures in the order of their names; ``._x.png`` is what a Macintosh leaves beside ``x.png``."""
    found = (file for file in folder.iterdir() if file.suffix.lower() in _PICTURES)
    return sorted(file for file in found if file.is_file() and not file.name.startswith("."))


def read_order(path: Path) -> list[int]:
    """Which frame each exposure sees: a number from 0 on per line.

    Raises:
        SourceError: the file cannot be read, or has something else in it.
    """
    try:
        order = [int(line) for line in path.read_text(TEXT).split()]
    except (OSError, ValueError) as error:
        raise SourceError(f"cannot read {path} as a number per line: {error}") from error
    if not order or min(order) < 0:
        raise SourceError(f"{path} must have at least one number, and none below 0")
    return order


def _period(rate: float) -> int:
    if not 0.01 <= rate <= 100_000:
        raise SourceError(f"a source shows 0.01 to 100,000 frames per second, not {rate:g}")
    return round(1_000_000_000 / rate)


def _read_picture(path: Path) -> Frame:
    try:
        with Image.open(path) as image:
            grey = image.convert("L")
    except OSError as error:
        raise SourceError(f"cannot read {path}: {error.strerror or error}") from error
    if grey.size != SHAPE:
        raise SourceError(f"{path} is {grey.width} x {grey.height} pixels; the sensor has 256 x 256")
    return np.asarray(grey, np.uint8)


def _read_array(path: Path) -> npt.NDArray[np.generic]:
    try:
        array: npt.NDArray[np.generic] = np.load(path, allow_pickle=False)
    except (OSError, ValueError) as error:
        raise SourceError(f"cannot read {path}: {error}") from error
    return array


def _read_video(path: Path) -> tuple[Frame, float]:
    """Frames, cropped to a square about the centre and scaled, and their rate.

    They are held in memory, 64 KiB each; of a long video, the first 18,000 (10 minutes at 30 a second).
    """
    try:
        import av  # noqa: PLC0415 - an optional extra
    except ImportError as error:
        raise SourceError("video needs the extra: pip install 'pixeltree[video]'") from error
    try:
        with av.open(str(path)) as container:
            stream = container.streams.video[0]
            rate = float(stream.average_rate or DEFAULT_RATE)
            frames = itertools.islice(container.decode(stream), _MAX_VIDEO_FRAMES)
            pictures = [
                ImageOps.fit(Image.fromarray(frame.to_ndarray(format="gray")), SHAPE) for frame in frames
            ]
    except (OSError, IndexError, ValueError) as error:  # FFmpeg's "invalid data" is a ValueError
        raise SourceError(f"cannot read {path}: {error}") from error
    if not pictures:
        raise SourceError(f"{path} has no frame")
    return np.stack([np.asarray(picture, np.uint8) for picture in pictures]), rate
