"""How far the reading or drawing of images is, for callers that show it.

Images are made several calls below the one who shows, in caches and splits that have nothing to say about it,
so the listener is a context variable and not an argument of each of them.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from contextvars import ContextVar

Listener = Callable[[str, int, int], None]
"""Is told what is done, how many images are done, and how many there are; 0 of 0 where that is not known."""

_listener: ContextVar[Listener | None] = ContextVar("listener", default=None)


@contextlib.contextmanager
def listening(listener: Listener) -> Iterator[None]:
    """Within the context, tell the listener about every step."""
    token = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(token)


def step(what: str, done: int, total: int) -> None:
    """Say how far it is, if anybody listens."""
    listener = _listener.get()
    if listener is not None:
        listener(what, done, total)
