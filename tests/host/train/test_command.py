"""``pixeltree train`` as a user types it: a model, a kill in between, and a clear word about bad input."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("torch")

from tests.support.command_line import COMMAND_LINE, Process, pixeltree

from pixeltree.model import decode_model
from pixeltree.tree.tree import Tree

RECIPE = """
name = "bars"
[data]
set = "folder"
folder = "{folder}"
[input]
threshold = 60
[[layers]]
type = "convolution"
channels = 16
kernel = 4
before = 0
after = 3
[[layers]]
type = "pooling"
side = 16
[head]
type = "fully connected"
outcomes = 2
[training]
epochs = {epochs}
batch_size = 8
distillation = {distillation}
"""


def train(*arguments):
    return pixeltree("train", *map(str, arguments))


@pytest.fixture
def recipe(tmp_path):
    """Writes a recipe for pictures of bars, horizontal or vertical."""
    random = np.random.default_rng(0)
    for index in range(40):
        name = ("across", "down")[index % 2]
        picture = random.integers(0, 90, (64, 64)).astype(np.uint8)
        place = random.integers(8, 52)
        (picture if index % 2 == 0 else picture.T)[place : place + 4] = 220
        (tmp_path / "data" / name).mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture).save(tmp_path / "data" / name / f"{index}.png")

    def write(epochs=2, distillation=0.0):
        text = RECIPE.format(folder=tmp_path / "data", epochs=epochs, distillation=distillation)
        (tmp_path / "r.toml").write_text(text)
        return tmp_path / "r.toml"

    return write


def test_a_recipe_becomes_a_tree(recipe, tmp_path):
    (tmp_path / "m.ptree").symlink_to("real.ptree")
    run = train(recipe(distillation=0.5), "-o", tmp_path / "m.ptree", "--json", tmp_path / "m.json")
    assert run.returncode == 0, run.stderr
    figures = json.loads((tmp_path / "m.json").read_text())
    assert (figures["nodes"], figures["folded"]["different_logits"]) == (["bars"], 0)
    assert (tmp_path / "m.ptree").is_symlink()
    told = run.stderr.splitlines()
    assert told[0] == "starting PyTorch"
    for who in ("teacher", "network"):
        assert any(line.startswith(f"training {who}: epoch 1 of 2, batch 1 of 3, loss ") for line in told)
        assert any(line.startswith(f"trained {who}: epoch 2 of 2, loss ") for line in told)
    assert "0 logits differ" in run.stdout
    tree = Tree.load(tmp_path / "m.ptree")
    assert tree.labels == ("across", "down")
    assert tree.reference(np.zeros((64, 64), np.uint8))[0] in (0, 1)
    assert not list(tmp_path.glob("*.checkpoints"))


def test_a_killed_run_goes_on_and_gives_the_same_model(recipe, tmp_path):
    file = recipe(epochs=12)
    output, checkpoint = tmp_path / "m.folded", tmp_path / "m.folded.checkpoints" / "network"
    with tempfile.TemporaryFile() as said:
        process = Process(COMMAND_LINE, ["train", str(file), "-o", str(output)], said, said)
        while not checkpoint.exists() and process.poll() is None:
            time.sleep(0.01)
        process.kill()
        process.wait(60)
    assert checkpoint.exists() or output.exists()
    for path in (output, tmp_path / "whole.folded"):
        run = train(file, "-o", path, "--history", path.with_suffix(".csv"))
        assert run.returncode == 0, run.stderr
    assert (tmp_path / "m.csv").read_text() == (tmp_path / "whole.csv").read_text()
    assert len((tmp_path / "m.csv").read_text().splitlines()) == 13
    assert output.read_bytes() == (tmp_path / "whole.folded").read_bytes()
    assert decode_model(output.read_bytes()).outcomes == 2


def test_bad_input_is_one_line_and_status_2(recipe, tmp_path):
    file = recipe(epochs=1)
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "network").write_bytes(b"no checkpoint")
    for arguments, message in (
        ((tmp_path / "absent.toml", "-o", tmp_path / "m.ptree"), "cannot read"),
        ((file, "-o", tmp_path / "absent" / "m.ptree"), "the folder is missing"),
        (
            (file, "-o", tmp_path / "m.ptree", "--checkpoints", file),
            "r.toml is not a folder, or cannot be written; name another",
        ),
        (
            (file, "-o", tmp_path / "m.ptree", "--history", tmp_path / "absent" / "h.csv"),
            "the folder is missing",
        ),
        ((file, "-o", tmp_path / "m.ptree", "--plot", "-"), "the suffix says the format"),
        ((file, "-o", tmp_path / "m.ptree", "--limit", "5"), "limit is 5 images; 2 classes need at least 6"),
        ((file, "-o", tmp_path / "m.ptree", "--checkpoints", tmp_path / "kept"), "delete it to start anew"),
    ):
        run = train(*arguments)
        assert run.returncode == 2
        assert message in run.stderr
        assert "Traceback" not in run.stderr
        assert "loss" not in run.stdout  # nothing was trained


def test_a_tree_may_go_to_standard_output_and_nothing_else_goes_there(recipe, tmp_path, monkeypatch):
    file = recipe()
    file.write_text(file.read_text().replace(str(tmp_path / "data"), "data"))  # relative to the recipe
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    run = pixeltree("train", file, "-o", "-", "--limit", "20", text=False)
    assert run.returncode == 0, run.stderr
    (tmp_path / "m.ptree").write_bytes(run.stdout)
    assert Tree.load(tmp_path / "m.ptree").labels == ("across", "down")
    assert b"standard output: 1 nodes" in run.stderr
    assert b"training network: epoch 1 of 2, batch 1 of 2, loss" in run.stderr, "12 of 20 images, 8 a batch"
    assert not list((tmp_path / "elsewhere").iterdir())


def test_a_tree_is_grown_where_the_recipe_says_so(recipe, tmp_path):
    file = recipe(epochs=3)
    file.write_text(file.read_text() + "[tree]\nsegment_bytes = 1000\ngroups = [['down'], ['across']]\n")
    run = train(file, "-o", tmp_path / "m.ptree")
    assert run.returncode == 0, run.stderr
    assert Tree.load(tmp_path / "m.ptree").labels == ("across", "down")
    assert "1 nodes" in run.stdout
    assert Tree.load(tmp_path / "m.ptree").root.model.head.planes == 1
    file.write_text(file.read_text() + "weight_planes = [1, 2]\n")
    run = train(file, "-o", tmp_path / "m.ptree")
    assert run.returncode == 0, run.stderr
    assert Tree.load(tmp_path / "m.ptree").root.model.head.planes == 2
    wrong = train(file, "-o", tmp_path / "m.folded")
    assert (wrong.returncode, "a tree is written as .ptree" in wrong.stderr) == (2, True)


def test_a_recipe_may_divide_networks_among_nodes(recipe, tmp_path):
    file = recipe(epochs=1)
    file.write_text(
        file.read_text() + "[tree]\nsegment_bytes = 60\nparts = 4\ngroups = [['down'], ['across']]\n"
    )
    run = train(file, "-o", tmp_path / "m.ptree")
    assert run.returncode == 0, run.stderr
    tree = Tree.load(tmp_path / "m.ptree")
    assert len(tree.depth_first) > 1
    assert [node for node in tree.depth_first if node.name.startswith("root part")]


def test_without_pytorch_it_says_what_to_install(recipe, tmp_path):
    code = "import sys; sys.modules['torch'] = None; from pixeltree.cli import main; main()"
    arguments = ["train", str(recipe()), "-o", str(tmp_path / "m.ptree")]
    run = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, timeout=60, check=False
    )
    assert run.returncode == 2
    assert "training needs torch: in a clone of Pixeltree, run pip install '.[train]'" in run.stderr


def test_a_network_that_the_compiler_does_not_take_is_refused_before_training(recipe, tmp_path):
    file = recipe()
    text = file.read_text().replace("channels = 16", "channels = 80").replace("side = 16", "side = 2")
    file.write_text(text)
    run = train(file, "-o", tmp_path / "m.ptree")
    assert run.returncode == 2
    assert "could not be made from this recipe" in run.stderr
    assert "bits to read out" in run.stderr
    assert not list(tmp_path.glob("m.*"))


def test_the_best_of_several_seeds_is_kept_whoever_trains_them(recipe, tmp_path):
    """Each seed gives what it gives alone, also when another process trains it."""
    output, figures = tmp_path / "best.ptree", tmp_path / "seeds.json"
    done = train(recipe(), "-o", output, "--seeds", 2, "--workers", 2, "--json", figures)
    assert done.returncode == 0, done.stderr
    found = json.loads(figures.read_text())
    assert [each["seed"] for each in found["seeds"]] == [0, 1]
    assert found["validation"] == max(each["validation"] for each in found["seeds"])
    alone = tmp_path / "alone.ptree"
    assert train(recipe(), "-o", alone, "--seed", found["seed"]).returncode == 0
    assert output.read_bytes() == alone.read_bytes()
    assert not list(tmp_path.glob("*.checkpoints"))


def test_workers_without_seeds_are_refused(recipe, tmp_path):
    done = train(recipe(), "-o", tmp_path / "x.ptree", "--workers", 2)
    assert done.returncode != 0
    assert "--seeds" in done.stderr
