"""What a model file keeps of its images, and the images that are chosen by it."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from pixeltree.datasets import Dataset, Splits, Task
from pixeltree.datasets.named import held_out_part as chosen
from pixeltree.datasets.record import TrainingData
from pixeltree.datasets.sources import (
    DigitsData,
    FolderData,
    GlyphsData,
    IdxData,
    MnistData,
    ScenesData,
    as_table,
    changed,
    describe,
    from_table,
    recorded,
)
from pixeltree.errors import DataError

SEEDS = st.integers(0, 2**64)
SOURCES = st.one_of(
    st.builds(DigitsData, st.integers(1, 8), SEEDS),
    st.builds(GlyphsData, st.tuples(*[st.integers(1, 9)] * 3), st.text(), st.booleans(), SEEDS),
    st.builds(ScenesData, st.text(), st.tuples(*[st.integers(1, 9)] * 3), st.just((0, 3)), SEEDS),
    st.builds(IdxData, st.text(), st.booleans(), st.integers(1, 8), SEEDS),
    st.builds(IdxData, st.text(), merged=st.just((("C", "c"), ("O", "o")))),
    st.builds(MnistData, st.text(), st.integers(1, 8), SEEDS),
    st.builds(FolderData, st.text(), st.booleans(), SEEDS),
)


@given(SOURCES)
def test_settings_survive_the_way_through_a_file(source):
    assert from_table(json.loads(json.dumps(as_table(source)))) == source


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({}, "no data set is named None; known: digits, mnist, glyphs"),
        ({"set": "letters"}, "no data set is named 'letters'"),
        ({"set": "digits", "hue": 1}, "does not know the setting hue of the data"),
        ({"set": "digits", "seed": "1"}, "seed of the data is '1'; expected"),
        ({"set": "folder", "folder": "x", "fit": 1}, "fit of the data is 1"),
        ({"set": "idx"}, "settings of the data set idx are not complete"),
    ],
)
def test_settings_that_mean_nothing_are_refused(table, message):
    with pytest.raises(DataError, match=message):
        from_table(table)


def test_a_set_has_its_own_settings_only(tmp_path, monkeypatch):
    assert changed(FolderData("x"), {"fit": True}) == FolderData("x", fit=True)
    with pytest.raises(DataError, match="the data set folder has no setting transposed; it has folder, fit"):
        changed(FolderData("x"), {"transposed": True})
    monkeypatch.chdir(tmp_path)
    assert recorded(FolderData("x")) == FolderData(str(tmp_path / "x"))
    assert recorded(DigitsData()) == DigitsData()
    assert recorded(MnistData("x", seed=3)) == MnistData("", seed=3)
    assert describe(FolderData("/a", fit=True, seed=3)) == "folder (folder /a, fit yes, seed 3)"


def noise(count, seed):
    images = np.random.default_rng(seed).integers(0, 256, (count, 8, 8)).astype(np.uint8)
    return Dataset("noise", Task.CLASSIFICATION, images, np.arange(count) % 2, ("a", "b"))


def test_a_record_knows_the_images_of_training_and_validation():
    splits = Splits(noise(6, 0), noise(4, 1), noise(4, 2))
    record = TrainingData.of(FolderData("/a"), splits)
    assert TrainingData.decode(record.encode()) == record
    assert [record.overlap(part) for part in splits] == [6, 4, 0]
    few = splits.training.subset(np.array([1, 2]))
    assert record.overlap(few) == 2
    assert (record.classes, record.task, record.test) == (
        ("a", "b"),
        Task.CLASSIFICATION,
        noise(4, 2).digest(),
    )
    assert TrainingData.of(GlyphsData(), splits).images == 0  # the parts cannot share an image


def test_a_record_of_many_images_keeps_a_sample_that_finds_what_leaks(monkeypatch):
    monkeypatch.setattr("pixeltree.datasets.record.MOST_FINGERPRINTS", 64)
    training, test = noise(900, 0), noise(400, 2)
    few = Dataset("few", test.task, np.r_[test.images[:397], training.images[:3]], test.targets, test.classes)
    record = TrainingData.of(FolderData("/a"), Splits(training, noise(100, 1), few))
    assert TrainingData.decode(record.encode()) == record
    assert (record.images, len(record.seen), record.is_sampled) == (1000, 64, True)
    assert record.overlap(few) == 3  # of the test part that was put aside all images were compared
    assert record.overlap(test) == 0
    assert 600 < record.overlap(training) <= 900  # estimated


@given(st.binary(max_size=60) | st.just(b'{"seen":"","digests":{},"source":[]}'))
def test_a_damaged_record_is_refused(data):
    with pytest.raises(DataError, match="malformed"):
        TrainingData.decode(data)


@pytest.fixture
def pictures(tmp_path):
    """Ten different pictures of 8 x 8 of each of two classes."""
    random = np.random.default_rng(0)
    for name in ("a", "b"):
        (tmp_path / "data" / name).mkdir(parents=True)
        for index in range(10):
            picture = random.integers(0, 256, (8, 8)).astype(np.uint8)
            Image.fromarray(picture).save(tmp_path / "data" / name / f"{index}.png")
    return tmp_path / "data"


def test_without_a_record_the_data_must_be_named(pictures):
    with pytest.raises(
        DataError, match=r"does not say which data it was trained on .* name the data with --data"
    ):
        chosen(8)
    part = chosen(8, data=str(pictures))
    assert (part.source, part.overlap, part.is_as_recorded) == (FolderData(str(pictures)), 0, False)
    assert "does not say how its own were read" in part.sentences()[0]


def test_the_recorded_settings_are_used_and_changes_are_told(pictures, tmp_path):
    source = FolderData(str(pictures), seed=5)
    record = TrainingData.of(source, source.load(8))
    part = chosen(8, record)
    assert (part.source, part.overlap, part.is_as_recorded) == (source, 0, True)
    assert part.sentences()[0].endswith("seed 5), as recorded in the tree's file")
    assert "byte for byte" in part.sentences()[1]
    part.require_apart()
    other = chosen(8, record, changes={"seed": 6})
    assert "changed from what the tree's file records" in other.sentences()[0]
    assert "not the test images recorded" in other.sentences()[1]
    with pytest.raises(DataError, match=rf"{other.overlap} of the 4 test images .* --allow-overlap"):
        other.require_apart()
    pictures.rename(tmp_path / "moved")
    with pytest.raises(DataError, match=r"folder .*data, which is not there; give its new place with --data"):
        chosen(8, record)
    moved = chosen(8, record, str(tmp_path / "moved"))
    assert (moved.source.seed, moved.is_as_recorded) == (5, True)


def test_a_named_set_keeps_the_recorded_settings_that_its_name_does_not_say():
    pytest.importorskip("sklearn")
    record = TrainingData(DigitsData(5, seed=3), Task.CLASSIFICATION, (), "", "", "")
    assert chosen(64, record, "digits").source == DigitsData(5, seed=3)
    assert chosen(64, None, "digits").source == DigitsData(7)
