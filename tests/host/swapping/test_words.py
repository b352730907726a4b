"""What tools/write_words.py writes: a frame for each character of a text, and where the tree ends with it."""

import importlib.util
import sys
from pathlib import Path

import numpy as np

import pixeltree as pt
from pixeltree.simulate import make_sequence
from pixeltree.swapping.describe import describe

ROOT = Path(__file__).parents[3]


def tool():
    spec = importlib.util.spec_from_file_location("write_words", ROOT / "tools/write_words.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_text_becomes_the_ends_of_its_characters(tmp_path, monkeypatch, capsys):
    """The root's three children tell digits; a character that the tree has no label for is left out."""
    tree = pt.zoo.load("mnist")
    tree.save(tmp_path / "m.ptree")
    (tmp_path / "text").write_text("On 2026-11-30, 00000 again")
    files = ["-o", str(tmp_path / "w"), "--text", str(tmp_path / "text")]
    monkeypatch.setattr(sys, "argv", ["write_words.py", str(tmp_path / "m.ptree"), *files])
    tool().main()
    swap = describe(tree)
    ends = make_sequence(str(tmp_path / "w"), len(swap.ends), 13)
    nodes = [swap.nodes[swap.ends[end]].name for end in ends]
    of_digit = {
        tree.labels[exit_.value]: node.name
        for node in tree.depth_first
        if node.name != "root"
        for exit_ in node.manifest.exits
    }
    expected = [of_digit[digit] for digit in "2026113000000"]
    assert np.mean([a == b for a, b in zip(nodes, expected, strict=True)]) > 0.8
    assert "13 characters" in capsys.readouterr().out
