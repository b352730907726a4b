"""How well swapping hides the line: policies on an emulated device, on virtual time.

Link, array and controller of the emulated device share one clock: 5,000 frames at 30 frames per second take
as long as this machine needs to emulate them, and every run gives the same figures. Belady's policy knows
the future and runs in the simulator only, with the array times that the device measured.
"""

from __future__ import annotations

import resource
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np

from pixeltree.bench.random_tree import Album, album
from pixeltree.device.virtual_time import virtual_device
from pixeltree.run import InferenceResult, TreeRunner
from pixeltree.simulate import Setup, make_sequence, simulate
from pixeltree.simulate.sequences import Sequence
from pixeltree.swapping import LINES, Counters, LineRate, SwapTree
from pixeltree.swapping.describe import describe
from pixeltree.tree.tree import Tree

FPS = 30.0
FRAMES = 5_000
COHERENCE = 0.9
SKEW = 2.0
"""How much followers of an end differ: the second most frequent is a quarter as frequent as the first."""

POLICIES = ("expected", "no_prefetch", "lru")
MOST_COLD, MOST_STALL, MOST_BELADY, LEAST_HIDDEN = 1.10, 1 / 3, 1.2, 0.9
LEAST_FPS, MOST_MISSES, MOST_CPU_MS = 0.8, 0.005, 1.0

RUNS = len(LINES) * (1 + 2 * len(POLICIES))
"""How often the frames are run on an emulated device."""

_REPORT = 50
_ROOMY = 1 << 20
_CALM = ("--heartbeat-ms=30000", "--silence-ms=65000")
"""The device's wire does not fail here, and a device at rest for long would say so again and again."""


@dataclass(frozen=True)
class Measured:
    """A run on the device.

    Attributes:
        counters: what the runner counted.
        latencies_us: of all frames, in order.
        seconds: on the device clock.
        cpu_ms: the host's processor time per frame outside the kernel.
        times: device time of each node, by name, in microseconds.
    """

    counters: Counters
    latencies_us: tuple[float, ...]
    seconds: float
    cpu_ms: float
    times: dict[str, float]

    @property
    def fps(self) -> float:
        """Frames per second."""
        return len(self.latencies_us) / self.seconds


Progress = Callable[[str, int], None]
"""Told what is being run, and how many frames have ended since it was told last."""


def glyphs_tree() -> Tree:
    """The glyphs tree that comes with the package.

    Raises:
        TreeError: it cannot be read.
    """
    return Tree.load(str(files("pixeltree") / "data" / "glyphs.ptree"))


def _no_progress(step: str, frames: int) -> None:
    """Nobody looks on."""


