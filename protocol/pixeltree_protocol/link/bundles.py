"""Which whole objects go together in one PUT_SEVERAL."""

from __future__ import annotations

from collections.abc import Iterable

from pixeltree_protocol.link.messages import MOST_PUT_TOGETHER, Put, PutSeveral, head_bytes, item_bytes

PUT_HEAD = head_bytes(Put)
"""Bytes of PUT beside those of the object: its digest, the total and the offset."""

MOST_BUNDLED = 2_048 + PUT_HEAD
"""Bytes of the body of a PUT_SEVERAL at most: no more than a part of what is sent ahead. Larger objects are
sent by PUT, whose head hardly counts there."""

LENGTH_BYTES = item_bytes(PutSeveral, "objects")
"""Bytes of a PUT_SEVERAL for each of its objects, beside the object itself."""

_SEVERAL_HEAD = head_bytes(PutSeveral)


def bundle_body(sizes: Iterable[int]) -> int:
    """Bytes of the body of a PUT_SEVERAL with objects of these sizes."""
    return _SEVERAL_HEAD + sum(LENGTH_BYTES + size for size in sizes)


def fit_together(sizes: Iterable[int], most: int) -> int:
    """How many objects, from the first on, fit into one PUT_SEVERAL.

    Args:
        sizes: bytes of each.
        most: bytes of its body at most.
    """
    body, count = _SEVERAL_HEAD, 0
    for size in sizes:
        body += LENGTH_BYTES + size
        if body > most or count == MOST_PUT_TOGETHER:
            break
        count += 1
    return count
