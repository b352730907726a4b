"""``scamp5d:`` links: our bytes in the vendor's packets, over TCP and over USB."""

import socket
import sys
import types

import pytest

from pixeltree.errors import LinkError
from pixeltree.links import open_link
from pixeltree_protocol.vendor.carried import CarriedReader, attached, detached, to_device, to_host


@pytest.fixture
def device():
    """A listening socket, and the URL of the link to it."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(5)
        yield listener, f"scamp5d:tcp://127.0.0.1:{listener.getsockname()[1]}"


def received(connected, size):
    data = b""
    while len(data) < size:
        data += connected.recv(size - len(data))
    return data


def test_bytes_go_both_ways_over_tcp_and_the_host_says_hello_and_good_bye(device):
    listener, url = device
    link = open_link(url, 5)
    with listener.accept()[0] as connected:
        connected.settimeout(5)
        assert received(connected, len(attached())) == attached()
        link.send(b"frames", 5)
        assert received(connected, len(to_device(b"frames"))) == to_device(b"frames")
        connected.sendall(to_host(b"answer"))
        assert link.receive(5) == b"answer"
        assert link.receive(0) is None
        link.close()
        assert received(connected, len(detached())) == detached()


@pytest.mark.parametrize("url", ["scamp5d:unix:///tmp/x", "scamp5d:", "scamp5d:serial:/dev/ttyACM0"])
def test_other_forms_are_refused_with_those_that_there_are(url):
    with pytest.raises(LinkError, match=r"use scamp5d:tcp://HOST:27888, scamp5d:usb or scamp5d:usb:SERIAL"):
        open_link(url, 1)


def test_nobody_there_is_said_without_naming_an_emulator_that_cannot_be(device):
    listener, url = device
    listener.close()
    with pytest.raises(LinkError, match=r"no device answers at scamp5d:tcp://.*; is it running\?$"):
        open_link(url, 1)


class FakeUsb:
    """A device as pyusb shows it: what is written to its pipe comes back from the other one."""

    serial_number = "0042"

    def __init__(self):
        self.waiting = b""
        self.reader = CarriedReader()
        self.written = b""

    def is_kernel_driver_active(self, interface):
        raise NotImplementedError  # as on systems without such drivers

    def write(self, pipe, data, timeout):
        assert (pipe, timeout > 0) == (0x01, True)
        self.written += data[:5]  # a short transfer
        return len(data[:5])

    def read(self, pipe, size, timeout):
        assert (pipe, size, timeout > 0) == (0x81, 4096, True)
        if not self.waiting:
            raise sys.modules["usb.core"].USBTimeoutError
        data, self.waiting = self.waiting[:size], self.waiting[size:]
        return data


@pytest.fixture
def usb(monkeypatch):
    """pyusb, with the devices that it finds."""
    core, util, usb = types.ModuleType("usb.core"), types.ModuleType("usb.util"), types.ModuleType("usb")
    core.USBError = type("USBError", (OSError,), {})
    core.USBTimeoutError = type("USBTimeoutError", (core.USBError,), {})
    core.NoBackendError = type("NoBackendError", (ValueError,), {})
    devices = []
    core.find = lambda find_all, idVendor, idProduct: (
        devices if (find_all, idVendor, idProduct) == (True, 0x1FC9, 0x008A) else []
    )
    util.claim_interface = lambda device, number: None
    util.dispose_resources = lambda device: None
    usb.core, usb.util = core, util
    for name, module in (("usb", usb), ("usb.core", core), ("usb.util", util)):
        monkeypatch.setitem(sys.modules, name, module)
    return devices


def test_bytes_go_both_ways_over_usb_however_short_its_transfers_are(usb):
    device = FakeUsb()
    usb.append(device)
    link = open_link("scamp5d:usb:0042", 5)
    link.send(b"frames", 5)
    assert device.written == attached() + to_device(b"frames")
    device.waiting = to_host(bytes(9000))
    got = b""
    while len(got) < 9000:
        got += link.receive(1)
    assert got == bytes(9000)
    assert link.receive(0) is None
    link.close()


def test_none_or_several_devices_on_the_usb_are_said(usb):
    with pytest.raises(LinkError, match=r"no USB device 1fc9:008a is there; is it plugged in"):
        open_link("scamp5d:usb", 1)
    usb += [FakeUsb(), FakeUsb()]
    with pytest.raises(LinkError, match="name one by its serial number: 0042, 0042"):
        open_link("scamp5d:usb", 1)
