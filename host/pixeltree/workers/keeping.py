"""Finished pieces are kept in files until the whole is finished, so that an interrupted run goes on."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import shutil
import stat
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pixeltree.arguments.files import write_whole
from pixeltree.errors import DataError
from pixeltree.workers.pieces import Piece, Workers

logger = logging.getLogger(__name__)

KEPT_DAYS = 14
"""Days for which the finished pieces of an interrupted run are kept."""

_KEY_BYTES = 12


class Keeping:
    """A folder of finished pieces, of one run with all its settings. Old ones of other runs go.

    Args:
        parent: folder of all runs.
        settings: everything that results depend on, as JSON would have it; another value is another run.

    Raises:
        DataError: the folder cannot be made, or is somebody else's.
    """

    def __init__(self, parent: Path, settings: Mapping[str, object]) -> None:
        key = hashlib.blake2b(
            json.dumps(settings, sort_keys=True).encode(), digest_size=_KEY_BYTES
        ).hexdigest()
        self.folder = parent / key
        _forget_old(parent, time.time() - KEPT_DAYS * 86_400, self.folder)
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            mine = self.folder.stat()
        except OSError as error:
            raise DataError(f"{self.folder}: cannot keep finished work here: {error.strerror}") from error
        if hasattr(os, "getuid") and (
            mine.st_uid != os.getuid() or mine.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
        ):
            raise DataError(f"{self.folder}: somebody else can write here; remove the folder and start again")

    def run(self, pieces: Sequence[Piece], workers: Workers) -> Iterator[tuple[Piece, Any]]:
        """Yield what is kept, then what workers make of the rest; at the end the folder goes."""
        left = []
        for piece in pieces:
            kept = self._read(piece)
            if kept is None:
                left.append(piece)
            else:
                yield piece, kept
        for piece, result in workers.run(left):
            self._write(piece, result)
            yield piece, result
        shutil.rmtree(self.folder, ignore_errors=True)

    def _read(self, piece: Piece) -> Any:  # noqa: ANN401 - whatever the piece returned
        try:
            return json.loads((self.folder / f"{piece.name}.json").read_bytes())
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            logger.warning("%s cannot be read (%s); it is done again", piece.name, error)
            return None

    def _write(self, piece: Piece, result: object) -> None:
        try:
            write_whole(self.folder / f"{piece.name}.json", json.dumps(result).encode())
        except OSError as error:
            logger.warning("%s is not kept for an interrupted run: %s", piece.name, error)


def _forget_old(parent: Path, before: float, but: Path) -> None:
    """Remove the folders of runs in which nothing was written since a time; other things stay."""
    try:
        folders = [each for each in parent.iterdir() if _is_key(each.name) and each != but]
    except OSError:
        return  # there is none, or whoever makes the folder of this run will say what is wrong
    for folder in folders:
        try:
            old = folder.stat().st_mtime < before
        except OSError:
            continue  # another process has removed it
        if old:
            logger.info("%s: nobody went on with this run for %d days; it is removed", folder, KEPT_DAYS)
            shutil.rmtree(folder, ignore_errors=True)


def _is_key(name: str) -> bool:
    return len(name) == 2 * _KEY_BYTES and set(name) <= set("0123456789abcdef")
