"""Loads the fast engine if it was compiled before: once in the server that forks commands, not in each."""

from pixeltree_emu.array import fast
from pixeltree_emu.array.fast.loading import can_load_at_once

ENGINE = fast.FastEngine if can_load_at_once() else None
