"""Links over TLS, which say for certain who answers: the certificate and its host name are always checked."""

from __future__ import annotations

import contextlib
import ssl
import time

from pixeltree.arguments.files import as_path
from pixeltree.errors import LinkError
from pixeltree.links.base import READ_BYTES, took_too_little
from pixeltree.links.stream_socket import connect_tcp, gone
from pixeltree.links.url import LinkUrl, host_and_port, known_options
from pixeltree.links.waiting import Waiter, write_all

_RECORD_BYTES = 16_384
"""What one record of TLS carries at most; a longer write would have to be repeated at full length."""


class TlsLink:
    """A TLS connection whose handshake is done."""

    def __init__(self, connected: ssl.SSLSocket, url: str) -> None:
        connected.setblocking(False)
        self._socket = connected
        self._wait = Waiter(connected.fileno())
        self.url = url

    def send(self, data: bytes, timeout: float) -> None:
        """See :class:`pixeltree.links.base.Link`."""
        deadline = time.monotonic() + timeout
        taken = 0
        try:
            for start in range(0, len(data), _RECORD_BYTES):
                record = data[start : start + _RECORD_BYTES]
                taken += write_all(self._write, self._wait, record, deadline - time.monotonic())
                if taken < start + len(record):
                    raise took_too_little(self.url, taken, len(data), timeout)
        except OSError as error:
            raise gone(self.url, _reason(error)) from error

    def _write(self, data: memoryview) -> int:
        try:
            return self._socket.send(data)
        except ssl.SSLWantWriteError:
            return 0

    def receive(self, timeout: float) -> bytes | None:
        """See :class:`pixeltree.links.base.Link`."""
        deadline = time.monotonic() + timeout
        while True:
            try:  # first of all: what is decrypted already does not show in the socket
                data = self._socket.recv(READ_BYTES)
            except ssl.SSLWantReadError:
                if not self._wait.readable(deadline - time.monotonic()):
                    return None
                continue
            except OSError as error:
                raise gone(self.url, _reason(error)) from error
            if not data:
                raise gone(self.url, "it closed the connection")
            return data

    def close(self) -> None:
        """See :class:`pixeltree.links.base.Link`."""
        with contextlib.suppress(OSError, ValueError):  # as far as it goes without waiting
            self._socket.unwrap()  # says that this is the end, which no one in between could
        self._socket.close()


def open_tls(url: LinkUrl, timeout: float) -> TlsLink:
    """Connect to ``tls://host:port?ca=FILE``.

    ``ca`` is a PEM file with the certificates to trust, instead of those that the system trusts.
    """
    options = known_options(url, ("ca",))
    context = _context(url, options.get("ca"))
    host, _ = host_and_port(url)
    plain = connect_tcp(url, timeout)
    try:
        return TlsLink(context.wrap_socket(plain, server_hostname=host), url.text)
    except (OSError, ValueError) as error:  # ValueError: a name that no certificate can have
        plain.close()
        raise _refused(url, host, error) from error


def _context(url: LinkUrl, authorities: str | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=authorities and str(as_path(authorities)))
    except OSError as error:
        raise LinkError(
            f"{url.text}: cannot use ca={authorities} ({_reason(error)}); "
            f"it must be a PEM file with the certificates to trust"
        ) from error


def _refused(url: LinkUrl, host: str, error: Exception) -> LinkError:
    """The error for a handshake that failed, with what to try for each cause."""
    if isinstance(error, ssl.SSLCertVerificationError):
        reason = error.verify_message
        hint = (
            f"its certificate must be for {host!r}, and ?ca=FILE names a PEM file to trust "
            f"where its issuer is not one that the system trusts"
        )
    elif isinstance(error, TimeoutError):
        reason = "no answer to the handshake"
        hint = "does it speak TLS? Without it, the URL is tcp://"
    else:
        reason = _reason(error)
        hint = "does it speak TLS? Without it, the URL is tcp://"
    return LinkError(f"no TLS connection to {url.text} ({reason}); {hint}")


def _reason(error: Exception) -> str:
    if isinstance(error, ssl.SSLError) and error.reason:
        return error.reason.replace("_", " ").lower()
    return getattr(error, "strerror", None) or str(error)
