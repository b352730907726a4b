"""Where the daemon agrees to listen, and what it says when it does not."""

import os
import socket
import stat

import pytest

from pixeltree_emu.errors import ListenError
from pixeltree_emu.serving.access import read_token
from pixeltree_emu.serving.listeners import ListenSettings, listen, listen_all
from pixeltree_emu.serving.options import parse
from pixeltree_emu.serving.setup import costs_of
from pixeltree_emu.wires.line import LineSettings
from pixeltree_emu.wires.throttle import ThrottledWire

OPEN = ListenSettings()
AUTHENTICATED = ListenSettings(authenticated=True)
SECRET = "correct horse battery staple"


@pytest.mark.parametrize("url", ["tcp://0.0.0.0:0", "tcp://[::]:0", "tcp://192.0.2.1:0", "tls://0.0.0.0:0"])
def test_addresses_that_others_can_reach_need_a_token(url):
    with pytest.raises(ListenError, match=r"reached from other machines.*--token-file FILE"):
        listen(url, OPEN)


def test_an_address_that_others_can_reach_is_served_with_a_token_and_a_warning(caplog):
    listener = listen("tcp://0.0.0.0:0", AUTHENTICATED)
    listener.close()
    assert "not encrypted here; tls:// would hide" in caplog.text


def test_tls_needs_a_certificate():
    with pytest.raises(ListenError, match="needs --tls-cert FILE and --tls-key FILE"):
        listen("tls://127.0.0.1:0", OPEN)


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("carrier://pigeon", "use tcp://127.0.0.1:PORT, tls://"),
        ("tcp://127.0.0.1", "needs a host and a port"),
        ("tcp://127.0.0.1:99999", "out of range"),
        ("tcp://127.0.0.1:1/path", "use tcp://"),
        ("tcp://example.org:1", "example.org is not an IP address"),
        ("unix://relative/path", "use tcp://"),
        ("pty://ppa0", "use tcp://"),
        ("pty:///nowhere/at/all", "No such file or directory"),
    ],
)
def test_urls_that_make_no_sense_are_refused(url, message):
    with pytest.raises(ListenError, match=message):
        listen(url, OPEN)


@pytest.mark.parametrize(
    "urls",
    [
        ("tcp://127.0.0.1:27999", "tcp://localhost:27999"),
        ("tcp://127.0.0.1:27999", "tls://127.0.0.1:27999"),
        ("unix://{}/a", "unix://{}/./a"),
        ("unix://{}/a", "pty://{}/a"),
    ],
)
def test_one_place_given_twice_is_refused_and_nothing_stays(tmp_path, urls):
    with pytest.raises(ListenError, match="are the same place; give it once"):
        listen_all([url.format(tmp_path) for url in urls], OPEN)
    assert not list(tmp_path.iterdir())


def test_free_ports_are_different_places():
    listeners = listen_all(["tcp://127.0.0.1:0", "tcp://127.0.0.1:0"], OPEN)
    assert listeners[0].url != listeners[1].url
    for listener in listeners:
        listener.close()


def test_a_port_yields_a_wire_for_each_client_and_tcp_does_not_wait_for_more_bytes():
    listener = listen("tcp://127.0.0.1:0", OPEN)
    assert listener.accept() is None
    client = socket.create_connection(("127.0.0.1", int(listener.url.rpartition(":")[2])))
    wire = listener.accept()
    assert wire.name == f"tcp 127.0.0.1:{client.getsockname()[1]}"
    with socket.socket(fileno=os.dup(wire.fileno())) as same:
        assert same.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
    assert listener.accept() is None
    for thing in (wire, client, listener):
        thing.close()


def test_a_unix_socket_is_its_owners_and_slow_if_asked_for(tmp_path):
    path = tmp_path / "device"
    listener = listen(f"unix://{path}", ListenSettings(line=LineSettings(9600)))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(path))
        wire = listener.accept()
        assert isinstance(wire, ThrottledWire)
        wire.close()
    listener.close()
    assert not path.exists()


