"""Train the demonstration's tree on scikit-learn's digits and write it with the held-out digits.

Run from the repository root::

    python tools/train_digits_tree.py            # the shipped tree, 4 to 7 minutes
    python tools/train_digits_tree.py --quick    # a tiny run to check the plumbing, seconds
    python tools/train_digits_tree.py --record   # no training: say in the tree's file what it was made with

Every choice (scene, pooling, groups, epochs) was made on the validation digits; the held-out digits are
evaluated once, at the end.
"""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from pixeltree.compiler import CaptureGeometry
from pixeltree.datasets import Dataset, Splits
from pixeltree.datasets import digits as digits_set
from pixeltree.datasets.digits import DIGIT_MAX
from pixeltree.datasets.enlarge import enlarge
from pixeltree.datasets.record import TrainingData
from pixeltree.datasets.sources import DigitsData
from pixeltree.demo.digits import HELD_OUT_FILE, UPSAMPLING
from pixeltree.network import FoldedNetwork
from pixeltree.train.digits_demo.fit import Digits, FitSettings, Progress, Scene, fit, scene_bits
from pixeltree.train.digits_demo.fold import fold
from pixeltree.train.digits_demo.model import NodeNetwork
from pixeltree.tree import Tree
from pixeltree.tree_builder import NodeSpec

DATA = Path(__file__).resolve().parent.parent / "host" / "pixeltree" / "data"
TREE_FILE = "digits.ptree"

GROUPS = ((0, 4, 6), (1, 2, 7, 8), (3, 5, 9))
"""The digits each leaf tells apart; a digit may be in several, and the root may then choose any of them."""

SCENE = Scene(upsampling=UPSAMPLING, threshold=50)
POOL = 4
ROOT_SETTINGS = FitSettings(scene=SCENE, pool=POOL, epochs=60)
LEAF_SETTINGS = FitSettings(scene=SCENE, pool=POOL, epochs=100)
HELD_OUT_COUNT = 360
VALIDATION_COUNT = 216
SPLIT_SEED = 0

Labels = npt.NDArray[np.uint8]
Groups = tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class TreeSettings:
    """The choices of a tree's training runs; ``root`` and ``leaf`` see the same scene."""

    root: FitSettings
    leaf: FitSettings


@dataclass(frozen=True, eq=False)
class LabelledDigits:
    """Digits with their labels: ``values`` uint8 (N, 8, 8), 0 to 16; ``labels`` uint8 (N,), 0 to 9."""

    values: npt.NDArray[np.uint8]
    labels: Labels

    def subset(self, chosen: npt.NDArray[np.intp] | npt.NDArray[np.bool_]) -> LabelledDigits:
        """The digits at some indices, or where a mask is true."""
        return LabelledDigits(self.values[chosen], self.labels[chosen])

    def among(self, group: tuple[int, ...]) -> LabelledDigits:
        """The digits whose label is in a group."""
        return self.subset(np.isin(self.labels, group))

    def for_root(self, groups: Groups) -> Digits:
        """What the root learns: the groups that hold each digit."""
        return Digits(self.values, np.stack([np.isin(self.labels, group) for group in groups], axis=1))

    def for_leaf(self, group: tuple[int, ...]) -> Digits:
        """What a leaf learns: its own digits, each to be told from the group's others."""
        own = self.among(group)
        return Digits(own.values, own.labels[:, None] == np.array(group))


@dataclass(frozen=True, eq=False)
class TrainedTree:
    """A trained tree.

    Attributes:
        scene: how the tree sees a digit; ``scene.threshold`` is that of the input bits, 0 to 127.
        groups: the digits of each leaf; the root's outcome i leads to leaf i, whose outcome j is the
            digit ``groups[i][j]``.
        modules: the trained nodes, the root first, then the leaves.
        networks: the same nodes, folded.
    """

    scene: Scene
    groups: Groups
    modules: tuple[NodeNetwork, ...]
    networks: tuple[FoldedNetwork, ...]

    def decide(self, bits: npt.NDArray[np.bool_]) -> tuple[int, int]:
        """The leaf and the digit the folded tree decides for; ``bits`` is bool (64, 64)."""
        leaf = int(self.networks[0].logits(bits).argmax())
        outcome = int(self.networks[1 + leaf].logits(bits).argmax())
        return leaf, self.groups[leaf][outcome]


