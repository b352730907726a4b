"""Random models within the compiler's limits, with a layout each, and pictures, from a seed."""

from dataclasses import replace

import numpy as np
from tests.support.on_array import run_node
from tests.support.strategies import convolution, fully_connected, heat_map, signs

from pixeltree.compiler import CaptureGeometry
from pixeltree.compiler.layout import block_layout, cell_layout
from pixeltree.compiler.pipeline import compile_model
from pixeltree.model import (
    Convolution,
    ConvolutionGeometry,
    FoldedModel,
    FullyConnected,
    HeatMap,
    InputSpec,
    Pooling,
    infer,
)
from pixeltree.model.geometry import Weights
from pixeltree.tree.node import NodeSpec
from pixeltree.tree.tree import Tree

MOST_TAPS = 72
MOST_FEATURES = 4096
MOST_CELLS = 300
GEOMETRY = CaptureGeometry(30)


def some_network(seed=0, geometry=GEOMETRY):
    """A small network of two outcomes for a tree of this geometry, of 64 x 64 pixels."""
    random = np.random.default_rng(seed)
    kernels, least = signs(random, 16, 1, 4, 4), random.integers(-6, 7, 16)
    return sixteen_kernels(kernels, least, 4, signs(random, 2, 16, 16, 16), np.zeros(2, np.int32), geometry)


def sixteen_kernels(kernels, least, pool, weights, biases, geometry):
    """16 kernels 4 x 4 that look down and to the right, OR pooling, a fully connected head.

    A kernel fires where the sum of its weights on bright pixels is at least ``least``: never with 17,
    always with -16.
    """
    bias = (kernels.sum(axis=(1, 2, 3)) - 2 * least + 1).astype(np.int32)
    geometry_of_layer = ConvolutionGeometry(16, 4, before=0, after=3)
    layer = Convolution(geometry_of_layer, kernels, bias, np.zeros(16, np.bool_))
    return FoldedModel(geometry.spec, (layer, Pooling(pool)), FullyConnected(weights, biases))


def picture(seed):
    """Blobs of random size on a random level: long edges and solid areas, not just noise."""
    random = np.random.default_rng(seed)
    image = np.zeros((64, 64), np.float64)
    for _ in range(random.integers(1, 8)):
        r, c = random.integers(0, 64, 2)
        image[r : r + random.integers(1, 30), c : c + random.integers(1, 30)] = random.integers(0, 256)
    image += random.integers(0, 60) * random.random((64, 64))
    return np.clip(image, 0, 255).astype(np.uint8)


def random_model(seed):
    """A model and a layout that it fits."""
    random = np.random.default_rng(seed)
    while True:
        in_blocks = random.random() < 0.5
        model = _block_model(random) if in_blocks else _cell_model(random)
        if model is not None:
            return model


def any_model(seed):
    """A model of any layers at all, with no thought of what fits; None if they do not go together."""
    random = np.random.default_rng([seed, 2])
    size = int(random.choice([16, 17, 24, 28, 32, 48, 64, 100, 128, 200, 256]))
    layers, shape = [], (1, size, size)
    for _ in range(random.integers(0, 5)):
        layer = _any_layer(random, shape[0])
        try:
            shape = layer.output_shape(shape)
        except ValueError:
            continue
        layers.append(layer)
    try:
        if random.random() < 0.4:
            side = int(random.integers(1, 8))
            before, after = (int(random.integers(0, side)) for _ in range(2))
            stride = int(random.choice([1, 2, 4, 8]))
            head = heat_map(random, shape[0], side, before=before, after=after, stride=stride)
        else:
            head = random_head(random, shape)
        return FoldedModel(InputSpec(size), tuple(layers), head)
    except ValueError:
        return None


def random_head(random, shape):
    """A fully connected head of 2 to 11 outcomes, its weights of 1 to 3 planes."""
    outcomes, planes = int(random.integers(2, 12)), int(random.integers(1, 4))
    return fully_connected(random, shape, outcomes, planes)


