"""How a node ends, beside where its exits lead."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Ending:
    """How a node ends; the default decides by its own logits.

    Attributes:
        adds: whether its logits are added to those of the node before, which has as many.
        proceeds: whether it has one exit, taken whatever its logits are.
    """

    adds: bool = False
    proceeds: bool = False

    def exits(self, outcomes: int) -> int:
        """Exits that a node with so many outcomes has."""
        return 1 if self.proceeds else outcomes

    def describe(self, outcomes: int) -> str:
        """For messages about exits."""
        return f"{outcomes} outcomes{' of a node that proceeds' if self.proceeds else ''}"


DECIDES = Ending()
"""A node that decides by its own logits."""
