"""A connection to a device by the vendor's host protocol (SCAMP-5 fact sheet, section 5)."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from types import TracebackType
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import numpy as np
import numpy.typing as npt

from pixeltree.arguments.files import AnyPath, as_path
from pixeltree.errors import DataError, LinkError
from pixeltree.links import Link, open_link
from pixeltree.links.usb_bulk import BulkPipes, open_bulk
from pixeltree.scamp5d.files import FileService
from pixeltree_protocol.names import known_names
from pixeltree_protocol.vendor.packets import USB_ID, Code, FrameReader, Message, Packet, Route, messages
from pixeltree_protocol.vendor.panel import HELLO, Panel, slider
from pixeltree_protocol.vendor.requests import file_packets, image_packets

_CONNECT_SECONDS = 5.0
_SEND_SECONDS = 5.0
_KINDS = ("tcp", "unix", "usb")
_PIPE_OPTIONS = ("interface", "send_to", "receive_from")


class Scamp5d:
    """What a program shows, and the values that a user sends it.

    Nothing happens by itself: call :meth:`routine` often, or :meth:`wait`. Methods have the names of the
    vendor's Python module where that has them.

    Args:
        link: the open link; owned from now on.
        files: serves what a program asks for, and saves what it wants saved; nothing if left out.

    Attributes:
        panel: displays, elements, pictures, numbers and texts, as last shown.
    """

    def __init__(self, link: Link, files: FileService | None = None) -> None:
        self._link = link
        self._files = files or FileService()
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

    def routine(self, timeout: float = 0.0, take: Callable[[Packet], object] = lambda packet: None) -> bool:
        """Take what has come into :attr:`panel`.

        Args:
            timeout: seconds to wait for something; 0 for not at all.
            take: is given each packet too.

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
            take(packet)
            if self.panel.requests or self.panel.snapshots:
                self._files.serve(self.panel, self._send)
        return True

    def _send(self, data: bytes) -> None:
        self._link.send(data, _SEND_SECONDS)

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
        self._send(messages(Message(Route.M0, code, item, value)))

    def send_image(self, picture: npt.NDArray[np.uint8], bits: int = 8) -> None:
        """Send a picture that the program waits for.

        Args:
            picture: uint8 (rows, columns), as one sees it; columns are a multiple of 8.
            bits: how many bits of a pixel are sent, the highest ones.

        Raises:
            MessageError: a picture of another form.
            LinkError: the device is gone.
        """
        for packet in image_packets(picture, bits):
            self._send(packet.encode())

    def send_file(self, contents: bytes) -> None:
        """Send a file that the program waits for.

        Raises:
            LinkError: the device is gone.
        """
        for packet in file_packets(contents):
            self._send(packet.encode())

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
        self._send(slider(index, value))
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


def connect(
    url: str,
    timeout: float = _CONNECT_SECONDS,
    files: AnyPath | None = None,
    output: AnyPath | None = None,
) -> Scamp5d:
    """Connect to a SCAMP-5d, or to ``pixeltree emulate --listen vendor-host://``.

    Args:
        url: ``tcp://HOST:27888``; ``usb`` for a SCAMP-5d at USB, ``usb:SERIAL`` for one of several. It
            has the options ``interface``, ``send_to`` and ``receive_from``, as in ``usb?interface=1``.
            ``files`` and ``output`` can stand in any URL.
        timeout: seconds.
        files: folder of pictures and files that programs may ask for; none, and they get none.
        output: folder for pictures that programs want saved; none, and nothing is saved.

    Raises:
        LinkError: another kind of URL, an option that makes no sense, or nobody there.
    """
    bare, options = _split(url)
    folders = [given or options.pop(name, None) for name, given in (("files", files), ("output", output))]
    service = FileService(*(None if folder is None else as_path(folder) for folder in folders))
    if bare.startswith("usb"):
        return Scamp5d(open_bulk(bare, _pipes(bare, options)), service)
    if options:
        raise LinkError(f"{url!r}: no option is named {next(iter(options))!r}; known: files, output")
    return Scamp5d(open_link(bare, timeout), service)


def _split(url: str) -> tuple[str, dict[str, str]]:
    """A URL without its options, and these."""
    check_url(url)
    bare, _, query = url.partition("?")
    return bare, dict(parse_qsl(query, keep_blank_values=True))


def _pipes(url: str, options: dict[str, str]) -> BulkPipes:
    """By which pipes a SCAMP-5d is reached. Which interface they belong to is not known: it is an option.

    Raises:
        LinkError: an option that makes no sense.
    """
    pipes = BulkPipes(*USB_ID, serial_number=unquote(url.removeprefix("usb").removeprefix(":")))
    for name, text in options.items():
        if name not in _PIPE_OPTIONS:
            raise LinkError(f"{url!r}: no option is named {name!r}; {known_names(name, _PIPE_OPTIONS)}")
        try:
            changes: dict[str, Any] = {name: int(text, 0)}
        except ValueError as error:
            raise LinkError(f"{url!r}: {name}={text} must be a number, as 1 or 0x81") from error
        if not 0 <= changes[name] <= 255:
            raise LinkError(f"{url!r}: {name}={text} must be from 0 to 255")
        pipes = replace(pipes, **changes)
    return pipes


def check_url(url: str) -> None:
    """Whether a URL is of a kind over which the vendor's host protocol is spoken.

    Raises:
        LinkError: it is not.
    """
    if urlsplit(url).scheme not in _KINDS and url.partition("?")[0] != "usb":
        raise LinkError(f"{url!r} is no address of a program of the vendor's; use tcp://HOST:27888 or usb")
