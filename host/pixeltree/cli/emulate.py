"""``pixeltree emulate``: become an emulator daemon."""

from __future__ import annotations

import os
import sys

import typer


def emulate(context: typer.Context) -> None:
    """Serve an emulated device until Ctrl-C or SIGTERM (options: pixeltree emulate --help)."""
    # The daemon replaces this process, so that signals and the exit status are its own.
    os.execv(sys.executable, [sys.executable, "-P", "-m", "pixeltree_emu", *context.args])
