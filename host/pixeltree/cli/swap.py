"""``pixeltree simulate-swap`` and ``pixeltree trace``: sizing hardware, and looking at what happened."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from pixeltree.cli.report import check_writable, write_json
from pixeltree.errors import DataError
from pixeltree.swapping import GENERATORS, LINES, POLICIES, Setup, SwapTree, Trace, line_named, simulate
from pixeltree.swapping.describe import describe
from pixeltree.swapping.examples import uniform_tree
from pixeltree.swapping.sequences import COHERENCE, SKEW, make_sequence
from pixeltree.swapping.sweep import Sweep, sweep
from pixeltree.tree import Tree

_EXAMPLE = "example"
_SHOWN = (
    ("fps", "frames per second"),
    ("p50_us", "median latency, us"),
    ("p99_us", "99th percentile, us"),
    ("stall_us_per_frame", "wait per frame, us"),
    ("faults", "nodes that frames waited for"),
    ("hit_rate", "share of nodes that were there"),
    ("hidden_fraction", "share of bytes that nobody waited for"),
    ("cold_swap_ratio", "cold swap over line time of its bytes"),
    ("late", "frames after their deadline"),
    ("coarse", "frames answered by the node above"),
    ("sent_bytes", "bytes of objects sent"),
    ("used_bytes", "  used"),
    ("wasted_bytes", "  wasted"),
    ("duplicate_bytes", "  duplicate"),
    ("steering_bytes", "bytes that steer eviction"),
)


def simulate_swap(
    tree: Annotated[
        str, typer.Argument(help="Tree file, or 'example' for a root and 12 children of 9 KiB.")
    ] = _EXAMPLE,
    memory: Annotated[
        str, typer.Option(help="Controller memory in bytes, or a share of the tree, as in 50%.")
    ] = "50%",
    line: Annotated[
        str, typer.Option(help=f"{', '.join(LINES)}, or bits per second, as in 12e6.")
    ] = "usb_12M",
    latency_us: Annotated[
        float, typer.Option(min=0, help="Microseconds from one end of the line to the other.")
    ] = 0.0,
    policy: Annotated[str, typer.Option(help=", ".join(POLICIES))] = "expected",
    sequence: Annotated[
        str, typer.Option(help=f"{', '.join(GENERATORS)}, or a file with an outcome per line.")
    ] = "markov",
    coherence: Annotated[
        float, typer.Option(min=0, max=1, help="Probability that a frame shows what was there before.")
    ] = COHERENCE,
    skew: Annotated[float, typer.Option(min=0, help="Exponent of Zipf's law.")] = SKEW,
    frames: Annotated[int, typer.Option(min=1, help="Frames.")] = 5_000,
    fps: Annotated[
        float | None, typer.Option(min=0.001, help="Frames per second; without, one after the other.")
    ] = None,
    period: Annotated[
        float | None, typer.Option(min=1e-6, help="The same as seconds from frame to frame.")
    ] = None,
    deadline: Annotated[
        float | None,
        typer.Option(min=1e-6, help="Seconds in which a frame must end, or be answered coarsely."),
    ] = None,
    seed: Annotated[int, typer.Option(help="Fixes the draws.")] = 0,
    array_us: Annotated[
        list[str] | None, typer.Option(metavar="NODE=US", help="Measured device time of a node; repeatable.")
    ] = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Write the figures to this file ('-' for the terminal).")
    ] = None,
    trace_file: Annotated[
        Path | None, typer.Option("--trace", help="Write a Chrome trace of the run to this file.")
    ] = None,
    swept: Annotated[
        bool, typer.Option("--sweep", help="Frames per second over memory and line rate instead.")
    ] = False,
    plot: Annotated[
        Path | None, typer.Option(help="With --sweep: draw the heat map to this PNG file.")
    ] = None,
) -> None:
    """Replay outcomes against a tree, a memory, a line and a policy, on virtual time only.

    The same decisions as on a device, without one: it tells which memory and line a tree needs.
    """
    if fps is not None and period is not None:
        raise DataError("--fps and --period say the same thing; give one")
    if plot is not None and not swept:
        raise DataError("--plot draws what --sweep finds; give both")
    for path in (json_file, trace_file, plot):
        if path is not None:
            check_writable(path)
    swap_tree = load_swap_tree(tree, array_us or [])
    ends = make_sequence(sequence, len(swap_tree.ends), frames, seed, coherence, skew)
    period_us = 1e6 / fps if fps else period * 1e6 if period else None
    screen = Console(stderr=str(json_file) == "-")
    deadline_us = deadline * 1e6 if deadline else None
    if swept:
        found = sweep(swap_tree, ends, policy, period_us)
        if plot is not None:
            from pixeltree.cli.plots import plot_sweep  # noqa: PLC0415 - an optional extra

            plot_sweep(found, plot)
        screen.print(_sweep_table(found))
        _write(json_file, {"shares": found.shares, "lines": found.bits_per_second, "fps": found.fps})
        return
    setup = Setup(
        swap_tree,
        memory_bytes(memory, swap_tree),
        line_named(line, latency_us),
        policy,
        period_us,
        deadline_us,
    )
    trace = Trace() if trace_file is not None else None
    figures = simulate(setup, ends, trace=trace).summary()
    if trace is not None and trace_file is not None:
        trace.save(trace_file)
    screen.print(_table(figures, setup, frames))
    _write(json_file, figures)


def trace_command(
    file: Annotated[Path, typer.Argument(help="A trace, from a run or from simulate-swap --trace.")],
    plot: Annotated[Path | None, typer.Option(help="Draw the lanes to this PNG file.")] = None,
    start: Annotated[float, typer.Option(min=0, help="First second to draw.")] = 0.0,
    seconds: Annotated[float, typer.Option(min=1e-6, help="Seconds to draw.")] = 0.5,
) -> None:
    """Say how busy link, array and controller were, and draw the timeline.

    The file is a Chrome trace: chrome://tracing and Perfetto show it too.
    """
    if plot is not None:
        check_writable(plot)
    trace = Trace.load(file)
    table = Table(title=str(file))
    for heading in ("lane", "events", "busy"):
        table.add_column(heading)
    for lane in ("link", "array", "controller", "host"):
        count = sum(event.lane == lane for event in trace.events)
        table.add_row(lane, str(count), f"{trace.busy_us(lane) / 1e6:.6f} s")
    Console().print(table)
    if plot is not None:
        from pixeltree.cli.plots import plot_trace  # noqa: PLC0415 - an optional extra

        plot_trace(trace, plot, start, seconds)


def load_swap_tree(tree: str, array_us: list[str]) -> SwapTree:
    """The tree that a command names, with measured times.

    Raises:
        TreeError: the file cannot be read.
        DataError: a time that is none.
    """
    times: dict[str, float] = {}
    for setting in array_us:
        name, _, value = setting.rpartition("=")
        try:
            times[name] = float(value)
        except ValueError as error:
            raise DataError(f"--array-us {setting}: give NODE=MICROSECONDS") from error
    if tree == _EXAMPLE:
        return uniform_tree().with_array_us(times)
    return describe(Tree.load(tree), times)


def memory_bytes(text: str, tree: SwapTree) -> int:
    """Bytes of memory: a number, or a share of the tree.

    Raises:
        DataError: it is neither.
    """
    try:
        share = text.endswith("%")
        value = float(text.rstrip("%"))
    except ValueError as error:
        raise DataError(f"--memory {text}: give bytes, or a share of the tree as in 50%") from error
    bytes_ = int(tree.total_bytes * value / 100) if share else int(value)
    if bytes_ < 1:
        raise DataError(f"--memory {text}: at least a byte")
    return bytes_


def _table(figures: dict[str, float], setup: Setup, frames: int) -> Table:
    memory = f"{setup.memory:,} of {setup.tree.total_bytes:,} bytes"
    table = Table(title=f"{frames:,} frames, {memory}, line {setup.line.name}, policy {setup.policy}")
    table.add_column("figure")
    table.add_column("value", justify="right")
    for name, what in _SHOWN:
        table.add_row(what, f"{figures[name]:,g}")
    return table


def _sweep_table(found: Sweep) -> Table:
    table = Table(title="Frames per second: memory as a share of the tree, over the line's rate")
    table.add_column("memory")
    for rate in found.bits_per_second:
        table.add_column(f"{rate / 1e6:g} Mbit/s", justify="right")
    for share, row in zip(found.shares, found.fps, strict=True):
        table.add_row(f"{share:.0%}", *(f"{value:.0f}" if value is not None else "-" for value in row))
    return table


def _write(json_file: Path | None, figures: dict[str, Any]) -> None:
    if json_file is not None:
        write_json(json_file, json.dumps(figures, indent=2))
