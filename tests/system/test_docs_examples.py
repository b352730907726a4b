"""Every command and every example of README and documentation runs as it stands, or says why it does not."""

from __future__ import annotations

import functools
import importlib.util
import itertools
import re
import shlex
import subprocess
import tomllib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.support.doc_blocks import ROOT, PageRun, blocks, help_text, pages

from pixeltree.datasets import held_out_digits

pytestmark = pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="pages train networks")
NAMES = [str(page.relative_to(ROOT)) for page in pages()]
GROUPS = ("bench",)
"""Commands that have commands of their own."""
NO_COMMANDS = ("host", "device", "X", "COMMAND")
"""What follows the name elsewhere: what the protocol proves its token with, and places for any command."""


def photo(folder: Path) -> None:
    """A photograph of the reader's own: a bright disc on a dark ramp, in colour and of an odd size."""
    rows, columns = np.mgrid[:300, :400]
    grey = np.where((rows - 140) ** 2 + (columns - 210) ** 2 < 70**2, 220, rows // 4)
    colours = np.stack([grey, grey // 2, 255 - grey], axis=2).astype(np.uint8)
    Image.fromarray(colours).save(folder / "photo.jpg")


def mnist(folder: Path) -> None:
    """Files as those of MNIST, with a few digits of 28 x 28 pixels."""
    digits = held_out_digits()
    order = np.argsort(digits.targets, kind="stable").reshape(10, -1)
    place = folder / "recipes" / "mnist"
    place.mkdir()
    for part, columns in (("train", slice(0, 12)), ("t10k", slice(12, 15))):
        chosen = order[:, columns].ravel()
        images = digits.images[chosen][:, 18:46, 18:46]
        head = bytes([0, 0, 8, 3]) + np.array(images.shape, ">u4").tobytes()
        (place / f"{part}-images-idx3-ubyte").write_bytes(head + images.astype(np.uint8).tobytes())
        head = bytes([0, 0, 8, 1]) + np.array([len(chosen)], ">u4").tobytes()
        labels = digits.targets[chosen].astype(np.uint8).tobytes()
        (place / f"{part}-labels-idx1-ubyte").write_bytes(head + labels)


def digits(folder: Path) -> None:
    """A folder of photographs: a few digits, each in a file of its own."""
    (folder / "photos").mkdir()
    for index, image in enumerate(held_out_digits().images[:3]):
        Image.fromarray(image).resize((90, 60)).save(folder / "photos" / f"{index}.png")


READERS_OWN: dict[str, Callable[[Path], None]] = {
    "README.md": photo,
    "docs/how-to/mnist_files.md": mnist,
    "docs/how-to/run_a_tree.md": digits,
    "docs/how-to/sensor_pictures.md": photo,
    "docs/get-started/scamp5.md": photo,
}
"""Files that a page expects a reader to have: what puts them into the folder."""


@functools.cache
def found(name: str):
    return blocks(ROOT / name)


@pytest.mark.parametrize("name", NAMES)
def test_the_blocks_of_the_page_run(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with PageRun(tmp_path) as page:
        READERS_OWN.get(name, lambda folder: None)(tmp_path)
        for block in found(name):
            page.run(block)


def test_blocks_that_are_not_run_at_least_parse(capsys):
    told = []
    for block in (block for name in NAMES for block in found(name) if block.reason is not None):
        assert len(block.reason) > 10, f"{block.where}: the reason is missing"
        told.append(f"{block.where}: {block.reason}")
        if block.language == "python":
            compile(block.text, block.where, "exec")
        elif block.language == "bash":
            subprocess.run(["bash", "-n", "-c", block.text], check=True)
            for line in block.text.replace("\\\n", " ").splitlines():
                check_command(line, block.where)
        else:
            pytest.fail(f"{block.where}: only bash and python are ever run")
    with capsys.disabled():
        print("\nnot run:", *told, sep="\n  ")  # noqa: T201 - whoever runs the tests is to see what they leave out


def test_commands_within_sentences_exist():
    for name in NAMES:
        prose = re.sub(r"```.*?```", "", (ROOT / name).read_text(), flags=re.DOTALL)
        for command in re.findall(r"`(pixeltree [^`]+)`", prose):
            check_command(command.replace("\n", " "), name)


def test_nobody_is_told_to_install_what_is_not_published():
    code = [path for folder in ("host", "firmware_emu", "recipes") for path in (ROOT / folder).rglob("*.*")]
    for path in (*map(ROOT.joinpath, NAMES), *(path for path in code if path.suffix in (".py", ".toml"))):
        assert not re.search(r"pip install ['\"]?pixeltree", path.read_text()), path


def test_examples_import_only_the_public_package():
    for name in NAMES:
        if re.match(r"README|docs/(get-started|how-to|index)", name):
            for block in (block for block in found(name) if block.language == "python"):
                assert not re.search(r"(from|import) +pixeltree[._]", block.text), block.where


def test_loggers_of_the_logging_page_exist():
    text = (ROOT / "docs/how-to/logging.md").read_text()
    names = re.findall(r"^\| `(pixeltree[\w.]*)` \|", text, re.MULTILINE)
    assert len(names) > 4
    for name in names:
        assert importlib.util.find_spec(name) is not None, name


def check_command(line: str, where: str) -> None:
    """Whether the commands of a line of shell exist, with the options that it gives them."""
    makefile = (ROOT / "Makefile").read_text()
    for target in re.findall(r"^make ([a-z-]+)", line):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), f"{where}: make {target}"
    for extras in re.findall(r"pip install (?:-e )?'\.\[([a-z,]+)\]'", line):
        known = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
        assert set(extras.split(",")) <= set(known), f"{where}: {extras}"
    for words in commands_of(line):
        if words[0] in NO_COMMANDS or words[0].startswith("-"):
            continue
        command = words[: 2 if words[0] in GROUPS and words[1:] else 1]
        options = {word.partition("=")[0] for word in words if re.match(r"--[a-z]|-[a-z]$", word)}
        known_options = set(re.findall(r"(?<![\w-])--?[a-z][a-z-]*", options_of(tuple(command))))
        unknown = options - known_options
        assert not unknown, f"{where}: pixeltree {' '.join(command)} has no {unknown}"


def commands_of(line: str) -> list[list[str]]:
    """What follows ``pixeltree`` in a line of shell, up to the end of each command."""
    words = shlex.split(line, comments=True)
    found = []
    for start in (place + 1 for place, word in enumerate(words) if word == "pixeltree"):
        command = list(
            itertools.takewhile(lambda word: word not in ("|", "&&", "||", ";", "&", ">"), words[start:])
        )
        if command:
            found.append(command)
    return found


@functools.cache
def options_of(command: tuple[str, ...]) -> str:
    return help_text(*command)
