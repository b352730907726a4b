"""The nodes of a tree in its file: names and windows in the description, models as attachments."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, replace
from typing import Any

from pixeltree.errors import TreeError
from pixeltree.model import Window, decode_model, encode_model
from pixeltree.model.ending import Ending
from pixeltree.tree.node import CAPTURE, TreeNode
from pixeltree_protocol.objects import Digest, Node, TreeRoot
from pixeltree_protocol.objects.program import AddLogits, Proceed, Program
from pixeltree_protocol.objects.treefile import TreeFile

_MODEL = "model "
"""Attachments of this name and a node's hold its folded model."""


def description_of(nodes: Iterable[TreeNode], depth_first: Iterable[TreeNode]) -> dict[str, Any]:
    """What the description of a tree file says of the tree's nodes: names by digest, and windows by name.

    Args:
        nodes: all nodes, in the order of the tree's dictionary.
        depth_first: those below the capture node, in the order in which the file lists windows.
    """
    names = {node.digest.hex(): node.name for node in nodes if not node.is_capture}
    windows = {node.name: asdict(node.window) for node in depth_first if node.is_window and node.window}
    return {"nodes": names, **({"windows": windows} if windows else {})}


def attachments_of(depth_first: Iterable[TreeNode]) -> dict[str, bytes]:
    """The folded models of nodes as attachments of a tree file."""
    return {_MODEL + node.name: encode_model(node.model) for node in depth_first if node.model is not None}


def read_nodes(file: TreeFile, description: Mapping[str, Any]) -> dict[Digest, TreeNode]:
    """The nodes of a tree file, by digest.

    Args:
        file: the file.
        description: of the file, as :func:`description_of` makes it.

    Raises:
        TreeError: an object is not there.
        ModelError: a model or a window is not possible.
        ObjectError: an object is damaged.
    """
    names = {bytes.fromhex(key): name for key, name in description["nodes"].items()}
    windows = {name: Window(**window) for name, window in description.get("windows", {}).items()}
    root = TreeRoot.decode(file.objects[file.tree])
    nodes = {root.capture: TreeNode(CAPTURE, root.capture, Node.decode(file.objects[root.capture]))}
    for digest, name in names.items():
        nodes[digest] = TreeNode(name, digest, Node.decode(file.objects[digest]), window=windows.get(name))
    for node in nodes.values():
        lost = [need for need in node.manifest.needs if need not in file.objects]
        strangers = [child for child in node.manifest.children if child not in names]
        if lost or strangers:
            raise TreeError(f"node {node.name!r} names objects that are not there")
    if root.root not in names:
        raise TreeError("the tree's root node is not among its nodes")
    above = _windows_above(nodes, root.root)
    for digest, name in names.items():
        nodes[digest] = replace(nodes[digest], ending=_ending(file, nodes[digest].manifest))
        model = file.attachments.get(f"{_MODEL}{name}")
        if name in windows:
            continue
        if model is None:
            raise TreeError(f"no model for {name}")
        nodes[digest] = replace(nodes[digest], model=decode_model(model), window=above.get(digest))
    return nodes


def _ending(file: TreeFile, manifest: Node) -> Ending:
    """How a program ends."""
    *steps, last = Program.decode(file.objects[manifest.program]).steps
    return Ending(any(isinstance(step, AddLogits) for step in steps), isinstance(last, Proceed))


def _windows_above(nodes: Mapping[Digest, TreeNode], root: Digest) -> dict[Digest, Window | None]:
    """The last window above every node, the first of several; None if there is none."""
    found: dict[Digest, Window | None] = {}
    waiting: list[tuple[Digest, Window | None]] = [(root, None)]
    while waiting:
        digest, above = waiting.pop()
        if digest not in found:
            found[digest] = above
            seen = nodes[digest].window or above
            waiting += [(child, seen) for child in reversed(nodes[digest].manifest.children)]
    return found
