"""The examples of the pages about the array, the kernel API and the controller API run as they stand."""

import re
from pathlib import Path

import pytest

from pixeltree.kernels.lint import lint
from pixeltree.links.emulator import EmulatorProcess
from pixeltree_protocol.chip.kernel_api import parse_line
from pixeltree_protocol.text.kernel_text import read_kernel_text

DOCS = Path(__file__).parents[3] / "docs"
URL = "emu:"
BOX = r"\(\d+, \d+, \d+, \d+\)"
PRINTED = {
    "concepts/array.md": [rf"{BOX} \d+ \d+\n", r"\d+\n\d+\n0 255 True\n"],
    "reference/controller_api.md": [rf"{BOX} \d+ \d+\n", "120.0 us\n8192 bytes\n"],
    "reference/kernel_api.md": [r"(?: *\d+  .+\n)+"],
}
"""What each example of a document prints."""


def blocks(name, language):
    return re.findall(rf"```{language}\n(.*?)```", (DOCS / name).read_text(), flags=re.DOTALL)


@pytest.fixture(scope="module")
def emulator():
    with EmulatorProcess("--source", "moving") as running:
        yield running


@pytest.mark.parametrize("name", PRINTED)
def test_the_examples_run_and_print_what_they_say(name, emulator, capsys):
    examples = blocks(name, "python")
    assert len(examples) == len(PRINTED[name])
    for example, printed in zip(examples, PRINTED[name], strict=True):
        exec(compile(example.replace(URL, emulator.url), name, "exec"), {})
        assert re.fullmatch(printed, capsys.readouterr().out), example


def test_the_kernel_file_of_the_document_is_right_and_gives_no_warning():
    text, loop = blocks("reference/kernel_api.md", "kernel")
    assert any(statement.steps for statement in read_kernel_text(loop).statements)
    kernel = read_kernel_text(text)
    level, block = kernel.parts()
    assert level == 40
    assert len(block.words) == 1 + 5 + 2 + 1 + 1 + 1
    assert lint(kernel) == ()


def test_calls_in_the_prose_are_calls():
    prose = (DOCS / "reference/kernel_api.md").read_text().partition("## Kernel files")[0]
    calls = [text for text in re.findall(r"`([^`\n]+)`", prose) if "(" in text]
    assert calls
    for call in calls:
        assert parse_line(call)
