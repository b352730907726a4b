"""The examples of docs/chip.md run as they stand."""

import re
from pathlib import Path

from pixeltree.emulator import EmulatorProcess

DOCUMENT = Path(__file__).parents[2] / "docs/chip.md"


def test_the_examples_run_one_after_the_other(capsys):
    examples = re.findall(r"```python\n(.*?)```", DOCUMENT.read_text(), flags=re.DOTALL)
    known = {}
    with EmulatorProcess("--source", "moving") as emulator:
        for example in examples:
            assert "tcp://127.0.0.1:27900" in example
            here = example.replace("tcp://127.0.0.1:27900", emulator.url)
            exec(compile(here, str(DOCUMENT), "exec"), known)
    controller, *program = capsys.readouterr().out.splitlines()
    assert re.fullmatch(r"\(\d+, \d+, \d+, \d+\) \d+ \d+", controller)
    assert program == ["120.0 us", "8192 bytes"]
