"""kill -9 of a daemon in the middle of a run, again and again: the run gives what it gives undisturbed.

The whole, 100 kills in a run of 500 frames, is ``make kill-proof``::

    python -m tests.proofs.kill_proof --kills 100 --frames 500
"""

from tests.proofs.kill_proof import prove


def test_a_run_outlives_its_daemon():
    report = prove(kills=4, frames=40, seed=1)
    assert report["kills"] == 4
    assert report["frames"] == 40
    assert report["differences"] == 0
    assert report["wrong"] == 0
