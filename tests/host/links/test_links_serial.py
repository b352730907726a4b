"""Links over serial ports: a pty where a tty is needed, loopback servers where a network is."""

import errno
import fcntl
import os
import select
import socket
import struct
import termios
import threading
import time
import tty

import pytest
import serial
from serial.rfc2217 import PortManager
from tests.support.fake_links import PATIENCE, receive_all, server, tcp_listener
from tests.support.inside import socket_of

from pixeltree.errors import LinkError
from pixeltree.links import open_link
from pixeltree.links.polled_serial import PolledSerialLink
from pixeltree.links.serial_port import SerialLink

EVERY_BYTE = bytes(range(256))
BOTHER_SPEEDS = struct.Struct("<4I20B2I")


class Pty:
    """A pty: the device holds one end, the host opens the other by its path."""

    def __init__(self):
        self.device, self.host = os.openpty()
        tty.setraw(self.host)
        self.path = os.ttyname(self.host)

    @property
    def speeds(self):
        """What the host's end is set to, as (from, to) in baud."""
        data = fcntl.ioctl(self.host, 0x802C542A, bytes(BOTHER_SPEEDS.size))  # TCGETS2
        return BOTHER_SPEEDS.unpack(data)[-2:]

    @property
    def hardware_flow_control(self):
        return bool(termios.tcgetattr(self.host)[2] & termios.CRTSCTS)

    def unplug(self):
        if self.device >= 0:
            os.close(self.device)
            self.device = -1

    def close(self):
        self.unplug()
        os.close(self.host)


@pytest.fixture
def pty():
    port = Pty()
    yield port
    port.close()


@pytest.fixture
def link(pty):
    opened = open_link(f"serial://{pty.path}", PATIENCE)
    yield opened
    opened.close()


@pytest.fixture(autouse=True)
def no_thread_is_left():
    before = set(threading.enumerate())
    yield
    assert set(threading.enumerate()) == before


def test_a_port_carries_every_byte_both_ways_unchanged(pty, link):
    link.send(EVERY_BYTE, PATIENCE)
    assert os.read(pty.device, 1000) == EVERY_BYTE
    os.write(pty.device, EVERY_BYTE)
    assert receive_all(link, 256) == EVERY_BYTE


@pytest.mark.parametrize("form", ["serial://{}", "serial:{}", "{}"])
@pytest.mark.parametrize(
    ("options", "baud"),
    [
        ("", 3_000_000),
        ("?baudrate=115200", 115_200),
        ("?baudrate=12e6&rtscts=on&token_file=/etc/ppa", 12_000_000),
    ],
)
def test_a_port_is_set_to_the_speed_that_the_url_names(pty, form, options, baud):
    link = open_link(form.format(pty.path) + options, PATIENCE)
    assert isinstance(link, SerialLink)
    assert pty.speeds == (baud, baud)
    assert pty.hardware_flow_control == ("rtscts" in options)
    link.close()


def test_a_path_relative_to_this_folder_is_a_port(pty, tmp_path, monkeypatch):
    (tmp_path / "ppa0").symlink_to(pty.path)
    monkeypatch.chdir(tmp_path)
    link = open_link("./ppa0", PATIENCE)
    assert link.url == "./ppa0"
    link.send(b"x", PATIENCE)
    assert os.read(pty.device, 10) == b"x"
    link.close()


def test_bytes_are_received_at_once_and_none_within_the_time_is_none(pty, link):
    assert link.receive(0) is None
    assert link.receive(0.01) is None
    os.write(pty.device, b"x")
    start = time.monotonic()
    assert link.receive(PATIENCE) == b"x"
    assert time.monotonic() - start < PATIENCE / 2


