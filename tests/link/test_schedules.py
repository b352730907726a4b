"""Frames through the demo tree over wires that drop, repeat, damage, delay and break: see schedules.py.

``make link-proof`` runs 5,000 of them; these are the first of each kind.
"""

import pytest
from tests.support import schedules
from tests.support.breaking_wire import Faults
from tests.support.effort import effort
from tests.support.schedules import KINDS, run_schedule, undisturbed
from tests.support.world import World, host_of

from pixeltree.device.session import Session
from pixeltree.errors import DeviceError, LinkError

SEEDS = effort(24, 12)


@pytest.mark.parametrize("kind", KINDS)
def test_every_frame_ends_once_with_the_right_result_whatever_the_wire_does(kind):
    outcomes = [run_schedule(kind, seed) for seed in range(SEEDS)]
    assert all(outcome.frames >= 2 for outcome in outcomes)
    if "cut" in kind:
        assert sum(outcome.cuts for outcome in outcomes) > SEEDS
    if "restart" in kind:
        assert sum(outcome.repeats for outcome in outcomes) > 0
    if kind in ("drop", "flip", "truncate", "cut", "all"):
        assert sum(outcome.host_resent for outcome in outcomes) > 0


def test_a_stream_that_comes_byte_by_byte_is_the_same_stream():
    assert run_schedule("split", 1, every_byte=True).host_resent == 0


def test_a_cable_that_dies_while_the_host_greets_again_does_not_use_up_the_time_for_an_answer():
    """The device had forgotten the session and said so; the next HELLO was lost with the cable."""
    assert run_schedule("all and restart", 276).frames >= 2


def test_a_wire_that_is_dead_for_good_ends_a_run_with_an_error_and_no_hang():
    """The harness itself: what never comes back is noticed."""
    world = World(Faults(), 0, schedules.array())
    with host_of(world) as device:
        device.ping()
        world.open_at = world.now + 1e9
        world.clients[0].wire.wire.cut(world.now)
        with pytest.raises(LinkError, match="did not come back within 120 s"):
            device.ping()


def test_a_wrong_result_would_be_noticed(monkeypatch):
    wrong = list(undisturbed())
    wrong[:] = wrong[1:] + wrong[:1]
    monkeypatch.setattr(schedules, "undisturbed", lambda: wrong)
    with pytest.raises(AssertionError):
        run_schedule("delay", 1)


def test_an_answer_that_is_given_twice_would_be_noticed(monkeypatch):
    undisturbed()
    waiting = Session.waiting
    monkeypatch.setattr(Session, "waiting", lambda self: 2 * waiting(self))
    with pytest.raises(AssertionError):
        run_schedule("delay", 1)


def test_a_payload_that_is_taken_twice_would_be_noticed(monkeypatch):
    from pixeltree_protocol.link.delivery import Admission, Delivery  # noqa: PLC0415

    admit = Delivery.admit

    def careless(self, sequence, size):
        admission = admit(self, sequence, size)
        if admission is Admission.REPEATED and self._expected:
            self._held.append(size)
            self._held_bytes += size
            return Admission.ACCEPTED
        return admission

    monkeypatch.setattr(Delivery, "admit", careless)
    with pytest.raises((AssertionError, DeviceError)):  # a START_FRAME taken twice is told to be BUSY
        for seed in range(SEEDS):
            run_schedule("duplicate", seed)
