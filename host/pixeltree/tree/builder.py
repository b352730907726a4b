"""Nodes in the making, networks with where their outcomes lead, and how they are compiled, leaves first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pixeltree.compiler import CaptureGeometry, CompiledNode, Ending, compile_model, compile_window
from pixeltree.errors import TreeError
from pixeltree.model import FoldedModel, Window
from pixeltree_protocol.objects import MAX_DEPTH, Child, Digest, Exit, Label, Node

Leads = int | str
"""Where an outcome leads: an int is a label's index, a str another node's name."""


@dataclass(frozen=True)
class NodeSpec:
    """A node in the making: a network or a window and, per outcome, the label or the child that it leads to.

    A window has one outcome. The nodes below it see the window in place of the whole input.

    Attributes:
        name: what it is called.
        network: what it computes.
        leads: of each outcome; of a node that proceeds its only one.
        adds: whether its logits are added to those of the node that leads here, which has as many.
        proceeds: whether it leads on whatever its logits are, for the next node to add to them.
    """

    name: str
    network: FoldedModel | Window
    leads: tuple[Leads, ...]
    adds: bool = False
    proceeds: bool = False

    @property
    def ending(self) -> Ending:
        """How the node ends."""
        return Ending(self.adds, self.proceeds)


class TreeBuilder:
    """Compiles nodes from the leaves up, each once for the window that it sees."""

    def __init__(self, labels: Sequence[str], geometry: CaptureGeometry, specs: Sequence[NodeSpec]) -> None:
        self.labels, self.geometry = labels, geometry
        self.specs = {spec.name: spec for spec in specs}
        self.models = {spec.name: spec.network for spec in specs if not isinstance(spec.network, Window)}
        self.objects: dict[Digest, bytes] = {}
        self.nodes: dict[Digest, Node] = {}
        self.names: dict[Digest, str] = {}
        self._made: dict[tuple[str, int | None], tuple[Digest, int]] = {}

    def add(self, compiled: CompiledNode) -> None:
        """Take a node's manifest and objects."""
        self.objects.update(compiled.objects)
        self.nodes[compiled.digest] = compiled.manifest

    def node(self, name: str, window: Window | None, above: tuple[str, ...]) -> tuple[Digest, int]:
        """Compile a node and all below it: its digest, and how many nodes its longest path has.

        Args:
            name: of the node.
            window: the last one above it.
            above: names of the nodes above it, the root first.
        """
        if name in above:
            raise TreeError(f"node {name!r} leads back to itself")
        if name not in self.specs:
            raise TreeError(f"node {above[-1]!r} leads to {name!r}, which does not exist")
        key = name, window.size if window else None
        if key not in self._made and len(above) < MAX_DEPTH:
            self._made[key] = self._compiled(self.specs[name], window, above)
        if key not in self._made or len(above) + self._made[key][1] > MAX_DEPTH:
            raise TreeError(f"the tree is deeper than {MAX_DEPTH} nodes")
        return self._made[key]

    def _compiled(self, spec: NodeSpec, window: Window | None, above: tuple[str, ...]) -> tuple[Digest, int]:
        own = spec.network if isinstance(spec.network, Window) else None
        exits: list[Exit] = []
        height = 0
        for lead in spec.leads:
            if isinstance(lead, str):
                child, below = self.node(lead, own or window, (*above, spec.name))
                exits.append(Child(child))
                height = max(height, below)
            elif 0 <= lead < len(self.labels):
                exits.append(Label(lead))
            else:
                raise TreeError(f"node {spec.name!r} leads to label {lead} of {len(self.labels)}")
        if own is None:
            model = self.models[spec.name]
            layout = self.geometry.layout(model, window)
            compiled = compile_model(model, exits, layout, ending=spec.ending).node
        elif len(exits) == 1 and spec.ending == Ending():
            compiled = compile_window(self.geometry, own, exits[0]).node
        else:
            raise TreeError(
                f"window {spec.name!r} leads to {len(exits)} nodes; it has one outcome, and no logits to add"
            )
        self.add(compiled)
        self.names[compiled.digest] = spec.name
        return compiled.digest, height + 1
