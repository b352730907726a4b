"""The training of one network: loss, schedule, choice of the epoch, checkpoints.

Everything drawn in an epoch comes from a seed made of the run's seed and the epoch's number, so a run that
was killed and resumed ends with the same weights as one that was not.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from pixeltree.datasets import Dataset
from pixeltree.errors import SpecificationError
from pixeltree.train.augment import Augmentation
from pixeltree.train.batches import batches
from pixeltree.train.checkpoint import CheckpointFile
from pixeltree.train.devices import CPU, DEVICES, device_named
from pixeltree.train.layers import clip_latent_weights, settle
from pixeltree.train.network import BinaryNetwork
from pixeltree.train.objective import Objective
from pixeltree.train.progress import BatchReport, Doing, EpochReport, Report
from pixeltree.train.threads import torch_threads
from pixeltree_protocol.names import known_names

_EVALUATION_BATCH = 128


@dataclass(frozen=True)
class TrainingSettings:
    """Choices of one training run.

    Attributes:
        epochs: passes over the training images. The best epoch on the validation images counts.
        batch_size: images per step, at least 2.
        learning_rate: Adam's learning rate at the start; it falls to 0 along a cosine.
        augmentation: how training images are changed.
        distillation: weight in the loss of the logits of a teacher, a float network; 0 (none) to 1.
        steadiness: weight in the loss of the share of bits that a chip may get wrong, summed over the layers;
            needs noise-aware training.
        temperature: number by which logits are divided before the teacher's and the student's are compared.
        settled_epochs: how many epochs at the end keep the means and variances of the sums as they are. A
            threshold between two sums then stays where it is from batch to batch, as it will on the device.
        seed: seed of the initial weights, the order of images, and the augmentation.
        device: where PyTorch computes: "cpu", "cuda", "mps", or "auto", the first accelerator that is there
            and else the processor. It is no part of what a checkpoint must have been made with.
    """

    epochs: int = 30
    batch_size: int = 64
    learning_rate: float = 0.003
    augmentation: Augmentation = field(default_factory=Augmentation)
    distillation: float = 0.0
    steadiness: float = 0.0
    temperature: float = 4.0
    settled_epochs: int = 0
    seed: int = 0
    device: str = field(default="auto", repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.device not in DEVICES:
            raise SpecificationError(
                f"no device is called {self.device}; {known_names(self.device, DEVICES)}"
            )
        if min(self.epochs, self.batch_size) < 1 or self.batch_size < 2:
            raise SpecificationError("training needs at least 1 epoch and batches of at least 2 images")
        if not (self.learning_rate > 0 and 0 <= self.distillation <= 1 and self.temperature > 0):
            raise SpecificationError(
                f"learning rate and temperature must be above 0 and distillation 0 to 1, not {self}"
            )
        if not 0 <= self.settled_epochs < self.epochs:
            raise SpecificationError(
                f"settled_epochs is {self.settled_epochs}; at least 0 and less than epochs, {self.epochs}"
            )
        if self.steadiness < 0:
            raise SpecificationError(f"steadiness is {self.steadiness}; it must be at least 0")

    def with_epochs(self, epochs: int) -> TrainingSettings:
        """The same with other epochs, of which one at least is not settled."""
        return replace(self, epochs=epochs, settled_epochs=min(self.settled_epochs, epochs - 1))


def build(make: Callable[[], nn.Module], seed: int) -> nn.Module:
    """A module whose initial weights follow from a seed; PyTorch's global generator stays as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return make()


