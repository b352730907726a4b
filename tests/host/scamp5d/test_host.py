"""The host of a SCAMP-5d against a device that is played by the test, byte by byte."""

import contextlib
import socket

import numpy as np
import pytest
import usb.core
import usb.util
from PIL import Image

import pixeltree as pt
from pixeltree_protocol.vendor import gui, payloads
from pixeltree_protocol.vendor.packets import Data, DataType, FrameReader, Message, Route, messages
from pixeltree_protocol.vendor.panel import HELLO, slider
from pixeltree_protocol.vendor.requests import Request, file_packets, image_packets

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


def test_programs_get_files_of_one_folder_and_save_pictures_to_another(device, tmp_path, caplog):
    server, url = device
    files, output = tmp_path / "files", tmp_path / "output"
    (files / "sub").mkdir(parents=True)
    (files / "sub" / "w.bin").write_bytes(b"weights")
    (tmp_path / "secret").write_bytes(b"secret")
    (files / "link").symlink_to(tmp_path / "secret")
    picture = np.arange(48, dtype=np.uint8).reshape(6, 8) * 5
    np.save(files / "scene.npy", picture)
    with pt.scamp5d.connect(f"{url}?output={output}", files=files) as scamp:
        connected = server.accept()[0]
        received(connected, len(HELLO))
        for path in ("../secret", "link", "missing.bin"):
            connected.sendall(Request(path).data().encode())
        expected = b"".join(each.encode() for each in file_packets(b"weights"))
        connected.sendall(Request("sub\\w.bin").data().encode())
        expected += b"".join(each.encode() for each in image_packets(picture, 4))
        connected.sendall(Request("scene.npy", 4).data().encode())
        connected.sendall(payloads.image(picture, 100).encode())
        for path in ("C:\\shots\\one.bmp", "..\\two.bmp", ""):
            connected.sendall(Data(DataType.FILEPATH, 2, (len(path), 0, 0), 100, path.encode()).encode())
        connected.sendall(payloads.text("done").encode())
        scamp.wait(lambda panel: "done" in panel.texts)
        assert received(connected, len(expected)) == expected
        connected.close()
    assert [path.name for path in output.iterdir()] == ["one.png"]
    assert (np.asarray(Image.open(output / "one.png")) == picture).all()
    assert len([line for line in caplog.messages if "is not sent" in line]) == 3
    assert len([line for line in caplog.messages if "is not saved" in line]) == 2


class Camera:
    """A SCAMP-5d at USB, as pyusb shows it."""

    serial_number = "0042"

    def __init__(self, packets):
        self.packets = [packets[:10], packets[10:]]
        self.written = b""

    def is_kernel_driver_active(self, interface):
        raise NotImplementedError

    def write(self, endpoint, data, timeout):
        assert (endpoint, timeout > 0) == (0x02, True)
        self.written += data[:5]  # a device may take a part
        return len(data[:5])

    def read(self, endpoint, size, timeout):
        assert (endpoint, size) == (0x81, 4096)
        if not self.packets:
            raise usb.core.USBTimeoutError("nothing")
        if self.packets[0] is None:
            raise usb.core.USBError("unplugged")
        return self.packets.pop(0)


def test_a_scamp5d_at_usb_is_a_host_like_any_other(monkeypatch):
    camera = Camera(ELEMENTS.encode())
    asked, claimed = [], []
    monkeypatch.setattr(usb.core, "find", lambda **wanted: asked.append(wanted) or [camera])
    monkeypatch.setattr(usb.util, "claim_interface", lambda device, number: claimed.append(number))
    monkeypatch.setattr(usb.util, "dispose_resources", lambda device: None)
    with pt.scamp5d.connect("usb:0042?interface=1&send_to=0x02") as scamp:
        scamp.wait(lambda panel: panel.elements)
        assert camera.written == HELLO
        assert not scamp.routine(0.01)
        camera.packets = [None]
        with pytest.raises(pt.errors.LinkError, match="is gone: unplugged"):
            scamp.routine()
    assert claimed == [1]
    assert asked == [{"find_all": True, "idVendor": 0x1FC9, "idProduct": 0x008A}]
    for url, sentence in [
        ("usb:9", "no USB device 1fc9:008a 9 is there"),
        ("usb?interfac=1", "did you mean 'interface'"),
        ("usb?interface=x", "must be a number"),
    ]:
        with pytest.raises(pt.errors.LinkError, match=sentence):
            pt.scamp5d.connect(url)


def test_a_script_of_the_vendors_module_finds_its_calls_and_dictionaries(device):
    server, url = device
    host, port = url.removeprefix("tcp://").split(":")
    scamp = pt.scamp5d.module
    assert scamp.open_tcp(host, int(port)) == 0
    with contextlib.closing(server.accept()[0]) as connected:
        received(connected, len(HELLO))
        assert scamp.get_packet() is None
        samples = bytearray(256 * 256)
        samples[3] = 200  # column 0, row 3: the right edge, the fourth from the top
        sent = [
            payloads.text("hello", 1, 9),
            payloads.levels(bytes(samples), 256, 101, 9),
            payloads.events(bytes((1, 2, 3, 4)), 102, 9),
            payloads.numbers(DataType.INT16, np.array([[1, -2]]), 103, 9),
            Request("a.bmp", 4).data(),
            Data(DataType.STYLE, 40, (1, 0, 0), 0, bytes(42)),
        ]
        connected.sendall(b"".join(each.encode() for each in sent) + messages(Message(Route.HOST, 101)))
        got = []
        while len(got) < len(sent) + 1:
            if (packet := scamp.get_packet()) is not None:
                got.append(packet)
        text, picture, events, numbers, request, style, message = got
        assert text == {
            "type": "data", "size": 30, "datatype": "TEXT", "loopcounter": 9, "channel": 1, "text": "hello"
        }  # fmt: skip
        assert (picture["width"], picture["height"]) == (256, 256)
        seen = np.frombuffer(picture["buffer"], np.uint8).reshape(256, 256)
        assert np.argwhere(seen).tolist() == [[252, 255]], "the lowest row comes first"
        assert (events["n_rows"], events["n_cols"], events["data"]) == (2, 2, [(1, 2), (3, 4)])
        assert (numbers["datatype"], numbers["data"]) == ("INT16", [[1, -2]])
        assert (request["filetype"], request["filepath"], request["n_bits"]) == ("IMAGE", "a.bmp", 4)
        assert (style["type"], style["datatype"], message["type"]) == ("unknown", 14, "unknown")
        pixels = np.zeros((2, 8, 3), np.uint8)
        pixels[0, 0] = 255  # the lowest row first: the lower left corner
        scamp.send_gui_value(1, 5)
        scamp.send_image(pixels.tobytes(), 8, 2, 1)
        scamp.send_message(scamp.HOST_DC)
        (plane,) = image_packets(np.array([[0] * 8, [255] + [0] * 7], np.uint8), 1)
        expected = slider(1, 5) + plane.encode() + messages(Message(Route.M0, 131))
        assert received(connected, len(expected)) == expected
        scamp.close()
    assert scamp.open_tcp(host, 1) == -1
    with pytest.raises(pt.errors.LinkError, match="nothing is open"):
        scamp.routine()
