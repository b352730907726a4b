"""Serves one host on virtual time: the world stands still while the host thinks, and goes on while it waits.

Link, array and controller run at the same time on one clock that goes as fast as this machine computes: a
minute of frames takes seconds, and every run is the same. The host sends bytes together with the time until
which it will wait; the device answers with the bytes that came to it meanwhile, and the time that it is then.
The envelope is in :mod:`pixeltree_protocol.link.virtual_time`.
"""

from __future__ import annotations

import math
import os
import selectors
import sys
from collections import deque

from pixeltree_emu.controller.device import EmulatedDevice
from pixeltree_emu.errors import WireClosed
from pixeltree_emu.serving.client import Client
from pixeltree_emu.serving.listeners import Listener
from pixeltree_emu.serving.sessions import Sessions
from pixeltree_emu.wires.base import READ_BYTES, Data, Wants, Wire
from pixeltree_emu.wires.line import LineSettings
from pixeltree_protocol.link.connection import Identity
from pixeltree_protocol.link.virtual_time import ENVELOPE

_NS = 1_000_000_000


class FrameLine:
    """One direction of a line: each frame arrives when its last byte does.

    Args:
        settings: how slow it is.
    """

    def __init__(self, settings: LineSettings) -> None:
        self._settings = settings
        self._frames: deque[tuple[float, bytes]] = deque()
        self._free_at = 0.0

    def put(self, data: bytes, now: float) -> None:
        """Put bytes on the line; they wait for those before them."""
        at = max(now, self._free_at)
        start = 0
        while start < len(data):
            end = data.find(0, start) + 1 or len(data)
            if end == start + 1 < len(data):  # ends what was broken off before, and means nothing by itself
                end = data.find(0, end) + 1 or len(data)
            at += (end - start) * self._settings.seconds_per_byte
            self._frames.append((at + self._settings.latency, data[start:end]))
            start = end
        self._free_at = at

    @property
    def due(self) -> float | None:
        """When the next frame has arrived."""
        return self._frames[0][0] if self._frames else None

    def take(self, now: float) -> bytes:
        """What has arrived."""
        taken = bytearray()
        while self._frames and self._frames[0][0] <= now:
            taken += self._frames.popleft()[1]
        return bytes(taken)


class VirtualWire:
    """The device's end of both lines."""

    name = "virtual time"
    persistent = False
    local = False

    def __init__(self, world: World, settings: LineSettings) -> None:
        self.to_device = FrameLine(settings)
        self.to_host = FrameLine(settings)
        self._world = world

    def fileno(self) -> int:
        """There is none to wait for."""
        return -1

    def wants(self, reading: bool, writing: bool) -> Wants:
        """When the next frame comes in."""
        return Wants(0, self.to_device.due if reading else None)

    def read(self, limit: int = READ_BYTES) -> bytes | None:
        """What has come in; the window bounds it."""
        return self.to_device.take(self._world.now) or None

    def write(self, data: Data) -> int:
        """Put bytes on the line to the host; the window bounds them."""
        self.to_host.put(bytes(data), self._world.now)
        return len(data)

    def close(self) -> None:
        """Nothing is held."""


