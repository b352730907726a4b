"""The table of results: from the reports of the seeds that are there."""

import json

import pytest

pytest.importorskip("torch")

from tools import make_results

from pixeltree.train.recipe import load_recipe


@pytest.fixture
def reports(tmp_path, monkeypatch):
    monkeypatch.setattr(make_results, "BUILD", tmp_path)

    def write(entry, seed, score, chips=None, differences=None):
        """Chips see images of which the reference has 0.01 more right than of all."""
        stem = make_results.stem_of(entry, seed)
        base = {"metric": "accuracy", "score": score, "bytes": 4000 + seed}
        stem.with_suffix(".reference.json").write_text(json.dumps(base))
        if differences is not None:
            ideal = base | {"images": 100, "device_differences": [differences]}
            stem.with_suffix(".ideal.json").write_text(json.dumps(ideal))
        if chips is not None:
            typical = base | {"score": score + 0.01, "device_score_mean": chips}
            stem.with_suffix(".typical.json").write_text(json.dumps(typical))

    return write


def test_a_row_holds_the_mean_of_the_seeds_and_each(reports):
    entry = make_results.ENTRIES[0]
    reports(entry, 0, 0.96, chips=0.95, differences=0)
    reports(entry, 1, 0.98, chips=0.96, differences=2)
    (row,) = make_results.tables().splitlines()[2:]
    assert row == (
        "| digits | accuracy | 97.0% (96.0%, 98.0%) | 2 of 200 | 95.5% (95.0%, 96.0%) | 2.5 points | 4,001 |"
    )


def test_a_network_that_knows_no_noise_needs_no_ideal_chip(reports):
    entry = make_results.ENTRIES[1]
    assert not entry.noise_aware
    reports(entry, 0, 0.96, chips=0.9)
    (row,) = make_results.tables().splitlines()[2:]
    assert row == f"| {entry.name} | accuracy | 96.0% (96.0%) |  | 90.0% (90.0%) | 7.0 points | 4,000 |"


def test_a_float_network_runs_on_no_array(reports):
    entry = next(each for each in make_results.ENTRIES if each.is_float)
    reports(entry, 0, 0.7)
    (row,) = make_results.tables().splitlines()[2:]
    assert row == "| glyphs, float network | accuracy | 70.0% (70.0%) |  |  |  | 4,000 |"


@pytest.mark.parametrize("entry", make_results.ENTRIES, ids=lambda entry: entry.name)
def test_every_row_has_a_recipe_that_is_aware_of_noise(entry):
    assert load_recipe(make_results.ROOT / "recipes" / f"{entry.recipe}.toml").noise_aware
