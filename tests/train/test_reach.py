"""Which images reach a node."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from pixeltree.datasets import Dataset, Task  # noqa: E402
from pixeltree.train import reach as reaching  # noqa: E402
from pixeltree.train.augment import Augmentation  # noqa: E402
from pixeltree.train.grown import GrownNode  # noqa: E402
from pixeltree.train.reach import VARIED_VIEWS, Reach  # noqa: E402

TARGETS = np.array([0, 0, 1, 1, 2, 2])
OWN, WIDER = ((0,), (1, 2)), ((0, 2), (1, 2))
NO_CHANGE = Augmentation()


def dataset(targets=TARGETS):
    """Images whose first pixel is their number."""
    images = np.zeros((len(targets), 8, 8), np.uint8)
    images[:, 0, 0] = np.arange(len(targets))
    return Dataset("d", Task.CLASSIFICATION, images, np.asarray(targets), ("a", "b", "c"))


@pytest.fixture
def router(mocker):
    """Sends image 4 to branch 0 as it is, image 2 only in one view of it, all others to branch 1."""

    def logits(images, sent):
        return np.array([[1.0, 0.0] if image[0, 0] in sent else [0.0, 1.0] for image in images])

    mocker.patch.object(reaching, "logits_of", lambda network, images: logits(images, {4}))
    mocker.patch.object(
        reaching,
        "varied_logits_of",
        lambda network, images, changes, seed: logits(images, {2} if seed == VARIED_VIEWS - 1 else {}),
    )
    return GrownNode(None, OWN, (None, None), (0, 1), 0.0)


def test_a_stray_class_comes_with_the_images_that_any_view_sends(router):
    whole = Reach(dataset(), dataset())
    first, second = whole.below(router, OWN, WIDER, NO_CHANGE)
    assert first.training.images[:, 0, 0].tolist() == [0, 1, 4]  # all of its own, and of class 2 what is sent
    assert first.validation.images[:, 0, 0].tolist() == [0, 1, 4]
    assert second.training.images[:, 0, 0].tolist() == [2, 3, 4, 5]  # its own, wherever they are sent
    (first, _) = whole.below(router, OWN, ((0, 1), (1, 2)), NO_CHANGE)
    assert first.training.images[:, 0, 0].tolist() == [0, 1, 2]


def test_what_was_left_out_is_in_the_name(router):
    whole = Reach(dataset(), dataset())
    names = {part.routed for wider in (OWN, WIDER) for part in whole.below(router, OWN, wider, NO_CHANGE)}
    assert whole.routed == whole.among([0, 1]).routed == ""
    assert len(names) == 3
    assert "" not in names
    (first, _) = whole.below(router, OWN, WIDER, NO_CHANGE)
    assert first.among([2]).routed == first.routed
    assert first.among([2]).training.images[:, 0, 0].tolist() == [4]


def test_a_class_is_never_without_images_to_learn_from(router):
    """Of class 1 no training image is sent to branch 0, where validation images stray."""
    training, validation = dataset([0, 0, 0, 1, 2, 2]), dataset()
    (first, _) = Reach(training, validation).below(router, OWN, ((0, 1), (1, 2)), NO_CHANGE)
    assert first.training.images[:, 0, 0].tolist() == [0, 1, 2, 3]
    assert first.validation.images[:, 0, 0].tolist() == [0, 1, 2]


def test_a_child_is_judged_by_the_classes_that_are_sent_to_it_unless_there_are_none(router):
    part = dataset([0, 0, 0, 1, 2, 2])
    (first, _) = Reach(dataset(), part).below(router, OWN, ((0, 1), (1, 2)), NO_CHANGE)
    assert first.validation.images[:, 0, 0].tolist() == [0, 1, 2]
    (first, _) = Reach(dataset(), part).below(router, ((), (0, 1, 2)), ((1,), (0, 1, 2)), NO_CHANGE)
    assert first.validation.images[:, 0, 0].tolist() == [3]


def test_below_a_child_only_what_reached_it_counts(router):
    reached = Reach(dataset([0, 2, 2, 0]), dataset([0, 2, 2, 0]), "routed")
    (first, _) = reached.below(router, OWN, WIDER, NO_CHANGE)
    assert first.training.targets.tolist() == [0, 2, 0]
