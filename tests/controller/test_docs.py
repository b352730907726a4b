"""The example of docs/chip.md runs as it stands."""

import re
from pathlib import Path

from pixeltree.emulator import EmulatorProcess

DOCUMENT = Path(__file__).parents[2] / "docs/chip.md"


def test_the_example_runs(capsys):
    (example,) = re.findall(r"```python\n(.*?)```", DOCUMENT.read_text(), flags=re.DOTALL)
    with EmulatorProcess("--source", "moving") as emulator:
        assert "tcp://127.0.0.1:27900" in example
        exec(compile(example.replace("tcp://127.0.0.1:27900", emulator.url), str(DOCUMENT), "exec"), {})
    assert re.fullmatch(r"\(\d+, \d+, \d+, \d+\) \d+ \d+\n", capsys.readouterr().out)
