"""Where machine code of hot blocks is kept between starts, and that nothing else is ever loaded from there.

A file holds a digest, then the parts of the block, then object code. Its name is a digest of the block; its
folder's name one of all else that the code depends on. What another user owns, or may write to, is not read.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.metadata
import json
import logging
import os
import stat
import tempfile
from functools import cache as remembered
from pathlib import Path

import llvmlite.binding as llvm

from pixeltree_emu.array.fast import cache
from pixeltree_emu.errors import UntrustedFolder
from pixeltree_emu.machine.logs import fields
from pixeltree_emu.machine.private_folder import private_folder

logger = logging.getLogger(__name__)

_MOST_KEPT = 512
"""Blocks in a folder, of some 10 KB each; those that were kept first go first."""
_DIGEST = 32
_OTHERS_MAY_WRITE = stat.S_IWGRP | stat.S_IWOTH

Parts = list[tuple[int, int, bool]]
"""Of each part of a block: its first pass, the one after its last, and whether it has code of its own."""


@remembered
def _state() -> str:
    """Digest of all that code depends on beside the block: sources, LLVM, processor."""
    digest = hashlib.blake2b(digest_size=8)
    here = Path(__file__).parent
    for source in (
        *sorted(here.glob("*.py")),
        *(here.parent / f"{name}.py" for name in ("layout", "passes")),
    ):
        digest.update(source.read_bytes())
    facts = (
        importlib.metadata.version("llvmlite"),
        llvm.llvm_version_info,
        llvm.get_process_triple(),
        llvm.get_host_cpu_name(),
        llvm.get_host_cpu_features().flatten(),
    )
    digest.update(repr(facts).encode())
    return digest.hexdigest()


@remembered
def folder() -> Path | None:
    """The folder for this state; None where no place can be trusted."""
    for place in cache.places(logging.DEBUG):
        with contextlib.suppress(UntrustedFolder):
            return private_folder(place, f"fused-{_state()}")
    return None


def kept(where: Path | None, name: str) -> tuple[Parts, bytes] | None:
    """Parts and code of a block, if they are kept and undamaged."""
    if where is None:
        return None
    try:
        data = _read(where / name)
    except FileNotFoundError:
        return None
    except OSError as error:
        reason = str(error)
        logger.warning("code of a block is not used", extra=fields(file=str(where / name), reason=reason))
        return None
    digest, rest = data[:_DIGEST], data[_DIGEST:]
    if hashlib.blake2b(rest, digest_size=_DIGEST).digest() != digest:
        logger.warning(
            "code of a block is not used", extra=fields(file=str(where / name), reason="it is damaged")
        )
        return None
    head, _, code = rest.partition(b"\n")
    return [(int(first), int(last), bool(native)) for first, last, native in json.loads(head)], code


def _read(path: Path) -> bytes:
    """A file that only we can have written.

    Raises:
        OSError: it is not there, or others may have written it.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise OSError("it is no file")
        if status.st_uid != os.geteuid():
            raise OSError(f"it belongs to another user (uid {status.st_uid})")
        if status.st_mode & _OTHERS_MAY_WRITE:
            raise OSError("others may write to it")
        return file.read()


def keep(where: Path | None, name: str, parts: Parts, code: bytes) -> None:
    """Keep parts and code of a block, as far as that is possible."""
    if where is None:
        return
    rest = json.dumps(parts).encode() + b"\n" + code
    try:
        descriptor, beside = tempfile.mkstemp(prefix=".part", dir=where)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(hashlib.blake2b(rest, digest_size=_DIGEST).digest() + rest)
            Path(beside).replace(where / name)
        except OSError:
            Path(beside).unlink(missing_ok=True)
            raise
        _make_room(where)
    except OSError as error:
        reason = str(error)
        logger.debug("code of a block is not kept", extra=fields(folder=str(where), reason=reason))


def _make_room(where: Path) -> None:
    found = sorted((entry.stat().st_mtime_ns, entry.path) for entry in os.scandir(where))
    for _, path in found[:-_MOST_KEPT]:
        Path(path).unlink(missing_ok=True)
