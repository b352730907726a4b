"""``scamp5d:tcp://HOST:27888`` and ``scamp5d:usb``: our bytes in the packets of a SCAMP-5d and its host.

The device runs Pixeltree's firmware (``firmware/ports/scamp5d``). For a program of somebody else's, which
shows pictures, see ``pixeltree.scamp5d``.
"""

from __future__ import annotations

import contextlib
import time
from dataclasses import replace
from urllib.parse import unquote

from pixeltree.errors import LinkError
from pixeltree.links.base import Link
from pixeltree.links.stream_socket import open_tcp
from pixeltree.links.url import LinkUrl, known_options, parse_url
from pixeltree.links.usb_bulk import BulkPipes, open_bulk
from pixeltree_protocol.vendor.carried import CarriedReader, attached, detached, to_device
from pixeltree_protocol.vendor.packets import HOST_PORT, USB_ID

_LEAVE_SECONDS = 1.0
_USB = "usb"
_HINT = f"use scamp5d:tcp://HOST:{HOST_PORT}, scamp5d:usb or scamp5d:usb:SERIAL"


class CarryingLink:
    """A link whose bytes travel in the vendor's packets over another one.

    Args:
        inner: carries the packets; owned from now on.
        url: of the whole.
    """

    def __init__(self, inner: Link, url: str) -> None:
        self._inner = inner
        self._reader = CarriedReader()
        self.url = url

    def send(self, data: bytes, timeout: float) -> None:
        """See :class:`pixeltree.links.base.Link`."""
        self._inner.send(to_device(data), timeout)

    def receive(self, timeout: float) -> bytes | None:
        """See :class:`pixeltree.links.base.Link`."""
        deadline = time.monotonic() + timeout
        while True:
            data = self._inner.receive(max(0.0, deadline - time.monotonic()))
            if data is None:
                return None
            if carried := self._reader.feed(data):
                return carried

    def close(self) -> None:
        """See :class:`pixeltree.links.base.Link`."""
        with contextlib.suppress(LinkError):
            self._inner.send(detached(), _LEAVE_SECONDS)
        self._inner.close()


def open_scamp5d(url: LinkUrl, timeout: float) -> CarryingLink:
    """Open the link that a URL names.

    Raises:
        LinkError: the URL is of another form, nobody answers, or pyusb is not installed.
    """
    known_options(url, ())
    inner = _inner(url, timeout)
    try:
        inner.send(attached(), timeout)
    except BaseException:
        inner.close()
        raise
    return CarryingLink(inner, url.text)


def _inner(url: LinkUrl, timeout: float) -> Link:
    kind, _, serial_number = url.address.partition(":")
    if kind == _USB:
        return open_bulk(url.text, BulkPipes(*USB_ID, serial_number=unquote(serial_number)))
    if kind != "tcp":
        raise LinkError(f"{url.text}: {_HINT}")
    return open_tcp(replace(parse_url(url.address), text=url.text, kind=url.kind), timeout)
