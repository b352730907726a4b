"""What devices of this process have found out about objects, so that none of them finds it out again.

An object's name is the digest of its bytes, and each device works that out for itself of all that it is sent.
What follows from the bytes alone holds for every device: that they are an object, what a block is once it is
made ready, that a node may run. What depends on errors of a chip, or on planes, is never kept here.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

_Key = TypeVar("_Key", bound=Hashable)
_Value = TypeVar("_Value")


class Remembered(Generic[_Key, _Value]):
    """Values by key, within a limit: what was used longest ago goes first. Safe for use from several threads.

    Args:
        most: the limit on the sum of sizes.
        size: of a value, 1 or more; a value beyond the limit is not kept at all.
    """

    def __init__(self, most: int, size: Callable[[_Value], int]) -> None:
        self._most = most
        self._size = size
        self._values: OrderedDict[_Key, _Value] = OrderedDict()
        self._total = 0
        self._lock = threading.Lock()

    def get(self, key: _Key, make: Callable[[], _Value]) -> _Value:
        """The value of a key; made, and kept, where there is none. What ``make`` raises is not kept."""
        with self._lock:
            value = self._values.get(key)
            if value is not None:
                self._values.move_to_end(key)
                return value
        value = make()  # not under the lock, as it may take long; two threads may both make one
        with self._lock:
            self._keep(key, value)
        return value

    def _keep(self, key: _Key, value: _Value) -> None:
        if (before := self._values.pop(key, None)) is not None:
            self._total -= self._size(before)
        size = self._size(value)
        if size > self._most:
            return
        self._values[key] = value
        self._total += size
        while self._total > self._most:
            _, oldest = self._values.popitem(last=False)
            self._total -= self._size(oldest)
