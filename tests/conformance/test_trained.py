"""The suite's trained tree is the demo's, with what the integer reference makes of it today."""

import importlib.util
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_committed_tree_is_what_the_tool_makes():
    spec = importlib.util.spec_from_file_location("tool", ROOT / "tools/make_conformance_trees.py")
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    assert tool.TARGET.read_bytes() == tool.contents(), "run: python tools/make_conformance_trees.py"
