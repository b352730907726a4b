"""An image's way through a tree, step by step, and two devices beside each other."""

import numpy as np
import pytest
from tests.support.command_line import pixeltree

import pixeltree as pt
from pixeltree.explain.comparing import compare, planes_of_both
from pixeltree.explain.drawing import draw, draw_comparison, png
from pixeltree.explain.page import html
from pixeltree.explain.shots import PLANES, explain


@pytest.mark.parametrize("name", ["digits", "localize"])
def test_the_planes_are_those_of_the_frame_and_the_result_is_its_result(name):
    tree, images = pt.zoo.load(name), pt.zoo.held_out(name).images
    with pt.connect("inproc:") as device:
        found = explain(device, tree, images[8])
        result = pt.TreeRunner.open(device, tree).infer(images[8])
        left = device.read_plane("R6" if name == "digits" else "R5")
    label, path = tree.reference(images[8])
    assert found.result.label == result.label == label
    assert [shots.name for shots in found.nodes] == [visit.node for visit in path]
    assert [shots.logits for shots in found.nodes] == [visit.logits for visit in path]
    if name == "digits":
        assert np.array_equal(found.nodes[-1].planes["output"][1], left)
        assert all(set(shots.planes) == set(PLANES) for shots in found.nodes)
    else:
        assert np.array_equal(found.captured, left)
    picture = png(draw(found))
    assert picture.startswith(b"\x89PNG")
    page = html(found, picture)
    assert all(f"<td>{shots.name}</td>" in page for shots in found.nodes)


def test_two_devices_on_the_same_images():
    tree, images = pt.zoo.load("digits"), pt.zoo.held_out("digits").spread(4)
    with pt.connect("inproc:") as ideal, pt.connect("inproc:?preset=harsh&chip=2") as harsh:
        alike = compare((ideal, ideal), ("a", "b"), tree, images)
        unlike = compare((ideal, harsh), ("ideal", "harsh"), tree, images)
        planes = planes_of_both(*(explain(device, tree, images.images[0]) for device in (ideal, harsh)))
    assert (alike.same_label, alike.same_path, alike.same_sums) == (1, 1, 1)
    assert alike.accuracies == (unlike.accuracies[0],) * 2
    assert unlike.same_sums < 1
    assert unlike.device_us[0] == unlike.device_us[1]
    for what, first, second, difference in planes:
        assert np.array_equal(first.astype(int) + difference, second.astype(int)), what
    assert any(difference.any() for *_, difference in planes)
    assert len(draw_comparison(planes, ("ideal", "harsh")).axes) >= 3 * len(planes)


def test_what_cannot_be_explained_is_refused(tmp_path):
    for arguments, said in (
        (("digits", "8", "--out", tmp_path / "x.pdf"), "known: .png, .html"),
        (("digits", "100000", "--out", tmp_path / "x.png"), "held-out images, numbered from 0"),
        (("digits", tmp_path / "no.png", "--out", tmp_path / "x.png"), "cannot read"),
    ):
        run = pixeltree("explain", *arguments)
        assert run.returncode == 2
        assert said in run.stderr
    assert list(tmp_path.iterdir()) == []
