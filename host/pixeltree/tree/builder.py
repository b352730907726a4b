"""How the nodes of a tree are compiled, leaves first."""

from __future__ import annotations

from collections.abc import Sequence

from pixeltree.compiler import CaptureGeometry, CompiledNode, compile_capture, compile_model, compile_window
from pixeltree.errors import TreeError
from pixeltree.model import Window
from pixeltree.model.ending import DECIDES
from pixeltree.tree.node import CAPTURE, NodeSpec, TreeNode
from pixeltree_protocol.objects import MAX_DEPTH, Child, Digest, Exit, Label


class TreeBuilder:
    """Compiles nodes from the leaves up, each once for the window that it sees; the capture node comes first.

    Attributes:
        objects: of all nodes so far, by digest.
        nodes: all nodes so far, by digest.
    """

    def __init__(self, labels: Sequence[str], geometry: CaptureGeometry, specs: Sequence[NodeSpec]) -> None:
        self.objects: dict[Digest, bytes] = {}
        self.nodes: dict[Digest, TreeNode] = {}
        self._labels, self._geometry = labels, geometry
        self._specs = {spec.name: spec for spec in specs}
        self._made: dict[tuple[str, int | None], tuple[TreeNode, int]] = {}
        capture = self._taken(compile_capture(geometry).node)
        self.capture = self.nodes[capture.digest] = TreeNode(CAPTURE, capture.digest, capture.manifest)

    def _taken(self, compiled: CompiledNode) -> CompiledNode:
        self.objects.update(compiled.objects)
        return compiled

    def node(
        self, name: str, window: Window | None = None, above: tuple[str, ...] = ()
    ) -> tuple[TreeNode, int]:
        """Compile a node and all below it: the node, and how many nodes its longest path has.

        Args:
            name: of the node.
            window: the last one above it.
            above: names of the nodes above it, the root first.
        """
        if name in above:
            raise TreeError(f"node {name!r} leads back to itself")
        if name not in self._specs:
            raise TreeError(f"node {above[-1]!r} leads to {name!r}, which does not exist")
        key = name, window.size if window else None
        if key not in self._made and len(above) < MAX_DEPTH:
            self._made[key] = self._compiled(self._specs[name], window, above)
        if key not in self._made or len(above) + self._made[key][1] > MAX_DEPTH:
            raise TreeError(f"the tree is deeper than {MAX_DEPTH} nodes")
        return self._made[key]

    def _compiled(
        self, spec: NodeSpec, window: Window | None, above: tuple[str, ...]
    ) -> tuple[TreeNode, int]:
        model = spec.model
        if isinstance(model, Window):
            window = model
        exits: list[Exit] = []
        height = 0
        for lead in spec.leads:
            if isinstance(lead, str):
                child, below = self.node(lead, window, (*above, spec.name))
                exits.append(Child(child.digest))
                height = max(height, below)
            elif 0 <= lead < len(self._labels):
                exits.append(Label(lead))
            else:
                raise TreeError(
                    f"node {spec.name!r} leads to label {lead}, but the tree has labels 0 to "
                    f"{len(self._labels) - 1}"
                )
        if isinstance(model, Window):
            if len(exits) != 1 or spec.ending != DECIDES:
                raise TreeError(
                    f"window {spec.name!r} leads to {len(exits)} nodes; a window leads to one, and adds "
                    "no logits"
                )
            compiled = self._taken(compile_window(self._geometry, model, exits[0]).node)
            made = TreeNode(spec.name, compiled.digest, compiled.manifest, window=model)
        else:
            layout = self._geometry.layout(model, window)
            compiled = self._taken(compile_model(model, exits, layout, ending=spec.ending).node)
            made = TreeNode(spec.name, compiled.digest, compiled.manifest, model, spec.ending, window)
        self.nodes[made.digest] = made
        return made, height + 1
