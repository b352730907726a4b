"""What takes long to make, made once for all processes of the tests."""

import fcntl
import os


def once(tmp_path_factory, name, make):
    """A file or folder for all tests, which must leave it as it is.

    Args:
        tmp_path_factory: pytest's; workers of pytest-xdist have folders of their own below a common one.
        name: its name.
        make: makes it at a path. What fails or skips leaves nothing.
    """
    folder = tmp_path_factory.getbasetemp()
    folder = folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder
    made = folder / name
    with (folder / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.exists():
            new = folder / f"{name}.new"
            make(new)
            new.rename(made)
    return made
