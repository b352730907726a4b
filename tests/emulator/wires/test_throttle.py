"""A slow line, by a clock of our own: every byte arrives when it is due, and no earlier."""

import selectors
from collections import deque

import pytest

from pixeltree_emu.errors import EmulatorError, WireClosed
from pixeltree_emu.wires.base import Wants
from pixeltree_emu.wires.line import Line, LineSettings
from pixeltree_emu.wires.throttle import ThrottledWire

RATE = 8 * 1024.0
"""Bits per second of a line on which a byte takes 2**-10 s, which floating point holds exactly."""
BYTE = 1 / 1024
START = 1000.0


class Clock:
    def __init__(self):
        self.now = START

    def __call__(self):
        return self.now


class Inner:
    """A wire whose other end is two lists."""

    name = "inner"

    def __init__(self, persistent=False):
        self.persistent = persistent
        self.coming = deque()
        self.gone = bytearray()
        self.takes = 1 << 30
        self.closed = False

    def fileno(self):
        return 7

    def wants(self, reading, writing):
        return Wants((selectors.EVENT_READ if reading else 0) | (selectors.EVENT_WRITE if writing else 0))

    def read(self, limit=65536):
        if not self.coming:
            return None
        data = self.coming.popleft()
        if isinstance(data, Exception):
            raise data
        if len(data) > limit:
            self.coming.appendleft(data[limit:])
        return data[:limit]

    def write(self, data):
        data = data[: self.takes]
        self.gone += data
        self.takes -= len(data)
        return len(data)

    def close(self):
        self.closed = True


def throttled(settings, **options):
    inner, clock = Inner(**options), Clock()
    return ThrottledWire(inner, settings, clock), inner, clock


def test_bytes_come_in_when_they_are_due_and_no_earlier():
    wire, inner, clock = throttled(LineSettings(RATE, 8, 0.25))
    inner.coming.append(b"abcd")
    assert wire.read() is None
    for index, letter in enumerate(b"abcd"):
        clock.now = START + 0.25 + (index + 1) * BYTE - 1e-5
        assert wire.read() is None
        clock.now += 1e-5
        assert wire.read() == bytes([letter])


def test_bytes_go_out_when_they_are_due_and_no_earlier():
    wire, inner, clock = throttled(LineSettings(RATE, 8, 0.25))
    assert wire.write(b"abcd") == 4
    for count in range(1, 5):
        clock.now = START + 0.25 + count * BYTE - 1e-5
        wire.write(b"")
        assert len(inner.gone) == count - 1
        clock.now += 1e-5
        wire.write(b"")
        assert inner.gone == b"abcd"[:count]


def test_bits_per_byte_count():
    wire, inner, clock = throttled(LineSettings(10 * 1024.0, 10))
    wire.write(b"ab")
    clock.now = START + 2 * BYTE - 1e-5
    wire.write(b"")
    assert inner.gone == b"a"


def test_the_loop_is_told_when_a_short_message_has_arrived():
    wire, _, clock = throttled(LineSettings(1e6, 8, 0.5))
    wire.write(b"short")
    wants = wire.wants(reading=False, writing=False)
    assert wants.mask == 0
    assert wants.due == pytest.approx(START + 0.5 + 5 * 8e-6, abs=1e-9)
    clock.now = wants.due
    wire.write(b"")
    assert wire.wants(reading=False, writing=False) == (0, None)


@pytest.mark.parametrize("late", [0.0, 0.0007, 0.004, 0.03])
@pytest.mark.parametrize("bits_per_second", [3e6, 12e6])
def test_a_loop_that_wakes_late_loses_no_time_of_a_full_line(bits_per_second, late):
    settings = LineSettings(bits_per_second, 10)
    wire, inner, clock = throttled(settings)
    size = 1 << 20
    inner.coming.append(bytes(size))
    unsent, received = bytearray(size), 0
    while received < size or len(inner.gone) < size:
        wants = wire.wants(reading=True, writing=bool(unsent))
        clock.now = max(clock.now, clock.now if wants.mask and inner.coming else wants.due) + late
        received += len(wire.read() or b"")
        del unsent[: wire.write(unsent)]
        at_most = (clock.now - START) * bits_per_second / 10 + 1
        assert received <= at_most
        assert len(inner.gone) <= at_most
    ideal = size * 10 / bits_per_second
    assert clock.now - START == pytest.approx(ideal, abs=0.003 + 2 * late)


