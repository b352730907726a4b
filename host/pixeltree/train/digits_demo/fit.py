"""The training of one node: augmentation, loss, schedule, choice of the checkpoint."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from pixeltree.demo.digits import DIGIT_MAX, DIGIT_SIZE, MARGIN, input_bits, render_digit
from pixeltree.network import INPUT_SIZE
from pixeltree.train.digits_demo.layers import clip_latent_weights
from pixeltree.train.digits_demo.model import NodeNetwork

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Scene:
    """How a digit becomes input bits.

    Attributes:
        upsampling: side of one digit pixel in the scene, in scene pixels.
        threshold: 0 to 127, in halved gray levels.
    """

    upsampling: int
    threshold: int


@dataclass(frozen=True)
class FitSettings:
    """Choices of one training run; the ranges of the augmentation are drawn uniformly, both signs.

    Attributes:
        scene: how the device sees a digit.
        pool: side of a pooling cell, in pixels; 2, 4, 8 or 16.
        epochs: passes over the training digits.
        batch_size: digits per step.
        learning_rate: Adam's, at the start of the cosine schedule, which ends at 0.
        rotation: largest rotation, in degrees.
        zoom: largest relative change of either axis' scale.
        shear: largest shear, scene columns per scene row.
        shift: largest shift along each axis, in scene pixels.
        threshold_jitter: largest change of the threshold, in halved gray levels.
        seed: of the initial weights, the order of the digits and the augmentation.
    """

    scene: Scene
    pool: int
    epochs: int = 60
    batch_size: int = 64
    learning_rate: float = 0.003
    rotation: float = 10.0
    zoom: float = 0.1
    shear: float = 0.1
    shift: float = 3.0
    threshold_jitter: float = 8.0
    seed: int = 0


@dataclass(frozen=True, eq=False)
class Digits:
    """Digits and what a node may decide about them.

    Attributes:
        values: uint8 (N, 8, 8), 0 to 16.
        allowed: bool (N, outcomes), the outcomes that are right for each digit; at least one.
    """

    values: npt.NDArray[np.uint8]
    allowed: npt.NDArray[np.bool_]


def scene_bits(values: npt.NDArray[np.uint8], scene: Scene) -> npt.NDArray[np.bool_]:
    """Input bits of digits as the device sees them: bool (N, 64, 64); ``values`` is uint8 (N, 8, 8)."""
    return np.stack([input_bits(render_digit(digit, scene.upsampling), scene.threshold) for digit in values])


def augmented_bits(values: Tensor, settings: FitSettings, generator: torch.Generator) -> Tensor:
    """Input bits of digits seen turned, zoomed, sheared, shifted, and under another threshold.

    Sampling the 8 x 8 digit bilinearly with zeros outside (``grid_sample``) along an affine grid is the
    rendering of ``pixeltree.demo.digits`` before rounding, followed by the affine map in one step.

    Args:
        values: float (batch, 1, 8, 8), 0 to 16.
        settings: the scene without augmentation, and the augmentation's ranges.
        generator: source of every random number.

    Returns:
        float (batch, 1, 64, 64), values 0 or 1.
    """
    batch = values.shape[0]
    spread = torch.rand((batch, 7), generator=generator) * 2 - 1
    angle = spread[:, 0] * math.radians(settings.rotation)
    zoom = (1 + spread[:, 1:3] * settings.zoom) * INPUT_SIZE / (DIGIT_SIZE * settings.scene.upsampling)
    shear = spread[:, 3] * settings.shear
    cosine, sine = angle.cos(), angle.sin()
    columns = torch.stack([cosine, shear * cosine - sine], dim=1) * zoom[:, :1]
    rows = torch.stack([sine, shear * sine + cosine], dim=1) * zoom[:, 1:]
    shift = spread[:, 4:6, None] * settings.shift * 2 / (DIGIT_SIZE * settings.scene.upsampling)
    affine = torch.cat([torch.stack([columns, rows], dim=1), shift], dim=2)
    grid = nn.functional.affine_grid(affine, [batch, 1, INPUT_SIZE, INPUT_SIZE], align_corners=False)
    seen = nn.functional.grid_sample(values, grid, padding_mode="zeros", align_corners=False)
    levels = (seen * (255 / DIGIT_MAX)).round() / 2
    threshold = settings.scene.threshold + 0.5 + spread[:, 6] * settings.threshold_jitter
    return without_margin((levels > threshold.view(-1, 1, 1, 1)).float())


def without_margin(bits: Tensor) -> Tensor:
    """The bits with the border the device forces to 0; float (batch, 1, 64, 64)."""
    inner = bits[:, :, MARGIN:-MARGIN, MARGIN:-MARGIN]
    return nn.functional.pad(inner, (MARGIN, MARGIN, MARGIN, MARGIN))


def allowed_loss(logits: Tensor, allowed: Tensor) -> Tensor:
    """-log of the probability of deciding rightly, with several right outcomes: mean over the batch.

    L = logsumexp(z) - logsumexp(z over the allowed outcomes); with one allowed, the cross-entropy.

    Args:
        logits: float (batch, outcomes).
        allowed: bool (batch, outcomes), at least one true in each row.
    """
    right = logits.masked_fill(~allowed, -math.inf).logsumexp(dim=1)
    return (logits.logsumexp(dim=1) - right).mean()


@torch.no_grad()
def evaluate(model: NodeNetwork, bits: Tensor, allowed: Tensor) -> tuple[float, float]:
    """Accuracy, 0 to 1, and loss in evaluation mode.

    Args:
        model: the node; left in evaluation mode.
        bits: float (N, 1, 64, 64), values 0 or 1.
        allowed: bool (N, outcomes).
    """
    model.eval()
    logits = torch.cat([model(chunk) for chunk in torch.split(bits, 128)])
    decided = torch.from_numpy(logits.numpy().argmax(axis=1))
    accuracy = allowed.gather(1, decided[:, None]).double().mean()
    return float(accuracy), float(allowed_loss(logits, allowed))


def fit(training: Digits, validation: Digits, settings: FitSettings, progress: Progress) -> NodeNetwork:
    """Train one node and return it as it was at its best epoch on the validation digits.

    The best epoch is the one with the fewest validation errors, then the lowest validation loss. The same
    arguments on the same machine and library give the same weights.

    Args:
        training: digits to learn from.
        validation: digits to choose the epoch by.
        settings: the run's choices.
        progress: called with one line per ten epochs.

    Returns:
        The node, in evaluation mode.
    """
    torch.manual_seed(settings.seed)
    generator = torch.Generator().manual_seed(settings.seed)
    model = NodeNetwork(training.allowed.shape[1], settings.pool)
    optimizer = torch.optim.Adam(model.parameters(), lr=settings.learning_rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, settings.epochs)
    seen = torch.from_numpy(scene_bits(validation.values, settings.scene)).float().unsqueeze(1)
    allowed = torch.from_numpy(validation.allowed)
    best, best_state = (-1.0, 0.0), copy.deepcopy(model.state_dict())
    for epoch in range(settings.epochs):
        loss = _train_epoch(model, optimizer, training, settings, generator)
        schedule.step()
        accuracy, validation_loss = evaluate(model, seen, allowed)
        if (accuracy, -validation_loss) > best:
            best, best_state = (accuracy, -validation_loss), copy.deepcopy(model.state_dict())
        if epoch % 10 == 9 or epoch == settings.epochs - 1:
            progress(
                f"epoch {epoch + 1}: training loss {loss:.3f}, validation {accuracy:.1%} (best {best[0]:.1%})"
            )
    model.load_state_dict(best_state)
    return model.eval()


def _train_epoch(
    model: NodeNetwork,
    optimizer: torch.optim.Optimizer,
    training: Digits,
    settings: FitSettings,
    generator: torch.Generator,
) -> float:
    """One pass over the training digits, in random order; returns the mean loss."""
    model.train()
    values = torch.from_numpy(training.values).float().unsqueeze(1)
    allowed = torch.from_numpy(training.allowed)
    total = 0.0
    for batch in torch.split(torch.randperm(len(values), generator=generator), settings.batch_size):
        bits = augmented_bits(values[batch], settings, generator)
        loss = allowed_loss(model(bits), allowed[batch])
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        clip_latent_weights(model)
        total += float(loss.detach()) * len(batch)
    return total / len(values)
