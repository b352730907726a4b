"""``pixeltree info``: what a device says of itself."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from pixeltree.cli.report import check_writable, write_json
from pixeltree.cli.terminal import Screen
from pixeltree.device.device import connect


def info(
    url: Annotated[
        str,
        typer.Argument(
            help="Device: tcp://HOST:PORT, unix:///PATH, usb:VID:PID, serial:///dev/ttyACM0, emu: ..."
        ),
    ],
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Write it to this file as well ('-' for the terminal).")
    ] = None,
) -> None:
    """Show a device's name, protocol version, capabilities and state, also while another host drives it.

    Examples: pixeltree info tcp://127.0.0.1:27900

    pixeltree info "serial:///dev/ttyACM0?baudrate=3000000"

    pixeltree info "emu:?memory=8192" (starts an emulated device for as long as it is used)
    """
    if json_file is not None:
        check_writable(json_file)
    with connect(url, observe=True) as device:
        welcome, status = device.welcome, device.status()
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
    }
    if json_file is not None:
        write_json(json_file, json.dumps(facts, indent=2))
        if str(json_file) == "-":
            return
    table = Table(show_header=False, box=None)
    for name, value in facts.items():
        table.add_row(name.replace("_", " "), f"{value:,}" if isinstance(value, int) else value)
    Screen().print(table)
