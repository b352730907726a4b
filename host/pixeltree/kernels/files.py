"""Kernel files: text as the assembler takes it, or block objects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pixeltree.arguments.files import TEXT, AnyPath, as_path
from pixeltree.errors import DataError
from pixeltree_protocol.errors import ObjectError
from pixeltree_protocol.objects import Block
from pixeltree_protocol.objects.layout import ObjectKind
from pixeltree_protocol.objects.treefile import MAGIC
from pixeltree_protocol.text.kernel_text import KernelText, read_kernel_text


def read_bytes(path: AnyPath) -> bytes:
    """A file's contents.

    Raises:
        DataError: it cannot be read.
    """
    try:
        return as_path(path).read_bytes()
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror}") from error


def read_kernel(path: AnyPath, values: Mapping[str, int] | None = None) -> KernelText:
    """Read a kernel file.

    Args:
        path: the file.
        values: of its parameters, in place of their defaults.

    Raises:
        DataError: the file cannot be read, or is not text.
        AssemblyError: a line is wrong; the message names file, line and operand.
    """
    data = read_bytes(path)
    if data[:1] == bytes([ObjectKind.BLOCK]):
        raise DataError(f"{path} is a block object, not kernel text: pixeltree disasm makes text of it")
    try:
        return read_kernel_text(data.decode(TEXT), str(path), values)
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is not text: {error.reason} at byte {error.start}") from error


def settings(texts: Sequence[str]) -> dict[str, int]:
    """Values of parameters from ``NAME=VALUE`` texts.

    Raises:
        DataError: a text is not of that form.
    """
    values = {}
    for text in texts:
        name, _, value = text.partition("=")
        try:
            values[name.strip()] = int(value)
        except ValueError as error:
            raise DataError(
                f"--set {text}: write NAME=VALUE with a whole number, as in threshold=50"
            ) from error
    return values


def read_block(path: AnyPath) -> Block:
    """Read a block object.

    Raises:
        DataError: the file cannot be read, or holds something else; the message says what.
    """
    data = read_bytes(path)
    if data[:1] != bytes([ObjectKind.BLOCK]):
        raise DataError(f"{path} is not a block object: {_kind(data)}")
    try:
        return Block.decode(data)
    except ObjectError as error:
        raise DataError(f"{path} is not a block object, or is damaged: {error}") from error


def _kind(data: bytes) -> str:
    """What bytes that are no block are, as far as their beginning tells."""
    if not data:
        return "it is empty"
    if data.startswith(MAGIC):
        return "it is a tree file; pixeltree tree and pixeltree compile show it"
    if data[0] in list(ObjectKind) and len(data) > 1 and data[1] == 1:
        return f"it is a {ObjectKind(data[0]).name.lower()} object"
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return f"it begins with the bytes {data[:4].hex(' ')}, a block with {ObjectKind.BLOCK:02x} 01"
    if text.isprintable() or all(char.isprintable() or char in "\r\n\t" for char in text):
        return "it is text; pixeltree asm makes a block of kernel text"
    return f"it begins with the bytes {data[:4].hex(' ')}, a block with {ObjectKind.BLOCK:02x} 01"
