"""Real host, real emulator, a faulty wire between them: one process, one thread, and a clock of its own.

The host's session, device and runner, and the emulator's client, sessions and device are those that users
run. Only what has descriptors is replaced: the daemon's loop, its wires, and the host's link. The world turns
while the host waits; a host that waits for ever, or a world that turns on the spot, is an assertion.
"""

import random
import secrets
from contextlib import contextmanager
from dataclasses import replace
from unittest import mock

from tests.support.answers import AnsweredSession
from tests.support.breaking_wire import BreakingWire

from pixeltree.device.device import Device
from pixeltree.device.patience import Patience
from pixeltree.errors import LinkError
from pixeltree_emu.controller.device import EmulatedDevice
from pixeltree_emu.controller.limits import DeviceLimits
from pixeltree_emu.errors import WireClosed
from pixeltree_emu.serving.client import Client
from pixeltree_emu.serving.sessions import Sessions
from pixeltree_emu.wires import Wants
from pixeltree_protocol.link.connection import Identity
from pixeltree_protocol.link.declaration import Sender
from pixeltree_protocol.link.framing import Frame, FrameDecoder
from pixeltree_protocol.link.messages import Welcome, decode_message, is_sequenced, open_envelope

STEP_TIME = 0.000_05
"""Seconds that the emulated controller takes for a step."""

MOST_TURNS = 400_000
"""More than any schedule here needs: reaching it is a hang."""

PATIENCE = Patience(connect=10.0, answer=60.0, reconnect=120.0)


class CountingDevice(EmulatedDevice):
    """Notices a request that it is given twice."""

    def __init__(self, *arguments, **options):
        self.seen = set()
        self.twice = []
        self.epoch = 0
        super().__init__(*arguments, **options)

    def attach(self, reply):
        self.epoch += 1
        super().attach(reply)

    def handle(self, message, request, wire_bytes):
        if (self.epoch, request) in self.seen:
            self.twice.append((request, message))
        self.seen.add((self.epoch, request))
        super().handle(message, request, wire_bytes)


class DeviceEnd:
    """The emulator's end of a faulty wire."""

    name = "faulty"
    local = False

    def __init__(self, world, wire, persistent):
        self.world = world
        self.wire = wire
        self.persistent = persistent

    def fileno(self):
        raise AssertionError("there is no descriptor")

    def wants(self, reading, writing):
        return Wants(0, self.wire.next("device") if reading else None)

    def read(self, limit=65_536):
        data = self.wire.to_device.take(self.world.now)
        if data is None and self.wire.ended("device", self.world.now):
            if self.persistent:
                self.wire.told["device"] = None
                return b""
            if self.world.dice.random() < 0.5:
                raise WireClosed("the connection broke")
            return b""
        return data

    def write(self, data):
        taken = bytes(data[: self.wire.to_host.room])
        self.world.put(self.wire, self.wire.to_host, taken)
        return len(taken)

    def close(self):
        if not self.wire.lost:
            self.wire.lost = True
            self.wire.told["host"] = self.world.now


class HostEnd:
    """The host's end of a faulty wire."""

    url = "faulty:"

    def __init__(self, world, wire):
        self.world = world
        self.wire = wire

    def send(self, data, timeout):
        until = self.world.now + timeout
        while data:
            if self.wire.ended("host", self.world.now):
                raise LinkError("the wire is cut")
            taken, data = data[: self.wire.to_device.room], data[self.wire.to_device.room :]
            self.world.put(self.wire, self.wire.to_device, taken)
            self.world.run(until, lambda: self.wire.to_device.room or self.wire.lost)
            if data and self.world.now >= until:
                raise LinkError("the device takes nothing")

    def receive(self, timeout):
        self.world.run(self.world.now + timeout, self.something)
        data = self.wire.to_host.take(self.world.now)
        if data is None and self.wire.ended("host", self.world.now):
            raise LinkError("the wire is cut")
        return data

    def something(self):
        due = self.wire.to_host.next
        return (due is not None and due <= self.world.now) or self.wire.ended("host", self.world.now)

    def close(self):
        self.world.hang_up(self.wire)


