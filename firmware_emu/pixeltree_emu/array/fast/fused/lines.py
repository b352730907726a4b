"""Small pieces of LLVM's language."""

from __future__ import annotations

from dataclasses import dataclass

ROW = "<4 x i64>"
"""A row of a digital plane."""
_ALL = (1 << 64) - 1


@dataclass(frozen=True)
class Facts:
    """What code may count on beside passes.

    Attributes:
        width: PEs in a vector of the machine.
        boundary: what lies beyond the edge of NEWS.
        saturates: whether the error of a write can leave 8 bits, for this chip.
    """

    width: int
    boundary: int
    saturates: bool


class Lines:
    """Instructions of a function, in blocks; every name is used once.

    Attributes:
        entry: what is done once.
        top: what is done at the top of each row, before anything else.
    """

    def __init__(self) -> None:
        self.entry: list[str] = []
        self.top: list[str] = []
        self.body: list[str] = []
        self._names = 0
        self.block = "row"

    def name(self) -> str:
        """A name that nobody has."""
        self._names += 1
        return f"%v{self._names}"

    def put(self, text: str, where: list[str] | None = None) -> str:
        """An instruction that gives a value; returns its name."""
        name = self.name()
        (self.body if where is None else where).append(f"  {name} = {text}")
        return name

    def do(self, text: str) -> None:
        """An instruction that gives none."""
        self.body.append(f"  {text}")

    def begin(self, block: str) -> None:
        """A new block of instructions."""
        self.body.append(f"{block}:")
        self.block = block


def signed(value: int) -> int:
    """64 bits as LLVM writes them."""
    return value - (1 << 64) if value >> 63 & 1 else value


def row_constant(value: int) -> str:
    """A row of zeros, or of ones."""
    return words([_ALL if value else 0] * 4)


def words(values: list[int]) -> str:
    """A row by its words."""
    if not any(values):
        return "zeroinitializer"
    return "<" + ", ".join(f"i64 {signed(value & _ALL)}" for value in values) + ">"


def splat(bits: int, value: int) -> str:
    """The same number in every lane."""
    return f"splat (i{bits} {value})" if value else "zeroinitializer"
