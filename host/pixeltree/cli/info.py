"""``pixeltree info``: what a device says of itself."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

import typer
from rich.table import Table

from pixeltree.cli.options import JsonOption
from pixeltree.cli.report import report
from pixeltree.cli.terminal import busy
from pixeltree.device.device import connect


def info(
    url: Annotated[
        str,
        typer.Argument(
            help="Device: tcp://HOST:PORT, unix:///PATH, usb:VID:PID, serial:///dev/ttyACM0, emu: ..."
        ),
    ],
    json_file: JsonOption = None,
) -> None:
    """Show a device's name, protocol version, capabilities, state and settings.

    Another host may drive it meanwhile.

    "emu:" starts an emulated device for as long as it is used.
    """
    with busy(f"connecting to {url}"), connect(url, observe=True) as device:
        welcome, status, settings = device.welcome, device.status(), device.settings()
    facts = {
        "device": welcome.device,
        "url": url,
        "protocol_version": welcome.version,
        "boot_id": welcome.boot_id.hex(),
        **asdict(welcome.capabilities),
        "driver": status.driver or "nobody",
        "sessions": status.sessions,
        "objects": status.objects,
        "used_bytes": status.used_bytes,
        "icw_used": status.icw_used,
        "frames": status.frames,
        "device_us": status.device_ns // 1000,
        "uptime_ms": status.uptime_ms,
        "damaged_frames": status.damaged_frames,
        "settings": settings,
    }
    report(json_file, facts, lambda: _table(facts))


def _table(facts: dict[str, Any]) -> Table:
    table = Table(show_header=False, box=None)
    shown = {name: value for name, value in facts.items() if name != "settings"} | facts["settings"]
    for name, value in shown.items():
        table.add_row(name.replace("_", " "), f"{value:,}" if isinstance(value, int) else value)
    return table
