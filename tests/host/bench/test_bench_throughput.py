"""The figures of frames: not how great they are, but that they are there and mean what they say."""

from pixeltree.bench import throughput
from pixeltree.demo.run import demo_digits, demo_tree


def test_every_figure_is_there_and_more_than_nothing(monkeypatch):
    monkeypatch.setattr(throughput, "_LOOP", 1000)
    monkeypatch.setattr(throughput, "_WARM", 2)
    steps = []
    digits = demo_digits().subset(range(3))
    figures = throughput.bench_throughput(
        demo_tree(), digits, frames=3, rounds=2, chips=4, training_images=8, progress=steps.append
    )
    kinds = {f"{kind}_{preset}" for kind in ("daemon", "inproc") for preset in ("ideal", "typical")}
    assert set(figures["frames_per_s"]) == kinds | {"eval_typical_2_workers"}
    alone = "host_ms_per_frame", "reference_ms_per_image", "train_images_per_s", "loop_ns"
    assert all(value > 0 for value in (*figures["frames_per_s"].values(), *(figures[name] for name in alone)))
    assert steps == ["starting", "round 1 of 2", "round 2 of 2", "training", "evaluating on two workers"]
