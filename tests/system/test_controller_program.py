"""The example of a controller program: both ways find the same, and the program spares the line."""

import runpy
from pathlib import Path

import pytest
from tests.support.effort import PROOF
from tests.support.in_memory import in_memory_device

EXAMPLE = runpy.run_path(str(Path(__file__).parents[2] / "examples" / "controller_program.py"))


def test_the_examples_searches_find_the_same_both_ways():
    device = in_memory_device()
    EXAMPLE["prepare"](device)
    level = EXAMPLE["threshold_by_calls"](device)
    assert EXAMPLE["threshold_at_once"](device) == level
    rounds = EXAMPLE["fill_at_once"](device)
    assert EXAMPLE["fill_by_calls"](device) == rounds > 100


@pytest.mark.skipif(not PROOF, reason="the line of the example takes some seconds")
def test_the_example_says_how_much_of_the_line_a_program_spares(capsys):
    EXAMPLE["main"]()
    rows = [line.rsplit(maxsplit=4) for line in capsys.readouterr().out.splitlines()[1:]]
    found = {name: (int(value), int(sent.replace(",", ""))) for name, value, _, _, sent in rows}
    for search in ("threshold", "fill"):
        (calls, calls_sent), (program, program_sent) = (
            found[f"{search}, {way}"] for way in ("call by call", "one program")
        )
        assert calls == program
        assert program_sent < 0.1 * calls_sent
