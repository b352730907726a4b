"""Who may use the daemon from elsewhere: the token file."""

from __future__ import annotations

import codecs
import os
import stat
from pathlib import Path

from pixeltree_emu.errors import ListenError

LEAST_TOKEN_BYTES = 16
GREATEST_TOKEN_BYTES = 4096

_OTHERS = 0o077
_HOW = "make one with: (umask 077; head -c 32 /dev/urandom | base64 > FILE)"


def read_token(path: Path) -> bytes:
    """Read the secret that hosts must know, without white space around it or a byte order mark before it.

    Args:
        path: a file that only its owner, this user or root, can read.

    Returns:
        16 to 4,096 bytes.

    Raises:
        ListenError: a file that cannot be read, that others can read, or that holds too little or too much;
            the message never quotes it.
    """
    try:
        # Non-blocking, so that a fifo does not keep us; what follows refuses it.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            _check_owner(path, os.fstat(descriptor))
            token = file.read(GREATEST_TOKEN_BYTES + 1).removeprefix(codecs.BOM_UTF8).strip()
    except OSError as error:
        raise ListenError(f"cannot read --token-file {path}: {error.strerror}; {_HOW}") from error
    if not LEAST_TOKEN_BYTES <= len(token) <= GREATEST_TOKEN_BYTES:
        raise ListenError(
            f"--token-file {path} must hold {LEAST_TOKEN_BYTES} to {GREATEST_TOKEN_BYTES:,} bytes besides "
            f"white space; {_HOW}"
        )
    return token


def _check_owner(path: Path, status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise ListenError(f"--token-file {path} is not a file; {_HOW}")
    if status.st_mode & _OTHERS:
        raise ListenError(f"other users can read --token-file {path}; forbid it by: chmod 600 {path}")
    if status.st_uid not in (0, os.geteuid()):
        raise ListenError(
            f"--token-file {path} belongs to another user; make a copy of your own, and: chmod 600 COPY"
        )