def test_a_device_that_takes_nothing_is_an_error_in_time_and_closing_does_not_wait_for_it(pty, link):
    start = time.monotonic()
    with pytest.raises(LinkError, match=r"took only [\d,]+ of 1,000,000 bytes for 0.1 s; it hangs"):
        link.send(bytes(1_000_000), 0.1)
    with pytest.raises(LinkError, match=r"took nothing for 0\.1 s"):
        link.send(bytes(1_000_000), 0.1)
    link.close()
    assert time.monotonic() - start < PATIENCE / 2
    assert not select.select([pty.device], [], [], 0)[0] or len(os.read(pty.device, 1 << 20)) < 1_000_000


def test_only_what_a_stuck_device_did_not_take_is_thrown_away(pty, mocker):
    """Closing a tty waits for it, half a minute for most drivers."""
    thrown_away = mocker.spy(serial.Serial, "reset_output_buffer")
    link = open_link(pty.path, PATIENCE)
    link.send(b"last words", PATIENCE)
    link.close()
    assert not thrown_away.called
    assert os.read(pty.device, 100) == b"last words"
    link = open_link(pty.path, PATIENCE)
    with pytest.raises(LinkError, match="took"):
        link.send(bytes(1_000_000), 0.05)
    link.close()
    assert thrown_away.call_count == 1


def test_the_other_end_of_a_pty_closing_is_an_error_for_reads_and_writes_each_time(pty, link):
    pty.unplug()
    for _ in range(3):
        with pytest.raises(LinkError, match=r"is gone \((it ended|Input/output error)\); was it unplugged"):
            link.receive(PATIENCE)
    with pytest.raises(LinkError, match=f"the device at serial://{pty.path} is gone"):
        link.send(b"x", PATIENCE)
    link.close()


def test_a_port_that_is_ready_for_ever_with_nothing_is_unplugged(pty, link, mocker):
    """What the driver of a USB port does when the plug is pulled."""
    os.write(pty.device, b"x")
    mocker.patch("pixeltree.links.serial_port.os.read", return_value=b"")
    with pytest.raises(LinkError, match=r"is gone \(it ended\); was it unplugged"):
        link.receive(PATIENCE)


@pytest.mark.parametrize(
    "error", [OSError(errno.EIO, "Input/output error"), OSError(errno.ENODEV, "No such device")]
)
def test_a_port_that_vanishes_during_a_write_is_an_error(pty, link, mocker, error):
    mocker.patch("pixeltree.links.serial_port.os.write", side_effect=error)
    with pytest.raises(LinkError, match=rf"is gone \({error.strerror}\).*'pixeltree devices' shows"):
        link.send(b"x", PATIENCE)
    mocker.patch.object(serial.Serial, "reset_output_buffer", side_effect=termios.error(errno.EIO, "gone"))
    link.close()


def test_bytes_that_somebody_else_read_do_not_end_the_wait(pty, link, mocker):
    real = os.read
    results = iter([BlockingIOError(), None])

    def read(descriptor, size):
        if error := next(results):
            raise error
        return real(descriptor, size)

    mocker.patch("pixeltree.links.serial_port.os.read", side_effect=read)
    os.write(pty.device, b"x")
    assert link.receive(PATIENCE) == b"x"


def test_a_closed_link_touches_no_descriptor_that_the_system_gave_to_another(pty, link):
    link.close()
    link.close()
    descriptors = [os.dup(pty.device) for _ in range(8)]
    with pytest.raises(LinkError, match=f"the link to serial://{pty.path} is closed"):
        link.send(b"x", PATIENCE)
    os.write(pty.host, b"x")  # makes the duplicates ready
    with pytest.raises(LinkError, match="is closed"):
        link.receive(PATIENCE)
    for descriptor in descriptors:
        os.close(descriptor)


def test_a_port_that_another_program_has_is_busy(pty, link):
    with pytest.raises(LinkError, match=f"another program has {pty.path}; end it first .'lsof {pty.path}'"):
        open_link(f"serial://{pty.path}", PATIENCE)
    link.close()
    open_link(f"serial://{pty.path}", PATIENCE).close()


