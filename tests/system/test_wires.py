"""The daemon on every kind of wire at once, started as a user or a service manager starts it."""

import configparser
import json
import os
import secrets
import select
import shlex
import signal
import socket
import ssl
import time
from pathlib import Path

import pytest
from tests.support.certificates import make_certificate
from tests.support.command_line import ROOT
from tests.support.command_line import pixeltree as run_pixeltree

import pixeltree
from pixeltree_emu.serving.options import parse
from pixeltree_protocol.link.connection import HostConnection, Ready, Received
from pixeltree_protocol.link.messages import Ping, Pong

DEADLINE = 30


class TerminalUser:
    """A host on a tty that speaks the protocol byte by byte."""

    def __init__(self, path):
        self.descriptor = os.open(path, os.O_RDWR | os.O_NOCTTY)
        self.connection = HostConnection("terminal user", secrets.token_bytes)

    def shake_hands(self):
        self.connection.connect(time.monotonic())
        self.next_event()
        return self.connection.welcome

    def ping(self, token):
        self.connection.send(Ping(token))
        return self.next_event().message

    def next_event(self):
        os.write(self.descriptor, self.connection.data_to_send(time.monotonic()))
        until = time.monotonic() + DEADLINE
        while time.monotonic() < until:
            if select.select([self.descriptor], [], [], 1)[0]:
                data = os.read(self.descriptor, 4096)
                for event in self.connection.receive_data(data, time.monotonic()):
                    assert isinstance(event, Received | Ready), event
                    return event
        raise AssertionError("no answer")

    def close(self):
        os.close(self.descriptor)


@pytest.mark.parametrize("slow", [(), ("--bps", "3e6", "--bits-per-byte", "10", "--latency-us", "500")])
def test_one_daemon_serves_terminal_socket_and_port_at_once(start, tmp_path, slow):
    daemon = start(
        "--listen", f"pty://{tmp_path}/ppa0", "--listen", f"unix://{tmp_path}/device",
        "--listen", "tcp://127.0.0.1:0", *slow,
    )  # fmt: skip
    for token in (1, 2):  # one user of the tty after the other
        user = TerminalUser(tmp_path / "ppa0")
        assert user.shake_hands().device == "Pixeltree emulator"
        assert user.ping(token) == Pong(token)
        for url in daemon.urls[1:]:
            with pixeltree.connect(url, observe=True) as device:
                device.ping()
        user.close()
        wait_until_noticed(daemon, tmp_path / "ppa0")
    daemon.process.send_signal(signal.SIGTERM)
    assert daemon.process.wait(DEADLINE) == 0
    assert not (tmp_path / "ppa0").is_symlink()
    assert not (tmp_path / "device").exists()
    assert daemon.errors() == ""


def wait_until_noticed(daemon, path):
    """A daemon that has seen its user leave holds the user's end open itself."""
    device = path.resolve()
    held = Path(f"/proc/{daemon.process.pid}/fd")
    until = time.monotonic() + DEADLINE
    while time.monotonic() < until:
        if any(link.is_symlink() and link.readlink() == device for link in held.iterdir()):
            return
        time.sleep(0.01)
    raise AssertionError("the daemon did not notice that its user left")


def test_a_daemon_that_was_killed_leaves_nothing_in_the_way_of_the_next(start, tmp_path):
    options = ("--listen", f"pty://{tmp_path}/ppa0", "--listen", f"unix://{tmp_path}/device")
    start(*options).stop()
    assert (tmp_path / "ppa0").is_symlink()
    start(*options)
    user = TerminalUser(tmp_path / "ppa0")
    user.shake_hands()
    user.close()


