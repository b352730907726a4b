"""Which whole objects go together in one PUT_SEVERAL, by its sizes in docs/protocol.md."""

from __future__ import annotations

from collections.abc import Iterable

from pixeltree_protocol.messages import MOST_PUT_TOGETHER

PUT_HEAD = 24
"""Bytes of PUT beside those of the object: its digest, the total and the offset."""

MOST_BUNDLED = 2_048 + PUT_HEAD
"""Bytes of the body of a PUT_SEVERAL at most: no more than a part of what is sent ahead. Larger objects are
sent by PUT, whose head hardly counts there."""

LENGTH_BYTES = 2
_COUNT_BYTES = 2


def bundle_body(sizes: Iterable[int]) -> int:
    """Bytes of the body of a PUT_SEVERAL with objects of these sizes."""
    return _COUNT_BYTES + sum(LENGTH_BYTES + size for size in sizes)


def fit_together(sizes: Iterable[int], most: int) -> int:
    """How many objects, from the first on, fit into one PUT_SEVERAL.

    Args:
        sizes: bytes of each.
        most: bytes of its body at most.
    """
    body, count = _COUNT_BYTES, 0
    for size in sizes:
        body += LENGTH_BYTES + size
        if body > most or count == MOST_PUT_TOGETHER:
            break
        count += 1
    return count