def split_digits() -> tuple[LabelledDigits, LabelledDigits, LabelledDigits]:
    """Training, validation and held-out digits, each stratified; the split is always the same."""
    source = load_digits()
    digits = LabelledDigits(source.images.astype(np.uint8), source.target.astype(np.uint8))
    everything = np.arange(len(digits.labels))
    rest, held_out = train_test_split(
        everything, test_size=HELD_OUT_COUNT, stratify=digits.labels, random_state=SPLIT_SEED
    )
    training, validation = train_test_split(
        rest, test_size=VALIDATION_COUNT, stratify=digits.labels[rest], random_state=SPLIT_SEED + 1
    )
    return digits.subset(training), digits.subset(validation), digits.subset(balanced_order(held_out, digits))


def balanced_order(chosen: npt.NDArray[np.intp], digits: LabelledDigits) -> npt.NDArray[np.intp]:
    """Shuffle indices so that each run of ten has each digit once, as long as the digits last."""
    random = np.random.default_rng(SPLIT_SEED)
    shuffled = random.permutation(chosen)
    labels = digits.labels[shuffled]
    turn = np.empty(len(shuffled), dtype=np.intp)
    for digit in range(10):
        own = np.flatnonzero(labels == digit)
        turn[own] = np.arange(len(own))
    return shuffled[np.lexsort((random.random(len(shuffled)), turn))]


def train_tree(
    training: LabelledDigits,
    validation: LabelledDigits,
    groups: Groups,
    settings: TreeSettings,
    progress: Progress,
) -> TrainedTree:
    """Train the root and one leaf per group.

    Args:
        training: digits to learn from.
        validation: digits to choose each node's epoch by.
        groups: the digits of each leaf.
        settings: the runs of the root and of the leaves; leaf i adds i + 1 to its seed.
        progress: called with lines of text.

    Returns:
        The tree, with its nodes folded.
    """

    def train(name: str, learn: Digits, choose: Digits, run: FitSettings) -> NodeNetwork:
        return fit(learn, choose, run, lambda line: progress(f"{name}: {line}"))

    modules = [train("root", training.for_root(groups), validation.for_root(groups), settings.root)]
    for index, group in enumerate(groups):
        run = replace(settings.leaf, seed=settings.leaf.seed + index + 1)
        modules.append(train(f"leaf {group}", training.for_leaf(group), validation.for_leaf(group), run))
    networks = tuple(fold(module) for module in modules)
    return TrainedTree(settings.root.scene, groups, tuple(modules), networks)


def report_accuracy(tree: TrainedTree, digits: LabelledDigits, name: str, progress: Progress) -> None:
    """Report the accuracy of the root, of each leaf on its own digits, and of the whole tree."""
    seen = scene_bits(digits.values, tree.scene)
    decided = np.array([tree.decide(bits) for bits in seen])
    pairs = zip(digits.labels, decided[:, 0], strict=True)
    right_leaf = np.array([label in tree.groups[leaf] for label, leaf in pairs])
    right = decided[:, 1] == digits.labels
    progress(f"{name}: root {right_leaf.mean():.2%}, full tree {right.mean():.2%} of {len(right)}")
    for group, network in zip(tree.groups, tree.networks[1:], strict=True):
        own = np.flatnonzero(np.isin(digits.labels, group))
        hits = [group[int(network.logits(seen[i]).argmax())] == digits.labels[i] for i in own]
        progress(f"{name}: leaf {group} {np.mean(hits):.2%} of {len(own)}")


@torch.no_grad()
def report_agreement(tree: TrainedTree, digits: LabelledDigits, progress: Progress) -> None:
    """Report how many activation bits and logits differ between the folded nodes and the modules."""
    seen = scene_bits(digits.values, tree.scene)
    bit_count = logit_count = 0
    for module, network in zip(tree.modules, tree.networks, strict=True):
        for bits in seen:
            batch = torch.from_numpy(bits).float().view(1, 1, *bits.shape)
            bit_count += int((module.activations(batch)[0].numpy() != network.activations(bits)).sum())
            logit_count += int((module.integer_logits(batch)[0].numpy() != network.logits(bits)).sum())
    progress(f"folded against torch: {bit_count} activation bits and {logit_count} logits differ")


