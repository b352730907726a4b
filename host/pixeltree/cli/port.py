"""``pixeltree port``: a C++ program against the vendor's API as Python, or its kernels as kernel files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pixeltree.cli.options import KERNEL, OUTPUT, JsonOption
from pixeltree.cli.report import check_replaceable, screen_beside, write_file, write_json
from pixeltree.errors import DataError
from pixeltree.port import Ported, kernel_text, python_program, read_source

_SUFFIXES = (".py", ".kernel")


def port(
    file: Annotated[Path, typer.Argument(help="A C++ program against the vendor's API.")],
    output: Annotated[
        Path,
        OUTPUT(
            "-o",
            "--output",
            metavar="FILE",
            help="A .py for the program, or a .kernel for one of its kernels.",
        ),
    ],
    kernel: Annotated[
        str | None,
        KERNEL(
            metavar="NAME",
            help="The kernel to write to a .kernel file: the name of its function, or its line.",
        ),
    ] = None,
    json_file: JsonOption = None,
) -> None:
    """Translate a C++ program against the vendor's API.

    The command does not compile C++. Statements that it cannot translate become comments, with the reason
    and the line.
    """
    suffix = output.suffix.lower()
    if suffix not in _SUFFIXES:
        raise DataError(f"-o {output}: the suffix says what to make; known: {', '.join(_SUFFIXES)}")
    if kernel is not None and suffix != ".kernel":
        raise DataError(
            f"--kernel chooses one kernel for -o NAME.kernel; {output} gets the whole program: leave "
            "--kernel out"
        )
    check_replaceable(output)
    source = read_source(file)
    ported = kernel_text(source, kernel) if suffix == ".kernel" else python_program(source)
    if not ported.useful:
        first = ported.tally.untranslated[:1]
        because = f"; the first reason is in line {first[0].line}: {first[0].reason}" if first else ""
        raise DataError(
            f"{file}: no call of the vendor's API was translated, so nothing was written{because}"
        )
    write_file(output, ported.text.encode())
    write_json(json_file, {"file": str(file), "output": str(output), **ported.tally.figures()})
    _say(ported, file, output, json_file)


def _say(ported: Ported, file: Path, output: Path, json_file: Path | None) -> None:
    screen, tally = screen_beside(json_file), ported.tally
    for each in tally.untranslated:
        screen.print(f"{file}:{each.line}: not translated: {each.reason}", soft_wrap=True)
    screen.print(
        f"{output}: {tally.kernels} kernels with {tally.kernel_calls} calls, "
        f"{tally.controller_calls} controller calls, {tally.statements} other statements; "
        f"{tally.left_out} calls are not needed here; "
        f"{len(tally.untranslated)} statements stay as comments",
        soft_wrap=True,
    )
