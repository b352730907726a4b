"""The committed scripts run, start to end."""

import subprocess
import sys

from tests.support.command_line import ROOT


def run_tool(name, *arguments):
    command = [sys.executable, str(ROOT / "tools" / name), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)


def test_the_picture_can_be_drawn_again(tmp_path):
    picture = tmp_path / "tree.png"
    run = run_tool("draw_tree.py", str(picture))
    assert run.returncode == 0, run.stderr
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_the_limits_of_swapping_are_in_order():
    run = run_tool("swap_limits.py", "--frames", "2000", "--seeds", "2", "--skews", "1", "2")
    assert run.returncode == 0, run.stderr
    rows = [[float(cell) for cell in line.strip("| ").split("|")] for line in run.stdout.splitlines()[2:]]
    assert [row[0] for row in rows] == [1, 2]
    for _, changes, knows, learns, recent in rows:
        assert 0 < knows < learns < recent < changes
    assert rows[1][2] < rows[0][2], "the more they differ, the more can be foreseen"
