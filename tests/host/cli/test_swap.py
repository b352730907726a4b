"""pixeltree simulate-swap, pixeltree trace, pixeltree bench swap."""

import json

import pytest
from tests.support.effort import effort
from tests.support.invoked import invoke

from pixeltree.bench import swap
from pixeltree.bench.random_tree import random_tree
from pixeltree.errors import DataError
from pixeltree.swapping import LINES
from pixeltree.swapping.describe import describe

KEYS = {
    "cold_swap_ratio",
    "stall_us_per_frame",
    "belady_ratio",
    "hidden_fraction",
    "fps_ratio",
    "deadline_misses",
    "p50_us",
    "p99_us",
}

WRONG_USAGE = 2
"""Exit status of an option that the command line itself refuses."""


def simulated(*arguments):
    return invoke("simulate-swap", *arguments)


def test_figures_as_json_and_the_same_again():
    first, second = (simulated("--frames", "300", "--fps", "30", "--json", "-") for _ in range(2))
    assert first.exit_code == 0, first.output
    figures = json.loads(first.stdout)
    assert figures["frames"] == 300
    assert figures["sent_bytes"] == figures["used_bytes"] + figures["wasted_bytes"]
    assert first.stdout == second.stdout


def test_a_tree_file_with_measured_times(tmp_path):
    from pixeltree.demo.run import demo_tree  # noqa: PLC0415

    demo_tree().save(tmp_path / "tree.ptree")
    result = simulated(
        str(tmp_path / "tree.ptree"),
        "--frames",
        "50",
        "--array-us",
        "root=1000",
        "--memory",
        "14000",
        "--json",
        "-",
    )
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["array_us"] > 50_000


def test_a_trace_is_written_and_drawn(tmp_path):
    trace, picture = tmp_path / "trace.json", tmp_path / "trace.png"
    assert simulated("--frames", "40", "--trace", str(trace)).exit_code == 0
    events = json.loads(trace.read_text())["traceEvents"]
    assert {event["ph"] for event in events} == {"M", "X"}
    drawn = invoke("trace", trace, "--plot", picture)
    assert drawn.exit_code == 0, drawn.output
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_a_sweep_is_drawn(tmp_path):
    picture, figures = tmp_path / "sweep.png", tmp_path / "sweep.json"
    result = simulated("--frames", "30", "--sweep", "--plot", str(picture), "--json", str(figures))
    assert result.exit_code == 0, result.output
    assert picture.read_bytes().startswith(b"\x89PNG")
    fps = json.loads(figures.read_text())["fps"]
    assert fps[-1][-1] > fps[-1][0]


@pytest.mark.parametrize(
    "arguments",
    [
        ["--fps", "30", "--period", "0.1"],
        ["--plot", "x.png"],
        ["--memory", "half"],
        ["--memory", "0"],
        ["--line", "usb"],
        ["--policy", "best"],
        ["--sequence", "nothing"],
        ["--array-us", "root"],
        *(["--array-us", f"root={value}"] for value in ("nan", "-5", "0", "inf")),
        ["--array-us", "rot=5"],
        *(["--memory", value] for value in ("nan", "inf", "nan%", "-5", "1e999%")),
        *(["--line", value] for value in ("nan", "inf", "-1", "0")),
        *([option, "inf"] for option in ("--latency-us", "--skew", "--fps", "--period", "--deadline")),
        ["--seed", "-1"],
        ["--frames", "999999999999999999"],
        ["--sweep", "--trace", "x.json"],
        ["--sweep", "--deadline", "0.1"],
    ],
)
def test_what_makes_no_sense_is_refused(arguments):
    result = simulated("--frames", "10", *arguments)
    assert isinstance(result.exception, DataError) or result.exit_code == WRONG_USAGE


@pytest.mark.parametrize(
    "option", ["--latency-us", "--coherence", "--skew", "--fps", "--period", "--deadline"]
)
def test_not_a_number_is_refused(option):
    assert simulated("--frames", "10", option, "nan").exit_code != 0


def test_frames_that_miss_their_turn_are_shown(tmp_path):
    result = simulated("--frames", "300", "--fps", "5000", "--json", str(tmp_path / "figures.json"))
    assert "frames that started late against the period" in result.output
    figures = json.loads((tmp_path / "figures.json").read_text())
    assert figures["late_starts"] > 290
    assert figures["latest_start_us"] > 1_000


@pytest.mark.parametrize("time", ["NaN", "Infinity"])
def test_a_trace_with_times_that_are_none_is_refused(tmp_path, time):
    events = '{"traceEvents": [{"ph": "X", "tid": 0, "name": "x", "ts": %s, "dur": 1, "args": {}}]}'
    (tmp_path / "file").write_text(events % time)
    result = invoke("trace", tmp_path / "file")
    assert isinstance(result.exception, DataError)


def test_something_else_is_no_trace(tmp_path):
    (tmp_path / "file").write_text("[]")
    result = invoke("trace", tmp_path / "file")
    assert isinstance(result.exception, DataError)


PACES = ("30 frames per second", "one frame after the other")


@pytest.mark.parametrize(
    ("named", "tree", "ends"), [([], "glyphs", 10), (["--tree", "random"], "random weights", 12)]
)
def test_the_bench_takes_the_glyphs_tree_unless_told_otherwise(monkeypatch, named, tree, ends):
    asked = []

    def bench_swap(frames, seed, tree, skew, coherence, progress):
        asked.append((frames, tree.name, len(describe(tree).ends)))
        progress("a step", frames)
        return {}

    monkeypatch.setattr(swap, "bench_swap", bench_swap)
    assert invoke("bench", "swap", "--frames", "10", *named).exit_code == 0
    [(frames, name, count)] = asked
    assert frames == 10
    assert tree in name
    assert count >= ends


def test_the_bench_measures_on_the_device(monkeypatch):
    monkeypatch.setattr(swap, "LINES", {"usb_12M": LINES["usb_12M"]})
    monkeypatch.setattr(swap, "POLICIES", ("expected", "lru"))
    told = []
    figures = swap.bench_swap(effort(30, 12), tree=random_tree(), progress=lambda *step: told.append(step))[
        "usb_12M"
    ]
    assert [step for step, _ in told] == [
        "usb_12M: all resident, one frame after the other",
        *(f"usb_12M: {policy}, {pace}" for policy in ("expected", "lru") for pace in PACES),
        "usb_12M: belady, simulated",
    ]
    assert set(figures) >= KEYS
    assert set(figures["policies"]) == {"expected", "lru", "belady"}
    for found in figures["policies"].values():
        assert set(found) >= KEYS
    assert figures["cold_swap_ratio"] == pytest.approx(1.05, abs=0.05)
    assert figures["policies"]["lru"]["hidden_fraction"] == 0
