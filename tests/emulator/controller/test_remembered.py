"""What devices of one process share about objects, and what each still finds out for itself."""

import pytest

from pixeltree_emu.controller.remembered import Remembered
from pixeltree_emu.controller.store import ObjectStore
from pixeltree_emu.errors import RequestError
from pixeltree_protocol.objects import PackedBits, digest_of


def store():
    return ObjectStore(10_000, 100, 10_000, load_block=None)


def test_other_bytes_under_a_name_that_another_device_has_verified_are_refused():
    data = PackedBits(b"weights").encode()
    store().put(digest_of(data), len(data), 0, data)
    second = store()
    with pytest.raises(RequestError, match="have the digest"):
        second.put(digest_of(data), len(data), 0, data[:-1] + b"?")
    assert len(second) == 0


def test_what_was_used_longest_ago_goes_first_and_what_failed_is_not_kept():
    made = []
    kept = Remembered(3, lambda value: 1)
    for key in (1, 2, 3, 1, 4, 1, 2):
        assert kept.get(key, lambda key=key: made.append(key) or str(key)) == str(key)
    assert made == [1, 2, 3, 4, 2]
    with pytest.raises(ZeroDivisionError):
        kept.get(9, lambda: 1 / 0)
    assert kept.get(9, lambda: "nine") == "nine"
