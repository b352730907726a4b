"""Adaptive binary arithmetic coding: decisions become bytes, each as short as it was to be expected.

A decision has a context, and every context its own estimate of how likely a 0 is. Both sides begin with the
same estimates and change them in the same way, so nothing about them travels. Integers only: every machine
makes the same bytes. The coder is the carry-propagating range coder of LZMA.
"""

from __future__ import annotations

from collections.abc import Hashable

Context = Hashable
Estimates = dict[Context, tuple[int, int]]
"""Per context the probability of a 0, of 65,536, and how many decisions it has seen, at most MOST_SEEN."""

EVEN = (1 << 15, 0)
"""The estimate of a context that has seen nothing."""

LEAST = 600
"""A probability stays within LEAST and 65,536 - LEAST."""

MOST_SEEN = 15

_WHOLE = 1 << 16
_TOP = 1 << 24
_START = 1 << 32


def learn(estimates: Estimates, context: Context, bit: int) -> None:
    """Change an estimate after a decision: by 2 / (2 n + 3) of its distance, n decisions having been seen."""
    zero, seen = estimates.get(context, EVEN)
    distance = -zero if bit else _WHOLE - zero
    step = abs(distance) * 2 // (2 * seen + 3)
    zero = min(max(zero - step if bit else zero + step, LEAST), _WHOLE - LEAST)
    estimates[context] = zero, min(seen + 1, MOST_SEEN)


class Encoder:
    """Collects decisions."""

    def __init__(self, estimates: Estimates) -> None:
        self.estimates = estimates
        self._low = 0
        self._range = _START - 1
        self._bytes = 4

    def bit(self, context: Context, bit: int) -> int:
        """Code one decision; returns it."""
        bound = (self._range >> 16) * self.estimates.get(context, EVEN)[0]
        if bit:
            self._low += bound
            self._range -= bound
        else:
            self._range = bound
        while self._range < _TOP:
            self._low <<= 8
            self._range <<= 8
            self._bytes += 1
        learn(self.estimates, context, bit)
        return bit

    def finish(self) -> bytes:
        """The shortest bytes that decode to these decisions; zeros at the end are left out."""
        for missing in reversed(range(self._bytes + 1)):
            unit = 1 << 8 * missing
            value = -(-self._low // unit) * unit
            if value < self._low + self._range:
                break
        return value.to_bytes(self._bytes, "big")[: self._bytes - missing].rstrip(b"\0")


class Decoder:
    """Gives decisions back; beyond the end of its bytes it reads zeros."""

    def __init__(self, estimates: Estimates, data: bytes) -> None:
        self.estimates = estimates
        self._data = data
        self._at = 4
        self._code = int.from_bytes(data[:4].ljust(4, b"\0"), "big")
        self._range = _START - 1

    def bit(self, context: Context, _: int = 0) -> int:
        """The next decision, asked for in the context in which it was coded."""
        bound = (self._range >> 16) * self.estimates.get(context, EVEN)[0]
        bit = int(self._code >= bound)
        if bit:
            self._code -= bound
            self._range -= bound
        else:
            self._range = bound
        while self._range < _TOP:
            following = self._data[self._at] if self._at < len(self._data) else 0
            self._code = self._code << 8 | following
            self._range <<= 8
            self._at += 1
        learn(self.estimates, context, bit)
        return bit