def test_the_socket_of_a_daemon_that_serves_is_left_alone_even_when_nobody_is_let_in(tmp_path):
    listener = listen(f"unix://{tmp_path}/a", OPEN)
    (tmp_path / "a.lock").chmod(0o644)
    with pytest.raises(ListenError, match="another daemon serves"):
        listen(f"unix://{tmp_path}/a", OPEN)
    listener.close()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("full", [False, True])
def test_the_socket_of_another_program_that_runs_is_left_alone(tmp_path, full):
    path = tmp_path / "a"
    with socket.socket(socket.AF_UNIX) as server, socket.socket(socket.AF_UNIX) as client:
        server.bind(str(path))
        server.listen(0)
        if full:
            client.connect(str(path))
        with pytest.raises(ListenError, match="cannot listen at"):
            listen(f"unix://{path}", OPEN)
        assert path.is_socket()
    listener = listen(f"unix://{path}", OPEN)  # now it is gone
    listener.close()


def test_a_socket_that_somebody_has_replaced_is_not_removed_at_the_end(tmp_path):
    path = tmp_path / "a"
    listener = listen(f"unix://{path}", OPEN)
    path.unlink()
    path.write_text("precious")
    listener.close()
    assert path.read_text() == "precious"


def test_a_lock_that_is_no_file_of_ours_is_refused(tmp_path):
    (tmp_path / "a.lock").symlink_to("/etc/hostname")
    with pytest.raises(ListenError, match="cannot listen at"):
        listen(f"unix://{tmp_path}/a", OPEN)
    os.mkfifo(tmp_path / "b.lock")
    with pytest.raises(ListenError, match=r"b.lock is not a file of this user"):
        listen(f"pty://{tmp_path}/b", OPEN)


def test_a_pseudo_terminal_yields_its_only_wire_at_once(tmp_path):
    listener = listen(f"pty://{tmp_path}/ppa0", OPEN)
    assert listener.fileno() is None
    wire = listener.accept()
    assert wire.persistent
    assert listener.accept() is None
    listener.close()
    assert not (tmp_path / "ppa0").is_symlink()
    wire.close()


@pytest.fixture
def token_file(tmp_path):
    path = tmp_path / "token"
    path.write_text(f"\n {SECRET} \n")
    path.chmod(0o600)
    return path


def test_a_token_is_read_without_the_space_around_it(token_file):
    assert read_token(token_file) == SECRET.encode()


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o601])
def test_a_token_that_others_can_use_is_refused(token_file, mode):
    token_file.chmod(mode)
    with pytest.raises(ListenError, match="chmod 600") as caught:
        read_token(token_file)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("content", ["fifteen letters", " " * 100, "", "x" * 4097])
def test_a_token_of_the_wrong_size_is_refused_and_not_quoted(token_file, content):
    token_file.write_text(content)
    with pytest.raises(ListenError, match="must hold 16 to 4,096 bytes") as caught:
        read_token(token_file)
    assert not content.strip() or content not in str(caught.value)


def test_what_is_no_token_file_is_refused(tmp_path):
    with pytest.raises(ListenError, match=r"No such file.*make one with"):
        read_token(tmp_path / "missing")
    os.mkfifo(tmp_path / "fifo", 0o600)
    with pytest.raises(ListenError, match="is not a file"):
        read_token(tmp_path / "fifo")
    with pytest.raises(ListenError, match="--token-file"):
        read_token(tmp_path)


@pytest.mark.parametrize(
    ("options", "rate"),
    [
        ([], 12_000_000),
        (["--bps", "3e6", "--bits-per-byte", "10"], 2_400_000),
        (["--bps", "3e6", "--cost", "line_bits_per_second=5"], 5),
        (["--latency-us", "100"], 12_000_000),
    ],
)
def test_the_cost_model_knows_the_rate_of_the_line(options, rate):
    assert costs_of(parse(options)).line_bits_per_second == rate
