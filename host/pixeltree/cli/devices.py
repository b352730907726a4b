"""``pixeltree devices``: what this machine has that could be a device, and the URL to use for each."""

from __future__ import annotations

from rich.table import Table

from pixeltree.cli.options import JsonOption
from pixeltree.cli.report import is_standard_output, write_json
from pixeltree.cli.terminal import Screen
from pixeltree.links.ports import SerialPort, best_url, serial_ports
from pixeltree.links.running import host_url, running_daemons

SCAMP5_USB_ID = (0x1FC9, 0x008A)
"""USB vendor and product id of the SCAMP-5 controller (the vendor's host library looks for it)."""

_HINT = """\
Without hardware:
  pixeltree emulate --listen tcp://127.0.0.1:27900   a device to share, at that URL
  pixeltree info emu:                                one of your own, for as long as it is used"""


def devices(
    json_file: JsonOption = None,
) -> None:
    """List serial and USB ports that could be devices, and daemons that run, with the URL to use for each.

    Daemons are those that this user started here; a pseudo terminal of one is listed as a serial port.
    A port with the USB id of the SCAMP-5 controller is marked. Listing opens no port; whether
    a device answers there, 'pixeltree info URL' tells. Exit status 0 even for an empty list.
    """
    ports = sorted(serial_ports(), key=lambda port: (not _is_scamp5(port), port))
    daemons = _daemons()
    facts = [_facts(port, ports) for port in ports] + [_daemon_facts(*each) for each in daemons]
    write_json(json_file, facts)
    if is_standard_output(json_file):
        return
    screen = Screen()
    screen.print(_table(ports) if ports else "No serial or USB port is here that could be a device.")
    if daemons:
        screen.print(_daemon_table(daemons))
    screen.print(_HINT, soft_wrap=True)


def _is_scamp5(port: SerialPort) -> bool:
    return (port.vendor, port.product) == SCAMP5_USB_ID


def _facts(port: SerialPort, ports: list[SerialPort]) -> dict[str, str | bool | None]:
    return {
        "url": best_url(port, ports),
        "port": port.path,
        "description": port.description,
        "usb_id": port.usb_id or None,
        "serial_number": port.serial_number,
        "scamp5": _is_scamp5(port),
    }


def _daemons() -> list[tuple[str, str]]:
    """URL and name of everything that daemons of this user serve."""
    return [
        (host_url(url), f"{daemon.name}, process {daemon.pid}")
        for daemon in running_daemons()
        for url in daemon.urls
    ]


def _daemon_facts(url: str, name: str) -> dict[str, str | bool | None]:
    return {
        "url": url,
        "port": url.removeprefix("serial://") if url.startswith("serial://") else None,
        "description": name,
        "usb_id": None,
        "serial_number": None,
        "scamp5": False,
    }


def _daemon_table(daemons: list[tuple[str, str]]) -> Table:
    table = Table(title="Emulated devices that run")
    table.add_column("URL", overflow="fold")
    table.add_column("name")
    for url, name in daemons:
        table.add_row(url, name)
    return table


def _table(ports: list[SerialPort]) -> Table:
    table = Table(title="Ports that could be devices")
    table.add_column("URL", overflow="fold")
    table.add_column("port", overflow="fold")
    table.add_column("USB id")
    table.add_column("name")
    for port in ports:
        name = f"SCAMP-5 {port.description}" if _is_scamp5(port) else port.description
        table.add_row(
            best_url(port, ports),
            port.path,
            port.usb_id,
            name,
            style="bold green" if _is_scamp5(port) else None,
        )
    return table
