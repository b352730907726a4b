"""Images from disk: IDX files and folders, whole and damaged."""

from __future__ import annotations

import contextlib
import gzip
import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from pixeltree.datasets import idx_folder, idx_pair, image_folder, image_folders
from pixeltree.datasets.cache import cache_folder
from pixeltree.datasets.enlarge import enlarge
from pixeltree.datasets.idx import read_idx
from pixeltree.datasets.limit import drawn
from pixeltree.datasets.sources import IdxData
from pixeltree.datasets.steps import listening
from pixeltree.datasets.typefaces import typefaces_in
from pixeltree.errors import DataError


def idx_bytes(values):
    header = bytes([0, 0, 8, values.ndim]) + b"".join(n.to_bytes(4, "big") for n in values.shape)
    return header + values.astype(np.uint8).tobytes()


def pictures(count, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (count, 5, 7)).astype(np.uint8)


@pytest.mark.parametrize("packed", [False, True])
def test_an_idx_file_is_read_plain_or_packed(tmp_path, packed):
    data = idx_bytes(pictures(3))
    (tmp_path / "f").write_bytes(gzip.compress(data) if packed else data)
    np.testing.assert_array_equal(read_idx(tmp_path / "f", 3), pictures(3))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda d: b"", "not an IDX file"),
        (lambda d: b"PK" + d[2:], "not an IDX file"),
        (lambda d: d[:9], "3 x 5 x 0 values|cut or damaged"),
        (lambda d: d[:-1], "says it holds 3 x 5 x 7 values, but 104 bytes follow"),
        (lambda d: d + b"\0", "but 106 bytes follow"),
        (lambda d: d[:4] + b"\xff" * 12 + d[16:], "4294967295 x 4294967295 x 4294967295"),
        (lambda d: d[:2] + b"\x0d" + d[3:], "values of type 13"),
        (lambda d: d[:3] + b"\1" + d[4:], "in 1 dimensions"),
        (lambda d: gzip.compress(d)[:-9], "cut or damaged"),
        (lambda d: gzip.compress(d)[:20] + b"\0\0\0" + gzip.compress(d)[23:], "cut or damaged|cannot read"),
    ],
)
def test_a_damaged_idx_file_is_refused(tmp_path, damage, message):
    (tmp_path / "f").write_bytes(damage(idx_bytes(pictures(3))))
    with pytest.raises(DataError, match=message):
        read_idx(tmp_path / "f", 3)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.binary(max_size=40) | st.binary(max_size=30).map(lambda rest: b"\0\0\x08\x01\0\0\0" + rest))
def test_any_bytes_are_read_or_refused(tmp_path, data):
    (tmp_path / "f").write_bytes(data)
    with contextlib.suppress(DataError):
        assert read_idx(tmp_path / "f", 1).tobytes() == data[8:]


def test_an_unreadable_idx_file_says_so(tmp_path):
    with pytest.raises(DataError, match="No such file"):
        read_idx(tmp_path / "absent", 1)


def test_emnist_is_turned_the_right_way(tmp_path):
    (tmp_path / "i").write_bytes(idx_bytes(pictures(2)))
    (tmp_path / "l").write_bytes(idx_bytes(np.array([1, 0])))
    dataset = idx_pair(tmp_path / "i", tmp_path / "l", classes=("x", "y"), transposed=True)
    np.testing.assert_array_equal(dataset.images, pictures(2).transpose(0, 2, 1))
    assert dataset.targets.tolist() == [1, 0]


def test_images_and_labels_must_be_equally_many(tmp_path):
    (tmp_path / "i").write_bytes(idx_bytes(pictures(2)))
    (tmp_path / "l").write_bytes(idx_bytes(np.array([1, 0, 1])))
    with pytest.raises(DataError, match=r"i holds 2 images, but l 3 labels"):
        idx_pair(tmp_path / "i", tmp_path / "l")


