"""Frames per second over memory and line rate: which hardware a tree needs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pixeltree.arguments.numbers import check_number
from pixeltree.errors import TreeError
from pixeltree.simulate.sequences import Sequence as Ends
from pixeltree.simulate.simulator import Setup, simulate
from pixeltree.swapping.description import SwapTree
from pixeltree.swapping.line import LineRate
from pixeltree.workers.local import LocalWorkers
from pixeltree.workers.pieces import Piece, Shared, Workers

DEFAULT_SHARES = (0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
DEFAULT_LINES = (1e6, 2e6, 3e6, 6e6, 12e6, 24e6, 48e6, 480e6)
"""Bits per second, 8 bits a byte."""


@dataclass(frozen=True)
class Sweep:
    """What a sweep found.

    Attributes:
        shares: memories, as shares of the tree.
        bits_per_second: rates of the line.
        fps: frames per second, a row per share; None where a node does not fit.
    """

    shares: tuple[float, ...]
    bits_per_second: tuple[float, ...]
    fps: tuple[tuple[float | None, ...], ...]


def sweep(
    tree: SwapTree,
    ends: Ends,
    policy: str = "expected",
    period_us: float | None = None,
    shares: Sequence[float] = DEFAULT_SHARES,
    rates: Sequence[float] = DEFAULT_LINES,
    workers: Workers | None = None,
) -> Sweep:
    """Simulate a sequence for every memory and line; one memory is a piece of the work.

    Args:
        tree: the tree.
        ends: per frame, where it ends.
        policy: name of the policy.
        period_us: frame period; None for one frame after the other.
        shares: memories, as shares of the tree, above 0.
        rates: bits per second.
        workers: who does it; this process if None.

    Raises:
        DataError: a number out of range, or not finite; an unknown policy.
        WorkerError: workers died again and again.
    """
    for share in shares:
        check_number("a share of the tree", share, above=0)
    sent = Shared((tree, ends))
    pieces = [
        Piece(f"memory-{number}", row, (sent, share, policy, period_us, tuple(rates)))
        for number, share in enumerate(shares)
    ]
    found = {piece.name: tuple(result) for piece, result in (workers or LocalWorkers(1)).run(pieces)}
    return Sweep(tuple(shares), tuple(rates), tuple(found[piece.name] for piece in pieces))


def row(
    simulated: tuple[SwapTree, Ends],
    share: float,
    policy: str,
    period_us: float | None,
    rates: Sequence[float],
) -> list[float | None]:
    """Frames per second with one memory, for each line: a piece of the work."""
    tree, ends = simulated
    lines = [LineRate(f"{rate:g}", rate) for rate in rates]
    return [_fps(Setup(tree, int(tree.total_bytes * share), line, policy, period_us), ends) for line in lines]


def _fps(setup: Setup, ends: Ends) -> float | None:
    try:
        return round(simulate(setup, ends).fps, 2)
    except TreeError:
        return None
