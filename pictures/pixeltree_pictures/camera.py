"""Cameras, read by OpenCV: a source that shows what is before a lens now.

OpenCV opens a camera by its number on Linux, macOS and Windows alike, and chooses a format that the camera
has. PyAV, which reads videos, has to be told each system's own name of the camera and its format.
"""

from __future__ import annotations

import logging
import threading
import weakref
from typing import Any

from pixeltree_pictures.errors import PictureError
from pixeltree_pictures.fitting import Fitting
from pixeltree_pictures.levels import Grey

logger = logging.getLogger(__name__)

CAMERA = "camera:"
"""How the names of cameras begin."""

_FIRST_PICTURE = 10.0
"""Seconds that a camera may take until its first picture."""


class CameraSource:
    """The newest picture of a camera, whichever is asked for.

    A thread reads all pictures, so that none is old. Where the camera is gone, its last picture stays.

    Args:
        name: for messages.
        capture: an open ``cv2.VideoCapture``.
        fitting: the size of the pictures; they are always fitted.
        period_ns: for how long each is shown, in nanoseconds.

    Raises:
        PictureError: no picture comes.
    """

    live = True
    count: int | None = None

    def __init__(self, name: str, capture: Any, fitting: Fitting, period_ns: int) -> None:  # noqa: ANN401 - cv2 has no types
        self.period_ns = period_ns
        self._name = name
        self._newest = _Newest()
        reader = threading.Thread(
            target=_read, args=(name, capture, fitting, self._newest), name=name, daemon=True
        )
        weakref.finalize(self, self._newest.stop.set)
        reader.start()
        self._newest.came.wait(_FIRST_PICTURE)
        if self._newest.picture is None:
            self._newest.stop.set()
            raise PictureError(f"{name} is there, but no picture comes from it; does another program use it?")

    def frame(self, index: int) -> Grey:
        """The newest picture."""
        picture = self._newest.picture
        assert picture is not None
        return picture

    def name(self, index: int) -> str:
        """The camera's name."""
        return self._name


class _Newest:
    """What the reading thread and the source share."""

    def __init__(self) -> None:
        self.picture: Grey | None = None
        self.came = threading.Event()
        self.stop = threading.Event()


def _read(name: str, capture: Any, fitting: Fitting, newest: _Newest) -> None:  # noqa: ANN401 - cv2 has no types
    import cv2  # noqa: PLC0415 - an optional extra

    try:
        while not newest.stop.is_set():
            try:
                there, colours = capture.read()
            except cv2.error as error:  # as some drivers do where a camera is unplugged
                logger.debug("%s: %s", name, error)
                there = False
            if not there:
                logger.warning("no more pictures come from %s; the last one stays", name)
                return
            grey = colours if colours.ndim == 2 else cv2.cvtColor(colours, cv2.COLOR_BGR2GRAY)
            newest.picture = fitting.always(grey)
            newest.came.set()
    finally:
        newest.came.set()
        capture.release()


def open_camera(name: str, fitting: Fitting, period_ns: int) -> CameraSource:
    """The camera that a name such as ``camera:0`` or ``camera:/dev/video2`` means.

    Raises:
        PictureError: there is none, it shows nothing, or OpenCV is not installed.
    """
    try:
        import cv2  # noqa: PLC0415 - an optional extra
    except ImportError as error:
        raise PictureError(
            "a camera needs OpenCV: in a clone of Pixeltree, run pip install '.[camera]'"
        ) from error
    place = name.removeprefix(CAMERA)
    if not place:
        raise PictureError(f"{name} does not name a camera: give its number, as in {CAMERA}0")
    cv2.utils.logging.setLogLevel(0)  # what it would print is said below
    capture = cv2.VideoCapture(int(place) if place.isdecimal() else place)
    if not capture.isOpened():
        capture.release()
        raise PictureError(
            f"{name} cannot be opened as a camera; is it plugged in, and may this user read it? "
            f"The first camera is {CAMERA}0"
        )
    return CameraSource(name, capture, fitting, period_ns)
