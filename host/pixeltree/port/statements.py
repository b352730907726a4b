"""C++ statements as lines of Python; what has no translation becomes a comment with reason and line."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from pixeltree.errors import CannotTranslateError
from pixeltree.port.branches import Branches
from pixeltree.port.calls import Calls
from pixeltree.port.declarations import Declarations
from pixeltree.port.effects import Effects
from pixeltree.port.expressions import Expressions, python_name, short
from pixeltree.port.lines import Lines
from pixeltree.port.report import Tally, Untranslated
from pixeltree.port.scopes import Names
from pixeltree.port.source import declared_name, kind_of, line_of, names_written, text_of, walk

if TYPE_CHECKING:
    from tree_sitter import Node

_LEAVING = frozenset({"return_statement", "break_statement", "continue_statement"})
_WITH_BLOCKS = frozenset(
    """if_statement while_statement do_statement for_statement switch_statement compound_statement
    declaration""".split()
)
"""Statements in which a syntax error may lie in a smaller one."""
_MOST_COMMENT_LINES = 12


class Statements:
    """Writes statements.

    Attributes:
        lines: what is written so far.
        tally: what was translated.
        continues: for each loop that is being written, what to do before ``continue``.
    """

    def __init__(self, names: Names, macros: frozenset[str]) -> None:
        self.names = names
        self.tally = Tally()
        self.expressions = Expressions(names)
        self.calls = Calls(names, self.expressions, self.tally, macros)
        self.lines = Lines()
        self.effects = Effects(self.lines, names, self.expressions, self.calls, self.tally)
        self.declarations = Declarations(self)
        self.continues: list[Callable[[], None]] = []
        self._branches = Branches(self)
        self._returns = ["void"]

    def statement(self, node: Node) -> None:
        """Translate a statement, or keep it as a comment."""
        if node.type == "comment":
            for line in text_of(node).strip("/* ").splitlines():
                self.lines.write(f"# {line.strip(' */')}".rstrip())
            return
        lines, depth, loops, counts = (
            len(self.lines.out),
            self.lines.depth,
            len(self.continues),
            self.tally.counts(),
        )
        recording = self.calls.recording
        try:
            if node.has_error and (
                node.type not in _WITH_BLOCKS
                or any(each.is_error or each.is_missing for each in node.children)
            ):
                raise CannotTranslateError("a syntax error")
            self._any(node)
        except CannotTranslateError as error:
            del self.lines.out[lines:], self.continues[loops:]
            self.lines.depth = depth
            self.tally.go_back(counts)
            self.calls.recording = recording and "kernel_end" not in text_of(node)
            self.refuse(node, str(error))

    def refuse(self, node: Node, reason: str) -> None:
        """Keep a piece of C++ as a comment, and remember which values are not known any more."""
        line, reason = line_of(node), " ".join(reason.split())
        self.tally.untranslated.append(Untranslated(line, short(node), reason))
        self.lines.write(f"# line {line}, not translated: {reason}")
        lines = text_of(node).splitlines()
        for each in lines[:_MOST_COMMENT_LINES]:
            self.lines.write(f"#     {each.rstrip()}")
        if len(lines) > _MOST_COMMENT_LINES:
            self.lines.write(f"#     ... and {len(lines) - _MOST_COMMENT_LINES} more lines")
        for name in names_written(node):
            self.names.lose(name, f"{name} has no value since line {line}")
        if any(each.type in _LEAVING for each in walk(node)):
            self.lines.write(f'raise NotImplementedError("line {line} was not translated")')

    def suite(self, node: Node, after: Callable[[], None] | None = None) -> None:
        """What a statement controls: a block or one statement, one step further in."""
        began = len(self.lines.out)
        self.lines.depth += 1
        recording = self.calls.recording
        with self.names.block():
            inside = node.named_children if node.type in ("compound_statement", "case_statement") else [node]
            for each in inside:
                self.statement(each)
            if after is not None:
                after()
        if self.calls.recording != recording:
            raise CannotTranslateError("a kernel must begin and end in the same block")
        self.lines.end_suite(began)

    def function(self, name: str, parameters: list[str], body: Node, kind: str) -> None:
        """A function or lambda."""
        self.lines.write(f"def {python_name(name)}({', '.join(parameters)}):")
        at, indent = len(self.lines.out), "    " * (self.lines.depth + 1)
        self._returns.append(kind)
        continues, self.continues = self.continues, []
        self.suite(body)
        self.continues = continues
        self._returns.pop()
        if self.names.assigned[-1]:
            self.lines.out.insert(
                at, f"{indent}nonlocal {', '.join(map(python_name_ours, sorted(self.names.assigned[-1])))}"
            )

    def parameters(self, node: Node | None) -> list[str]:
        """The parameters of a function, declared in it."""
        texts = []
        for each in [] if node is None else node.named_children:
            declarator, kind = each.child_by_field_name("declarator"), kind_of(each)
            if declarator is None:
                if text_of(each) == "void":
                    continue
                raise CannotTranslateError("it has a parameter without a name")
            if declarator.type == "reference_declarator" and "const" not in text_of(each):
                raise CannotTranslateError("it has a parameter by reference, which Python does not")
            name = declared_name(declarator) or ""
            pointed = declarator.type in ("pointer_declarator", "array_declarator")
            default = each.child_by_field_name("default_value")
            value = "" if default is None else f"={self.expressions.value(default)}"
            self.names.declare(name, f"{kind}[]" if pointed else kind)
            texts.append(python_name(name) + value)
        return texts

    def _any(self, node: Node) -> None:  # noqa: PLR0912 - a row for each kind of statement
        match node.type:
            case "expression_statement":
                for each in node.named_children:
                    self.effects.effect(each)
            case "declaration":
                self.declarations.declaration(node)
            case "compound_statement":
                for each in node.named_children:
                    self.statement(each)
            case "if_statement":
                self._branches.branch(node)
            case "while_statement" | "do_statement":
                self._branches.repeat(node)
            case "for_statement":
                self._branches.count(node)
            case "switch_statement":
                self._branches.switch(node)
            case "return_statement":
                self._return(node)
            case "break_statement" | "continue_statement" if not self.continues:
                raise CannotTranslateError("it stands in no loop")
            case "break_statement":
                self.lines.write("break")
            case "continue_statement":
                self.continues[-1]()
                self.lines.write("continue")
            case _:
                raise CannotTranslateError(f"no translation for {node.type.replace('_', ' ')}")

    def _return(self, node: Node) -> None:
        if not node.named_children:
            self.lines.write("return")
        else:
            self.lines.write(
                f"return {self.expressions.converted(node.named_children[0], self._returns[-1])}"
            )


def python_name_ours(name: str) -> str:
    """A name of a nonlocal line: our own stay as they are."""
    return name if name in ("kernel", "channel") else python_name(name)