def train_network(
    network: nn.Module,
    training: Dataset,
    validation: Dataset,
    objective: Objective,
    settings: TrainingSettings,
    checkpoint: CheckpointFile | None = None,
    teacher: nn.Module | None = None,
    progress: Callable[[Report], None] = lambda report: None,
) -> nn.Module:
    """Train a network and leave it as it was at its best epoch on the validation images.

    On the processor, the same run gives the same weights each time, with any number of cores.

    The best epoch is the one with the highest validation score, the lowest validation loss among equals.

    Args:
        network: binary or float; its weights are where training starts, unless a checkpoint has others.
        training: images to learn from.
        validation: images to choose the epoch by.
        objective: what to learn.
        settings: the run's choices.
        checkpoint: where to save after every epoch and go on from; None saves nothing.
        teacher: a trained float network; needed if ``settings.distillation`` is above 0.
        progress: told of every batch, of every epoch, and of those that a checkpoint has.

    Returns:
        The network, in evaluation mode, on the processor.

    Raises:
        CheckpointError: see :class:`CheckpointFile`.
        SpecificationError: the augmentation moves what a heat map must find, or the device is not there.
        DataError: the objective does not fit the data.
    """
    with torch_threads(1):  # more would wait for each other, and add in another order
        run = _Run(network, training, validation, objective, settings, teacher, progress)
        return _trained(run, checkpoint)


def _trained(run: _Run, checkpoint: CheckpointFile | None) -> nn.Module:
    settings, progress = run.settings, run.progress
    state = checkpoint.load() if checkpoint else None
    if state is not None:
        run.restore(state)
        progress(Doing(f"going on after epoch {run.epoch} of {settings.epochs}, from its checkpoint"))
        for before in run.history:
            progress(replace(before, restored=True))
    while run.epoch < settings.epochs:
        report = run.train_epoch()
        if checkpoint is not None:
            checkpoint.save(run.state())
        progress(report)
    run.network.load_state_dict(run.best_weights)
    return run.network.to(CPU).eval()


@torch.no_grad()
def logits_of(
    network: nn.Module, images: npt.NDArray[np.uint8], seen: Callable[[int], None] = lambda done: None
) -> npt.NDArray[np.float64]:
    """Logits in evaluation mode: float64 (N, outcomes); the network's mode is left as it was.

    Args:
        network: the network.
        images: uint8 (N, rows, columns).
        seen: told now and then how many images are done.
    """
    was_training = network.training
    network.eval()
    logits = _logits(network, images, seen)
    network.train(was_training)
    return logits


@torch.no_grad()
def integer_logits_of(network: BinaryNetwork, images: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64]:
    """As :func:`logits_of`, but the device's sums: whole numbers."""
    was_training = network.training
    network.eval()
    logits = _logits(network.integer_logits, images)
    network.train(was_training)
    return logits


@torch.no_grad()
def noisy_logits_of(
    network: BinaryNetwork, images: npt.NDArray[np.uint8], seed: int
) -> npt.NDArray[np.float64]:
    """As :func:`logits_of`, with the errors of a chip that the network knows, drawn anew for every sum."""
    was_training = network.training
    network.eval()
    network.noise.train()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        logits = _logits(network, images)
    network.train(was_training)
    return logits


def _logits(
    compute: Callable[[Tensor], Tensor],
    images: npt.NDArray[np.uint8],
    seen: Callable[[int], None] = lambda done: None,
) -> npt.NDArray[np.float64]:
    parts: list[Tensor] = []
    for start in range(0, len(images), _EVALUATION_BATCH):
        seen(start)
        parts.append(compute(torch.from_numpy(images[start : start + _EVALUATION_BATCH])))
    logits = torch.cat(parts)
    return np.asarray(logits.double().numpy(), np.float64)


