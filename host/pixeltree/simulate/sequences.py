"""Sequences of outcomes to try policies on: which end each frame of a camera comes to.

All are int64 (frames,), each an index into the ends of a tree, and the same for the same seed.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pixeltree.arguments.files import TEXT, as_path
from pixeltree.arguments.numbers import check_count, check_number
from pixeltree.errors import DataError
from pixeltree_protocol.names import known_names

Sequence = npt.NDArray[np.int64]

COHERENCE = 0.9
"""Unless told otherwise, nine frames of ten show what the one before showed."""

SKEW = 1.0
"""Exponent of Zipf's law."""


MOST_FRAMES = 100_000_000
"""The longest sequence: its numbers take 800 MB."""


def _shares(count: int, skew: float) -> npt.NDArray[np.float64]:
    with np.errstate(over="ignore"):  # what is infinitely rarer has a share of 0
        weights = 1.0 / np.arange(1, count + 1) ** skew
    return np.asarray(weights / weights.sum())


def _held(fresh: Sequence, coherence: float, random: np.random.Generator) -> Sequence:
    """Each frame shows what the one before showed with probability ``coherence``, else the next fresh one."""
    changes = random.random(len(fresh)) >= coherence
    changes[:1] = True
    return np.asarray(fresh[np.cumsum(changes) - 1])


def zipf(ends: int, frames: int, seed: int, coherence: float = COHERENCE, skew: float = SKEW) -> Sequence:
    """Independent draws by Zipf's law, held for a while."""
    random = np.random.default_rng(seed)
    order = random.permutation(ends)
    return _held(order[random.choice(ends, frames, p=_shares(ends, skew))], coherence, random)


def markov(ends: int, frames: int, seed: int, coherence: float = COHERENCE, skew: float = SKEW) -> Sequence:
    """A Markov chain: each end has followers of its own, by Zipf's law in an order drawn for it."""
    random = np.random.default_rng(seed)
    if ends == 1:
        return np.zeros(frames, np.int64)
    followers = [random.permutation([end for end in range(ends) if end != at]) for at in range(ends)]
    ranks = random.choice(ends - 1, frames, p=_shares(ends - 1, skew))
    stays = random.random(frames) < coherence
    sequence = np.empty(frames, np.int64)
    at = int(random.integers(ends))
    for frame in range(frames):
        if not stays[frame]:
            at = int(followers[at][ranks[frame]])
        sequence[frame] = at
    return sequence


def adversarial(
    ends: int, frames: int, seed: int, coherence: float = COHERENCE, skew: float = SKEW
) -> Sequence:
    """Round and round through all ends: the worst case of least recently used."""
    hold = max(1, round(1 / (1 - min(coherence, 0.999_999))))
    return np.asarray((np.arange(frames) // hold) % ends, np.int64)


GENERATORS: dict[str, Callable[[int, int, int, float, float], Sequence]] = {
    "zipf": zipf,
    "markov": markov,
    "adversarial": adversarial,
}


def make_sequence(
    kind: str, ends: int, frames: int, seed: int = 0, coherence: float = COHERENCE, skew: float = SKEW
) -> Sequence:
    """A generated sequence, or a recorded one.

    Args:
        kind: a name of :data:`GENERATORS`, or the path of a text file with a number per line.
        ends: how many ends the tree has.
        frames: how many frames, 1 to 100,000,000; of a recorded sequence the first ones, again from its start
            at its end.
        seed: fixes the draws, 0 or more.
        coherence: probability that a frame shows what the one before showed, 0 to 1.
        skew: exponent of Zipf's law, 0 for equal shares.

    Raises:
        DataError: an unknown kind, a value out of range, or a file that cannot be used.
    """
    check_count("the number of frames", frames, 1, MOST_FRAMES)
    check_number("the coherence", coherence, least=0, most=1)
    check_number("the skew", skew, least=0)
    check_count("the seed", seed, 0)
    check_count("the number of ends", ends, 1)
    if kind in GENERATORS:
        return GENERATORS[kind](ends, frames, seed, coherence, skew)
    return np.asarray(np.resize(_recorded(as_path(kind), ends), frames))


def _recorded(path: Path, ends: int) -> Sequence:
    if not path.is_file():
        raise DataError(f"{path} is no file and no sequence; {known_names(str(path), GENERATORS)}")
    try:
        lines = path.read_text(TEXT).split()
        found = np.loadtxt(lines, np.int64, ndmin=1) if lines else np.empty(0, np.int64)
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: cannot be read as a number per line: {error}") from error
    if not len(found) or found.min() < 0 or found.max() >= ends:
        raise DataError(f"{path}: outcomes must be 0 to {ends - 1}, the ends of this tree")
    return found