def begins_session(payload):
    """Whether a device's message says that a session is a new one."""
    _, message = decode_message(payload, Sender.DEVICE)
    return isinstance(message, Welcome) and not message.resumed


class Tap:
    """Counts the bytes of payloads that cross a wire again, from what is seen on it alone."""

    def __init__(self):
        self.again = 0
        self.seen = set()
        self.decoders = {}

    def watch(self, wire, direction, data):
        decoder = self.decoders.setdefault((id(wire), id(direction)), FrameDecoder())
        self.decoders[wire] = decoder  # keeps the wire alive, so that its id stays its own
        for frame in decoder.feed(data):
            assert isinstance(frame, Frame)
            envelope = open_envelope(frame.payload)
            if direction is wire.to_host and begins_session(frame.payload):
                self.seen.clear()  # its numbers are its own
            if is_sequenced(envelope.code):
                way = "host" if direction is wire.to_device else "device"
                key = way, envelope.numbers.sequence
                self.again += frame.wire_bytes * (key in self.seen)
                self.seen.add(key)


class World:
    """A device, and the wires to it.

    Args:
        faults: what the wires do.
        seed: fixes all that happens.
        array: the pixel array, which may be used again.
        serial: there is one wire, which outlives its users; otherwise each connection has its own.
        most_restarts: the device is not started anew more often.

    Attributes:
        now: the time; the world is a clock for sessions too.
        cuts, restarts: how many there were.
        frames: how many ended with a result, on all devices there were.
        twice: requests that a device was given twice.
    """

    def __init__(self, faults, seed, array, serial=False, most_restarts=3):
        self.dice = random.Random(seed)
        self.now = 1000.0
        self.faults = faults
        self.serial = serial
        self.array = array
        self.restarts_left = most_restarts
        self.twice = []
        self.cuts = self.restarts = self.turns = 0
        self.frames = 0
        self.down_until = 0.0
        self.open_at = 0.0
        self.restart_due = False
        self.clients = []
        self.tap = None
        self.cable = None
        self.boot()

    # -- a clock for the host ----------------------------------------------------------------------

    def monotonic(self):
        return self.now

    def sleep(self, seconds):
        self.run(self.now + seconds, lambda: False)

    # -- the wires ---------------------------------------------------------------------------------

    def put(self, wire, direction, data):
        """Put bytes on a wire, unless this is the moment when it breaks."""
        if not data:
            return
        if self.tap is not None and not wire.lost:
            self.tap.watch(wire, direction, data)
        if not wire.lost and self.dice.random() < self.faults.cut:
            if self.dice.random() < 0.5:
                wire.put(direction, data[: self.dice.randrange(len(data))] or data, self.now)
            self.cuts += 1
            wire.cut(self.now)
            self.open_at = self.now + self.dice.choice((0.0, 0.1, 1.0)) * self.dice.random()
        elif self.restarts_left and self.dice.random() < self.faults.restart:
            self.restart_due = True
        wire.put(direction, data, self.now)

    def open(self, timeout):
        """Open a link, as a session wants it."""
        self.run(self.now + 0.001, lambda: False)
        if not self.serial and self.now < max(self.open_at, self.down_until):
            raise LinkError("nobody answers")
        wire = BreakingWire(self)
        if self.serial:
            self.plug(wire)
        else:
            self.connect(DeviceEnd(self, wire, persistent=False))
        return HostEnd(self, wire)

    def plug(self, wire):
        """Another user of the cable: what stood on it towards the device still arrives."""
        before = self.cable.wire
        wire.to_device.chunks = before.to_device.chunks
        wire.to_device.size = before.to_device.size
        if before.told["device"] is not None and self.dice.random() < 0.5:
            wire.told["device"] = None  # it never notices
        self.cable.wire = wire

    def hang_up(self, wire):
        """The host closes its end."""
        if not wire.lost:
            wire.lost = True
            wire.told["device"] = self.now

    def connect(self, end):
        self.clients.append(Client(end, self.identity, self.sessions, 5.0, self.monotonic))

    # -- the device --------------------------------------------------------------------------------

    def boot(self):
        """Start the device: it remembers nothing."""
        self.device = CountingDevice(DeviceLimits(), now=self.monotonic, array=self.array)
        capabilities = self.device.limits.capabilities()
        self.identity = Identity(self.dice.randbytes(8), "faulty", capabilities)
        self.sessions = Sessions(self.device, self.identity.resume_ms, now=self.monotonic)
        self.boot_serial()

    def boot_serial(self):
        """The one wire of a serial device outlives the device's power."""
        if self.serial:
            wire = BreakingWire(self) if self.cable is None else self.cable.wire
            self.cable = DeviceEnd(self, wire, persistent=True)
            self.connect(self.cable)

    def restart(self):
        self.restart_due = False
        self.restarts_left -= 1
        self.restarts += 1
        self.frames += self.device.frames
        self.twice += self.device.twice
        self.device.frames = 0
        self.down_until = self.now + self.dice.random() * self.dice.choice((0.01, 1.5))
        for client in self.clients:
            wire = client.wire.wire
            wire.to_device.lose()
            wire.to_host.lose()
            if not client.wire.persistent:
                client.close()
        self.clients = []

    @property
    def all_frames(self):
        return self.frames + self.device.frames

    @property
    def driver_resent(self):
        """Bytes that the device has sent again to its driver."""
        (driver,) = [each for each in self.sessions if each.drives]
        return driver.state.delivery.resent_bytes

    @property
    def device_resent(self):
        """Bytes that the device has sent again, in the session with most of it."""
        return max((each.state.delivery.resent_bytes for each in self.sessions), default=0)

    @property
    def window(self):
        """Bytes that the host may have under way."""
        return self.identity.capabilities.credit_window

    # -- the world turns ---------------------------------------------------------------------------

    def run(self, until, ready):
        """Let time pass until something is so, or a moment has come."""
        while not ready():
            self.turns += 1
            assert self.turns < MOST_TURNS, "it hangs"
            if self.restart_due:
                self.restart()
            down = self.now < self.down_until
            if not down:
                self.turn()
                if ready():
                    return
            if self.now >= until:
                return
            if not down and self.device.busy:
                self.now += STEP_TIME
            else:
                self.now = min(until, max(self.now + 1e-6, self.next_event(down)))

    def next_event(self, down):
        if down:
            return self.down_until
        times = [self.device.wakes_at, self.sessions.next_timer()]
        times += [client.wants().due for client in self.clients]
        for client in self.clients:
            due = client.wire.wire.next("host")
            if due is not None and due > self.now:  # what is there already waits for a host that is busy
                times.append(due)
        return min((time for time in times if time is not None), default=self.now + 0.1)

    def turn(self):
        """What the daemon's loop does once."""
        if self.down_until:
            self.down_until = 0.0
            self.boot()
        for client in self.clients:
            due = client.wants().due
            if due is not None and due <= self.now:
                client.serve()
        self.sessions.tick()
        self.device.work()
        self.sessions.work()
        for client in self.clients:
            client.send()
        for client in [client for client in self.clients if client.gone]:
            client.close()
            self.clients.remove(client)


@contextmanager
def host_of(world):
    """A device as a user holds it, in this world; all randomness comes from the world's dice.

    The first handshake meets no cut and no restart: nothing can be promised before there is a session.
    """
    with mock.patch.object(secrets, "token_bytes", world.dice.randbytes):
        session = AnsweredSession(world.open, "faulty:", patience=PATIENCE, keep_alive=False, clock=world)
        faults, world.faults = world.faults, replace(world.faults, cut=0.0, restart=0.0)
        try:
            device = Device(session, session.greet())
            world.faults = faults
            yield device
        finally:
            session.close()
