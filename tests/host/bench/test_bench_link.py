"""The link bench runs and gives every figure; how good they are is no test's business."""

import json

from tests.support.command_line import pixeltree


def test_every_figure_is_there(tmp_path):
    file = tmp_path / "link.json"
    done = pixeltree("bench", "link", "--rounds", "10", "--mebibytes", "0.1", "--json", str(file))
    assert done.returncode == 0, done.stderr
    assert "round trip of an empty request" in done.stdout
    figures = json.loads(file.read_text())
    assert figures["goodput_ratio"].keys() == {"serial_3M", "usb_12M"}
    assert all(0 < share <= 1 for share in figures["goodput_ratio"].values())
    assert min(figures["ping_us"], figures["raw_echo_us"], figures["raw_mb_s"]) > 0
    assert figures["goodput_mb_s"]["unix"] > 0
    assert figures["cpu_ms_per_mib"].keys() == {"host", "daemon"}
