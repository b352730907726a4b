"""What devices of one process share about objects, and what each still finds out for itself."""

import pytest

from pixeltree_emu.array.fast import FastEngine
from pixeltree_emu.array.remembered import Remembered
from pixeltree_emu.bench import programs
from pixeltree_emu.controller.device_array import PixelArray
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


def test_what_one_array_has_joined_no_other_of_its_kind_joins_again(monkeypatch):
    arrays = PixelArray(), PixelArray()
    kernel = arrays[0].load(programs.sobel())
    loaded, load = [], FastEngine.load
    monkeypatch.setattr(FastEngine, "load", lambda engine, items: loaded.append(items) or load(engine, items))
    for array in arrays:
        array.select_pattern(3, 5, 252, 0)
        array.run(kernel)
        array.settle()
    assert [len(items) for items in loaded] == [1 + len(kernel.items)]
