"""What became of a program: its text, what was translated, and what was not and why."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field


@dataclass(frozen=True)
class Untranslated:
    """A statement that stays as a comment.

    Attributes:
        line: where it begins, from 1.
        text: its first line.
        reason: why it was not translated.
    """

    line: int
    text: str
    reason: str


@dataclass
class Tally:
    """Counts of one translation.

    Attributes:
        kernels: kernels with at least one translated call.
        kernel_calls: translated calls of the kernel API.
        controller_calls: translated calls of the controller API, displays and posts among them.
        statements: other translated statements.
        left_out: calls for which nothing needs to be done here, as for ``vs_init``.
        untranslated: the rest.
    """

    kernels: int = 0
    kernel_calls: int = 0
    controller_calls: int = 0
    statements: int = 0
    left_out: int = 0
    untranslated: list[Untranslated] = field(default_factory=list)

    def counts(self) -> tuple[int, ...]:
        """How far it has counted, for :meth:`go_back`."""
        numbers = (self.kernels, self.kernel_calls, self.controller_calls, self.statements, self.left_out)
        return *numbers, len(self.untranslated)

    def go_back(self, counts: tuple[int, ...]) -> None:
        """Forget what was counted since then."""
        self.kernels, self.kernel_calls, self.controller_calls, self.statements, self.left_out, reasons = (
            counts
        )
        del self.untranslated[reasons:]

    def figures(self) -> dict[str, object]:
        """All of it as JSON can express it."""
        return asdict(self)


@dataclass(frozen=True)
class Ported:
    """A translated program or kernel.

    Attributes:
        text: the new file.
        tally: what was translated, and what was not.
    """

    text: str
    tally: Tally

    @property
    def useful(self) -> bool:
        """Whether anything of the chip's two APIs was translated."""
        return self.tally.kernel_calls + self.tally.controller_calls > 0