def test_a_folder_like_mnist(tmp_path):
    for part, count in (("train", 24), ("t10k", 6)):
        (tmp_path / f"{part}-images-idx3-ubyte").write_bytes(idx_bytes(pictures(count)))
        labels = gzip.compress(idx_bytes(np.arange(count) % 3))
        (tmp_path / f"{part}-labels-idx1-ubyte.gz").write_bytes(labels)
    splits = idx_folder(tmp_path, upsampling=2, size=16)
    assert [len(part) for part in splits] == [21, 3, 6]
    assert splits.test.classes == ("0", "1", "2")
    np.testing.assert_array_equal(splits.test.images, enlarge(pictures(6), 2, 16))
    (tmp_path / "t10k-labels-idx1-ubyte.gz").unlink()
    with pytest.raises(DataError, match=r"one file .*t10k.*labels.*found: none"):
        idx_folder(tmp_path, upsampling=2, size=16)


def write_parts(folder, labels, prefix=""):
    """IDX files with these labels for training and test; the first pixel of every image is its label."""
    for part, numbers in zip(("train", "test"), labels, strict=True):
        images = pictures(len(numbers))
        images[:, 0, 0] = numbers
        (folder / f"{prefix}{part}-images-idx3-ubyte").write_bytes(idx_bytes(images))
        (folder / f"{prefix}{part}-labels-idx1-ubyte").write_bytes(idx_bytes(np.array(numbers)))


def test_labels_may_start_at_1_as_in_emnist_letters(tmp_path):
    write_parts(tmp_path, ([1, 2, 3] * 4, [3, 2, 1]))
    splits = idx_folder(tmp_path, upsampling=1, size=16)
    assert splits.training.classes == ("1", "2", "3")
    assert splits.test.targets.tolist() == [2, 1, 0]
    named = idx_folder(tmp_path, classes=("a", "b", "c"), upsampling=1, size=16)
    assert named.test.classes == ("a", "b", "c")


def test_classes_that_are_merged_are_one(tmp_path):
    write_parts(tmp_path, ([0, 1, 2, 3] * 4, [0, 1, 2, 3]))
    names, merged = ("a", "B", "b", "A"), (("A", "a"), ("B", "b"))
    splits = idx_folder(tmp_path, classes=names, upsampling=1, size=16, merged=merged)
    assert splits.test.classes == ("A", "B")
    assert splits.test.targets.tolist() == [0, 1, 1, 0]
    with pytest.raises(DataError, match="merged names C, which is no class"):
        idx_folder(tmp_path, classes=names, upsampling=1, size=16, merged=(("A", "C"),))


def test_labels_without_images_are_no_classes(tmp_path):
    write_parts(tmp_path, ([0, 5, 9] * 4, [9, 0, 5]))
    splits = idx_folder(tmp_path, upsampling=1, size=16)
    assert splits.training.classes == ("0", "5", "9")
    assert splits.test.targets.tolist() == [2, 0, 1]
    assert splits.training.counts().tolist() == [3, 3, 3]
    named = idx_folder(tmp_path, classes="zeroonetwo", upsampling=1, size=16)
    assert named.test.classes == ("z", "n", "o")


def test_names_that_do_not_fit_the_labels_are_refused(tmp_path):
    write_parts(tmp_path, ([1, 2, 4] * 4, [1, 2, 4]))
    with pytest.raises(DataError, match=r"train-images.*: 3 classes are named, but labels go from 1 to 4"):
        idx_folder(tmp_path, classes="abc", upsampling=1, size=16)


def test_a_test_image_of_a_class_that_nobody_learned_is_refused(tmp_path):
    write_parts(tmp_path, ([1, 2] * 4, [1, 2, 7]))
    with pytest.raises(
        DataError, match=r"test-images.*: an image has the label 7, which no training image has"
    ):
        idx_folder(tmp_path, upsampling=1, size=16)


def test_several_sets_in_a_folder_are_told_apart_by_a_prefix(tmp_path):
    write_parts(tmp_path, ([0, 1] * 4, [0, 1]), "emnist-digits-")
    write_parts(tmp_path, ([1, 2] * 4, [1, 2]), "emnist-letters-")
    with pytest.raises(
        DataError, match=r"one file \*train\*images\*; found: .*digits.*letters.*; prefix says"
    ):
        idx_folder(tmp_path, upsampling=1, size=16)
    splits = idx_folder(tmp_path, upsampling=1, size=16, prefix="emnist-letters")
    assert splits.training.classes == ("1", "2")


