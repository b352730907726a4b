"""TLS wires against the standard library's client, with certificates made here."""

import selectors
import socket
import ssl
import threading

import pytest
from tests.support.certificates import make_certificate

from pixeltree_emu.errors import ListenError, WireClosed
from pixeltree_emu.wires.tls import TlsWire, server_context

DEADLINE = 20


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    return make_certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def pair(files):
    """A wire and the raw socket of its client, which has not said anything."""
    ours, theirs = socket.socketpair()
    theirs.settimeout(DEADLINE)
    wire = TlsWire(ours, server_context(*files), "tls")
    yield wire, theirs
    wire.close()
    theirs.close()


def until(wire, condition, unsent=b""):
    """Serve a wire as the daemon does until a condition on what was received holds; returns that."""
    unsent, received = bytearray(unsent), bytearray()
    while not condition(received, unsent):
        wants = wire.wants(reading=True, writing=bool(unsent))
        if wants.due is None:
            with selectors.DefaultSelector() as selector:
                selector.register(wire.fileno(), wants.mask)
                assert selector.select(DEADLINE), "the wire waits for what never comes"
        data = wire.read(1000)
        assert data != b"", "the client left"
        received += data or b""
        count = wire.write(unsent)
        del unsent[:count]
    return bytes(received)


def in_thread(action):
    thread = threading.Thread(target=action)
    thread.start()
    return thread


def client_context(files):
    return ssl.create_default_context(cafile=files[0])


def test_bytes_pass_both_ways_and_the_end_is_orderly(pair, files):
    wire, raw = pair
    question, answer = bytes(range(256)) * 1000, b"answer" * 50_000
    got = []

    def client():
        with client_context(files).wrap_socket(raw, server_hostname="127.0.0.1") as secure:
            secure.sendall(question)
            while len(got) < len(answer):
                got.extend(secure.recv(65536))
            secure.unwrap()

    thread = in_thread(client)
    assert until(wire, lambda received, _: len(received) >= len(question)) == question
    until(wire, lambda _, unsent: not unsent, answer)
    while (data := wire.read()) is None:
        pass
    assert data == b""
    wire.close()
    thread.join(DEADLINE)
    assert bytes(got) == answer


def test_deciphered_bytes_are_due_at_once(pair, files):
    wire, raw = pair

    def client():
        with client_context(files).wrap_socket(raw, server_hostname="127.0.0.1") as secure:
            secure.sendall(b"x" * 5000)

    thread = in_thread(client)
    first = until(wire, lambda received, _: received)
    assert len(first) == 1000
    assert wire.wants(reading=True, writing=False).due == 0.0
    assert wire.wants(reading=False, writing=False) == (0, None)
    thread.join(DEADLINE)


def test_a_client_that_never_finishes_its_handshake_is_only_waited_for(pair):
    wire, raw = pair
    raw.sendall(b"\x16\x03\x01")  # how a TLS record begins
    assert wire.read() is None
    assert wire.write(b"must not go out in the clear") == 0
    # Although there are bytes to write, the loop must not be woken by a socket that has room.
    assert wire.wants(reading=False, writing=True) == (selectors.EVENT_READ, None)
    raw.setblocking(False)
    with pytest.raises(BlockingIOError):
        raw.recv(100)


def test_a_client_that_does_not_speak_tls_is_refused(pair):
    wire, raw = pair
    raw.sendall(b"GET / HTTP/1.1\r\n\r\n")
    with pytest.raises(WireClosed, match=r"the host did not agree on a TLS session .* use a tls:// URL"):
        wire.read()


def test_a_client_that_leaves_in_the_handshake_is_noticed(pair):
    wire, raw = pair
    raw.close()
    with pytest.raises(WireClosed, match="the host did not agree on a TLS session"):
        wire.read()


def test_old_versions_are_refused(files):
    assert server_context(*files).minimum_version == ssl.TLSVersion.TLSv1_2


def test_files_that_cannot_be_used_are_named(files, tmp_path):
    certificate, key = files
    with pytest.raises(ListenError, match=r"cannot read --tls-cert .*missing: No such file"):
        server_context(tmp_path / "missing", key)
    with pytest.raises(ListenError, match=r"cannot use --tls-cert .* must be PEM files that belong together"):
        server_context(certificate, certificate)
    with pytest.raises(ListenError, match="without a passphrase"):
        server_context(*make_certificate(tmp_path, b"passphrase"))
    with pytest.raises(ListenError, match="belong together"):
        server_context(certificate, make_certificate(tmp_path)[1])
