"""The example of a controller program: both ways find the same, and the program needs a fraction of the line."""

import runpy
from pathlib import Path

EXAMPLE = Path(__file__).parents[2] / "examples" / "controller_program.py"


def test_the_example_finds_the_same_both_ways_and_spares_the_line(capsys):
    runpy.run_path(str(EXAMPLE))["main"]("100000000", "0")
    rows = [line.rsplit(maxsplit=4) for line in capsys.readouterr().out.splitlines()[1:]]
    found = {name: (int(value), int(sent.replace(",", ""))) for name, value, _, _, sent in rows}
    for search in ("threshold", "fill"):
        (calls, calls_sent), (program, program_sent) = (
            found[f"{search}, {way}"] for way in ("call by call", "one program")
        )
        assert calls == program
        assert program_sent < 0.1 * calls_sent
    assert found["fill, one program"][0] > 100
