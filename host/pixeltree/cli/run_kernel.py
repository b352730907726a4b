"""``pixeltree run-kernel``: a kernel file, an image, and what the registers hold afterwards."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from pixeltree.arguments.images import read_picture, write_plane
from pixeltree.cli.assembly import warn
from pixeltree.cli.options import (
    IMAGES,
    KERNEL,
    OUTPUT,
    DeviceOption,
    JsonOption,
    KernelArgument,
    ParametersOption,
)
from pixeltree.cli.report import screen_beside, write_json
from pixeltree.cli.terminal import busy
from pixeltree.device.chip import Execution
from pixeltree.device.device import Device, connect
from pixeltree.errors import DataError
from pixeltree.kernels.files import read_kernel, settings
from pixeltree_protocol.chip.registers import AREGS, DREGS, Analog, Digital, Register
from pixeltree_protocol.names import known_names
from pixeltree_protocol.objects import Block
from pixeltree_protocol.objects.control_steps import Answer, Repeat
from pixeltree_protocol.objects.program import Launch, SetIn, Step
from pixeltree_protocol.text.kernel_text import ROUNDS

_SHOWN: tuple[Register, ...] = (*AREGS, *DREGS, Analog.PIX, Digital.FLAG)
"""Planes that can be shown; a device that is no emulator has no PIX and FLAG."""


def run_kernel(
    file: KernelArgument,
    image: Annotated[Path, IMAGES(help="What the sensor sees: a 256 x 256 picture.")],
    show: Annotated[str, OUTPUT(help="Registers to write, as in E,F,R5.")],
    out: Annotated[Path, OUTPUT(help="Folder for the files REGISTER.png; it is made if it is missing.")],
    level: Annotated[int, KERNEL("--in", min=-128, max=127, help="Level of IN while the kernel runs.")] = 0,
    fit: Annotated[bool, IMAGES("--fit", help="Crop and scale a picture of another size.")] = False,
    set_: ParametersOption = None,
    device: DeviceOption = None,
    json_file: JsonOption = None,
) -> None:
    """Expose the sensor to an image, run a kernel, and write register planes as PNG.

    AREGs are written as ADC codes (level + 128), DREGs as black and white.

    A kernel may declare parameters (param threshold = 40 in -128..127), use them by name, and drive IN by
    load_in(threshold). What stands between repeat(500) and until(global_or(R7) == 0), or
    until(global_count(R5, D) < 400), the controller runs again and again until that holds.

    Warnings of registers that a macro overwrites go to standard error.
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
    screen = screen_beside(json_file)
    with busy("running the kernel"), connect(device or "emu:") as connected:
        connected.show(picture)
        connected.chip.load_in(level)
        connected.chip.expose()
        done, rounds = _run(connected, parts)
        files = {str(register): out / f"{register}.png" for register in registers}
        for register in registers:
            write_plane(files[str(register)], connected.read_plane(register))
    for name, path in files.items():
        screen.print(f"{name}: {path}", soft_wrap=True)
    if rounds is not None:
        screen.print(f"{rounds} rounds")
    screen.print(f"{done.words} words, {done.device_ns / 1000:,.1f} us of device time, answer included")
    planes = {name: str(path) for name, path in files.items()}
    told = {"words": done.words, "device_us": done.device_ns / 1000, "planes": planes}
    write_json(json_file, told if rounds is None else {**told, "rounds": rounds})


def _run(device: Device, parts: Sequence[int | Step | Block]) -> tuple[Execution, int | None]:
    """One program: every block in turn, and what the controller does in between; the rounds of its loops."""
    blocks = [part for part in parts if isinstance(part, Block)]
    steps: list[Step] = []
    count = 0
    for part in parts:
        if isinstance(part, Block):
            steps.append(Launch(count))
            count += 1
        else:
            steps.append(SetIn(part) if isinstance(part, int) else part)
    if not any(isinstance(step, Repeat) for step in steps):
        return device.chip.execute(*steps, kernels=blocks), None
    done = device.chip.execute(*steps, Answer(ROUNDS), kernels=blocks)
    return done, int.from_bytes(done.read_outs[-1], "little", signed=True)


def _registers(show: str) -> list[Register]:
    names = [name.strip() for name in show.split(",") if name.strip()]
    known = {str(register): register for register in _SHOWN}
    for name in names:
        if name not in known:
            raise DataError(f"--show: no register {name!r}; {known_names(name, known)}")
    if not names:
        raise DataError("--show: name at least one register, as in E,F")
    return [known[name] for name in names]
