"""Training: it learns, repeats itself, goes on after a kill, and never spoils the last good checkpoint."""

from __future__ import annotations

import copy
import errno
import math
import os
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from pixeltree.datasets import Dataset, Task  # noqa: E402
from pixeltree.errors import (  # noqa: E402
    CheckpointError,
    DataError,
    SpecificationError,
)
from pixeltree.model.geometry import ConvolutionGeometry, FullyConnectedGeometry, HeatMapGeometry, Pooling  # noqa: E402
from pixeltree.train.augment import Augmentation, augmented  # noqa: E402
from pixeltree.train.checkpoint import CheckpointFile  # noqa: E402
from pixeltree.train.folding import compare, fold  # noqa: E402
from pixeltree.train.network import BinaryNetwork, FloatNetwork  # noqa: E402
from pixeltree.train.objective import Classification, objective_for  # noqa: E402
from pixeltree.train.progress import BatchReport, EpochReport  # noqa: E402
from pixeltree.train.specification import Input, NetworkSpecification  # noqa: E402
from pixeltree.train.training import TrainingSettings, build, logits_of, train_network  # noqa: E402
from pixeltree_protocol.chip.nonidealities import TYPICAL_ERRORS  # noqa: E402

TINY = NetworkSpecification(
    Input(16, margin=0, threshold=50),
    (ConvolutionGeometry(8, 3), Pooling(4)),
    FullyConnectedGeometry(2),
)
BOTH = Classification(((0,), (1,)))


def bars(count, seed):
    """Noisy horizontal and vertical bars of 16 x 16 pixels, and which of the two each is."""
    random = np.random.default_rng(seed)
    images = random.integers(0, 90, (count, 16, 16)).astype(np.uint8)
    vertical = random.random(count) < 0.5
    for image, upright in zip(images, vertical, strict=True):
        place = random.integers(2, 13)
        (image.T if upright else image)[place : place + 2] = 220
    return Dataset("bars", Task.CLASSIFICATION, images, vertical.astype(np.int64), ("horizontal", "vertical"))


TRAINING, VALIDATION, TEST = bars(160, 0), bars(40, 1), bars(100, 2)
RUN = TrainingSettings(epochs=4, batch_size=16, augmentation=Augmentation(brightness=5, noise=4))


def tiny(seed=0):
    return build(lambda: BinaryNetwork(TINY), seed)


def trained(network=None, run=RUN, **more):
    return train_network(network or tiny(), TRAINING, VALIDATION, BOTH, run, **more)


def weights(network):
    return {name: value.clone() for name, value in network.state_dict().items()}


def assert_equal_weights(first, second):
    first, second = weights(first), weights(second)
    assert first.keys() == second.keys()
    assert all(torch.equal(value, second[name]) for name, value in first.items())


def test_a_short_run_beats_chance_and_folds_exactly():
    network = trained(run=replace(RUN, epochs=12))
    assert BOTH.score(logits_of(network, TEST.images), TEST) > 0.85
    model, _ = fold(network)
    agreement = compare(network, model, TEST.images[:20])
    assert (agreement.different_bits, agreement.different_logits) == (0, 0)


def test_the_same_run_gives_the_same_weights_whatever_was_drawn_before():
    first = trained()
    torch.rand(7)
    before = torch.get_rng_state()
    second = trained()
    assert torch.equal(torch.get_rng_state(), before)
    assert_equal_weights(first, second)
    other = trained(run=replace(RUN, seed=1))
    assert not torch.equal(other.head.latent, first.head.latent)


def test_a_run_gives_the_same_weights_with_any_number_of_cores(monkeypatch):
    """Of one convolution: what its parts came to is added in their order."""
    noisy = build(lambda: BinaryNetwork(TINY, TYPICAL_ERRORS), 0)
    other = copy.deepcopy(noisy)
    run = replace(RUN, epochs=1, batch_size=40)
    trained(noisy, run)
    monkeypatch.setattr("pixeltree.train.threads.cores", lambda: 1)
    trained(other, run)
    assert_equal_weights(noisy, other)


def test_fewer_epochs_leave_one_that_is_not_settled():
    settled = replace(RUN, epochs=8, settled_epochs=3)
    assert [settled.with_epochs(count).settled_epochs for count in (9, 4, 3, 1)] == [3, 3, 2, 0]


def test_settled_epochs_keep_means_and_variances_and_learn_on():
    statistics, others = [], []
    network = build(lambda: BinaryNetwork(TINY, TYPICAL_ERRORS), 0)

    def note(report):
        norm = network.layers[1].norm
        statistics.append((norm.running_mean.clone(), norm.running_var.clone()))
        others.append(network.head.latent.detach().clone())

    trained(network, replace(RUN, settled_epochs=2), progress=of_new_epochs(note))
    same = [torch.equal(first[0], second[0]) for first, second in pairwise(statistics)]
    assert same == [False, True, True]
    assert not any(torch.equal(first, second) for first, second in pairwise(others))
    assert compare(network, fold(network)[0], TEST.images[:10]).different_logits == 0


