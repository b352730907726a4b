"""``pixeltree simulate-swap`` and ``pixeltree trace``: sizing hardware, and looking at what happened."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from pixeltree.arguments.numbers import check_number
from pixeltree.cli.options import LARGEST_SEED, OUTPUT, JsonOption, drawable, finite, load_tree, writable
from pixeltree.cli.report import report
from pixeltree.cli.terminal import busy
from pixeltree.cli.workers import ClusterOption, WorkersOption, chosen_workers, refuse_workers
from pixeltree.errors import DataError
from pixeltree.simulate import GENERATORS, Setup, simulate
from pixeltree.simulate.examples import uniform_tree
from pixeltree.simulate.sequences import COHERENCE, SKEW, make_sequence
from pixeltree.simulate.sweep import Sweep, sweep
from pixeltree.swapping import LINES, POLICIES, SwapTree, Trace, line_named
from pixeltree.swapping.describe import describe
from pixeltree.swapping.trace import LANES
from pixeltree.tree import zoo
from pixeltree_protocol.names import known_names

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
    ("late", "frames that ended after their deadline"),
    ("late_starts", "frames that started late against the period"),
    ("latest_start_us", "  the latest of them, us after its turn"),
    ("coarse", "frames answered by the node above"),
    ("sent_bytes", "bytes of objects sent"),
    ("used_bytes", "  used"),
    ("wasted_bytes", "  wasted"),
    ("duplicate_bytes", "  duplicate"),
    ("steering_bytes", "bytes that steer eviction"),
)

_OF = {"hidden_fraction": "sent_bytes", "cold_swap_ratio": "cold_line_us"}
"""Shares, and what they are shares of: where that is 0 there is nothing to show."""


_HARDWARE = partial(typer.Option, rich_help_panel="Hardware")
_FRAMES = partial(typer.Option, rich_help_panel="Frames")

_Tree = Annotated[
    str,
    typer.Argument(
        metavar="TREE",
        help=f"A tree file, a tree of the package ({', '.join(zoo.names())}), or 'example': a root and "
        "12 children of 9 KiB.",
    ),
]
_Memory = Annotated[str, _HARDWARE(help="Controller memory in bytes, or a share of the tree, as in 50%.")]
_Line = Annotated[str, _HARDWARE(help=f"The line: {', '.join(LINES)}, or bits per second, as in 12e6.")]
_Latency = Annotated[
    float, _HARDWARE(min=0, callback=finite, help="Microseconds from one end of the line to the other.")
]
_ArrayUs = Annotated[
    list[str] | None, _HARDWARE(metavar="NODE=US", help="Measured device time of a node. Repeatable.")
]
_Policy = Annotated[
    str,
    typer.Option(
        rich_help_panel="Decisions",
        help=f"The policy that decides what is sent and evicted: {', '.join(POLICIES)}.",
    ),
]
_Sequence = Annotated[
    str,
    _FRAMES(help=f"What the frames show: {', '.join(GENERATORS)}, or a file with an outcome per line."),
]
_Coherence = Annotated[
    float, _FRAMES(min=0, max=1, help="Probability that a frame shows what was there before.")
]
_Skew = Annotated[float, _FRAMES(min=0, callback=finite, help="Exponent of Zipf's law.")]
_Frames = Annotated[int, _FRAMES(min=1, help="How many frames.")]
_Fps = Annotated[
    float | None,
    _FRAMES(
        min=0.001,
        callback=finite,
        help="Frames per second. Default: each frame starts when the one before has ended.",
    ),
]
_Period = Annotated[
    float | None,
    _FRAMES(min=1e-6, callback=finite, help="Seconds from one frame to the next, in place of --fps."),
]
_Deadline = Annotated[
    float | None,
    _FRAMES(min=1e-6, callback=finite, help="Seconds in which a frame must end, or be answered coarsely."),
]
_Seed = Annotated[int, _FRAMES(min=0, max=LARGEST_SEED, help="Seed of the sequence.")]
_TraceFile = Annotated[
    Path | None,
    OUTPUT(
        "--trace", metavar="FILE", callback=writable, help="Write a Chrome trace of the run to this file."
    ),
]
_Swept = Annotated[
    bool, OUTPUT("--sweep", help="Show a table instead: frames per second for each memory and line rate.")
]
_Plot = Annotated[
    Path | None,
    OUTPUT(metavar="FILE", callback=drawable, help="With --sweep: draw the heat map to this picture."),
]


def simulate_swap(
    tree: _Tree = _EXAMPLE,
    memory: _Memory = "50%",
    line: _Line = "usb_12M",
    latency_us: _Latency = 0.0,
    policy: _Policy = "expected",
    sequence: _Sequence = "markov",
    coherence: _Coherence = COHERENCE,
    skew: _Skew = SKEW,
    frames: _Frames = 5_000,
    fps: _Fps = None,
    period: _Period = None,
    deadline: _Deadline = None,
    seed: _Seed = 0,
    array_us: _ArrayUs = None,
    swept: _Swept = False,
    plot: _Plot = None,
    workers: WorkersOption = None,
    cluster: ClusterOption = None,
    trace_file: _TraceFile = None,
    json_file: JsonOption = None,
) -> None:
    """Simulate swapping without a device: a sequence of outcomes, a tree, a memory, a line and a policy.

    The decisions are those of a run on a device. So the command tells which memory and line a tree needs.
    """
    if fps is not None and period is not None:
        raise DataError("--fps and --period say the same thing; give one")
    if plot is not None and not swept:
        raise DataError("--plot draws what --sweep finds; give both")
    if not swept:
        refuse_workers(workers, cluster, "share out what --sweep simulates; give it too")
    if swept and (trace_file is not None or deadline is not None):
        raise DataError(
            "--sweep runs many simulations, so --trace and --deadline do not go with it; leave them out"
        )
    swap_tree = load_swap_tree(tree, array_us or [])
    ends = make_sequence(sequence, len(swap_tree.ends), frames, seed, coherence, skew)
    period_us = 1e6 / fps if fps else _microseconds(period)
    if swept:
        with busy("simulating every memory and line"), chosen_workers(workers, cluster) as chosen:
            found = sweep(swap_tree, ends, policy, period_us, workers=chosen)
        figures = {"shares": found.shares, "lines": found.bits_per_second, "fps": found.fps}
        report(json_file, figures, lambda: _sweep_table(found))
        if plot is not None:
            from pixeltree.cli.pictures import draw_sweep  # noqa: PLC0415 - an optional extra

            draw_sweep(plot, found)
        return
    bytes_, rate = memory_bytes(memory, swap_tree), line_named(line, latency_us)
    setup = Setup(swap_tree, bytes_, rate, policy, period_us, _microseconds(deadline))
    recorded = Trace() if trace_file is not None else None
    with busy("simulating"):
        summary = simulate(setup, ends, trace=recorded).summary()
    if recorded is not None and trace_file is not None:
        recorded.save(trace_file)
    report(json_file, summary, lambda: _table(summary, setup, len(ends)))


def _microseconds(seconds: float | None) -> float | None:
    return None if seconds is None else seconds * 1e6


def trace(
    file: Annotated[Path, typer.Argument(help="A trace, from a run or from simulate-swap --trace.")],
    plot: Annotated[
        Path | None, OUTPUT(metavar="FILE", callback=drawable, help="Draw the lanes to this picture.")
    ] = None,
    start: Annotated[float, OUTPUT(min=0, callback=finite, help="First second to draw.")] = 0.0,
    seconds: Annotated[float, OUTPUT(min=1e-6, callback=finite, help="Seconds to draw.")] = 0.5,
    json_file: JsonOption = None,
) -> None:
    """Say how busy link, array and controller were, and draw the timeline.

    The link counts as busy while parts of objects are on it; other messages are left out. The file is a
    Chrome trace: chrome://tracing and Perfetto show it too.
    """
    loaded = Trace.load(file)
    figures = {
        lane: {"events": sum(event.lane == lane for event in loaded.events), "busy_us": loaded.busy_us(lane)}
        for lane in LANES
    }
    report(json_file, figures, lambda: _trace_table(str(file), figures))
    if plot is not None:
        from pixeltree.cli.pictures import draw_trace  # noqa: PLC0415 - an optional extra

        draw_trace(plot, loaded, start, seconds)


def _trace_table(title: str, figures: dict[str, dict[str, float]]) -> Table:
    table = Table("lane", "events", "busy", title=title)
    for lane, found in figures.items():
        table.add_row(lane, str(found["events"]), f"{found['busy_us'] / 1e6:.6f} s")
    return table


def load_swap_tree(tree: str, array_us: list[str]) -> SwapTree:
    """The tree that a command names, with measured times.

    Raises:
        TreeError: the file cannot be read.
        DataError: a time that is none, or of a node that the tree does not have.
    """
    times: dict[str, float] = {}
    for setting in array_us:
        name, _, value = setting.rpartition("=")
        try:
            times[name] = float(value)
        except ValueError as error:
            raise DataError(f"--array-us {setting}: write NODE=MICROSECONDS, as in root=900") from error
        check_number(f"--array-us {setting}: the time", times[name], above=0)
    found = uniform_tree() if tree == _EXAMPLE else describe(load_tree(tree), times)
    names = [node.name for node in found.nodes]
    for name in times:
        if name not in names:
            raise DataError(f"--array-us {name}=...: the tree has no such node; {known_names(name, names)}")
    return found.with_array_us(times) if tree == _EXAMPLE else found


def memory_bytes(text: str, tree: SwapTree) -> int:
    """Bytes of memory: a number, or a share of the tree.

    Raises:
        DataError: it is neither, or less than a byte.
    """
    try:
        share = text.endswith("%")
        value = float(text.rstrip("%"))
    except ValueError as error:
        raise DataError(f"--memory {text}: give bytes, or a share of the tree as in 50%") from error
    check_number(f"--memory {text}: it", value, above=0)
    bytes_ = int(tree.total_bytes * value / 100) if share else int(value)
    if bytes_ < 1:
        raise DataError(f"--memory {text}: memory must be at least 1 byte")
    return bytes_


def _table(figures: dict[str, float], setup: Setup, frames: int) -> Table:
    memory = f"{setup.memory:,} of {setup.tree.total_bytes:,} bytes"
    table = Table(title=f"{frames:,} frames, {memory}, line {setup.line.name}, policy {setup.policy}")
    table.add_column("figure")
    table.add_column("value", justify="right")
    for name, what in _SHOWN:
        value = figures[name]
        shown = f"{value:,.0f}" if value == int(value) else f"{value:,g}"
        table.add_row(what, shown if figures[_OF.get(name, name)] or name not in _OF else "-")
    return table


def _sweep_table(found: Sweep) -> Table:
    table = Table(title="Frames per second: memory as a share of the tree, over the line's rate")
    table.add_column("memory")
    for rate in found.bits_per_second:
        table.add_column(f"{rate / 1e6:g} Mbit/s", justify="right")
    for share, row in zip(found.shares, found.fps, strict=True):
        table.add_row(f"{share:.0%}", *(f"{value:.0f}" if value is not None else "-" for value in row))
    return table
