"""Everything that the engine benchmark measures, as figures and as a table."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable
from typing import Any

from pixeltree_emu.array.engine import Engine, Item
from pixeltree_emu.array.nonidealities import Chip, preset
from pixeltree_emu.array.planes import ArrayParameters
from pixeltree_emu.bench import programs
from pixeltree_emu.bench.measure import seconds_of, time_chain, time_program
from pixeltree_emu.controller.device_array import create_engine

_START = """
import time; start = time.perf_counter()
from pixeltree_emu.controller.device_array import PixelArray
array = PixelArray(); array.run(array.load([]))
print(time.perf_counter() - start)
"""
_REPEATS = {"fast": 96, "reference": 2}


def _programs() -> dict[str, list[list[Item]]]:
    return {
        "sobel": [list(programs.sobel())],
        "conv16x4x4": programs.convolution(),
        "digital": [list(programs.digital())],
    }


def _measure(engine_name: str, budget: float, tell: Callable[[str], None]) -> dict[str, Any]:
    """Everything about one engine, in every mode."""
    measured = {}
    for mode in ("ideal", "typical"):
        tell(f"{engine_name} engine, {mode} mode")
        model = preset(mode)
        chip = Chip(model, chip=0, seed=0) if model else None
        by_pass, hot, ready = _engines(engine_name, chip)
        repeats, chains = _REPEATS[engine_name], programs.chains()
        ops = {name: time_chain(by_pass, calls, repeats, budget) for name, calls in chains.items()}
        timed = {name: time_program(hot, blocks, 5 * budget, ready) for name, blocks in _programs().items()}
        for name, blocks in _programs().items() if by_pass is not hot else ():
            timed[name]["by_pass_us"] = time_program(by_pass, blocks, budget, lambda: None)["us"]
        measured[mode] = {"ops": ops, "programs": timed}
    return measured


def _engines(name: str, chip: Chip | None) -> tuple[Engine, Engine, Callable[[], None]]:
    """One that runs blocks pass by pass, one that gives hot ones code, and what waits for that code."""
    if name != "fast":
        engine = create_engine(name, ArrayParameters(), chip)
        return engine, engine, lambda: None
    hot = create_engine(name, ArrayParameters(), chip)
    from pixeltree_emu.array.fast import FastEngine  # noqa: PLC0415 - compiled by now
    from pixeltree_emu.array.fast.hot import Never, background  # noqa: PLC0415

    return FastEngine(ArrayParameters(), chip, Never()), hot, background.wait


def _translation_us(budget: float) -> float:
    """Microseconds per word to load a block of 1,024 words."""
    engine = create_engine("fast", ArrayParameters())
    words = (programs.sobel() * 12 + programs.digital() * 2)[:1024]
    return round(seconds_of(lambda: engine.load(words) and None, budget) * 1e6 / len(words), 3)


def _start_seconds(cache: str | None) -> float:
    """Seconds from an interpreter that has started to an array that has run, in a process of its own."""
    environment = dict(os.environ) | ({"NUMBA_CACHE_DIR": cache} if cache else {})
    done = subprocess.run(
        [sys.executable, "-c", _START], env=environment, capture_output=True, text=True, check=True
    )
    return round(float(done.stdout), 3)


def measure(quick: bool, tell: Callable[[str], None]) -> dict[str, Any]:
    """The figures of both engines.

    Args:
        quick: fewer repetitions.
        tell: is called with what is measured next.
    """
    budget = 0.02 if quick else 0.2
    figures: dict[str, Any] = {name: _measure(name, budget, tell) for name in ("fast", "reference")}
    tell("starting an array")
    figures["translate_us_per_word"] = _translation_us(budget)
    with tempfile.TemporaryDirectory() as cache:
        figures["cold_start_s"] = _start_seconds(cache)
    figures["warm_start_s"] = _start_seconds(None)
    figures["rss_mb"] = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1)
    return figures


def table(figures: dict[str, Any]) -> str:
    """The figures for people."""
    lines = []
    for engine in ("reference", "fast"):
        for mode, measured in figures[engine].items():
            lines += ["", f"{engine} engine, {mode} mode", f"  {'instruction':26s} {'us':>10s}"]
            lines += [f"  {name:26s} {entry['us']:10.3f}" for name, entry in measured["ops"].items()]
            head = f"  {'program':14s} {'words':>6s} {'us':>10s} {'chip us':>8s} {'x chip':>8s}"
            lines.append(head + f" {'us by pass':>10s}")
            lines += [
                f"  {name:14s} {p['words']:6d} {p['us']:10.2f} {p['chip_us']:8.1f} {p['x_realtime']:8.3f}"
                f" {p.get('by_pass_us', p['us']):10.2f}"
                for name, p in measured["programs"].items()
            ]
    names = ("translate_us_per_word", "cold_start_s", "warm_start_s", "rss_mb")
    return "\n".join([*lines, "", *(f"{name}: {figures[name]}" for name in names)])
