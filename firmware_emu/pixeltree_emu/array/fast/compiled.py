"""Numba's compiler as this package uses it; ``cache`` says where compiled code is kept between starts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

import numba
import numpy as np
import numpy.typing as npt

Table = npt.NDArray[np.int64]
"""int64, two axes."""
Row = npt.NDArray[np.int64]
"""int64, one axis."""
Planes = npt.NDArray[np.int8]
"""int8, two axes."""

F = TypeVar("F", bound=Callable[..., Any])


_config: Any = numba.config
_njit: Any = numba.njit  # its stubs lack the options that leave out wrappers for Python


class _Kept:
    """Where functions that are compiled now are kept, or were kept before."""

    folder: Path | None = None


def keep_in(folder: Path | None) -> None:
    """Load compiled functions from a folder, or keep them there; None keeps none.

    Call it before the modules are imported whose functions it is about.
    """
    _Kept.folder = folder


def _compile(options: dict[str, bool], function: F) -> F:
    """Compile for the types of its annotations, or load what was compiled before."""
    before = _config.CACHE_DIR  # others may use Numba in this process
    _config.CACHE_DIR = str(_Kept.folder or before)
    try:
        made = _njit(_signature(function), cache=_Kept.folder is not None, nogil=True, **options)(function)
    finally:
        _config.CACHE_DIR = before
    return cast(F, made)


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
    return _compile({}, function)


def exactly(function: F) -> F:
    """Compile a function that only compiled functions call, for just the types of its annotations.

    Without that, Numba compiles it anew for every combination of constant arguments.
    """
    return _compile({"no_cpython_wrapper": True, "no_cfunc_wrapper": True}, function)


def tailored(function: F) -> F:
    """Compile a function that only compiled functions call, anew for every combination of constants."""
    return cast(F, _njit(nogil=True, no_cpython_wrapper=True, no_cfunc_wrapper=True)(function))
