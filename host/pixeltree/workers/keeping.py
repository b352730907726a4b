"""Finished pieces are kept in files until the whole is finished, so that an interrupted run goes on."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import shutil
import stat
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pixeltree.arguments.files import write_whole
from pixeltree.errors import DataError
from pixeltree.workers.pieces import Piece, Workers

logger = logging.getLogger(__name__)


class Keeping:
    """A folder of finished pieces, of one run with all its settings.

    Args:
        parent: folder of all runs.
        settings: everything that results depend on, as JSON would have it; another value is another run.

    Raises:
        DataError: the folder cannot be made, or is somebody else's.
    """

    def __init__(self, parent: Path, settings: Mapping[str, object]) -> None:
        key = hashlib.blake2b(json.dumps(settings, sort_keys=True).encode(), digest_size=12).hexdigest()
        self.folder = parent / key
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
