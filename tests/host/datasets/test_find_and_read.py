"""Scenes with a handwritten character on a photograph: what is where, and parts have nothing in common."""

import json
from importlib.util import find_spec

import numpy as np
import pytest

from pixeltree.datasets import NOWHERE, Dataset, Task, photographs
from pixeltree.datasets.find_and_read import SCENE, STEP, chosen_characters, draw, found_part
from pixeltree.datasets.sources import FindAndReadData, as_table, from_table
from pixeltree.errors import DataError

pytestmark = pytest.mark.skipif(
    find_spec("skimage") is None or find_spec("sklearn") is None, reason="needs the extra photographs"
)


def characters():
    """Rings of two sizes and black images, ten of each."""
    rows, columns = np.mgrid[:28, :28] - 13.5
    away = np.hypot(rows, columns)
    rings = [np.where(abs(away - radius) < 1.5, 255, 0).astype(np.uint8) for radius in (5, 10)]
    images = np.concatenate([[ring] * 10 for ring in (*rings, np.zeros_like(rings[0]))])
    return Dataset("rings", Task.CLASSIFICATION, images, np.repeat(np.arange(3), 10), ("o", "O", " "))


def test_a_device_sees_every_fourth_pixel_of_a_scene_and_the_card_is_where_it_is_said_to_be(tmp_path):
    chosen = chosen_characters(characters(), ("O", "o"))
    found = found_part(2, chosen, 12, seed=5, cache=tmp_path)
    assert set(found.targets) == {0, 1}
    assert (found.what().classes, found.localization().task) == (("O", "o"), Task.LOCALIZATION)
    assert (found.positions[:, 1:] == NOWHERE).all()
    for index, image in enumerate(found.images):
        scene, target, (row, column) = draw(2, chosen, 5, index)
        np.testing.assert_array_equal(image, scene[::STEP, ::STEP])
        assert (scene.shape, target) == ((SCENE, SCENE), found.targets[index])
        np.testing.assert_array_equal(found.positions[index, 0], (row // STEP, column // STEP))
        card = scene[row - 44 : row + 44, column - 44 : column + 44]  # of at least 88 x 88 pixels
        ring = np.argwhere(card > 150) - 43.5
        assert np.abs(ring.mean(axis=0)).max() < 3
        assert np.hypot(*ring.T).mean() == pytest.approx((10, 5)[target] * 100 / 28, rel=0.2)
        assert card[36:52, 36:52].mean() < 60


def test_no_scene_depends_on_how_many_there_are(tmp_path):
    few, more = (found_part(0, characters(), count, 1, tmp_path).images for count in (2, 4))
    np.testing.assert_array_equal(few, more[:2])
    assert (found_part(0, characters(), 2, 2, tmp_path).images != few).any()


def test_no_photograph_is_in_two_parts():
    parts = [{picture.tobytes() for picture in photographs.photographs(part)} for part in range(3)]
    assert not (parts[0] & parts[1] or parts[0] & parts[2] or parts[1] & parts[2])


def test_what_cannot_be_pasted_is_refused(tmp_path, monkeypatch):
    with pytest.raises(DataError, match="different classes of rings; X of o, X"):
        chosen_characters(characters(), ("o", "X"))
    with pytest.raises(DataError, match="too few of o, o"):
        chosen_characters(characters(), ("o", "o"))
    with pytest.raises(DataError, match="at least 1 scene for validation, not 0"):
        found_part(1, characters(), 0, 0, tmp_path)
    photographs.photographs.cache_clear()
    monkeypatch.setattr(photographs, "find_spec", lambda name: None)
    with pytest.raises(DataError, match=r"photographs of sklearn: .*\[photographs\]"):
        found_part(0, characters(), 1, 7, tmp_path)


def test_a_models_file_keeps_how_its_scenes_were_drawn():
    source = FindAndReadData("x", True, "p", ("a", "b", "c"), ("a", "c"), "what", (3, 2, 1), 2, 9)
    assert from_table(json.loads(json.dumps(as_table(source)))) == source
