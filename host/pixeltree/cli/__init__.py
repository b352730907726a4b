"""The ``pixeltree`` command."""

import sys

from pixeltree.cli.emulate import become

EXIT_INTERRUPTED = 130
"""128 + SIGINT."""


def main() -> None:
    """Run the command line; Ctrl-C ends it without a traceback, also while its modules are imported."""
    try:
        become(sys.argv[1:])
        from pixeltree.cli.app import run  # noqa: PLC0415 - takes a second, in which Ctrl-C may come

        run()
    except KeyboardInterrupt:
        sys.exit(EXIT_INTERRUPTED)


__all__ = ["EXIT_INTERRUPTED", "main"]
