"""Both ends of a link in memory, on a clock that is an argument; and each end with a peer made by hand."""

from itertools import count

from pixeltree_protocol.link.connection import (
    DeviceConnection,
    Greeting,
    HostConnection,
    Identity,
    Received,
    State,
)
from pixeltree_protocol.link.declaration import Sender
from pixeltree_protocol.link.delivery import Numbers
from pixeltree_protocol.link.framing import FrameDecoder, encode_frame
from pixeltree_protocol.link.messages import (
    NO_SESSION,
    PROTOCOL_VERSION,
    Capabilities,
    Hello,
    Role,
    Welcome,
    decode_message,
    encode_message,
    open_envelope,
)

NOW = 1000.0
BOOT_ID = b"boot no1"
SESSION = b"session1"
NONCE = b"nonce of sixteen"
TOKEN = b"a token that both ends know"
NO_NUMBERS = Numbers(0, 0, 0)
HEARTBEAT, SILENCE = 1.0, 5.0


def counting_random():
    """Random bytes that are never the same, and the same in every run."""
    numbers = count(1)
    return lambda size: next(numbers).to_bytes(size, "big")


def capabilities(window=32_768, max_body=8_192):
    return Capabilities(256, 256, 1024, 65_536, 65_536, max_body, window)


def identity(window=32_768, max_body=8_192, token=None, boot_id=BOOT_ID, **times):
    return Identity(boot_id, "test device", capabilities(window, max_body), token=token, **times)


def hello(nonce=NONCE, session=NO_SESSION, role=Role.DRIVE, window=1 << 20, versions=None):
    least, greatest = versions or (PROTOCOL_VERSION, PROTOCOL_VERSION)
    return Hello(least, greatest, nonce, session, role, window, "by hand")


def welcome(nonce, **changes):
    values = {
        "version": PROTOCOL_VERSION,
        "nonce": nonce,
        "boot_id": BOOT_ID,
        "session": SESSION,
        "resumed": False,
        "role": 0,
        "proof": b"",
        "heartbeat_ms": 1000,
        "silence_ms": 5000,
        "resume_ms": 30_000,
        "device": "by hand",
        "capabilities": capabilities(),
    }
    return Welcome(**values | changes)


def on_wire(message, request=0, sequence=0, received=0, handled=0):
    return encode_frame(encode_message(message, request, Numbers(sequence, received, handled)))


class Listener:
    """Reads what an end sends."""

    def __init__(self, sender):
        self.sender = sender
        self.decoder = FrameDecoder()

    def frames(self, data):
        """Envelope and message of each frame."""
        payloads = [frame.payload for frame in self.decoder.feed(data)]
        return [(open_envelope(payload), decode_message(payload, self.sender)[1]) for payload in payloads]

    def messages(self, data):
        return [message for _, message in self.frames(data)]


def heard(end, now=NOW):
    """The messages that an end sends now."""
    sender = Sender.HOST if isinstance(end, HostConnection) else Sender.DEVICE
    return Listener(sender).messages(end.data_to_send(now))


def greeting_host(**options):
    """A host that has sent HELLO, and its nonce."""
    host = HostConnection("test", counting_random(), **options)
    host.connect(NOW)
    (said,) = heard(host)
    return host, said.nonce


def ready_host(now=NOW, **changes):
    host, nonce = greeting_host()
    host.receive_data(on_wire(welcome(nonce, **changes)), now)
    assert host.state is State.READY
    host.data_to_send(now)
    return host


def new_device(**options):
    return DeviceConnection(identity(**options), counting_random())


def ready_device(now=NOW, said=None, **options):
    device = new_device(**options)
    (event,) = device.receive_data(on_wire(said or hello()), now)
    assert isinstance(event, Greeting)
    device.welcome(SESSION, Role(event.hello.role), None, now)
    device.data_to_send(now)
    return device


class Link:
    """A host and a device that answers everything by hand; what either end sends arrives at once."""

    def __init__(self, window=32_768, max_body=8_192, token=None, host_token=None, **times):
        self.now = NOW
        self.identity = identity(window, max_body, token, **times)
        self.random = counting_random()
        self.host = HostConnection("test", counting_random(), token=host_token)
        self.device = DeviceConnection(self.identity, self.random)
        self.sessions = {}
        self.host_events, self.device_events = [], []

    def plug(self):
        """A new wire."""
        self.host.cut()
        self.device = DeviceConnection(self.identity, self.random)
        self.host.connect(self.now)
        self.exchange()

    def exchange(self):
        """Carry bytes until neither end has any."""
        while self.to_device() or self.to_host():
            pass

    def to_device(self):
        data = self.host.data_to_send(self.now)
        for event in self.device.receive_data(data, self.now):
            self.device_events.append(event)
            if isinstance(event, Greeting):
                self.greet(event)
            else:
                self.device.handled(event)
        return bool(data)

    def greet(self, event):
        known = self.sessions.get(event.hello.session)
        state = self.device.welcome(b"%08d" % (len(self.sessions) + 1), Role.DRIVE, known, self.now)
        self.sessions[state.session] = state

    def to_host(self):
        data = self.device.data_to_send(self.now)
        self.host_events += self.host.receive_data(data, self.now)
        return bool(data)

    def at_device(self):
        """Messages of the session that the device was told of."""
        return [event.message for event in self.device_events if isinstance(event, Received)]

    def at_host(self):
        return [event.message for event in self.host_events if isinstance(event, Received)]
