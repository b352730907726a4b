"""Scenes, and a trained tree against the integer reference. Real optics skip these, visibly."""

from __future__ import annotations

import pytest

from pixeltree_conformance import samples
from pixeltree_conformance.bench import Bench
from pixeltree_conformance.conversation import Conversation
from pixeltree_conformance.trained import TrainedScene, TrainedTree, trained_tree
from pixeltree_protocol.link.messages import (
    Done,
    ErrorCode,
    Fault,
    OpenTree,
    Result,
    Show,
    StartFrame,
    Stored,
    TreeOpened,
    head_bytes,
)


@pytest.mark.parametrize(
    "scene",
    [
        Show(True, 255, 0, 2, 1, bytes(2)),
        Show(True, 0, 200, 1, 57, bytes(57)),
        Show(True, 256, 0, 1, 1, bytes(1)),
        Show(True, 0, 0, 0, 4, b""),
        Show(True, 0, 0, 4, 0, b""),
        Show(True, 0, 0, 0, 0, bytes(1)),
        Show(True, 0, 0, 4, 4, bytes(15)),
        Show(True, 0, 0, 4, 4, bytes(17)),
    ],
    ids=lambda scene: f"{scene.rows}x{scene.columns}+{scene.top}+{scene.left}:{len(scene.pixels)}",
)
def test_a_rectangle_that_does_not_fit_is_refused(driver: Conversation, scene: Show) -> None:
    """CANNOT_SHOW: outside the sensor, empty, or with another number of pixels; also from real optics."""
    driver.refused(scene, ErrorCode.CANNOT_SHOW)


def test_rectangles_at_the_edges_fit(viewer: Conversation) -> None:
    """SHOW: the last row and column belong to the picture; parts of a picture may be shown one by one."""
    viewer.ask(Show(False, 255, 255, 1, 1, b"\xff"), Done)
    viewer.ask(Show(True, 0, 0, 2, 256, bytes(512)), Done)


def test_a_scene_of_nothing_ends_the_scene(viewer: Conversation) -> None:
    """SHOW: 0 rows and 0 columns take the picture away, also where none is shown; others may follow."""
    for _ in range(2):
        viewer.ask(Show(True, 0, 0, 0, 0, b""), Done)
    viewer.ask(Show(True, 0, 0, 1, 1, b"\x10"), Done)


def _show(viewer: Conversation, scene: TrainedScene) -> None:
    step = (viewer.welcome.capabilities.max_body - head_bytes(Show)) // scene.columns * scene.columns
    for start in range(0, len(scene.pixels), step):
        pixels = scene.pixels[start : start + step]
        top = scene.top + start // scene.columns
        rows = len(pixels) // scene.columns
        viewer.ask(Show(start == 0, top, scene.left, rows, scene.columns, pixels), Done)


def _run(viewer: Conversation, tree: TrainedTree, frame: int) -> Result:
    """Take a frame through the tree, and bring what it lacks."""
    request = viewer.send(StartFrame(frame))
    while True:
        event = viewer.next_answer(request)
        if isinstance(event, Result):
            return event
        assert isinstance(event, Fault), f"the frame ended with {event}"
        for digest in tree.needs(event.node):
            viewer.answer(samples.send_object(viewer, tree.objects[digest]), Stored)


def test_a_trained_tree_gives_the_integer_reference_to_the_last_logit(
    bench: Bench, viewer: Conversation
) -> None:
    """Real digits through a trained tree: label, and nodes and logits of the path as NumPy has them."""
    if bench.analog_tolerance:
        pytest.skip("the tree was trained for exact arithmetic; --analog-tolerance says there is none")
    tree = trained_tree()
    viewer.answer(samples.send_object(viewer, tree.objects[tree.digest]), Stored)
    viewer.ask(OpenTree(tree.digest, 0, 20_000), TreeOpened)
    for frame, scene in enumerate(tree.scenes):
        _show(viewer, scene)
        result = _run(viewer, tree, frame)
        assert result.label == scene.label
        assert tuple((tree.names[visit.node], visit.logits) for visit in result.path) == scene.path
