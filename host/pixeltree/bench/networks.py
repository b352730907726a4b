"""What the compiler is measured by: three networks, and the bars they must pass."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass

import numpy as np

from pixeltree.compiler.capture import CaptureGeometry
from pixeltree.compiler.cost import Cost
from pixeltree.compiler.layout import Layout
from pixeltree.compiler.pipeline import Compiled, compile_capture, compile_model
from pixeltree.compiler.sizes import block_bytes, block_words, segment_bytes
from pixeltree.model import (
    Convolution,
    ConvolutionGeometry,
    FoldedModel,
    FullyConnected,
    HeatMap,
    HeatMapGeometry,
    Pooling,
)
from pixeltree_protocol.chip.costs import CostTable
from pixeltree_protocol.objects.cover import cube_counts

MOST_COMPILE_S = 2.0
MOST_BYTES_PER_WORD = 1.5
MOST_OVERHEAD = 1.10
"""Of a segment over the information content of its weights and biases."""

GEOMETRY = CaptureGeometry(threshold=50, in_cells=True)
"""Whole pictures, sampled at one pixel of every 4 x 4: no copies to carry from block to block."""


@dataclass(frozen=True)
class Figures:
    """One row of ``pixeltree bench compiler``.

    Attributes:
        words: instruction words that one run executes.
        segment_bytes: of all weight segments.
        block_bytes: of all kernel blocks, tables included.
        device_us: device time of one run.
        fps: runs per second of device time.
        compile_s: wall time of compiling the node.
        passes: whether the row is within its bars.
    """

    words: int
    segment_bytes: int
    block_bytes: int
    device_us: float
    fps: float
    compile_s: float
    passes: bool

    def as_dict(self) -> dict[str, float]:
        """For JSON: what is the same on every machine."""
        return {name: value for name, value in asdict(self).items() if name != "compile_s"}


def digits_model(pool: int = 8, seed: int = 0) -> FoldedModel:
    """16 binary kernels 4 x 4 on 64 x 64 pixels, OR pooling, 10 classes; random weights."""
    random = np.random.default_rng(seed)
    side = 64 // pool
    layers = (_convolution(random, 1, 16, 4, 1, before=0, after=3), Pooling(pool))
    head = FullyConnected(_signs(random, 10, 16, side, side), np.zeros(10, np.int32))
    return FoldedModel(GEOMETRY.spec, layers, head)


def localization_model(seed: int = 0) -> FoldedModel:
    """Three convolutions: 16 kernels 4 x 4, 16 depthwise 3 x 3, and a heat map over all 16 channels."""
    random = np.random.default_rng(seed)
    layers = (
        _convolution(random, 1, 16, 4, 1, before=1, after=2),
        Pooling(2),
        _convolution(random, 16, 16, 3, 16, before=1, after=1),
        Pooling(2),
    )
    geometry = HeatMapGeometry(3, before=0, after=0)
    head = HeatMap(geometry, _signs(random, 1, 16, 3, 3), np.zeros(1, np.int32))
    return FoldedModel(GEOMETRY.spec, layers, head)


def _convolution(
    random: np.random.Generator,
    inputs: int,
    outputs: int,
    side: int,
    groups: int,
    before: int | None = None,
    after: int | None = None,
) -> Convolution:
    weights = _signs(random, outputs, inputs // groups, side, side)
    bias = random.integers(-4, 5, outputs).astype(np.int32)
    geometry = ConvolutionGeometry(outputs, side, groups=groups, before=before, after=after)
    return Convolution(geometry, weights, bias, np.zeros(outputs, np.bool_))


def _signs(random: np.random.Generator, *shape: int) -> np.ndarray[tuple[int, ...], np.dtype[np.int8]]:
    return (random.integers(0, 2, shape) * 2 - 1).astype(np.int8)


def _timed(model: FoldedModel, layout: Layout | None) -> tuple[Compiled, float]:
    """A compiled node and how long compiling it took, in seconds."""
    cube_counts()  # a table that a process makes once
    began = time.perf_counter()
    compiled = compile_model(model, layout=layout)
    return compiled, time.perf_counter() - began


def _frame(model: FoldedModel, most_us: float) -> Figures:
    """Figures of a whole frame: capture, node, and making the result message ready."""
    capture = compile_capture(GEOMETRY)
    node, seconds = _timed(model, GEOMETRY.layout(model))
    return _figures(node, capture.cost + node.cost + Cost(0, CostTable().result_ns), seconds, most_us)


def _figures(
    compiled: Compiled, cost: Cost, seconds: float, most_us: float, most_words: int | None = None
) -> Figures:
    node = compiled.node
    device_us = cost.nanoseconds / 1000
    within = (
        device_us <= most_us
        and (most_words is None or cost.words <= most_words)
        and seconds < MOST_COMPILE_S
        and block_bytes(node) <= MOST_BYTES_PER_WORD * block_words(node)
        and segment_bytes(node) <= MOST_OVERHEAD * compiled.information_bits / 8
    )
    fps = round(1e6 / device_us, 1)
    return Figures(cost.words, segment_bytes(node), block_bytes(node), device_us, fps, seconds, within)


def conv16x4x4() -> Figures:
    """The layer of the hand-written MNIST example: 16 kernels 4 x 4 on 64 x 64 blocks, into an AREG."""
    compiled, seconds = _timed(digits_model(), None)
    (layer,) = (s for s in compiled.sections if s.name == "0 convolution 1 -> 16, 4 x 4")
    return _figures(compiled, layer.cost, seconds, 66, 300)


def frame_digits() -> Figures:
    """A whole frame of the digits network, from the picture to the result."""
    return _frame(digits_model(), 200)


def fcn_localize() -> Figures:
    """A whole frame of the localization network."""
    return _frame(localization_model(), 1000)


BENCHMARKS: dict[str, Callable[[], Figures]] = {
    "conv16x4x4": conv16x4x4,
    "frame_digits": frame_digits,
    "fcn_localize": fcn_localize,
}
"""Rows of ``pixeltree bench compiler``, by name."""
