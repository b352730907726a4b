"""What is known about each tree of the package: its data, scores, device time, and the commands."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from pixeltree.arguments.files import TEXT

_NAME = "zoo.toml"


@dataclass(frozen=True)
class Card:
    """Facts about a tree of the package. Scores are shares, 0 to 1, of the test part or as ``remarks`` say.

    Attributes:
        task: what the tree tells.
        data: which images.
        split: how many of them for what.
        metric: what the scores are.
        ideal: score of the integer reference, which an ideal chip equals.
        typical: mean score of emulated chips with the preset ``typical``.
        chips: how many chips that were.
        device_us: mean device time of a frame in microseconds, every node resident.
        train: the command that made it.
        measure: the command that measures it.
        remarks: what to know when quoting the figures; may be empty.
    """

    task: str
    data: str
    split: str
    metric: str
    ideal: float
    typical: float
    chips: int
    device_us: int
    train: str
    measure: str
    remarks: str = ""


@cache
def read_cards(folder: Path) -> Mapping[str, Card]:
    """The cards of a folder of trees, by name."""
    tables = tomllib.loads((folder / _NAME).read_text(TEXT))
    return {name: Card(**table) for name, table in tables.items()}
