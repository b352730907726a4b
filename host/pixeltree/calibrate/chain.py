"""What the noise model says of a register after some writes: means, variances, and how far repeats agree.

A chain begins with an exact level. Every word turns the sign, and each write adds an error: what a PE always
adds (gain and offset, fixed) and what it draws (noise). The written level is rounded to a whole count. All of
it is computed and nothing drawn: a PE is a node of a quadrature over gains and offsets, and for each the
distribution over the 256 levels is carried from word to word. So what comes out is smooth in the numbers.

The arithmetic is that of the emulator (``array.nonidealities``): sixteenths of a count, the gain's part
rounded down, eight added before the sum is cut. Gains and offsets are on a grid there and continuous here,
with the variance of the grid added.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr

Floats = npt.NDArray[np.float64]

_LEVELS = np.arange(-128, 128)
_UNIT = 16
"""Errors are counted in sixteenths of a count."""
_GAIN_UNIT = 4096
_GRID = 1 / 12
"""Variance of rounding to a grid of 1."""
_GAINS = 5
"""Nodes of the quadrature over gains: Gauss and Hermite's."""
_FARTHEST = 4.5
"""Sigmas of the farthest node of the quadrature over offsets, whose nodes are equally far apart."""
LARGEST_SPACING = 1.0
"""Sigmas of the offsets from one node to the next, at most."""
MOST_ERROR = 8
"""Counts: errors are eight bits of sixteenths."""
_FIXED = -128 - _UNIT // 2, 127 - _UNIT // 2
"""Range of what a PE always adds, in sixteenths without the rounding."""
_LEAST_WEIGHT = 1e-6
"""Of a node that is worth the time."""
_STEPS = 64
"""Sixteenths that the largest gain makes of the largest level."""
_TAIL = 5
"""Sigmas of the draws beyond which nothing is expected."""


@dataclass(frozen=True)
class WriteErrors:
    """Errors of a kind of write.

    Attributes:
        gain, gain_spread: mean and sigma over PEs, of the value.
        offset, offset_spread: mean and sigma over PEs, counts.
        noise: sigma of the draws, counts.
    """

    gain: float
    gain_spread: float
    offset: float
    offset_spread: float
    noise: float


@dataclass(frozen=True)
class Moments:
    """What is expected of a register, over PEs and repeats; arrays have a row for each length of a chain.

    Attributes:
        mean: float (lengths, levels), counts.
        variance: float (lengths, levels), over PEs and repeats together.
        agreement: float (lengths, levels), covariance of two repeats of the same PE.
    """

    mean: Floats
    variance: Floats
    agreement: Floats


def spacing_for(errors: WriteErrors) -> float:
    """How far apart nodes may be, in sigmas of the offsets: the draws have to smooth what is between."""
    draws, offsets = (np.hypot(_UNIT * sigma, _GRID**0.5) for sigma in (errors.noise, errors.offset_spread))
    return float(np.clip(1.2 * draws / offsets, 0.2, LARGEST_SPACING))


def moments(
    errors: WriteErrors,
    starts: Sequence[int],
    lengths: Sequence[int],
    mixed: bool = False,
    spacing: float | None = None,
) -> Moments:
    """Carry levels through chains of words.

    Args:
        errors: of each write.
        starts: levels before the first word, -128 to 127.
        lengths: after how many words, rising.
        mixed: whether every second word takes its value from another PE, whose fixed errors are others.
        spacing: of the nodes; a fit keeps it, so that what it sees is smooth. None for that of the errors.
    """
    weights, table = _transitions(errors, spacing or spacing_for(errors))
    state = np.zeros((len(weights), len(starts), len(_LEVELS)))
    state[:, np.arange(len(starts)), np.asarray(starts) + 128] = 1
    found = []
    for length in range(1, max(lengths) + 1):
        if mixed and length % 2 == 0:
            state[:] = np.einsum("n,nsl->sl", weights, state)
        state = _written(state, table)
        if length in lengths:
            found.append(_moments_of(state, weights))
    mean, variance, agreement = (np.array(each) for each in zip(*found, strict=True))
    return Moments(mean, variance, agreement)


