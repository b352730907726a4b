"""A wire over a pseudo terminal: serial code meets a real tty, found by a symbolic link of a fixed name.

A tty has no moment at which somebody connects, only a first byte, and while no user has it open, its master
end is in a state of permanent hang-up, which would spin a selector. So the wire holds the user's end open
itself while nobody is there, and lets go of it at the first byte: from then on the hang-up tells that the
user left.

A user who leaves while another has the tty open, or comes back before we look, goes unnoticed, as on a cable.
"""

from __future__ import annotations

import contextlib
import errno
import os
import select
import selectors
import termios
from pathlib import Path

from pixeltree_emu.errors import ListenError, WireClosed
from pixeltree_emu.machine.claims import Claim
from pixeltree_emu.wires.base import READ_BYTES, Data, Wants

_OWNER_ONLY = 0o600
_DEVICES = Path("/dev/pts")


class TerminalWire:
    """The master end of a new pseudo terminal.

    Args:
        path: where to put the symbolic link to the user's end. The link of a daemon that is gone is replaced.

    Raises:
        ListenError: something else is at the path, or another daemon serves it.
        OSError: the terminal or the link cannot be made.
    """

    persistent = True
    local = False  # what is at the other end may pass it on to a slow line

    def __init__(self, path: Path) -> None:
        self.name = f"pty {path}"
        self._path = path
        self._claim = Claim(path)
        self._linked = False
        self._master = -1
        self._slave: int | None = None
        try:
            self._master, slave = os.openpty()
            self._slave = slave
            self._device = os.ttyname(slave)
            os.fchmod(slave, _OWNER_ONLY)
            os.set_blocking(self._master, False)
            _make_raw(slave)
            _remove_stale_link(path, self._claim.before)
            self._claim.note(self._device)
            path.symlink_to(self._device)
            self._linked = True
        except BaseException:
            self.close()
            raise

    @property
    def vacant(self) -> bool:
        """Whether no user has said anything since the last one left."""
        return self._slave is not None

    def fileno(self) -> int:
        """Descriptor for a selector."""
        return self._master

    def wants(self, reading: bool, writing: bool) -> Wants:
        """Readable and writable as asked."""
        return Wants((selectors.EVENT_READ if reading else 0) | (selectors.EVENT_WRITE if writing else 0))

    def read(self, limit: int = READ_BYTES) -> bytes | None:
        """Take what is there; ``b""`` when the user left, after the last of that user's bytes."""
        try:
            data = os.read(self._master, limit)
        except BlockingIOError:
            return None
        except OSError as error:
            if error.errno != errno.EIO:
                raise WireClosed(f"the pseudo terminal broke: {error.strerror}") from error
            self._vacate()
            return b""
        if self._slave is not None:
            os.close(self._slave)
            self._slave = None
        return data

    def write(self, data: Data) -> int:
        """Give what fits; what nobody is there to read is lost, as on a cable."""
        if self.vacant or not data:
            return len(data)
        try:
            return os.write(self._master, data)
        except BlockingIOError:
            return len(data) if self._hung_up() else 0
        except OSError as error:
            raise WireClosed(f"the pseudo terminal broke: {error.strerror}") from error

    def close(self) -> None:
        """Remove the link if it is still ours; close the terminal."""
        self.unlink()
        if self._slave is not None:
            os.close(self._slave)
            self._slave = None
        if self._master >= 0:
            os.close(self._master)
            self._master = -1

    def unlink(self) -> None:
        """Remove the link if it is still ours. Again is harmless."""
        if self._linked:
            self._linked = False
            with contextlib.suppress(OSError):
                if self._path.readlink() == Path(self._device):
                    self._path.unlink()
        self._claim.release()

    def _hung_up(self) -> bool:
        poll = select.poll()
        poll.register(self._master, 0)
        return any(events & select.POLLHUP for _, events in poll.poll(0))

    def _vacate(self) -> None:
        """Make the terminal as new: raw, and without bytes that the user who left did not take.

        Only that direction is flushed: the next user may already have written.
        """
        self._slave = os.open(self._device, os.O_RDWR | os.O_NOCTTY)
        termios.tcflush(self._slave, termios.TCIFLUSH)
        _make_raw(self._slave)


def _make_raw(descriptor: int) -> None:
    """8 bits a character, no echo, nothing interpreted in either direction."""
    attributes = termios.tcgetattr(descriptor)
    attributes[0] = attributes[1] = attributes[3] = 0  # input, output and local modes
    attributes[2] = termios.CS8 | termios.CREAD | termios.CLOCAL
    attributes[6][termios.VMIN] = 1
    attributes[6][termios.VTIME] = 0
    termios.tcsetattr(descriptor, termios.TCSANOW, attributes)


def _remove_stale_link(path: Path, before: str) -> None:
    """Remove the link that a killed daemon left behind; never anything else.

    Args:
        path: of the link, which is claimed already: no daemon that runs serves it.
        before: what the daemon that claimed it last had linked to.
    """
    try:
        target = str(path.readlink())
    except FileNotFoundError:
        return
    except OSError as error:  # it is no link
        raise _occupied(path) from error
    if target == before or (Path(target).parent == _DEVICES and not path.exists()):
        path.unlink()
        return
    raise _occupied(path)


def _occupied(path: Path) -> ListenError:
    return ListenError(f"{path} exists and is not the link of a daemon that is gone; choose another path")
