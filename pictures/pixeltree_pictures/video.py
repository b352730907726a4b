"""Videos, read by PyAV."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np

from pixeltree_pictures.errors import PictureError
from pixeltree_pictures.fitting import Fitting
from pixeltree_pictures.levels import Grey

_MAX_FRAMES = 18_000


def read_video(path: Path, fitting: Fitting, usual_rate: float) -> tuple[Grey, float]:
    """Pictures of a video, turned upright and fitted, and how many it shows a second.

    They are held in memory; of a long video, the first 18,000 (10 minutes at 30 a second).

    Args:
        path: the file.
        fitting: the size of the pictures.
        usual_rate: the rate of a video that does not say its own.

    Raises:
        PictureError: it cannot be read, or PyAV is not installed.
    """
    try:
        import av  # noqa: PLC0415 - an optional extra
    except ImportError as error:
        raise PictureError("video needs PyAV: in a clone of Pixeltree, run pip install '.[video]'") from error
    try:
        with av.open(str(path)) as container:
            stream = container.streams.video[0]
            rate = float(stream.average_rate or usual_rate)
            pictures = [
                fitting.always(
                    _upright(np.asarray(frame.to_ndarray(format="gray"), np.uint8), frame.rotation)
                )
                for frame in itertools.islice(container.decode(stream), _MAX_FRAMES)
            ]
    except (av.error.FFmpegError, OSError, IndexError, ValueError) as error:
        raise PictureError(f"cannot read {path}: {error}") from error
    if not pictures:
        raise PictureError(f"{path} has no frame")
    return np.stack(pictures), rate


def _upright(grey: Grey, rotation: int) -> Grey:
    """A frame turned counter-clockwise by some degrees, as the camera's file says, in quarter turns."""
    return np.rot90(grey, round(rotation / 90))
