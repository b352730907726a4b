"""Writing results where the user asked for them."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from pixeltree.errors import DataError, from_extra


def is_standard_output(path: Path) -> bool:
    """Whether a path is ``-``, which stands for standard output."""
    return str(path) == "-"


def check_writable(path: Path) -> None:
    """Refuse a path early that :func:`write_json` could not write in the end.

    Raises:
        DataError: its folder is missing or not writable, or it is a folder itself.
    """
    if is_standard_output(path):
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
        raise DataError(f"pictures need matplotlib: {from_extra('viz')}") from error
    known = sorted(FigureCanvasAgg.get_supported_filetypes())
    if not is_always_png and path.suffix.lstrip(".").lower() not in known:
        raise DataError(f"cannot write {path}: the suffix says the format; known: {', '.join(known)}")


def check_replaceable(path: Path) -> None:
    """Refuse a path early that ``files.write_whole`` or :func:`write_standard_output` could not write.

    Raises:
        DataError: see :func:`check_writable`; the folder that a link leads to is not writable; or standard
            output is a terminal, which bytes would garble.
    """
    if is_standard_output(path):
        if sys.stdout.isatty():
            raise DataError("standard output is a terminal: send it to a file or a pipe, or name a file")
        return
    check_writable(path)
    folder = Path(os.path.realpath(path)).parent
    if not (path.exists() and not path.is_file()) and not os.access(folder, os.W_OK):
        raise DataError(f"cannot write {path}: the folder {folder} is missing or not writable")


def write_standard_output(data: bytes) -> None:
    """Write bytes to standard output.

    Raises:
        DataError: it cannot be written.
    """
    try:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
    except OSError as error:
        raise DataError(f"cannot write to standard output: {error.strerror}") from error


def write_json(path: Path, text: str) -> None:
    """Write JSON text to a file, or to standard output for ``-``.

    Raises:
        DataError: the file cannot be written.
    """
    if is_standard_output(path):
        sys.stdout.write(text + "\n")
        return
    try:
        path.write_text(text + "\n")
    except OSError as error:
        raise DataError(f"cannot write {path}: {error.strerror}") from error
