"""Wires: what every kind promises, on socket pairs, real pseudo terminals and real TLS."""

import os
import selectors
import socket
import stat
import subprocess
import sys
from contextlib import ExitStack

import pytest

from pixeltree_emu.errors import ListenError, WireClosed
from pixeltree_emu.wires.line import LineSettings
from pixeltree_emu.wires.stream_socket import SocketWire
from pixeltree_emu.wires.terminal import TerminalWire
from pixeltree_emu.wires.throttle import ThrottledWire

DEADLINE = 20


def wait_readable(wire):
    """Wait until the wire's descriptor is readable, as the daemon's loop does."""
    with selectors.DefaultSelector() as selector:
        selector.register(wire.fileno(), selectors.EVENT_READ)
        assert selector.select(DEADLINE), "nothing came"


def is_silent(wire):
    """Whether a loop that waits for the wire would sleep."""
    with selectors.DefaultSelector() as selector:
        selector.register(wire.fileno(), selectors.EVENT_READ)
        return not selector.select(0)


@pytest.fixture
def pair():
    ours, theirs = socket.socketpair()
    theirs.settimeout(DEADLINE)
    wire = SocketWire(ours, "unix")
    yield wire, theirs
    wire.close()
    theirs.close()


def test_a_socket_gives_what_came_and_none_when_nothing_did(pair):
    wire, host = pair
    assert wire.read() is None
    host.sendall(b"hello")
    assert wire.read(2) == b"he"
    assert wire.read() == b"llo"
    assert wire.read() is None
    assert wire.write(b"answer") == 6
    assert host.recv(100) == b"answer"


def test_only_a_wire_that_nothing_slows_is_local(pair, tmp_path):
    wire, _ = pair
    assert wire.local
    assert not ThrottledWire(wire, LineSettings(latency=0.001)).local
    terminal = TerminalWire(tmp_path / "port")
    assert not terminal.local
    terminal.close()


def test_a_socket_tells_an_orderly_end(pair):
    wire, host = pair
    host.shutdown(socket.SHUT_WR)
    assert wire.read() == b""
    assert wire.write(b"still heard") == 11


def test_writing_to_a_host_that_is_gone_raises(pair):
    wire, host = pair
    host.close()
    with pytest.raises(WireClosed, match="the connection broke"):
        wire.write(b"x")


def test_a_full_socket_takes_nothing_and_asks_for_room(pair):
    wire, host = pair
    data = bytes(1 << 16)
    while wire.write(data):
        pass
    assert wire.wants(reading=False, writing=True) == (selectors.EVENT_WRITE, None)
    assert wire.wants(reading=True, writing=False) == (selectors.EVENT_READ, None)
    host.recv(1 << 20)
    assert wire.write(data) > 0


@pytest.fixture
def terminal(tmp_path):
    wire = TerminalWire(tmp_path / "ppa0")
    yield wire
    wire.close()


def user_of(path):
    return os.open(path, os.O_RDWR | os.O_NOCTTY)


def test_a_terminal_carries_every_byte_as_it_is(terminal, tmp_path):
    user = user_of(tmp_path / "ppa0")
    every = bytes(range(256))
    os.write(user, every)
    received = b""
    while len(received) < 256:
        wait_readable(terminal)
        received += terminal.read()
    assert received == every
    assert terminal.write(every) == 256
    answer = b""
    while len(answer) < 256:
        answer += os.read(user, 256)
    assert answer == every
    os.close(user)


def test_a_terminal_serves_one_user_after_the_other_and_tells_them_apart(terminal, tmp_path):
    for name in (b"first", b"second", b"third"):
        assert is_silent(terminal)
        user = user_of(tmp_path / "ppa0")
        os.write(user, name)
        wait_readable(terminal)
        assert terminal.read() == name
        os.write(user, b"last words")
        os.close(user)
        wait_readable(terminal)
        assert terminal.read() == b"last words"
        assert terminal.read() == b""
        assert terminal.read() is None


