"""How device URLs are written: a kind, an address, and options after a question mark.

``KIND:ADDRESS?NAME=VALUE&NAME=VALUE``. A path without a kind names a serial port. Only option values are
percent-decoded (``%26`` for an ampersand); a plus is a plus, since values are paths more often than forms.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from urllib.parse import SplitResult, unquote, urlsplit

from pixeltree.errors import LinkError
from pixeltree_protocol.names import known_names

SESSION_OPTIONS = frozenset({"token_file"})
"""Options that concern the conversation and not the wire: they go with every kind of URL."""

SERIAL = "serial"
"""The kind of a URL that is only a path."""

URL_FORMS = (
    "tcp://HOST:PORT, tls://HOST:PORT[?ca=FILE], unix:///PATH, serial:///dev/ttyACM0[?baudrate=N], "
    "serial:rfc2217://HOST:PORT, usb:VID:PID[:SERIAL], scamp5d:tcp://HOST:27888, scamp5d:usb, emu: or inproc:"
)
"""Every kind of URL, for messages to people."""

_KIND = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):(.*)", re.DOTALL)
_PORT_NAME = re.compile(r"COM[0-9]+|.*[/\\].*", re.DOTALL | re.IGNORECASE)
_ON = frozenset({"1", "true", "yes", "on"})
_OFF = frozenset({"0", "false", "no", "off"})


@dataclass(frozen=True)
class LinkUrl:
    """A device URL in parts.

    Attributes:
        text: the URL as it was given.
        kind: what stands before the first colon, in lower case.
        address: what stands between the kind and the options, slashes included.
        query: the options as they were written, each ``NAME=VALUE``.
    """

    text: str
    kind: str
    address: str
    query: tuple[str, ...] = ()


def parse_url(url: str) -> LinkUrl:
    """Take a device URL apart.

    Raises:
        LinkError: it names no kind and is no path of a serial port.
    """
    body, _, query = url.partition("?")
    segments = tuple(segment for segment in query.split("&") if segment)
    if match := _KIND.fullmatch(body):
        return LinkUrl(url, match[1].lower(), match[2], segments)
    if _PORT_NAME.fullmatch(body):
        return LinkUrl(url, SERIAL, body, segments)
    hint = f" (a serial port in this folder is ./{body})" if body else ""
    raise LinkError(f"{url!r} is not a device URL; use {URL_FORMS}{hint}")


def split_session_options(url: str) -> tuple[str, dict[str, str]]:
    """Split a device URL into the part that a link is opened with and the options of the session.

    Args:
        url: any device URL; whether its kind exists is not checked here.

    Returns:
        The URL without :data:`SESSION_OPTIONS`, all else of it untouched, and those options with their values
        decoded. ``tcp://lab:27900?token_file=/etc/ppa`` gives
        ``("tcp://lab:27900", {"token_file": "/etc/ppa"})``.

    Raises:
        LinkError: a session option has no value, or is given twice.
    """
    body, _, query = url.partition("?")
    taken, left = take_options(LinkUrl(url, "", body, tuple(filter(None, query.split("&")))), SESSION_OPTIONS)
    return (f"{body}?{'&'.join(left)}" if left else body), taken


def take_options(url: LinkUrl, names: Collection[str]) -> tuple[dict[str, str], list[str]]:
    """The values of the named options, and the options of other names as they were written.

    Raises:
        LinkError: a named option has no value, or is given twice.
    """
    taken: dict[str, str] = {}
    left: list[str] = []
    for segment in url.query:
        name, _, value = segment.partition("=")
        if name not in names:
            left.append(segment)
        elif name in taken:
            raise LinkError(f"{url.text}: the option {name!r} is given twice")
        elif not value:
            raise LinkError(f"{url.text}: the option {name!r} needs a value, as in {name}=...")
        else:
            taken[name] = unquote(value)
    return taken, left


def known_options(url: LinkUrl, names: Collection[str]) -> dict[str, str]:
    """The values of a URL's options, where no others than the named ones are allowed.

    Raises:
        LinkError: an option has another name, no value, or is given twice.
    """
    taken, unknown = take_options(url, names)
    if unknown:
        name = unknown[0].partition("=")[0]
        known = known_names(name, sorted({*names, *SESSION_OPTIONS}))
        raise LinkError(f"{url.text}: there is no option {name!r}; {known}")
    return taken


def whole_number(url: LinkUrl, options: Mapping[str, str], name: str, default: int, least: int = 0) -> int:
    """An option's value as a whole number, which may be written like ``12e6``.

    Raises:
        LinkError: it is not a whole number, or less than ``least``.
    """
    if name not in options:
        return default
    text = options[name]
    try:
        number = int(text) if text.isdecimal() else float(text)
        if number == int(number) >= least:
            return int(number)
    except (ValueError, OverflowError):
        pass
    raise LinkError(f"{url.text}: {name} must be a whole number from {least} on, not {text!r}")


def switch(url: LinkUrl, options: Mapping[str, str], name: str) -> bool:
    """An option's value as on or off; off where it is not given.

    Raises:
        LinkError: it is neither.
    """
    text = options.get(name, "off").lower()
    if text not in _ON | _OFF:
        raise LinkError(f"{url.text}: {name} must be 'on' or 'off', not {text!r}")
    return text in _ON


def host_and_port(url: LinkUrl) -> tuple[str, int]:
    """The host and the port that an address like ``//host:port`` names.

    Raises:
        LinkError: either is missing, or something else is there.
    """
    try:
        parts: SplitResult = urlsplit(url.address)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise LinkError(f"{url.text!r} is not a device URL: {error}") from error
    if not host or port is None or parts.path.strip("/"):
        raise LinkError(f"{url.text} needs a host and a port, as in {url.kind}://127.0.0.1:27900")
    return host, port
