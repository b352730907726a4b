"""Links over real TCP and unix sockets."""

import socket
import threading
import time
from contextlib import ExitStack

import pytest
from tests.support.fake_links import PATIENCE, receive_all, server, tcp_listener

from pixeltree.errors import LinkError
from pixeltree.links import open_link
from pixeltree.links.stream_socket import SocketLink
from pixeltree.links.waiting import Waiter, write_all

EVERY_BYTE = bytes(range(256))


@pytest.fixture
def pair():
    """A link, and the bare socket at its other end."""
    near, far = socket.socketpair()
    far.settimeout(PATIENCE)
    link = SocketLink(near, "unix:///other-end")
    with far:
        yield link, far
        link.close()


def test_tcp_carries_every_byte_both_ways():
    with server(tcp_listener()) as (host, port):
        link = open_link(f"tcp://{host}:{port}", PATIENCE)
        link.send(EVERY_BYTE, PATIENCE)
        assert receive_all(link, 256) == EVERY_BYTE
        link.close()
        link.close()


def test_a_unix_socket_whose_queue_is_full_is_waited_for(tmp_path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as server, ExitStack() as stack:
        server.bind(str(tmp_path / "a"))
        server.listen(0)
        first = stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
        first.connect(str(tmp_path / "a"))
        with pytest.raises(LinkError, match=r"is there, but accepted no connection for 0.05 s"):
            open_link(f"unix://{tmp_path}/a", 0.05)
        accepting = threading.Timer(0.05, lambda: stack.enter_context(server.accept()[0]))
        accepting.start()
        open_link(f"unix://{tmp_path}/a", PATIENCE).close()
        accepting.join()


def test_unix_carries_every_byte_both_ways_and_session_options_do_not_matter(tmp_path):
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(tmp_path / "a[#b"))
    listener.listen()
    with server(listener):
        link = open_link(f"unix://{tmp_path}/a[#b?token_file=/etc/ppa", PATIENCE)
        assert link.url == f"unix://{tmp_path}/a[#b"
        link.send(EVERY_BYTE, PATIENCE)
        assert receive_all(link, 256) == EVERY_BYTE
        link.close()


def test_more_than_the_socket_holds_goes_through(pair):
    link, far = pair
    data = EVERY_BYTE * 40_000
    received = bytearray()

    def read():
        while len(received) < len(data):
            received.extend(far.recv(1 << 20))
        far.sendall(b"all")

    thread = threading.Thread(target=read)
    thread.start()
    link.send(data, PATIENCE)
    assert link.receive(PATIENCE) == b"all"
    thread.join(PATIENCE)
    assert received == data


def test_bytes_are_received_at_once_and_none_within_the_time_is_none(pair):
    link, far = pair
    assert link.receive(0) is None
    assert link.receive(-1) is None
    assert link.receive(0.01) is None
    far.sendall(b"x")
    start = time.monotonic()
    assert link.receive(PATIENCE) == b"x"
    assert time.monotonic() - start < PATIENCE / 2
    far.sendall(b"y")
    assert link.receive(0) == b"y"


def test_a_peer_that_takes_nothing_more_is_an_error_in_time(pair):
    link, _ = pair
    start = time.monotonic()
    with pytest.raises(LinkError, match=r"took only [\d,]+ of 10,000,000 bytes for 0.1 s; it hangs"):
        link.send(bytes(10_000_000), 0.1)
    with pytest.raises(LinkError, match=r"the device at unix:///other-end took nothing for 0 s"):
        link.send(b"x", 0)
    assert time.monotonic() - start < PATIENCE / 2


def test_a_peer_that_takes_a_byte_now_and_then_does_not_prolong_the_time(pair):
    _, far = pair
    size = 10_000_000
    assert 0 < write_all(lambda data: 1, Waiter(far.fileno()), bytes(size), 0.05) < size


def test_what_the_peer_said_before_it_closed_is_received_and_then_the_end(pair):
    link, far = pair
    far.sendall(b"last words")
    far.close()
    assert link.receive(0) == b"last words"
    for _ in range(3):
        with pytest.raises(LinkError, match=r"unix:///other-end is gone \(it closed the connection\)"):
            link.receive(PATIENCE)


def test_sending_to_a_peer_that_is_gone_is_an_error(pair):
    link, far = pair
    far.close()
    with pytest.raises(LinkError, match=r"is gone \(Broken pipe\); start it again and reconnect"):
        link.send(b"x", PATIENCE)


def test_a_closed_link_is_an_error_and_not_a_wait(pair):
    link, _ = pair
    link.close()
    with pytest.raises(LinkError, match="is gone"):
        link.send(b"x", PATIENCE)
    with pytest.raises(LinkError, match="is gone"):
        link.receive(0)


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("tcp://127.0.0.1:1", "no device answers at tcp://127.0.0.1:1 .Connection refused.; is it running?"),
        (f"tcp://{'x' * 70}:1", "no device answers at tcp://x+:1 "),
        ("tcp://127.0.0.1:1?speed=3", "there is no option 'speed'; known: token_file"),
        ("unix:///nowhere/ppa", "no device answers at unix:///nowhere/ppa .No such file"),
        ("unix:///nowhere/\0", "no device answers at unix:///nowhere/"),
        (f"unix:///{'x' * 200}", "AF_UNIX path too long"),
        ("unix://host/path", "needs an absolute path"),
        ("unix:", "needs an absolute path"),
    ],
)
def test_an_address_without_a_device_says_what_to_try(url, message):
    with pytest.raises(LinkError, match=message):
        open_link(url, PATIENCE)