def test_a_device_that_is_not_there_is_refused():
    missing = "mps" if torch.cuda.is_available() else "cuda"
    with pytest.raises(SpecificationError, match=f"no {missing} device here"):
        trained(run=replace(RUN, device=missing))
    with pytest.raises(SpecificationError, match="no device is called gpu"):
        replace(RUN, device="gpu")


def of_new_epochs(tell):
    """Tells of the epochs that are trained now, and of nothing else."""

    def progress(report):
        if isinstance(report, EpochReport) and not report.restored:
            tell(report)

    return progress


class Killed(Exception):
    """Stands for a kill: it comes after the epoch's checkpoint."""


def killed_after(epochs):
    def progress(report):
        if isinstance(report, EpochReport) and report.epoch == epochs:
            raise Killed

    return progress


@pytest.mark.parametrize("epochs", [1, 3])
def test_a_run_goes_on_after_a_kill_as_if_nothing_had_happened(tmp_path, epochs):
    file = CheckpointFile(tmp_path / "c", "identity")
    with pytest.raises(Killed):
        trained(checkpoint=file, progress=killed_after(epochs))
    reports = []
    resumed = trained(tiny(seed=9), checkpoint=file, progress=of_new_epochs(reports.append))
    assert [report.epoch for report in reports] == list(range(epochs + 1, 5))
    assert_equal_weights(resumed, trained())


