"""Wires over TLS. The handshake happens within read and write, so that a slow one stalls nobody."""

from __future__ import annotations

import contextlib
import selectors
import socket
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from pixeltree_emu.errors import ListenError, WireClosed
from pixeltree_emu.wires.base import READ_BYTES, Data, Wants
from pixeltree_emu.wires.stream_socket import prepare

_Result = TypeVar("_Result")


def server_context(certificate: Path, key: Path) -> ssl.SSLContext:
    """What a server needs to prove who it is: TLS 1.2 or later.

    Args:
        certificate: PEM file: the server's certificate, then those between it and the authority, if any.
        key: PEM file: the private key, without a passphrase.

    Raises:
        ListenError: a file that cannot be used.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION
    for option, path in (("--tls-cert", certificate), ("--tls-key", key)):
        try:
            path.read_bytes()
        except OSError as error:
            raise ListenError(f"cannot read {option} {path}: {error.strerror}") from error
    try:
        context.load_cert_chain(certificate, key, password=_no_passphrase)
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
        reason = getattr(error, "reason", None) or error
        raise ListenError(
            f"cannot use --tls-cert {certificate} with --tls-key {key}: {reason}; both must be PEM files "
            "that belong together, the key without a passphrase"
        ) from error
    return context


def _no_passphrase() -> str:
    """OpenSSL would ask on the terminal, where a daemon has nobody to answer."""
    raise ValueError("the key has a passphrase")


class TlsWire:
    """The server's end of a TLS connection over a connected TCP socket, which the wire owns from now on.

    Args:
        connected: the socket.
        context: from :func:`server_context`.
        name: for logs.
    """

    persistent = False
    local = False

    def __init__(self, connected: socket.socket, context: ssl.SSLContext, name: str) -> None:
        prepare(connected)
        self.name = name
        self._socket = context.wrap_socket(connected, server_side=True, do_handshake_on_connect=False)
        self._greeted = False
        self._read_blocked = 0
        """Event for which the last read (or the handshake) waits, if it does."""
        self._write_blocked = 0

    def fileno(self) -> int:
        """Descriptor for a selector."""
        return self._socket.fileno()

    def wants(self, reading: bool, writing: bool) -> Wants:
        """Events as TLS needs them: a read can wait for room to write, and a write for bytes to come."""
        if not self._greeted:
            return Wants(self._read_blocked or selectors.EVENT_READ)
        mask = 0
        if reading:
            mask |= self._read_blocked or selectors.EVENT_READ
        if writing:
            mask |= self._write_blocked or selectors.EVENT_WRITE
        # Bytes that are already deciphered raise no event.
        return Wants(mask, 0.0 if reading and self._socket.pending() else None)

    def read(self, limit: int = READ_BYTES) -> bytes | None:
        """Take what is there: the bytes of one TLS record at most."""
        if not self._shake_hands():
            return None
        data, self._read_blocked = self._attempt(lambda: self._socket.recv(limit))
        return data

    def write(self, data: Data) -> int:
        """Give what fits, a TLS record at a time."""
        if not self._shake_hands():
            return 0
        taken = 0
        rest = memoryview(data)
        while rest:
            count, self._write_blocked = self._attempt(lambda: self._socket.send(rest))  # noqa: B023 - called here
            if count is None:
                break
            taken += count
            rest = rest[count:]
        return taken

    def _shake_hands(self) -> bool:
        """Move the handshake on; returns whether it is complete."""
        if not self._greeted:
            try:
                _, self._read_blocked = self._attempt(self._socket.do_handshake)
            except WireClosed as error:
                raise WireClosed(
                    f"the host did not agree on a TLS session ({error}); it must use a tls:// URL"
                ) from error
            self._greeted = self._read_blocked == 0
        return self._greeted

    def _attempt(self, action: Callable[[], _Result]) -> tuple[_Result | None, int]:
        """Try an action; returns its result or None, and the event to wait for or 0."""
        try:
            return action(), 0
        except ssl.SSLWantReadError:
            return None, selectors.EVENT_READ
        except ssl.SSLWantWriteError:
            return None, selectors.EVENT_WRITE
        except OSError as error:
            raise WireClosed(f"the TLS connection broke: {error.strerror or error}") from error

    def close(self) -> None:
        """Say goodbye if that does not take waiting; close the socket."""
        if self._greeted:
            with contextlib.suppress(OSError, ValueError):
                self._socket.unwrap()
        self._socket.close()