class SwapBench:
    """A tree, half of the memory that it needs, and a stream.

    Args:
        frames: how many.
        seed: fixes tree and stream.
        tree: the tree; the glyphs tree of the package if None.
        skew: exponent of Zipf's law for the followers of an end.
        coherence: probability that a frame shows what was there before.
    """

    def __init__(
        self,
        frames: int = FRAMES,
        seed: int = 0,
        tree: Tree | None = None,
        skew: float = SKEW,
        coherence: float = COHERENCE,
    ) -> None:
        self.tree = tree or glyphs_tree()
        self.swap_tree: SwapTree = describe(self.tree)
        self.memory = self.swap_tree.total_bytes // 2
        ends = len(self.swap_tree.ends)
        self.ends: Sequence = make_sequence("markov", ends, frames, seed, coherence, skew)
        self._album: Album = album(self.tree, ends, seed)

    def measure(
        self,
        line: LineRate,
        policy: str,
        paced: bool,
        resident: bool = False,
        progress: Progress = _no_progress,
    ) -> Measured:
        """Run the stream on an emulated device.

        Args:
            line: the line to it.
            policy: who has to go.
            paced: 30 frames per second with that deadline; otherwise one after the other.
            resident: with room for the whole tree, which is there from the start.
            progress: told now and then how far it is.
        """
        pace = "30 frames per second" if paced else "one frame after the other"
        step = f"{line.name}: {'all resident' if resident else policy}, {pace}"
        progress(step, 0)
        frames = len(self.ends)
        with self._device_options(line) as options, virtual_device(*options) as device:
            if resident:
                device.upload(self.tree.objects)
            runner = TreeRunner.open(
                device, self.tree, None if resident else self.memory, line=line, policy=policy
            )
            times: dict[str, float] = {}
            latencies = []
            period = 1 / FPS if paced else None
            began, cpu = device.now, _cpu_seconds()
            for result in runner.run(None, frames, period, period):
                latencies.append(result.latency_us)
                times.update(_times(result))
                if len(latencies) % _REPORT == 0:
                    progress(step, _REPORT)
            cpu = _cpu_seconds() - cpu
            seconds = device.now - began
        return Measured(runner.finish(), tuple(latencies), seconds, 1e3 * cpu / frames, times)

    @contextmanager
    def _device_options(self, line: LineRate) -> Iterator[list[str]]:
        with tempfile.TemporaryDirectory() as folder:
            yield [
                f"--bps={line.bits_per_second}",
                f"--bits-per-byte={line.bits_per_byte}",
                f"--memory-bytes={_ROOMY}",
                *_CALM,
                *self._album.write(Path(folder), self.ends),
            ]

    def figures(self, line: LineRate, progress: Progress) -> dict[str, Any]:
        """All figures of a line."""
        resident = self.measure(line, "expected", paced=False, resident=True, progress=progress)
        policies: dict[str, dict[str, float]] = {}
        runs: dict[str, Measured] = {}
        for policy in POLICIES:
            runs[policy] = self.measure(line, policy, paced=True, progress=progress)
            free = self.measure(line, policy, paced=False, progress=progress)
            policies[policy] = _figures(runs[policy], free.fps / resident.fps)
        progress(f"{line.name}: belady, simulated", 0)
        belady = self._belady(line, runs["lru"].times, resident.fps)
        policies["belady"] = belady
        for figures in policies.values():
            figures["belady_ratio"] = round(figures["misses"] / belady["misses"], 4)
            figures["stall_ratio"] = round(
                figures["stall_us_per_frame"] / policies["lru"]["stall_us_per_frame"], 4
            )
        return {**policies["expected"], "policies": policies}

    def _belady(self, line: LineRate, times: dict[str, float], resident_fps: float) -> dict[str, float]:
        tree = self.swap_tree.with_array_us(times)
        period = 1e6 / FPS
        paced = simulate(Setup(tree, self.memory, line, "belady", period, period), self.ends)
        free = simulate(Setup(tree, self.memory, line, "belady"), self.ends)
        found = paced.summary()
        return {
            "cold_swap_ratio": found["cold_swap_ratio"],
            "stall_us_per_frame": round(found["stall_us_per_frame"], 1),
            "hidden_fraction": found["hidden_fraction"],
            "fps_ratio": round(free.fps / resident_fps, 4),
            "deadline_misses": round(found["deadline_misses"] / len(self.ends), 5),
            "p50_us": found["p50_us"],
            "p99_us": found["p99_us"],
            "misses": found["faults"],
        }


def bench_swap(
    frames: int = FRAMES,
    seed: int = 0,
    tree: Tree | None = None,
    skew: float = SKEW,
    coherence: float = COHERENCE,
    progress: Progress = _no_progress,
) -> dict[str, Any]:
    """Measure swapping on both lines; see :class:`SwapBench`.

    Returns:
        Per line ``cold_swap_ratio``, ``stall_us_per_frame``, ``belady_ratio``, ``hidden_fraction``,
        ``fps_ratio``, ``deadline_misses`` (share of frames), ``p50_us``, ``p99_us``, and the same per policy
        under ``policies``; with them ``misses``, ``stall_ratio`` (to LRU), ``host_cpu_ms`` per frame.
    """
    bench = SwapBench(frames, seed, tree, skew, coherence)
    return {name: bench.figures(line, progress) for name, line in LINES.items()}


def _figures(run: Measured, fps_ratio: float) -> dict[str, float]:
    counters = run.counters
    p50, p99 = np.quantile(run.latencies_us, (0.5, 0.99))
    return {
        "cold_swap_ratio": round(counters.cold_swap_ratio, 4),
        "stall_us_per_frame": round(counters.stall_us / counters.frames, 1),
        "hidden_fraction": round(counters.hidden_fraction, 4),
        "fps_ratio": round(fps_ratio, 4),
        "deadline_misses": round(counters.deadline_misses / counters.frames, 5),
        "p50_us": round(float(p50), 1),
        "p99_us": round(float(p99), 1),
        "misses": float(counters.faults),
        "host_cpu_ms": round(run.cpu_ms, 3),
    }


def _times(result: InferenceResult) -> dict[str, float]:
    return {} if result.coarse else {visit.node: visit.device_us for visit in result.path}


def _cpu_seconds() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_utime
