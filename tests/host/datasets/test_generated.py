"""Generated images: the same bytes on every run, and what their settings promise."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from pixeltree.datasets import (
    NOWHERE,
    GlyphSettings,
    Scenes,
    SceneSettings,
    digits,
    glyphs,
    held_out_digits,
    scene_splits,
    scenes,
)
from pixeltree.datasets.backgrounds import background
from pixeltree.datasets.glyphs import draw_glyph
from pixeltree.datasets.typefaces import (
    CLASSES,
    MASK_SIZE,
    Typeface,
    masks,
    packaged_typefaces,
    shipped_typefaces,
    typefaces_in,
)
from pixeltree.errors import DataError

FEW = GlyphSettings(per_class=(1, 1, 1), seed=5)
SCENES = SceneSettings(counts=(12, 4, 4), seed=5)


def random(key):
    return np.random.Generator(np.random.Philox(key=key))


@pytest.fixture(scope="module")
def few_glyphs(tmp_path_factory):
    return glyphs(FEW, cache=tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="module")
def few_scenes(tmp_path_factory):
    return scenes(SCENES, cache=tmp_path_factory.mktemp("cache"))


def test_another_process_generates_the_same_bytes(few_glyphs, few_scenes, tmp_path):
    code = """
import sys
from dataclasses import replace
from pathlib import Path
from pixeltree.datasets import *
folder = Path(sys.argv[1])
for part in glyphs(GlyphSettings(per_class=(1, 1, 1), seed=5), cache=folder):
    sys.stdout.write(part.digest() + " ")
for part in scenes(SceneSettings(counts=(12, 4, 4), seed=5), cache=folder):
    sys.stdout.write(part.segmentation(by_kind=True).digest() + " ")
"""
    run = subprocess.run([sys.executable, "-c", code, tmp_path], capture_output=True, text=True, check=True)
    here = [part.digest() for part in few_glyphs]
    here += [part.segmentation(by_kind=True).digest() for part in few_scenes]
    assert run.stdout.split() == here
    assert len(set(here)) == 6


def test_scenes_are_those_of_every_machine(few_scenes):
    """If this digest changes on purpose, count VERSION up, so that no cache serves the old images."""
    assert few_scenes[0].segmentation(by_kind=True).digest() == "ef042804152f7522f02329637456da53"


def test_glyphs_of_a_given_mask_are_those_of_every_machine():
    """Pinned without a typeface: FreeType may draw otherwise in another version; the cache key has it."""
    mask = np.zeros((MASK_SIZE, MASK_SIZE), np.uint8)
    mask[30:90, 50:62] = 255
    drawn = np.stack([draw_glyph(mask, GlyphSettings(), random(key)) for key in range(4)])
    assert int(drawn.astype(np.int64).ravel() @ np.arange(drawn.size)) == 5427476819


def test_a_longer_set_begins_like_a_shorter_one(few_scenes, tmp_path):
    longer = scenes(SceneSettings(counts=(20, 4, 4), seed=5), cache=tmp_path)
    np.testing.assert_array_equal(longer[0].images[:12], few_scenes[0].images)


def test_another_seed_gives_other_images(few_scenes, tmp_path):
    other = scenes(SceneSettings(counts=(12, 4, 4), seed=6), cache=tmp_path)
    assert not (other[0].images == few_scenes[0].images).all(axis=(1, 2)).any()


def test_parts_share_no_image(few_scenes):
    images = [image.tobytes() for part in few_scenes for image in part.images]
    assert len(set(images)) == len(images)


def test_every_class_comes_equally_often(few_glyphs):
    assert [part.counts().tolist() for part in few_glyphs] == [[1] * 62] * 3
    assert few_glyphs.test.classes == CLASSES


def test_no_family_is_in_two_parts():
    typefaces = shipped_typefaces()
    families = {(face.family, face.split) for face in typefaces}
    assert len({family for family, _ in families}) == len(families)
    parts = [face.split for face in typefaces]
    assert [parts.count(part) for part in ("training", "validation", "test")] == [16, 3, 5]


def test_packaged_typefaces_train_and_validate_but_never_test():
    typefaces = packaged_typefaces()
    families = {(face.family, face.split) for face in typefaces}
    assert len(families) == 16
    assert {family for family, split in families if split == "validation"} == {"lato", "mukta", "xcharter"}
    assert {split for _, split in families} == {"training", "validation"}
    names = [face.name for face in typefaces]
    assert len(set(names)) == len(names) == 69  # Source Serif is there as OpenType and TrueType
    assert not {family for family, _ in families} & {face.family for face in shipped_typefaces()}


def test_a_packaged_family_is_in_the_same_part_wherever_its_files_lie(tmp_path):
    """By the hash of its name alone, Lato of another folder would be tested after it chose epochs."""
    packaged = next(face for face in packaged_typefaces() if face.name == "Lato Regular")
    (tmp_path / "copy.ttf").write_bytes(packaged.file.read_bytes())
    assert [face.split for face in typefaces_in(tmp_path)] == [packaged.split] == ["validation"]


def test_packaged_typefaces_leave_the_test_images_as_they_are(few_glyphs, tmp_path):
    more = glyphs(FEW, cache=tmp_path, packaged=True)
    assert more.test.digest() == few_glyphs.test.digest()
    settings = GlyphSettings(per_class=(20, 4, 1), size=8, seed=5)
    more, fewer = (glyphs(settings, cache=tmp_path, packaged=packaged) for packaged in (True, False))
    assert [there.digest() == here.digest() for there, here in zip(more, fewer, strict=True)] == [
        False,
        False,
        True,
    ]


@pytest.mark.parametrize("origin", [None, "elsewhere/__init__.py"])
def test_packaged_typefaces_that_are_not_there_say_what_to_install(origin, mocker):
    found = origin and SimpleNamespace(origin=origin)
    mocker.patch("pixeltree.datasets.typefaces.util.find_spec", return_value=found)
    with pytest.raises(DataError, match=r"'\.\[fonts\]'|constraints\.txt"):
        packaged_typefaces()


def test_a_width_or_weight_belongs_to_its_family(tmp_path):
    """So that DejaVu Sans Condensed of a system's folder is not tested after DejaVu Sans was learned."""
    source = next(face.file for face in shipped_typefaces() if face.name == "DejaVu Sans Bold")
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "copy.TTF").write_bytes(source.read_bytes())
    (found,) = typefaces_in(tmp_path)
    assert (found.family, found.split) == ("dejavu sans", "training")


