"""What a daemon owes a process that started it for itself: a sign when it serves, and a tidy end."""

from __future__ import annotations

import contextlib
import importlib.metadata
import json
import logging
import os
from collections.abc import Sequence
from pathlib import Path

from pixeltree_emu.machine.logs import fields

logger = logging.getLogger(__name__)

LOG_NAME = "log"


def tell_ready(descriptor: int, urls: Sequence[str], compiling: bool) -> None:
    """Write one line of JSON to a file descriptor and close it; never fails.

    Args:
        descriptor: opened by the parent process.
        urls: where the device is served.
        compiling: the reference engine works until the fast one is compiled.
    """
    try:
        version = importlib.metadata.version("pixeltree")
    except importlib.metadata.PackageNotFoundError:
        version = "unknown"
    facts = {"urls": list(urls), "version": version, "pid": os.getpid(), "compiling": compiling}
    try:
        with open(descriptor, "w", encoding="ascii") as parent:
            parent.write(json.dumps(facts) + "\n")
    except OSError as error:
        logger.warning("the parent process was not told", extra=fields(reason=str(error)))


def remove_private_folder(folder: Path) -> None:
    """Remove a folder made for this daemon, and its log; not what else may lie there."""
    with contextlib.suppress(OSError):
        (folder / LOG_NAME).unlink(missing_ok=True)
        folder.rmdir()
