"""Images from disk: IDX files and folders, whole and damaged."""

from __future__ import annotations

import contextlib
import gzip

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from pixeltree.datasets import idx_folder, idx_pair, image_folder, image_folders
from pixeltree.datasets.enlarge import enlarge
from pixeltree.datasets.idx import read_idx
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
    with pytest.raises(DataError, match="2 images but 3 targets"):
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
    (tmp_path / "val").rename(tmp_path / ".val")
    with pytest.raises(DataError, match="has train, test but no validation"):
        image_folders(tmp_path, 8)


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
