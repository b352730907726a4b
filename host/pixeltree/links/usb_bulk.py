"""A USB device with a bulk endpoint for each direction, by libusb: bytes go in and out as they are."""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass
from typing import Any

from pixeltree.errors import LinkError, from_extra
from pixeltree.links.base import took_too_little

_SHORTEST_MS = 1
_PIECE = 16_384
"""Bytes of one write; a piece that does not get away in time is known to be that much at most."""


@dataclass(frozen=True)
class BulkPipes:
    """Which device, and by which of its pipes.

    Attributes:
        vendor, product: as USB numbers them.
        serial_number: of one of several; empty for the only one.
        interface: that is claimed.
        send_to, receive_from: endpoint addresses.
        read_bytes: of one read.
    """

    vendor: int
    product: int
    serial_number: str = ""
    interface: int = 0
    send_to: int = 0x01
    receive_from: int = 0x81
    read_bytes: int = 4096


class UsbBulk:
    """A :class:`~pixeltree.links.base.Link` over two bulk endpoints.

    Args:
        url: for messages to people.
        device: as pyusb finds it, its interface claimed.
        pipes: which endpoints.
    """

    def __init__(self, url: str, device: Any, pipes: BulkPipes) -> None:  # noqa: ANN401 - pyusb has no types
        self._url = url
        self._device = device
        self._pipes = pipes

    @property
    def url(self) -> str:
        """Where it leads."""
        return self._url

    def send(self, data: bytes, timeout: float) -> None:
        """See :class:`~pixeltree.links.base.Link`."""
        usb = usb_core()
        deadline, taken = time.monotonic() + timeout, 0
        while taken < len(data):
            left = round((deadline - time.monotonic()) * 1000)
            piece = data[taken : taken + _PIECE]
            try:
                taken += self._device.write(self._pipes.send_to, piece, max(_SHORTEST_MS, left))
            except usb.USBTimeoutError as error:
                raise took_too_little(self._url, taken, len(data), timeout) from error
            except usb.USBError as error:
                raise LinkError(f"the device at {self._url} is gone: {error.strerror}") from error

    def receive(self, timeout: float) -> bytes | None:
        """See :class:`~pixeltree.links.base.Link`."""
        usb = usb_core()
        try:
            read = self._device.read(
                self._pipes.receive_from, self._pipes.read_bytes, max(_SHORTEST_MS, round(timeout * 1000))
            )
        except usb.USBTimeoutError:
            return None
        except usb.USBError as error:
            raise LinkError(f"the device at {self._url} is gone: {error.strerror}") from error
        return bytes(read) or None

    def close(self) -> None:
        """See :class:`~pixeltree.links.base.Link`."""
        device, self._device = self._device, None
        if device is not None:
            import usb.util  # noqa: PLC0415 - an extra

            usb.util.dispose_resources(device)


def open_bulk(url: str, pipes: BulkPipes) -> UsbBulk:
    """Find a device and claim its interface.

    Raises:
        LinkError: pyusb or libusb is not installed, no such device is there, or somebody else has it.
    """
    usb = usb_core()
    try:
        found = [
            device
            for device in usb.find(find_all=True, idVendor=pipes.vendor, idProduct=pipes.product)
            if pipes.serial_number in ("", device.serial_number)
        ]
    except usb.NoBackendError as error:
        raise LinkError(f"{url} needs libusb: install libusb-1.0-0 (Debian) or libusb (Homebrew)") from error
    except (usb.USBError, ValueError) as error:  # a serial number that may not be read
        raise LinkError(f"{url}: {error}; may you use the device? (udev rule, group plugdev)") from error
    name = f"USB device {pipes.vendor:04x}:{pipes.product:04x} {pipes.serial_number}".strip()
    if not found:
        raise LinkError(f"no {name} is there; is it plugged in and powered?")
    if len(found) > 1:
        numbers = ", ".join(str(device.serial_number) for device in found)
        raise LinkError(f"{len(found)} of {name} are there; name one by its serial number: {numbers}")
    try:
        _claim(found[0], pipes.interface)
    except usb.USBError as error:
        raise LinkError(f"{name} cannot be opened: {error}; may you use it? (udev rule)") from error
    return UsbBulk(url, found[0], pipes)


def _claim(device: Any, interface: int) -> None:  # noqa: ANN401 - pyusb has no types
    """Take an interface away from a driver of the system, and claim it."""
    import usb.util  # noqa: PLC0415 - an extra

    with contextlib.suppress(NotImplementedError):  # not on every system
        if device.is_kernel_driver_active(interface):
            device.detach_kernel_driver(interface)
    usb.util.claim_interface(device, interface)


def usb_core() -> Any:  # noqa: ANN401 - pyusb has no types
    """``usb.core``.

    Raises:
        LinkError: it is not installed.
    """
    try:
        import usb.core  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise LinkError(f"USB needs pyusb: {from_extra('usb')}") from error
    return usb.core
