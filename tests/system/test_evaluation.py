"""``pixeltree eval`` and ``pixeltree tree`` as a user types them."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image
from tests.support.command_line import pixeltree

from pixeltree.arguments.images import write_plane
from pixeltree.datasets import Dataset
from pixeltree.datasets.named import held_out_part as chosen
from pixeltree.demo.run import demo_digits, demo_tree
from pixeltree.errors import DataError
from pixeltree.evaluate.evaluation import accuracy_by_node, confusion, evaluate_reference

pytest.importorskip("sklearn")


@pytest.fixture
def model(tmp_path):
    demo_tree().save(tmp_path / "d.ptree")
    return str(tmp_path / "d.ptree")


def digits(count):
    return demo_digits().subset(np.arange(count))


def _labels(tree, name):
    """The labels between which a leaf decides."""
    return [exit_.value for exit_ in tree.named(name).manifest.exits]


def test_the_reference_confuses_what_it_confuses():
    tree, dataset = demo_tree(), digits(60)
    evaluation = evaluate_reference(tree, dataset)
    assert evaluation.score > 0.9
    matrix = confusion(tree, dataset, evaluation)
    assert np.trace(matrix) == pytest.approx(60 * evaluation.score)
    np.testing.assert_array_equal(matrix.sum(axis=1), dataset.counts())
    assert evaluation.visits()["root"] == 60
    assert evaluation.differences(evaluation) == 0
    assert evaluation.decided.tolist() == [tree.reference(image)[0] for image in dataset.images]


def test_each_nodes_accuracy_is_that_of_its_own_decisions():
    """The root is right if the true digit's leaf comes next; together they give the tree's accuracy."""
    tree, dataset = demo_tree(), digits(120)
    evaluation = evaluate_reference(tree, dataset)
    shares = accuracy_by_node(tree, dataset, evaluation)
    names = {node.name for node in tree.depth_first}
    assert set(shares) == names
    leaves = {name: _labels(tree, name) for name in names - {"root"}}
    visited = [path[1].node for path in evaluation.paths]
    routed = [target in leaves[node] for target, node in zip(dataset.targets, visited, strict=True)]
    assert shares["root"] == pytest.approx(np.mean(routed))
    right = sum(
        shares[node] * np.sum([v == node and r for v, r in zip(visited, routed, strict=True)])
        for node in leaves
    )
    assert right / 120 == pytest.approx(evaluation.score)


def test_classes_are_matched_by_name_not_by_order():
    tree, dataset = demo_tree(), digits(30)
    turned = Dataset("t", dataset.task, dataset.images, 9 - dataset.targets, dataset.classes[::-1])
    assert evaluate_reference(tree, turned).score == evaluate_reference(tree, dataset).score
    strange = Dataset("s", dataset.task, dataset.images, dataset.targets, (*dataset.classes[:9], "x"))
    with pytest.raises(DataError, match="differ in the classes 9, x"):
        evaluate_reference(tree, strange)


def test_ideal_chips_equal_the_reference(model, tmp_path):
    report_file = tmp_path / "r.json"
    arguments = ("--data", "mnist", "--images", "12", "--preset", "ideal", "--chips", "2", "--json")
    run = pixeltree("eval", model, *arguments, str(report_file), timeout=300)
    assert run.returncode == 0, run.stderr
    report = json.loads(report_file.read_text())
    assert report["images"] == 12
    assert report["device_scores"] == [report["score"]] * 2
    assert report["device_differences"] == [0, 0]
    assert np.sum(report["confusion"]) == 12
    assert run.stdout.count("every logit as by the reference") == 2


def test_each_chip_has_its_own_figures_and_none_that_mean_nothing(model, tmp_path):
    """On noisy chips the sums of nearly every image differ; what counts is whether the labels do."""
    report_file = tmp_path / "r.json"
    arguments = ("--data", "mnist", "--images", "24", "--preset", "typical", "--chips", "2", "--json")
    run = pixeltree("eval", model, *arguments, str(report_file), timeout=300)
    assert run.returncode == 0, run.stderr
    report = json.loads(report_file.read_text())
    assert [chip["name"] for chip in report["devices"]] == ["typical, chip 0", "typical, chip 1"]
    assert [chip["score"] for chip in report["devices"]] == report["device_scores"]
    assert report["devices"][1]["differences"] > 12
    for chip in report["devices"]:
        agreed = f"the same label as by the reference for {chip['label_agreement']:.2%} of the images"
        assert f"{chip['name']}: {chip['score']:.2%}, {agreed}" in run.stdout
    assert f"mean of 2 chips: {report['device_score_mean']:.2%}" in run.stdout
    assert "difference" not in run.stdout


def test_the_confusion_is_drawn(model, tmp_path):
    pytest.importorskip("matplotlib")
    run = pixeltree("eval", model, "--data", "mnist", "--images", "8", "--confusion", str(tmp_path / "c.png"))
    assert run.returncode == 0, run.stderr
    with Image.open(tmp_path / "c.png") as picture:
        assert min(picture.size) > 300
    run = pixeltree("eval", model, "--data", "mnist", "--images", "8", "--confusion", str(tmp_path / "c.xyz"))
    assert (run.returncode, "cannot write" in run.stderr) == (2, True)


def test_a_given_device_is_used(model, shared):
    run = pixeltree("eval", model, "--data", "mnist", "--images", "5", "--device", shared.url, "--json", "-")
    assert json.loads(run.stdout)["device_label_agreement"] == [1.0]


def test_data_may_be_a_folder(model, tmp_path):
    dataset = digits(40)
    for index, (image, target) in enumerate(zip(dataset.images, dataset.targets, strict=True)):
        folder = tmp_path / "data" / dataset.classes[target]
        folder.mkdir(parents=True, exist_ok=True)
        write_plane(folder / f"{index}.png", (image.astype(np.int16) - 128).astype(np.int8))
    assert len(chosen(32, data=str(tmp_path / "data")).images) == 10
    run = pixeltree("eval", model, "--data", str(tmp_path / "data"))
    assert run.returncode == 0, run.stderr
    assert "10 images of data (test)" in run.stdout


def test_bad_input_is_one_line_and_status_2(model, tmp_path):
    for arguments, message in (
        (
            (model, "--data", "letters"),
            "'letters' is neither a folder nor a data set; known: digits, mnist, glyphs, scenes-",
        ),
        ((str(tmp_path / "no.ptree"), "--data", "mnist"), "cannot be read"),
        ((model, "--data", "mnist", "--device", "x", "--preset", "ideal"), "not both"),
        ((model, "--workers", "2"), "give --preset too"),
    ):
        run = pixeltree("eval", *arguments)
        assert run.returncode == 2
        assert message in run.stderr


def test_a_tree_is_drawn_with_its_labels_and_sizes(model):
    run = pixeltree("tree", model)
    assert run.returncode == 0, run.stderr
    assert "mnist: 10 labels, 4 nodes" in run.stdout
    assert "3 4 7 8 9" in run.stdout
    assert run.stdout.count("bytes of weights") == 4
    run = pixeltree("tree", model, "--data", "mnist")
    assert "of 400 images right" in run.stdout
    assert run.stdout.count("%") == 5
