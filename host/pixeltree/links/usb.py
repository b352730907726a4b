"""``usb:VID:PID[:SERIAL]``: a serial port found by the USB device that offers it."""

from __future__ import annotations

import re
from urllib.parse import unquote

from pixeltree.errors import LinkError
from pixeltree.links.base import Link
from pixeltree.links.ports import SerialPort, name_ports, serial_ports
from pixeltree.links.serial_port import open_port
from pixeltree.links.url import LinkUrl

_ADDRESS = re.compile(r"([0-9A-Fa-f]{1,4}):([0-9A-Fa-f]{1,4})(?::(.+))?")


def open_usb(url: LinkUrl, _timeout: float) -> Link:
    """Open the serial port of the USB device that a URL names; options are those of a serial port.

    The device is looked for each time, so that it may come back under another path.
    """
    return open_port(url, find_port(url).path)


def find_port(url: LinkUrl) -> SerialPort:
    """The one port that fits.

    Raises:
        LinkError: the URL is wrong, or none or several fit.
    """
    address = _ADDRESS.fullmatch(url.address)
    if address is None:
        raise LinkError(
            f"{url.text} must name a USB device by vendor and product in hexadecimal, and by serial number "
            f"where there are several, as in usb:1fc9:008a or usb:1fc9:008a:0042"
        )
    vendor, product = int(address[1], 16), int(address[2], 16)
    serial_number = unquote(address[3]).lower() if address[3] else None
    ports = serial_ports()
    fitting = [
        port
        for port in ports
        if (port.vendor, port.product) == (vendor, product)
        and serial_number in {None, (port.serial_number or "").lower()}
    ]
    if not fitting:
        raise LinkError(
            f"no USB device with a serial port fits {url.text}; is it plugged in and powered? {_all(ports)}"
        )
    if len(fitting) > 1:
        raise LinkError(f"{len(fitting)} serial ports fit {url.text}; use the URL of one: {_all(fitting)}")
    return fitting[0]


def _all(ports: list[SerialPort]) -> str:
    text = name_ports(ports)
    return text[0].upper() + text[1:]
