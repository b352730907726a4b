"""How much of a test runs: a few fixed cases in ``make test``, all of them in ``make proof``."""

import os

PROOF = os.environ.get("PIXELTREE_PROOF") == "1"
"""Set by ``make proof``."""


def effort(proof, test):
    """A number of examples, schedules or networks: the first in a proof, the second otherwise."""
    return proof if PROOF else test


def chosen(cases, few):
    """All cases in a proof; otherwise the few whose indices are given."""
    cases = list(cases)
    return cases if PROOF else [cases[index] for index in few]
