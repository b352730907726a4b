"""The bench of the vendor's programs runs and gives every figure; how good they are is no test's business."""

import json

import pytest
from tests.support.command_line import pixeltree
from tests.support.effort import PROOF


@pytest.mark.skipif(not PROOF, reason="it compiles with optimization; make proof runs it")
def test_every_figure_is_there(tmp_path):
    file = tmp_path / "vendor.json"
    done = pixeltree("bench", "vendor", "--seconds", "0.2", "--json", str(file))
    assert done.returncode == 0, done.stderr
    figures = json.loads(file.read_text())
    runs = [(run["packets_per_frame"], run["looks_out_us"]) for run in figures["runs"]]
    assert runs == [(300, 0), (300, 300), (3000, 0), (3000, 300)]
    for run in figures["runs"]:
        assert min(run["frames_per_s"], run["us_per_kernel_call"], run["answers_per_s"]) > 0
