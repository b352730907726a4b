"""What a dataset accepts, how it is dealt out, and the cache."""

from __future__ import annotations

import errno
import logging
import os

import numpy as np
import pytest

from pixeltree.datasets import NOWHERE, Dataset, Splits, Task, deal, grey_levels, split
from pixeltree.datasets.cache import CACHE_VARIABLE, cache_folder, cached
from pixeltree.errors import DataError


def labelled(per_class, size=(4, 6), classes=("a", "b", "c")):
    count = per_class * len(classes)
    images = np.random.default_rng(0).integers(0, 256, (count, *size)).astype(np.uint8)
    return Dataset("sets", Task.CLASSIFICATION, images, np.arange(count) % len(classes), classes)


def part_of(name, classes, task=Task.CLASSIFICATION):
    targets = np.arange(6) % len(classes)
    if task is Task.SEGMENTATION:
        targets = targets[:, None, None] + np.zeros((1, 2, 2), np.int64)
    return Dataset(name, task, np.zeros((6, 4, 4), np.uint8), targets, classes)


@pytest.mark.parametrize(
    ("test", "message"),
    [
        (part_of("test", ("a", "c")), "test has c, which train has not; train has b, which test has not"),
        (part_of("test", ("a", "b", "c")), r"differ: test has c, which train has not; all parts"),
        (part_of("test", ("b", "a")), "test and train have the same classes in another order"),
        (part_of("test", ("a", "b"), Task.SEGMENTATION), "test is for segmentation, but train for classif"),
    ],
)
def test_parts_that_do_not_belong_together_say_what_differs(test, message):
    train, validation = (part_of(name, ("a", "b")) for name in ("train", "val"))
    Splits(train, validation, part_of("test", ("a", "b")))
    with pytest.raises(DataError, match=message):
        Splits(train, validation, test)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"images": np.zeros((6, 4, 4))}, "must be uint8"),
        ({"images": np.zeros((0, 4, 4), np.uint8), "targets": np.zeros(0, np.int64)}, "no images"),
        ({"targets": np.zeros(5, np.int64)}, "6 images but 5 targets"),
        ({"targets": np.zeros((6, 1), np.int64)}, "1 dimensions, not int64 with 2"),
        ({"targets": np.array([0, 1, 2, 3, 0, 1])}, "target 3 names none of the 3 classes"),
        ({"targets": np.array([0, 1, 2, -1, 0, 1])}, "target -1 names none"),
        ({"classes": ("a", "a", "b")}, "every class needs a name of its own"),
    ],
)
def test_what_does_not_fit_together_is_refused(change, message):
    good = {"name": "s", "task": Task.CLASSIFICATION, "classes": ("a", "b", "c")}
    good |= {"images": np.zeros((6, 4, 4), np.uint8), "targets": np.arange(6) % 3}
    Dataset(**good)
    with pytest.raises(DataError, match=message):
        Dataset(**(good | change))


def test_positions_lie_inside_the_image_or_nowhere():
    images = np.zeros((2, 8, 8), np.uint8)
    good = np.array([[[0, 7], [NOWHERE, NOWHERE]], [[3, 3], [4, 4]]])
    dataset = Dataset("s", Task.LOCALIZATION, images, good, ("object",))
    assert dataset.counts().tolist() == [3]
    for wrong in ([8, 0], [0, NOWHERE]):
        bad = good.copy()
        bad[1, 1] = wrong
        with pytest.raises(DataError, match="image 1 has an object outside"):
            Dataset("s", Task.LOCALIZATION, images, bad, ("object",))


def test_numbers_become_grey_levels_rounded_to_nearest():
    assert grey_levels(np.array([0.0, 0.5, 1.0]), 1, "s").tolist() == [0, 128, 255]
    assert grey_levels(np.array([0, 8, 16]), 16, "s").tolist() == [0, 128, 255]


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (np.nan, r"value at \(1, 0\) is nan"),
        (np.inf, "is inf"),
        (1.5, "from 0 to 1.5; expected 0 to 1"),
        (-0.1, "from -0.1"),
    ],
)
def test_nan_and_values_out_of_range_are_refused(value, message):
    values = np.array([[0.0, 1.0], [value, 0.5]])
    with pytest.raises(DataError, match=message):
        grey_levels(values, 1, "s")


