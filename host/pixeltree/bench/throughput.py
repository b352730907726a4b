"""How many frames a second of a tree go through the emulator, with every node resident.

Rounds of every kind take turns, so that what else the machine does meets all of them; medians are told.
"""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from itertools import cycle, islice
from statistics import median
from typing import Any

from pixeltree.bench.link import cpu_seconds
from pixeltree.bench.training import training_rate
from pixeltree.datasets import Dataset
from pixeltree.device.device import Device, connect
from pixeltree.evaluate.chips import ChipSet, evaluate_chips
from pixeltree.links.emulator import EmulatorProcess
from pixeltree.run import TreeRunner
from pixeltree.tree.tree import GreyImage, Tree
from pixeltree.workers.local import LocalWorkers

PRESETS = ("ideal", "typical")
FRAMES, ROUNDS = 200, 5
CHIPS = 8
TRAINING_IMAGES = 1024

_WORKERS = 2

_ROOM = 1 << 20
_WARM = 20
"""Frames before the first round: by then every node has been made ready."""

_LOOP = 10_000_000


def loop_ns() -> float:
    """Time of one ``s += i`` inside a function, in nanoseconds: how fast this machine runs Python."""
    total = 0
    start = time.perf_counter()
    for number in range(_LOOP):
        total += number
    return (time.perf_counter() - start) / _LOOP * 1e9


class _Served:
    """A device with the tree open, and what each of its rounds took.

    Attributes:
        seconds: wall time of a frame, by round.
        host_ms: processor time of this process for a frame, by round.
        daemon_ms: processor time of the daemon for a frame, by round; 0 where there is none.
    """

    def __init__(self, runner: TreeRunner, pid: int | None, images: Iterator[GreyImage]) -> None:
        self._runner = runner
        self._pid = pid
        self._images = images
        self.seconds: list[float] = []
        self.host_ms: list[float] = []
        self.daemon_ms: list[float] = []

    def run(self, frames: int) -> None:
        """One round."""
        daemon, host, start = self._daemon_s(), time.process_time(), time.perf_counter()
        for image in islice(self._images, frames):
            self._runner.infer(image)
        self.seconds.append((time.perf_counter() - start) / frames)
        self.host_ms.append((time.process_time() - host) / frames * 1e3)
        self.daemon_ms.append((self._daemon_s() - daemon) / frames * 1e3)

    def _daemon_s(self) -> float:
        return (cpu_seconds(self._pid) or 0.0) if self._pid is not None else 0.0


@contextmanager
def _served(tree: Tree, preset: str, images: list[GreyImage]) -> Iterator[_Served]:
    options = f"--preset={preset}", f"--memory-bytes={_ROOM}"
    with EmulatorProcess(*options) as emulator, connect(emulator.url) as device:
        yield _warm(device, tree, emulator.pid, images)


@contextmanager
def _in_process(tree: Tree, preset: str, images: list[GreyImage]) -> Iterator[_Served]:
    with connect(f"inproc:?preset={preset}&memory={_ROOM}") as device:
        yield _warm(device, tree, None, images)


def _warm(device: Device, tree: Tree, pid: int | None, images: list[GreyImage]) -> _Served:
    device.upload(tree.objects)
    runner = TreeRunner.open(device, tree)
    for image in islice(cycle(images), _WARM):
        runner.infer(image)
    return _Served(runner, pid, cycle(images))


def evaluation_rate(tree: Tree, dataset: Dataset, chips: int) -> float:
    """Frames per second of typical chips on two workers, from the moment when both have ended a piece."""
    told: list[tuple[float, int]] = []
    evaluate_chips(
        tree,
        dataset,
        ChipSet("typical", tuple(range(chips))),
        LocalWorkers(_WORKERS),
        progress=lambda done: told.append((time.perf_counter(), done)),
    )
    (began, first), (ended, last) = told[_WORKERS - 1], told[-1]
    return (last - first) / (ended - began)


def bench_throughput(
    tree: Tree,
    dataset: Dataset,
    frames: int = FRAMES,
    rounds: int = ROUNDS,
    chips: int = CHIPS,
    training_images: int = TRAINING_IMAGES,
    progress: Callable[[str], None] = lambda step: None,
) -> dict[str, Any]:
    """Measure frames.

    Args:
        tree: whose frames.
        dataset: images to show, in turn; the evaluation shows each once to every chip.
        frames: of each round.
        rounds: of each kind.
        chips: of the evaluation.
        training_images: of an epoch of the training.
        progress: is told what comes next.

    Returns:
        ``frames_per_s`` by kind, ``host_ms_per_frame`` and ``daemon_ms_per_frame`` (processor time),
        ``reference_ms_per_image``, ``train_images_per_s`` (None without PyTorch), ``loop_ns``, and the
        machine.
    """
    progress("starting")
    images = list(dataset.images)
    reference: list[float] = []
    loops: list[float] = []
    with ExitStack() as stack:
        kinds = {"daemon": _served, "inproc": _in_process}
        served = {
            f"{kind}_{preset}": stack.enter_context(start(tree, preset, images))
            for kind, start in kinds.items()
            for preset in PRESETS
        }
        for number in range(rounds):
            progress(f"round {number + 1} of {rounds}")
            for each in served.values():
                each.run(frames)
            start = time.perf_counter()
            for image in images[:frames]:
                tree.reference(image)
            reference.append((time.perf_counter() - start) / len(images[:frames]) * 1e3)
            loops.append(loop_ns())
    progress("training")
    trained = training_rate(images=training_images)
    progress("evaluating on two workers")
    rates = {name: 1 / median(each.seconds) for name, each in served.items()}
    rates["eval_typical_2_workers"] = evaluation_rate(tree, dataset, chips)
    daemons = {preset: served[f"daemon_{preset}"] for preset in PRESETS}
    return {
        "frames_per_s": {name: round(rate, 1) for name, rate in rates.items()},
        "host_ms_per_frame": round(median(ms for each in daemons.values() for ms in each.host_ms), 3),
        "daemon_ms_per_frame": {name: round(median(each.daemon_ms), 3) for name, each in daemons.items()},
        "reference_ms_per_image": round(median(reference), 3),
        "train_images_per_s": None if trained is None else round(trained, 1),
        "loop_ns": round(median(loops), 1),
        "machine": f"{platform.platform()}, {os.cpu_count()} cores, Python {platform.python_version()}",
    }
