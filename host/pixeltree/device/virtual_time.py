"""A private emulated device on virtual time: ``with virtual_device("--bps=3e6") as device: ...``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from pixeltree.device.device import Device
from pixeltree.device.session import Session
from pixeltree.links.emulator import EmulatorProcess
from pixeltree.links.virtual_time import VirtualTimeLink


@contextmanager
def virtual_device(*options: str) -> Iterator[Device]:
    """Start an emulator on virtual time and connect to it.

    Link, array and controller run at the same time on one clock, as on hardware; it goes as fast as this
    machine computes. What the host computes takes no time on it.

    Args:
        options: as of ``pixeltree emulate``: the line, the memory, what the sensor sees.

    Raises:
        LinkError: it does not start.
    """
    with EmulatorProcess("--virtual-time", *options) as emulator:
        link = VirtualTimeLink(emulator.url.removeprefix("unix://"))
        session = Session(lambda timeout: link, emulator.url, keep_alive=False, clock=link)
        try:
            yield Device(session, session.greet())
        finally:
            session.close()
