"""The daemon's sessions in one process, under peers that mean harm.

As in world.py, only what has descriptors is replaced. The wires here take what peers send as it is, and hold
back what a peer does not read.
"""

import logging
import random
import secrets
from collections import Counter
from unittest import mock

from tests.support.hostile import Hostility
from tests.support.inside import held_bytes_of, waiting_in

from pixeltree_emu.controller.device import EmulatedDevice
from pixeltree_emu.controller.device_array import PixelArray
from pixeltree_emu.controller.limits import DeviceLimits
from pixeltree_emu.serving.client import Client
from pixeltree_emu.serving.sessions import Sessions
from pixeltree_emu.wires import Wants
from pixeltree_protocol.link.connection import HostConnection, Identity, Received, State
from pixeltree_protocol.link.delivery import Numbers
from pixeltree_protocol.link.framing import Frame, FrameDecoder
from pixeltree_protocol.link.messages import Ping, Pong, Role, open_envelope

TOKEN = b"a token that only honest hosts know"
WIRE_ROOM = 65_536
"""Bytes that the wire holds for a peer that does not read."""

MOST_PEERS = 8


class HeldWire:
    """A wire of which the peer may read nothing; the emulator's end."""

    name = "hostile"
    local = False

    def __init__(self, persistent=False):
        self.persistent = persistent
        self.incoming = bytearray()
        self.outgoing = bytearray()
        self.closed = self.left = False

    def fileno(self):
        raise AssertionError("there is no descriptor")

    def wants(self, reading, writing):
        return Wants(0, 0.0 if reading and (self.incoming or self.left) else None)

    def read(self, limit=65_536):
        if self.incoming:
            data = bytes(self.incoming[:limit])
            del self.incoming[:limit]
            return data
        if self.left:
            self.left = False
            return b""
        return None

    def write(self, data):
        taken = min(len(data), WIRE_ROOM - len(self.outgoing))
        self.outgoing += data[:taken]
        return taken

    def close(self):
        self.closed = True


class Peer:
    """A hostile peer: knows how to greet, keeps count of its frames, reads or does not."""

    def __init__(self, dice, wire, token, role):
        self.dice = dice
        self.wire = wire
        self.host = HostConnection("hostile", dice.randbytes, role, token)
        self.reads = dice.random() < 0.7
        self.tame = dice.random() < 0.4
        self.greets = dice.random() < 0.8
        self.sequence = 0
        self.received = 0
        self.session = bytes(8)
        self.decoder = FrameDecoder()

    def read(self, now):
        """Take what came; learn from it what the device expects next."""
        data = bytes(self.wire.outgoing)
        self.wire.outgoing.clear()
        self.host.receive_data(data, now)
        if self.host.welcome is not None:
            self.session = self.host.welcome.session
        for frame in self.decoder.feed(data):
            if isinstance(frame, Frame):
                envelope = open_envelope(frame.payload)
                self.sequence = envelope.numbers.received
                self.received = (envelope.numbers.sequence + 1) % 0x10000

    def numbers(self):
        return Numbers(self.sequence, self.received, self.received)