def test_hidden_and_packed_files_beside_idx_files_do_not_count(tmp_path):
    write_parts(tmp_path, ([0, 1] * 4, [0, 1]))
    for path in list(tmp_path.iterdir()):
        path.with_name(f"._{path.name}").write_bytes(b"what a Macintosh leaves")
        path.with_name(f"{path.name}.gz").write_bytes(gzip.compress(path.read_bytes()))
    assert len(idx_folder(tmp_path, upsampling=1, size=16).test) == 2


def test_a_limit_takes_some_images_of_each_class(tmp_path):
    write_parts(tmp_path, ([0] * 90 + [1] * 9 + [2] * 3, [0, 1, 2] * 10))
    splits = idx_folder(tmp_path, upsampling=1, size=16, limit=12)
    assert len(splits.training) + len(splits.validation) == 12
    assert len(splits.test) == 12
    again = idx_folder(tmp_path, upsampling=1, size=16, limit=12)
    assert [part.digest() for part in splits] == [part.digest() for part in again]
    other = idx_folder(tmp_path, upsampling=1, size=16, limit=12, seed=1)
    assert splits.test.digest() != other.test.digest()
    for limit, message in ((5, "limit is 5 images; 3 classes need at least 6, 2 each"), (-1, "limit is -1")):
        with pytest.raises(DataError, match=message):
            idx_folder(tmp_path, upsampling=1, size=16, limit=limit)


@given(
    targets=st.lists(st.integers(0, 4), min_size=1, max_size=60),
    limit=st.integers(1, 60),
    least=st.integers(1, 3),
    seed=st.integers(0, 3),
)
def test_a_draw_takes_as_many_as_it_may_and_enough_of_each_class(targets, limit, least, seed):
    targets = np.array(targets)
    enough = np.minimum(np.bincount(targets, minlength=5), least)
    if limit < min(len(targets), enough.sum()):
        with pytest.raises(DataError):
            drawn(targets, limit, least, seed, "set")
        return
    chosen = drawn(targets, limit, least, seed, "set")
    assert len(chosen) == min(limit, len(targets))
    assert (np.diff(chosen) > 0).all()
    assert (np.bincount(targets[chosen], minlength=5) >= enough).all()


def save(path, size=(6, 8), level=100):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("L", size[::-1], level).save(path)


def test_a_folder_per_class(tmp_path):
    for index, name in enumerate(("cat/1.png", "cat/2.PNG", "ant/1.png")):
        save(tmp_path / name, (8, 8), 10 * index)
    (tmp_path / "cat" / "notes.txt").write_text("not a picture")
    (tmp_path / ".git").mkdir()
    dataset = image_folder(tmp_path, 8)
    assert dataset.classes == ("ant", "cat")
    assert dataset.targets.tolist() == [0, 1, 1]
    assert dataset.images[:, 0, 0].tolist() == [20, 0, 10]


def test_folders_for_the_three_parts(tmp_path):
    for part in ("train", "val", "test"):
        for name in ("a", "b"):
            save(tmp_path / part / name / "1.png", (8, 8), len(part))
    splits = image_folders(tmp_path, 8)
    assert [part.images[0, 0, 0] for part in splits] == [5, 3, 4]
    with pytest.raises(DataError, match="has train, val but no test"):
        (tmp_path / "test").rename(tmp_path / ".test")
        image_folders(tmp_path, 8)