def test_unknown_families_are_dealt_by_name():
    parts = [Typeface(None, "", f"family {index}", "").split for index in range(1000)]
    shares = [parts.count(part) / 1000 for part in ("training", "validation", "test")]
    assert shares == pytest.approx([0.7, 0.1, 0.2], abs=0.05)


def test_fonts_without_all_classes_are_passed_over(tmp_path):
    folder = shipped_typefaces()[0].file.parent
    (tmp_path / "a.ttf").write_bytes((folder / "DejaVuSansDisplay.ttf").read_bytes())
    with pytest.raises(DataError, match="none of its 1 font files has all of 0-9"):
        typefaces_in(tmp_path)
    (tmp_path / "b.ttf").write_bytes(b"no font")
    with pytest.raises(DataError, match=r"b\.ttf cannot be read as a font"):
        typefaces_in(tmp_path)


def test_letters_stand_on_one_line_at_one_scale():
    letters = dict(zip(CLASSES, masks(shipped_typefaces()[0]) > 127, strict=True))
    rows = {name: np.flatnonzero(mask.any(axis=1)) for name, mask in letters.items()}
    assert abs(rows["H"][-1] - rows["x"][-1]) <= 1
    assert np.ptp(rows["x"]) < 0.85 * np.ptp(rows["X"])
    assert rows["g"][-1] > rows["x"][-1] + 10
    assert all(mask[:, (0, -1)].sum() == mask[(0, -1)].sum() == 0 for mask in letters.values())


def test_without_any_spread_a_glyph_is_its_mask():
    still = GlyphSettings(rotation=0, shift=0, scale=0, stroke=0, noise=0, dark=(0, 0), bright=(255, 255))
    mask = np.zeros((MASK_SIZE, MASK_SIZE), np.uint8)
    mask[20:80, 40:60] = 255
    drawn = draw_glyph(mask, still, random(0))
    assert (drawn[12:38, 22:28] == 255).all()
    differs = (drawn > 127) != (mask[::2, ::2] > 0)
    assert differs.sum() <= 4  # the blur takes the corners


def test_more_stroke_makes_bolder_letters():
    mask = masks(shipped_typefaces()[0])[20]
    areas = [
        (draw_glyph(mask, GlyphSettings(stroke=stroke, noise=0, dark=(0, 0)), random(1)) > 100).sum()
        for stroke in (0.0, 0.45)
    ]
    assert areas[0] != areas[1]


@pytest.mark.parametrize(
    "wrong", [{"stroke": 0.5}, {"per_class": (1, 0, 1)}, {"dark": (10, 200)}, {"shift": -1}]
)
def test_glyph_settings_out_of_range_are_refused(wrong):
    with pytest.raises(DataError, match="glyphs"):
        GlyphSettings(**wrong)


