"""Numba's compiler as this package uses it, and where compiled code is kept between starts."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

F = TypeVar("F", bound=Callable[..., Any])


def _sources_digest() -> str:
    """Digest of this package's sources.

    Numba watches only the file of the function it caches; a change of a function that it calls in another
    file would go unnoticed. A folder per digest notices.
    """
    digest = hashlib.blake2b(digest_size=6)
    for source in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(source.read_bytes())
    return digest.hexdigest()


def cache_directory() -> Path:
    """A folder for compiled code that can be written even where the package cannot.

    ``$XDG_CACHE_HOME`` or ``~/.cache``, or else a private folder among temporary files.
    """
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser())
    folder = base / "pixeltree" / f"compiled-{_sources_digest()}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if os.access(folder, os.W_OK):
            return folder
    except OSError:
        pass
    return Path(tempfile.gettempdir()) / f"pixeltree-{os.getuid()}" / folder.name


if "NUMBA_CACHE_DIR" not in os.environ:
    os.environ["NUMBA_CACHE_DIR"] = str(cache_directory())

import numba  # noqa: E402 - reads its cache folder from the environment when imported

if not numba.config.CACHE_DIR:  # another package imported numba first
    numba.config.CACHE_DIR = os.environ["NUMBA_CACHE_DIR"]


def compiled(function: F) -> F:
    """Compile a function at its first call; it runs without the GIL and is kept on disk."""
    return cast(F, numba.njit(cache=True, nogil=True)(function))


def inlined(function: F) -> F:
    """Compile a small function that only compiled functions call."""
    return cast(F, numba.njit(nogil=True, inline="never")(function))