def test_a_port_without_permission_names_the_group_and_udev(pty, mocker):
    mocker.patch("serial.serialposix.os.open", side_effect=OSError(errno.EACCES, "Permission denied"))
    mocker.patch("pixeltree.links.serial_port.Path.group", return_value="uucp")
    with pytest.raises(LinkError, match=rf"no permission to open {pty.path}; .*usermod -aG uucp .*udev rule"):
        open_link(pty.path, PATIENCE)
    mocker.patch("pixeltree.links.serial_port.Path.group", return_value="root")
    with pytest.raises(LinkError, match="usermod -aG dialout"):
        open_link(pty.path, PATIENCE)


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("serial:///dev/nowhere", "there is no port /dev/nowhere; is it plugged in\\?.*serial ports"),
        ("COM3", "there is no port COM3; is it plugged in"),
        ("serial:", "needs a port, as in serial:///dev/ttyACM0;.*serial ports"),
        ("/dev/null", "cannot open /dev/null .Could not configure port"),
        ("/dev/null?speed=1", "there is no option 'speed'; known: baudrate, rtscts, token_file"),
        ("/dev/null?baudrate=0", "baudrate must be a whole number from 1 on"),
        ("/dev/null?rtscts=maybe", "rtscts must be 'on' or 'off'"),
        ("serial:pigeon://x", "cannot open pigeon://x .*protocol 'pigeon' not known"),
        ("serial:loop://?speed=1", "cannot open loop://.speed=1 .pyserial does not know one of the options"),
        ("serial:socket://127.0.0.1:1", "cannot open socket://127.0.0.1:1 .*Connection refused"),
        ("serial:rfc2217://127.0.0.1:1", "cannot open rfc2217://127.0.0.1:1 .*Connection refused"),
    ],
)
def test_a_port_that_cannot_be_opened_says_why(url, message):
    with pytest.raises(LinkError, match=message):
        open_link(url, PATIENCE)


def test_a_baud_rate_that_the_port_refuses_is_an_error(pty):
    with pytest.raises(LinkError, match=rf"cannot open {pty.path} \("):
        open_link(f"{pty.path}?baudrate=5000000000", PATIENCE)


# -- URLs of pyserial ---------------------------------------------------------------------


def test_loop_gives_back_what_was_sent():
    link = open_link("serial:loop://?logging=error&baudrate=3000000", PATIENCE)
    assert isinstance(link, PolledSerialLink)
    assert link.receive(0) is None
    assert link.receive(0.02) is None
    link.send(EVERY_BYTE, PATIENCE)
    assert receive_all(link, 256) == EVERY_BYTE
    link.close()
    link.close()


def test_a_loop_that_is_full_takes_nothing_more():
    link = open_link("serial:loop://", PATIENCE)
    start = time.monotonic()
    with pytest.raises(LinkError, match=r"took only 4,096 of 10,000 bytes for 0.1 s"):
        link.send(bytes(10_000), 0.1)
    assert time.monotonic() - start < PATIENCE / 2
    link.close()
    for use in (lambda: link.send(b"x", 1), lambda: link.receive(0)):
        with pytest.raises(LinkError, match="the link to serial:loop:// is closed"):
            use()


def test_a_socket_of_pyserial_is_read_in_large_pieces():
    with server(tcp_listener()) as (host, port):
        link = open_link(f"serial:socket://{host}:{port}", PATIENCE)
        assert isinstance(link, SerialLink)
        link.send(EVERY_BYTE * 200, PATIENCE)
        first = link.receive(PATIENCE)
        assert len(first) > 1
        assert first + receive_all(link, 51_200 - len(first)) == EVERY_BYTE * 200
        link.close()


def answer(connection):
    """Answer, and end. Not before it was asked: pyserial drops what comes in while it opens."""
    connection.recv(1)
    connection.sendall(b"bye")


def reset(connection):
    """Answer twice, the second time by an end without a goodbye."""
    answer(connection)
    connection.recv(1)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


