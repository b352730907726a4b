"""Paths and text files as users write them."""

from __future__ import annotations

import os
from pathlib import Path

TEXT = "utf-8-sig"
"""Encoding of text files that users write: UTF-8, with or without the byte order mark of some editors."""


def user_path(path: str) -> Path:
    """A path as a user wrote it: ``~`` at its start is the home folder, as in ``--source=~/photos``."""
    return Path(os.path.expanduser(path))  # noqa: PTH111 - Path.expanduser raises where there is no home
