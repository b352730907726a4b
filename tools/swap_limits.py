"""How many misses no predictor can avoid: the streams of the swapping benchmark on a line without end.

    python tools/swap_limits.py [TREE] [--frames 5000] [--seeds 5] [--skews 1 1.5 2] [--memory 0.5]

Whenever the end of the frames changes, the nodes most likely to follow are brought into memory at once, at no
cost; a change to one that is not there is a miss. Three who choose: one that knows the transition matrix the
stream was drawn with, one that ranks followers by how often each has come after this end (which is the best
that can be learned where followers are drawn independently for each end), and least recently used.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt

from pixeltree.bench.swap import COHERENCE, FRAMES, glyphs_tree
from pixeltree.simulate import make_sequence
from pixeltree.swapping import SwapTree
from pixeltree.swapping.describe import describe
from pixeltree.swapping.description import CAPTURE, ROOT
from pixeltree.tree.tree import Tree

Scores = npt.NDArray[np.float64]
"""float64 (ends,): the greatest are kept."""

Chooser = Callable[[int | None, int], Scores]
"""Told from where to where the stream has gone; says what is worth keeping."""


def own_bytes(tree: SwapTree) -> list[int]:
    """Per end, bytes that its path needs beside capture, root, and what every path needs."""
    common = set(tree.nodes[CAPTURE].needs) | set(tree.nodes[ROOT].needs)
    needs = [{need for node in path for need in tree.nodes[node].needs} - common for path in tree.paths]
    return [sum(tree.sizes[need] for need in each) for each in needs]


def room_of(tree: SwapTree, share: float) -> int:
    """Bytes that are left beside capture and root."""
    common = set(tree.nodes[CAPTURE].needs) | set(tree.nodes[ROOT].needs)
    return int(share * tree.total_bytes) - sum(tree.sizes[need] for need in common)


def matrix_of(ends: int, seed: int, skew: float) -> npt.NDArray[np.float64]:
    """Where the Markov stream of that seed goes on leaving each end: float64 (ends, ends)."""
    random = np.random.default_rng(seed)
    shares = 1.0 / np.arange(1, ends) ** skew
    matrix = np.zeros((ends, ends))
    for at in range(ends):
        matrix[at, random.permutation([end for end in range(ends) if end != at])] = shares / shares.sum()
    return matrix


def knows(matrix: npt.NDArray[np.float64]) -> Chooser:
    """Knows the matrix."""
    return lambda before, at: matrix[at]


def learns(ends: int) -> Chooser:
    """Counts; where counts are equal, what comes often at all."""
    counts, entered = np.zeros((ends, ends)), np.zeros(ends)

    def choose(before: int | None, at: int) -> Scores:
        if before is not None:
            counts[before, at] += 1
        entered[at] += 1
        return np.asarray(counts[at] + 0.9 * entered / (entered.sum() + 1))

    return choose


def recent(ends: int) -> Chooser:
    """Least recently used."""
    used = np.zeros(ends)
    clock = iter(range(1, 1 << 30))

    def choose(before: int | None, at: int) -> Scores:
        used[at] = next(clock)
        return used

    return choose


def misses(stream: list[int], chooser: Chooser, sizes: list[int], room: int) -> int:
    """Changes to an end that is not in memory."""
    kept: set[int] = set()
    count = 0
    before: int | None = None
    for at in stream:
        count += at not in kept
        scores = chooser(before, at).copy()
        scores[at] = np.inf
        kept, left = set(), room
        for end in np.argsort(-scores, kind="stable").tolist():
            if sizes[end] <= left:
                kept.add(end)
                left -= sizes[end]
        before = at
    return count


def rows(
    tree: SwapTree, frames: int, seeds: int, skews: list[float], memory: float
) -> Iterator[tuple[float, ...]]:
    """Per skew: means over the seeds of the changes and of the misses of each chooser."""
    sizes, room, ends = own_bytes(tree), room_of(tree, memory), len(tree.ends)
    for skew in skews:
        found = []
        for seed in range(seeds):
            shown = make_sequence("markov", ends, frames, seed, COHERENCE, skew)
            stream = shown[np.flatnonzero(np.diff(shown, prepend=-1))].tolist()
            choosers = knows(matrix_of(ends, seed, skew)), learns(ends), recent(ends)
            found.append([len(stream), *(misses(stream, each, sizes, room) for each in choosers)])
        yield (skew, *np.mean(found, axis=0))


def main() -> None:
    """Write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("tree", nargs="?", help="tree file (default: the package's glyphs)")
    parser.add_argument("--frames", type=int, default=FRAMES)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--skews", type=float, nargs="+", default=[1.0, 1.5, 2.0])
    parser.add_argument("--memory", type=float, default=0.5, help="share of the tree's bytes")
    options = parser.parse_args()
    tree = describe(Tree.load(options.tree) if options.tree else glyphs_tree())
    table = ["| skew | changes | knows the matrix | has to learn it | least recently used |"]
    table.append("|---|---:|---:|---:|---:|")
    for row in rows(tree, options.frames, options.seeds, options.skews, options.memory):
        table.append(f"| {row[0]:g} | " + " | ".join(f"{value:.0f}" for value in row[1:]) + " |")
    sys.stdout.write("\n".join(table) + "\n")


if __name__ == "__main__":
    main()