def write_held_out(held_out: LabelledDigits, folder: Path) -> None:
    """Write the held-out digits as the package's data."""
    np.savez_compressed(folder / HELD_OUT_FILE, images=held_out.values, labels=held_out.labels)


def compiled_tree(tree: TrainedTree) -> Tree:
    """The tree as an artifact: the root's outcome i leads to leaf i, whose outcomes are its digits."""
    names = [f"leaf {' '.join(map(str, group))}" for group in tree.groups]
    root, *leaves = tree.networks
    geometry = CaptureGeometry(tree.scene.threshold)
    seen = geometry.threshold, geometry.margin
    specs = [NodeSpec("root", root.model(*seen), tuple(names))]
    for name, leaf, group in zip(names, leaves, tree.groups, strict=True):
        specs.append(NodeSpec(name, leaf.model(*seen), group))
    labels = [str(digit) for digit in range(10)]
    return Tree.build("digits", labels, geometry, specs)


def training_data(training: LabelledDigits, validation: LabelledDigits) -> TrainingData:
    """What the tree's file keeps of its images: the digits as its scene shows them.

    Training and validation are those of :func:`split_digits`, not those that the data set ``digits`` deals;
    the test part is the same.
    """
    test = digits_set(SCENE.upsampling).test

    def part(name: str, some: LabelledDigits) -> Dataset:
        images = enlarge(some.values, SCENE.upsampling, test.size[0], DIGIT_MAX)
        return Dataset(name, test.task, images, some.labels.astype(np.int64), test.classes)

    splits = Splits(part("training", training), part("validation", validation), test)
    return TrainingData.of(DigitsData(SCENE.upsampling), splits)


def parse_arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--epochs", type=int, help="passes over the training digits, for every node")
    parser.add_argument("--seed", type=int, default=0, help="of weights, order and augmentation")
    parser.add_argument("--record", action="store_true", help="train nothing, write the record of the images")
    parser.add_argument("--quick", action="store_true", help="a tiny run: 2 epochs on 200 digits")
    parser.add_argument(
        "--out",
        type=Path,
        help="folder to write to (default: the package's data; with --quick, nothing is written)",
    )
    return parser.parse_args()


def main() -> None:
    """Train, report, write."""
    arguments = parse_arguments()
    torch.set_num_threads(1)  # the order of float sums, and so the tree, would depend on the count
    torch.use_deterministic_algorithms(True)
    start = time.monotonic()

    def progress(line: str) -> None:
        sys.stderr.write(f"{time.monotonic() - start:6.1f} s  {line}\n")

    training, validation, held_out = split_digits()
    if arguments.record:
        path = (arguments.out or DATA) / TREE_FILE
        replace(Tree.load(path), data=training_data(training, validation)).save(path)
        return
    checked = validation
    epochs = arguments.epochs or (2 if arguments.quick else None)
    if arguments.quick:
        training, checked = training.subset(np.arange(200)), validation.subset(np.arange(20))
    root, leaf = (
        replace(settings, seed=arguments.seed, epochs=epochs or settings.epochs)
        for settings in (ROOT_SETTINGS, LEAF_SETTINGS)
    )
    tree = train_tree(training, validation, GROUPS, TreeSettings(root, leaf), progress)
    report_agreement(tree, checked, progress)
    report_accuracy(tree, checked, "validation", progress)
    if not arguments.quick:
        report_accuracy(tree, held_out, "held-out", progress)
    folder: Path | None = arguments.out or (None if arguments.quick else DATA)
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        write_held_out(held_out, folder)
        replace(compiled_tree(tree), data=training_data(training, validation)).save(folder / TREE_FILE)
        progress(f"wrote {HELD_OUT_FILE} and {TREE_FILE} to {folder}")


if __name__ == "__main__":
    main()