def test_hidden_fonts_are_passed_over(tmp_path):
    matplotlib = pytest.importorskip("matplotlib")
    shutil.copy(Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf", tmp_path)
    (tmp_path / "._DejaVuSans.ttf").write_bytes(b"what a Macintosh leaves")
    assert [face.file.name for face in typefaces_in(tmp_path)] == ["DejaVuSans.ttf"]


def test_the_cache_may_be_named_from_the_home_folder_on(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("PIXELTREE_CACHE", "~/cache")
    assert cache_folder() == tmp_path / "cache"


def many(folder, count, names=("a", "b")):
    for name in names:
        for index in range(count):
            save(folder / name / f"{index}.png", (8, 8), index)


def test_without_a_validation_part_some_training_images_are_split_off(tmp_path):
    many(tmp_path / "Train", 10)
    many(tmp_path / "TEST", 3)
    splits = image_folders(tmp_path, 8)
    assert [len(part) for part in splits] == [16, 4, 6]
    levels = [
        set(part.images[part.targets == 0, 0, 0].tolist()) for part in (splits.training, splits.validation)
    ]
    assert not levels[0] & levels[1]
    assert splits.validation.name == "Train (validation)"
    assert splits.validation.digest() == image_folders(tmp_path, 8).validation.digest()
    assert splits.validation.digest() != image_folders(tmp_path, 8, seed=1).validation.digest()


def test_a_class_may_be_called_train(tmp_path):
    many(tmp_path, 5, ("plane", "test", "train"))
    assert image_folders(tmp_path, 8).training.classes == ("plane", "test", "train")


def test_hidden_files_and_folders_are_passed_over(tmp_path):
    many(tmp_path, 5)
    for name in ("a/._0.png", "a/.DS_Store", ".git/x.png", "__MACOSX/a/._0.png", "b/folder.png/x"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"no picture")
    splits = image_folders(tmp_path, 8)
    assert splits.training.classes == ("a", "b")
    assert sum(map(len, splits)) == 10


def test_a_limit_reads_no_more_pictures(tmp_path):
    many(tmp_path, 30)
    read = []
    with listening(lambda what, done, total: read.append((what, done, total))):
        splits = image_folders(tmp_path, 8, limit=20)
    assert read == [("reading pictures", done, 20) for done in range(20)]
    assert sum(map(len, splits)) == 20
    with pytest.raises(DataError, match=r"limit is 5 images; 2 classes need at least 6, 3 each"):
        image_folders(tmp_path, 8, limit=5)


def test_a_class_without_pictures_is_named(tmp_path):
    save(tmp_path / "full" / "1.png", (8, 8))
    (tmp_path / "hollow").mkdir()
    with pytest.raises(DataError, match="class 'hollow' has no images"):
        image_folder(tmp_path, 8)


def test_a_picture_of_another_size_is_refused_or_fitted(tmp_path):
    save(tmp_path / "a" / "1.png", (6, 8))
    with pytest.raises(DataError, match=r"1\.png is 8 x 6 pixels; needed are 8 x 8"):
        image_folder(tmp_path, 8)
    assert image_folder(tmp_path, 8, fit=True).images.shape == (1, 8, 8)


@pytest.mark.parametrize("damage", [lambda data: b"no picture", lambda data: data[: len(data) // 2]])
def test_a_damaged_picture_is_named(tmp_path, damage):
    save(tmp_path / "a" / "1.png", (64, 64))
    file = tmp_path / "a" / "1.png"
    file.write_bytes(damage(file.read_bytes()))
    with pytest.raises(DataError, match=r"1\.png"):
        image_folder(tmp_path, 64)


def test_a_folder_without_classes_is_refused(tmp_path):
    with pytest.raises(DataError, match="holds no folders"):
        image_folder(tmp_path, 8)
    with pytest.raises(DataError, match=r"cannot read .*absent"):
        image_folder(tmp_path / "absent", 8)


def test_the_test_part_of_idx_files_alone_is_that_of_all(tmp_path):
    write_parts(tmp_path, [[3, 5, 5, 3, 3, 5], [5, 3]])
    for data in (IdxData(str(tmp_path), upsampling=1), IdxData(str(tmp_path), upsampling=1, limit=4)):
        alone, whole = data.load_test(16), data.load(16).test
        assert np.array_equal(alone.images, whole.images)
        assert np.array_equal(alone.targets, whole.targets)
        assert alone.classes == whole.classes
