"""C++ expressions as Python text, with the meaning that they have in C++."""

from __future__ import annotations

import inspect
import keyword
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from pixeltree.device.chip import Chip
from pixeltree.errors import CannotTranslateError
from pixeltree.port.scopes import Names
from pixeltree.port.source import declared_name, plain_name, text_of
from pixeltree.port.vocabulary import (
    BITS,
    INTEGERS,
    MATH,
    METHODS,
    NUMBERS,
    PUBLIC,
    REALS,
    REASONS,
    REGISTERS,
    TOTALS,
)

if TYPE_CHECKING:
    from tree_sitter import Node

_TERNARY, _OR, _AND, _NOT, _COMPARISON, _UNARY, _ATOM = 1, 2, 3, 4, 5, 12, 14
_LEVELS = {
    "||": _OR, "&&": _AND, "==": _COMPARISON, "!=": _COMPARISON, "<": _COMPARISON, ">": _COMPARISON,
    "<=": _COMPARISON, ">=": _COMPARISON, "|": 6, "^": 7, "&": 8, "<<": 9, ">>": 9, "+": 10, "-": 10, "*": 11,
}  # fmt: skip
"""How strongly Python's operators bind, in Python's order, which is not C++'s."""
_WORDS = {"||": "or", "&&": "and"}
_INTEGER = re.compile(r"(-?)(0[xX][0-9a-fA-F']+|0[bB][01']+|[0-9][0-9']*)[uUlL]*")
_REAL = re.compile(r"(-?[0-9]*\.?[0-9]*(?:[eE][+-]?[0-9]+)?)[fFlL]?")
_OURS = frozenset(
    """chip kernel show settings device program loop channel next_frame fill math pt sys print range int float
    bool list min max abs""".split()
)
"""Names that the translated program uses itself."""


def python_name(name: str) -> str:
    """A C++ name as one that Python and the translated program leave free."""
    return f"{name}_" if keyword.iskeyword(name) or name in _OURS else name


