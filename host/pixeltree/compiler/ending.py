"""How a node ends, beside where its exits lead."""

from __future__ import annotations

from dataclasses import dataclass

from pixeltree.errors import CompileError


@dataclass(frozen=True)
class Ending:
    """How a node ends; the default decides by its own logits.

    Attributes:
        margin: it takes the fallback where its two greatest logits are less than this apart, 0 to 2^32 - 1;
            None for a node without one.
        adds: whether its logits are added to those of the node before, which has as many.
        proceeds: whether it has one exit, taken whatever its logits are; it has no fallback then.
    """

    margin: int | None = None
    adds: bool = False
    proceeds: bool = False

    def __post_init__(self) -> None:
        if self.margin is not None and self.proceeds:
            raise CompileError("a node that proceeds whatever its logits are has no fallback")

    def exits(self, outcomes: int) -> int:
        """Exits that a node with so many outcomes has."""
        return 1 if self.proceeds else outcomes + (self.margin is not None)

    def describe(self, outcomes: int) -> str:
        """For messages about exits."""
        if self.proceeds:
            return f"{outcomes} outcomes of a node that proceeds"
        return f"{outcomes} outcomes{'' if self.margin is None else ' and a fallback'}"


DECIDES = Ending()
"""A node that decides by its own logits, without a fallback."""
