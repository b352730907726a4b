"""Commands of the emulator, which the host never imports: ``emulate``, ``emulate-array``, ``bench engine``.

The emulator replaces this process, so that options, help, signals and the exit status are its own.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

_MODULES = {
    ("emulate",): "pixeltree_emu",
    ("emulate-array",): "pixeltree_emu.array_port",
    ("bench", "engine"): "pixeltree_emu.bench",
}
"""Words that call a command of the emulator, and the module that it is."""


def become(arguments: Sequence[str]) -> None:
    """Become the emulator if a command line calls it; come back if not."""
    for words, module in _MODULES.items():
        if tuple(arguments[: len(words)]) == words:
            os.execv(sys.executable, [sys.executable, "-P", "-m", module, *arguments[len(words) :]])
