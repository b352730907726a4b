"""Kernel files: text as the assembler takes it, or block objects."""

from __future__ import annotations

from pathlib import Path

from pixeltree.errors import DataError
from pixeltree.files import TEXT
from pixeltree_protocol.assembly import assemble
from pixeltree_protocol.objects import Block


def read_bytes(path: Path) -> bytes:
    """A file's contents.

    Raises:
        DataError: it cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror}") from error


def read_kernel(path: Path) -> Block:
    """Assemble a kernel file.

    Raises:
        DataError: the file cannot be read, or is not text.
        AssemblyError: a line is wrong; the message names file, line and operand.
    """
    data = read_bytes(path)
    try:
        return assemble(data.decode(TEXT), str(path))
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is not text: {error.reason} at byte {error.start}") from error
