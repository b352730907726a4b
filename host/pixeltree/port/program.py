"""A whole C++ program as a Python module."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pixeltree.errors import CannotTranslateError
from pixeltree.port.calls import is_kernel_call
from pixeltree.port.report import Ported
from pixeltree.port.scopes import Key, Names
from pixeltree.port.source import (
    BEGIN,
    Source,
    called,
    declared_name,
    find_kernels,
    parse,
    plain_name,
    text_of,
    walk,
)
from pixeltree.port.statements import Statements
from pixeltree.port.vocabulary import PUBLIC

if TYPE_CHECKING:
    from tree_sitter import Node

_MOST_PASSES = 8
_PASSED_OVER = frozenset({"comment", "preproc_include", "using_declaration"})
_NEXT_FRAME = '''
    def next_frame():
        """One more exposure, as the vendor's frame loop waits for."""
        nonlocal loop
        chip.expose()
        loop += 1
'''
_FILL = '''
    def fill(array, values, size=0):
        """Put what was read out into an array of the program, zeros behind it up to a size."""
        found = [int(value) for value in values]
        found += [0] * (size - len(found))
        array[: len(found)] = found
'''


def python_program(source: Source) -> Ported:
    """Translate a program.

    The result has a function ``program(device, show, settings, arguments)``. It calls ``show(display, what)``
    for all that the program displays or posts; ``settings`` gives sliders and switches other values, by name.
    """
    lost: dict[Key, str] = {}
    for _ in range(_MOST_PASSES):
        before = len(lost)
        writer = _Program(source, lost)
        writer.translate()
        if len(lost) == before:
            break
    return Ported(writer.text(), writer.statements.tally)


class _Program:
    """One pass over a file."""

    def __init__(self, source: Source, lost: dict[Key, str]) -> None:
        self._source = source
        functions = {name for node in walk(source.root) if (name := _function_name(node)) is not None}
        self._names = Names(functions, lost)
        self.statements = Statements(self._names, _macros(source, functions))
        self._main: str | None = None
        self._done: set[str] = set()

    def translate(self) -> None:
        """Translate all that stands outside functions, and the functions."""
        for node in self._source.root.named_children:
            if node.type in _PASSED_OVER:
                continue
            try:
                self._top(node)
            except CannotTranslateError as error:
                self.statements.refuse(node, str(error))
                if (name := _function_name(node)) is not None:
                    self._names.lose(name, f"{name} was not translated")
        if self._main is not None:
            self.statements.lines.write("")
            self.statements.lines.write(self._main)

    def _top(self, node: Node) -> None:
        if node.type == "declaration":
            self.statements.statement(node)
        elif node.type == "expression_statement" and not node.named_children:
            return  # a semicolon too many
        elif node.type == "preproc_def":
            self._constant(node)
        elif node.type == "function_definition":
            self._function(node)
        else:
            reason = (
                "a syntax error" if node.has_error else f"no translation for {node.type.replace('_', ' ')}"
            )
            raise CannotTranslateError(reason)

    def _constant(self, node: Node) -> None:
        """A macro without operands whose text is an expression."""
        name, value = (node.child_by_field_name(field) for field in ("name", "value"))
        if name is None or value is None:
            return
        text = text_of(value).split("//")[0].strip()
        wrapped = parse(f"auto x = {text};".encode(), text_of(name)).root
        parsed = next((each for each in walk(wrapped) if each.type == "init_declarator"), None)
        inner = None if parsed is None or wrapped.has_error else parsed.child_by_field_name("value")
        if inner is None:
            self._names.lose(text_of(name), f"{text_of(name)} was not translated")
            raise CannotTranslateError("no translation for a macro that is not a value")
        line = f"{text_of(name)} = {self.statements.expressions.value(inner)}"
        self._names.declare(text_of(name), "float" if self.statements.expressions.real(inner) else "int")
        self.statements.lines.write(line)
        self.statements.tally.statements += 1

    def _function(self, node: Node) -> None:
        name, body = _function_name(node), node.child_by_field_name("body")
        declarator, kind = node.child_by_field_name("declarator"), node.child_by_field_name("type")
        if name is None or body is None or declarator is None or kind is None or declarator.has_error:
            raise CannotTranslateError("no translation for a function of this form")
        if declarator.type != "function_declarator":
            raise CannotTranslateError("it returns a pointer or a reference")
        self._names.check(name)
        if name in self._done:
            raise CannotTranslateError(f"there is another function named {name}; Python has one of a name")
        self._done.add(name)
        began = len(self.statements.lines.out)
        self.statements.lines.write("")
        try:
            with self._names.inside(name):
                parameters = self.statements.parameters(declarator.child_by_field_name("parameters"))
                self.statements.function(name, parameters, body, text_of(kind))
        except CannotTranslateError:
            del self.statements.lines.out[began:]
            self.statements.lines.depth = 1
            raise
        if name == "main":
            self._main = "main(len(arguments), list(arguments))" if parameters else "main()"

    def text(self) -> str:
        """The module."""
        used = self.statements.expressions.used
        body = "\n".join(self.statements.lines.out)
        public = [name for name in dict.fromkeys(PUBLIC.values()) if name in used]
        title = f'"""{self._source.name}, translated by ``pixeltree port``."""'
        imports = ["import math"] * ("math" in used) + ["import sys", "", "import pixeltree as pt"]
        if public:
            imports.append(f"from pixeltree import {', '.join(public)}")
        head = [title, "", *imports, "", "", "def program(device, show=print, settings=None, arguments=()):"]
        head += [
            '    """Run the program on a device.',
            "",
            "    Args:",
            "        device: what pixeltree.connect gives.",
            "        show: is called with a display, or what else is posted, and its picture or values.",
            "        settings: values of sliders and switches, by name.",
            "        arguments: of the command line, the program's own name first.",
            '    """',
            "    chip = device.chip",
            "    settings = settings or {}",
        ]
        if "kernel" in body:
            head.append("    kernel = pt.Kernel()")
        if "channel" in used:
            head.append('    channel = "posts"')
        if "loop" in used:
            head.append("    loop = 0")
        helpers = _NEXT_FRAME * ("next_frame" in used) + _FILL * ("fill" in used)
        tail = (
            '\n\n\nif __name__ == "__main__":\n    with pt.connect("emu:") as connected:\n'
            "        program(connected, arguments=sys.argv)\n"
        )
        return "\n".join(head) + "\n" + helpers + body + tail


def _function_name(node: Node) -> str | None:
    if node.type != "function_definition":
        return None
    declarator = node.child_by_field_name("declarator")
    return None if declarator is None else declared_name(declarator)


def _macros(source: Source, functions: set[str]) -> frozenset[str]:
    """Functions that kernels call, and those that these call."""
    bodies = {name: node for node in walk(source.root) if (name := _function_name(node)) is not None}
    waiting = [call for kernel in find_kernels(source) for node in kernel.statements for call in _calls(node)]
    found: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name in functions and name not in found:
            found.add(name)
            waiting += _calls(bodies[name])
    return frozenset(name for name in found if _records(bodies[name], found))


def _calls(node: Node) -> list[str]:
    functions = (
        each.child_by_field_name("function") for each in walk(node) if each.type == "call_expression"
    )
    return [plain_name(each) for each in functions if each is not None]


def _records(body: Node, macros: set[str]) -> bool:
    if any(called(each) in BEGIN for each in walk(body)):
        return False
    return any(is_kernel_call(name) or name in macros for name in _calls(body))
