"""C++ declarations: variables, arrays and lambdas."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pixeltree.errors import CannotTranslateError
from pixeltree.port.expressions import call_arguments, python_name
from pixeltree.port.source import declared_name, kind_of, plain_name, text_of
from pixeltree.port.vocabulary import INTEGERS, REALS, SETTINGS

if TYPE_CHECKING:
    from tree_sitter import Node

    from pixeltree.port.statements import Statements

_REGISTER_TYPES = frozenset({"AREG", "DREG", "areg_t", "dreg_t", "news_t"})


class Declarations:
    """Writes declarations."""

    def __init__(self, statements: Statements) -> None:
        self._statements = statements
        self._lines = statements.lines
        self._expressions = statements.expressions
        self._names = statements.names
        self._tally = statements.tally
        self._calls = statements.calls

    def declaration(self, node: Node) -> None:
        """Variables, arrays and lambdas."""
        kind = kind_of(node)
        declarators = node.children_by_field_name("declarator")
        if all(each.type == "function_declarator" for each in declarators):
            return
        static = any(each.type == "storage_class_specifier" for each in node.children)
        if static and self._names.function and "const" not in text_of(node):
            raise CannotTranslateError("a static variable of a function keeps its value; declare it outside")
        for declarator in declarators:
            before = self._expressions.calls
            self._variable(declarator, kind)
            self._statements.effects.count(before)

    def _variable(self, declarator: Node, kind: str) -> None:
        value = declarator.child_by_field_name("value") if declarator.type == "init_declarator" else None
        inner = (
            declarator.child_by_field_name("declarator")
            if declarator.type == "init_declarator"
            else declarator
        )
        name = declared_name(declarator)
        if inner is None or name is None or inner.type not in ("identifier", "array_declarator"):
            raise CannotTranslateError("no translation for a pointer or a reference")
        if value is not None and value.type == "lambda_expression":
            self._lambda(name, value)
            return
        text = (
            self._array(inner, value, kind)
            if inner.type == "array_declarator"
            else self._initial(value, kind)
        )
        self._names.declare(name, f"{kind}[]" if inner.type == "array_declarator" else kind)
        self._lines.write(f"{python_name(name)} = {text}")

    def _initial(self, value: Node | None, kind: str) -> str:
        if value is None:
            if kind not in INTEGERS | REALS:
                raise CannotTranslateError(f"no translation for the type {kind}")
            return "0.0" if kind in REALS else "0"
        if value.type == "call_expression":
            called, operands = (
                plain_name(value.child_by_field_name("function") or value),
                call_arguments(value),
            )
            if called == "vs_gui_add_display" and operands:
                self._tally.controller_calls += 1
                self._tally.statements -= 1
                return self._expressions.value(operands[0])
            if called in SETTINGS and len(operands) > SETTINGS[called]:
                return self._calls.setting(called, operands)
        if self._calls.recording and "scamp5_" in text_of(value):
            raise CannotTranslateError("a controller call stands in a kernel, which has words only")
        return self._expressions.converted(value, kind)

    def _array(self, declarator: Node, value: Node | None, kind: str) -> str:
        if kind not in INTEGERS | REALS | _REGISTER_TYPES:
            raise CannotTranslateError(f"no translation for an array of {kind}")
        size = declarator.child_by_field_name("size")
        inner = declarator.child_by_field_name("declarator")
        if inner is not None and inner.type == "array_declarator":
            rows, columns = (each.child_by_field_name("size") for each in (inner, declarator))
            if value is not None or rows is None or columns is None:
                raise CannotTranslateError("no translation for an array of arrays with values")
            wide, high = self._expressions.value(columns), self._expressions.value(rows)
            return f"[[0] * ({wide}) for _ in range({high})]"
        zero = "0.0" if kind in REALS else "0"
        if value is None:
            if size is None:
                raise CannotTranslateError("the array has no size")
            return (
                f"[{zero}] * ({self._expressions.value(size)})"
                if size.named_children
                else (f"[{zero}] * {self._expressions.value(size)}")
            )
        if value.type != "initializer_list":
            raise CannotTranslateError("no translation for an array that is no list of values")
        values = self._expressions.value(value)
        if size is None:
            return values
        return f"({values} + [{zero}] * ({self._expressions.value(size)} - {len(value.named_children)}))"

    def _lambda(self, name: str, node: Node) -> None:
        body, declarator = node.child_by_field_name("body"), node.child_by_field_name("declarator")
        if body is None:
            raise CannotTranslateError("a syntax error")
        self._names.declare(name, "auto")
        self._names.functions.add(name)
        with self._names.inside(name):
            parameters = self._statements.parameters(
                declarator.child_by_field_name("parameters") if declarator else None
            )
            self._statements.function(name, parameters, body, "auto")