def test_images_of_another_type_are_refused():
    with pytest.raises(DataError, match="hold values of type <U1"):
        grey_levels(np.array([["a"]]), 1, "s")


def test_a_deal_is_stratified_disjoint_and_repeatable():
    whole = labelled(20)
    parts = deal(whole, (0.2, 0.1), seed=3)
    assert [part.counts().tolist() for part in parts] == [[14] * 3, [4] * 3, [2] * 3]
    images = [image.tobytes() for part in parts for image in part.images]
    assert sorted(images) == sorted(image.tobytes() for image in whole.images)
    again, other = deal(whole, (0.2, 0.1), seed=3), deal(whole, (0.2, 0.1), seed=4)
    assert [part.digest() for part in parts] == [part.digest() for part in again]
    assert parts[0].digest() != other[0].digest()


def test_any_integer_is_a_seed():
    assert deal(labelled(20), (0.2,), seed=-1)[0].digest() != deal(labelled(20), (0.2,), seed=1)[0].digest()


def test_a_class_too_small_to_deal_is_named():
    images = np.zeros((8, 4, 4), np.uint8)
    few = Dataset("sets", Task.CLASSIFICATION, images, np.array([0] * 6 + [1] * 2), ("many", "few"))
    with pytest.raises(DataError, match="class few has 2 images, too few for 3 parts"):
        split(few, (0.2, 0.2), seed=0)


def test_a_class_without_images_is_named():
    lacking = labelled(4).subset(np.array([0, 1, 3, 4]))
    with pytest.raises(DataError, match="no images of class c"):
        Splits(labelled(4), lacking, labelled(4))


def test_parts_of_different_sizes_are_refused():
    with pytest.raises(DataError, match="images are 5 x 6 pixels; 4 x 6 are needed"):
        Splits(labelled(4), labelled(4), labelled(4, size=(5, 6)))


def test_the_digest_tells_any_change():
    whole = labelled(4)
    changed = whole.images.copy()
    changed[3, 2, 1] ^= 1
    others = [
        Dataset("x", whole.task, changed, whole.targets, whole.classes),
        Dataset("x", whole.task, whole.images, whole.targets[::-1].copy(), whole.classes),
        Dataset("x", whole.task, whole.images, whole.targets, ("a", "b", "d")),
    ]
    assert len({whole.digest(), *(other.digest() for other in others)}) == 4
    assert Dataset("x", whole.task, whole.images, whole.targets, whole.classes).digest() == whole.digest()


def arrays():
    return {"images": np.arange(12, dtype=np.uint8)}


def never():
    raise AssertionError("made again")


def test_the_cache_keeps_what_was_made(tmp_path):
    made = cached("s", {"seed": 1}, arrays, tmp_path / "new")
    kept = cached("s", {"seed": 1}, never, tmp_path / "new")
    np.testing.assert_array_equal(kept["images"], made["images"])
    with pytest.raises(AssertionError, match="made again"):
        cached("s", {"seed": 2}, never, tmp_path / "new")


@pytest.mark.parametrize("damage", [lambda data: data[:60], lambda data: data.replace(b"\3\4\5", b"\3\4\6")])
def test_a_damaged_file_is_made_anew_and_said_so(tmp_path, caplog, damage):
    cached("s", {}, arrays, tmp_path)
    (file,) = tmp_path.iterdir()
    whole = file.read_bytes()
    file.write_bytes(damage(whole))
    assert file.read_bytes() != whole
    with caplog.at_level(logging.WARNING):
        made = cached("s", {}, arrays, tmp_path)
    assert made["images"].tolist() == list(range(12))
    assert str(file) in caplog.text
    cached("s", {}, never, tmp_path)


def test_a_full_disk_says_how_much_is_needed_and_leaves_nothing(tmp_path, mocker):
    mocker.patch("os.fsync", side_effect=OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))
    with pytest.raises(DataError, match=r"No space left on device; free [\d,]+ bytes .* PIXELTREE_CACHE"):
        cached("s", {}, arrays, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_the_cache_lies_where_the_user_says(monkeypatch, tmp_path):
    monkeypatch.delenv(CACHE_VARIABLE, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache_folder() == tmp_path / "xdg" / "pixeltree"
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "mine"))
    assert cache_folder() == tmp_path / "mine"