def test_only_a_little_is_read_and_taken_ahead():
    settings = LineSettings(12e6, 8)
    wire, inner, _ = throttled(settings)
    inner.coming.append(bytes(1 << 20))
    assert wire.read() is None
    assert (1 << 20) - len(inner.coming[0]) == settings.ahead == 15_000
    assert wire.write(bytes(1 << 20)) == 15_000
    assert wire.write(bytes(1 << 20)) == 0
    wants = wire.wants(reading=True, writing=True)
    assert wants.mask == 0
    assert wants.due > START
    assert LineSettings(9600, 10).ahead == 4096


def test_a_pause_of_the_sender_is_no_credit_for_later():
    wire, inner, clock = throttled(LineSettings(RATE, 8))
    wire.write(b"a")
    clock.now = START + 60
    wire.write(b"b" * 100)
    clock.now += 10 * BYTE
    wire.write(b"")
    assert inner.gone == b"a" + b"b" * 10


def test_a_receiver_that_takes_nothing_is_waited_for():
    wire, inner, clock = throttled(LineSettings(RATE, 8))
    inner.takes = 1
    wire.write(b"abc")
    clock.now += 1
    wire.write(b"")
    assert wire.wants(reading=False, writing=False) == (selectors.EVENT_WRITE, None)
    inner.takes = 10
    wire.write(b"")
    assert inner.gone == b"abc"


@pytest.mark.parametrize("end", [b"", WireClosed("cut")])
def test_the_end_comes_after_the_bytes_before_it(end):
    wire, inner, clock = throttled(LineSettings(RATE, 8))
    inner.coming += [b"last", end]
    assert wire.read() is None
    clock.now += 4 * BYTE
    assert wire.read() == b"last"
    assert wire.wants(reading=True, writing=False).due == 0.0
    if end == b"":
        assert wire.read() == b""
    else:
        with pytest.raises(WireClosed, match="cut"):
            wire.read()


def test_what_was_for_a_user_who_left_is_lost():
    wire, inner, clock = throttled(LineSettings(RATE, 8), persistent=True)
    inner.coming.append(b"x")
    wire.read()
    wire.write(b"for the first")
    inner.coming.append(b"")
    clock.now += BYTE
    assert [wire.read(), wire.read()] == [b"x", b""]
    clock.now += 1
    wire.write(b"")
    assert inner.gone == b""


def test_closing_passes_on_what_is_on_the_line():
    wire, inner, _ = throttled(LineSettings(RATE, 8, 1))
    wire.write(b"goodbye")
    wire.close()
    assert (inner.gone, inner.closed) == (b"goodbye", True)


def test_latency_alone_slows_no_stream():
    wire, inner, clock = throttled(LineSettings(latency=0.5))
    assert wire.write(bytes(100_000)) == 100_000
    clock.now = START + 0.4999
    wire.write(b"")
    assert not inner.gone
    clock.now = START + 0.5
    wire.write(b"")
    assert len(inner.gone) == 100_000


def test_a_line_measures_each_run_from_the_end_of_the_one_before():
    line = Line(LineSettings(RATE, 8))
    line.put(b"ab", START)
    line.put(b"cd", START + BYTE)
    assert [line.arrived(START + count * BYTE) for count in range(5)] == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ((0.0,), "at least 1 bit per second"),
        ((float("nan"),), "at least 1 bit per second"),
        ((1e6, 0), "1 to 100 bits"),
        ((1e6, 8, -1), "0 to 60 s"),
    ],
)
def test_impossible_lines_are_refused(values, message):
    with pytest.raises(EmulatorError, match=message):
        LineSettings(*values)
