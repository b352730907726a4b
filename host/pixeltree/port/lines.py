"""Lines of Python, indented."""

from __future__ import annotations


class Lines:
    """What is written so far.

    Attributes:
        out: lines so far, indented.
        depth: how far to indent.
    """

    def __init__(self) -> None:
        self.out: list[str] = []
        self.depth = 1

    def write(self, line: str) -> None:
        """One more line."""
        self.out.append("    " * self.depth + line if line else "")

    def end_suite(self, began: int) -> None:
        """End the suite whose lines began at a place; one without a statement gets ``pass``."""
        if all(line.lstrip().startswith("#") for line in self.out[began:]):
            self.write("pass")
        self.depth -= 1
