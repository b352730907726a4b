"""Compiles a part of the fast engine into a folder: ``python -m pixeltree_emu.array.fast.compile_part``.

In a process of its own, because compiling keeps the GIL for seconds and two parts can be compiled at once. It
ends when its standard input does, so that it never outlives whoever started it.
"""

from __future__ import annotations

import importlib
import os
import sys
import threading
from pathlib import Path

NO_ROOM = 74
"""Exit status where the folder cannot be written (EX_IOERR of sysexits.h)."""


def _end_with_parent() -> None:
    while os.read(0, 1):  # not by sys.stdin, whose lock would be held when this process ends
        pass
    os._exit(1)


def main(folder: str, *modules: str) -> None:
    """Import modules, whose functions are compiled by that and kept in a folder."""
    from pixeltree_emu.array.fast import compiled  # noqa: PLC0415 - takes a while

    compiled.keep_in(Path(folder))
    for module in modules:
        importlib.import_module(module)


if __name__ == "__main__":
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        main(*sys.argv[1:])
    except OSError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(NO_ROOM)
