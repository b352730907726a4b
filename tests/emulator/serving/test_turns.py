"""Whose turn it is, and what a log leaves out: on clocks of the test's own."""

import logging

import pytest

from pixeltree_emu.machine.moderation import IN_FULL, REPORT_EVERY, Moderation
from pixeltree_emu.serving.turns import Share, Standing, Turns


def used(share_open, charge, until=10.0, turn=0.002):
    """Seconds that somebody gets who always wants a turn."""
    now = total = 0.0
    while now < until:
        if share_open(now):
            now += turn
            total += turn
            charge(turn, now)
        else:
            now += 0.0001
    return total


def test_a_share_gives_its_part_of_the_time_and_no_more():
    share = Share(0.1, 0.001)
    total = used(lambda now: share.opens_at <= now, share.charge)
    assert 0.9 < total < 1.1


def test_one_long_turn_does_not_shut_a_share_for_long():
    share = Share(0.1, 0.001)
    share.charge(3600.0, 4000.0)
    assert share.opens_at < 4001.0


@pytest.mark.parametrize("standing", Standing)
def test_only_the_session_that_drives_has_all_the_time_it_wants(standing):
    turns = Turns()

    def may(now):
        turns.driver_works(now)
        return turns.may(standing, now)

    total = used(may, lambda seconds, now: turns.charge(standing, seconds, now))
    least, most = {"drives": (9.9, 10.1), "observes": (0.55, 0.65), "stranger": (0.55, 0.65)}[standing.value]
    assert least < total < most


def test_those_that_look_on_have_the_time_that_nobody_drives():
    turns = Turns()
    total = used(
        lambda now: turns.may(Standing.OBSERVES, now), lambda *used: turns.charge(Standing.OBSERVES, *used)
    )
    assert total > 9.9


def test_who_waited_longest_comes_first_and_newcomers_queue_up():
    turns = Turns()
    for number, name in enumerate(("a", "b", "c")):
        turns.enter(name, float(number))
    turns.took("a", Standing.STRANGER, 0.0, 5.0)
    turns.enter("new", 6.0)
    assert sorted(("new", "a", "b", "c"), key=turns.last) == ["b", "c", "a", "new"]


@pytest.fixture
def log():
    """A moderated log on a clock of its own: (events go in by ``say``, lines come out in ``lines``)."""
    return Log()


class Log:
    def __init__(self):
        self.now = 0.0
        self.lines = []
        self.counts = []
        counts = logging.Logger("counts")
        counts.handle = self.counts.append
        self.moderation = Moderation(counts, lambda: self.now)

    def say(self, message, *arguments):
        record = logging.LogRecord("test", logging.WARNING, "", 0, message, arguments, None)
        if self.moderation.filter(record):
            self.lines.append(record.getMessage())


def test_of_each_kind_the_first_events_are_written_and_the_others_counted(log):
    for number in range(1_000):
        log.say("request %d refused", number)
    log.say("session opened")
    assert len(log.lines) == IN_FULL + 1
    assert log.moderation.report_at == REPORT_EVERY
    log.moderation.report()
    (count,) = log.counts
    assert count.fields == {"of": "request %d refused", "by": "test", "count": 1_000 - IN_FULL}
    assert log.moderation.report_at is None
    log.moderation.report()
    assert len(log.counts) == 1


def test_a_minute_later_events_are_written_again(log):
    for _ in range(100):
        log.say("rejected")
    log.now = 61.0
    log.say("rejected")
    assert len(log.lines) == IN_FULL + 1
