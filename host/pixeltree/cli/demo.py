"""``pixeltree demo``: the product's main job in under a minute."""

from __future__ import annotations

import contextlib
import shlex
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from pixeltree.cli.options import MEASUREMENT, DeviceOption, JsonOption
from pixeltree.cli.report import screen_beside, write_json
from pixeltree.cli.terminal import busy, progress
from pixeltree.demo.run import DemoReport, check_images, demo_budget, demo_tree, run_demo
from pixeltree.device.device import connect
from pixeltree.device.patience import Patience

_DEFAULT_IMAGES = 200
_KERNEL = Path("examples/sobel.kernel")

_RECONNECT_TIME = 3.0
"""Seconds to wait for a lost device; a person waits too, so they are few."""


def demo(
    images: Annotated[
        int, MEASUREMENT(min=1, help="How many held-out digits to classify.")
    ] = _DEFAULT_IMAGES,
    device: DeviceOption = None,
    json_file: JsonOption = None,
) -> None:
    """Classify real handwritten digits through a tree that does not fit the sensor's controller.

    Starts an emulated device (or uses --device), streams the tree's nodes in as they are needed, and
    compares every output with the integer reference. Exit status 1 if any output differs.
    """
    screen = screen_beside(json_file)
    check_images(images)
    tree = demo_tree()
    screen.print(
        f"Tree {tree.name}: {len(tree.depth_first)} nodes, {tree.total_bytes:,} bytes; "
        f"the controller gets {demo_budget(tree):,} bytes, so nodes are swapped while it runs."
    )
    with contextlib.ExitStack() as stack:
        with busy("connecting to a device"):
            connected = stack.enter_context(connect(device or "emu:", Patience(reconnect=_RECONNECT_TIME)))
        screen.print(f"Device: {connected.welcome.device} at {connected.url}")
        with progress() as bar:
            task = bar.add_task("digits", total=images)
            report = run_demo(connected, tree, images, lambda done: bar.update(task, completed=done))
    screen.print(_table(report))
    screen.print(_see_it(device, demo_budget(tree)), soft_wrap=True)
    write_json(json_file, asdict(report))
    if report.reference_mismatches:
        screen.print(
            f"{report.reference_mismatches} outputs differ from the integer reference", style="bold red"
        )
        raise typer.Exit(1)


def _see_it(device: str | None, budget: int) -> str:
    url = "emu:" if device is None else shlex.quote(device)
    lines = [f"See it live: pixeltree view {url} --tree digits --memory {budget} --open"]
    if device is None and _KERNEL.exists():  # in a clone
        lines.append(f"Moving edges: pixeltree view emu: --kernel {_KERNEL} --source moving --open")
    return "\n".join(lines)


def _table(report: DemoReport) -> Table:
    table = Table(title="Digits on the sensor", show_header=False)
    rows = (
        ("accuracy", f"{report.accuracy:.1%}"),
        ("frames", f"{report.frames:,}"),
        ("swaps (nodes streamed in)", f"{report.swaps:,}"),
        ("bytes streamed", f"{report.bytes_streamed:,}"),
        ("tree / controller memory", f"{report.bytes_tree:,} / {report.budget_bytes:,} bytes"),
        ("mean device time per frame", f"{report.device_us_per_frame:,.0f} us"),
        ("  waiting for nodes", f"+ {report.stall_us_per_frame:,.0f} us"),
        ("mean wall time per frame", f"{report.wall_ms_per_frame:,.1f} ms"),
        ("differences from the reference", f"{report.reference_mismatches:,}"),
    )
    for name, value in rows:
        table.add_row(name, value)
    return table
