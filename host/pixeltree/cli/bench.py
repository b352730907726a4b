"""``pixeltree bench``: what this software costs in wall time, and its programs in device time."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Column, Table

from pixeltree.bench import swap as swap_bench
from pixeltree.bench.link import LEAST_GOODPUT, LEAST_MB_S, MIB, MOST_PING_RATIO, bench_link
from pixeltree.bench.networks import BENCHMARKS
from pixeltree.bench.random_tree import random_tree
from pixeltree.bench.throughput import FRAMES, bench_throughput
from pixeltree.cli.checks import LARGEST_SEED, finite
from pixeltree.cli.report import check_writable, write_json
from pixeltree.cli.terminal import Screen, share_done
from pixeltree.demo.run import demo_digits, demo_tree
from pixeltree.tree.tree import Tree

bench = typer.Typer(help="Time parts of Pixeltree.", no_args_is_help=True)


@bench.callback()
def _group() -> None:
    """Time parts of Pixeltree."""


@bench.command(
    add_help_option=False,
    context_settings={"ignore_unknown_options": True, "allow_extra_args": True},
)
def engine(context: typer.Context) -> None:
    """Time the engines of the emulated array (options: pixeltree bench engine --help)."""
    os.execv(sys.executable, [sys.executable, "-P", "-m", "pixeltree_emu.bench", *context.args])


@bench.command()
def compiler(
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Write it to this file as well ('-' for the terminal).")
    ] = None,
) -> None:
    """Device time and sizes of three compiled networks, and whether they pass their bars."""
    if json_file is not None:
        check_writable(json_file)
    figures = {name: measure() for name, measure in BENCHMARKS.items()}
    if json_file is not None:
        write_json(json_file, json.dumps({name: row.as_dict() for name, row in figures.items()}, indent=2))
        if str(json_file) == "-":
            return
    headings = "words", "segment bytes", "block bytes", "device us", "fps", "compiled in", "passes"
    columns = [Column(heading, justify="right") for heading in headings]
    table = Table(Column("network", no_wrap=True), *columns, box=None, padding=(0, 1, 0, 0))
    for name, row in figures.items():
        numbers = (row.words, row.segment_bytes, row.block_bytes, row.device_us, row.fps)
        passes = "yes" if row.passes else "no"
        table.add_row(name, *(f"{number:,}" for number in numbers), f"{row.compile_s:.2f} s", passes)
    Screen().print(table)
    if not all(row.passes for row in figures.values()):
        raise typer.Exit(1)


@bench.command()
def link(
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Write the figures to this file ('-' for the terminal).")
    ] = None,
    rounds: Annotated[int, typer.Option(min=10, help="Round trips to time.")] = 5_000,
    mebibytes: Annotated[
        float, typer.Option(min=0.1, callback=finite, help="Size of the uploads; the goals hold for 8.")
    ] = 8.0,
) -> None:
    """Time the link: round trips beside a bare socket's, uploads beside the line's rate, processor time.

    Starts emulated devices of its own, some behind simulated lines of 3 Mbaud (8N1) and 12 Mbit/s; takes
    about 40 seconds. Run it on an idle machine.
    """
    screen = Screen(stderr=str(json_file) == "-")
    if json_file is not None:
        check_writable(json_file)
    with screen.status("starting") as status:
        figures = bench_link(rounds, int(mebibytes * MIB), status.update)
    if json_file is not None:
        write_json(json_file, json.dumps(figures, indent=2))
    if str(json_file) != "-":
        screen.print(_link_table(figures))


@bench.command()
def throughput(
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Write the figures to this file ('-' for the terminal).")
    ] = None,
    frames: Annotated[int, typer.Option(min=10, help="Frames of each round.")] = FRAMES,
) -> None:
    """Time frames: the digits tree on emulated devices, with every node resident, and its reference.

    Starts emulated devices of its own; takes about 20 seconds. Run it on an idle machine.
    """
    screen = Screen(stderr=str(json_file) == "-")
    if json_file is not None:
        check_writable(json_file)
    with screen.status("starting") as status:
        images = list(demo_digits().images)
        figures = bench_throughput(demo_tree(), images, frames, progress=status.update)
    if json_file is not None:
        write_json(json_file, json.dumps(figures, indent=2))
    if str(json_file) != "-":
        screen.print(_throughput_table(figures))


@bench.command()
def swap(
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Write the figures to this file ('-' for the terminal).")
    ] = None,
    frames: Annotated[int, typer.Option(min=10, help="Frames per run; the goals hold for 5,000.")] = (
        swap_bench.FRAMES
    ),
    tree: Annotated[
        str,
        typer.Option(help="Tree file, 'glyphs' for the package's, or 'random': 12 children of 9 KiB."),
    ] = "glyphs",
    skew: Annotated[
        float, typer.Option(min=0, callback=finite, help="Exponent of Zipf's law for what follows what.")
    ] = swap_bench.SKEW,
    coherence: Annotated[
        float,
        typer.Option(
            min=0, max=1, callback=finite, help="Probability that a frame shows what was there before."
        ),
    ] = swap_bench.COHERENCE,
    seed: Annotated[int, typer.Option(min=0, max=LARGEST_SEED, help="Fixes tree and stream.")] = 0,
) -> None:
    """Measure swapping: a tree in half the memory that it needs, on emulated lines of 12 Mbit/s and 3 Mbaud.

    On virtual time: the figures do not depend on this machine, apart from processor time. It runs the
    frames 14 times, which takes some minutes for 5,000.
    """
    screen = Screen(stderr=str(json_file) == "-")
    if json_file is not None:
        check_writable(json_file)
    with share_done(screen) as bar:
        task = bar.add_task("looking for pictures", total=frames * swap_bench.RUNS)
        figures = swap_bench.bench_swap(
            frames,
            seed,
            _swap_tree(tree, seed),
            skew,
            coherence,
            lambda step, ended: bar.update(task, description=step, advance=ended),
        )
    if json_file is not None:
        write_json(json_file, json.dumps(figures, indent=2))
    if str(json_file) != "-":
        for line, found in figures.items():
            screen.print(_swap_table(line, found["policies"]))


def _swap_tree(name: str, seed: int) -> Tree:
    if name == "random":
        return random_tree(seed=seed)
    return swap_bench.glyphs_tree() if name == "glyphs" else Tree.load(name)


_SWAP_ROWS = (
    ("cold_swap_ratio", "cold swap over line time of its bytes", f"at most {swap_bench.MOST_COLD:.2f}"),
    ("stall_us_per_frame", "wait per frame, us", ""),
    ("stall_ratio", "  over LRU's", f"at most {swap_bench.MOST_STALL:.3f}"),
    ("misses", "nodes that frames waited for", ""),
    ("belady_ratio", "  over Belady's", f"at most {swap_bench.MOST_BELADY}"),
    ("hidden_fraction", "share of bytes that nobody waited for", f"at least {swap_bench.LEAST_HIDDEN}"),
    ("fps_ratio", "frames per second over all resident", f"at least {swap_bench.LEAST_FPS} at 12 Mbit/s"),
    ("deadline_misses", "frames that miss 1/30 s", f"at most {swap_bench.MOST_MISSES:.1%}"),
    ("p50_us", "median latency, us", ""),
    ("p99_us", "99th percentile, us", ""),
    ("host_cpu_ms", "host processor time per frame, ms", f"at most {swap_bench.MOST_CPU_MS:g}"),
)


def _swap_table(line: str, policies: dict[str, dict[str, float]]) -> Table:
    table = Table(title=f"Swapping over {line}")
    table.add_column("figure")
    for policy in policies:
        table.add_column(policy, justify="right")
    table.add_column("goal for expected")
    for name, what, goal in _SWAP_ROWS:
        values = (f"{found[name]:g}" if name in found else "-" for found in policies.values())
        table.add_row(what, *values, goal)
    return table


def _throughput_table(figures: dict[str, Any]) -> Table:
    table = Table(Column("figure"), Column("measured", justify="right"), title="Throughput")
    for name, rate in figures["frames_per_s"].items():
        table.add_row(f"frames per second, {name.replace('_', ', ')}", f"{rate:g}")
    table.add_row("host's processor time per frame", f"{figures['host_ms_per_frame']} ms")
    for name, milliseconds in figures["daemon_ms_per_frame"].items():
        table.add_row(f"daemon's processor time per frame, {name}", f"{milliseconds} ms")
    table.add_row("integer reference, per image", f"{figures['reference_ms_per_image']} ms")
    table.add_row("one addition in a Python loop", f"{figures['loop_ns']} ns")
    table.caption = figures["machine"]
    return table


def _link_table(figures: dict[str, Any]) -> Table:
    table = Table(title="The link")
    for heading in ("figure", "measured", "goal"):
        table.add_column(heading)
    ratio = f"{figures['ping_ratio']} x a bare socket's"
    table.add_row("round trip of an empty request", f"{figures['ping_us']} us", "")
    table.add_row("  of a bare Python socket", f"{figures['raw_echo_us']} us", "")
    table.add_row("  ratio", ratio, f"at most {MOST_PING_RATIO}")
    for name, share in figures["goodput_ratio"].items():
        table.add_row(f"upload over {name}, of the line", f"{share:.1%}", f"at least {LEAST_GOODPUT:.0%}")
    unix = figures["goodput_mb_s"]["unix"]
    table.add_row("upload over a unix socket", f"{unix} MB/s", f"at least {LEAST_MB_S}")
    table.add_row("  a bare socket", f"{figures['raw_mb_s']} MB/s", "")
    for end, milliseconds in figures["cpu_ms_per_mib"].items():
        shown = "unknown" if milliseconds is None else f"{milliseconds} ms"
        table.add_row(f"processor time per MiB, {end}", shown, "")
    table.caption = figures["machine"]
    return table