class World:
    """A device, its line, and the time.

    Args:
        device: the device, whose clock follows the world's.
        identity: what it says of itself.
        line: how slow the line is.

    Attributes:
        now: seconds; the device clock reads the same.
    """

    def __init__(self, device: EmulatedDevice, identity: Identity, line: LineSettings) -> None:
        self.now = device.clock.now_ns / _NS
        self.wire = VirtualWire(self, line)
        self._device = device
        self._sessions = Sessions(device, identity.resume_ms, now=self._time)
        self._client = Client(self.wire, identity, self._sessions, None, self._time)
        self._device_free = self.now
        self._unsaid = False
        device.follow_time(self._time)

    def _time(self) -> float:
        return self.now

    def run(self, until: float) -> bytes:
        """Go on until something has come to the host, or until a time; returns what has come."""
        while True:
            arrival = self.wire.to_host.due
            if (arrival is not None and arrival <= self.now) or self.now >= until:
                return self.wire.to_host.take(self.now)
            wakes = min(until, math.inf if arrival is None else arrival)
            turn = self._next_turn()
            self.now = max(self.now, min(wakes, turn))
            if self.now >= turn:
                self._turn(wakes)

    def _next_turn(self) -> float:
        """When the device has something to do: it does one thing at a time."""
        if self._device.busy or self._unsaid:
            return self._device_free
        wakes = self._device.wakes_at
        return max(self._device_free, min(self._attention(), math.inf if wakes is None else wakes))

    def _attention(self) -> float:
        """When the link has something to do: something arrives, or a timer is due."""
        dues = (self._client.wants().due, self._sessions.next_timer())
        return min((due for due in dues if due is not None), default=math.inf)

    def _turn(self, wakes: float) -> None:
        """What came in, what is to be said, and steps of the frame in hand until something else is due.

        What a step has to say is said when it is done.
        """
        device = self._device
        device.follow(round(self.now * _NS))
        self._client.serve()
        self._sessions.tick()
        device.work(device.clock.now_ns + 1)
        self._sessions.work()
        if device.busy:
            due_ns = min(wakes, self._attention()) * _NS
            looks_at_ns = None if math.isinf(due_ns) else math.ceil(due_ns)
            while device.busy and device.clock.now_ns < due_ns and not self._client.has_unsent:
                device.work(looks_at_ns)
        self._unsaid = self._client.has_unsent
        self._device_free = max(self.now, device.clock.now_ns / _NS)


class VirtualTimeServer:
    """Serves one host after the other.

    Args:
        device: the device.
        listener: where hosts come.
        identity: what the device says of itself.
        line: how slow the line is.
    """

    def __init__(
        self, device: EmulatedDevice, listener: Listener, identity: Identity, line: LineSettings
    ) -> None:
        self._device = device
        self._listener = listener
        self._identity = identity
        self._line = line

    def serve(self, until_eof: bool) -> None:
        """Serve, if asked until standard input ends."""
        selector = selectors.DefaultSelector()
        descriptor = self._listener.fileno()
        assert descriptor is not None
        selector.register(descriptor, selectors.EVENT_READ)
        if until_eof:
            try:
                selector.register(sys.stdin.fileno(), selectors.EVENT_READ, "input")
            except PermissionError:  # a file or /dev/null, which nobody has to wait for
                selector.close()
                self._listener.close()
                return
        try:
            while True:
                for key, _ in selector.select():
                    if key.data == "input" and not os.read(sys.stdin.fileno(), 4096):
                        return
                    wire = self._listener.accept()
                    if wire is not None:
                        self._serve_host(wire)
        finally:
            selector.close()
            self._listener.close()

    def _serve_host(self, wire: Wire) -> None:
        world = World(self._device, self._identity, self._line)
        stream = _Stream(wire)
        try:
            while True:
                until, size = ENVELOPE.unpack(stream.take(ENVELOPE.size))
                data = stream.take(size)
                if data:
                    world.wire.to_device.put(data, world.now)
                answer = world.run(until)
                stream.give(ENVELOPE.pack(world.now, len(answer)) + answer)
        except WireClosed:
            wire.close()


class _Stream:
    """Exact numbers of bytes from a wire."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._held = bytearray()
        self._selector = selectors.DefaultSelector()

    def take(self, count: int) -> bytes:
        while len(self._held) < count:
            self._wait(selectors.EVENT_READ)
            data = self._wire.read()
            if data == b"":
                raise WireClosed("the host closed it")
            self._held += data or b""
        data = bytes(self._held[:count])
        del self._held[:count]
        return data

    def give(self, data: bytes) -> None:
        while data:
            taken = self._wire.write(data)
            data = data[taken:]
            if data:
                self._wait(selectors.EVENT_WRITE)

    def _wait(self, event: int) -> None:
        self._selector.register(self._wire.fileno(), event)
        self._selector.select()
        self._selector.unregister(self._wire.fileno())
