"""The line is measured by what is sent anyway: its rate, its latency, and that it is not what was said."""

import pytest
from tests.support.in_world import device_in_world
from tests.support.inside import have_measured

from pixeltree import TreeRunner
from pixeltree.bench.random_tree import album, random_tree
from pixeltree.simulate import make_sequence
from pixeltree.swapping import LINES, LineRate
from pixeltree.swapping.describe import describe
from pixeltree.swapping.line_meter import LineMeter

PERIOD = 1 / 30


class Line:
    """A line as it is: carries bytes, and says when they are there."""

    def __init__(self, us_per_byte, latency_us=0.0):
        self.us_per_byte = us_per_byte
        self.latency_us = latency_us
        self.now = 0.0

    def burst(self, meter, sizes):
        """Objects in one go, each answered when it is there."""
        marks = [meter.sent(self.now, self.now, size, bool(at)) for at, size in enumerate(sizes)]
        began = self.now
        for mark, total in zip(marks, [sum(sizes[: at + 1]) for at in range(len(sizes))], strict=True):
            self.now = began + 2 * self.latency_us + total * self.us_per_byte
            meter.arrived(self.now, mark)
        self.now += 1e4


@pytest.mark.parametrize(("us_per_byte", "latency"), [(2 / 3, 0.0), (10 / 3, 50.0), (0.1, 1000.0)])
def test_rate_and_latency_are_found(us_per_byte, latency):
    meter, line = LineMeter(None), Line(us_per_byte, latency)
    line.burst(meter, [60, 100, 6_000])
    assert meter.line is None, "one large object is not enough"
    line.burst(meter, [9_000, 400])
    assert meter.line.us_per_byte == pytest.approx(us_per_byte, rel=0.02)
    assert meter.line.latency_us == pytest.approx(latency, abs=1)


def test_what_was_held_up_once_does_not_count():
    meter, line = LineMeter(None), Line(1.0)
    for _ in range(3):
        line.burst(meter, [60, 5_000])
    mark = meter.sent(line.now, line.now, 5_000, False)
    meter.arrived(line.now + 90_000, mark)
    assert meter.line.us_per_byte == pytest.approx(1.0, rel=0.05)


def test_what_is_heard_late_tells_nothing():
    meter, line = LineMeter(None), Line(1.0)
    for _ in range(4):
        mark = meter.sent(line.now, line.now, 5_000, False)
        meter.stop_timing()
        line.now += 1e6
        meter.arrived(line.now, mark)
    assert meter.line is None


def test_what_waited_behind_others_tells_nothing():
    meter = LineMeter(None)
    for now in (0.0, 1e6, 2e6):
        meter.arrived(now + 50_000, meter.sent(now, now + 45_000, 5_000, False))
    assert meter.line is None


def test_a_line_that_was_given_is_believed_until_it_is_much_slower():
    given = LINES["usb_12M"]
    meter = LineMeter(given)
    line = Line(given.us_per_byte * 1.3)
    for _ in range(9):
        line.burst(meter, [60, 5_000])
    assert meter.line is given
    line.us_per_byte = given.us_per_byte * 4
    for _ in range(9):
        line.burst(meter, [60, 5_000])
    assert meter.line.us_per_byte == pytest.approx(line.us_per_byte, rel=0.02)


def test_a_measured_line_that_becomes_faster_is_followed():
    meter, line = LineMeter(None), Line(4.0)
    for us_per_byte in (4.0, 1.0):
        line.us_per_byte = us_per_byte
        for _ in range(9):
            line.burst(meter, [60, 5_000])
        assert meter.line.us_per_byte == pytest.approx(us_per_byte, rel=0.02)


def test_parts_at_the_believed_pace_show_a_slower_line_and_no_other():
    for real, found in ((0.5, 1.0), (5.0, 5.0)):
        given = LineRate("given", 8e6)
        meter = LineMeter(given)
        now = 0.0
        for _ in range(3):
            began, free = now, now
            for part in range(4):
                now = free  # each goes out when the one before should have arrived
                mark = meter.sent(now, free, 2_000, part > 0)
                free = now + 2_000
            now = began + 4 * 2_000 * max(real, 1.0)
            meter.arrived(now, mark)
            now += 1e5
        assert meter.line.us_per_byte == pytest.approx(found, rel=0.02)
        assert (meter.line is given) is (found == 1.0)


# ---- in a runner, on virtual time


@pytest.fixture(scope="module")
def tree():
    return random_tree(children=6, labels_each=10)


@pytest.fixture(scope="module")
def run(tree):
    pictures = album(tree, 6)
    ends = make_sequence("markov", 6, 120, seed=1, skew=2.0)

    def run(line, given=None, latency=0.0):
        device = device_in_world(line, pictures, ends, latency, memory_bytes=1 << 18)
        runner = TreeRunner.open(device, tree, describe(tree).total_bytes * 6 // 10, line=given)
        list(runner.run(frames=120, period=PERIOD))
        return runner, runner.finish()

    return run


@pytest.mark.parametrize("line", LINES)
@pytest.mark.parametrize("latency", [0.0, 0.0004])
def test_a_runner_measures_its_line_and_sends_ahead(run, line, latency):
    runner, counters = run(line, latency=latency)
    assert runner.line.us_per_byte == pytest.approx(LINES[line].us_per_byte, rel=0.05)
    assert runner.line.latency_us == pytest.approx(1e6 * latency, abs=60)
    known, told = run(line, LineRate("told", LINES[line].bits_per_second, LINES[line].bits_per_byte))
    assert known.line.name == "told"
    assert counters.hidden_bytes > 0.8 * told.hidden_bytes > 0
    assert counters.faults <= told.faults + 3
    assert counters.consistent


def test_a_runner_corrects_what_it_was_told(run):
    runner, counters = run("serial_3M", LineRate("hoped for", 480e6))
    assert runner.line.us_per_byte == pytest.approx(LINES["serial_3M"].us_per_byte, rel=0.05)
    assert counters.consistent


def test_a_runner_that_sends_nothing_ahead_knows_its_line_too(tree):
    runner = TreeRunner.open(device_in_world("usb_12M", memory_bytes=1 << 18), tree, policy="no_prefetch")
    assert runner.line is None
    list(runner.run(album(tree, 6).pictures))
    assert runner.line.us_per_byte == pytest.approx(LINES["usb_12M"].us_per_byte, rel=0.05)
    assert runner.counters.hidden_bytes == 0


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (None, ["measured", "not 0.201 Mbit/s as measured before"]),
        (LineRate("mine", 5e6), ["not 5 Mbit/s as given", "not 0.201 Mbit/s as measured before"]),
    ],
)
def test_the_log_says_given_only_of_what_was_given(given, said, caplog):
    caplog.set_level("INFO")
    runner = TreeRunner.open(device_in_world(), random_tree(children=2, labels_each=2), line=given)
    for rate in (0.201e6, 0.154e6):
        have_measured(runner, LineRate("measured", rate))
    lines = [record.message for record in caplog.records if record.message.startswith("the line")]
    assert [line[line.index("(") + 1 : -1] for line in lines] == said
