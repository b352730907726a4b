"""Host and emulated device on virtual time in one process."""

from itertools import cycle

from pixeltree import Device
from pixeltree.device.session import Session
from pixeltree.swapping import LINES
from pixeltree_emu.controller.device import EmulatedDevice
from pixeltree_emu.controller.limits import DeviceLimits
from pixeltree_emu.serving.virtual_time import World
from pixeltree_emu.wires.line import LineSettings
from pixeltree_pictures.sources import ArraySource
from pixeltree_protocol.link.connection import Identity


class WorldLink:
    """The link and the clock: the world goes on while the host waits."""

    url = "world:"

    def __init__(self, world):
        self.world = world
        self.incoming = b""

    def monotonic(self):
        return self.world.now

    def sleep(self, seconds):
        until = self.world.now + seconds
        while self.world.now < until:
            self.incoming += self.world.run(until)

    def send(self, data, timeout):
        self.world.wire.to_device.put(data, self.world.now)

    def receive(self, timeout):
        data = self.incoming or self.world.run(self.world.now + timeout)
        self.incoming = b""
        return data or None

    def close(self):
        pass


def device_in_world(line="usb_12M", album=None, ends=None, latency=0.0, **limits):
    """A connected device whose sensor sees the pictures of an album in the order of ``ends``."""
    emulated = EmulatedDevice(DeviceLimits(**limits))
    if album is not None:
        order = cycle([album.of_end[end] for end in ends])
        emulated.array.sensor.look_at(ArraySource(album.pictures), "frame", order)
    rate = LINES[line]
    settings = LineSettings(rate.bits_per_second, rate.bits_per_byte, latency)
    identity = Identity(b"boot-id!", "world", emulated.limits.capabilities(), 30_000, 65_000)
    link = WorldLink(World(emulated, identity, settings))
    session = Session(lambda timeout: link, link.url, keep_alive=False, clock=link)
    device = Device(session, session.greet())
    device.emulated = emulated
    return device
