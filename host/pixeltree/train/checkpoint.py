"""Checkpoints: all that a training run needs to go on, in one file that is replaced whole."""

from __future__ import annotations

import io
import logging
import os
import pickle
import zipfile
from pathlib import Path
from typing import Any

import torch

from pixeltree.arguments.files import write_whole
from pixeltree.errors import CheckpointError

FORMAT = "pixeltree checkpoint 1"

_log = logging.getLogger(__name__)


def check_folder(folder: Path) -> None:
    """Refuse a folder for checkpoints before the first epoch rather than after it; it need not be there yet.

    Raises:
        CheckpointError: it cannot be made, or not be written to.
    """
    there = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    if not there.is_dir() or not os.access(there, os.W_OK):
        raise CheckpointError(
            f"cannot keep checkpoints in {folder}: {there} is not a folder, or cannot be written; name "
            "another folder with --checkpoints"
        )


class CheckpointFile:
    """Where one run keeps its state.

    Args:
        path: the file.
        identity: digest of all that the run depends on: recipe and data. A file with another one is refused.
    """

    def __init__(self, path: Path, identity: str) -> None:
        self.path = path
        self.identity = identity

    def load(self) -> dict[str, Any] | None:
        """The state saved last, or None if there is none.

        Raises:
            CheckpointError: the file cannot be read, is damaged, or belongs to another recipe or other data.
        """
        try:
            data = self.path.read_bytes()
            content = torch.load(io.BytesIO(data), weights_only=True, map_location="cpu")
        except FileNotFoundError:
            return None
        except OSError as error:
            raise CheckpointError(f"cannot read the checkpoint {self.path}: {error.strerror}") from error
        except (RuntimeError, pickle.UnpicklingError, EOFError, zipfile.BadZipFile, ValueError) as error:
            raise CheckpointError(
                f"the checkpoint {self.path} is damaged ({error}); delete it to start anew"
            ) from error
        if not isinstance(content, dict) or content.get("format") != FORMAT:
            raise CheckpointError(f"{self.path} is no checkpoint of this version; delete it to start anew")
        if content.get("identity") != self.identity:
            raise CheckpointError(
                f"the checkpoint {self.path} is of another recipe or other data; delete it to start anew, "
                f"or name another folder with --checkpoints"
            )
        _log.info("going on from %s", self.path)
        return dict(content["state"])

    def save(self, state: dict[str, Any]) -> None:
        """Replace the state saved last.

        Raises:
            CheckpointError: the file cannot be written; the state saved last is as it was.
        """
        data = io.BytesIO()
        torch.save({"format": FORMAT, "identity": self.identity, "state": state}, data)
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            write_whole(self.path, data.getvalue())
        except OSError as error:
            raise CheckpointError(
                f"cannot save the checkpoint {self.path}: {error.strerror}; the one saved before is intact"
            ) from error
