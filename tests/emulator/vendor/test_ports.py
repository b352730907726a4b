"""The ports over real sockets: the handshake, hostile and silent programs, hosts that look on."""

import contextlib
import socket

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.effort import effort
from tests.support.vendor_session import index

from pixeltree_emu.controller.clock import CostModel
from pixeltree_emu.controller.readout import ReadOutParameters
from pixeltree_emu.errors import ListenError
from pixeltree_emu.vendor.board import BoardParts
from pixeltree_emu.vendor.gathered import GatheredArray
from pixeltree_emu.vendor.ports import VendorPorts
from pixeltree_emu.vendor.screen import Screen
from pixeltree_protocol.vendor import gui, payloads
from pixeltree_protocol.vendor.packets import Code, FrameReader
from pixeltree_protocol.vendor.panel import GUI_REQUEST, HELLO, Panel, slider
from pixeltree_protocol.vendor.simulation import (
    VERSION_PACKET,
    Kind,
    Opcode,
    PacketReader,
    frame_packet,
    instruction,
    packet,
)

SIMULATION = "vendor-sim://127.0.0.1:0"
HOST = "vendor-host://127.0.0.1:0"
PATIENCE = 20


def parts():
    return BoardParts(GatheredArray(engine="reference"), CostModel(), ReadOutParameters())


@contextlib.contextmanager
def serving(*urls):
    ports = VendorPorts(urls, parts)
    try:
        yield [int(url.rpartition(":")[2]) for url in ports.urls]
        assert not ports.failed
    finally:
        ports.stop()


@pytest.fixture(scope="module")
def port():
    with serving(SIMULATION) as (number,):
        yield number


class Client:
    """The other end of a simulation port."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), PATIENCE)
        self.reader = PacketReader()
        self.came = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def until(self, wanted):
        """The packets that come until one is as wanted, and that one."""
        before = []
        while True:
            for at, each in enumerate(self.came):
                before.append(each)
                if wanted(*each):
                    del self.came[: at + 1]
                    return before
            self.came = list(self.reader.feed(self.socket.recv(65536)))
            assert self.came, "the server left"

    def greet(self):
        self.until(lambda kind, data: packet(kind, data) == VERSION_PACKET)
        self.send(instruction(Opcode.SIM_RESET_MODEL, 2))
        return self

    def send(self, data):
        self.socket.sendall(data)

    def ask(self, opcode, *operands):
        self.send(instruction(opcode, *map(index, operands)))
        return self.until(lambda kind, _: kind == Kind.ANSWER)[-1][1]


def test_the_version_comes_again_until_the_program_speaks(port):
    with Client(port) as client:
        for _ in range(2):
            assert client.until(lambda *_: True) == [(Kind.INSTRUCTION, VERSION_PACKET[8:])]
        client.send(instruction(Opcode.SIM_RESET_MODEL, 2))
        came = client.until(lambda kind, _: kind == Kind.TUNNEL)
        assert came[-1] == (Kind.TUNNEL, HELLO)
        assert len(client.ask(Opcode.SUM_16, "A")) == 16


def test_a_lost_wake_up_is_given_again(port):
    with Client(port).greet() as client:
        client.send(instruction(Opcode.WAIT_FRAME_TRIGGER))
        for _ in range(3):
            client.until(lambda kind, data: packet(kind, data) == frame_packet(1))


def test_the_next_program_is_served_whatever_the_last_one_sent(port, caplog):
    for garbage in (b"\xff" * 100, b"\0" * 8, instruction(Opcode.SUM_16, 10)[:9], b""):
        with Client(port).greet() as client:
            client.send(garbage)
    with Client(port).greet() as client:
        assert client.ask(Opcode.READ_AREG, "A", 0, 0, 0) == b"\x80"


@settings(max_examples=effort(300, 10))
@given(st.binary(max_size=300))
def test_no_bytes_end_the_port(port, noise):
    with Client(port) as client:
        client.send(noise)
        client.socket.shutdown(socket.SHUT_WR)
        with contextlib.suppress(ConnectionError):
            while client.socket.recv(65536):
                pass


def test_programs_have_arrays_of_their_own_or_share_one():
    for option, seen in (("own", 0), ("shared", 9)):
        with (
            serving(f"{SIMULATION}?device={option}") as (number,),
            Client(number).greet() as one,
            Client(number).greet() as other,
        ):
            other.ask(Opcode.SUM_16, "A")  # its reset is done
            one.send(instruction(Opcode.LOAD_RECT, 1, 1, 3, 3, index("R5")))
            one.ask(Opcode.SUM_16, "A")
            assert sum(map(int.bit_count, other.ask(Opcode.SCAN_DREG, "R5", 0, 255, 1))) == seen


def test_more_programs_than_allowed_are_refused():
    with serving(f"{SIMULATION}?programs=1") as (number,), Client(number).greet() as first:
        first.ask(Opcode.SUM_16, "A")
        with Client(number) as second:
            assert second.socket.recv(100) == b""
        assert first.ask(Opcode.SUM_16, "A")


def test_a_host_sees_what_a_program_shows_and_moves_its_sliders():
    element = gui.Element(gui.Shape.SLIDER, "threshold", 0, 100, 40)
    with serving(SIMULATION, HOST) as (number, host_number):
        with Client(number).greet() as program:
            program.send(packet(Kind.TUNNEL, gui.elements([element]).encode()))
            program.send(instruction(Opcode.LOAD_POINT, 3, 5, index("R5")))
            program.send(instruction(Opcode.OUT_DREG, 100, 0, index("R5"), 1, 0, 255))
            program.ask(Opcode.SUM_16, "A")
            with socket.create_connection(("127.0.0.1", host_number), PATIENCE) as host:
                panel, reader = Panel(), FrameReader()

                def look(until):
                    while not until():
                        for each in reader.feed(host.recv(65536)):
                            panel.take(each)

                look(lambda: panel.elements and 100 in panel.shown)  # also what came before the host
                assert np.argwhere(panel.shown[100].picture).tolist() == [[3, 250]]
                assert panel.elements == (element,)
                host.sendall(GUI_REQUEST + slider(0, 77))
                said = program.until(lambda kind, data: data == slider(0, 77))
                assert (Kind.TUNNEL, GUI_REQUEST) in said
                program.send(packet(Kind.TUNNEL, payloads.text("moved").encode()))
                look(lambda: "moved" in panel.texts)
                assert reader.lost == panel.unread == 0
            program.ask(Opcode.SUM_16, "A")
        with Client(number).greet() as other:  # the next program is shown to the next host
            other.send(packet(Kind.TUNNEL, payloads.text("other").encode()))
            other.ask(Opcode.SUM_16, "A")
            with socket.create_connection(("127.0.0.1", host_number), PATIENCE) as host:
                panel = Panel()
                while "other" not in panel.texts:
                    for each in FrameReader().feed(host.recv(65536)):
                        panel.take(each)
                assert not panel.elements


def test_that_a_host_leaves_is_not_passed_on():
    """The daemon is the program's host: without one, the program would ignore values (6.1)."""
    with serving(SIMULATION, HOST) as (number, host_number), Client(number).greet() as program:
        program.ask(Opcode.SUM_16, "A")
        with socket.create_connection(("127.0.0.1", host_number), PATIENCE) as host:
            host.sendall(slider(0, 1).replace(bytes([Code.GUI_UPDATE]), bytes([Code.HOST_DC])) + slider(0, 2))
            said = program.until(lambda kind, data: data == slider(0, 2))
    codes = [m.code for _, data in said for each in FrameReader().feed(data) for m in each.messages()]
    assert Code.HOST_DC not in codes