@pytest.mark.parametrize("wrong", [{"radius": (2, 5)}, {"radius": (5, 9)}, {"objects": (1, 4)}, {"light": 0}])
def test_scene_settings_out_of_range_are_refused(wrong):
    with pytest.raises(DataError, match="scenes"):
        SceneSettings(**wrong)


def test_positions_are_centres_of_masks(few_scenes):
    for part in few_scenes:
        for positions, mask in zip(part.positions, part.masks, strict=True):
            placed = positions[positions[:, 0] != NOWHERE]
            assert 1 <= len(placed) <= 3
            rows, columns = np.nonzero(mask)
            nearest = np.hypot(rows[:, None] - placed[:, 0], columns[:, None] - placed[:, 1]).argmin(axis=1)
            for index, (row, column) in enumerate(placed):
                own = nearest == index
                assert np.hypot(rows[own].mean() - row, columns[own].mean() - column) < 1
                assert 60 < own.sum() < 200
            edge = np.concatenate(
                [mask[:4].ravel(), mask[-4:].ravel(), mask[:, :4].ravel(), mask[:, -4:].ravel()]
            )
            assert not edge.any()


def test_a_cell_is_an_objects_if_more_than_half_of_it_is():
    mask = np.zeros((1, 64, 64), np.uint8)
    mask[0, 0:2, 0:4] = 2
    mask[0, 4:8, 4:8] = 3
    mask[0, 7, 7] = 0
    nowhere = np.full((1, 3, 2), NOWHERE)
    made = Scenes("s", np.zeros((1, 64, 64), np.uint8), nowhere, mask)
    targets = made.segmentation(by_kind=True).targets
    assert targets[0, 0, 0] == 0
    assert targets[0, 1, 1] == 3
    assert targets.sum() == 3
    assert made.segmentation().targets.sum() == 1


def test_objects_are_brighter_than_most_of_the_background(few_scenes):
    """Bright enough to be found, and not so that one threshold finds them."""
    part = few_scenes[0]
    inside, outside = part.images[part.masks > 0], part.images[part.masks == 0]
    assert np.percentile(inside, 60) > np.percentile(outside, 95)
    assert np.percentile(inside, 40) < outside.max()


def test_scenes_may_be_empty(tmp_path):
    some = SceneSettings(counts=(40, 40, 40), objects=(0, 1), seed=1)
    training = scene_splits(Scenes.localization, some, cache=tmp_path).training
    assert 10 < (training.targets[:, 0, 0] >= 0).sum() < 30


def test_scenes_of_one_object_say_what_it_is(tmp_path):
    some = SceneSettings(counts=(40, 40, 40), objects=(1, 1), seed=1)
    training = scene_splits(Scenes.what, some, cache=tmp_path).training
    masks = scenes(some, cache=tmp_path)[0].masks
    assert training.classes == ("disc", "square", "triangle")
    assert training.counts().min() > 5
    for mask, kind in zip(masks, training.targets, strict=True):
        assert set(np.unique(mask)) == {0, kind + 1}
    with pytest.raises(DataError, match="needs one object in each image"):
        scene_splits(Scenes.what, replace(some, objects=(1, 2)), cache=tmp_path)


def test_a_background_has_detail_at_every_scale():
    """Spectra of natural images fall with frequency; white noise and flat fields do not."""
    power = np.mean([np.abs(np.fft.fft2(background(64, random(key)))) ** 2 for key in range(8)], axis=0)
    low, middle, high = power[0, 1:3].mean(), power[0, 6:10].mean(), power[0, 24:32].mean()
    assert low > 3 * middle > 9 * high > 0


def test_digits_are_tested_on_what_the_demonstration_shows():
    """So that no tree is tested on what another part of the product was trained on."""
    source = pytest.importorskip("sklearn.datasets").load_digits()
    splits = digits(upsampling=1, size=8)
    assert [len(part) for part in splits] == [1221, 216, 360]
    assert splits.test.digest() == held_out_digits(1, 8).digest()
    shown = [pair for part in splits for pair in _pairs(part.images, part.targets)]
    assert sorted(shown) == sorted(_pairs((255 * source.images.astype(int) + 8) // 16, source.target))
    assert len(set(shown)) == 1797


def _pairs(images, targets):
    """Each image, as bytes, and its class."""
    return [
        (image.astype(np.uint8).tobytes(), int(target)) for image, target in zip(images, targets, strict=True)
    ]


def test_digits_held_out_are_those_of_every_machine():
    """Every ten of them have each digit once, as long as the digits last."""
    shown = held_out_digits()
    assert shown.digest() == "c514f99534f07566ddb694bae49aa530"
    for ten in shown.targets[:350].reshape(-1, 10).tolist():
        assert sorted(ten) == list(range(10))