class _Run:
    """What changes while a network is trained."""

    def __init__(
        self,
        network: nn.Module,
        training: Dataset,
        validation: Dataset,
        objective: Objective,
        settings: TrainingSettings,
        teacher: nn.Module | None,
        progress: Callable[[Report], None],
    ) -> None:
        if settings.augmentation.moves and training.targets.ndim > 1:
            raise SpecificationError(
                f"augmentation may not turn, zoom, shear or shift the images of {training.name}, as their "
                "targets would not move with them; leave these settings out"
            )
        self.network, self.settings, self.objective = network, settings, objective
        self.device = device_named(settings.device)
        network.to(self.device)
        if isinstance(network, BinaryNetwork):
            network.counts_flips = settings.steadiness > 0
        self.progress = progress
        self.validation = validation
        self.teacher = teacher.eval().to(self.device) if teacher is not None else None
        self.images = training.images
        self.targets = objective.targets(training)
        self.validation_targets = objective.targets(validation)
        self.optimizer = torch.optim.Adam(
            network.parameters(), lr=settings.learning_rate, fused=self.device == CPU
        )
        self.schedule = torch.optim.lr_scheduler.CosineAnnealingLR(self.optimizer, settings.epochs)
        self.epoch = 0
        self.history: list[EpochReport] = []
        self.seen = 0
        self.best = (-1.0, 0.0)
        self.best_weights: dict[str, Any] = self.weights()

    def weights(self) -> dict[str, Any]:
        """A copy of the network's weights, on the processor."""
        return {name: value.to(CPU, copy=True) for name, value in self.network.state_dict().items()}

    def state(self) -> dict[str, Any]:
        """Everything that :meth:`restore` needs."""
        return {
            "epoch": self.epoch,
            "history": [asdict(report) for report in self.history],
            "network": self.network.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "schedule": self.schedule.state_dict(),
            "best": list(self.best),
            "best_weights": self.best_weights,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a saved state."""
        self.network.load_state_dict(state["network"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.schedule.load_state_dict(state["schedule"])
        self.epoch = int(state["epoch"])
        self.history = [EpochReport(**report) for report in state.get("history", [])]
        self.best = (float(state["best"][0]), float(state["best"][1]))
        self.best_weights = state["best_weights"]

    def train_epoch(self) -> EpochReport:
        """One pass over the training images, in random order, and a look at the validation images."""
        with torch.random.fork_rng(devices=[]):
            seed = self.settings.seed * 1_000_003 + self.epoch + 1
            torch.manual_seed(seed)
            loss = self._train(seed)
        self.schedule.step()
        self.epoch += 1
        count = len(self.validation)
        logits = logits_of(  # exact sums want float64, which not every device has
            self.network if self.device == CPU else copy.deepcopy(self.network).to(CPU),
            self.validation.images,
            lambda done: self.progress(Doing("looking at validation images", done, count)),
        )
        score = self.objective.score(logits, self.validation)
        validation_loss = float(self.objective.loss(torch.from_numpy(logits), self.validation_targets))
        if (score, -validation_loss) > self.best:
            self.best = (score, -validation_loss)
            self.best_weights = self.weights()
        self.history.append(EpochReport(self.epoch, self.settings.epochs, loss, score, self.best[0]))
        return self.history[-1]

    def _train(self, seed: int) -> float:
        self.network.train()
        if self.epoch >= self.settings.epochs - self.settings.settled_epochs:
            settle(self.network)
        total = 0.0
        size = self.settings.batch_size
        count = -(-len(self.images) // size)
        done, epochs = 0, self.settings.epochs
        made = batches(self.images, size, self.settings.augmentation, seed)
        for number, (batch, images) in enumerate(made, 1):
            if len(batch) < 2:  # batch normalization needs two
                continue
            loss = self._loss(images.to(self.device), self.targets[batch].to(self.device))
            self.optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            self.optimizer.step()
            clip_latent_weights(self.network)
            total += float(loss.detach()) * len(batch)
            done += len(batch)
            self.seen += len(batch)
            left = (epochs - self.epoch) * len(self.images) - done
            loss_so_far = total / done
            self.progress(BatchReport(self.epoch + 1, epochs, number, count, self.seen, left, loss_so_far))
        return total / len(self.images)

    def _loss(self, seen: Tensor, targets: Tensor) -> Tensor:
        """(1 - a) L + a T^2 KL(teacher / T || student / T), Hinton et al. 2015 (arXiv:1503.02531)."""
        logits: Tensor = self.network(seen)
        loss = self.objective.loss(logits, targets)
        if isinstance(self.network, BinaryNetwork):
            loss = loss + self.settings.steadiness * self.network.flips
        share = self.settings.distillation
        if self.teacher is None or not share:
            return loss
        with torch.no_grad():
            opinion: Tensor = self.teacher(seen)
        heat = self.settings.temperature
        divergence = nn.functional.kl_div(
            (logits / heat).log_softmax(dim=1),
            (opinion / heat).log_softmax(dim=1),
            reduction="batchmean",
            log_target=True,
        )
        return (1 - share) * loss + share * heat**2 * divergence
