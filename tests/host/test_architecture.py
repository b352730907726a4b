"""docs/concepts/architecture.md has every room of every package."""

import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/concepts/architecture.md").read_text()
PICTURE = (ROOT / "docs/images/architecture.svg").read_text()
CONTRACTS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
ROOMS = {
    contract["containers"][0]: [room.strip() for layer in contract["layers"] for room in layer.split("|")]
    for contract in CONTRACTS
    if contract["type"] == "layers"
}


@pytest.mark.parametrize("package", ROOMS)
def test_every_room_of_a_package_has_a_row_in_its_order(package):
    section = PAGE.split(f": `{package}`\n")[1].split("\n## ")[0]
    cells = [line.split("|")[1] for line in section.splitlines() if line.startswith("| `")]
    rooms = [room.strip(" `") for cell in cells for room in cell.split(",")]
    assert rooms == ROOMS[package]


@pytest.mark.parametrize("package", ROOMS)
def test_every_room_is_in_the_picture(package):
    assert all(f">{room}</text>" in PICTURE for room in ROOMS[package] if room != "errors")


def test_no_room_is_passed_twice_on_a_walk():
    for walk in PAGE.split("\n## Walk ")[1:]:
        section = walk.split("\n## ")[0]
        rooms = [
            line.split("|")[1]
            for line in section.splitlines()
            if line.startswith("| ") and "`" in line.split("|")[1]
        ]
        assert len(rooms) == len(set(rooms)) > 10
