"""The tables of a recipe: how a tree is grown, what goes before the network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pixeltree.errors import RecipeError
from pixeltree.model.geometry import HeatMapGeometry, LayerGeometry
from pixeltree.train.grouping import Groups
from pixeltree_protocol.objects import MOST_WEIGHT_PLANES


@dataclass(frozen=True)
class TreeTable:
    """The table ``[tree]``: a tree in place of one network; its nodes have the recipe's layers.

    Attributes:
        segment_bytes: most bytes of a node's weights and biases.
        outcomes: most outcomes of a node, 2 to 255.
        parts: most nodes among which the channels of one network may be divided, if they do not mix. Each
            part keeps to the other limits, and adds its logits to those of the part before.
        pool_sides: sides to choose from for the last pooling. Each node takes the smallest that fits.
        weight_planes: planes of the head's weights to choose from, in place of those of ``[head]``, each 1 to
            7. Each node takes the most that fit with its pooling.
        branching: children of the root, at least 2.
        target: validation accuracy at which one network for all classes is the whole tree, 0 to 1.
        overlap: share of a class's validation images in a wrong child from which the class is tried there
            too; more than 1 tries nothing.
        child_epochs: epochs of every node that begins with its parent's kernels; if left out, as many as the
            root.
        router_outcomes: outcomes of a router, each a few classes that are confused; 0 gives each class its
            own outcome.
        training_confusions: whether the classes are grouped, and shared, by what is confused of the training
            images, in place of the validation images. Then the validation images judge a tree that was not
            fitted to them. A network that knows its training images by heart confuses none of them, and
            tells nothing.
        groups: the classes of each of the root's children, by name; an empty list finds the groups.
    """

    segment_bytes: int
    outcomes: int = 255
    parts: int = 1
    pool_sides: tuple[int, ...] = (2, 4, 8, 16)
    weight_planes: tuple[int, ...] = (1,)
    branching: int = 6
    target: float = 0.9
    overlap: float = 0.05
    child_epochs: int | None = None
    router_outcomes: int = 0
    training_confusions: bool = False
    groups: tuple[tuple[str, ...], ...] = ()

    def __post_init__(self) -> None:
        if not self.weight_planes or not all(1 <= each <= MOST_WEIGHT_PLANES for each in self.weight_planes):
            raise RecipeError(
                f"[tree] weight_planes is {list(self.weight_planes)}; it lists numbers of planes, "
                f"1 to {MOST_WEIGHT_PLANES}"
            )
        if self.router_outcomes and not 2 <= self.router_outcomes <= 255:
            raise RecipeError(f"[tree] router_outcomes is {self.router_outcomes}; it is 0, or 2 to 255")

    def groups_of(self, classes: Sequence[str]) -> Groups | None:
        """The groups as indices of classes, None if they are to be found.

        Raises:
            RecipeError: a name is no class, or a class is in no group.
        """
        if not self.groups:
            return None
        named = {name for group in self.groups for name in group}
        if named != set(classes):
            wrong = ", ".join(sorted(named ^ set(classes)))
            raise RecipeError(f"[tree] groups must name every class and no other; look at {wrong}")
        return tuple(tuple(sorted(classes.index(name) for name in group)) for group in self.groups)


@dataclass(frozen=True)
class LocalizerTable:
    """The table ``[localizer]``: a root whose heat map re-centres the image for the recipe's network or tree.

    It has the recipe's input, and learns from the same scenes where the object is.

    Attributes:
        layers: layers of the root.
        head: head of the root, a heat map; each of its cells is an outcome.
        window: rows and columns that the network sees, with the highest cell in their middle.
        epochs: epochs of the root's training.
    """

    layers: tuple[LayerGeometry, ...]
    head: HeatMapGeometry
    window: int = 32
    epochs: int = 8
