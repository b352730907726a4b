"""Compile the port for a SCAMP-5d against our declarations: ``python -m firmware.ports.scamp5d.build FILE``.

FILE is a program for this computer, with the fake of the vendor's API in it. ``--objects FOLDER`` compiles
the port and the core for a Cortex-M0 instead, to see that they can be; nothing is linked, as the vendor's
library is missing. Compilers: c++ and cc where they are on the PATH, else those of ziglang.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

FIRMWARE = Path(__file__).resolve().parents[2]
PORT = FIRMWARE / "ports" / "scamp5d"
_WARN = ("-Wall", "-Wextra", "-Werror")
_PORT = ('-DPORT_LIMITS="../ports/scamp5d/limits.h"', "-DARRAY_BATCH=65536", "-I", str(PORT / "declared"))
_CORTEX_M0 = ("-target", "thumb-freestanding-eabi", "-mcpu=cortex_m0", "-Os", "-ffreestanding",
              "-isystem", str(FIRMWARE / "ports" / "cortex_m" / "include"))  # fmt: skip
_LANGUAGE = {".c": ("cc", "-std=c99"), ".cpp": ("c++", "-std=c++14", "-fno-exceptions", "-fno-rtti")}
_ZIG = (sys.executable, "-m", "ziglang")


def _compiler(language: str) -> Sequence[str]:
    """What compiles a language for this computer."""
    found = shutil.which(language)
    return (found,) if found else (*_ZIG, language)


def _compile(
    source: Path, target: Path, options: Sequence[str], compiler: Sequence[str] | None = None
) -> None:
    language, *standard = _LANGUAGE[source.suffix]
    standard = ["-std=c++17"] if "fake" in source.parts and language == "c++" else standard
    command = [*(compiler or _compiler(language)), *standard, *_WARN, *_PORT, *options, "-c", str(source)]
    subprocess.run([*command, "-o", str(target)], check=True)


def build_fake(target: Path, options: Sequence[str] = ("-O2",)) -> None:
    """The port with the fake, as a program for this computer.

    Raises:
        subprocess.CalledProcessError: the compiler said why on standard error.
    """
    sources = [
        path for folder in (FIRMWARE / "core", PORT, PORT / "fake") for path in sorted(folder.glob("*.c*"))
    ]
    with tempfile.TemporaryDirectory() as folder:
        objects = [Path(folder) / f"{number}.o" for number in range(len(sources))]
        for source, each in zip(sources, objects, strict=True):
            _compile(source, each, options)
        subprocess.run([*_compiler("c++"), *options, *map(str, objects), "-o", str(target)], check=True)


def compile_for_the_board(folder: Path) -> None:
    """Core and port as objects for a Cortex-M0, in a folder.

    Raises:
        subprocess.CalledProcessError: the compiler said why on standard error.
    """
    sources = [path for room in (FIRMWARE / "core", PORT) for path in sorted(room.glob("*.c*"))]
    for source in sources:
        compiler = (*_ZIG, _LANGUAGE[source.suffix][0])
        _compile(source, folder / f"{source.stem}.o", _CORTEX_M0, compiler)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Compile the port for a SCAMP-5d.")
    parser.add_argument("target", type=Path)
    parser.add_argument("--objects", action="store_true")
    given = parser.parse_args()
    (compile_for_the_board if given.objects else build_fake)(given.target)
