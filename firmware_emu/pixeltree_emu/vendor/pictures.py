"""Images that a program saves: into one folder that the user has named, and nowhere else."""

from __future__ import annotations

import logging
import re
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from pixeltree_emu.array.planes import picture

logger = logging.getLogger(__name__)

_MOST = 10_000
"""Files that one program may write."""

_ODD_LETTERS = re.compile(r"[^\w.+-]+")
_LONGEST_NAME = 100


class PictureFolder:
    """Where a program's images go.

    Args:
        folder: made when the first image comes; None: images are not saved, and the log says so once.
    """

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._written = 0
        self._told = False

    def save(self, path: str, plane: npt.NDArray[np.uint8]) -> None:
        """Save a plane as PNG, the right way round; of the program's path the last part is the name.

        Args:
            path: as the program has it, in the manner of any system.
            plane: uint8 (256, 256), in array coordinates.
        """
        if self._folder is None or self._written >= _MOST:
            if not self._told:
                reason = "the listener has no option images=FOLDER" if self._folder is None else "too many"
                logger.warning("an image is not saved: %s", reason)
                self._told = True
            return
        target = self._folder / name_of(path)
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            Image.fromarray(np.ascontiguousarray(picture(plane))).save(target)
        except OSError as error:
            logger.warning("image %s is not saved: %s", target, error)
            return
        self._written += 1


def name_of(path: str) -> str:
    """A file name that cannot lead anywhere else: the last part of a path, and .png."""
    last = re.split(r"[/\\]", path)[-1]
    stem = _ODD_LETTERS.sub("_", last)[:_LONGEST_NAME].lstrip(".")
    stem = re.sub(r"\.(png|bmp|jpe?g|tiff?|pgm)$", "", stem, flags=re.IGNORECASE)
    return f"{stem or 'image'}.png"
