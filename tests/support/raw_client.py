"""Clients that say what they like to a daemon."""

import secrets
import socket
import time

from pixeltree_protocol.link.connection import HostConnection, Received, Rejected, State
from pixeltree_protocol.link.messages import Error, Role


def raw_socket(url):
    """A bare socket to a daemon."""
    if url.startswith("unix://"):
        raw = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        raw.settimeout(20)
        raw.connect(url.removeprefix("unix://"))
        return raw
    host, port = url.removeprefix("tcp://").rsplit(":", 1)
    return socket.create_connection((host, int(port)), timeout=20)


class RawClient:
    """Shakes hands properly and then sends whatever it likes."""

    def __init__(self, url, role=Role.DRIVE):
        self.socket = raw_socket(url)
        self.connection = HostConnection("raw client", secrets.token_bytes, role)
        self.connection.connect(time.monotonic())
        while self.connection.state is not State.READY:
            self.messages()

    def messages(self):
        """What comes in next: messages of the session, and what is wrong with what was sent."""
        self.flush()
        data = self.socket.recv(65536)
        assert data, "the daemon closed the connection"
        events = self.connection.receive_data(data, time.monotonic())
        self.flush()
        return [
            event.message if isinstance(event, Received) else event
            for event in events
            if isinstance(event, Received | Rejected)
        ]

    def flush(self):
        data = self.connection.data_to_send(time.monotonic())
        if data:
            self.socket.sendall(data)

    def next_message(self):
        while True:
            for message in self.messages():
                return message

    def error_after(self, data):
        self.socket.sendall(data)
        message = self.next_message()
        assert isinstance(message, Error | Rejected), message
        return message

    def close(self):
        self.socket.close()
