"""Loads the fast engine, from compiled code that was kept or made just now."""

from __future__ import annotations

import logging
import sys
import threading
from typing import TYPE_CHECKING

from pixeltree_emu.array.fast import cache
from pixeltree_emu.array.fast.build import Compiler
from pixeltree_emu.errors import NotCompiled
from pixeltree_emu.machine.logs import fields

if TYPE_CHECKING:
    from pixeltree_emu.array.fast.engine import FastEngine

logger = logging.getLogger(__name__)

_ENGINE = "pixeltree_emu.array.fast.engine"
_lock = threading.Lock()


def can_load_at_once() -> bool:
    """Whether nothing has to be compiled first."""
    return _ENGINE in sys.modules or cache.find() is not None


def load(compiler: Compiler) -> type[FastEngine]:
    """The engine, compiled first if need be: that takes many seconds the first time.

    Raises:
        NotCompiled: it cannot be compiled by a process of its own, or was cancelled.
    """
    with _lock:
        if _ENGINE not in sys.modules:
            with compiler.compiled() as folder:
                from pixeltree_emu.array.fast import compiled  # noqa: PLC0415 - imports Numba, which takes a while

                compiled.keep_in(folder)
                from pixeltree_emu.array.fast import engine as _  # noqa: F401, PLC0415
        from pixeltree_emu.array.fast.engine import FastEngine  # noqa: PLC0415

        return FastEngine


def load_somehow() -> type[FastEngine]:
    """The engine; compiled in this process, and kept nowhere, where there is no other way."""
    if not can_load_at_once():
        logger.warning("compiling the fast engine, which takes some 20 s; this happens once")
    try:
        return load(Compiler())
    except NotCompiled as error:
        logger.warning("compiled code is kept nowhere", extra=fields(reason=str(error)))
    from pixeltree_emu.array.fast.engine import FastEngine  # noqa: PLC0415

    return FastEngine