def test_a_host_that_does_not_read_does_not_hold_the_program_up():
    with (
        serving(SIMULATION, HOST) as (number, host_number),
        socket.create_connection(("127.0.0.1", host_number), PATIENCE),
        Client(number).greet() as program,
    ):
        for _ in range(400):  # 25 MiB
            program.send(instruction(Opcode.OUT_AREG, 100, 0, index("A"), 1, 0, 0))
        assert len(program.ask(Opcode.SUM_16, "A")) == 16


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("vendor-sim://0.0.0.0:0", "only programs of this machine"),
        ("vendor-sim://127.0.0.1:0?movx=devise", "did you mean 'device'"),
        ("vendor-sim://127.0.0.1:0?speed=3", "no option is named 'speed'"),
        ("vendor-sim://127.0.0.1:0?rate=fast", "must be a number"),
        ("vendor-sim://127.0.0.1:0/path", "use vendor-sim://127.0.0.1:27715"),
        ("vendor-sim://127.0.0.1:99999", "out of range"),
        ("vendor-host://127.0.0.1:0", "give --listen vendor-sim://"),
        ("vendor-host://127.0.0.1:0?planes=A,R55", "planes=R55: no such plane"),
        ("vendor-host://127.0.0.1:0?plane=A", "did you mean .planes."),
        ("vendor-host://127.0.0.1:0?planes=A&rate=0", "pictures a second"),
    ],
)
def test_urls_that_cannot_be_served_are_refused_with_a_reason(url, sentence):
    with pytest.raises(ListenError, match=sentence.replace("?", r"\?")):
        VendorPorts([url], parts)


def test_a_taken_address_is_refused(port):
    with pytest.raises(ListenError, match="choose another address"):
        VendorPorts([f"vendor-sim://127.0.0.1:{port}"], parts)


def test_when_a_program_ends_viewers_hear_it_and_the_program_before_describes_itself():
    screen, said, shown = Screen(), [], []
    screen.enter("first", said.append)
    screen.enter("second", [].append)
    screen.add_viewer("viewer", shown.append)
    screen.leave("second")
    assert (said, len(shown)) == ([GUI_REQUEST], 1)
    (left,) = FrameReader().feed(shown[0])
    assert [message.code for message in left.messages()] == [Code.DEVICE_DC]
    screen.leave("first")
    screen.add_viewer("late", said.append)
    assert said[1:] == shown[:1], "who comes late hears it too"
