"""Generated images kept on disk, so that they are generated once."""

from __future__ import annotations

import hashlib
import io
import json
import logging
import os
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pixeltree.arguments.files import AnyPath, as_path, write_whole
from pixeltree.errors import DataError

CACHE_VARIABLE = "PIXELTREE_CACHE"
"""Environment variable that names another folder."""

Arrays = dict[str, npt.NDArray[np.generic]]

_log = logging.getLogger(__name__)


def cache_folder() -> Path:
    """Where generated images are kept.

    ``$PIXELTREE_CACHE``, else ``pixeltree`` in the user's cache folder (``$XDG_CACHE_HOME``, else
    ``~/.cache``).

    Raises:
        DataError: this user has no home folder.
    """
    chosen = os.environ.get(CACHE_VARIABLE)
    if chosen:
        return as_path(chosen)
    try:
        return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "pixeltree"
    except RuntimeError as error:  # neither HOME nor an entry for this user
        raise DataError(
            f"this user has no home folder to keep images in; set {CACHE_VARIABLE} to a folder"
        ) from error


def cached(
    name: str, settings: Mapping[str, object], make: Callable[[], Arrays], folder: AnyPath | None
) -> Arrays:
    """Arrays from the cache, or made and put there. A damaged file is made anew.

    Args:
        name: what the arrays are, the beginning of the file's name.
        settings: everything that they depend on, as JSON would have it; another value is another file.
        make: generates them.
        folder: where to keep them; None is :func:`cache_folder`.

    Raises:
        DataError: the file cannot be written.
    """
    key = hashlib.blake2b(json.dumps(settings, sort_keys=True).encode(), digest_size=12).hexdigest()
    path = (as_path(folder) if folder else cache_folder()) / f"{name}-{key}.npz"
    kept = _read(path)
    if kept is not None:
        return kept
    arrays = make()
    _write(path, arrays)
    return arrays


def _read(path: Path) -> Arrays | None:
    """The arrays in a file (its CRCs are checked), or None if it is absent or damaged."""
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            return {name: arrays[name] for name in arrays.files}
    except FileNotFoundError:
        return None
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile) as error:
        _log.warning("%s cannot be read (%s) and is made anew", path, error)
        return None


def _write(path: Path, arrays: Arrays) -> None:
    data = io.BytesIO()
    np.savez(data, allow_pickle=False, **arrays)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, data.getvalue())
    except OSError as error:
        raise DataError(
            f"cannot keep generated images in {path}: {error.strerror or error}; "
            f"free {len(data.getvalue()):,} bytes there, or name another folder in {CACHE_VARIABLE}"
        ) from error