def test_tls_is_served_while_another_client_never_finishes_its_handshake(start, tmp_path):
    certificate, key = make_certificate(tmp_path)
    daemon = start("--listen", "tls://127.0.0.1:0", "--tls-cert", str(certificate), "--tls-key", str(key))
    address = ("127.0.0.1", int(daemon.url.rpartition(":")[2]))
    context = ssl.create_default_context(cafile=certificate)
    with (
        socket.create_connection(address, DEADLINE) as idle,
        socket.create_connection(address, DEADLINE) as raw,
    ):
        idle.sendall(b"\x16\x03\x01")
        with context.wrap_socket(raw, server_hostname="127.0.0.1") as secure:
            connection = HostConnection("TLS client", secrets.token_bytes)
            connection.connect(time.monotonic())
            secure.sendall(connection.data_to_send(time.monotonic()))
            while connection.welcome is None:
                data = secure.recv(4096)
                assert data, "the daemon left"
                connection.receive_data(data, time.monotonic())
        assert idle.recv(100) == b""  # it is closed for not shaking hands


def test_an_idle_terminal_costs_no_time(start, tmp_path):
    daemon = start("--listen", f"pty://{tmp_path}/ppa0")
    user = TerminalUser(tmp_path / "ppa0")
    user.shake_hands()
    user.close()
    before = processor_time(daemon.process.pid)
    time.sleep(1)
    assert processor_time(daemon.process.pid) - before < 0.5


def processor_time(process):
    words = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


def test_a_service_manager_is_told_when_the_daemon_is_ready_and_when_it_stops(start, tmp_path, monkeypatch):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(DEADLINE)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        daemon = start("--listen", f"unix://{tmp_path}/device")
        assert manager.recv(100) == b"READY=1"
        with pixeltree.connect(daemon.url) as device:
            device.ping()
        daemon.process.send_signal(signal.SIGTERM)
        assert manager.recv(100) == b"STOPPING=1"
        assert daemon.process.wait(DEADLINE) == 0


def test_sessions_are_logged_as_json_when_asked(start, tmp_path):
    daemon = start("--listen", f"unix://{tmp_path}/device", "--verbose", "--log-format", "json")
    with pixeltree.connect(daemon.url) as device:
        device.ping()
    daemon.process.send_signal(signal.SIGTERM)
    assert daemon.process.wait(DEADLINE) == 0
    events = [json.loads(line) for line in daemon.errors().splitlines()]
    assert {"listening", "connected", "session opened", "session ended", "closed"} <= {
        event["event"] for event in events
    }


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--listen", "tcp://0.0.0.0:0"), "anybody there could drive this device; add --token-file FILE"),
        (("--listen", "tls://127.0.0.1:0"), "needs --tls-cert FILE and --tls-key FILE"),
        (("--tls-cert", "/nowhere"), "--tls-cert and --tls-key belong together"),
        (("--token-file", "/nowhere/token"), "cannot read --token-file /nowhere/token"),
        (("--listen", "unix://{folder}/x", "--listen", "unix://{folder}/x"), "are the same place"),
        (("--bps", "0"), "at least 1 bit per second"),
        (("--latency-us", "-1"), "the latency of a line"),
    ],
)
def test_what_cannot_be_served_is_refused_with_a_reason(options, message, tmp_path):
    run = run_pixeltree("emulate", *(each.format(folder=tmp_path) for each in options))
    assert run.returncode == 2
    assert message in run.stderr
    assert "Traceback" not in run.stderr


def test_help_shows_every_option():
    shown = run_pixeltree("emulate", "--help").stdout
    for option in ("--listen", "--bps", "--bits-per-byte", "--latency-us", "--token-file", "--tls-cert",
                   "--tls-key", "--log-format", "pty:///PATH", "tls://"):  # fmt: skip
        assert option in shown


def test_the_service_unit_starts_the_daemon_with_options_that_it_has():
    unit = configparser.RawConfigParser(strict=False)
    unit.optionxform = str
    unit.read(ROOT / "tools/systemd/pixeltree-emulate.service")
    command = shlex.split(unit["Service"]["ExecStart"])
    assert command[1] == "emulate"
    assert len(parse(command[2:]).listen) == 2
    assert unit["Service"]["Type"] == "notify"
