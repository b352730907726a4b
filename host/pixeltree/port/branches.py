"""C++ branches and loops."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from pixeltree.errors import CannotTranslateError
from pixeltree.port.expressions import python_name
from pixeltree.port.source import declared_name, kind_of, line_of, names_written, statements_of, text_of, walk
from pixeltree.port.vocabulary import REALS

if TYPE_CHECKING:
    from tree_sitter import Node

    from pixeltree.port.statements import Statements

_LOOPS = frozenset({"for_statement", "while_statement", "do_statement", "lambda_expression"})


class Branches:
    """Writes branches and loops."""

    def __init__(self, statements: Statements) -> None:
        self._statements = statements
        self._lines = statements.lines
        self._expressions = statements.expressions
        self._names = statements.names
        self._tally = statements.tally

    def branch(self, node: Node, word: str = "if") -> None:
        """``if`` and what follows it; ``word`` is ``elif`` further down."""
        condition, yes = node.child_by_field_name("condition"), node.child_by_field_name("consequence")
        if condition is None or yes is None:
            raise CannotTranslateError("a syntax error")
        before = self._expressions.calls
        self._lines.write(f"{word} {self._expressions.condition(condition)}:")
        self._statements.effects.count(before)
        self._statements.suite(yes)
        clause = node.child_by_field_name("alternative")
        if clause is None:
            return
        inside = statements_of(clause)
        if len(inside) == 1 and inside[0].type == "if_statement":
            self.branch(inside[0], "elif")
        elif inside:
            self._lines.write("else:")
            self._statements.suite(inside[0])

    def repeat(self, node: Node) -> None:
        """``while`` and ``do``."""
        condition, body = node.child_by_field_name("condition"), node.child_by_field_name("body")
        if condition is None or body is None:
            raise CannotTranslateError("a syntax error")
        text = self._expressions.condition(condition)
        endless = text in ("1", "True")
        if node.type == "while_statement" or endless:
            self._lines.write(f"while {'True' if endless else text}:")
            self._loop(body, lambda: None)
        else:
            if any(each.type == "continue_statement" for each in walk(body)):
                raise CannotTranslateError("no translation for continue in a do loop")
            self._lines.write("while True:")
            self._loop(body, lambda: None, lambda: self._leave_unless(text))
        self._tally.statements += 1

    def _leave_unless(self, condition: str) -> None:
        self._lines.write(f"if not ({condition}):")
        self._lines.depth += 1
        self._lines.write("break")
        self._lines.depth -= 1

    def _loop(
        self, body: Node, on_continue: Callable[[], None], after: Callable[[], None] | None = None
    ) -> None:
        self._statements.continues.append(on_continue)
        self._statements.suite(body, after)
        self._statements.continues.pop()

    def count(self, node: Node) -> None:
        """``for``; over a range where the loop counts and does nothing else."""
        body = node.child_by_field_name("body")
        if body is None:
            raise CannotTranslateError("a syntax error")
        counted = self._counted(node, body)
        with self._names.block():
            if counted is not None:
                name, kind, text = counted
                self._names.declare(name, kind)
                self._lines.write(f"for {python_name(name)} in range({text}):")
                self._loop(body, lambda: None)
                self._tally.statements += 1
                return
            first, condition, update = (
                node.child_by_field_name(field) for field in ("initializer", "condition", "update")
            )
            effect = self._statements.effects.effect
            if first is not None and first.type == "declaration":
                self._statements.declarations.declaration(first)
            elif first is not None:
                effect(first)

            def step() -> None:
                if update is not None:
                    effect(update)

            self._lines.write(
                f"while {'True' if condition is None else self._expressions.condition(condition)}:"
            )
            self._loop(body, step, step)

    def _counted(self, node: Node, body: Node) -> tuple[str, str, str] | None:
        """Variable, type and operands of range, where a loop counts and does nothing else."""
        first, condition, update = (
            node.child_by_field_name(field) for field in ("initializer", "condition", "update")
        )
        if first is None or condition is None or update is None or first.type != "declaration":
            return None
        declarators = first.children_by_field_name("declarator")
        if not declarators:
            return None
        value = declarators[0].child_by_field_name("value") if len(declarators) == 1 else None
        name, kind = declared_name(declarators[0]), kind_of(first)
        left, bound = condition.child_by_field_name("left"), condition.child_by_field_name("right")
        if value is None or name is None or left is None or bound is None or text_of(left) != name:
            return None
        step, sign = _step_of(update, name), text_of(condition.child_by_field_name("operator") or condition)
        read = {text_of(each) for each in walk(bound) if each.type == "identifier"} | {name}
        calls = any(each.type == "call_expression" for each in walk(bound))
        if (
            step is None
            or calls
            or read & names_written(body)
            or kind in REALS
            or self._expressions.real(bound)
        ):
            return None
        ends = {("<", 1): "", ("<=", 1): " + 1", (">", -1): "", (">=", -1): " - 1"}
        end = ends.get((sign, 1 if step > 0 else -1))
        if end is None:
            return None
        begin = self._expressions.value(value)
        text = self._expressions.value(bound) + end
        return (
            name,
            kind,
            text if begin == "0" and step == 1 else f"{begin}, {text}" + (f", {step}" if step != 1 else ""),
        )

    def switch(self, node: Node) -> None:
        """``switch`` as ``match``."""
        condition, body = node.child_by_field_name("condition"), node.child_by_field_name("body")
        if condition is None or body is None:
            raise CannotTranslateError("a syntax error")
        before = self._expressions.calls
        self._lines.write(f"match {self._expressions.condition(condition)}:")
        self._statements.effects.count(before)
        self._lines.depth += 1
        cases = statements_of(body)
        if not cases or any(case.child_by_field_name("value") is None for case in cases[:-1]):
            raise CannotTranslateError("it has no cases, or its default is not the last")
        for at, case in enumerate(cases):
            value = case.child_by_field_name("value")
            inside = [each for each in statements_of(case) if value is None or each.id != value.id]
            last = inside[-1].type if inside else ""
            if last not in ("break_statement", "return_statement") and at < len(cases) - 1:
                raise CannotTranslateError(f"the case of line {line_of(case)} falls into the next one")
            if last == "break_statement":
                inside.pop()
            if any(_breaks(each) for each in inside):
                raise CannotTranslateError(f"the case of line {line_of(case)} has a break inside")
            self._case(value, inside)
        self._lines.depth -= 1

    def _case(self, value: Node | None, inside: list[Node]) -> None:
        if value is not None and value.type != "number_literal":
            raise CannotTranslateError("no translation for a case that is no number")
        self._lines.write("case _:" if value is None else f"case {self._expressions.value(value)}:")
        self._lines.depth += 1
        began = len(self._lines.out)
        with self._names.block():
            for each in inside:
                self._statements.statement(each)
        self._lines.end_suite(began)


def _breaks(node: Node) -> bool:
    """Whether a break below leaves the switch around it."""
    if node.type == "break_statement":
        return True
    return node.type not in _LOOPS and any(_breaks(child) for child in node.named_children)


def _step_of(update: Node, name: str) -> int | None:
    """What an update adds to a variable."""
    text = text_of(update).replace(" ", "")
    if text in (f"{name}++", f"++{name}"):
        return 1
    if text in (f"{name}--", f"--{name}"):
        return -1
    head, _, number = text.partition("=")
    if head in (f"{name}+", f"{name}-") and number.isdecimal() and int(number):
        return int(number) if head.endswith("+") else -int(number)
    return None
