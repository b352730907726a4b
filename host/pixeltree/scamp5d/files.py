"""Files that a program asks its host for, and pictures that it wants saved: two folders, and nothing else."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from pixeltree.errors import PixeltreeError
from pixeltree_pictures.reading import read_picture
from pixeltree_protocol.errors import MessageError
from pixeltree_protocol.vendor.packets import Data
from pixeltree_protocol.vendor.panel import Panel
from pixeltree_protocol.vendor.requests import Request, file_packets, image_packets, parts_of

logger = logging.getLogger(__name__)

_LARGEST = 16 << 20
"""Bytes of a file that is sent."""

_MOST_SAVED = 10_000
_ODD_LETTERS = re.compile(r"[^\w.+-]+")
_ENDING = re.compile(r"\.(png|bmp|jpe?g|tiff?|pgm)$", re.IGNORECASE)
_LONGEST_NAME = 100


class FileService:
    """Serves what a panel has collected.

    Args:
        files: folder of pictures and files that programs may read; None: they get none.
        output: folder for pictures that programs want saved; None: none are.
    """

    def __init__(self, files: Path | None = None, output: Path | None = None) -> None:
        self._files = files
        self._output = output
        self._saved = 0

    def serve(self, panel: Panel, send: Callable[[bytes], None]) -> None:
        """Answer the requests of a program, and save what it wants saved. What cannot be done is logged."""
        while panel.requests:
            request = panel.requests.popleft()
            try:
                for packet in self._answer(request):
                    send(packet.encode())
            except (PixeltreeError, OSError) as error:
                logger.warning("%r is not sent to the program: %s", request.path, error)
        while panel.snapshots:
            channel, path = panel.snapshots.popleft()
            try:
                self._save(panel, channel, path)
            except (PixeltreeError, OSError) as error:
                logger.warning("%r is not saved: %s", path, error)

    def _answer(self, request: Request) -> list[Data]:
        if self._files is None:
            raise MessageError("no folder of files is given")
        path = self._files.joinpath(*parts_of(request.path)).resolve()
        if not path.is_relative_to(self._files.resolve()):
            raise MessageError("it leads out of the folder")
        if request.is_image:
            return image_packets(_whole_bytes(read_picture(path)), request.bits)
        if path.stat().st_size > _LARGEST:
            raise MessageError(f"it has more than {_LARGEST:,} bytes")
        return file_packets(path.read_bytes())

    def _save(self, panel: Panel, channel: int, path: str) -> None:
        shown = panel.shown.get(channel)
        if self._output is None:
            raise MessageError("no folder for pictures is given")
        if shown is None or shown.picture is None:
            raise MessageError(f"display {channel} shows no picture")
        if self._saved >= _MOST_SAVED:
            raise MessageError(f"{_MOST_SAVED:,} are saved already")
        levels = shown.picture
        if shown.levels < 256:
            levels = (levels.astype(np.uint16) * 255 // (shown.levels - 1)).astype(np.uint8)
        target = self._output / saved_name(path)
        self._output.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.ascontiguousarray(levels)).save(target)
        self._saved += 1


def saved_name(path: str) -> str:
    """The last part of a path, as the name of a PNG file.

    Raises:
        MessageError: it names no file, or leads upwards.
    """
    parts = re.split(r"[/\\]", path)
    stem = _ENDING.sub("", _ODD_LETTERS.sub("_", parts[-1])[:_LONGEST_NAME])
    if ".." in parts or not stem.strip("."):
        raise MessageError("it does not name a file")
    return f"{stem.lstrip('.')}.png"


def _whole_bytes(picture: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Columns are sent in bytes of eight: black is added on the right."""
    missing = -picture.shape[1] % 8
    return np.pad(picture, ((0, 0), (0, missing)))