class Expressions:
    """Translates expressions.

    Attributes:
        names: what is declared, and what of it was lost.
        used: names of ``pixeltree`` that the result imports, and modules.
        calls: controller calls translated so far.
    """

    def __init__(self, names: Names) -> None:
        self.names = names
        self.used: set[str] = set()
        self.calls = 0

    def value(self, node: Node) -> str:
        """An expression as Python text."""
        return self._at(node, 0)

    def condition(self, node: Node) -> str:
        """A condition, whose value is only true or false."""
        if node.type in ("condition_clause", "parenthesized_expression") and len(node.named_children) == 1:
            return self.condition(node.named_children[0])
        if node.type == "condition_clause":
            raise CannotTranslateError("its condition declares a variable")
        return self._logic(node)[0]

    def real(self, node: Node) -> bool:  # noqa: PLR0911 - a row for each kind of expression
        """Whether an expression has a value with a fraction."""
        if node.type == "call_expression":
            function = text_of(node.child_by_field_name("function") or node)
            return MATH.get(function, "").startswith("math.") or function in REALS | {"atof", "std::atof"}
        if node.type == "number_literal":
            return _INTEGER.fullmatch(text_of(node)) is None
        if node.type == "identifier":
            return self.names.kind(text_of(node)) in REALS
        if node.type == "subscript_expression":
            return self.names.kind(declared_name(node) or "").removesuffix("[]") in REALS
        if node.type == "cast_expression":
            return text_of(node.named_children[0]) in REALS
        if node.type == "binary_expression" and self._operator(node) not in ("+", "-", "*", "/"):
            return False
        return any(self.real(child) for child in node.named_children)

    def converted(self, node: Node, kind: str) -> str:
        """An expression as the value that a variable of a type takes."""
        text = self.value(node)
        if kind in REALS:
            return text if self.real(node) else f"float({text})"
        if kind not in INTEGERS or kind == "auto":
            return text
        if kind == "bool":
            return text if node.type in ("true", "false") else f"bool({text})"
        if self.real(node):
            text = f"int({text})"
        return self.wrapped(text, BITS.get(kind, 0))

    @staticmethod
    def wrapped(text: str, bits: int) -> str:
        """A value as an integer of so many bits, negative for signed ones, keeps it."""
        if not bits:
            return text
        least, most = (0, 2**bits - 1) if bits > 0 else (-(2 ** (-bits - 1)), 2 ** (-bits - 1) - 1)
        if re.fullmatch(r"-?\d+", text) and least <= int(text) <= most:
            return text
        return (
            f"({text}) & {most:#x}"
            if least == 0
            else f"(({text}) + {-least}) % {most - least + 1} - {-least}"
        )

    def _at(self, node: Node, least: int) -> str:
        """An expression, in brackets where it binds less strongly than its place needs."""
        text, level = self._expression(node)
        return text if level >= least else f"({text})"

    def _logic(self, node: Node) -> tuple[str, int]:
        if node.type == "parenthesized_expression":
            return self._logic(node.named_children[0])
        operator = self._operator(node)
        if node.type == "binary_expression" and operator in _WORDS:
            level = _LEVELS[operator]
            sides = []
            for side in ("left", "right"):
                text, own = self._logic(self._field(node, side))
                sides.append(text if own >= level else f"({text})")
            return f" {_WORDS[operator]} ".join(sides), level
        if node.type == "unary_expression" and operator == "!":
            text, own = self._logic(self._field(node, "argument"))
            return f"not {text}" if own > _NOT else f"not ({text})", _NOT
        return self._expression(node)

    def _expression(self, node: Node) -> tuple[str, int]:  # noqa: PLR0911, PLR0912 - likewise
        if node.has_error:
            raise CannotTranslateError(f"a syntax error in {short(node)}")
        match node.type:
            case "number_literal":
                return self._number(text_of(node)), _UNARY if text_of(node).startswith("-") else _ATOM
            case "true" | "false":
                return node.type.capitalize(), _ATOM
            case "string_literal" | "concatenated_string":
                return self.string(node), _ATOM
            case "identifier" | "qualified_identifier":
                return self._name(plain_name(node)), _ATOM
            case "parenthesized_expression":
                return self._expression(node.named_children[0])
            case "binary_expression":
                return self._binary(node)
            case "unary_expression":
                return self._unary(node)
            case "conditional_expression":
                yes, no = (self._at(self._field(node, side), _OR) for side in ("consequence", "alternative"))
                return f"{yes} if {self.condition(self._field(node, 'condition'))} else {no}", _TERNARY
            case "subscript_expression":
                return self._subscript(node), _ATOM
            case "cast_expression":
                return self._cast(text_of(self._field(node, "type")), self._field(node, "value"))
            case "call_expression":
                return self._call(node)
            case "initializer_list":
                return f"[{', '.join(self.value(child) for child in node.named_children)}]", _ATOM
        raise CannotTranslateError(f"no translation for {node.type.replace('_', ' ')}: {short(node)}")

    @staticmethod
    def _number(text: str) -> str:
        if match := _INTEGER.fullmatch(text):
            digits = match[2].replace("'", "")
            return match[1] + (f"0o{digits[1:]}" if re.fullmatch(r"0[0-7]+", digits) else digits)
        match = _REAL.fullmatch(text)
        if match is None or not any(char.isdigit() for char in match[1]):
            raise CannotTranslateError(f"{text} is a number of an unknown form")
        return match[1]

    @staticmethod
    def string(node: Node) -> str:
        """A string literal as Python writes it."""
        text = text_of(node)
        if not re.fullmatch(r'("([^"\\\n]|\\[nt"\\])*"\s*)+', text):
            raise CannotTranslateError(f"a string of an unknown form: {short(node)}")
        return text if node.type == "string_literal" else f"({text})"

    def _name(self, name: str) -> str:
        self.names.check(name)
        if name in REGISTERS and not self.names.known(name):
            self.used.add(PUBLIC[name])
            return PUBLIC[name]
        if not self.names.known(name):
            raise CannotTranslateError(f"{name} is declared nowhere in this file")
        return python_name(name)

    def _binary(self, node: Node) -> tuple[str, int]:
        operator = self._operator(node)
        left, right = self._field(node, "left"), self._field(node, "right")
        if operator in _WORDS:
            return f"bool({self._logic(node)[0]})", _ATOM
        if operator == "/":
            if self.real(node):
                return f"{self._at(left, 11)} / {self._at(right, 12)}", 11
            return f"int({self._at(left, 11)} / {self._at(right, 12)})", _ATOM
        if operator == "%":
            self.used.add("math")
            return f"int(math.fmod({self.value(left)}, {self.value(right)}))", _ATOM
        level = _LEVELS.get(operator)
        if level is None:
            raise CannotTranslateError(f"no translation for the operator {operator}")
        own = level + 1 if level == _COMPARISON else level
        return f"{self._at(left, own)} {operator} {self._at(right, level + 1)}", level

    def _unary(self, node: Node) -> tuple[str, int]:
        operator = self._operator(node)
        if operator == "!":
            return self._logic(node)
        return f"{operator}{self._at(self._field(node, 'argument'), _UNARY)}", _UNARY

    def _subscript(self, node: Node) -> str:
        indices = self._field(node, "indices").named_children
        if len(indices) != 1:
            raise CannotTranslateError("an index must be one number")
        return f"{self._at(self._field(node, 'argument'), _ATOM)}[{self.value(indices[0])}]"

    def _cast(self, kind: str, inner: Node) -> tuple[str, int]:
        kind = kind.strip()
        if kind not in REALS | INTEGERS:
            raise CannotTranslateError(f"no translation for the type {kind}")
        return f"({self.converted(inner, kind)})", _ATOM

    def _call(self, node: Node) -> tuple[str, int]:  # noqa: PLR0911 - likewise
        function, arguments = self._field(node, "function"), call_arguments(node)
        name = text_of(function)
        if function.type == "template_function":
            caster, kind = (text_of(child) for child in function.named_children[:2])
            if caster == "static_cast" and len(arguments) == 1:
                return self._cast(kind.strip("<>"), arguments[0])
            raise CannotTranslateError(f"no translation for the template {short(node)}")
        if (name in REALS or name in INTEGERS) and len(arguments) == 1:
            return self._cast(name, arguments[0])
        if name in NUMBERS and len(arguments) == 1:
            return f"{NUMBERS[name]}({self.value(arguments[0])})", _ATOM
        if name in MATH and not self.names.known(name):
            self.used |= {"math"} & {MATH[name].partition(".")[0]}
            return f"{MATH[name]}({self.values(arguments)})", _ATOM
        if name == "vs_loop_counter_get" and not arguments:
            self.used.add("loop")
            return "loop", _ATOM
        if name == "vs_gui_read_slider" and len(arguments) == 1:
            return self._expression(arguments[0])
        if name in METHODS:
            return self.chip(METHODS[name], [self.value(each) for each in arguments]), _ATOM
        if name in TOTALS and len(arguments) == 1:
            return self.chip(TOTALS[name][0], [self.value(arguments[0])]), _ATOM
        if name in self.names.functions:
            self.names.check(name)
            return f"{python_name(name)}({self.values(arguments)})", _ATOM
        raise CannotTranslateError(REASONS.get(name, f"{name} is not known"))

    def values(self, nodes: Sequence[Node]) -> str:
        """Operands as Python text."""
        return ", ".join(self.value(node) for node in nodes)

    def chip(self, method: str, operands: Sequence[str]) -> str:
        """A call of ``device.chip``."""
        try:
            inspect.signature(getattr(Chip, method)).bind(None, *operands)
        except TypeError as error:
            raise CannotTranslateError(f"chip.{method}: {error}") from error
        self.calls += 1
        return f"chip.{method}({', '.join(operands)})"

    @staticmethod
    def _operator(node: Node) -> str:
        operator = node.child_by_field_name("operator")
        return "" if operator is None else text_of(operator)

    @staticmethod
    def _field(node: Node, name: str) -> Node:
        found = node.child_by_field_name(name)
        if found is None:
            raise CannotTranslateError(f"a syntax error in {short(node)}")
        return found


def call_arguments(node: Node) -> list[Node]:
    """The operands of a call."""
    arguments = node.child_by_field_name("arguments")
    return [] if arguments is None else [each for each in arguments.named_children if each.type != "comment"]


def short(node: Node) -> str:
    """The first line of a node's text, not too long for a comment."""
    first = text_of(node).partition("\n")[0].rstrip()
    return first if len(first) <= 60 else f"{first[:57]}..."
