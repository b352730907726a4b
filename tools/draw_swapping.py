"""Draw the pictures of docs/concepts/swapping.md: ``python tools/draw_swapping.py docs/images``."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from pixeltree import TreeRunner
from pixeltree.bench.random_tree import album, random_tree
from pixeltree.cli.pictures import draw_sweep, draw_trace
from pixeltree.device.virtual_time import virtual_device
from pixeltree.simulate import make_sequence
from pixeltree.simulate.examples import uniform_tree
from pixeltree.simulate.sweep import sweep
from pixeltree.swapping import LINES, Trace
from pixeltree.swapping.describe import describe

_FRAMES = 40
_PERIOD = 1 / 30


def main(folder: Path) -> None:
    """Draw both pictures into a folder."""
    example = uniform_tree()
    draw_sweep(folder / "swap_sweep.png", sweep(example, make_sequence("markov", 12, 2_000, skew=2.0)))
    tree = random_tree()
    ends = make_sequence("markov", 12, _FRAMES, seed=5, coherence=0.8, skew=2.0)
    line = LINES["usb_12M"]
    trace = Trace()
    with tempfile.TemporaryDirectory() as files:
        options = album(tree, 12).write(Path(files), ends)
        with virtual_device(f"--bps={line.bits_per_second}", "--memory-bytes=1000000", *options) as device:
            memory = describe(tree).total_bytes // 2
            runner = TreeRunner.open(device, tree, memory, line=line, trace=trace)
            list(runner.run(frames=_FRAMES, period=_PERIOD))
    draw_trace(folder / "swap_timeline.png", trace, 0.0, 0.6)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
