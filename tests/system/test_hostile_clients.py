"""Clients that stall, hold on, or listen in: the others are served meanwhile, and secrets stay secret.

Timing never decides here: bounds are tens of seconds where milliseconds are usual.
"""

import socket
import stat
import threading
import time
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path

import pytest
from tests.support.certificates import make_certificate
from tests.support.raw_client import RawClient, raw_socket

import pixeltree
from pixeltree.demo.run import count_mismatches, demo_digits, demo_tree
from pixeltree.device.patience import Patience
from pixeltree.errors import DeviceError, LinkError
from pixeltree_protocol.link.connection import Rejected
from pixeltree_protocol.link.framing import encode_frame
from pixeltree_protocol.link.messages import ErrorCode, ReadPlane, Role

BOUND = 20.0
"""Seconds within which everything here happens; usual are milliseconds."""

TOKEN = b"correct horse battery staple"


def image():
    return demo_digits().images[0]


def ping_others(url, count=20, patience=None):
    """An observer's pings; the time that the slowest took."""
    slowest = 0.0
    with pixeltree.connect(url, observe=True, patience=patience) as device:
        for _ in range(count):
            began = time.monotonic()
            device.ping()
            slowest = max(slowest, time.monotonic() - began)
    return slowest


def closed_by_daemon(raw):
    """Whether the daemon ends a connection within the socket's time-out."""
    try:
        while raw.recv(65536):
            pass
    except ConnectionResetError:
        return True
    return True


# ---- clients that hold on


def test_clients_that_say_nothing_or_a_byte_at_a_time_stall_nobody_and_are_let_go(start, tmp_path):
    daemon = start("--listen", f"unix://{tmp_path}/device")
    with ExitStack() as stack:
        silent = [stack.enter_context(raw_socket(daemon.url)) for _ in range(6)]
        for index in range(6):
            assert ping_others(daemon.url, 3) < BOUND
            silent[0].sendall(b"\x05")
            if index == 3:
                silent[1].sendall(b"\x01" * 3_000)
        assert all(closed_by_daemon(raw) for raw in silent), "after the time for a greeting"


def test_a_client_that_never_reads_its_answers_stalls_nobody(shared):
    """Requests for 30 MiB of planes, none of which is read."""
    client = RawClient(shared.url)
    client.socket.setblocking(False)
    for _ in range(500):
        client.connection.send(ReadPlane("A"))
    try:
        while data := client.connection.data_to_send(time.monotonic()):
            client.socket.sendall(data)
    except BlockingIOError:
        pass
    assert ping_others(shared.url) < BOUND
    client.close()


def test_a_client_that_sends_garbage_and_never_reads_stalls_nobody_and_fills_no_memory(start, tmp_path):
    daemon = start("--listen", f"unix://{tmp_path}/device")
    assert ping_others(daemon.url) < BOUND
    before = resident_mib(daemon)
    with raw_socket(daemon.url) as raw:
        raw.settimeout(0.2)
        with pytest.raises((TimeoutError, OSError)):
            while True:
                raw.sendall(b"\x02\x01\0" * 20_000)
                assert ping_others(daemon.url, 1) < BOUND
    assert resident_mib(daemon) < before + 30
    assert len(daemon.errors()) < 1_000_000


def resident_mib(daemon):
    (line,) = [
        line
        for line in Path(f"/proc/{daemon.process.pid}/status").read_text().splitlines()
        if line.startswith("VmRSS:")
    ]
    return int(line.split()[1]) / 1024


def test_connections_that_do_not_greet_do_not_keep_hosts_out(shared):
    with ExitStack() as stack:
        for _ in range(20):
            stack.enter_context(raw_socket(shared.url))
        with pixeltree.connect(shared.url) as device:
            device.ping()


def test_a_host_that_drives_gets_the_place_of_one_that_looks_on(start, tmp_path):
    daemon = start("--listen", f"unix://{tmp_path}/device")
    with ExitStack() as stack:
        observers = [
            stack.enter_context(closing(RawClient(daemon.url, role=Role.OBSERVE))) for _ in range(16)
        ]
        with pytest.raises(DeviceError, match="BUSY: 16 connections are open"):
            pixeltree.connect(daemon.url, observe=True)
        with pixeltree.connect(daemon.url) as device:
            device.ping()
        told = [each for each in observers if refused(each)]
        assert len(told) == 1


def refused(client):
    """Whether a session was ended to make room; the others only hear signs of life."""
    client.socket.settimeout(0.5)
    try:
        return any(isinstance(each, Rejected) and each.code == ErrorCode.BUSY for each in client.messages())
    except TimeoutError:
        return False


