"""A tree on many emulated chips: every image through every chip, in pieces that any worker can do.

A piece is one chip and :data:`PIECE_IMAGES` neighbouring images, on a device of its own whose random draws
are fixed by the number of the piece. So results depend on the images and the chips, and not on who did which
piece.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from importlib.metadata import version
from typing import Any

import numpy as np
import numpy.typing as npt

from pixeltree.datasets import Dataset
from pixeltree.device.device import connect
from pixeltree.evaluate.evaluation import Evaluation, decided_by, evaluation_of
from pixeltree.run import TreeRunner
from pixeltree.tree.tree import Tree
from pixeltree.tree.walk import ReferenceVisit
from pixeltree.workers.keeping import Keeping
from pixeltree.workers.pieces import Piece, Shared, Workers

PIECE_IMAGES = 256
"""A new device takes as long as some 60 images: it is filled, and its blocks are translated."""

_ICW_STORE = 1 << 20
"""Instruction words that an evaluating device keeps: where nodes lie changes no result, so all stay."""

ChipResult = list[tuple[int, list[tuple[str, int, list[int]]]]]
"""For each image its label, and the name, outcome and logits of each node on its path."""


@dataclass(frozen=True)
class ChipSet:
    """Emulated chips.

    Attributes:
        preset: whose errors they have.
        chips: their numbers, which fix their patterns.
        settings: numbers of the preset that differ, each ``name=value``.
    """

    preset: str
    chips: tuple[int, ...]
    settings: tuple[str, ...] = ()

    def url(self, chip: int, seed: int, memory_bytes: int) -> str:
        """Where a device with one of the chips is."""
        options = [f"preset={self.preset}", f"chip={chip}", f"seed={seed}", *self._set()]
        return f"inproc:?{'&'.join(options)}&memory={memory_bytes}&icw_store={_ICW_STORE}"

    def few(self, most: int) -> ChipSet:
        """The first of these chips, so many at most."""
        return replace(self, chips=self.chips[:most])

    def but(self, setting: str) -> ChipSet:
        """These chips with another number of the preset, ``name=value``."""
        return replace(self, settings=(*self.settings, setting))

    def _set(self) -> Iterator[str]:
        return (f"set={setting}" for setting in self.settings)


def evaluate_chips(
    tree: Tree,
    dataset: Dataset,
    chips: ChipSet,
    workers: Workers,
    keeping: Keeping | None = None,
    progress: Callable[[int], None] = lambda done: None,
) -> list[Evaluation]:
    """Take images through emulated chips of one kind; see :func:`evaluate_sets`."""
    (found,) = evaluate_sets(tree, dataset, [chips], workers, keeping, progress)
    return found


def evaluate_sets(
    tree: Tree,
    dataset: Dataset,
    sets: Sequence[ChipSet],
    workers: Workers,
    keeping: Keeping | None = None,
    progress: Callable[[int], None] = lambda done: None,
) -> list[list[Evaluation]]:
    """Take images through emulated chips of several kinds, all in one run of the workers.

    Args:
        tree: what to evaluate.
        dataset: images that fit the tree.
        sets: on which chips.
        workers: who does it.
        keeping: where finished pieces are kept in case the run is interrupted; None keeps nothing.
        progress: called with the number of frames done, of all chips together.

    Returns:
        An evaluation for each chip of each set.

    Raises:
        DataError: see :func:`pixeltree.evaluate.evaluation.evaluate_reference`.
        WorkerError: workers died again and again.
    """
    data = Shared(tree.encode())
    starts = range(0, len(dataset), PIECE_IMAGES)
    images = [Shared(dataset.images[start : start + PIECE_IMAGES]) for start in starts]
    pieces = {
        f"set-{index}-chip-{chip}-piece-{number}": (index, chip, number)
        for index, chips in enumerate(sets)
        for chip in chips.chips
        for number in range(len(images))
    }
    work = [
        Piece(name, frames_of, (data, images[number], sets[index], chip, number))
        for name, (index, chip, number) in pieces.items()
    ]
    found: dict[tuple[int, int, int], ChipResult] = {}
    done = 0
    for piece, result in workers.run(work) if keeping is None else keeping.run(work, workers):
        found[pieces[piece.name]] = result
        done += len(result)
        progress(done)
    return [
        [
            _joined(tree, dataset, [found[index, chip, number] for number in range(len(images))])
            for chip in chips.chips
        ]
        for index, chips in enumerate(sets)
    ]


def settings_of(tree: Tree, dataset: Dataset, *sets: ChipSet) -> dict[str, Any]:
    """Everything that the results depend on, for :class:`pixeltree.workers.keeping.Keeping`."""
    pixels = hashlib.blake2b(np.ascontiguousarray(dataset.images).tobytes(), digest_size=16).hexdigest()
    return {
        "version": version("pixeltree"),
        "tree": tree.digest.hex(),
        "images": pixels,
        "sets": [[chips.preset, list(chips.chips), list(chips.settings)] for chips in sets],
        "piece": PIECE_IMAGES,
    }


def frames_of(
    tree_file: bytes, images: npt.NDArray[np.uint8], chips: ChipSet, chip: int, seed: int
) -> ChipResult:
    """Take some images through one chip: a piece of the work."""
    tree = _tree(tree_file)
    with connect(chips.url(chip, seed, 2 * tree.total_bytes)) as device:
        runner = TreeRunner.open(device, tree)
        frames = (decided_by(runner, image) for image in images)
        return [
            (label, [(visit.node, visit.outcome, list(visit.logits)) for visit in path])
            for label, path in frames
        ]


@lru_cache(maxsize=4)
def _tree(tree_file: bytes) -> Tree:
    return Tree.decode(tree_file)


def _joined(tree: Tree, dataset: Dataset, results: Sequence[ChipResult]) -> Evaluation:
    frames = [
        (label, tuple(ReferenceVisit(node, outcome, tuple(logits)) for node, outcome, logits in path))
        for result in results
        for label, path in result
    ]
    return evaluation_of(tree, dataset, frames)
