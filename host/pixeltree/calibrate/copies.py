"""Chains of copies, transfers from neighbours, and divisions: what registers hold after some words.

Every measurement is one program: IN is driven, a kernel runs, and a grid of PEs is sampled by the ADC. A
kernel drives its first register from IN, so nothing of what came before counts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pixeltree.calibrate.chain import Moments
from pixeltree.device.chip import Chip
from pixeltree.kernels import Kernel
from pixeltree_protocol.chip.registers import AREGS, Analog
from pixeltree_protocol.objects import controller_steps as s
from pixeltree_protocol.objects.program import Launch, SetIn

Floats = npt.NDArray[np.float64]

A, B, NEWS, XE, IN = Analog.A, Analog.B, Analog.NEWS, Analog.XE, Analog.IN
FIRST, LAST = 16, 239
"""Rows and columns of the samples: as far from the edge as the longest chain of neighbours reaches."""
GROUPS = 32
"""Groups of PEs whose differences say how uncertain a figure is."""


@dataclass(frozen=True)
class Grid:
    """PEs that are sampled: every ``step``-th row and column."""

    step: int

    @property
    def side(self) -> int:
        """PEs along a row."""
        return len(range(FIRST, LAST + 1, self.step))

    def scan(self, register: Analog) -> s.ScanAreg:
        """The step that samples them."""
        return s.ScanAreg(AREGS.index(register), FIRST, FIRST, LAST, LAST, self.step, self.step)

    def levels(self, samples: bytes) -> npt.NDArray[np.int16]:
        """Levels of the samples, int16 (PEs,): the ADC reads level + 128."""
        return np.frombuffer(samples, np.uint8).astype(np.int16) - 128


@dataclass(frozen=True)
class Sampled:
    """Samples of some chains.

    Attributes:
        lengths: words of each chain.
        levels: levels of IN.
        samples: int16 (lengths, levels, repeats, PEs).
    """

    lengths: tuple[int, ...]
    levels: tuple[int, ...]
    samples: npt.NDArray[np.int16]

    def moments(self) -> Floats:
        """Mean, variance and agreement of all PEs: float (3, lengths, levels)."""
        return _moments(self.samples)

    def without_each_group(self) -> Floats:
        """The same without one group of PEs after the other: float (groups, 3, lengths, levels).

        A group is every 32nd PE in the order of the samples.
        """
        return jackknifed(_sums(self.samples), self.samples.shape[2])


def _sums(samples: npt.NDArray[np.int16]) -> Floats:
    """Sums over each group of PEs: count, mean, mean square, square of the mean; (groups, 4, ...)."""
    found = []
    for group in range(GROUPS):
        part = samples[..., group::GROUPS].astype(np.float64)
        means, squares = part.mean(axis=2), (part**2).mean(axis=2)
        count = np.full(means.shape[:2], part.shape[-1], np.float64)
        found.append(np.stack([count, means.sum(axis=2), squares.sum(axis=2), (means**2).sum(axis=2)]))
    return np.array(found)


def _moments_of(sums: Floats, repeats: int) -> Floats:
    count, mean, square, squared = sums
    mean, square, squared = mean / count, square / count, squared / count
    variance = square - mean**2
    # of the means of repeats: agreement, and a share of what repeats do not agree in
    agreement = ((squared - mean**2) * repeats - variance) / (repeats - 1)
    return np.stack([mean, variance, agreement])


def _moments(samples: npt.NDArray[np.int16]) -> Floats:
    return _moments_of(_sums(samples).sum(axis=0), samples.shape[2])


def jackknifed(sums: Floats, repeats: int) -> Floats:
    """Moments without each group, of the sums of each."""
    total = sums.sum(axis=0)
    return np.array([_moments_of(total - each, repeats) for each in sums])


def as_read(expected: Moments, gain: float, zero: float) -> Floats:
    """Expected moments as an ADC with a gain and a zero of its own reads them: float (3, ...)."""
    return np.stack([zero + gain * expected.mean, gain**2 * expected.variance, gain**2 * expected.agreement])


def copies_kernel(length: int, neighbour: bool = False) -> tuple[Kernel, Analog]:
    """A chain from IN to NEWS to A and back, and the register where it ends.

    Args:
        length: words that write.
        neighbour: A takes the NEWS of the PE in the east, not its own.
    """
    kernel = Kernel()
    kernel.all()
    kernel.bus(NEWS, IN)
    for word in range(2, length + 1):
        if word % 2:
            kernel.bus(NEWS, A)
        else:
            kernel.bus(A, XE if neighbour else NEWS)
    return kernel, NEWS if length % 2 else A


def division_kernel() -> tuple[Kernel, Analog]:
    """One word that divides IN between two registers."""
    kernel = Kernel()
    kernel.all()
    kernel.bus2(A, B, IN)
    return kernel, A


def sample(
    chip: Chip,
    grid: Grid,
    kernels: dict[int, tuple[Kernel, Analog]],
    levels: Sequence[int],
    repeats: int,
    done: Callable[[], None],
) -> Sampled:
    """Run kernels from levels of IN, over and over, and sample where they end.

    Args:
        chip: of the device.
        grid: which PEs.
        kernels: by their lengths in words, each with the register where it ends.
        levels: of IN.
        repeats: how often; 2 or more.
        done: called after each program.
    """
    found = np.empty((len(kernels), len(levels), repeats, grid.side**2), np.int16)
    for row, (kernel, register) in enumerate(kernels.values()):
        block = kernel.block()
        for column, level in enumerate(levels):
            for repeat in range(repeats):
                execution = chip.execute(SetIn(level), Launch(0), grid.scan(register), kernels=[block])
                found[row, column, repeat] = grid.levels(execution.read_outs[0])
                done()
    return Sampled(tuple(kernels), tuple(levels), found)
