"""Which serial ports this machine has, and how to say so."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote

from serial.tools import list_ports


@dataclass(frozen=True, order=True)
class SerialPort:
    """A serial port, USB or other.

    Attributes:
        path: what it is opened by, as in ``/dev/ttyACM0`` or ``COM3``.
        description: what its driver calls it; may be empty.
        vendor: USB vendor id; None for a port that is not on USB.
        product: USB product id; None like ``vendor``.
        serial_number: of the USB device; None where it has none.
    """

    path: str
    description: str = ""
    vendor: int | None = None
    product: int | None = None
    serial_number: str | None = None

    @property
    def usb_id(self) -> str:
        """``VID:PID`` in hexadecimal; empty for a port that is not on USB."""
        if self.vendor is None or self.product is None:
            return ""
        return f"{self.vendor:04x}:{self.product:04x}"

    @property
    def usb_url(self) -> str:
        """The URL that names the device and not the port; it may fit other devices too."""
        serial_number = f":{quote(self.serial_number, safe='')}" if self.serial_number else ""
        return f"usb:{self.usb_id}{serial_number}"

    @property
    def port_url(self) -> str:
        """The URL that names the port."""
        return f"serial://{self.path}" if self.path.startswith("/") else f"serial:{self.path}"


def serial_ports() -> list[SerialPort]:
    """The ports that the operating system knows, by path. Ptys are not among them."""
    return sorted(
        SerialPort(
            path=port.device,
            description="" if port.description in {None, "n/a"} else port.description,
            vendor=port.vid,
            product=port.pid,
            serial_number=port.serial_number,
        )
        for port in list_ports.comports()
    )


def best_url(port: SerialPort, ports: Sequence[SerialPort]) -> str:
    """The URL to use for a port: by what the device is where only one fits, as that outlives replugging."""
    if port.usb_id and [other.usb_url for other in ports].count(port.usb_url) == 1:
        return port.usb_url
    return port.port_url


def name_ports(ports: Sequence[SerialPort]) -> str:
    """A sentence part that lists ports with the URL to use for each."""
    if not ports:
        return "this machine has no serial ports now"
    return "serial ports here: " + ", ".join(f"{port.path} ({best_url(port, ports)})" for port in ports)
