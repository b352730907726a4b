"""Wall time of blocks on an engine."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from pixeltree_emu.array.engine import Engine, Item
from pixeltree_protocol.chip.isa import ICW
from pixeltree_protocol.chip.registers import AREGS, DREGS, Analog, Digital

CHIP_US_PER_WORD = 0.1
"""10 MHz, as in the device cost model; launches and selections are not counted in the chip's favour."""

_WARM_UP = 0.15
"""Seconds of processor time after which any of the programs is hot."""

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


def time_program(
    engine: Engine, blocks: Sequence[Sequence[Item]], budget: float, ready: Callable[[], None]
) -> Times:
    """A program of one or more blocks with selections between them, run as the sequencer runs it.

    The sequencer has joined them for the node's first frame, so that a frame is one call of the engine.

    Args:
        engine: runs it.
        blocks: words, and what the controller does between them.
        budget: seconds to spend.
        ready: is called when the program has run for a while; returns when the engine is as fast as it gets.
    """
    fill_planes(engine)
    items = [item for block in blocks for item in block]
    words = sum(isinstance(item, ICW) for item in items)
    kernel = engine.load(items)
    end = time.thread_time() + _WARM_UP
    while time.thread_time() < end:
        engine.run(kernel)
    ready()
    microseconds = seconds_of(lambda: engine.run(kernel), budget) * 1e6
    chip = words * CHIP_US_PER_WORD
    return {
        "us": round(microseconds, 2),
        "words": words,
        "chip_us": round(chip, 2),
        "x_realtime": round(chip / microseconds, 4),
    }
