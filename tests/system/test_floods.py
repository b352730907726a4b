"""Clients that send as fast as they can: what holds on any machine; ``make flood-proof`` has the times."""

import pytest
from tests.proofs.flood_proof import GREATEST_GROWTH_MIB, GREATEST_LOG, prove
from tests.support.flooder import CONNECTIONS


@pytest.fixture(scope="module")
def report():
    """A flood of each sort, a few frames long; in each the driver has connected anew."""
    return prove(("random", "zeros", "connecting", "noise in a session", "pings"), seconds=0.3, stretches=1)


def test_every_answer_stays_right_and_memory_flat(report):
    assert report["wrong"] == report["internal_errors"] == 0
    assert report["frames"] >= 50
    assert report["growth_mib"] < GREATEST_GROWTH_MIB


def test_the_log_stays_short_and_says_how_much_it_leaves_out(report):
    assert report["most_log_lines_in_a_minute"] <= GREATEST_LOG
    assert report["left_out"] > 0


def test_who_sends_noise_instead_of_a_greeting_is_closed_and_a_session_is_not(report):
    connects = {row["kind"]: row["connects"] for row in report["floods"]}
    for kind in ("random", "zeros", "connecting"):
        assert connects[kind] > CONNECTIONS, kind
    for kind in ("noise in a session", "pings"):
        assert connects[kind] == CONNECTIONS, kind
