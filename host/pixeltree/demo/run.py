"""Classify held-out digits on a device and compare every logit with the integer reference."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from pixeltree.datasets import Dataset
from pixeltree.device.device import Device
from pixeltree.errors import DataError
from pixeltree.run import InferenceResult, TreeRunner
from pixeltree.tree import zoo
from pixeltree.tree.tree import Tree
from pixeltree.tree.walk import ReferenceVisit


@dataclass(frozen=True)
class DemoReport:
    """What the demo measured.

    Attributes:
        accuracy: share of frames with the right label.
        frames: images classified.
        swaps: nodes that were streamed in while a frame waited.
        faults: faults that the device reported.
        bytes_streamed: bytes of objects that crossed the link, framing included.
        bytes_tree: bytes of all objects of the tree.
        budget_bytes: controller memory that the tree was given.
        device_us_per_frame: mean device time, stalls not included, in microseconds.
        stall_us_per_frame: mean device time spent waiting for objects.
        wall_ms_per_frame: mean wall time in milliseconds.
        reference_mismatches: logits, labels and path lengths that differ from the integer reference.
        wire_bytes_sent: all bytes to the device, images included.
        wire_bytes_received: all bytes from the device.
    """

    accuracy: float
    frames: int
    swaps: int
    faults: int
    bytes_streamed: int
    bytes_tree: int
    budget_bytes: int
    device_us_per_frame: float
    stall_us_per_frame: float
    wall_ms_per_frame: float
    reference_mismatches: int
    wire_bytes_sent: int
    wire_bytes_received: int


def demo_tree() -> Tree:
    """The tree of MNIST that ships with the package."""
    return zoo.load("mnist")


def demo_digits() -> Dataset:
    """The images that the demo shows: digits that the tree was not made with."""
    return zoo.held_out("mnist")


def demo_budget(tree: Tree) -> int:
    """Controller memory for the demo: the capture node, the root and any one other node, no more."""
    always = {tree.digest, *tree.capture.needs, *tree.root.needs}
    return max(tree.bytes_of(always.union(node.needs)) for node in tree.nodes.values())


def check_images(images: int) -> None:
    """Whether there are so many held-out digits.

    Raises:
        DataError: there are not.
    """
    bundled = len(demo_digits())
    if not 1 <= images <= bundled:
        raise DataError(f"--images must be 1 to {bundled}, the held-out digits that are bundled")


def run_demo(device: Device, tree: Tree, images: int, progress: Callable[[int], None]) -> DemoReport:
    """Run the demo on a connected device.

    Args:
        device: the device.
        tree: the tree; its memory is limited to :func:`demo_budget`.
        images: how many held-out digits to classify.
        progress: told after every frame how many are done.

    Raises:
        DataError: more images than there are.
    """
    check_images(images)
    digits = demo_digits()
    runner = TreeRunner.open(device, tree, memory_limit=demo_budget(tree), policy="no_prefetch")
    results: list[InferenceResult] = []
    mismatches = 0
    wall = 0.0
    for index, picture in enumerate(digits.images[:images]):
        began = time.perf_counter()
        result = runner.infer(picture)
        wall += time.perf_counter() - began
        mismatches += count_mismatches(result, *tree.reference(picture))
        results.append(result)
        progress(index + 1)
    right = sum(result.label == label for result, label in zip(results, digits.targets, strict=False))
    return DemoReport(
        accuracy=right / images,
        frames=images,
        swaps=sum(len(result.swaps) for result in results),
        faults=sum(result.faults for result in results),
        bytes_streamed=runner.wire_bytes_streamed,
        bytes_tree=tree.total_bytes,
        budget_bytes=runner.budget_bytes,
        device_us_per_frame=sum(result.device_us for result in results) / images,
        stall_us_per_frame=sum(result.stall_us for result in results) / images,
        wall_ms_per_frame=1000 * wall / images,
        reference_mismatches=mismatches,
        wire_bytes_sent=device.wire_bytes_sent,
        wire_bytes_received=device.wire_bytes_received,
    )


def count_mismatches(result: InferenceResult, label: int, path: tuple[ReferenceVisit, ...]) -> int:
    """How many logits, outcomes and labels of a frame differ from the reference."""
    wrong = int(result.label != label) + abs(len(result.path) - len(path))
    for ours, reference in zip(result.path, path, strict=False):
        wrong += int(ours.node != reference.node) + int(ours.outcome != reference.outcome)
        wrong += abs(len(ours.logits) - len(reference.logits))
        wrong += sum(a != b for a, b in zip(ours.logits, reference.logits, strict=False))
    return wrong
