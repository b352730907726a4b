"""One thread for each device, in which its calls happen one after the other.

A thread, and not coroutines down to the link: the session waits for bytes in one place, whatever the link
is, and serial ports, USB and TLS have no common way to be waited for by an event loop on all systems. A call
costs two changes of threads, some 0.1 ms. In return a task that keeps the loop busy never keeps a frame
waiting, and a link that takes seconds to come back never keeps the loop waiting.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import ParamSpec, TypeVar

_Args = ParamSpec("_Args")
_T = TypeVar("_T")


class DeviceThread:
    """Calls functions in a thread of its own, in the order in which they were asked for.

    Args:
        name: of the thread, for people.
    """

    def __init__(self, name: str) -> None:
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix=name)

    def start(self, function: Callable[_Args, _T], *args: _Args.args, **kwargs: _Args.kwargs) -> Future[_T]:
        """Call a function when its turn comes."""
        return self._executor.submit(function, *args, **kwargs)

    async def call(self, function: Callable[_Args, _T], *args: _Args.args, **kwargs: _Args.kwargs) -> _T:
        """Call a function and wait for its result; the loop goes on meanwhile.

        A task that is cancelled waits no longer. If the call had begun, it ends by itself, and calls that
        come later happen after it.
        """
        return await asyncio.wrap_future(self.start(function, *args, **kwargs))

    def end(self) -> None:
        """Take no more calls; the thread ends after those that it has."""
        self._executor.shutdown(wait=False)
