"""Home folders in what a user typed."""

from __future__ import annotations

import re
from collections.abc import Sequence

from pixeltree.arguments.files import as_path

_BEGINS_AT_HOME = re.compile(r"(--[\w-]+=|-\w)?(~.*)", re.DOTALL)


def with_homes(arguments: Sequence[str]) -> list[str]:
    """Arguments with ``~`` and ``~NAME`` replaced by home folders where one begins with it.

    A shell replaces only what stands alone: not ``--out=~/planes`` or ``-o~/m.ptree``, and not where it was
    quoted or another program started us. One place sees to it for all options of all commands.
    """
    return [_with_home(argument) for argument in arguments]


def _with_home(argument: str) -> str:
    match = _BEGINS_AT_HOME.fullmatch(argument)
    return argument if match is None else (match[1] or "") + str(as_path(match[2]))
