"""``pixeltree run-kernel``: a kernel file, an image, and what the registers hold afterwards."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated

import typer

from pixeltree.arguments.images import read_picture, write_plane
from pixeltree.cli.assembly import warn
from pixeltree.cli.terminal import Screen
from pixeltree.device.chip import Execution
from pixeltree.device.device import Device, connect
from pixeltree.errors import DataError
from pixeltree.kernels.files import read_kernel, settings
from pixeltree.links.emulator import EmulatorProcess
from pixeltree_protocol.chip.registers import AREGS, DREGS, Analog, Digital, Register
from pixeltree_protocol.objects import Block
from pixeltree_protocol.objects.program import Run, SetIn, Step

_SHOWN: tuple[Register, ...] = (*AREGS, *DREGS, Analog.PIX, Digital.FLAG)
"""Planes that can be shown; a device that is no emulator has no PIX and FLAG."""


def run_kernel(
    file: Annotated[
        Path, typer.Argument(help="Kernel text: calls of the kernel API, one a line or several.")
    ],
    image: Annotated[Path, typer.Option(help="What the sensor sees: a 256 x 256 picture.")],
    show: Annotated[str, typer.Option(help="Registers to write, as in E,F,R5.")],
    out: Annotated[Path, typer.Option(help="Folder for REGISTER.png; made where it is missing.")],
    level: Annotated[
        int, typer.Option("--in", min=-128, max=127, help="Level of IN while the kernel runs.")
    ] = 0,
    fit: Annotated[bool, typer.Option("--fit", help="Crop and scale a picture of another size.")] = False,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", help="A parameter of the kernel, as NAME=VALUE; may be repeated."),
    ] = None,
    device: Annotated[
        str | None,
        typer.Option(help="Use the device at this URL, not a private one (ports: pixeltree devices)."),
    ] = None,
) -> None:
    """Expose the sensor to an image, run a kernel, and write register planes as PNG.

    AREGs are written as ADC codes (level + 128), DREGs as black and white.

    A kernel may declare parameters (param threshold = 40 in -128..127), use them by name, and drive IN by
    load_in(threshold). Warnings of registers that a macro overwrites go to standard error.

    Example: pixeltree run-kernel examples/sobel.kernel --image photo.png --show D,E,F --out planes
    """
    registers = _registers(show)
    kernel = read_kernel(file, settings(set_ or []))
    parts = list(kernel.parts())
    warn(kernel, registers)
    picture = read_picture(image, fit)
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(f"cannot make {out}: {error.strerror}") from error
    screen = Screen()
    with _device(device) as connected:
        connected.show(picture)
        connected.chip.load_in(level)
        connected.chip.expose()
        done = _run(connected, parts)
        for register in registers:
            path = out / f"{register}.png"
            write_plane(path, connected.read_plane(register))
            screen.print(f"{register}: {path}", soft_wrap=True)
    screen.print(f"{done.words} words, {done.device_ns / 1000:,.1f} us of device time, answer included")


def _run(device: Device, parts: Sequence[int | Block]) -> Execution:
    """One program: every block in turn, and IN driven where the kernel says so."""
    blocks = [part for part in parts if isinstance(part, Block)]
    steps: list[Step] = []
    count = 0
    for part in parts:
        steps.append(Run(count) if isinstance(part, Block) else SetIn(part))
        count += isinstance(part, Block)
    return device.chip.execute(*steps, kernels=blocks)


def _registers(show: str) -> list[Register]:
    names = [name.strip() for name in show.split(",") if name.strip()]
    known = {str(register): register for register in _SHOWN}
    for name in names:
        if name not in known:
            raise DataError(f"--show: no register {name!r}; known: {', '.join(known)}")
    if not names:
        raise DataError("--show: name at least one register, as in E,F")
    return [known[name] for name in names]


@contextlib.contextmanager
def _device(url: str | None) -> Iterator[Device]:
    """The device at a URL, or a private emulator for as long as it is needed."""
    with contextlib.ExitStack() as stack:
        if url is None:
            url = stack.enter_context(EmulatorProcess()).url
        yield stack.enter_context(connect(url))
