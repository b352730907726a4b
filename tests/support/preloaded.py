"""What the server that forks commands does once, and not each of them: loads the fast engine, prepares typer.

The objects that are there by now are frozen: they are collected in no command, which would copy their pages.
"""

import gc

import typer

from pixeltree.cli.app import app
from pixeltree_emu.array import fast
from pixeltree_emu.array.fast.loading import can_load_at_once

ENGINE = fast.FastEngine if can_load_at_once() else None
"""None where it would have to be compiled first."""

COMMAND = typer.main.get_command(app).commands["disasm"].make_context("disasm", ["a.block"])
"""Any command's arguments, read: typer imports what it needs for that at the first."""

gc.collect()
gc.freeze()
