"""Links over TLS, with certificates made for the test.

trustme and not cryptography alone: an authority and a certificate for 127.0.0.1 are two lines with it.
"""

import ssl
import threading
import time

import pytest
import trustme
from tests.support.fake_links import PATIENCE, echo, receive_all, server, tcp_listener

from pixeltree.errors import LinkError
from pixeltree.links import open_link

BIG = bytes(range(256)) * 8_000


@pytest.fixture(scope="module")
def authority():
    return trustme.CA()


@pytest.fixture(scope="module")
def trusted(authority, tmp_path_factory):
    """A PEM file with the authority's certificate."""
    path = tmp_path_factory.mktemp("tls") / "ca.pem"
    authority.cert_pem.write_to_path(path)
    return path


def tls_server(authority, serve=echo, name="127.0.0.1"):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(context)
    return server(tcp_listener(), serve, lambda connection: context.wrap_socket(connection, server_side=True))


def test_tls_carries_every_byte_both_ways(authority, trusted):
    with tls_server(authority) as (_, port):
        link = open_link(f"tls://127.0.0.1:{port}?ca={trusted}&token_file=x", PATIENCE)
        assert link.url == f"tls://127.0.0.1:{port}?ca={trusted}"
        assert link.receive(0) is None
        for size in (1, 16_384, 40_000):
            link.send(BIG[:size], PATIENCE)
            assert receive_all(link, size) == BIG[:size]
        link.close()
        link.close()


def test_bytes_decrypted_already_are_not_waited_for(authority, trusted, monkeypatch):
    """A record is decrypted as a whole; its rest does not show in the socket any more."""
    monkeypatch.setattr("pixeltree.links.tls.READ_BYTES", 1000)
    with tls_server(
        authority, serve=lambda connection: (connection.sendall(BIG[:16_000]), echo(connection))
    ) as (
        _,
        port,
    ):
        link = open_link(f"tls://127.0.0.1:{port}?ca={trusted}", PATIENCE)
        assert receive_all(link, 16_000) == BIG[:16_000]
        link.close()


def test_a_peer_that_takes_nothing_more_is_an_error_in_time(authority, trusted):
    done = threading.Event()
    with tls_server(authority, serve=lambda _: done.wait(PATIENCE)) as (_, port):
        link = open_link(f"tls://127.0.0.1:{port}?ca={trusted}", PATIENCE)
        start = time.monotonic()
        with pytest.raises(LinkError, match=r"took only [\d,]+ of 20,480,000 bytes for 0.2 s"):
            link.send(BIG * 10, 0.2)
        assert time.monotonic() - start < PATIENCE / 2
        assert link.receive(0.01) is None
        done.set()
        link.close()


def test_a_peer_that_closes_is_gone(authority, trusted):
    with tls_server(authority, serve=lambda connection: connection.sendall(b"bye")) as (_, port):
        link = open_link(f"tls://127.0.0.1:{port}?ca={trusted}", PATIENCE)
        assert receive_all(link, 3) == b"bye"
        with pytest.raises(LinkError, match=r"is gone \(it closed the connection\)"):
            link.receive(PATIENCE)
        link.close()
        with pytest.raises(LinkError, match="is gone"):
            link.send(b"x", PATIENCE)


def test_a_certificate_of_an_unknown_authority_is_refused(authority):
    with (
        tls_server(authority) as (_, port),
        pytest.raises(
            LinkError, match=r"no TLS connection .*local issuer certificate.*\?ca=FILE names a PEM"
        ),
    ):
        open_link(f"tls://127.0.0.1:{port}", PATIENCE)


def test_a_certificate_for_another_host_is_refused(authority, trusted):
    with (
        tls_server(authority, name="elsewhere.example") as (_, port),
        pytest.raises(LinkError, match=r"mismatch.*its certificate must be for '127.0.0.1'"),
    ):
        open_link(f"tls://127.0.0.1:{port}?ca={trusted}", PATIENCE)


def test_a_peer_that_speaks_no_tls_is_told_from_one_that_does(trusted):
    with (
        server(tcp_listener(), lambda connection: connection.sendall(b"hello, not TLS\r\n")) as (_, port),
        pytest.raises(LinkError, match=r"does it speak TLS\? Without it, the URL is tcp://"),
    ):
        open_link(f"tls://127.0.0.1:{port}?ca={trusted}", PATIENCE)


def test_a_peer_that_never_shakes_hands_is_given_up(trusted):
    done = threading.Event()
    with server(tcp_listener(), lambda _: done.wait(PATIENCE)) as (_, port):
        with pytest.raises(LinkError, match=r"no answer to the handshake\); does it speak TLS"):
            open_link(f"tls://127.0.0.1:{port}?ca={trusted}", 0.2)
        done.set()


def test_a_file_of_authorities_that_cannot_be_used_is_named(tmp_path):
    noise = tmp_path / "noise"
    noise.write_text("nothing")
    for path in (noise, tmp_path / "absent"):
        with pytest.raises(LinkError, match=f"cannot use ca={path} .*must be a PEM file"):
            open_link(f"tls://127.0.0.1:1?ca={path}", PATIENCE)


def test_checks_cannot_be_switched_off():
    with pytest.raises(LinkError, match="there is no option 'insecure'; known: ca, token_file"):
        open_link("tls://127.0.0.1:1?insecure=1", PATIENCE)


def test_nobody_there_is_said_as_for_tcp():
    with pytest.raises(LinkError, match=r"no device answers at tls://127.0.0.1:1 \(Connection refused\)"):
        open_link("tls://127.0.0.1:1", PATIENCE)
