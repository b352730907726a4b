"""Wall time of blocks on an engine."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from itertools import groupby
from typing import Any

import numpy as np

from pixeltree_emu.array.engine import Engine, Item
from pixeltree_emu.array.selection import PatternSelect
from pixeltree_emu.controller.device_array import Kernel, PixelArray
from pixeltree_protocol.chip.isa import ICW
from pixeltree_protocol.chip.registers import AREGS, DREGS, Analog, Digital

CHIP_US_PER_WORD = 0.1
"""10 MHz, as in the device cost model; launches and selections are not counted in the chip's favour."""

Times = dict[str, Any]


def fill_planes(engine: Engine) -> None:
    """Random planes, FLAG 1 everywhere."""
    random = np.random.default_rng(0)
    for register in (*AREGS, Analog.PIX):
        engine.set_analog(register, random.integers(-100, 100, (256, 256)).astype(np.int16))
    for digital in (*DREGS, Digital.SELECT, Digital.RECT):
        engine.set_digital(digital, random.random((256, 256)) < 0.5)
    engine.set_digital(Digital.FLAG, np.ones((256, 256), np.bool_))
    engine.in_level = 1


def seconds_of(action: Callable[[], None], budget: float) -> float:
    """Least time of one call, over as many calls as the budget (seconds) allows, at least three."""
    best, calls = float("inf"), 0
    end = time.perf_counter() + budget
    while calls < 3 or time.perf_counter() < end:
        start = time.perf_counter()
        action()
        best = min(best, time.perf_counter() - start)
        calls += 1
    return best


def time_chain(engine: Engine, calls: Sequence[list[ICW]], repeats: int, budget: float) -> Times:
    """Microseconds of one call of a macro: one block of ``repeats`` calls, divided."""
    fill_planes(engine)
    words = [word for number in range(repeats) for word in calls[number % len(calls)]]
    kernel = engine.load(words)
    seconds = seconds_of(lambda: engine.run(kernel), budget)
    return {"us": round(seconds * 1e6 / repeats, 4)}


def time_program(array: PixelArray, blocks: Sequence[Sequence[Item]], budget: float) -> Times:
    """A program of one or more blocks with selections between them, run as the sequencer runs it.

    The time includes asking for every block and selection, and ends when all planes are as they must be.
    """
    fill_planes(array.engine)
    steps = [step for block in blocks for step in _steps(array, block)]
    words = sum(isinstance(item, ICW) for block in blocks for item in block)

    def run() -> None:
        for step in steps:
            if isinstance(step, PatternSelect):
                array.select_pattern(step.r, step.c, step.rx, step.cx)
            else:
                array.run(step)
        _ = array.engine

    run()
    microseconds = seconds_of(run, budget) * 1e6
    chip = words * CHIP_US_PER_WORD
    return {
        "us": round(microseconds, 2),
        "words": words,
        "chip_us": round(chip, 2),
        "x_realtime": round(chip / microseconds, 4),
    }


def _steps(array: PixelArray, block: Sequence[Item]) -> list[Kernel | PatternSelect]:
    """A block as the controller sees it: words that follow each other are one launch."""
    steps: list[Kernel | PatternSelect] = []
    for selected, items in groupby(block, lambda item: isinstance(item, PatternSelect)):
        if selected:
            steps += [item for item in items if isinstance(item, PatternSelect)]
        else:
            steps.append(array.load(list(items)))
    return steps
