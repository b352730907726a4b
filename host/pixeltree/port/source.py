"""A C++ file as tree-sitter reads it, within limits."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pixeltree.arguments.files import AnyPath, as_path
from pixeltree.errors import DataError, from_extra

if TYPE_CHECKING:
    from tree_sitter import Node

MOST_BYTES = 256 * 1024
"""Larger than any example program; above it a file is machine-made, or no program at all."""
MOST_DEPTH = 100
"""Nested brackets and blocks. The translation calls itself once for each."""
BEGIN = frozenset(f"scamp{chip}_{kind}kernel_begin" for chip in "57" for kind in ("", "dynamic_"))
END = frozenset(f"scamp{chip}_{kind}kernel_end" for chip in "57" for kind in ("", "dynamic_"))


@dataclass(frozen=True)
class Source:
    """A C++ file, parsed.

    Attributes:
        name: of the file, without its folder.
        root: the syntax tree.
    """

    name: str
    root: Node


@dataclass(frozen=True)
class FoundKernel:
    """A kernel between its begin and its end.

    Attributes:
        name: that of its function; ``_2`` and so on follow from the second kernel of a function on.
        line: where it begins, from 1.
        before: the statements before it in its block.
        statements: those between begin and end.
    """

    name: str
    line: int
    before: tuple[Node, ...]
    statements: tuple[Node, ...]


def read_source(path: AnyPath) -> Source:
    """Read and parse a C++ file.

    Raises:
        DataError: it cannot be read, is empty, too large, nested too deeply or no text; or tree-sitter
            is missing.
    """
    try:
        with as_path(path).open("rb") as file:
            data = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror}") from error
    return parse(data, Path(path).name)


def parse(data: bytes, name: str) -> Source:
    """Parse a file's bytes.

    Raises:
        DataError: see :func:`read_source`.
    """
    try:
        import tree_sitter  # noqa: PLC0415 - an extra
        import tree_sitter_cpp  # noqa: PLC0415
    except ImportError as error:
        raise DataError(f"translating C++ needs tree-sitter: {from_extra('port')}") from error
    if not data.strip():
        raise DataError(f"{name} is empty")
    if len(data) > MOST_BYTES:
        raise DataError(f"{name} has more than {MOST_BYTES // 1024} KiB; split it, and port its parts")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{name} is no C++ text: {error.reason} at byte {error.start}") from error
    if "\0" in text:
        raise DataError(f"{name} is no C++ text: it has bytes of value 0")
    parser = tree_sitter.Parser(tree_sitter.Language(tree_sitter_cpp.language()))
    root = parser.parse(text.encode()).root_node
    _check_depth(root, name)
    return Source(name, root)


def _check_depth(root: Node, name: str) -> None:
    level = [root]
    for _ in range(MOST_DEPTH):
        level = [child for node in level for child in node.children]
        if not level:
            return
    line = level[0].start_point[0] + 1
    raise DataError(f"{name}:{line}: blocks or brackets are nested more than {MOST_DEPTH} deep")


def text_of(node: Node) -> str:
    """A node's source text."""
    return (node.text or b"").decode()


def line_of(node: Node) -> int:
    """The line where a node begins, from 1."""
    return int(node.start_point[0]) + 1


def statements_of(block: Node) -> list[Node]:
    """What stands in a block, comments left out."""
    return [child for child in block.named_children if child.type != "comment"]


def walk(node: Node) -> Iterator[Node]:
    """A node and all below it, in the order of the text."""
    waiting = [node]
    while waiting:
        current = waiting.pop()
        yield current
        waiting += reversed(current.named_children)


def called(statement: Node) -> str | None:
    """The name that a statement calls, where it is a call and nothing else."""
    if statement.type != "expression_statement" or not statement.named_children:
        return None
    call = statement.named_children[0]
    function = call.child_by_field_name("function") if call.type == "call_expression" else None
    return None if function is None else plain_name(function)


def plain_name(node: Node) -> str:
    """An identifier's name without its namespace."""
    return text_of(node).rpartition("::")[2].strip()


def declared_name(declarator: Node) -> str | None:
    """The name inside a declarator, whatever is around it."""
    return next((text_of(node) for node in walk(declarator) if node.type == "identifier" and node.text), None)


def find_kernels(source: Source) -> list[FoundKernel]:
    """All kernels that begin and end in one block."""
    found: list[FoundKernel] = []
    counts: dict[str, int] = {}
    for block in walk(source.root):
        if block.type not in ("compound_statement", "case_statement"):
            continue
        inside = statements_of(block)
        begin: int | None = None
        for at, statement in enumerate(inside):
            name = called(statement)
            if name in BEGIN:
                begin = at
            elif name in END and begin is not None:
                function = _function_around(block)
                counts[function] = counts.get(function, 0) + 1
                full = function if counts[function] == 1 else f"{function}_{counts[function]}"
                pieces = tuple(inside[:begin]), tuple(inside[begin + 1 : at])
                found.append(FoundKernel(full, line_of(inside[begin]), *pieces))
                begin = None
    return found


def _function_around(node: Node) -> str:
    around: Node | None = node
    while around is not None:
        if around.type == "function_definition":
            declarator = around.child_by_field_name("declarator")
            return (declared_name(declarator) if declarator is not None else None) or "kernel"
        around = around.parent
    return "kernel"


def kind_of(node: Node) -> str:
    """The type that a declaration names."""
    kind = node.child_by_field_name("type")
    return "" if kind is None else plain_name(kind)


def names_written(node: Node) -> set[str]:
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
