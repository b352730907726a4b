"""`pixeltree compile` and `pixeltree bench compiler`, as a user calls them."""

import json
import re

import numpy as np
import pytest
from tests.support.invoked import invoke
from tests.support.strategies import convolution, fully_connected

from pixeltree.demo.run import demo_tree
from pixeltree.model import FoldedModel, InputSpec, Pooling, encode_model


@pytest.fixture
def model(tmp_path):
    random = np.random.default_rng(0)
    layers = convolution(random, 1, 4, 3), Pooling(16)
    path = tmp_path / "model.json"
    path.write_bytes(encode_model(FoldedModel(InputSpec(64), layers, fully_connected(random, (4, 3, 3), 2))))
    return path


def run(*arguments):
    result = invoke("compile", *arguments, env={"COLUMNS": "120"})
    assert result.exit_code == 0, result.output
    return result.output


def test_a_model_is_compiled_and_its_size_told(model):
    assert re.search(r"model.json: \d+ words, [\d.]+ us, \d+ bytes of blocks", " ".join(run(model).split()))


def test_the_report_has_a_row_for_every_layer_and_they_add_up(model):
    rows = {}
    for line in run(model, "--report").splitlines():
        found = re.match(r"(\d .*?|all)\s{2,}(\d+)\s+(\d+)\s+(\d+)\s+([\d.]+)", line)
        if found:
            rows[found[1]] = [float(value) for value in found.groups()[1:]]
    names = ["0 convolution 1 -> 4, 3 x 3: bias", "0 convolution 1 -> 4, 3 x 3", "1 or pooling 16 x 16"]
    assert list(rows) == [*names, "2 fully connected 2 x 36", "all"]
    total = rows.pop("all")
    assert np.allclose(np.sum(list(rows.values()), axis=0), total, atol=0.3)


def test_a_tree_s_report_says_what_its_nodes_share(tmp_path):
    path = tmp_path / "digits.ptree"
    demo_tree().save(path)
    output = " ".join(run(path, "--report").split())
    found = re.search(r"4 nodes: ([\d,]+) bytes of objects; ([\d,]+) if nothing were shared", output)
    together, apart = (int(number.replace(",", "")) for number in found.groups())
    assert together < apart


def test_the_program_is_shown_after_every_pass(model):
    output = run(model, "--dump-ir")
    titles = re.findall(r"after: (.*)", output)
    assert titles[0] == "lower"
    assert titles[-1] == "encode"
    assert len(titles) == 6


def test_the_head_goes_where_it_is_told(model):
    assert "on the array" in run(model, "--report", "--head", "array")
    assert "on the array" not in run(model, "--report", "--head", "controller")


def test_the_plot_is_a_picture(model, tmp_path):
    picture = tmp_path / "planes.png"
    assert "wrote" in run(model, "--plot", picture)
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_the_bench_writes_its_figures(tmp_path):
    file = tmp_path / "figures.json"
    result = invoke("bench", "compiler", "--json", file)
    figures = json.loads(file.read_text())
    assert list(figures) == ["conv16x4x4", "frame_digits", "fcn_localize"]
    for row in figures.values():
        assert list(row) == ["words", "segment_bytes", "block_bytes", "device_us", "fps", "passes"]
    assert "conv16x4x4" in result.output
