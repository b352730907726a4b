"""The host of a SCAMP-5d against a device that is played by the test, byte by byte."""

import socket

import numpy as np
import pytest

import pixeltree as pt
from pixeltree_protocol.vendor import gui, payloads
from pixeltree_protocol.vendor.packets import FrameReader
from pixeltree_protocol.vendor.panel import HELLO, slider

ELEMENTS = gui.elements(
    [gui.Element(gui.Shape.SLIDER, "threshold", -10, 10, 4), gui.Element(gui.Shape.SWITCH, "on", initial=1)]
)


@pytest.fixture
def device():
    """A listening socket, and the URL by which a host finds it."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(20)
        yield server, f"tcp://127.0.0.1:{server.getsockname()[1]}"


def received(connected, size):
    data = b""
    while len(data) < size:
        part = connected.recv(size - len(data))
        assert part, "the host left"
        data += part
    return data


def test_a_host_says_hello_sees_what_is_shown_and_moves_sliders_by_name(device):
    server, url = device
    with pt.scamp5d.connect(url) as scamp:
        connected = server.accept()[0]
        assert received(connected, len(HELLO)) == HELLO
        assert not scamp.routine()
        plane = bytearray(32 * 256)
        plane[32 * 7] = 2  # row 7, column 1 of the array: the second pixel from the right
        whole = ELEMENTS.encode() + payloads.bits(bytes(plane), 256, 100).encode()
        connected.sendall(whole[:50])
        connected.sendall(whole[50:])
        scamp.wait(lambda panel: 100 in panel.shown)
        assert np.argwhere(scamp.panel.shown[100].picture).tolist() == [[7, 254]]
        assert scamp.panel.values == {0: 4, 1: 1}
        scamp.send_gui_value("threshold", -3)
        scamp.send_gui_value(1, 0)
        sent = slider(0, -3) + slider(1, 0)
        assert received(connected, len(sent)) == sent
        assert scamp.panel.values == {0: -3, 1: 0}
        with pytest.raises(pt.errors.DataError, match="did you mean 'threshold'"):
            scamp.send_gui_value("treshold", 1)
        with pytest.raises(pt.errors.DataError, match="more than 32 bits"):
            scamp.send_gui_value("on", 1 << 31)
    (goodbye,) = FrameReader().feed(received(connected, 16))
    assert [message.code for message in goodbye.messages()] == [131]
    connected.close()


def test_a_device_that_leaves_or_shows_nothing_is_told_of(device):
    server, url = device
    with pt.scamp5d.connect(url) as scamp:
        connected = server.accept()[0]
        with pytest.raises(pt.errors.LinkError, match="did not show what was waited for within 0 s"):
            scamp.wait(lambda panel: panel.elements, timeout=0)
        received(connected, len(HELLO))
        connected.close()
        with pytest.raises(pt.errors.LinkError):
            scamp.wait(lambda panel: panel.elements)


@pytest.mark.parametrize("url", ["127.0.0.1:27888", "serial:///dev/ttyACM0", "emu:"])
def test_other_kinds_of_urls_are_refused(url):
    with pytest.raises(pt.errors.LinkError, match="tcp://HOST:27888"):
        pt.scamp5d.connect(url)