@pytest.mark.parametrize("end", [answer, reset])
def test_the_end_of_a_socket_of_pyserial_is_an_error_and_leaves_nothing_open(end):
    with server(tcp_listener(), end) as (host, port):
        link = open_link(f"serial:socket://{host}:{port}", PATIENCE)
        connection = socket_of(link)
        link.send(b"x", PATIENCE)
        assert receive_all(link, 3) == b"bye"
        link.send(b"x", PATIENCE)
        with pytest.raises(LinkError, match="is gone"):
            link.receive(PATIENCE)
        link.close()
        assert connection.fileno() == -1


class Rfc2217Server:
    """A loop behind a server of serial ports, by pyserial's own server side."""

    def __init__(self, stop_after=None):
        self._stop_after = stop_after

    def __call__(self, connection):
        port = serial.serial_for_url("loop://", timeout=0)
        self._connection, self._sent = connection, 0
        manager = PortManager(port, self)
        connection.settimeout(0.01)
        while self._stop_after is None or self._sent < self._stop_after:
            try:
                data = connection.recv(4096)
            except TimeoutError:
                continue
            if not data:
                break
            port.write(b"".join(manager.filter(data)))
            looped = port.read(port.in_waiting)
            connection.sendall(b"".join(manager.escape(looped)))
            self._sent += len(looped)
        port.close()

    def write(self, data):
        self._connection.sendall(data)


@pytest.mark.filterwarnings("ignore:set(Daemon|Name)")  # pyserial's, in Python 3.10 and later
def test_rfc2217_carries_every_byte_both_ways():
    with server(tcp_listener(), Rfc2217Server()) as (host, port):
        link = open_link(f"serial:rfc2217://{host}:{port}?baudrate=115200&timeout=10", PATIENCE)
        assert isinstance(link, PolledSerialLink)
        assert link.receive(0) is None
        link.send(EVERY_BYTE, PATIENCE)
        assert receive_all(link, 256) == EVERY_BYTE
        link.close()


@pytest.mark.filterwarnings("ignore:set(Daemon|Name)")
def test_the_end_of_rfc2217_is_an_error_and_leaves_nothing_open():
    with server(tcp_listener(), Rfc2217Server(stop_after=1)) as (host, port):
        link = open_link(f"serial:rfc2217://{host}:{port}", PATIENCE)
        link.send(b"x", PATIENCE)
        with pytest.raises(LinkError, match="is gone"):
            while link.receive(PATIENCE):
                pass
        link.close()


@pytest.mark.filterwarnings("ignore:set(Daemon|Name)")
def test_a_server_that_knows_no_rfc2217_is_told_apart():
    done = threading.Event()
    with server(tcp_listener(), lambda _: done.wait(PATIENCE)) as (host, port):
        with pytest.raises(LinkError, match="does not seem to support RFC2217"):
            open_link(f"serial:rfc2217://{host}:{port}?timeout=0.2", PATIENCE)
        done.set()


def test_a_port_without_descriptor_that_vanishes_is_an_error(mocker):
    link = open_link("serial:loop://", PATIENCE)
    lost = serial.SerialException("ClearCommError failed (PermissionError(13, 'The device does not work'))")
    mocker.patch("serial.urlhandler.protocol_loop.Serial.read", side_effect=lost)
    with pytest.raises(LinkError, match=r"the device at serial:loop:// is gone \(ClearCommError failed"):
        link.receive(PATIENCE)
    mocker.patch("serial.urlhandler.protocol_loop.Serial.write", side_effect=lost)
    with pytest.raises(LinkError, match=r"is gone \(ClearCommError failed"):
        link.send(b"x", PATIENCE)
    link.close()


def test_a_socket_closed_here_is_closed():
    with server(tcp_listener()) as (host, port):
        link = open_link(f"serial:socket://{host}:{port}", PATIENCE)
        link.close()
        with pytest.raises(LinkError, match="is closed"):
            link.receive(0)