def test_a_user_finds_nothing_that_was_meant_for_the_one_before(terminal, tmp_path):
    user = user_of(tmp_path / "ppa0")
    os.write(user, b"x")
    wait_readable(terminal)
    terminal.read()
    terminal.write(b"secret of the first")
    os.close(user)
    wait_readable(terminal)
    assert terminal.read() == b""
    assert terminal.write(b"said to nobody") == len(b"said to nobody")
    user = user_of(tmp_path / "ppa0")
    os.write(user, b"y")
    wait_readable(terminal)
    assert terminal.read() == b"y"
    terminal.write(b"for the second")
    assert os.read(user, 100) == b"for the second"
    os.close(user)


def test_what_nobody_reads_does_not_block_a_terminal_for_ever(terminal, tmp_path):
    user = user_of(tmp_path / "ppa0")
    os.write(user, b"x")
    wait_readable(terminal)
    terminal.read()
    while terminal.write(bytes(4096)):
        pass
    os.close(user)
    for _ in range(20):
        assert terminal.write(bytes(4096)) > 0
    assert terminal.read() == b""


def test_a_terminal_is_its_owners_and_its_link_goes_with_it(tmp_path):
    path = tmp_path / "ppa0"
    wire = TerminalWire(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    wire.close()
    assert not path.is_symlink()
    wire.close()


def test_the_link_of_a_killed_daemon_is_replaced(tmp_path):
    path = tmp_path / "ppa0"
    path.symlink_to("/dev/pts/99999")
    wire = TerminalWire(path)
    assert path.is_char_device()
    wire.close()


def killed_daemon_at(path):
    """The device that a daemon had linked to which was killed while it served."""
    code = """if True:
        import os, pathlib, sys
        from pixeltree_emu.wires.terminal import TerminalWire
        wire = TerminalWire(pathlib.Path(sys.argv[1]))
        os._exit(9)
    """
    subprocess.run([sys.executable, "-c", code, path], check=False)
    return path.readlink()


def test_a_link_to_a_terminal_whose_number_is_used_again_is_replaced(tmp_path):
    path = tmp_path / "ppa0"
    device = killed_daemon_at(path)
    with ExitStack() as stack:
        while not device.exists():  # numbers of terminals are used again
            for end in os.openpty():
                stack.callback(os.close, end)
        wire = TerminalWire(path)
        assert path.readlink() != device
        wire.close()
    assert list(tmp_path.iterdir()) == []


def test_the_link_of_another_program_to_a_terminal_that_lives_is_left_alone(tmp_path):
    path = tmp_path / "ppa0"
    other, end = os.openpty()
    path.symlink_to(os.ttyname(end))
    os.utime(path, ns=(0, 0), follow_symlinks=False)  # long before that terminal
    with pytest.raises(ListenError, match="not the link of a daemon that is gone"):
        TerminalWire(path)
    assert path.is_char_device()
    os.close(other)
    os.close(end)


@pytest.mark.parametrize("change", ["nothing", "chmod of the terminal", "a new link"])
def test_the_link_of_a_daemon_that_serves_is_left_alone(terminal, tmp_path, change):
    path = tmp_path / "ppa0"
    if change == "chmod of the terminal":
        path.chmod(0o666)  # changes the time that it was changed
    elif change == "a new link":
        target = path.readlink()
        path.unlink()
        path.symlink_to(target)
    before = path.readlink()
    with pytest.raises(ListenError, match="another daemon serves"):
        TerminalWire(path)
    assert path.readlink() == before
    assert path.is_char_device()


def test_a_link_that_somebody_has_replaced_is_not_removed_at_the_end(tmp_path):
    path = tmp_path / "ppa0"
    wire = TerminalWire(path)
    path.unlink()
    path.symlink_to("/dev/null")
    wire.close()
    assert str(path.readlink()) == "/dev/null"


@pytest.mark.parametrize("kind", ["file", "folder", "link"])
def test_anything_else_at_the_path_is_left_alone(tmp_path, kind):
    path = tmp_path / "ppa0"
    match kind:
        case "file":
            path.write_text("precious")
        case "folder":
            path.mkdir()
        case "link":
            path.symlink_to("/etc/hostname")
    before = path.lstat()
    with pytest.raises(ListenError, match="not the link of a daemon that is gone"):
        TerminalWire(path)
    assert path.lstat().st_ino == before.st_ino
