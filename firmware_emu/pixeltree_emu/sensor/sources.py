"""Frame sources: what is before the emulated sensor over time.

A source shows one frame per period, from device time 0 on, and starts again at its end. Frames are uint8
(256, 256), the right way round.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pixeltree_emu.array.planes import SHAPE
from pixeltree_emu.errors import SourceError
from pixeltree_emu.machine.defaults import SOURCE_RATE
from pixeltree_emu.machine.paths import TEXT, user_path
from pixeltree_pictures import (
    ARRAY_SUFFIXES,
    PICTURE_SUFFIXES,
    PictureError,
    Size,
    read_picture,
    read_stack,
    to_size,
)
from pixeltree_protocol.names import known_names

Frame = npt.NDArray[np.uint8]

_SENSOR = Size(*SHAPE, "the sensor has", "--fit crops and scales")
_MAX_VIDEO_FRAMES = 18_000
_VIDEOS = (".mp4", ".avi", ".mov", ".mkv", ".webm", ".m4v")


class ArraySource:
    """Frames from a NumPy array.

    Args:
        frames: uint8 (count, 256, 256), or one frame (256, 256).
        rate: frames per second.

    Attributes:
        still: whether it shows one picture for ever.

    Raises:
        SourceError: another shape or type, or no frame.
    """

    def __init__(self, frames: npt.NDArray[np.generic], rate: float = SOURCE_RATE) -> None:
        stack = frames[np.newaxis] if frames.ndim == 2 else frames
        if stack.dtype != np.uint8 or stack.ndim != 3 or stack.shape[1:] != SHAPE or not len(stack):
            raise SourceError(f"frames must be uint8 (count, 256, 256), not {frames.dtype} {frames.shape}")
        self._frames = np.asarray(stack, np.uint8)
        self.period_ns = _period(rate)
        self.still = len(stack) == 1

    def frame(self, index: int) -> Frame:
        """Frame ``index``, counted round and round."""
        return np.asarray(self._frames[index % len(self._frames)], np.uint8)


class FileSource:
    """Frames from picture files, in the given order; read when they are needed.

    Args:
        paths: the files, at least one.
        rate: frames per second.
        fit: crop each picture to a square about its centre and scale it to the sensor's size.

    Raises:
        SourceError: a file cannot be read as a picture, or is not 256 x 256.
    """

    def __init__(self, paths: Sequence[Path], rate: float = SOURCE_RATE, fit: bool = False) -> None:
        self._paths = list(paths)
        self._read = lru_cache(maxsize=64)(partial(_read_picture, fit=fit))
        for file in self._paths:  # what is wrong with one should not wait until it is shown
            self._read(file)
        self.period_ns = _period(rate)
        self.still = len(self._paths) == 1

    def frame(self, index: int) -> Frame:
        """The picture ``index``, counted round and round."""
        return self._read(self._paths[index % len(self._paths)])


class MovingScene:
    """A synthetic scene: a bright disc that circles over a gradient. The same at every run.

    Args:
        rate: frames per second.
        turn: frames per turn.
    """

    still = False

    def __init__(self, rate: float = SOURCE_RATE, turn: int = 120) -> None:
        self.period_ns = _period(rate)
        self._turn = turn
        self._rows, self._columns = np.indices(SHAPE)

    def frame(self, index: int) -> Frame:
        """The disc's place at frame ``index``."""
        angle = 2 * np.pi * (index % self._turn) / self._turn
        row, column = 128 + round(70 * np.sin(angle)), 128 + round(70 * np.cos(angle))
        disc = (self._rows - row) ** 2 + (self._columns - column) ** 2 < 30**2
        return np.asarray(np.where(disc, 230, self._columns // 4), np.uint8)


Source = ArraySource | FileSource | MovingScene
"""What a command line can name."""


def open_source(name: str, rate: float = SOURCE_RATE, fit: bool = False) -> Source:
    """The source that a command line names.

    Args:
        name: ``moving``, or the path of a picture, a folder of pictures, a ``.npy`` array, or a video.
        rate: frames per second; a video has its own.
        fit: crop pictures to a square about their centre and scale them to the sensor's size, as is always
            done with videos.

    Raises:
        SourceError: it cannot be opened, or is none of these.
    """
    if name == "moving":
        return MovingScene(rate)
    path = user_path(name)
    if path.is_dir():
        return FileSource(_pictures_in(path), rate, fit)
    openers: tuple[tuple[Sequence[str], Callable[[], Source]], ...] = (
        (PICTURE_SUFFIXES, lambda: FileSource([path], rate, fit)),
        (ARRAY_SUFFIXES, lambda: ArraySource(_read_stack(path, fit), rate)),
        (_VIDEOS, lambda: ArraySource(*_read_video(path))),
    )
    for suffixes, opener in openers:
        if path.suffix.lower() in suffixes:
            return opener()
    known = known_names(name, ("moving", *PICTURE_SUFFIXES, *ARRAY_SUFFIXES, *_VIDEOS))
    raise SourceError(f"{name} is no source: give 'moving', a folder, or a file of a known kind; {known}")


def pace_warning(source: Source) -> str:
    """What to know of a source that changes: device time is not the time on the wall."""
    return (
        f"the source shows {1e9 / source.period_ns:g} pictures per second of device time, not of the clock "
        "on the wall; a frame of a tree takes less than a millisecond of device time, so that trees see the "
        "same picture for many frames; --source-order FILE says which picture each exposure sees, or wait in "
        "device time between frames (Device.wait)"
    )


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


def _pictures_in(folder: Path) -> list[Path]:
    """Pictures of a folder in the order of their names; hidden files are what systems leave, not pictures."""
    try:
        files = sorted(file for file in folder.iterdir() if not file.name.startswith("."))
    except OSError as error:
        raise SourceError(f"cannot read {folder}: {error.strerror or error}") from error
    found = [file for file in files if file.suffix.lower() in PICTURE_SUFFIXES and file.is_file()]
    if not found:
        raise SourceError(f"no picture found in {folder}; known kinds: {', '.join(PICTURE_SUFFIXES)}")
    return found


def _read_picture(path: Path, fit: bool) -> Frame:
    try:
        return read_picture(path, _SENSOR, fit)
    except PictureError as error:
        raise SourceError(str(error)) from error


def _read_stack(path: Path, fit: bool) -> Frame:
    try:
        return read_stack(path, _SENSOR, fit)
    except PictureError as error:
        raise SourceError(str(error)) from error


def _read_video(path: Path) -> tuple[Frame, float]:
    """Frames, turned upright, cropped to a square about the centre and scaled, and their rate.

    They are held in memory, 64 KiB each; of a long video, the first 18,000 (10 minutes at 30 a second).
    """
    try:
        import av  # noqa: PLC0415 - an optional extra
    except ImportError as error:
        raise SourceError("video needs PyAV: in a clone of Pixeltree, run pip install '.[video]'") from error
    name = str(path)
    try:
        with av.open(name) as container:
            stream = container.streams.video[0]
            rate = float(stream.average_rate or SOURCE_RATE)
            frames = itertools.islice(container.decode(stream), _MAX_VIDEO_FRAMES)
            pictures = [
                to_size(
                    _upright(np.asarray(frame.to_ndarray(format="gray"), np.uint8), frame.rotation),
                    _SENSOR,
                    True,
                    name,
                )
                for frame in frames
            ]
    except (av.error.FFmpegError, OSError, IndexError, ValueError) as error:
        raise SourceError(f"cannot read {path}: {error}") from error
    if not pictures:
        raise SourceError(f"{path} has no frame")
    return np.stack(pictures), rate


def _upright(grey: Frame, rotation: int) -> Frame:
    """A frame turned counter-clockwise by some degrees, as the camera's file says, in quarter turns."""
    return np.rot90(grey, round(rotation / 90))
