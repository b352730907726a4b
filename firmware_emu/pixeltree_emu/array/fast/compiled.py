"""Numba's compiler as this package uses it, and where compiled code is kept between starts."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

import numpy as np
import numpy.typing as npt

Table = npt.NDArray[np.int64]
"""int64, two axes."""
Row = npt.NDArray[np.int64]
"""int64, one axis."""
Planes = npt.NDArray[np.int8]
"""int8, two axes."""

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

_config: Any = numba.config
_njit: Any = numba.njit  # its stubs lack the options that leave out wrappers for Python

if not _config.CACHE_DIR:  # another package imported numba first
    _config.CACHE_DIR = os.environ["NUMBA_CACHE_DIR"]


_WORDS_OF_TYPES = {
    "int": "int64",
    "bool": "boolean",
    "None": "void",
    "Row": "int64[::1]",
    "Table": "int64[:,::1]",
    "Planes": "int8[:,::1]",
}


def _signature(function: Callable[..., Any]) -> str:
    """Numba's signature of a function, from its annotations."""
    kinds = [_WORDS_OF_TYPES[kind] for kind in function.__annotations__.values()]
    return f"{kinds[-1]}({', '.join(kinds[:-1])})"


def entry(function: F) -> F:
    """Compile a function that Python calls. It runs without the GIL and is kept on disk."""
    return cast(F, _njit(_signature(function), cache=True, nogil=True)(function))


def exactly(function: F) -> F:
    """Compile a function that only compiled functions call, for just the types of its annotations.

    Without that, Numba compiles it anew for every combination of constant arguments.
    """
    make = _njit(_signature(function), cache=True, nogil=True, no_cpython_wrapper=True, no_cfunc_wrapper=True)
    return cast(F, make(function))


def tailored(function: F) -> F:
    """Compile a function that only compiled functions call, anew for every combination of constants."""
    return cast(F, _njit(nogil=True, no_cpython_wrapper=True, no_cfunc_wrapper=True)(function))


def compiled_before() -> bool:
    """Whether an earlier start has left compiled code to use."""
    return any(Path(_config.CACHE_DIR).glob("**/*.nbc"))