def _any_layer(random, channels):
    if random.random() < 0.3:
        return Pooling(int(random.choice([2, 2, 3, 4, 8, 16])))
    outputs, side = int(random.choice([1, 2, 4, 8, 16, 32])), int(random.integers(1, 8))
    groups = [count for count in range(1, channels + 1) if channels % count == outputs % count == 0]
    before, after = (int(random.integers(0, side)) if random.random() < 0.5 else 0 for _ in range(2))
    return convolution(
        random, channels, outputs, side, int(random.choice(groups)),
        stride=int(random.choice([1, 1, 2, 3, 8])), before=before, after=after,
    )  # fmt: skip


def random_input(model, seed):
    """Blobs and noise: bool (size, size)."""
    random = np.random.default_rng([seed, 1])
    size, margin = model.input.size, model.input.margin
    bits = random.random((size, size)) < random.choice([0.05, 0.3, 0.5])
    for _ in range(random.integers(0, 4)):
        r, c = random.integers(0, size, 2)
        bits[r : r + random.integers(1, size), c : c + random.integers(1, size)] ^= True
    inside = np.zeros_like(bits)
    inside[margin : size - margin, margin : size - margin] = True
    return bits & inside


def _block_model(random):
    """Blocks: one convolution with a margin for its border, then channels on their own."""
    side = int(random.choice([1, 2, 4, 8, 16], p=[0.15, 0.25, 0.35, 0.2, 0.05]))
    layout = block_layout(side)
    room = 256 // side
    size = int(random.choice([room, max(16, room - int(random.integers(0, 6)))]))
    kernel = int(random.integers(2, 8))
    border = bool(random.random() < 0.5) and side > 1
    margin = min(kernel - 1, size // 2 - 1) if border else 0
    before = int(random.integers(0, kernel)) if border else 0
    channels = int(random.integers(max(1, side * side // 2), side * side + 1))
    layers = [
        convolution(
            random, 1, channels, kernel, stride=int(random.choice([1, 1, 2, 3])), before=before,
            after=kernel - 1 - before if border else 0,
        )
    ]  # fmt: skip
    if random.random() < 0.3 and side <= 4:
        layers.append(convolution(random, channels, channels, int(random.integers(2, 4)), groups=channels))
    return _finish(random, InputSpec(size, margin), layers, layout)


def _cell_model(random):
    """Cells: layers of all kinds, dense and grouped, with and without borders."""
    size = int(
        random.choice([16, 20, 28, 32, 60, 64, 128, 256], p=[0.15, 0.1, 0.1, 0.2, 0.1, 0.2, 0.1, 0.05])
    )
    pitch = 1 << (256 // size).bit_length() - 1
    most = min(pitch * pitch, 16)
    inputs, layers = 1, []
    for depth in range(int(random.integers(1, 4))):
        outputs = int(random.integers(1, most + 1))
        groups = int(random.choice([1, inputs])) if depth else 1
        outputs = max(groups, outputs // groups * groups)
        kernel = int(random.integers(2, 8)) if depth == 0 else int(random.integers(1, 4))
        if outputs > most or (inputs // groups) * kernel**2 > MOST_TAPS:
            continue
        before, after = (
            (int(random.integers(0, kernel)) for _ in range(2)) if random.random() < 0.6 else (0, 0)
        )
        after = min(after, kernel - 1 - before)
        stride = int(random.choice([1, 1, 2]))
        layers.append(
            convolution(random, inputs, outputs, kernel, groups, stride=stride, before=before, after=after)
        )
        inputs = outputs
        if random.random() < 0.4:
            layers.append(Pooling(int(random.integers(2, 4))))
    channels = max((layer.geometry.channels for layer in layers if isinstance(layer, Convolution)), default=1)
    return _finish(random, InputSpec(size), layers, cell_layout(size, channels))


def _finish(random, spec, layers, layout):
    """Pool until a head takes the rest; None if the layers do not go together."""
    shape = (1, spec.size, spec.size)
    for layer in layers:
        try:
            shape = layer.output_shape(shape)
        except ValueError:
            return None
    is_map = random.random() < 0.3
    while np.prod(shape) > MOST_FEATURES or (is_map and shape[1] * shape[2] > MOST_CELLS):
        layers.append(Pooling(int(random.choice([2, 3, 4]))))
        try:
            shape = layers[-1].output_shape(shape)
        except ValueError:
            return None
    if is_map:
        side = int(random.integers(1, 4))
        if min(shape[1:]) < side or shape[0] * side**2 > MOST_TAPS or shape[1:] == (side, side):
            return None
        if layout.in_blocks and shape[0] > 1:
            return None  # dense across blocks: hundreds of words of shifts per channel
        return FoldedModel(spec, tuple(layers), heat_map(random, shape[0], side)), layout
    return FoldedModel(spec, tuple(layers), random_head(random, shape)), layout


def check_network(seed, array):
    """Compile a random network, run it, and say what is wrong with the outcome; None if nothing is."""
    model, layout = random_model(seed)
    return check(model, layout, seed, array)


def ternary(model, seed):
    """The model with a third of its weights 0: of some convolutions, and of the head or not."""
    random = np.random.default_rng([seed, 3])
    layers = [_ternary_layer(random, layer) if random.random() < 0.8 else layer for layer in model.layers]
    head = model.head
    if isinstance(head, HeatMap) and random.random() < 0.7:
        head = _ternary_layer(random, head)
    elif isinstance(head, FullyConnected) and random.random() < 0.7:
        head = FullyConnected(_with_zeros(random, np.sign(head.weights)), head.bias)
    return FoldedModel(model.input, tuple(layers), head)


def _ternary_layer(random, layer):
    if isinstance(layer, Pooling):
        return layer
    geometry = replace(layer.geometry, weights=Weights.TERNARY)
    return replace(layer, geometry=geometry, weights=_with_zeros(random, layer.weights))


def _with_zeros(random, weights):
    return np.where(random.random(weights.shape) < 1 / 3, 0, weights).astype(np.int8)


def check(model, layout, seed, array):
    """The same for a model at hand; a layout of None is the compiler's choice."""
    compiled = compile_model(model, layout=layout)
    bits = random_input(model, seed)
    result = run_node(compiled, bits, array)
    reference = infer(model, bits)
    if result.logits != tuple(reference.logits) or result.outcome != reference.outcome:
        return f"{result.logits} instead of {tuple(reference.logits)}"
    measured, predicted = (result.ns, result.words), (compiled.cost.nanoseconds, compiled.cost.words)
    return None if measured == predicted else f"took {measured}, predicted {predicted}"


def model_with(side, channels, size=32, stride=2, outcomes=5, planes=2, depthwise=False, seed=0):
    random = np.random.default_rng(seed)
    layers = [convolution(random, 1, channels, 5, stride=stride, before=2, after=2)]
    if depthwise:
        layers.append(convolution(random, channels, channels, 2, groups=channels))
    layers.append(Pooling(side))
    shape = (1, size, size)
    for layer in layers:
        shape = layer.output_shape(shape)
    weights = random.integers(0, 1 << planes, (outcomes, *shape)) * 2 + 1 - (1 << planes)
    head = FullyConnected(weights.astype(np.int8), random.integers(-50, 51, outcomes).astype(np.int32))
    return FoldedModel(InputSpec(size, 3), tuple(layers), head)


def deep_tree():
    """Seven nodes, three on every path."""

    def node(name, seed, *leads):
        return NodeSpec(name, some_network(seed, geometry), leads)

    geometry = CaptureGeometry(20)
    leaves = [node(name, seed, seed, 0) for seed, name in enumerate("abcd", 1)]
    specs = [node("root", 10, "x", "y"), node("x", 11, "a", "b"), node("y", 12, "c", "d"), *leaves]
    return Tree.build("deep", list("01234"), geometry, specs)
