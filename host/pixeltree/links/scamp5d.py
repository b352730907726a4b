"""``scamp5d:tcp://HOST:27888`` and ``scamp5d:usb``: our bytes in the packets of a SCAMP-5d and its host.

The device runs Pixeltree's firmware (``firmware/ports/scamp5d``). For a program of somebody else's, which
shows pictures, see ``pixeltree.scamp5d``.
"""

from __future__ import annotations

import contextlib
import time
from dataclasses import replace
from typing import Any
from urllib.parse import unquote

from pixeltree.errors import LinkError, from_extra
from pixeltree.links.base import Link, took_too_little
from pixeltree.links.stream_socket import open_tcp
from pixeltree.links.url import LinkUrl, known_options, parse_url
from pixeltree_protocol.vendor.carried import CarriedReader, attached, detached, to_device
from pixeltree_protocol.vendor.packets import HOST_PORT

VENDOR, PRODUCT = 0x1FC9, 0x008A
"""Of a SCAMP-5d on the USB (fact sheet 5.8)."""

_PIPE_OUT, _PIPE_IN = 0x01, 0x81
_READ_BYTES = 4096
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
        return _open_usb(url.text, unquote(serial_number))
    if kind != "tcp":
        raise LinkError(f"{url.text}: {_HINT}")
    return open_tcp(replace(parse_url(url.address), text=url.text, kind=url.kind), timeout)


class UsbLink:
    """Bulk transfers to and from a SCAMP-5d. Pipes and sizes are those of the fact sheet; none was tried.

    Args:
        device: what pyusb found.
        url: of the whole.
    """

    def __init__(self, device: Any, url: str) -> None:  # noqa: ANN401 - pyusb has no types
        self._device = device
        self.url = url

    def send(self, data: bytes, timeout: float) -> None:
        """See :class:`pixeltree.links.base.Link`."""
        import usb.core  # noqa: PLC0415 - an extra

        deadline, taken = time.monotonic() + timeout, 0
        while taken < len(data):
            left = deadline - time.monotonic()
            if left <= 0:
                raise took_too_little(self.url, taken, len(data), timeout)
            try:
                taken += self._device.write(_PIPE_OUT, data[taken:], _milliseconds(left))
            except usb.core.USBTimeoutError:
                continue
            except usb.core.USBError as error:
                raise _gone(self.url, error) from error

    def receive(self, timeout: float) -> bytes | None:
        """See :class:`pixeltree.links.base.Link`."""
        import usb.core  # noqa: PLC0415 - an extra

        try:
            return bytes(self._device.read(_PIPE_IN, _READ_BYTES, _milliseconds(timeout))) or None
        except usb.core.USBTimeoutError:
            return None
        except usb.core.USBError as error:
            raise _gone(self.url, error) from error

    def close(self) -> None:
        """See :class:`pixeltree.links.base.Link`."""
        import usb.util  # noqa: PLC0415 - an extra

        usb.util.dispose_resources(self._device)


def _milliseconds(seconds: float) -> int:
    """As pyusb takes it, for which 0 would mean to wait for ever."""
    return max(1, round(seconds * 1000))


def _gone(url: str, error: Exception) -> LinkError:
    return LinkError(f"the device at {url} is gone ({error}); plug it in again and reconnect")


def _open_usb(text: str, serial_number: str) -> UsbLink:
    """The one SCAMP-5d on the USB, or that with a serial number.

    Raises:
        LinkError: pyusb is missing, it finds no library or no device, or the device may not be used.
    """
    try:
        import usb.core  # noqa: PLC0415 - an extra
        import usb.util  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise LinkError(f"{text} needs pyusb: {from_extra('scamp5d')}") from error
    try:
        found = list(usb.core.find(find_all=True, idVendor=VENDOR, idProduct=PRODUCT))
    except usb.core.NoBackendError as error:
        raise LinkError(f"{text} needs the library libusb-1.0, which this system does not have") from error
    try:
        fitting = [device for device in found if serial_number in ("", device.serial_number or "")]
        if len(fitting) != 1:
            raise LinkError(
                f"{text}: {len(fitting)} SCAMP-5d are on the USB"
                + ("; is it plugged in and powered?" if not fitting else "; name one: scamp5d:usb:SERIAL")
            )
        fitting[0].set_configuration()
        usb.util.claim_interface(fitting[0], 0)
    except usb.core.USBError as error:
        raise LinkError(
            f"{text} is there but cannot be used ({error}); the vendor's host application may have it, or a "
            "udev rule is missing"
        ) from error
    return UsbLink(fitting[0], text)
