"""A connection to a device by the vendor's host protocol (SCAMP-5 fact sheet, section 5)."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import TracebackType
from urllib.parse import urlsplit

from pixeltree.errors import DataError, LinkError
from pixeltree.links import Link, open_link
from pixeltree_protocol.names import known_names
from pixeltree_protocol.vendor.packets import Code, FrameReader, Message, Route, messages
from pixeltree_protocol.vendor.panel import HELLO, Panel, slider

_CONNECT_SECONDS = 5.0
_SEND_SECONDS = 5.0
_KINDS = ("tcp", "unix")


class Scamp5d:
    """What a program shows, and the values that a user sends it.

    Nothing happens by itself: call :meth:`routine` often, or :meth:`wait`. Methods have the names of the
    vendor's Python module where that has them.

    Args:
        link: the open link; owned from now on.

    Attributes:
        panel: displays, elements, pictures, numbers and texts, as last shown.
    """

    def __init__(self, link: Link) -> None:
        self._link = link
        self._reader = FrameReader()
        self.panel = Panel()
        link.send(HELLO, _SEND_SECONDS)

    def __enter__(self) -> Scamp5d:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def url(self) -> str:
        """Where the device is."""
        return self._link.url

    def routine(self, timeout: float = 0.0) -> bool:
        """Take what has come into :attr:`panel`.

        Args:
            timeout: seconds to wait for something; 0 for not at all.

        Returns:
            Whether something came.

        Raises:
            LinkError: the device is gone.
        """
        data = self._link.receive(timeout)
        if data is None:
            return False
        for packet in self._reader.feed(data):
            self.panel.take(packet)
        return True

    def wait(self, until: Callable[[Panel], object], timeout: float = 10.0) -> None:
        """Take what comes until the panel is as wanted.

        Args:
            until: is given the panel; anything true ends the waiting.
            timeout: seconds.

        Raises:
            LinkError: the device is gone, or the time is over.
        """
        deadline = time.monotonic() + timeout
        while not until(self.panel):
            left = deadline - time.monotonic()
            if left <= 0:
                raise LinkError(f"{self.url} did not show what was waited for within {timeout:g} s")
            self.routine(left)

    def send_message(self, code: int, item: int = 0, value: int = 0) -> None:
        """Send a message to the program (route M0).

        Args:
            code: as :class:`pixeltree_protocol.vendor.packets.Code` lists them; 0 to 255.
            item: second code, 0 to 255.
            value: 32 bits; negative numbers in two's complement.

        Raises:
            LinkError: the device is gone.
        """
        self._link.send(messages(Message(Route.M0, code, item, value)), _SEND_SECONDS)

    def send_gui_value(self, item: int | str, value: int) -> None:
        """Move a slider or a switch, or press a button.

        Args:
            item: its index, or its name.
            value: 32 bits, with a sign.

        Raises:
            DataError: no element has this name, or the value has more bits.
            LinkError: the device is gone.
        """
        if not -(1 << 31) <= value < 1 << 31:
            raise DataError(f"{item}: {value} has more than 32 bits")
        index = self._index(item) if isinstance(item, str) else item
        if not 0 <= index <= 255:
            raise DataError(f"an element has an index from 0 to 255, not {index}")
        self._link.send(slider(index, value), _SEND_SECONDS)
        self.panel.values[index] = value

    def _index(self, name: str) -> int:
        names = [element.name for element in self.panel.elements]
        if name not in names:
            raise DataError(f"the program has no element {name!r}; {known_names(name, names)}")
        return names.index(name)

    def close(self) -> None:
        """Say good-bye and close the link. Again is harmless."""
        try:
            self.send_message(Code.HOST_DC)
        except (LinkError, OSError):
            return
        finally:
            self._link.close()


def connect(url: str, timeout: float = _CONNECT_SECONDS) -> Scamp5d:
    """Connect to a SCAMP-5d, or to ``pixeltree emulate --listen vendor-host://``.

    Args:
        url: ``tcp://HOST:27888``.
        timeout: seconds.

    Raises:
        LinkError: another kind of URL, or nobody there.
    """
    check_url(url)
    return Scamp5d(open_link(url, timeout))


def check_url(url: str) -> None:
    """Whether a URL is of a kind over which the vendor's host protocol is spoken.

    Raises:
        LinkError: it is not.
    """
    if urlsplit(url).scheme not in _KINDS:
        raise LinkError(f"{url!r} is no address of a program of the vendor's; use tcp://HOST:27888")
