"""Which names a program declares, in which function, and which of them have no translation."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from pixeltree.errors import CannotTranslateError
from pixeltree.port.vocabulary import REGISTERS

GLOBAL = ""
Key = tuple[str, str]
"""Function and name; :data:`GLOBAL` for what is declared outside functions."""


class Names:
    """Declared names while a program is translated from its first line to its last.

    A name whose value could not be translated is lost: nothing that reads it is translated either. ``lost``
    goes on to the next pass, because a loop reads at its beginning what is lost at its end.
    """

    def __init__(self, functions: Iterable[str], lost: dict[Key, str]) -> None:
        self.functions = set(functions)
        self.lost = lost
        self._kinds: dict[Key, str] = {}
        self._blocks: list[set[str]] = [set()]
        self._around: list[str] = [GLOBAL]
        self.assigned: list[set[str]] = [set()]

    @property
    def function(self) -> str:
        """The function that is being translated."""
        return self._around[-1]

    @contextmanager
    def inside(self, function: str) -> Iterator[None]:
        """While the body of a function is translated."""
        blocks, self._blocks = self._blocks, [set()]
        self._around.append(f"{self.function}.{function}")
        self.assigned.append(set())
        yield
        self.assigned.pop()
        self._around.pop()
        self._blocks = blocks

    @contextmanager
    def block(self) -> Iterator[None]:
        """While a block is translated."""
        self._blocks.append(set())
        yield
        self._blocks.pop()

    def declare(self, name: str, kind: str) -> None:
        """A declaration whose value was translated."""
        if name in REGISTERS:
            raise CannotTranslateError(f"it hides the register {name}; give the variable another name")
        if any(name in block for block in self._blocks[:-1]):
            raise CannotTranslateError(f"it hides another variable named {name}; give one another name")
        self._blocks[-1].add(name)
        self._kinds[self.function, name] = kind

    def lose(self, name: str, reason: str) -> None:
        """A name whose value from now on is not known."""
        self.lost.setdefault((self._owner(name) or self.function, name), reason)

    def check(self, name: str) -> None:
        """Refuse a name that is lost."""
        for around in reversed(self._around):
            if (around, name) in self.lost:
                raise CannotTranslateError(self.lost[around, name])
            if (around, name) in self._kinds:
                return

    def known(self, name: str) -> bool:
        """Whether a name is declared."""
        return self._owner(name) is not None or name in self.functions

    def kind(self, name: str) -> str:
        """The type of a variable; empty where it is not known."""
        owner = self._owner(name)
        return "" if owner is None else self._kinds[owner, name]

    def assign(self, name: str) -> None:
        """A name that is written, which Python must know where it belongs to a function around this one."""
        self.check(name)
        if self._owner(name) is None:
            raise CannotTranslateError(f"{name} is declared nowhere in this file")
        if self._owner(name) != self.function:
            self.assigned[-1].add(name)

    def _owner(self, name: str) -> str | None:
        return next((around for around in reversed(self._around) if (around, name) in self._kinds), None)
