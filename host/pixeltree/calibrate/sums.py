"""Scales of global sums: units for which the byte of a sum rises by one count."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pixeltree.calibrate.copies import IN, NEWS, A, Grid
from pixeltree.calibrate.lines import line_through
from pixeltree.device.chip import Chip
from pixeltree.kernels import Kernel
from pixeltree_protocol.chip.registers import AREGS
from pixeltree_protocol.objects import controller_steps as s
from pixeltree_protocol.objects.program import Launch, SetIn

Floats = npt.NDArray[np.float64]

_A = AREGS.index(A)
_MASK = 124
"""Selects 1,024 PEs, as the chip authors' program does."""
_BLOCK = 64
_DARKEST, _BRIGHTEST = 4, 251
"""Bytes between which a sum is not cut off."""
_LEAST_POINTS = 4

SUMS = {
    "sum_16_scale": (s.GlobalSum16(_A), 64 * 64),
    "sum_64_scale": (s.GlobalSum64(_A), 32 * 32),
    "sum_fast_scale": (s.GlobalSumFast(_A), 256 * 256),
    "sum_sparse_scale": (s.GlobalSumSparse(_A, 0, 0, _MASK, _MASK), 32 * 32),
    "sum_region_scale": (s.GlobalSumRegion(_A, 96, 96, 95 + _BLOCK, 95 + _BLOCK), _BLOCK * _BLOCK),
}
"""Step that reads a sum, and how many PEs one of its bytes sums, by the name of the scale."""


@dataclass(frozen=True)
class Scale:
    """A scale that was measured.

    Attributes:
        value: units a count.
        error: its standard error.
        zero: byte of a sum of 0.
    """

    value: float
    error: float
    zero: float


def measure_sums(
    chip: Chip, grid: Grid, levels: Sequence[int], done: Callable[[], None]
) -> dict[str, Scale | None]:
    """Every scale, from uniform planes; None where sums do not change, or are cut off at nearly all levels.

    What a plane holds is the mean of samples of it, so that errors of the write do not count.
    """
    kernel = Kernel()
    kernel.all()
    kernel.bus(NEWS, IN)
    kernel.bus(A, NEWS)
    held, read = [], []
    for level in levels:
        steps = [step for step, _ in SUMS.values()]
        execution = chip.execute(SetIn(level), Launch(0), grid.scan(A), *steps, kernels=[kernel])
        held.append(float(grid.levels(execution.read_outs[0]).mean()))
        read.append([np.frombuffer(data, np.uint8) for data in execution.read_outs[1:]])
        done()
    return {
        name: _scale(np.array(held), [each[index] for each in read], pixels)
        for index, (name, (_, pixels)) in enumerate(SUMS.items())
    }


def _scale(held: Floats, bytes_: list[npt.NDArray[np.uint8]], pixels: int) -> Scale | None:
    """A line through the bytes that are not cut off."""
    inside = [bool(each.min() >= _DARKEST and each.max() <= _BRIGHTEST) for each in bytes_]
    x, y = held[inside], np.array([each.mean() for each in bytes_])[inside]
    if len(x) < _LEAST_POINTS or np.ptp(y) < 1:
        return None
    line = line_through(x, y)
    return Scale(pixels / line.slope, pixels / line.slope**2 * line.error, line.zero)
