"""A device without a process: a host and an emulated device joined by two connections and no wire.

Tests may import both sides; the packages may not.
"""

import secrets
import time

from pixeltree import Device, TreeRunner
from pixeltree.device.patience import Patience
from pixeltree.device.session import Session
from pixeltree_emu.controller.device import EmulatedDevice
from pixeltree_emu.controller.limits import DeviceLimits
from pixeltree_emu.serving.sessions import Sessions
from pixeltree_protocol.link.connection import DeviceConnection, Greeting, Identity


class InMemoryLink:
    """A link whose other end is an emulated device that runs whenever the host listens."""

    url = "memory:"

    def __init__(self, emulated):
        self.emulated = emulated
        identity = Identity(b"boot-id!", "in-memory emulator", emulated.limits.capabilities())
        self.connection = DeviceConnection(identity, secrets.token_bytes)
        self.sessions = Sessions(emulated, identity.resume_ms)
        self.session = None

    def send(self, data, timeout):
        for event in self.connection.receive_data(data, time.monotonic()):
            if isinstance(event, Greeting):
                self.session = self.sessions.greet(event.hello, self.connection, "memory")
            elif self.session is not None:
                self.session.pending.append(event)
        self.sessions.work()

    def receive(self, timeout):
        self.emulated.work()
        while self.emulated.busy and not self.connection.bytes_to_send:
            self.emulated.work()
        self.sessions.work()
        return self.connection.data_to_send(time.monotonic()) or None

    def close(self):
        pass


def in_memory_session(link, answer=5, connect=5):
    """A session over a link that is open already."""
    patience = Patience(connect, answer, reconnect=0)
    return Session(lambda timeout: link, link.url, patience=patience, keep_alive=False)


def device_on(link, answer=5):
    session = in_memory_session(link, answer)
    return Device(session, session.greet())


def in_memory_device(**limits):
    return device_on(InMemoryLink(EmulatedDevice(DeviceLimits(**limits))))


def in_memory_runner(tree, memory_limit=None, **limits):
    """A runner of one tree on a device of its own."""
    return TreeRunner.open(in_memory_device(**limits), tree, memory_limit, policy="no_prefetch")
