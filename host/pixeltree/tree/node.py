"""A node of a tree: its specification, and what the compiler made of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pixeltree.model import FoldedModel, Window, add_logits, decide, infer_many
from pixeltree.model.ending import DECIDES, Ending
from pixeltree_protocol.objects import Digest, Node

CAPTURE = "capture"
"""Name of the node that takes the picture."""

Leads = int | str
"""Where an outcome leads: an int is a label's index, a str another node's name."""


@dataclass(frozen=True)
class NodeSpec:
    """A node before compilation: a network or a window, and the label or the child of each of its outcomes.

    A window has one outcome. The nodes below it see the window in place of the whole input.

    Attributes:
        name: what the node is called.
        model: what the node computes.
        leads: one per outcome; a node that proceeds has only one.
        ending: how the node ends.
    """

    name: str
    model: FoldedModel | Window
    leads: tuple[Leads, ...]
    ending: Ending = DECIDES

    @property
    def below(self) -> tuple[str, ...]:
        """Names of the nodes that it leads to, with repetition."""
        return tuple(lead for lead in self.leads if isinstance(lead, str))


@dataclass(frozen=True, eq=False)
class TreeNode:
    """A compiled node with everything the host knows about it.

    Attributes:
        name: what it is called; the node that takes the picture is called :data:`CAPTURE`.
        digest: of its manifest.
        manifest: what the device knows about it.
        model: its folded model; None for the capture node and for a window.
        ending: how it ends.
        window: of a window, what it shows; of any other node the last window above it, one of several
            equally large ones. None where a node sees the whole input.
    """

    name: str
    digest: Digest
    manifest: Node
    model: FoldedModel | None = None
    ending: Ending = DECIDES
    window: Window | None = None

    @property
    def is_capture(self) -> bool:
        """Whether it takes the picture."""
        return not self.manifest.exits

    @property
    def is_window(self) -> bool:
        """Whether it moves a window of the input in place of the input."""
        return self.model is None and self.window is not None

    @property
    def needs(self) -> tuple[Digest, ...]:
        """Digests of its objects and, last, of its manifest."""
        return (*self.manifest.needs, self.digest)

    @property
    def outcomes(self) -> int:
        """Logits of the node; a window has one, and the capture node none."""
        return self.model.outcomes if self.model is not None else int(self.is_window)

    def sums(self, seen: npt.NDArray[np.bool_], before: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
        """Logits of the node by the integer reference, with what it adds to them: int32 (N, outcomes).

        Args:
            seen: bool (N, size, size), its input planes.
            before: int32 (N, outcomes), the sums of the node before; (N, 0) at the root.
        """
        if self.model is None:
            return np.zeros((len(seen), self.outcomes), np.int32)
        own = infer_many(self.model, seen).logits
        if not self.ending.adds:
            return own
        return np.stack([add_logits(each, earlier) for each, earlier in zip(own, before, strict=True)])

    def outcome(self, sums: npt.NDArray[np.int32]) -> int:
        """Index of the exit that the node takes with its sums, int32 (outcomes,)."""
        return 0 if self.ending.proceeds else decide(sums)
