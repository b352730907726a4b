"""C++ statements as lines of Python; what has no translation becomes a comment with reason and line."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from pixeltree.errors import CannotTranslateError
from pixeltree.port.calls import Calls
from pixeltree.port.expressions import Expressions, call_arguments, python_name, short
from pixeltree.port.report import Tally, Untranslated
from pixeltree.port.scopes import Names
from pixeltree.port.source import declared_name, line_of, plain_name, statements_of, text_of, walk
from pixeltree.port.vocabulary import BITS, INTEGERS, REALS, SETTINGS

if TYPE_CHECKING:
    from tree_sitter import Node

_LEAVING = frozenset({"return_statement", "break_statement", "continue_statement"})
_LOOPS = frozenset({"for_statement", "while_statement", "do_statement", "lambda_expression"})
_WITH_BLOCKS = frozenset(
    """if_statement while_statement do_statement for_statement switch_statement compound_statement
    declaration""".split()
)
"""Statements in which a syntax error may lie in a smaller one."""
_MOST_COMMENT_LINES = 12
_REGISTER_TYPES = frozenset({"AREG", "DREG", "areg_t", "dreg_t", "news_t"})


class Statements:
    """Writes statements.

    Attributes:
        out: lines so far, indented.
        depth: how far to indent.
        tally: what was translated.
    """

    def __init__(self, names: Names, macros: frozenset[str]) -> None:
        self.names = names
        self.tally = Tally()
        self.expressions = Expressions(names)
        self.calls = Calls(names, self.expressions, self.tally, macros)
        self.out: list[str] = []
        self.depth = 1
        self._continues: list[Callable[[], None]] = []
        self._returns = ["void"]

    def write(self, line: str) -> None:
        """One line of the result."""
        self.out.append("    " * self.depth + line if line else "")

    def statement(self, node: Node) -> None:
        """Translate a statement, or keep it as a comment."""
        if node.type == "comment":
            for line in text_of(node).strip("/* ").splitlines():
                self.write(f"# {line.strip(' */')}".rstrip())
            return
        lines, depth, loops, counts = len(self.out), self.depth, len(self._continues), self.tally.counts()
        recording = self.calls.recording
        try:
            if node.has_error and (
                node.type not in _WITH_BLOCKS
                or any(each.is_error or each.is_missing for each in node.children)
            ):
                raise CannotTranslateError("a syntax error")
            self._any(node)
        except CannotTranslateError as error:
            del self.out[lines:], self._continues[loops:]
            self.depth = depth
            self.tally.go_back(counts)
            self.calls.recording = recording and "kernel_end" not in text_of(node)
            self.refuse(node, str(error))

    def refuse(self, node: Node, reason: str) -> None:
        """Keep a piece of C++ as a comment, and remember which values are not known any more."""
        line, reason = line_of(node), " ".join(reason.split())
        self.tally.untranslated.append(Untranslated(line, short(node), reason))
        self.write(f"# line {line}, not translated: {reason}")
        lines = text_of(node).splitlines()
        for each in lines[:_MOST_COMMENT_LINES]:
            self.write(f"#     {each.rstrip()}")
        if len(lines) > _MOST_COMMENT_LINES:
            self.write(f"#     ... and {len(lines) - _MOST_COMMENT_LINES} more lines")
        for name in _written(node):
            self.names.lose(name, f"{name} has no value since line {line}")
        if any(each.type in _LEAVING for each in walk(node)):
            self.write(f'raise NotImplementedError("line {line} was not translated")')

    def suite(self, node: Node, after: Callable[[], None] | None = None) -> None:
        """What a statement controls: a block or one statement, one step further in."""
        began = len(self.out)
        self.depth += 1
        recording = self.calls.recording
        with self.names.block():
            inside = node.named_children if node.type in ("compound_statement", "case_statement") else [node]
            for each in inside:
                self.statement(each)
            if after is not None:
                after()
        if self.calls.recording != recording:
            raise CannotTranslateError("a kernel must begin and end in the same block")
        if all(line.lstrip().startswith("#") for line in self.out[began:]):
            self.write("pass")
        self.depth -= 1

    def function(self, name: str, parameters: list[str], body: Node, kind: str) -> None:
        """A function or lambda."""
        self.write(f"def {python_name(name)}({', '.join(parameters)}):")
        at, indent = len(self.out), "    " * (self.depth + 1)
        self._returns.append(kind)
        continues, self._continues = self._continues, []
        self.suite(body)
        self._continues = continues
        self._returns.pop()
        if self.names.assigned[-1]:
            self.out.insert(
                at, f"{indent}nonlocal {', '.join(map(python_name_ours, sorted(self.names.assigned[-1])))}"
            )

    def parameters(self, node: Node | None) -> list[str]:
        """The parameters of a function, declared in it."""
        texts = []
        for each in [] if node is None else node.named_children:
            declarator, kind = each.child_by_field_name("declarator"), _kind(each)
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
                    self._effect(each)
            case "declaration":
                self.declaration(node)
            case "compound_statement":
                for each in node.named_children:
                    self.statement(each)
            case "if_statement":
                self._if(node, "if")
            case "while_statement" | "do_statement":
                self._while(node)
            case "for_statement":
                self._for(node)
            case "switch_statement":
                self._switch(node)
            case "return_statement":
                self._return(node)
            case "break_statement" | "continue_statement" if not self._continues:
                raise CannotTranslateError("it stands in no loop")
            case "break_statement":
                self.write("break")
            case "continue_statement":
                self._continues[-1]()
                self.write("continue")
            case _:
                raise CannotTranslateError(f"no translation for {node.type.replace('_', ' ')}")

    def _return(self, node: Node) -> None:
        if not node.named_children:
            self.write("return")
        else:
            self.write(f"return {self.expressions.converted(node.named_children[0], self._returns[-1])}")

    # -- effects -------------------------------------------------------------------------------------

    def _effect(self, node: Node) -> None:
        before = self.expressions.calls
        match node.type:
            case "comma_expression":
                for each in node.named_children:
                    self._effect(each)
                return
            case "parenthesized_expression":
                self._effect(node.named_children[0])
                return
            case "call_expression":
                for line in self.calls.lines(node):
                    self.write(line)
                return
            case "conditional_expression":
                self._either(node)
            case "assignment_expression":
                self._assign(node)
            case "update_expression":
                self._step(node)
            case _:
                raise CannotTranslateError(f"no translation for {node.type.replace('_', ' ')} as a statement")
        self._count(before)

    def _either(self, node: Node) -> None:
        """``a ? b : c`` for what b and c do."""
        condition, *sides = (
            node.child_by_field_name(field) for field in ("condition", "consequence", "alternative")
        )
        for side, head in zip(sides, ("if", "else"), strict=True):
            if condition is None or side is None:
                raise CannotTranslateError("a syntax error")
            self.write(f"if {self.expressions.condition(condition)}:" if head == "if" else "else:")
            self.depth += 1
            self._effect(side)
            self.depth -= 1

    def _count(self, before: int) -> None:
        if self.expressions.calls > before:
            self.tally.controller_calls += 1
        else:
            self.tally.statements += 1

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
            self.write(f"{name} = {self.expressions.converted(right, kind)}")
            return
        self._store(name, kind, sign, self.expressions.value(right), self.expressions.real(right))

    def _store(self, name: str, kind: str, sign: str, value: str, real: bool) -> None:
        plain = kind in REALS or (kind not in BITS and not real and sign not in ("/", "%"))
        if plain:
            self.write(f"{name} {sign}= {value}")
            return
        if sign == "%":
            self.expressions.used.add("math")
            text = f"int(math.fmod({name}, {value}))"
        else:
            text = f"{name} {sign} ({value})"
            text = f"int({text})" if real or sign == "/" else text
        self.write(f"{name} = {self.expressions.wrapped(text, BITS.get(kind, 0))}")

    def _target(self, node: Node) -> tuple[str, str]:
        """What is assigned to, and its type."""
        if node.type == "identifier":
            self.names.assign(text_of(node))
            return self.expressions.value(node), self.names.kind(text_of(node))
        if node.type == "subscript_expression":
            base = declared_name(node) or ""
            return self.expressions.value(node), self.names.kind(base).replace("[]", "")
        raise CannotTranslateError(f"no translation for an assignment to {short(node)}")

    # -- declarations --------------------------------------------------------------------------------

    def declaration(self, node: Node) -> None:
        """Variables, arrays and lambdas."""
        kind = _kind(node)
        declarators = node.children_by_field_name("declarator")
        if all(each.type == "function_declarator" for each in declarators):
            return
        static = any(each.type == "storage_class_specifier" for each in node.children)
        if static and self.names.function and "const" not in text_of(node):
            raise CannotTranslateError("a static variable of a function keeps its value; declare it outside")
        for declarator in declarators:
            before = self.expressions.calls
            self._variable(declarator, kind)
            self._count(before)

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
        self.names.declare(name, f"{kind}[]" if inner.type == "array_declarator" else kind)
        self.write(f"{python_name(name)} = {text}")

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
                self.tally.controller_calls += 1
                self.tally.statements -= 1
                return self.expressions.value(operands[0])
            if called in SETTINGS and len(operands) > SETTINGS[called]:
                return self.calls.setting(called, operands)
        if self.calls.recording and "scamp5_" in text_of(value):
            raise CannotTranslateError("a controller call stands in a kernel, which has words only")
        return self.expressions.converted(value, kind)

    def _array(self, declarator: Node, value: Node | None, kind: str) -> str:
        if kind not in INTEGERS | REALS | _REGISTER_TYPES:
            raise CannotTranslateError(f"no translation for an array of {kind}")
        size = declarator.child_by_field_name("size")
        inner = declarator.child_by_field_name("declarator")
        if inner is not None and inner.type == "array_declarator":
            rows, columns = (each.child_by_field_name("size") for each in (inner, declarator))
            if value is not None or rows is None or columns is None:
                raise CannotTranslateError("no translation for an array of arrays with values")
            return (
                f"[[0] * ({self.expressions.value(columns)}) for _ in range({self.expressions.value(rows)})]"
            )
        zero = "0.0" if kind in REALS else "0"
        if value is None:
            if size is None:
                raise CannotTranslateError("an array without a size")
            return (
                f"[{zero}] * ({self.expressions.value(size)})"
                if size.named_children
                else (f"[{zero}] * {self.expressions.value(size)}")
            )
        if value.type != "initializer_list":
            raise CannotTranslateError("no translation for an array that is no list of values")
        values = self.expressions.value(value)
        if size is None:
            return values
        return f"({values} + [{zero}] * ({self.expressions.value(size)} - {len(value.named_children)}))"

    def _lambda(self, name: str, node: Node) -> None:
        body, declarator = node.child_by_field_name("body"), node.child_by_field_name("declarator")
        if body is None:
            raise CannotTranslateError("a syntax error")
        self.names.declare(name, "auto")
        self.names.functions.add(name)
        with self.names.inside(name):
            parameters = self.parameters(declarator.child_by_field_name("parameters") if declarator else None)
            self.function(name, parameters, body, "auto")

    # -- branches and loops ----------------------------------------------------------------------------

    def _if(self, node: Node, word: str) -> None:
        condition, yes = node.child_by_field_name("condition"), node.child_by_field_name("consequence")
        if condition is None or yes is None:
            raise CannotTranslateError("a syntax error")
        before = self.expressions.calls
        self.write(f"{word} {self.expressions.condition(condition)}:")
        self._count(before)
        self.suite(yes)
        clause = node.child_by_field_name("alternative")
        if clause is None:
            return
        inside = statements_of(clause)
        if len(inside) == 1 and inside[0].type == "if_statement":
            self._if(inside[0], "elif")
        elif inside:
            self.write("else:")
            self.suite(inside[0])

    def _while(self, node: Node) -> None:
        condition, body = node.child_by_field_name("condition"), node.child_by_field_name("body")
        if condition is None or body is None:
            raise CannotTranslateError("a syntax error")
        text = self.expressions.condition(condition)
        endless = text in ("1", "True")
        if node.type == "while_statement" or endless:
            self.write(f"while {'True' if endless else text}:")
            self._loop(body, lambda: None)
        else:
            if any(each.type == "continue_statement" for each in walk(body)):
                raise CannotTranslateError("no translation for continue in a do loop")
            self.write("while True:")
            self._loop(
                body, lambda: None, lambda: self.write(f"if not ({text}):\n{'    ' * (self.depth + 1)}break")
            )
        self.tally.statements += 1

    def _loop(
        self, body: Node, on_continue: Callable[[], None], after: Callable[[], None] | None = None
    ) -> None:
        self._continues.append(on_continue)
        self.suite(body, after)
        self._continues.pop()

    def _for(self, node: Node) -> None:
        body = node.child_by_field_name("body")
        if body is None:
            raise CannotTranslateError("a syntax error")
        counted = self._counted(node, body)
        with self.names.block():
            if counted is not None:
                name, kind, text = counted
                self.names.declare(name, kind)
                self.write(f"for {python_name(name)} in range({text}):")
                self._loop(body, lambda: None)
                self.tally.statements += 1
                return
            first, condition, update = (
                node.child_by_field_name(field) for field in ("initializer", "condition", "update")
            )
            if first is not None:
                (self.declaration if first.type == "declaration" else self._effect)(first)

            def step() -> None:
                if update is not None:
                    self._effect(update)

            self.write(f"while {'True' if condition is None else self.expressions.condition(condition)}:")
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
        name, kind = declared_name(declarators[0]), _kind(first)
        left, bound = condition.child_by_field_name("left"), condition.child_by_field_name("right")
        if value is None or name is None or left is None or bound is None or text_of(left) != name:
            return None
        step, sign = _step_of(update, name), text_of(condition.child_by_field_name("operator") or condition)
        read = {text_of(each) for each in walk(bound) if each.type == "identifier"} | {name}
        calls = any(each.type == "call_expression" for each in walk(bound))
        if step is None or calls or read & _written(body) or kind in REALS or self.expressions.real(bound):
            return None
        ends = {("<", 1): "", ("<=", 1): " + 1", (">", -1): "", (">=", -1): " - 1"}
        end = ends.get((sign, 1 if step > 0 else -1))
        if end is None:
            return None
        begin = self.expressions.value(value)
        text = self.expressions.value(bound) + end
        return (
            name,
            kind,
            text if begin == "0" and step == 1 else f"{begin}, {text}" + (f", {step}" if step != 1 else ""),
        )

    def _switch(self, node: Node) -> None:
        condition, body = node.child_by_field_name("condition"), node.child_by_field_name("body")
        if condition is None or body is None:
            raise CannotTranslateError("a syntax error")
        before = self.expressions.calls
        self.write(f"match {self.expressions.condition(condition)}:")
        self._count(before)
        self.depth += 1
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
        self.depth -= 1

    def _case(self, value: Node | None, inside: list[Node]) -> None:
        if value is not None and value.type != "number_literal":
            raise CannotTranslateError("no translation for a case that is no number")
        self.write("case _:" if value is None else f"case {self.expressions.value(value)}:")
        self.depth += 1
        began = len(self.out)
        with self.names.block():
            for each in inside:
                self.statement(each)
        if all(line.lstrip().startswith("#") for line in self.out[began:]):
            self.write("pass")
        self.depth -= 1


def python_name_ours(name: str) -> str:
    """A name of a nonlocal line: our own stay as they are."""
    return name if name in ("kernel", "channel") else python_name(name)


def _kind(node: Node) -> str:
    kind = node.child_by_field_name("type")
    return "" if kind is None else plain_name(kind)


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


def _written(node: Node) -> set[str]:
    """Names that a piece of C++ declares, assigns, or hands out by their address."""
    found = set()
    for each in walk(node):
        target: Node | None = None
        if each.type in ("declaration", "init_declarator"):
            target = each.child_by_field_name("declarator")
        elif each.type == "assignment_expression":
            target = each.child_by_field_name("left")
        elif each.type in ("update_expression", "pointer_expression"):
            target = each.child_by_field_name("argument")
        if target is not None and (name := declared_name(target)) is not None:
            found.add(name)
    return found
