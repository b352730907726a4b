"""``pixeltree bench``: what this software costs in wall time, and its programs in device time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import typer
from rich.console import Group
from rich.table import Column, Table

from pixeltree.bench import swap as swap_bench
from pixeltree.bench import vendor as vendor_bench
from pixeltree.bench.link import LEAST_GOODPUT, LEAST_MB_S, MIB, MOST_PING_RATIO, bench_link
from pixeltree.bench.networks import BENCHMARKS, Figures
from pixeltree.bench.random_tree import random_tree
from pixeltree.bench.throughput import FRAMES, bench_throughput
from pixeltree.cli.options import LARGEST_SEED, MEASUREMENT, JsonOption, finite, load_tree
from pixeltree.cli.report import report
from pixeltree.cli.terminal import busy, progress
from pixeltree.tree import zoo


def compiler(json_file: JsonOption = None) -> None:
    """Compile three networks: device time, sizes, and whether they pass their bars."""
    with busy("compiling three networks"):
        figures = {name: measure() for name, measure in BENCHMARKS.items()}
    rows = {name: row.as_dict() for name, row in figures.items()}
    report(json_file, rows, lambda: _compiler_table(figures))
    if not all(row.passes for row in figures.values()):
        raise typer.Exit(1)


def _compiler_table(figures: dict[str, Figures]) -> Table:
    headings = "words", "segment bytes", "block bytes", "device us", "fps", "compiled in", "passes"
    columns = [Column(heading, justify="right") for heading in headings]
    table = Table(Column("network", no_wrap=True), *columns, box=None, padding=(0, 1, 0, 0))
    for name, row in figures.items():
        numbers = (row.words, row.segment_bytes, row.block_bytes, row.device_us, row.fps)
        passes = "yes" if row.passes else "no"
        table.add_row(name, *(f"{number:,}" for number in numbers), f"{row.compile_s:.2f} s", passes)
    return table


def link(
    rounds: Annotated[int, MEASUREMENT(min=10, help="Round trips to time.")] = 5_000,
    mebibytes: Annotated[
        float, MEASUREMENT(min=0.1, callback=finite, help="Size of the uploads; the goals hold for 8.")
    ] = 8.0,
    json_file: JsonOption = None,
) -> None:
    """Time the link: round trips beside a bare socket's, uploads beside the line's rate, processor time.

    Starts emulated devices of its own, some behind simulated lines of 3 Mbaud (8N1) and 12 Mbit/s; takes
    about 40 seconds. Run it on an idle machine.
    """
    with busy("starting") as status:
        figures = bench_link(rounds, int(mebibytes * MIB), status.update)
    report(json_file, figures, lambda: _link_table(figures))


def throughput(
    frames: Annotated[int, MEASUREMENT(min=10, help="Frames of each round.")] = FRAMES,
    json_file: JsonOption = None,
) -> None:
    """Time frames of the digits tree on emulated devices, with every node resident, and time training.

    Starts emulated devices of its own; takes about a minute. Run it on an idle machine.
    """
    tree = zoo.load("digits")
    with busy("starting") as status:
        figures = bench_throughput(tree, zoo.held_out("digits"), frames, progress=status.update)
    report(json_file, figures, lambda: _throughput_table(figures))


def view(
    seconds: Annotated[
        float, MEASUREMENT(min=0.5, callback=finite, help="Seconds for which the browser draws.")
    ] = 10.0,
    pairs: Annotated[
        int,
        MEASUREMENT(min=1, help="How often 0.8 s with an unseen page are compared with 0.8 s without."),
    ] = 20,
    json_file: JsonOption = None,
) -> None:
    """Time the page: four planes of an emulated device, drawn by a real Chromium without a window.

    It needs the extra view and an installed Chromium; takes about a minute. Run it on an idle machine.
    """
    from pixeltree.bench.view import bench_view, within_bars  # noqa: PLC0415 - an extra

    with busy("measuring the page in a browser"):
        figures = bench_view(seconds, pairs)
    report(json_file, figures, lambda: _view_table(figures, within_bars(figures)))


def _view_table(figures: dict[str, Any], rows: Sequence[tuple[str, str, str]]) -> Table:
    table = Table(title="The page", caption=figures["machine"])
    for heading in ("figure", "measured", "goal"):
        table.add_column(heading)
    for row in rows:
        table.add_row(*row)
    return table


def swap(
    frames: Annotated[int, MEASUREMENT(min=10, help="Frames per run; the goals hold for 5,000.")] = (
        swap_bench.FRAMES
    ),
    tree: Annotated[
        str,
        MEASUREMENT(
            help=f"A tree file, a tree of the package ({', '.join(zoo.names())}), or 'random': "
            "12 children of 9 KiB."
        ),
    ] = "glyphs",
    skew: Annotated[
        float, MEASUREMENT(min=0, callback=finite, help="Exponent of Zipf's law for what follows what.")
    ] = swap_bench.SKEW,
    coherence: Annotated[
        float,
        MEASUREMENT(
            min=0, max=1, callback=finite, help="Probability that a frame shows what was there before."
        ),
    ] = swap_bench.COHERENCE,
    seed: Annotated[
        int, MEASUREMENT(min=0, max=LARGEST_SEED, help="Seed of the tree and of the stream.")
    ] = 0,
    json_file: JsonOption = None,
) -> None:
    """Measure swapping: a tree in half the memory that it needs, on emulated lines of 12 Mbit/s and 3 Mbaud.

    It runs on virtual time, so only the processor time depends on this machine. It runs the
    frames 14 times, which takes some minutes for 5,000.
    """
    with progress() as bar:
        task = bar.add_task("looking for pictures", total=frames * swap_bench.RUNS)
        figures = swap_bench.bench_swap(
            frames,
            seed,
            random_tree(seed=seed) if tree == "random" else load_tree(tree),
            skew,
            coherence,
            lambda step, ended: bar.update(task, description=step, advance=ended),
        )
    tables = (_swap_table(line, found["policies"]) for line, found in figures.items())
    report(json_file, figures, lambda: Group(*tables))


def vendor(
    seconds: Annotated[
        float, MEASUREMENT(min=0.2, callback=finite, help="How long each of the four runs is timed.")
    ] = vendor_bench.SECONDS,
    preset: Annotated[str, MEASUREMENT(help="Exact arithmetic, or the errors of a chip.")] = "ideal",
    json_file: JsonOption = None,
) -> None:
    """Time a C++ program of the vendor's API on an emulated array: 300 and 3,000 packets a frame.

    Half of the packets wait for an answer: once by sleeping, as with the vendor's own client, and once by
    looking out for it first, as with Pixeltree's headers where there are two cores. It needs a C++ compiler,
    or the Python package ziglang. Run it on an idle machine.
    """
    with busy("starting") as status:
        figures = vendor_bench.bench_vendor(
            seconds=seconds, options=(f"--preset={preset}",), progress=status.update
        )
    report(json_file, figures, lambda: _vendor_table(figures))


def _vendor_table(figures: dict[str, Any]) -> Table:
    headings = "packets a frame", "the program", "frames/s", "us per kernel call", "answers/s", "goal"
    table = Table(*(Column(heading, justify="right") for heading in headings), title="The vendor's programs")
    goals = {300: f"at least {vendor_bench.LEAST_FRAMES} frames/s; {vendor_bench.AIMED_ANSWERS:,} answers/s"}
    for run in figures["runs"]:
        numbers = run["frames_per_s"], run["us_per_kernel_call"], f"{run['answers_per_s']:,.0f}"
        packets = run["packets_per_frame"]
        waits = f"looks out {run['looks_out_us']} us" if run["looks_out_us"] else "sleeps"
        table.add_row(f"{packets:,}", waits, *map(str, numbers), goals.get(packets, ""))
    table.caption = figures["machine"]
    return table


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
    rate = figures["train_images_per_s"]
    table.add_row("training images per second", "no PyTorch here" if rate is None else f"{rate:g}")
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
