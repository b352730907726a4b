"""The committed scripts run, start to end."""

import subprocess
import sys

from pixeltree.tree import Tree
from tests.system.conftest import ROOT


def run_tool(name, *arguments):
    command = [sys.executable, str(ROOT / "tools" / name), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)


def test_the_picture_can_be_drawn_again(tmp_path):
    picture = tmp_path / "tree.png"
    run = run_tool("draw_tree.py", str(picture))
    assert run.returncode == 0, run.stderr
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_a_tiny_training_run_makes_a_tree(tmp_path):
    run = run_tool("train_digits_tree.py", "--quick", "--out", str(tmp_path))
    assert run.returncode == 0, run.stderr
    tree = Tree.load(tmp_path / "digits.ptree")
    assert len(tree.names) >= 4
    assert "folded against torch: 0 activation bits and 0 logits differ" in run.stderr
