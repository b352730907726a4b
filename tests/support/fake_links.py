"""Other ends for links: everything on loopback, bounded in time, stopped at the end."""

import contextlib
import socket
import threading

PATIENCE = 20
"""Seconds that nothing here takes; a hang becomes a failure."""


def receive_all(link, size):
    """The next ``size`` bytes of a link, in however many reads."""
    data = b""
    while len(data) < size:
        part = link.receive(PATIENCE)
        assert part, f"{len(data)} of {size} bytes came"
        data += part
    return data


def echo(connection):
    """Send everything back until the other end closes."""
    while data := connection.recv(65536):
        connection.sendall(data)


@contextlib.contextmanager
def server(listener, serve=echo, wrap=lambda connection: connection):
    """Serve one connection of a listening socket in a thread of its own."""
    listener.settimeout(PATIENCE)

    def run():
        with contextlib.suppress(OSError), listener, listener.accept()[0] as connection:
            connection.settimeout(PATIENCE)
            with wrap(connection) as wrapped:
                serve(wrapped)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield listener.getsockname()
    finally:
        thread.join(PATIENCE)
        listener.close()
        assert not thread.is_alive()


def tcp_listener():
    return socket.create_server(("127.0.0.1", 0))
