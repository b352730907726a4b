"""Clients that send as fast as they can; a process of its own, so that it slows only the daemon.

    python -m tests.support.flooder random unix:///tmp/ppa0

Connections that the daemon closes are opened again at once. Ends with standard input; then it writes how many
bytes it got rid of and how often it connected.
"""

import json
import os
import random
import secrets
import selectors
import sys
import time

from tests.support.raw_client import raw_socket

from pixeltree_protocol.errors import ProtocolError
from pixeltree_protocol.link.connection import HostConnection, State
from pixeltree_protocol.link.framing import encode_frame
from pixeltree_protocol.link.messages import GetStatus, Ping, ReadPlane, Role

CONNECTIONS = 4
_CHUNK = 65_536
_QUEUED = 2_048
"""Bytes of requests that a session keeps ready."""

NOISE = {
    "random": random.Random(5).randbytes(_CHUNK),
    "zeros": bytes(_CHUNK),
    "0xff": b"\xff" * _CHUNK,
    "nonsense in frames": encode_frame(b"\x63" + bytes(range(60))) * (_CHUNK // 64),
}
"""What connections send that never greet."""

REQUESTS = {"pings": lambda: Ping(1), "planes": lambda: ReadPlane("A"), "status": GetStatus}
"""What sessions ask that observe."""

KINDS = (*NOISE, "connecting", "silence", "noise in a session", *REQUESTS)


BEGUN = "begun\n"
"""Written once all connections are open."""


class Flooder:
    """One connection after the other."""

    def __init__(self, kind, url, selector):
        self.kind = kind
        self.url = url
        self.selector = selector
        self.sent = self.connects = 0
        self.socket = None
        self.greets = kind == "noise in a session" or kind in REQUESTS
        self.noise = NOISE.get(kind, NOISE["random"])

    def open(self):
        self.connects += 1
        try:
            self.socket = raw_socket(self.url)
        except OSError:
            return  # there is no room in the backlog
        self.socket.setblocking(False)
        self.host = None
        self.unsent = b""
        if self.greets:
            self.host = HostConnection("flooder", secrets.token_bytes, role=Role.OBSERVE)
            self.host.connect(time.monotonic())
        self.selector.register(self.socket, selectors.EVENT_READ, self)
        self.refill()

    def close(self):
        if self.socket is not None:
            self.selector.unregister(self.socket)
            self.socket.close()
            self.socket = None

    def serve(self, events):
        """Take what came and send what the daemon takes; who has nothing to send waits."""
        try:
            if events & selectors.EVENT_READ:
                self.take()
            if self.kind == "connecting":
                self.close()
            if self.socket is not None:
                self.refill()
                self.send()
        except (OSError, ProtocolError):
            self.close()

    def take(self):
        data = self.socket.recv(_CHUNK)
        if not data:
            self.close()
        elif self.host is not None:
            self.host.receive_data(data, time.monotonic())

    def send(self):
        try:
            taken = self.socket.send(self.unsent) if self.unsent else 0
        except BlockingIOError:
            return
        self.sent += taken
        self.unsent = self.unsent[taken:]
        self.refill()

    def refill(self):
        """Have something to send, if there may be, and look whether the daemon takes it."""
        if not self.unsent:
            self.unsent = self.next_bytes()
        wants_to_write = self.unsent or self.kind == "connecting"
        events = selectors.EVENT_READ | (selectors.EVENT_WRITE if wants_to_write else 0)
        self.selector.modify(self.socket, events, self)

    def next_bytes(self):
        if self.kind in ("silence", "connecting"):
            return b""
        if self.host is None or (self.host.state is State.READY and self.kind not in REQUESTS):
            return self.noise
        while self.host.state is State.READY and self.host.bytes_to_send < _QUEUED:
            self.host.send(REQUESTS[self.kind]())
        return self.host.data_to_send(time.monotonic())


def main(kind, url):
    """Flood until standard input ends."""
    selector = selectors.DefaultSelector()
    selector.register(sys.stdin.fileno(), selectors.EVENT_READ)
    flooders = [Flooder(kind, url, selector) for _ in range(CONNECTIONS)]
    begun = False
    while True:
        for flooder in flooders:
            if flooder.socket is None:
                flooder.open()
        if not begun:
            sys.stdout.write(BEGUN)
            sys.stdout.flush()
            begun = True
        events_of_all = selector.select(0.1)
        if not events_of_all:  # signs of life are due now and then
            events_of_all = [
                (selector.get_key(each.socket), 0) for each in flooders if each.socket is not None
            ]
        for key, events in events_of_all:
            if key.data is not None:
                key.data.serve(events)
            elif not os.read(key.fd, 1):
                sent = sum(flooder.sent for flooder in flooders)
                connects = sum(flooder.connects for flooder in flooders)
                sys.stdout.write(json.dumps({"sent": sent, "connects": connects}) + "\n")
                return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
