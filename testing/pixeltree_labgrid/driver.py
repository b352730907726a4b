"""Connects to a device of a place of labgrid while its driver is active."""

from __future__ import annotations

import attr
from labgrid.driver import Driver
from labgrid.factory import target_factory
from labgrid.protocol import PowerProtocol
from labgrid.resource import NetworkSerialPort
from labgrid.resource.base import SerialPort
from labgrid.util.proxy import proxymanager

import pixeltree as pt
from pixeltree_labgrid.resource import PixeltreeDevice


@target_factory.reg_driver
@attr.s(eq=False)
class PixeltreeDriver(Driver):  # type: ignore[misc]  # labgrid has no types
    """A connected device: ``target.get_driver("PixeltreeDriver").device``.

    It takes a :class:`~pixeltree_labgrid.resource.PixeltreeDevice`, a serial port of this machine, or one
    that an exporter shares. Where the place has a driver for power, the power is switched on first. It is
    left on at the end: labgrid's strategies say when it goes off.

    Args:
        boot: seconds that a device may take from power to its greeting.
    """

    bindings = {  # noqa: RUF012 - as labgrid has it
        "port": {PixeltreeDevice, SerialPort, NetworkSerialPort},
        "power": {PowerProtocol, None},
    }

    boot = attr.ib(default=10.0, converter=float)

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        self._device: pt.Device | None = None

    @property
    def url(self) -> str:
        """Where the device is, as ``pixeltree.connect`` takes it."""
        return url_of(self.port)

    @property
    def device(self) -> pt.Device:
        """The device, while the driver is active.

        Raises:
            DataError: the driver is not active.
        """
        if self._device is None:
            raise pt.errors.DeviceError(
                "NOT_ACTIVE", "activate the PixeltreeDriver first: target.activate(driver)"
            )
        return self._device

    def on_activate(self) -> None:
        """Switch the power on and connect."""
        if self.power is not None:
            self.power.on()
        self._device = pt.connect(self.url, pt.Patience(connect=self.boot))

    def on_deactivate(self) -> None:
        """Leave the device to the next one."""
        if self._device is not None:
            self._device.close()
            self._device = None


def url_of(port: PixeltreeDevice | SerialPort | NetworkSerialPort) -> str:
    """The URL of a resource.

    Raises:
        DataError: a serial port is shared by a protocol that Pixeltree does not speak.
    """
    if isinstance(port, PixeltreeDevice):
        return str(port.url)
    if isinstance(port, SerialPort):
        return f"serial://{port.port}?baudrate={port.speed}"
    host, number = proxymanager.get_host_and_port(port)
    if port.protocol == "raw":
        return f"tcp://{host}:{number}"
    if port.protocol == "rfc2217":
        return f"serial:rfc2217://{host}:{number}?baudrate={port.speed}"
    raise pt.errors.DataError(f"a serial port is shared as {port.protocol!r}; known: raw, rfc2217")
