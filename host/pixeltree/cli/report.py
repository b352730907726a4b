"""Writing results where the user asked for them."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from pixeltree.errors import DataError


def check_writable(path: Path) -> None:
    """Refuse a path early that :func:`write_json` could not write in the end.

    Raises:
        DataError: its folder is missing or not writable, or it is a folder itself.
    """
    if str(path) == "-":
        return
    target = path if path.exists() else path.parent
    if path.is_dir() or not os.access(target, os.W_OK):
        raise DataError(f"cannot write {path}: the folder is missing or not writable, or it is a folder")


def check_picture(path: Path, is_always_png: bool = False) -> None:
    """Refuse early a picture that matplotlib could not draw in the end.

    Args:
        path: the picture.
        is_always_png: whether it is a PNG file whatever its suffix; else the suffix says the format.

    Raises:
        DataError: the file cannot be written, matplotlib is not installed, or it knows no such format.
    """
    check_writable(path)
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415 - an extra, slow to import
    except ImportError as error:
        raise DataError("pictures need matplotlib: pip install 'pixeltree[viz]'") from error
    known = sorted(FigureCanvasAgg.get_supported_filetypes())
    if not is_always_png and path.suffix.lstrip(".").lower() not in known:
        raise DataError(f"cannot write {path}: the suffix says the format; known: {', '.join(known)}")


def write_json(path: Path, text: str) -> None:
    """Write JSON text to a file, or to standard output for ``-``.

    Raises:
        DataError: the file cannot be written.
    """
    if str(path) == "-":
        sys.stdout.write(text + "\n")
        return
    try:
        path.write_text(text + "\n")
    except OSError as error:
        raise DataError(f"cannot write {path}: {error.strerror}") from error