class Target:
    """A device with its sessions, and the peers at it.

    Args:
        seed: fixes everything.
        array: may be used again.
        authenticated: the device wants a token.

    Attributes:
        greatest: the most there ever was of each thing that must be bounded.
    """

    def __init__(self, seed, array=None, authenticated=False):
        self.dice = random.Random(seed)
        self.now = 1000.0
        self.hostility = Hostility(self.dice)
        self.device = EmulatedDevice(DeviceLimits(), now=lambda: self.now, array=array or PixelArray())
        token = TOKEN if authenticated else None
        self.identity = Identity(bytes(8), "target", self.device.limits.capabilities(), token=token)
        self.sessions = Sessions(self.device, self.identity.resume_ms, now=lambda: self.now)
        self.clients = []
        self.peers = []
        self.greatest = Counter()
        self.frames = 0
        self.internal_errors = InternalErrors()

    def attack(self, frames):
        """Let peers send so many frames; whatever it raises is a bug."""
        end = self.frames + frames
        with self.internal_errors, mock.patch.object(secrets, "token_bytes", self.dice.randbytes):
            while self.frames < end:
                self.attack_once()

    def attack_once(self):
        dice = self.dice
        if len(self.peers) < MOST_PEERS and dice.random() < 0.2:
            self.join()
        if self.peers:
            peer = dice.choice(self.peers)
            for _ in range(dice.randint(1, 12)):
                frame, in_order = self.hostility.frame(peer.numbers(), peer.session, peer.tame)
                peer.wire.incoming += frame
                peer.sequence = (peer.sequence + in_order) % 0x10000
                self.frames += 1
            if dice.random() < 0.02:
                peer.wire.left = True
        self.turn()
        self.now += dice.choice((0.0, 0.001, 0.02, 0.3))
        if dice.random() < 0.001:
            self.now += dice.choice((6.0, 40.0))
        for peer in [peer for peer in self.peers if peer.wire.closed]:
            self.peers.remove(peer)

    def join(self):
        dice = self.dice
        wire = HeldWire(persistent=dice.random() < 0.1)
        token = (
            dice.choice((TOKEN, TOKEN, None, b"another token altogether")) if self.identity.token else None
        )
        peer = Peer(dice, wire, token, dice.choice((Role.DRIVE, Role.DRIVE, Role.OBSERVE)))
        self.peers.append(peer)
        self.clients.append(Client(wire, self.identity, self.sessions, 5.0, lambda: self.now))
        if peer.greets:
            peer.host.connect(self.now)
            self.shake_hands(peer)

    def shake_hands(self, peer):
        for _ in range(4):
            peer.wire.incoming += peer.host.data_to_send(self.now)
            self.turn()
            peer.read(self.now)

    # -- what the daemon's loop does ---------------------------------------------------------------

    def turn(self):
        for client in self.clients:
            client.serve()
        self.measure()
        self.sessions.tick()
        for _ in range(20):
            self.work()
        for client in self.clients:
            client.send()
        for client in [client for client in self.clients if client.gone]:
            client.close()
            self.clients.remove(client)
        for peer in self.peers:
            if peer.reads:
                peer.read(self.now)

    def work(self):
        try:
            self.device.work()
        except Exception:  # noqa: BLE001 - as the daemon does
            daemon = logging.getLogger("pixeltree_emu.serving.daemon")
            daemon.exception("a frame ended with an internal error")
            self.device.give_up("internal error")
        self.sessions.work()

    def measure(self):
        sizes = {"clients": len(self.clients), "sessions": 0, "objects": len(self.device.store)}
        sizes["stored_bytes"] = self.device.store.used_bytes
        for client in self.clients:
            for name, size in waiting_in(client).items():
                note(sizes, name, size)
        for session in self.sessions:
            sizes["sessions"] += 1
            note(sizes, "pending_events", len(session.pending))
            note(sizes, "held_bytes", held_bytes_of(session))
            note(sizes, "queued_bytes", session.state.queued_bytes)
            note(sizes, "unreceived_bytes", session.state.delivery.unreceived_bytes)
        for name, size in sizes.items():
            note(self.greatest, name, size)

    # -- is it alive? ------------------------------------------------------------------------------

    def serves_others(self):
        """Whether an honest host that comes now gets an answer."""
        host = HostConnection("honest", secrets.token_bytes, Role.OBSERVE, self.identity.token)
        wire = HeldWire()
        client = Client(wire, self.identity, self.sessions, 5.0, lambda: self.now)
        self.clients.append(client)
        host.connect(self.now)
        asked = answered = False
        for _ in range(20):
            wire.incoming += host.data_to_send(self.now)
            self.turn()
            events = host.receive_data(bytes(wire.outgoing), self.now)
            wire.outgoing.clear()
            answered |= any(isinstance(event, Received) and event.message == Pong(77) for event in events)
            if host.state is State.READY and not asked:
                asked = True
                host.send(Ping(77))
        host.leave()
        wire.incoming += host.data_to_send(self.now)
        self.turn()
        self.clients.remove(client)
        return answered


class InternalErrors(logging.Handler):
    """Remembers what the daemon would have survived and logged as its own fault: none is right."""

    def __init__(self):
        super().__init__(logging.ERROR)
        self.seen = []

    def emit(self, record):
        self.seen.append(self.format(record))

    def __enter__(self):
        logging.getLogger("pixeltree_emu").addHandler(self)

    def __exit__(self, *_):
        logging.getLogger("pixeltree_emu").removeHandler(self)


def note(sizes, name, size):
    sizes[name] = max(sizes.get(name, 0), size)
