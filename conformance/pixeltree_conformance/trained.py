"""A trained tree, scenes of real images, and what the integer reference makes of them.

``tools/make_conformance_trees.py`` writes the file.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib import resources

from pixeltree_protocol.objects import Digest, Node
from pixeltree_protocol.objects.treefile import TreeFile


@dataclass(frozen=True)
class TrainedScene:
    """A picture to show, and what must come of it.

    Attributes:
        pixels: rows x columns bytes, row by row, 0 to 255.
        top: row of the picture at which they begin.
        left: column at which they begin.
        columns: pixels in a row.
        label: at the end of the path.
        path: name and logits of each node on it, root first.
    """

    pixels: bytes
    top: int
    left: int
    columns: int
    label: int
    path: tuple[tuple[str, tuple[int, ...]], ...]


@dataclass(frozen=True)
class TrainedTree:
    """A tree that was trained, and its scenes; names and objects are by digest."""

    digest: Digest
    objects: dict[Digest, bytes]
    names: dict[Digest, str]
    scenes: tuple[TrainedScene, ...]

    def needs(self, node: Digest) -> tuple[Digest, ...]:
        """Digests of a node's objects and, last, of its manifest."""
        return (*Node.decode(self.objects[node]).needs, node)


def trained_tree() -> TrainedTree:
    """Read it."""
    file = TreeFile.decode((resources.files(__package__) / "data" / "digits.ptree").read_bytes())
    told = json.loads(file.description)
    scenes = tuple(
        TrainedScene(
            file.attachments[f"scene {index}"],
            scene["top"],
            scene["left"],
            scene["columns"],
            scene["label"],
            tuple((visit["node"], tuple(visit["logits"])) for visit in scene["path"]),
        )
        for index, scene in enumerate(told["scenes"])
    )
    names = {bytes.fromhex(digest): name for digest, name in told["nodes"].items()}
    return TrainedTree(file.tree, file.objects, names, scenes)
