"""What the server that forks commands does once for all: it loads the fast engine, and readies typer.

The objects that are there by now are frozen: they are collected in no command, which would copy their pages.
"""

import contextlib
import gc
import io

import typer

with contextlib.suppress(ModuleNotFoundError):
    import torch._dynamo  # which the first optimizer imports, for two seconds

    torch.set_num_threads(1)

from pixeltree.cli.app import app
from pixeltree_emu.array import fast
from pixeltree_emu.array.fast.loading import can_load_at_once

ENGINE = fast.FastEngine if can_load_at_once() else None
"""None where it would have to be compiled first."""

with contextlib.redirect_stdout(io.StringIO()):
    command = typer.main.get_command(app).commands["disasm"]
    command.get_help(command.make_context("disasm", ["a.block"]))  # what it needs for this it imports late

gc.collect()
gc.freeze()
