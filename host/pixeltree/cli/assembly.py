"""``pixeltree asm`` and ``pixeltree disasm``: kernel text to block objects and back."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from pixeltree.cli.report import check_replaceable, is_standard_output, write_standard_output
from pixeltree.errors import DataError
from pixeltree.kernels.files import read_block, read_kernel, settings
from pixeltree.kernels.lint import lint
from pixeltree_protocol.chip.registers import Register
from pixeltree_protocol.text.assembly import disassemble
from pixeltree_protocol.text.kernel_text import KernelText


def asm(
    file: Annotated[
        Path, typer.Argument(help="Kernel text: calls of the kernel API, one a line or several.")
    ],
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", help="Where the block object goes; - for standard output."),
    ] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", help="A parameter of the kernel, as NAME=VALUE; may be repeated."),
    ] = None,
    check: Annotated[
        bool, typer.Option("--lint", help="Warn of clobbered registers and the like; -o may be left out.")
    ] = False,
) -> None:
    """Assemble a kernel file into a block object.

    Example: pixeltree asm threshold.kernel -o threshold.block
    """
    if output is None and not check:
        raise DataError("name the block object's file with -o, or look for mistakes with --lint")
    kernel = read_kernel(file, settings(set_ or []))
    if check:
        warn(kernel)
    if output is None:
        return
    data = kernel.block().encode()
    if is_standard_output(output):
        check_replaceable(output)
        write_standard_output(data)
        return
    try:
        output.write_bytes(data)
    except OSError as error:
        raise DataError(f"cannot write {output}: {error.strerror}") from error


def warn(kernel: KernelText, wanted: Sequence[Register] = ()) -> None:
    """Write what :func:`lint` finds to standard error, with file and line."""
    for warning in lint(kernel, wanted):
        sys.stderr.write(f"{kernel.name}:{warning.line}: warning: {warning.text}\n")


def disasm(
    file: Annotated[Path, typer.Argument(help="A block object.")],
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Where the text goes (default: the terminal).")
    ] = None,
) -> None:
    """Show the instruction words of a block object as kernel text.

    Assembling the text gives the same block again, byte for byte.
    """
    text = disassemble(read_block(file))
    if output is None or is_standard_output(output):
        sys.stdout.write(text)
        return
    try:
        output.write_text(text)
    except OSError as error:
        raise DataError(f"cannot write {output}: {error.strerror}") from error
