"""Links move bytes to and from a device, and know nothing else.

A new transport is a class with the methods of :class:`Link` and a row in :data:`OPENERS`.
"""

from __future__ import annotations

from collections.abc import Callable

from pixeltree.errors import LinkError
from pixeltree.links.base import Link
from pixeltree.links.emulator import open_emulator
from pixeltree.links.scamp5d import open_scamp5d
from pixeltree.links.serial_port import open_serial
from pixeltree.links.stream_socket import open_tcp, open_unix
from pixeltree.links.tls import open_tls
from pixeltree.links.url import SERIAL, URL_FORMS, LinkUrl, parse_url, split_session_options
from pixeltree.links.usb import open_usb

OPENERS: dict[str, Callable[[LinkUrl, float], Link]] = {
    "tcp": open_tcp,
    "tls": open_tls,
    "unix": open_unix,
    SERIAL: open_serial,
    "usb": open_usb,
    "scamp5d": open_scamp5d,
    "emu": open_emulator,
}
"""Kinds of URLs, and what opens each within a number of seconds."""

__all__ = ["OPENERS", "URL_FORMS", "Link", "open_link", "split_session_options"]


def open_link(url: str, timeout: float) -> Link:
    """Open the link that a URL names, within ``timeout`` seconds.

    Options of the session, which :func:`split_session_options` finds, are passed over.

    Raises:
        LinkError: an unknown kind of URL, or nobody there.
    """
    parts = parse_url(split_session_options(url)[0])
    opener = OPENERS.get(parts.kind)
    if opener is None:
        raise LinkError(f"{url!r} is not a device URL; use {URL_FORMS}")
    return opener(parts, timeout)
