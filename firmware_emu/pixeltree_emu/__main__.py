"""Command line of the emulator daemon: ``python -m pixeltree_emu`` (``pixeltree emulate`` runs this)."""

from __future__ import annotations

import signal

if __name__ == "__main__" and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # there is nothing to tidy up yet

import sys

from pixeltree_emu.serving.options import parse


def main(arguments: list[str] | None = None) -> int:
    """Run the daemon; returns the exit status: 0 stopped cleanly, 2 bad arguments, 70 an internal error."""
    options = parse(arguments)
    from pixeltree_emu.serving.serve import serve  # noqa: PLC0415 - the emulator, which --help need not load

    return serve(options)


if __name__ == "__main__":
    sys.exit(main())
