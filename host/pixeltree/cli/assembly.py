"""``pixeltree asm`` and ``pixeltree disasm``: kernel text to block objects and back."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from pixeltree.cli.options import OUTPUT, KernelArgument, ParametersOption
from pixeltree.cli.report import check_replaceable, is_standard_output, write_file
from pixeltree.errors import DataError
from pixeltree.kernels.files import read_block, read_kernel, settings
from pixeltree.kernels.lint import lint
from pixeltree_protocol.chip.registers import Register
from pixeltree_protocol.text.assembly import disassemble
from pixeltree_protocol.text.kernel_text import KernelText


def asm(
    file: KernelArgument,
    output: Annotated[
        Path | None,
        OUTPUT("-o", "--output", metavar="FILE", help="Where the block object goes; - for standard output."),
    ] = None,
    set_: ParametersOption = None,
    check: Annotated[
        bool, OUTPUT("--lint", help="Warn of clobbered registers and the like; -o may be left out.")
    ] = False,
) -> None:
    """Assemble a kernel file into a block object."""
    if output is None and not check:
        raise DataError("name a file for the block object with -o, or give --lint to look for mistakes only")
    kernel = read_kernel(file, settings(set_ or []))
    if check:
        warn(kernel)
    if output is None:
        return
    if is_standard_output(output):
        check_replaceable(output)
    write_file(output, kernel.block().encode())


def warn(kernel: KernelText, wanted: Sequence[Register] = ()) -> None:
    """Write what :func:`lint` finds to standard error, with file and line."""
    for warning in lint(kernel, wanted):
        sys.stderr.write(f"{kernel.name}:{warning.line}: warning: {warning.text}\n")


def disasm(
    file: Annotated[Path, typer.Argument(help="A block object.")],
    output: Annotated[
        Path | None,
        OUTPUT("-o", "--output", metavar="FILE", help="Where the text goes. Default: the terminal."),
    ] = None,
) -> None:
    """Show the instruction words of a block object as kernel text.

    Assembling the text gives the same block again, byte for byte.
    """
    text = disassemble(read_block(file))
    if output is None or is_standard_output(output):
        sys.stdout.write(text)
    else:
        write_file(output, text.encode())
