"""Where compiled code is kept between starts, and that nothing else is ever loaded from there.

Numba unpickles what it finds in its cache, and looks only at the source file of the function itself. So
compiled code lies in a folder that only we can write, one for each state of everything that it depends on,
and a list of digests says what belongs there: a folder whose files are not those is made anew.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import logging
import os
import platform
import shutil
from collections.abc import Iterator
from pathlib import Path

import llvmlite.binding

from pixeltree_emu.errors import UntrustedFolder
from pixeltree_emu.machine.logs import fields
from pixeltree_emu.machine.private_folder import private_folder
from pixeltree_protocol.chip import registers

logger = logging.getLogger(__name__)

_LIST = "complete.json"
_NAME = "pixeltree"
_WHERE = "NUMBA_CACHE_DIR"


def state_digest() -> str:
    """Digest of all that compiled code depends on: sources, compiler, its settings, processor.

    Where the sources lie and when they were changed counts too, because Numba looks at both.
    """
    digest = hashlib.blake2b(digest_size=8)
    for source in (*sorted(Path(__file__).parent.glob("*.py")), Path(registers.__file__)):
        digest.update(f"{source} {source.stat().st_mtime_ns}\n".encode(errors="surrogateescape"))
        digest.update(source.read_bytes())
    settings = {name: value for name, value in os.environ.items() if name.startswith("NUMBA_")}
    settings.pop(_WHERE, None)
    facts = (
        platform.python_implementation(),
        platform.python_version(),
        *(importlib.metadata.version(package) for package in ("numba", "llvmlite", "numpy")),
        llvmlite.binding.get_process_triple(),
        llvmlite.binding.get_host_cpu_name(),
        llvmlite.binding.get_host_cpu_features().flatten(),
        sorted(settings.items()),
    )
    digest.update(repr(facts).encode(errors="surrogateescape"))
    return digest.hexdigest()


def places(level: int = logging.WARNING) -> Iterator[Path]:
    """Folders that may keep compiled code, best first.

    Args:
        level: at which a place that cannot be trusted is logged; it is left out.
    """
    for base in _bases():
        try:
            yield private_folder(base, _NAME)
        except UntrustedFolder as error:
            reason = str(error)
            logger.log(level, "compiled code is not kept here", extra=fields(folder=str(base), reason=reason))


def _bases() -> Iterator[Path]:
    if os.environ.get(_WHERE):
        yield Path(os.environ[_WHERE])
    given = Path(os.environ.get("XDG_CACHE_HOME", ""))
    if given.is_absolute():  # others are to be ignored, says the specification
        yield given
        return
    try:
        home = Path.home()
    except RuntimeError:  # neither HOME nor an entry for this user
        return
    yield home / ".cache"


def find() -> Path | None:
    """The folder with compiled code for this state, or None."""
    name = folder_name()
    for place in places(logging.DEBUG):
        folder = place / name
        if is_complete(folder):
            return folder
    return None


def folder_name() -> str:
    """Name of the folder for this state."""
    return f"compiled-{state_digest()}"


def is_complete(folder: Path) -> bool:
    """Whether a folder holds compiled code, undamaged, and only we can have put it there."""
    if not os.path.lexists(folder):
        return False
    try:
        private_folder(folder.parent, folder.name)
        listed = json.loads((folder / _LIST).read_bytes())
        if listed and listed == _digests(folder, listed):
            return True
        reason = "files are damaged"
    except (OSError, ValueError, TypeError, UntrustedFolder) as error:
        reason = str(error)
    logger.warning("compiled code is not used", extra=fields(folder=str(folder), reason=reason))
    return False


def mark_complete(folder: Path) -> int:
    """List the files of a folder, which are all that belong there.

    Returns:
        How many there are.

    Raises:
        OSError: the list cannot be written.
    """
    names = sorted(str(path.relative_to(folder)) for path in folder.rglob("*.nb?"))
    (folder / _LIST).write_text(json.dumps(_digests(folder, names)))
    return len(names)


def discard(folder: Path) -> None:
    """Remove a folder, or whatever lies in its place, as far as that is possible."""
    if folder.is_symlink() or folder.is_file():
        folder.unlink(missing_ok=True)
    shutil.rmtree(folder, ignore_errors=True)


def _digests(folder: Path, names: object) -> dict[str, str]:
    if not isinstance(names, dict | list):
        raise TypeError(f"{_LIST} does not list files")
    return {name: hashlib.blake2b((folder / name).read_bytes()).hexdigest() for name in names}
