"""A tree knows how its images were read: the real commands from a recipe to an evaluation."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("torch")

from tests.support.command_line import pixeltree

from pixeltree.datasets import idx_folder
from pixeltree.datasets.sources import FolderData, as_table
from pixeltree.evaluate.evaluation import evaluate_reference
from pixeltree.model import data_of
from pixeltree.tree.tree import Tree

RECIPE = """
name = "bars"
[data]
{data}
[input]
size = 32
margin = 3
threshold = 60
[[layers]]
type = "convolution"
channels = 4
kernel = 4
before = 0
after = 3
[[layers]]
type = "pooling"
side = 4
[head]
type = "fully connected"
outcomes = {outcomes}
[training]
epochs = {epochs}
batch_size = 4
learning_rate = 0.02
"""


def train(tmp_path, data, name="m.ptree", outcomes=2, epochs=1):
    (tmp_path / "r.toml").write_text(RECIPE.format(data=data, outcomes=outcomes, epochs=epochs))
    run = pixeltree("train", str(tmp_path / "r.toml"), "-o", str(tmp_path / name))
    assert run.returncode == 0, run.stderr
    return str(tmp_path / name)


def evaluate(*arguments):
    """What ``pixeltree eval`` reports, and what it says."""
    run = pixeltree("eval", *map(str, arguments), "--json", "-")
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout), run.stderr


def refused(command, *arguments):
    """What a command says that refuses."""
    run = pixeltree(command, *map(str, arguments))
    assert run.returncode == 2, run.stdout
    assert "Traceback" not in run.stderr
    return run.stderr


def bars(count, seed, size=8):
    """Images of a bar, across (0) or down (1), on noise: uint8 (count, size, size), and the kinds."""
    random = np.random.default_rng(seed)
    images = random.integers(0, 60, (count, size, size)).astype(np.uint8)
    for index, image in enumerate(images):
        place = random.integers(1, size - 2)
        (image if index % 2 == 0 else image.T)[place : place + 2] = 230
    return images, np.arange(count) % 2


def idx_bytes(values):
    header = bytes([0, 0, 8, values.ndim]) + b"".join(n.to_bytes(4, "big") for n in values.shape)
    return header + values.astype(np.uint8).tobytes()


@pytest.fixture
def idx(tmp_path):
    folder = tmp_path / "idx"
    folder.mkdir()
    for seed, (part, count) in enumerate((("train", 48), ("t10k", 16))):
        images, labels = bars(count, seed)
        (folder / f"{part}-images-idx3-ubyte").write_bytes(idx_bytes(images))
        (folder / f"{part}-labels-idx1-ubyte").write_bytes(idx_bytes(labels))
    return folder


@pytest.fixture
def folder(tmp_path):
    """30 pictures of 32 x 32, half of them of each class."""
    images, kinds = bars(30, 0, 32)
    for index, (image, kind) in enumerate(zip(images, kinds, strict=True)):
        place = tmp_path / "pictures" / ("across", "down")[kind]
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(place / f"{index}.png")
    return tmp_path / "pictures"


def test_transposed_images_are_evaluated_transposed(tmp_path, idx):
    """A bar that lies across in the file stands in the image: the tree is right, or wrong, for both kinds."""
    model = train(tmp_path, f'set = "idx"\nfolder = "{idx}"\ntransposed = true', epochs=12)
    tree = Tree.load(model)
    right = evaluate_reference(tree, idx_folder(idx, transposed=True, size=32).test).score
    wrong = evaluate_reference(tree, idx_folder(idx, size=32).test).score
    assert right > 0.8
    assert wrong < 0.5
    report, said = evaluate(model)
    assert (report["score"], report["as_recorded"]) == (right, True)
    assert "transposed yes" in said
    assert "as recorded in the tree's file" in said
    report, said = evaluate(model, "--data", idx)
    assert report["score"] == right
    report, said = evaluate(model, "--upright")
    assert (report["score"], report["as_recorded"]) == (wrong, False)
    assert "transposed no" in said
    assert "changed from what the tree's file records" in said
    drawn = pixeltree("tree", model, "--measure").stdout
    assert "transposed yes" in drawn
    assert f"{right:.1%} of 16 images right" in drawn
    assert f"{wrong:.1%} of 16 images right" in pixeltree("tree", model, "--upright").stdout
    assert "transposed yes" in pixeltree("tree", model).stdout


def test_a_folder_is_split_as_at_training_and_no_other_split_is_taken(tmp_path, folder):
    model = train(tmp_path, f'set = "folder"\nfolder = "{folder}"\nseed = 7')
    report, said = evaluate(model)
    assert report["reading"] == as_table(FolderData(str(folder), seed=7))
    assert (report["images"], report["overlap"], report["as_recorded"]) == (6, 0, True)
    for command in ("eval", "tree"):
        said = refused(command, model, "--data-seed", "8")
        assert "of the 6 test images" in said
        assert "--allow-overlap" in said
    report, said = evaluate(model, "--data-seed", "8", "--allow-overlap")
    assert report["overlap"] > 0
    assert f"warning: {report['overlap']} of the 6 images are images of the training" in said


def test_a_copy_of_training_images_is_noticed_wherever_it_lies(tmp_path, folder):
    model = train(tmp_path, f'set = "folder"\nfolder = "{folder}"')
    shutil.copytree(folder, tmp_path / "copy")
    for part in ("train", "val", "test"):
        shutil.copytree(folder, tmp_path / "parts" / part)
    assert evaluate(model, "--data", tmp_path / "copy")[0]["as_recorded"]
    assert "24 of the 30 test images" in refused("eval", model, "--data", tmp_path / "parts")


def test_a_folder_that_was_moved_is_asked_for_and_checked(tmp_path, folder):
    model = train(tmp_path, f'set = "folder"\nfolder = "{folder}"\nseed = 7')
    score = evaluate(model)[0]["score"]
    moved = folder.rename(tmp_path / "moved")
    assert f"{folder}, which is not there; give its new place with --data" in refused("eval", model)
    report, said = evaluate(model, "--data", moved)
    assert (report["score"], report["reading"]["seed"], report["as_recorded"]) == (score, 7, True)
    assert "byte for byte" in said
    for picture in moved.rglob("*.png"):
        Image.fromarray(255 - np.asarray(Image.open(picture))).save(picture)
    report, said = evaluate(model, "--data", moved)
    assert not report["as_recorded"]
    assert "these are not the test images recorded at training" in said


def test_pictures_that_were_fitted_are_fitted_again(tmp_path, folder):
    for picture in folder.rglob("*.png"):
        Image.open(picture).resize((40, 30)).save(picture)
    model = train(tmp_path, f'set = "folder"\nfolder = "{folder}"\nfit = true')
    report, said = evaluate(model)
    assert (report["reading"]["fit"], report["images"]) == (True, 6)
    assert "fit yes" in said
    assert "40 x 30 pixels" in refused("eval", model, "--no-fit")
    bare = Tree.load(model)
    object.__setattr__(bare, "data", None)
    bare.save(tmp_path / "bare.ptree")
    assert "name the data with --data" in refused("eval", tmp_path / "bare.ptree")
    assert "40 x 30 pixels" in refused("eval", tmp_path / "bare.ptree", "--data", folder)
    report, said = evaluate(tmp_path / "bare.ptree", "--data", folder, "--fit")
    assert (report["images"], report["as_recorded"]) == (6, False)
    assert "does not say how its own were read" in said
    assert "has no setting transposed" in refused("eval", model, "--transposed")


def test_a_folded_model_keeps_its_data_too(tmp_path, folder):
    model = train(tmp_path, f'set = "folder"\nfolder = "{folder}"\nseed = 7', "m.folded")
    kept = data_of((tmp_path / "m.folded").read_bytes())
    assert kept["source"] == as_table(FolderData(str(folder), seed=7))
    assert kept["classes"] == ["across", "down"]
    run = pixeltree("compile", model)
    assert run.returncode == 0, run.stderr


def test_every_option_is_checked_before_anything_is_computed(tmp_path, folder):
    """Were the reference or a device asked first, the bars of their progress would be on the screen."""
    model = train(tmp_path, f'set = "folder"\nfolder = "{folder}"')
    picture = tmp_path / "c.png"
    for arguments, message in (
        (("--preset", "bad"), "no preset is named 'bad'; known: ideal, typical, harsh"),
        (("--chips", "2"), "needs --preset"),
        (("--device", "tcp://nowhere"), "tcp://"),
        (("--confusion", tmp_path / "c.xyz"), "the suffix says the format; known: "),
        (("--confusion", tmp_path / "absent" / "c.png"), "cannot write"),
        (("--json", tmp_path / "absent" / "r.json", "--confusion", picture), "cannot write"),
    ):
        run = pixeltree("eval", model, *map(str, arguments))
        assert (run.returncode in (2, 3), message in run.stderr) == (True, True), run.stderr
        assert "reference" not in run.stdout
        assert not picture.exists()
    assert "the suffix says the format" in refused("compile", model, "--plot", tmp_path / "p.xyz")
