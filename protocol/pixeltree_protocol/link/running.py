"""How a daemon tells the hosts of its user that it runs: where that is written, and what.

A daemon writes a file ``*.json`` into a folder that only its user can use, and holds an exclusive ``flock``
on it for as long as it runs; a file that nobody has locked is of one that is gone. The file is a JSON object:
``pid``, ``name``, and ``urls``, where it listens, as ``--listen`` has them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

GREATEST_FILE = 65_536
"""Bytes of such a file at most."""


@dataclass(frozen=True)
class RunningDaemon:
    """What a daemon says of itself.

    Attributes:
        pid: number of its process.
        name: for people.
        urls: where it listens, as in ``tcp://127.0.0.1:27900`` or ``pty:///tmp/ppa0``.
    """

    pid: int
    name: str
    urls: tuple[str, ...]

    def encode(self) -> bytes:
        """The contents of its file."""
        facts = {"pid": self.pid, "name": self.name, "urls": list(self.urls)}
        return json.dumps(facts).encode()


def decode_running(data: bytes) -> RunningDaemon | None:
    """What a daemon's file says; None where it is no such file."""
    try:
        facts = json.loads(data)
    except ValueError:
        return None
    match facts:
        case {"pid": int(pid), "name": str(name), "urls": [*urls]} if all(
            isinstance(url, str) for url in urls
        ):
            return RunningDaemon(pid, name, tuple(urls))
    return None


def running_folder(environment: Mapping[str, str], temporary: str, user: int) -> str:
    """The folder of these files: use it only if it is the user's own, and nobody else may.

    Args:
        environment: of the process.
        temporary: the folder of temporary files, for where there is no ``XDG_RUNTIME_DIR``.
        user: the user's number.
    """
    base = environment.get("XDG_RUNTIME_DIR", "")
    return f"{base}/pixeltree" if base.startswith("/") else f"{temporary}/pixeltree-running-{user}"
