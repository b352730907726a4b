"""C++ expressions that are statements: assignments, steps, calls."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pixeltree.errors import CannotTranslateError
from pixeltree.port.calls import Calls
from pixeltree.port.expressions import Expressions, short
from pixeltree.port.lines import Lines
from pixeltree.port.report import Tally
from pixeltree.port.scopes import Names
from pixeltree.port.source import declared_name, text_of
from pixeltree.port.vocabulary import BITS, REALS

if TYPE_CHECKING:
    from tree_sitter import Node


class Effects:
    """Writes expressions that stand for what they do and not for their value."""

    def __init__(
        self, lines: Lines, names: Names, expressions: Expressions, calls: Calls, tally: Tally
    ) -> None:
        self._lines = lines
        self._names = names
        self._expressions = expressions
        self._calls = calls
        self._tally = tally

    def effect(self, node: Node) -> None:
        """An expression for what it does."""
        before = self._expressions.calls
        match node.type:
            case "comma_expression":
                for each in node.named_children:
                    self.effect(each)
                return
            case "parenthesized_expression":
                self.effect(node.named_children[0])
                return
            case "call_expression":
                for line in self._calls.lines(node):
                    self._lines.write(line)
                return
            case "conditional_expression":
                self._either(node)
            case "assignment_expression":
                self._assign(node)
            case "update_expression":
                self._step(node)
            case _:
                raise CannotTranslateError(f"no translation for {node.type.replace('_', ' ')} as a statement")
        self.count(before)

    def _either(self, node: Node) -> None:
        """``a ? b : c`` for what b and c do."""
        condition, *sides = (
            node.child_by_field_name(field) for field in ("condition", "consequence", "alternative")
        )
        for side, head in zip(sides, ("if", "else"), strict=True):
            if condition is None or side is None:
                raise CannotTranslateError("a syntax error")
            self._lines.write(f"if {self._expressions.condition(condition)}:" if head == "if" else "else:")
            self._lines.depth += 1
            self.effect(side)
            self._lines.depth -= 1

    def count(self, before: int) -> None:
        """Count a statement, or a call to the controller if one was made since ``before``."""
        if self._expressions.calls > before:
            self._tally.controller_calls += 1
        else:
            self._tally.statements += 1

    def _step(self, node: Node) -> None:
        target = node.child_by_field_name("argument") or node
        sign = "+" if "++" in text_of(node) else "-"
        name, kind = self._target(target)
        self._store(name, kind, sign, "1", False)

    def _assign(self, node: Node) -> None:
        left, right = node.child_by_field_name("left"), node.child_by_field_name("right")
        if left is None or right is None:
            raise CannotTranslateError("a syntax error")
        name, kind = self._target(left)
        sign = text_of(node.child_by_field_name("operator") or node)[:-1]
        if not sign:
            self._lines.write(f"{name} = {self._expressions.converted(right, kind)}")
            return
        self._store(name, kind, sign, self._expressions.value(right), self._expressions.real(right))

    def _store(self, name: str, kind: str, sign: str, value: str, real: bool) -> None:
        plain = kind in REALS or (kind not in BITS and not real and sign not in ("/", "%"))
        if plain:
            self._lines.write(f"{name} {sign}= {value}")
            return
        if sign == "%":
            self._expressions.used.add("math")
            text = f"int(math.fmod({name}, {value}))"
        else:
            text = f"{name} {sign} ({value})"
            text = f"int({text})" if real or sign == "/" else text
        self._lines.write(f"{name} = {self._expressions.wrapped(text, BITS.get(kind, 0))}")

    def _target(self, node: Node) -> tuple[str, str]:
        """What is assigned to, and its type."""
        if node.type == "identifier":
            self._names.assign(text_of(node))
            return self._expressions.value(node), self._names.kind(text_of(node))
        if node.type == "subscript_expression":
            base = declared_name(node) or ""
            return self._expressions.value(node), self._names.kind(base).replace("[]", "")
        raise CannotTranslateError(f"no translation for an assignment to {short(node)}")
