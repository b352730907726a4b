"""A daemon under hostile and careless clients: every bad input has its answer, and it keeps serving."""

import random
import socket
import time

import numpy as np
import pytest
from tests.support.raw_client import RawClient, raw_socket

import pixeltree
from pixeltree.demo.run import demo_digits, demo_tree
from pixeltree.errors import DeviceError
from pixeltree_protocol.chip.isa import ICW
from pixeltree_protocol.chip.registers import bits
from pixeltree_protocol.link.framing import encode_frame
from pixeltree_protocol.link.messages import (
    WHOLE,
    ErrorCode,
    OpenTree,
    Ping,
    PlanePart,
    Put,
    ReadPlane,
    StartFrame,
    encode_message,
)
from pixeltree_protocol.objects import Block, digest_of


@pytest.fixture
def client(shared):
    client = RawClient(shared.url)
    yield client
    client.close()
    with connected_once_free(shared.url) as device:
        device.ping()  # the daemon keeps serving


def connected_once_free(url):
    """A device, once the daemon has noticed that clients left who did not say so."""
    for _ in range(200):
        try:
            return pixeltree.connect(url)
        except DeviceError as error:
            assert error.code == "BUSY", error
            time.sleep(0.05)
    raise AssertionError("the daemon did not notice that clients left")


PING = encode_frame(encode_message(Ping(5), 1))


def test_a_frame_with_a_bad_crc_is_named(client):
    damaged = bytearray(PING)
    damaged[-3] ^= 0x55
    error = client.error_after(bytes(damaged))
    assert error.code == ErrorCode.BAD_FRAME
    assert "bad CRC" in error.detail


def test_a_truncated_frame_is_named(client):
    error = client.error_after(PING[:6] + b"\0")
    assert error.code == ErrorCode.BAD_FRAME
    assert "truncated" in error.detail


def test_an_endless_frame_is_named(client):
    error = client.error_after(b"\x01" * 100_000 + b"\0")
    assert error.code == ErrorCode.BAD_FRAME
    assert "too long" in error.detail


def test_an_object_that_does_not_match_its_digest_is_named(client):
    put = Put(b"\xaa" * 16, 4, 0, b"data")
    error = client.error_after(encode_frame(encode_message(put, 1)))
    assert error.code == ErrorCode.DIGEST_MISMATCH
    assert "aa" * 16 in error.detail


def test_an_icw_that_means_nothing_is_named(client):
    data = Block((ICW(0), ICW(bits("g_start")))).encode()
    put = Put(digest_of(data), len(data), 0, data)
    error = client.error_after(encode_frame(encode_message(put, 1)))
    assert error.code == ErrorCode.BAD_OBJECT
    assert "word 1" in error.detail
    assert "g_start" in error.detail


def test_a_frame_cut_by_the_end_of_the_stream_is_named(shared):
    client = RawClient(shared.url)
    client.socket.sendall(PING[:6])
    client.socket.shutdown(socket.SHUT_WR)
    error = client.next_message()
    assert error.code == ErrorCode.BAD_FRAME
    assert "truncated: the stream ended 6 bytes into a frame" in error.detail
    client.close()


def test_a_client_that_asks_for_much_and_reads_late_gets_it_all(client):
    count = 300
    for _ in range(count):
        client.connection.send(ReadPlane("A"))  # 19 MiB of answers
    received = 0
    while received < count * 65_536:
        for message in client.messages():
            received += len(message.data) if isinstance(message, PlanePart) else 0
    assert received == count * 65_536


def test_one_connection_too_many_is_told_why(shared):
    idle = [RawClient(shared.url) for _ in range(16)]
    with pytest.raises(DeviceError, match="BUSY: 16 connections are open"):
        pixeltree.connect(shared.url)
    for client in idle:
        client.close()
    connected_once_free(shared.url).close()


def test_a_request_before_hello_is_refused(shared):
    with raw_socket(shared.url) as raw:
        raw.sendall(PING)
        assert raw.recv(65536)
    with pixeltree.connect(shared.url) as device:
        device.ping()


def test_only_one_session_drives_and_others_are_told(shared):
    tree = demo_tree()
    with pixeltree.connect(shared.url) as first:
        runner = pixeltree.TreeRunner.open(first, tree)
        with pytest.raises(DeviceError, match="BUSY: another session drives"):
            pixeltree.connect(shared.url)
        with pixeltree.connect(shared.url, observe=True) as second:
            second.ping()
            status = second.status()
            assert (status.sessions, status.driver, status.tree) == (2, "pixeltree", tree.digest)
            result = runner.infer(demo_digits().images[0])
            seen = second.watch(timeout=20)
            assert (seen.frame, seen.label) == (result.frame, result.label)
            assert np.array_equal(second.read_plane("R5"), first.read_plane("R5"))
            assert set(second.holdings([tree.digest]).values()) == {WHOLE}
            with pytest.raises(DeviceError, match="NOT_DRIVER: OpenTree from a session that observes"):
                pixeltree.TreeRunner.open(second, tree)
    with pixeltree.connect(shared.url) as third:
        pixeltree.TreeRunner.open(third, tree)


def test_a_host_that_leaves_in_mid_frame_leaves_the_device_free(shared):
    tree = demo_tree()
    with pixeltree.connect(shared.url) as device:
        pixeltree.TreeRunner.open(device, tree)
        device.exchange.send(StartFrame(1))
    with pixeltree.connect(shared.url) as device:
        runner = pixeltree.TreeRunner.open(device, tree)
        assert runner.infer(demo_digits().images[0]).frame == 1


def test_a_second_connection_finds_what_the_first_one_sent(shared):
    tree = demo_tree()
    image = demo_digits().images[0]
    with pixeltree.connect(shared.url) as device:
        pixeltree.TreeRunner.open(device, tree).infer(image)
    with pixeltree.connect(shared.url) as device:
        assert pixeltree.TreeRunner.open(device, tree).infer(image).swaps == ()


def test_noise_never_stops_the_daemon(shared):
    """Mutated, cut and random frames from many connections; the daemon answers a ping after each."""
    source = random.Random(7)
    seeds = [
        PING,
        encode_frame(encode_message(OpenTree(b"t" * 16, 0, 1), 2)),
        encode_frame(encode_message(Put(b"d" * 16, 100, 0, b"x" * 50), 3)),
    ]
    for _ in range(25):
        client = RawClient(shared.url)
        for _ in range(12):
            client.socket.sendall(mutate(source, source.choice(seeds)))
        client.close()
        with pixeltree.connect(shared.url) as device:
            device.ping()


def mutate(source, frame):
    data = bytearray(frame)
    match source.randrange(4):
        case 0:
            data[source.randrange(len(data))] = source.randrange(256)
        case 1:
            del data[source.randrange(len(data)) :]
        case 2:
            data = bytearray(source.randbytes(source.randrange(1, 400)))
        case 3:  # well-framed nonsense
            data = bytearray(encode_frame(source.randbytes(source.randrange(1, 60))))
    return bytes(data)
