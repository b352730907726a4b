"""Links move bytes to and from a device, and know nothing else.

A new transport is a class with the methods of :class:`Link` and a row in :data:`OPENERS`.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from pixeltree.errors import LinkError
from pixeltree.links.base import Link
from pixeltree.links.stream_socket import open_tcp, open_unix

OPENERS = {"tcp": open_tcp, "unix": open_unix}

__all__ = ["OPENERS", "Link", "open_link"]


def open_link(url: str, timeout: float) -> Link:
    """Open the link that a URL names, within ``timeout`` seconds.

    Raises:
        LinkError: an unknown kind of URL, or nobody there.
    """
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise LinkError(f"{url!r} is not a device URL: {error}") from error
    opener = OPENERS.get(parts.scheme)
    if opener is None:
        raise LinkError(f"{url!r} is not a device URL; use tcp://HOST:PORT or unix:///PATH")
    return opener(url, timeout)
