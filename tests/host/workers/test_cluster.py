"""Pieces of work on a real Dask scheduler with two worker processes."""

import os
import signal

import pytest

from pixeltree.demo.run import demo_digits, demo_tree
from pixeltree.errors import LinkError
from pixeltree.evaluate import chips as on_chips
from pixeltree.evaluate.chips import ChipSet, evaluate_chips
from pixeltree.simulate.examples import uniform_tree
from pixeltree.simulate.sequences import make_sequence
from pixeltree.simulate.sweep import sweep
from pixeltree.workers.cluster import ClusterWorkers
from pixeltree.workers.local import LocalWorkers
from pixeltree.workers.pieces import Piece

distributed = pytest.importorskip("distributed")


@pytest.fixture(scope="module")
def cluster():
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, host="127.0.0.1", dashboard_address=None
    ) as cluster:
        yield cluster


def test_a_killed_worker_changes_no_figure(cluster, monkeypatch):
    """One of two worker processes is killed after the first result."""
    monkeypatch.setattr(on_chips, "PIECE_IMAGES", 2)
    tree, data = demo_tree(), demo_digits().subset(range(12))
    (expected,) = evaluate_chips(tree, data, ChipSet("typical", (3,)), LocalWorkers(1))
    killed = []

    def kill_one(done):
        if not killed:
            killed.append(next(iter(cluster.workers.values())).process.pid)
            os.kill(killed[0], signal.SIGKILL)

    with ClusterWorkers(cluster.scheduler_address) as workers:
        (found,) = evaluate_chips(tree, data, ChipSet("typical", (3,)), workers, progress=kill_one)
    assert killed
    assert found.paths == expected.paths


def test_a_client_that_the_user_has_is_taken(cluster):
    with distributed.Client(cluster) as client:
        work = [Piece(f"piece-{number}", pow, (number, 2)) for number in range(3)]
        assert {result for _, result in ClusterWorkers(client).run(work)} == {0, 1, 4}


def test_where_no_scheduler_is_one_line_says_so():
    with pytest.raises(LinkError, match=r"no Dask scheduler answers at tcp://127\.0\.0\.1:1"):
        ClusterWorkers("tcp://127.0.0.1:1")


def test_a_sweep_on_a_cluster_is_that_of_this_machine(cluster):
    tree = uniform_tree()
    ends = make_sequence("markov", len(tree.ends), 40, 0)
    shares, rates = (0.3, 0.5, 1.0), (1e6, 12e6)
    with ClusterWorkers(cluster.scheduler_address) as workers:
        found = sweep(tree, ends, shares=shares, rates=rates, workers=workers)
    assert found == sweep(tree, ends, shares=shares, rates=rates)