def test_a_client_that_greets_and_leaves_does_not_keep_its_place(start, tmp_path):
    daemon = start("--listen", f"unix://{tmp_path}/device")
    client = RawClient(daemon.url)
    client.connection.leave()
    client.flush()
    assert closed_by_daemon(client.socket)
    client.close()


def test_a_million_requests_in_a_row_from_one_client_leave_others_their_turn(shared):
    """A client that floods is served in turns."""
    over = threading.Event()
    client = RawClient(shared.url)
    client.socket.settimeout(BOUND)

    def flood():
        with ExitStack() as stack:
            stack.callback(client.close)
            while not over.is_set():
                for _ in range(8):
                    client.connection.send(ReadPlane("A"))
                client.messages()

    thread = threading.Thread(target=flood)
    thread.start()
    try:
        assert ping_others(shared.url) < BOUND
    finally:
        over.set()
        thread.join(BOUND)
    assert not thread.is_alive()


# ---- wires that die without a word


class Proxy:
    """A unix socket in front of another, that can stop passing anything on: a half-open connection."""

    def __init__(self, path, target):
        self.target = target.removeprefix("unix://")
        self.url = f"unix://{path}"
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.listener.bind(str(path))
        self.listener.listen(8)
        self.deaf = threading.Event()
        self.sockets = []
        self.threads = [threading.Thread(target=self.accept)]
        self.threads[0].start()

    def accept(self):
        while True:
            try:
                near = self.listener.accept()[0]
            except OSError:
                return
            far = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            far.connect(self.target)
            deaf, self.deaf = self.deaf, threading.Event() if self.deaf.is_set() else self.deaf
            self.sockets += [near, far]
            for source, sink in ((near, far), (far, near)):
                self.threads.append(threading.Thread(target=self.carry, args=(source, sink, self.deaf)))
                self.threads[-1].start()
            del deaf

    def carry(self, source, sink, deaf):
        try:
            while data := source.recv(65536):
                if not deaf.is_set():
                    sink.sendall(data)
        except OSError:
            return

    def go_deaf(self):
        """From now on nothing passes on the connections that there are; new ones work."""
        self.deaf.set()

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for each in self.sockets:
            try:
                each.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue
            finally:
                each.close()
        for thread in self.threads:
            thread.join(BOUND)


@contextmanager
def proxy(path, target):
    made = Proxy(path, target)
    try:
        yield made
    finally:
        made.close()


SHORT = ("--heartbeat-ms", "200", "--silence-ms", "2000")
"""Silence that a busy machine does not cause by itself."""


def test_a_half_open_wire_is_noticed_at_both_ends_and_the_run_goes_on(start, tmp_path):
    daemon = start("--listen", f"unix://{tmp_path}/device", "--verbose", *SHORT)
    tree = demo_tree()
    with (
        proxy(tmp_path / "proxy", daemon.url) as wire,
        pixeltree.connect(wire.url, Patience(reconnect=BOUND)) as device,
    ):
        runner = pixeltree.TreeRunner.open(device, tree)
        runner.infer(image())
        for number in (2, 3):
            wire.go_deaf()
            result = runner.infer(image())
            assert result.frame == number
            assert result.repeats == 0
            assert count_mismatches(result, *tree.reference(image())) == 0
        assert device.cuts >= 2
    assert 'event="session resumed"' in daemon.errors()


def test_a_daemon_notices_a_host_that_fell_silent(start, tmp_path):
    daemon = start("--listen", f"unix://{tmp_path}/device", *SHORT)
    client = RawClient(daemon.url)
    assert closed_by_daemon(client.socket)
    client.close()


def test_a_host_that_was_cut_and_is_gone_is_followed_by_another(start, tmp_path):
    daemon = start("--listen", f"unix://{tmp_path}/device", *SHORT)
    tree = demo_tree()
    with proxy(tmp_path / "proxy", daemon.url) as wire:
        first = pixeltree.connect(wire.url, Patience(reconnect=0))
        pixeltree.TreeRunner.open(first, tree).infer(image())
        wire.go_deaf()
        with drive_when_free(daemon.url) as second:
            result = pixeltree.TreeRunner.open(second, tree).infer(image())
            assert count_mismatches(result, *tree.reference(image())) == 0
            with pytest.raises((LinkError, DeviceError)):
                first.ping()
        first.close()


def drive_when_free(url):
    deadline = time.monotonic() + BOUND
    while True:
        try:
            return pixeltree.connect(url)
        except DeviceError:
            assert time.monotonic() < deadline
            time.sleep(0.05)


