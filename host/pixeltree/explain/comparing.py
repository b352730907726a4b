"""Two devices, or one kind of chip and another, on the same images."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from pixeltree.datasets import Dataset
from pixeltree.device.device import Device
from pixeltree.explain.shots import ACTIVATION, PACKED, SUMS, Explanation, Plane
from pixeltree.run import InferenceResult, TreeRunner
from pixeltree.tree.tree import Tree

_COMPARED = (SUMS, ACTIVATION, PACKED)
"""Planes that two devices can make differently; weights are what was sent."""


@dataclass(frozen=True)
class Comparison:
    """What two devices made of the same images.

    Attributes:
        names: of the devices.
        images: how many images there were.
        accuracies: share of right labels, by device; None where the targets are no labels.
        same_label, same_path: share of the images that both gave the same label, led along the same path.
        same_sums: share of the images whose last sums are equal on both.
        margins: mean distance of the greatest sum to the one after it, by device.
        device_us: mean device time of a frame, by device, in microseconds.
    """

    names: tuple[str, str]
    images: int
    accuracies: tuple[float, float] | None
    same_label: float
    same_path: float
    same_sums: float
    margins: tuple[float, float]
    device_us: tuple[float, float]

    def to_json(self) -> dict[str, Any]:
        """For ``--json``."""
        return {
            name: list(value) if isinstance(value, tuple) else value for name, value in vars(self).items()
        }


def compare(
    devices: tuple[Device, Device],
    names: tuple[str, str],
    tree: Tree,
    images: Dataset,
    progress: Callable[[int], None] = lambda done: None,
) -> Comparison:
    """Take images through a tree on two devices.

    Args:
        devices: emulated ones, since they are shown the images.
        names: what they are called.
        tree: the tree.
        images: at least one.
        progress: told how many images are done.
    """
    runners = [TreeRunner.open(device, tree) for device in devices]
    pairs: list[tuple[InferenceResult, InferenceResult]] = []
    for done, image in enumerate(images.images, 1):
        first, second = (runner.infer(image) for runner in runners)
        pairs.append((first, second))
        progress(done)
    targets = np.asarray(images.targets)
    accuracies = None
    if targets.ndim == 1:
        labels = np.array([[result.label for result in pair] for pair in pairs])
        right = (labels == targets[:, None]).mean(axis=0)
        accuracies = float(right[0]), float(right[1])
    both = list(zip(*pairs, strict=True))
    return Comparison(
        names,
        len(pairs),
        accuracies,
        _share(pairs, lambda result: result.label),
        _share(pairs, lambda result: [visit.node for visit in result.path]),
        _share(pairs, lambda result: result.logits),
        (_mean(both[0], _margin), _mean(both[1], _margin)),
        (_mean(both[0], lambda r: r.device_us), _mean(both[1], lambda r: r.device_us)),
    )


def planes_of_both(
    first: Explanation, second: Explanation
) -> list[tuple[str, Plane, Plane, npt.NDArray[np.int16]]]:
    """The planes that both have, by step: what it is, of the one, of the other, and the difference."""
    found = [("input (R5)", first.captured, second.captured)]
    for one, other in zip(first.nodes, second.nodes, strict=False):
        if one.name != other.name:
            break  # from here on they went different ways
        for what in _COMPARED:
            if what in one.planes and what in other.planes:
                register, plane = one.planes[what]
                found.append((f"{one.name}: {what} ({register})", plane, other.planes[what][1]))
    return [(what, a, b, b.astype(np.int16) - a.astype(np.int16)) for what, a, b in found]


def _share(
    pairs: list[tuple[InferenceResult, InferenceResult]], of: Callable[[InferenceResult], object]
) -> float:
    return float(np.mean([of(first) == of(second) for first, second in pairs]))


def _mean(results: tuple[InferenceResult, ...], of: Callable[[InferenceResult], float]) -> float:
    return float(np.mean([of(result) for result in results]))


def _margin(result: InferenceResult) -> float:
    sums = sorted(result.logits)
    return float(sums[-1] - sums[-2]) if len(sums) > 1 else 0.0
