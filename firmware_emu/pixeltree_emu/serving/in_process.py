"""The emulated device in its host's process: the entry point of :mod:`pixeltree_protocol.link.in_process`."""

from __future__ import annotations

import secrets
import time
from collections.abc import Sequence

from pixeltree_emu.controller.device import EmulatedDevice
from pixeltree_emu.serving.options import checked
from pixeltree_emu.serving.setup import device_of
from pixeltree_protocol.link.in_process import InProcessDevice
from pixeltree_protocol.link.messages import (
    PROTOCOL_VERSION,
    GetStatus,
    Reply,
    Request,
    Role,
    Welcome,
)

DEVICE_NAME = "emulated SCAMP-5, in process"


class DeviceInProcess:
    """An emulated device and the one session that drives it.

    Args:
        device: the device.
    """

    def __init__(self, device: EmulatedDevice) -> None:
        self._device = device
        self._answers: list[tuple[Reply, int]] = []
        self._started = time.monotonic()
        device.attach(lambda message, request: self._answers.append((message, request)))
        self.welcome = Welcome(
            PROTOCOL_VERSION,
            bytes(16),
            secrets.token_bytes(8),
            secrets.token_bytes(8),
            False,
            Role.DRIVE,
            b"",
            0,
            0,
            0,
            DEVICE_NAME,
            device.limits.capabilities(),
        )

    def take(self, message: Request, request: int, wire_bytes: int) -> None:
        """Act on a request; see :class:`pixeltree_protocol.link.in_process.InProcessDevice`."""
        if isinstance(message, GetStatus):
            status = self._device.status(1, "pixeltree", time.monotonic() - self._started)
            self._answers.append((status, request))
        else:
            self._device.handle(message, request, wire_bytes)

    def answers(self) -> list[tuple[Reply, int]]:
        """Work until there are answers, or nothing to do; see the interface."""
        device = self._device
        while not self._answers and device.busy:
            device.work(through=True)
        if not self._answers and device.wakes_at is not None and time.monotonic() >= device.wakes_at:
            device.work()  # says that the host took too long to bring what the frame waits for
        answers, self._answers = self._answers, []
        return answers


def open_device(options: Sequence[str]) -> InProcessDevice:
    """A new emulated device, once the fast engine is compiled: that takes some 20 s, the first time.

    Args:
        options: as of ``pixeltree emulate``, each ``--name=value``.

    Raises:
        EmulatorError: an option that does not exist or makes no sense.
    """
    return DeviceInProcess(device_of(checked(options), at_once=False))