def test_every_batch_is_reported_with_what_is_left():
    reports = []
    trained(run=replace(RUN, epochs=2), progress=reports.append)
    batches = [report for report in reports if isinstance(report, BatchReport)]
    count = -(-len(TRAINING) // RUN.batch_size)
    assert [(b.epoch, b.batch) for b in batches] == [(e, b + 1) for e in (1, 2) for b in range(count)]
    assert {(b.epochs, b.batches) for b in batches} == {(2, count)}
    assert all(b.images + b.left == 2 * len(TRAINING) for b in batches)
    assert (batches[-1].left, batches[0].images) == (0, RUN.batch_size)
    losses = [report.loss for report in reports if isinstance(report, EpochReport)]
    assert [b.loss for b in batches if b.batch == count] == pytest.approx(losses)


def test_a_run_that_goes_on_tells_of_the_epochs_before(tmp_path):
    file = CheckpointFile(tmp_path / "c", "identity")
    whole, first, second = [], [], []
    trained(progress=whole.append)
    with pytest.raises(Killed):
        trained(checkpoint=file, progress=lambda report: (first.append(report), killed_after(2)(report)))
    trained(tiny(seed=9), checkpoint=file, progress=second.append)
    epochs = [report for report in second if isinstance(report, EpochReport)]
    assert [report.restored for report in epochs] == [True, True, False, False]
    expected = [report for report in whole if isinstance(report, EpochReport)]
    assert [replace(report, restored=False) for report in epochs] == expected
    batch = next(report for report in second if isinstance(report, BatchReport))
    assert (batch.epoch, batch.images) == (3, RUN.batch_size), "the rate is that of this run"


def test_a_finished_run_is_not_repeated(tmp_path):
    file = CheckpointFile(tmp_path / "c", "identity")
    first = trained(checkpoint=file)
    reports = []
    assert_equal_weights(
        trained(tiny(seed=9), checkpoint=file, progress=of_new_epochs(reports.append)), first
    )
    assert reports == []


def test_the_best_epoch_is_kept():
    reports = []
    network = trained(run=replace(RUN, epochs=6, learning_rate=0.05), progress=of_new_epochs(reports.append))
    score = BOTH.score(logits_of(network, VALIDATION.images), VALIDATION)
    assert score == max(report.score for report in reports) == reports[-1].best


def test_a_checkpoint_of_another_recipe_is_refused(tmp_path):
    CheckpointFile(tmp_path / "c", "one").save({})
    with pytest.raises(CheckpointError, match=r"another recipe or other data; delete it to start anew"):
        CheckpointFile(tmp_path / "c", "two").load()
    assert CheckpointFile(tmp_path / "c", "one").load() == {}


@pytest.mark.parametrize("damage", [lambda d: d[: len(d) // 2], lambda d: b"", lambda d: b"x" * 100])
def test_a_damaged_checkpoint_is_refused(tmp_path, damage):
    file = CheckpointFile(tmp_path / "c", "one")
    file.save({"epoch": 3})
    file.path.write_bytes(damage(file.path.read_bytes()))
    with pytest.raises(CheckpointError, match=r"damaged|no checkpoint"):
        file.load()


def test_a_full_disk_leaves_the_last_good_checkpoint(tmp_path, mocker):
    file = CheckpointFile(tmp_path / "c", "one")
    file.save({"epoch": 3})
    mocker.patch("os.fsync", side_effect=OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))
    with pytest.raises(CheckpointError, match=r"No space left on device; the one saved before is intact"):
        file.save({"epoch": 4})
    assert file.load() == {"epoch": 3}
    assert list(tmp_path.iterdir()) == [file.path]


def test_a_student_learns_from_its_teachers_opinion_alone():
    """Distillation of 1 leaves the labels out, so the student follows even a teacher who is always wrong."""
    teacher = build(lambda: FloatNetwork(TINY), 0)
    contrary = Classification(((1,), (0,)))
    train_network(teacher, TRAINING, VALIDATION, contrary, RUN)
    run = replace(RUN, distillation=1.0)
    student = train_network(tiny(), TRAINING, VALIDATION, contrary, run, teacher=teacher)
    assert BOTH.score(logits_of(student, TEST.images), TEST) < 0.3


def test_noise_aware_training_errs_in_training_only():
    network = build(lambda: BinaryNetwork(TINY, replace(TYPICAL_ERRORS, noise=5.0)), 0)
    images = torch.from_numpy(TEST.images[:4])
    network.train()
    assert not torch.equal(network(images), network(images))
    network.eval()
    assert torch.equal(network(images), network(images))
    train_network(network, TRAINING, VALIDATION, BOTH, RUN)
    assert compare(network, fold(network)[0], TEST.images[:5]).different_logits == 0


def changed(images, **ranges):
    return augmented(images, Augmentation(**ranges), torch.Generator().manual_seed(0))


def test_augmentation_of_nothing_changes_nothing():
    assert (changed(TEST.images) == TEST.images).all()


def test_augmentation_shifts_as_far_as_it_says():
    images = np.zeros((64, 16, 16), np.uint8)
    images[:, 8, 8] = 255
    places = changed(images, shift=3).reshape(64, -1).argmax(axis=1)
    distances = np.abs(np.stack([places // 16 - 8, places % 16 - 8]))
    assert distances.max() == 3
    assert len(np.unique(places)) > 10


def test_augmentation_uses_the_whole_range_and_no_more():
    lit = changed(TEST.images, rotation=20, brightness=80, contrast=0.5, noise=30)
    assert (lit.dtype, lit.min(), lit.max()) == (np.uint8, 0, 255)


def test_augmentation_turns_images_about_their_middle():
    """Bilinear, with edges that go on beyond them: as PyTorch samples a turned grid."""
    images = np.random.default_rng(0).integers(0, 256, (20, 16, 16)).astype(np.uint8)
    turned = changed(images, rotation=30)
    drawn = torch.randint(0, 1 << 31, (20, 11), dtype=torch.int32, generator=torch.Generator().manual_seed(0))
    angles = (drawn[:, 2].double() / 2**30 - 1) * math.radians(30)
    maps = torch.zeros(20, 2, 3)
    maps[:, 0, 0] = maps[:, 1, 1] = angles.cos()
    maps[:, 0, 1], maps[:, 1, 0] = -angles.sin(), angles.sin()
    grid = torch.nn.functional.affine_grid(maps, [20, 1, 16, 16], align_corners=False)
    wanted = torch.nn.functional.grid_sample(
        torch.from_numpy(images).float().unsqueeze(1), grid, padding_mode="border", align_corners=False
    )
    assert np.abs(wanted[:, 0].numpy() - turned).max() < 0.6


def test_augmentation_adds_noise_of_at_most_the_sigma_that_it_says():
    grey = np.full((200, 16, 16), 128, np.uint8)
    noise = changed(grey, noise=30).astype(float) - 128
    spreads = noise.std(axis=(1, 2))
    assert spreads.max() < 33
    assert spreads.mean() == pytest.approx(15, rel=0.1)
    assert abs(noise.mean()) < 0.3


def test_images_of_a_heat_map_must_not_move():
    positions = np.full((160, 1, 2), 5)
    located = Dataset("places", Task.LOCALIZATION, TRAINING.images, positions, ("object",))
    specification = NetworkSpecification(
        Input(16), (ConvolutionGeometry(4, 3),), HeatMapGeometry(2, stride=2)
    )
    objective = objective_for(located, specification)
    with pytest.raises(SpecificationError, match="may not turn, zoom, shear or shift the images of places"):
        train_network(
            BinaryNetwork(specification),
            located,
            located,
            objective,
            TrainingSettings(augmentation=Augmentation(shift=2)),
        )


def test_a_class_that_no_outcome_stands_for_is_named():
    with pytest.raises(DataError, match="the network has no outcome for class vertical"):
        Classification(((0,),)).targets(TRAINING)


@pytest.mark.parametrize(
    "wrong", [{"epochs": 0}, {"batch_size": 1}, {"distillation": 1.5}, {"learning_rate": 0}]
)
def test_settings_out_of_range_are_refused(wrong):
    with pytest.raises(SpecificationError, match=r"must be above 0|needs at least"):
        TrainingSettings(**wrong)
