"""``pixeltree asm`` and ``pixeltree disasm``: kernel text to block objects and back."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from pixeltree.cli.report import check_replaceable, is_standard_output, write_standard_output
from pixeltree.errors import DataError
from pixeltree.kernels.files import read_bytes, read_kernel
from pixeltree_protocol.assembly import disassemble
from pixeltree_protocol.objects import Block


def asm(
    file: Annotated[Path, typer.Argument(help="Kernel text: one instruction or macro a line.")],
    output: Annotated[
        Path, typer.Option("-o", "--output", help="Where the block object goes; - for standard output.")
    ],
) -> None:
    """Assemble a kernel file into a block object.

    Example: pixeltree asm threshold.kernel -o threshold.block
    """
    data = read_kernel(file).encode()
    if is_standard_output(output):
        check_replaceable(output)
        write_standard_output(data)
        return
    try:
        output.write_bytes(data)
    except OSError as error:
        raise DataError(f"cannot write {output}: {error.strerror}") from error


def disasm(
    file: Annotated[Path, typer.Argument(help="A block object.")],
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Where the text goes (default: the terminal).")
    ] = None,
) -> None:
    """Show the instruction words of a block object as kernel text.

    Assembling the text gives the same block again, byte for byte.
    """
    text = disassemble(Block.decode(read_bytes(file)))
    if output is None or is_standard_output(output):
        sys.stdout.write(text)
        return
    try:
        output.write_text(text)
    except OSError as error:
        raise DataError(f"cannot write {output}: {error.strerror}") from error
