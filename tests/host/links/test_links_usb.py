"""Ports found by USB id: which one is meant, and what is there where none is."""

import os

import pytest
from serial.tools.list_ports_common import ListPortInfo

from pixeltree.errors import LinkError
from pixeltree.links import open_link
from pixeltree.links.ports import SerialPort, best_url, name_ports, serial_ports
from pixeltree.links.serial_port import SerialLink


def port(path, vendor=None, product=None, serial_number=None, description="n/a"):
    info = ListPortInfo(path)
    info.vid, info.pid, info.serial_number, info.description = vendor, product, serial_number, description
    return info


@pytest.fixture
def plug(monkeypatch):
    """Makes the machine have these ports."""
    return lambda *ports: monkeypatch.setattr("serial.tools.list_ports.comports", lambda: list(ports))


@pytest.fixture
def pty_path():
    device, host = os.openpty()
    yield os.ttyname(host)
    os.close(device)
    os.close(host)


@pytest.mark.parametrize(
    "url", ["usb:1FC9:008A", "usb:1fc9:8a", "usb:1fc9:008a:ab%20C", "USB:1fc9:008a:AB C"]
)
def test_a_device_is_found_by_its_id_and_serial_number(plug, pty_path, url):
    plug(
        port("/dev/ttyS0"), port("/dev/ttyUSB0", 0x403, 0x6001, "ab C"), port(pty_path, 0x1FC9, 0x8A, "ab C")
    )
    link = open_link(f"{url}?baudrate=115200&token_file=x", 1)
    assert isinstance(link, SerialLink)
    assert link.url == f"{url}?baudrate=115200"
    link.close()


def test_a_device_that_is_not_there_lists_what_is(plug):
    plug(port("/dev/ttyACM1", 0x1FC9, 0x8A, "7"), port("COM3"))
    with pytest.raises(LinkError, match=r"no USB device .* fits usb:1fc9:008a:8; is it plugged in") as caught:
        open_link("usb:1fc9:008a:8", 1)
    assert "Serial ports here: /dev/ttyACM1 (usb:1fc9:008a:7), COM3 (serial:COM3)" in str(caught.value)
    plug()
    with pytest.raises(LinkError, match="This machine has no serial ports now"):
        open_link("usb:1fc9:008a", 1)


def test_several_devices_that_fit_are_listed_with_the_url_of_each(plug):
    plug(
        port("/dev/ttyACM0", 0x1FC9, 0x8A, "7"),
        port("/dev/ttyACM1", 0x1FC9, 0x8A, "8"),
        port("/dev/ttyACM2", 0x1FC9, 0x8A, "8"),
        port("/dev/ttyUSB0", 0x403, 0x6001),
    )
    with pytest.raises(LinkError, match="3 serial ports fit usb:1fc9:008a; use the URL of one") as caught:
        open_link("usb:1fc9:008a", 1)
    assert str(caught.value).endswith(
        "/dev/ttyACM0 (usb:1fc9:008a:7), /dev/ttyACM1 (serial:///dev/ttyACM1), /dev/ttyACM2 (serial:///dev/ttyACM2)"
    )


@pytest.mark.parametrize("address", ["", "1fc9", "1fc9:", "12345:1", "xyz:1", "//1fc9:008a", "1:2:"])
def test_an_address_that_is_no_usb_id_is_told_how_to_write_one(address):
    with pytest.raises(LinkError, match=r"as in usb:1fc9:008a or usb:1fc9:008a:0042"):
        open_link(f"usb:{address}", 1)


def test_unknown_options_are_told_the_known_ones(plug, pty_path):
    plug(port(pty_path, 1, 2))
    with pytest.raises(LinkError, match="there is no option 'speed'; known: baudrate, rtscts, token_file"):
        open_link("usb:1:2?speed=3", 1)


def test_every_port_has_a_url_that_leads_to_it_alone():
    alone = SerialPort("/dev/ttyACM0", "", 1, 2, "a&b?")
    twins = [SerialPort(f"COM{number}", "", 3, 4) for number in (1, 2)]
    plain = SerialPort("/dev/ttyS0")
    ports = [alone, *twins, plain]
    assert [best_url(each, ports) for each in ports] == [
        "usb:0001:0002:a%26b%3F",
        "serial:COM1",
        "serial:COM2",
        "serial:///dev/ttyS0",
    ]
    assert name_ports([]) == "this machine has no serial ports now"


def test_the_ports_of_this_machine_can_be_listed():
    assert all(each.path for each in serial_ports())


def test_a_port_without_a_name_has_an_empty_one(plug):
    plug(port("COM2", description="Bridge"), port("COM1"))
    assert [(each.path, each.description) for each in serial_ports()] == [("COM1", ""), ("COM2", "Bridge")]
