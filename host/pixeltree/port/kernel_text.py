"""One kernel of a C++ program as a kernel file: loops of known length are unrolled, constants are put in."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from pixeltree.errors import AssemblyError, CannotTranslateError, DataError
from pixeltree.port.calls import is_kernel_call
from pixeltree.port.expressions import call_arguments, short
from pixeltree.port.report import Ported, Tally, Untranslated
from pixeltree.port.source import (
    FoundKernel,
    Source,
    declared_name,
    find_kernels,
    line_of,
    parse,
    plain_name,
    text_of,
    walk,
)
from pixeltree.port.vocabulary import PUBLIC
from pixeltree_protocol.text.kernel_text import read_kernel_text

if TYPE_CHECKING:
    from tree_sitter import Node

MOST_STATEMENTS = 1024
"""As many as a block has words."""
_OPERATORS: Mapping[str, Callable[[int, int], int]] = {
    "+": operator.add, "-": operator.sub, "*": operator.mul, "<": operator.lt, "<=": operator.le,
    ">": operator.gt, ">=": operator.ge, "==": operator.eq, "!=": operator.ne, "<<": operator.lshift,
    "/": lambda a, b: int(a / b), "%": lambda a, b: a - b * int(a / b),
}  # fmt: skip
_LEAST, _MOST = -(2**31), 2**31 - 1


def kernel_text(source: Source, name: str | None = None) -> Ported:
    """Translate a kernel.

    Args:
        source: the program.
        name: of the kernel, as :func:`find_kernels` names it, or the number of the line where it begins. It
            may be left out where there is one kernel.

    Raises:
        DataError: there is no kernel, none of that name, or several and no name.
    """
    kernel = _chosen(source, name)
    writer = _Kernel(_constants(source))
    writer.out.append(f"# {source.name}, line {kernel.line}: {kernel.name}, translated by pixeltree port.")
    before = [each for each in kernel.before if each.type == "expression_statement"]
    if before:
        writer.out.append("# Before it, the program calls:")
        writer.out += [f"#   line {line_of(each)}: {short(each)}" for each in before[-12:]]
    writer.out.append("")
    for statement in kernel.statements:
        writer.statement(statement, {})
    writer.tally.kernels = int(writer.tally.kernel_calls > 0)
    return Ported("\n".join(writer.out) + "\n", writer.tally)


def _chosen(source: Source, name: str | None) -> FoundKernel:
    kernels = find_kernels(source)
    if not kernels:
        raise DataError(f"{source.name} has no kernel: nothing between scamp5_kernel_begin() and _end()")
    known = ", ".join(f"{kernel.name} (line {kernel.line})" for kernel in kernels)
    if name is None:
        if len(kernels) > 1:
            raise DataError(f"{source.name} has several kernels; choose one with --kernel: {known}")
        return kernels[0]
    for kernel in kernels:
        if name in (kernel.name, str(kernel.line)):
            return kernel
    raise DataError(f"{source.name} has no kernel {name!r}; it has {known}")


class _Kernel:
    """Writes kernel text."""

    def __init__(self, constants: Mapping[str, int]) -> None:
        self._constants = constants
        self.tally = Tally()
        self.out: list[str] = []

    def statement(self, node: Node, values: dict[str, int]) -> None:
        """Translate a statement, or keep it as a comment."""
        lines, counts = len(self.out), self.tally.counts()
        try:
            self._any(node, values)
        except CannotTranslateError as error:
            del self.out[lines:]
            self.tally.go_back(counts)
            reason = " ".join(str(error).split())
            self.tally.untranslated.append(Untranslated(line_of(node), short(node), reason))
            self.out.append(f"# line {line_of(node)}, not translated: {reason}")
            self.out += [f"#     {line.rstrip()}" for line in text_of(node).splitlines()]

    def _any(self, node: Node, values: dict[str, int]) -> None:
        if node.has_error:
            raise CannotTranslateError("a syntax error")
        if node.type == "comment":
            return
        if node.type == "expression_statement" and node.named_children:
            self._call(node.named_children[0], values)
        elif node.type == "compound_statement":
            for each in node.named_children:
                self.statement(each, values)
        elif node.type == "for_statement":
            self._for(node, values)
        elif node.type == "if_statement":
            self._if(node, values)
        else:
            raise CannotTranslateError(f"a kernel file has no {node.type.replace('_', ' ')}")

    def _call(self, node: Node, values: Mapping[str, int]) -> None:
        name = plain_name(node.child_by_field_name("function") or node)
        if node.type != "call_expression" or not is_kernel_call(name):
            raise CannotTranslateError(f"{name} is not a call of the kernel API")
        if self.tally.kernel_calls == MOST_STATEMENTS:
            raise CannotTranslateError(f"a kernel has at most {MOST_STATEMENTS} words")
        line = f"{name}({', '.join(self._operand(each, values) for each in call_arguments(node))})"
        try:
            read_kernel_text(line)
        except AssemblyError as error:
            raise CannotTranslateError(str(error).partition(": ")[2]) from error
        self.out.append(line)
        self.tally.kernel_calls += 1

    def _operand(self, node: Node, values: Mapping[str, int]) -> str:
        text = plain_name(node)
        if text in PUBLIC:
            return PUBLIC[text]
        if node.type == "initializer_list":
            return f"{{{', '.join(self._operand(each, values) for each in node.named_children)}}}"
        operands = {each.type for each in walk(node)}
        if node.type == "binary_expression" and operands == {"binary_expression", "identifier"}:
            parts = [part.strip() for part in text_of(node).split("|")]
            if all(part in PUBLIC for part in parts):
                return "|".join(parts)
        return str(self._number(node, values))

    def _for(self, node: Node, values: dict[str, int]) -> None:
        """Unroll a loop."""
        first, condition, update, body = (
            node.child_by_field_name(field) for field in ("initializer", "condition", "update", "body")
        )
        declarators = [] if first is None else first.children_by_field_name("declarator")
        if condition is None or update is None or body is None or len(declarators) != 1:
            raise CannotTranslateError("only loops that count one variable can be unrolled")
        name, value = declared_name(declarators[0]), declarators[0].child_by_field_name("value")
        change = text_of(update).replace(" ", "")
        steps = {f"{name}++": 1, f"++{name}": 1, f"{name}--": -1, f"--{name}": -1}
        if name is None or value is None or change not in steps:
            raise CannotTranslateError("only loops that count one variable can be unrolled")
        inner = {**values, name: self._number(value, values)}
        for _ in range(MOST_STATEMENTS + 1):
            if not self._number(condition, inner):
                return
            self.statement(body, inner)
            inner[name] += steps[change]
        raise CannotTranslateError(f"this loop runs more than {MOST_STATEMENTS} times")

    def _if(self, node: Node, values: dict[str, int]) -> None:
        condition, yes = node.child_by_field_name("condition"), node.child_by_field_name("consequence")
        no = node.child_by_field_name("alternative")
        if condition is None or yes is None:
            raise CannotTranslateError("a syntax error")
        if self._number(condition, values):
            self.statement(yes, values)
        elif no is not None and no.named_children:
            self.statement(no.named_children[0], values)

    def _number(self, node: Node, values: Mapping[str, int]) -> int:
        """The value of an expression that is known without running the program."""
        found = evaluate(node, {**self._constants, **values})
        if not _LEAST <= found <= _MOST:
            raise CannotTranslateError(f"{short(node)} is too large a number")
        return found


def evaluate(node: Node, values: Mapping[str, int]) -> int:
    """The value of a constant expression."""
    if node.type in ("parenthesized_expression", "condition_clause") and node.named_children:
        return evaluate(node.named_children[0], values)
    if node.type == "number_literal":
        try:
            return int(text_of(node).replace("'", "").rstrip("uUlL"), 0)
        except ValueError as error:
            raise CannotTranslateError(f"{text_of(node)} is no whole number") from error
    if node.type == "identifier" and text_of(node) in values:
        return values[text_of(node)]
    sign = text_of(node.child_by_field_name("operator") or node)
    if node.type == "unary_expression" and sign in "+-":
        return (-1 if sign == "-" else 1) * evaluate(node.named_children[0], values)
    left, right = node.child_by_field_name("left"), node.child_by_field_name("right")
    if node.type == "binary_expression" and sign in _OPERATORS and left is not None and right is not None:
        a, b = evaluate(left, values), evaluate(right, values)
        if (sign in ("/", "%") and b == 0) or (sign == "<<" and not 0 <= b < 32):
            raise CannotTranslateError(f"{short(node)} has no value")
        return int(_OPERATORS[sign](a, b))
    raise CannotTranslateError(f"{short(node)} is not known before the program runs")


def _constants(source: Source) -> dict[str, int]:
    """Macros and constants of the file whose value is a whole number."""
    found: dict[str, int] = {}
    twice: set[str] = set()
    for node in walk(source.root):
        name, value = None, None
        if node.type == "preproc_def":
            name = text_of(node.child_by_field_name("name") or node)
            text = text_of(node.child_by_field_name("value") or node).split("//")[0]
            value = _first_value(parse(f"auto x = {text};".encode(), name).root)
        elif node.type == "declaration" and {text_of(each) for each in node.children} & {
            "const",
            "constexpr",
        }:
            name, value = declared_name(node.child_by_field_name("declarator") or node), _first_value(node)
        if name is None or value is None:
            continue
        twice |= {name} & set(found)
        try:
            found[name] = evaluate(value, found)
        except CannotTranslateError:
            continue
    return {name: value for name, value in found.items() if name not in twice}


def _first_value(node: Node) -> Node | None:
    declarator = next((each for each in walk(node) if each.type == "init_declarator"), None)
    return None if declarator is None else declarator.child_by_field_name("value")
