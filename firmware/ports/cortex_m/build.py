"""Compile the firmware for a Cortex-M4: ``python -m firmware.ports.cortex_m.build FILE [tree_in_flash.c]``.

The compiler comes as a Python package (ziglang), so that nothing else has to be installed.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

FIRMWARE = Path(__file__).resolve().parents[2]
PORT = FIRMWARE / "ports" / "cortex_m"
OPTIONS = (
    "-target", "thumb-freestanding-eabi", "-mcpu=cortex_m4", "-Os", "-g", "-std=c99",
    "-Wall", "-Wextra", "-Werror", "-ffreestanding", "-ffunction-sections", "-fdata-sections",
    "-fno-unwind-tables", "-fno-asynchronous-unwind-tables", "-fno-sanitize=all",
    "-Wl,--gc-sections", "-Wl,--entry=reset", f"-Wl,-T,{PORT / 'link.ld'}", "-isystem", str(PORT / "include"),
    '-DPORT_LIMITS="../ports/cortex_m/limits.h"', "-DARRAY_BATCH=1024",
)  # fmt: skip


def compile_to(target: Path, tree: Path | None = None) -> None:
    """Compile and link; with a tree that `pixeltree export` wrote, if there is one.

    Raises:
        subprocess.CalledProcessError: the compiler said why on standard error.
    """
    sources = [*(FIRMWARE / "core").glob("*.c"), *(FIRMWARE / "ports").glob("*.c"), *PORT.glob("*.c")]
    command = [sys.executable, "-m", "ziglang", "cc", *OPTIONS, "-o", str(target), *map(str, sorted(sources))]
    if tree is not None:
        command += [str(tree), "-DFLASH=tree_in_flash", "-I", str(FIRMWARE / "core")]
    subprocess.run(command, check=True)


if __name__ == "__main__":
    compile_to(*map(Path, sys.argv[1:]))
