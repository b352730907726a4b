"""What a monitoring system reads of a run is what its counters say."""

import sys
import urllib.request

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families
from tests.support.in_memory import in_memory_runner
from tests.support.random_models import deep_tree, picture

import pixeltree as pt
from pixeltree.errors import DataError

OPEN_METRICS = {"Accept": "application/openmetrics-text; version=1.0.0"}


def read(url):
    with urllib.request.urlopen(urllib.request.Request(url, headers=OPEN_METRICS), timeout=10) as answer:
        assert answer.headers["Content-Type"].startswith("application/openmetrics-text")
        families = list(text_string_to_metric_families(answer.read().decode()))
    return {
        (sample.name, sample.labels.get("le")): sample.value
        for family in families
        for sample in family.samples
    }


def test_figures_are_those_of_the_counters_at_the_time_of_asking():
    tree = deep_tree()
    runner = in_memory_runner(tree, memory_limit=max(tree.bytes_of(n.needs) for n in tree.nodes.values()))
    with pt.metrics.serve(runner, 0) as endpoint:
        assert read(endpoint.url)["pixeltree_frames_total", None] == 0
        latencies = [runner.infer(picture(seed)).latency_us for seed in range(3)]
        runner.finish()
        found = read(endpoint.url)
    counters = runner.counters
    for name in ("frames", "faults", "swaps", "hidden_bytes", "wasted_bytes", "late_starts", "repeats"):
        assert found[f"pixeltree_{name}_total", None] == getattr(counters, name)
    assert found["pixeltree_swaps_total", None] == counters.faults > 0
    assert found["pixeltree_link_cuts_total", None] == 0
    histogram = "pixeltree_frame_latency_seconds"
    assert found[f"{histogram}_sum", None] == pytest.approx(sum(latencies) / 1e6)
    assert found[f"{histogram}_bucket", "+Inf"] == found[f"{histogram}_count", None] == 3
    bounds = [le for name, le in found if le]
    rising = [found[f"{histogram}_bucket", le] for le in sorted(bounds, key=float)]
    assert rising == sorted(rising)


def test_a_port_that_is_taken_and_a_package_that_is_missing_are_told(mocker):
    runner = in_memory_runner(deep_tree())
    with pt.metrics.serve(runner, 0) as endpoint:
        port = int(endpoint.url.split(":")[2].split("/")[0])
        with pytest.raises(DataError, match=f"cannot serve metrics on port {port}: Address already in use"):
            pt.metrics.serve(runner, port)
    with pytest.raises(DataError, match="a port for metrics"):
        pt.metrics.serve(runner, 65_536)
    mocker.patch.dict(sys.modules, {"prometheus_client": None})
    with pytest.raises(DataError, match=r"pip install '\.\[metrics\]'"):
        pt.metrics.serve(runner, 0)