def _moments_of(state: Floats, weights: Floats) -> tuple[Floats, Floats, Floats]:
    means = state @ _LEVELS
    squares = state @ _LEVELS.astype(np.float64) ** 2
    mean = weights @ means
    return mean, weights @ squares - mean**2, weights @ means**2 - mean**2


def _written(state: Floats, table: Floats) -> Floats:
    """One word: the sign turns, saturated, and each PE's errors are added, saturated."""
    turned = np.empty_like(state)
    turned[:, :, 1:] = state[:, :, :0:-1]
    turned[:, :, 0] = 0  # +128 does not exist
    turned[:, :, -1] += state[:, :, 0]
    after = np.zeros_like(state)
    reach = table.shape[2] // 2
    for place in range(table.shape[2]):
        error = place - reach
        part = turned * table[:, None, :, place]
        if error >= 0:
            after[:, :, error:] += part[:, :, : len(_LEVELS) - error]
            after[:, :, -1] += part[:, :, len(_LEVELS) - error :].sum(axis=2)
        else:
            after[:, :, :error] += part[:, :, -error:]
            after[:, :, 0] += part[:, :, :-error].sum(axis=2)
    return after


def _transitions(errors: WriteErrors, spacing: float) -> tuple[Floats, Floats]:
    """Weights of the nodes (nodes,), and the chance of each error in whole counts (nodes, level, error)."""
    gain_nodes, gain_weights = np.polynomial.hermite_e.hermegauss(_GAINS)
    half = int(_FARTHEST / spacing)
    offset_nodes = spacing * np.arange(-half, half + 1)
    gains = _GAIN_UNIT * errors.gain + gain_nodes * np.hypot(_GAIN_UNIT * errors.gain_spread, _GRID**0.5)
    offsets = _UNIT * errors.offset + offset_nodes * np.hypot(_UNIT * errors.offset_spread, _GRID**0.5)
    offset_weights = np.exp(-0.5 * offset_nodes**2)
    weights = np.outer(gain_weights, offset_weights).ravel()
    fixed = _gain_parts(gains, errors.gain_spread * _GAIN_UNIT)[:, None] + offsets[:, None]
    kept = weights > _LEAST_WEIGHT
    weights = weights[kept] / weights[kept].sum()
    fixed = np.clip(fixed.reshape(-1, len(_LEVELS))[kept], *_FIXED)
    sigma = float(np.sqrt((errors.noise * _UNIT) ** 2 + _GRID))
    reach = min(MOST_ERROR, 1 + int(np.ceil((np.abs(fixed).max() + _TAIL * sigma) / _UNIT)))
    bounds = _UNIT * np.arange(-reach, reach) + _UNIT // 2 - 0.5
    below = ndtr((bounds - fixed[:, :, None]) / sigma)
    if reach == MOST_ERROR:
        below[:, :, -1] = 1  # eight bits hold no error of +8 counts
    edges = np.zeros((*fixed.shape, 1))
    table = np.diff(np.concatenate([edges, below, edges + 1], axis=2), axis=2)
    return weights, table


def _gain_parts(gains: Floats, spread: float) -> Floats:
    """The gain's part of an error, sixteenths (gains, level): the mean of ``floor(level * gain / 256)``.

    A node stands for the gains around it, so that the mean is smooth; at small levels the floor shows.
    """
    around = np.abs(_LEVELS) * max(spread, 0.3) / 256 + 1e-9
    parts = gains[:, None] * _LEVELS / 256
    steps = np.arange(1, _STEPS + 1)
    above = ndtr((parts[..., None] - steps) / around[:, None]).sum(axis=2)
    below = ndtr((1 - steps - parts[..., None]) / around[:, None]).sum(axis=2)
    return np.where(_LEVELS == 0, 0.0, above - below)
