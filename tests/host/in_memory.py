"""A device without a process: a host and an emulated device joined by two connections and no wire.

Tests may import both sides; the packages may not.
"""

from pixeltree import Device, TreeRunner
from pixeltree.session import Session
from pixeltree_emu.runtime.device import DeviceLimits, EmulatedDevice
from pixeltree_protocol.connection import DeviceConnection, Rejected, error_for
from pixeltree_protocol.messages import Hello, Ping, Query


class InMemoryLink:
    """A link whose other end is an emulated device that runs whenever the host listens."""

    url = "memory:"

    def __init__(self, emulated):
        self.emulated = emulated
        self.connection = DeviceConnection(b"boot-id!", "in-memory emulator", emulated.limits.capabilities())
        emulated.attach(self.connection.send)

    def send(self, data, timeout):
        for event in self.connection.receive_data(data):
            self.act(event)
            self.connection.handled(event)

    def act(self, event):
        if isinstance(event, Rejected):
            self.connection.send(error_for(event), event.request)
        elif isinstance(event.message, Query | Ping):
            self.connection.send(self.emulated.answer(event.message), event.request)
        elif not isinstance(event.message, Hello):
            self.emulated.handle(event.message, event.request, event.wire_bytes)

    def receive(self, timeout):
        self.emulated.work()
        while self.emulated.busy and not self.connection.bytes_to_send:
            self.emulated.work()
        return self.connection.data_to_send() or None

    def close(self):
        pass


def in_memory_device(**limits):
    emulated = EmulatedDevice(DeviceLimits(**limits))
    session = Session(InMemoryLink(emulated), patience=5)
    return Device(session, session.greet("tests"))


class InMemoryDevice(TreeRunner):
    """A runner of one tree on a device of its own."""

    def __init__(self, tree, memory_limit=None, **limits):
        super().__init__(in_memory_device(**limits), tree, memory_limit)