# ---- secrets


def token_file(tmp_path, token=TOKEN, name="token"):
    path = tmp_path / name
    path.write_bytes(token + b"\n")
    path.chmod(0o600)
    return path


def test_a_token_is_needed_and_shows_neither_on_the_wire_nor_in_logs(start, tmp_path):
    right = token_file(tmp_path)
    wrong = token_file(tmp_path, b"incorrect horse battery staple", "wrong")
    daemon = start("--listen", f"unix://{tmp_path}/device", "--verbose", "--token-file", str(right))
    passed = bytearray()
    with proxy(tmp_path / "proxy", daemon.url) as wire:
        carry = wire.carry

        def tapped(source, sink, deaf):
            class Sink:
                def sendall(self, data):
                    passed.extend(data)
                    sink.sendall(data)

            carry(source, Sink(), deaf)

        wire.carry = tapped
        with pixeltree.connect(wire.url, token_file=right) as device:
            device.ping()
        with pytest.raises(DeviceError, match="AUTHENTICATION: the token is wrong"):
            pixeltree.connect(wire.url, token_file=wrong)
        with pytest.raises(DeviceError, match="AUTHENTICATION: the device wants a token"):
            pixeltree.connect(wire.url)
    assert len(passed) > 500
    for secret in (TOKEN, TOKEN[:16], TOKEN[-16:]):
        assert secret not in passed
        assert secret.decode() not in daemon.errors()


def test_a_device_that_does_not_know_the_token_is_not_believed(shared, tmp_path):
    with pytest.raises(DeviceError, match="AUTHENTICATION: the device did not prove"):
        pixeltree.connect(shared.url, token_file=token_file(tmp_path))


def test_a_proof_heard_on_the_wire_is_of_no_use_later(start, tmp_path):
    right = token_file(tmp_path)
    daemon = start("--listen", f"unix://{tmp_path}/device", "--token-file", str(right))
    heard = []
    with proxy(tmp_path / "proxy", daemon.url) as wire:
        carry = wire.carry

        def tapped(source, sink, deaf):
            class Sink:
                def sendall(self, data):
                    heard.append((sink, data))
                    sink.sendall(data)

            carry(source, Sink(), deaf)

        wire.carry = tapped
        with pixeltree.connect(wire.url, token_file=right) as device:
            device.ping()
    to_daemon = [data for sink, data in heard if sink is heard[0][0]]
    with raw_socket(daemon.url) as raw:
        answers = b""
        with suppress(BrokenPipeError):  # the daemon closes as soon as it sees the old proof
            for data in to_daemon:
                raw.sendall(data)
        with suppress(ConnectionResetError):
            while data := raw.recv(65536):
                answers += data
    assert b"the token is wrong" in answers


def test_tls_and_a_token_together_run_frames(start, tmp_path):
    certificate, key = make_certificate(tmp_path)
    right = token_file(tmp_path)
    options = ("--tls-cert", str(certificate), "--tls-key", str(key), "--token-file", str(right))
    daemon = start("--listen", "tls://127.0.0.1:0", *options)
    url = f"{daemon.url}?ca={certificate}&token_file={right}"
    with pixeltree.connect(url) as device:
        tree = demo_tree()
        result = pixeltree.TreeRunner.open(device, tree).infer(image())
        assert count_mismatches(result, *tree.reference(image())) == 0


@pytest.mark.parametrize("address", ["0.0.0.0", "[::]"])
def test_an_exposed_address_without_a_token_is_refused(address):
    from tests.support.command_line import pixeltree as command  # noqa: PLC0415

    run = command("emulate", "--listen", f"tcp://{address}:0")
    assert run.returncode == 2
    assert "--token-file" in run.stderr


def test_a_unix_socket_is_for_its_owner_alone(shared):
    path = Path(shared.urls[0].removeprefix("unix://"))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_frame_of_another_session_cannot_be_smuggled_in_before_a_greeting(start, tmp_path):
    """Whatever is sent before a proof is not acted on."""
    right = token_file(tmp_path)
    daemon = start("--listen", f"unix://{tmp_path}/device", "--token-file", str(right))
    with raw_socket(daemon.url) as raw:
        raw.sendall(encode_frame(b"\x11\x01\0\0\0\0\0\0\0" + b"\x07\0\0\0") * 50)
        assert b"before the handshake" in raw.recv(65536)
    with pixeltree.connect(daemon.url, token_file=right) as device:
        assert device.status().damaged_frames == 0
