"""A piece of work: a function and what it is called with, the same wherever and whenever it runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

MOST_TRIES = 3
"""How often a piece is begun whose worker dies under it: it may be the piece that kills its workers."""


@dataclass(frozen=True)
class Shared:
    """An argument that many pieces have in common: a cluster sends it to each worker once.

    Attributes:
        value: what the function is called with.
    """

    value: object


@dataclass(frozen=True, eq=False)
class Piece:
    """One call, independent of all others.

    Attributes:
        name: its own among the pieces of a run; letters, digits and ``-``, as it names a file.
        call: a function of a module; what it returns must be writable as JSON.
        arguments: what it is called with; must be picklable.
    """

    name: str
    call: Callable[..., Any]
    arguments: tuple[object, ...]

    def run(self) -> Any:  # noqa: ANN401 - whatever the function returns
        """Make the call here."""
        return self.call(*(plain(argument) for argument in self.arguments))


def plain(argument: object) -> object:
    """What a function is called with for an argument of a piece."""
    return argument.value if isinstance(argument, Shared) else argument


class Workers(Protocol):
    """Runs pieces of work: processes of this machine, or a cluster."""

    def run(self, pieces: Sequence[Piece]) -> Iterator[tuple[Piece, Any]]:
        """Run pieces and yield each with its result, in the order in which they are done.

        A piece whose worker dies is begun again elsewhere. An exception of a piece ends the run.

        Raises:
            WorkerError: a piece's worker died :data:`MOST_TRIES` times.
        """
        ...
