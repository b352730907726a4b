"""Small binary networks as ONNX models, written by hand, and what ONNX's own reference makes of them."""

from dataclasses import dataclass, field

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator
from onnx.reference.op_run import OpRun

QONNX = "qonnx.custom_op.general"


class BipolarQuant(OpRun):
    """By QONNX's description of the operator: the sign, +1 at 0, times the scale."""

    op_domain = QONNX

    def _run(self, values, scale):
        return (np.where(values >= 0, scale, -scale).astype(values.dtype),)


class Quant(OpRun):
    """The same for one signed bit, the only case that is needed here."""

    op_domain = QONNX

    def _run(self, values, scale, zero, bits, signed=None, narrow=None, rounding_mode=None):
        assert (bits, zero, signed) == (1, 0, 1)
        return (np.where(values >= 0, scale, -scale).astype(values.dtype),)


@dataclass
class Builder:
    """Nodes one after the other; each call of :meth:`add` goes on from the tensor before."""

    size: int = 16
    nodes: list = field(default_factory=list)
    constants: list = field(default_factory=list)
    now: str = "image"
    bits: list = field(default_factory=list)
    layers: int = 0

    def __post_init__(self):
        self.rows = self.size

    def constant(self, values, kind=np.float32):
        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(values, kind), name))
        return name

    def add(self, operator, *constants, domain="", first=False, **attributes):
        """A node on the tensor before and on constants, arrays or names of tensors."""
        names = [each if isinstance(each, str) else self.constant(each) for each in constants]
        inputs = [*names, self.now] if first else [self.now, *names]
        self.now = f"t{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, inputs, [self.now], domain=domain, **attributes))
        return self

    def weights(self, values, scale=None):
        """Weights as they are, or behind a quantizer."""
        name = self.constant(values)
        if scale is None:
            return name
        made = f"w{len(self.nodes)}"
        self.nodes.append(
            helper.make_node("BipolarQuant", [name, self.constant(scale)], [made], domain=QONNX)
        )
        return made

    def note_bits(self, layers, turned=False):
        """The tensor has the activations after so many layers more; turned: bit 0 is the greater value."""
        self.layers += layers
        self.bits.append((self.now, self.layers, turned))

    def model(self, outputs=(), shape=None):
        shape = ["batch", 1, self.size, self.size] if shape is None else shape
        graph = helper.make_graph(
            self.nodes,
            "network",
            [helper.make_tensor_value_info("image", TensorProto.FLOAT, shape)],
            [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in (*outputs, self.now)],
            self.constants,
        )
        opsets = [helper.make_opsetid("", 18), helper.make_opsetid(QONNX, 2)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=10)


def reference(builder, images):
    """Activations that were noted, and logits, of images uint8 (N, rows, columns), in floats of 32 bits."""
    evaluator = ReferenceEvaluator(
        builder.model([name for name, *_ in builder.bits]), new_ops=[BipolarQuant, Quant]
    )
    values = (images.astype(np.float32) / np.float32(255))[:, None]
    return evaluator.run(None, {"image": values})


def input_signs(random, build):
    """Grey to two values, in one of the ways in which people write it; 128 is the first bright one."""
    match random.integers(4):
        case 0:
            build.add("Sub", 0.5).add("BipolarQuant", 1.0, domain=QONNX)
        case 1:
            build.add("Add", -0.5).add("Mul", 2.0).add("Sign")
        case 2:
            build.add("Greater", 0.5).add("Where", 1.0, -1.0)
        case _:
            build.add("GreaterOrEqual", 0.5).add("Cast", to=TensorProto.FLOAT)
            build.add("Mul", 2.0).add("Sub", 1.0)
    build.note_bits(0)


def activation(random, build, may_turn):
    """A sum to -1 and +1, or to other two values; returns the one of bit 0, the greater only if it may."""
    match random.integers(6 if may_turn else 5):
        case 0:
            scale = float(random.choice([0.5, 1, 2]))
            build.add("BipolarQuant", scale, domain=QONNX)
            return -scale
        case 1:
            attributes = {"signed": 1, "narrow": 1, "rounding_mode": "ROUND"}
            build.add("Quant", 1.0, 0.0, 1.0, domain=QONNX, **attributes)
            return -1.0
        case 2:
            build.add("GreaterOrEqual", 0.0).add("Where", 1.0, -1.0)
            return -1.0
        case 3:
            build.add("Less", 0.0, first=True).add("Cast", to=TensorProto.FLOAT)
            return 0.0
        case 5:
            build.add("GreaterOrEqual", 0.0).add("Where", -1.0, 1.0)
            return 1.0
        case _:
            build.add("Clip", -1.0, 1.0).add("BipolarQuant", 1.0, domain=QONNX)
            return -1.0


def normalization(random, channels, dyadic):
    """Gamma, beta, mean, variance: such that floats are exact, or of any kind."""
    if dyadic:
        return (
            random.choice([-1.0, -0.5, 0.5, 1.0, 2.0], channels),
            random.integers(-4, 5, channels) / 2,
            random.integers(-8, 9, channels) / 2,
            random.choice([0.75, 3.75], channels),  # with epsilon 0.25 the squares of 1 and 2
        )
    return (
        random.normal(0, 1, channels),
        random.normal(0, 1, channels),
        random.normal(0, 4, channels),
        random.gamma(2, 10, channels),
    )


def convolution(random, build, inputs, low, dyadic):
    """A convolution, batch normalization, activation and pooling; returns channels and the lower value."""
    groups = inputs if random.random() < 0.3 else 1
    channels = int(random.integers(2, 5)) if groups == 1 else inputs * int(random.integers(1, 3))
    side, stride = int(random.integers(2, 4)), int(random.integers(1, 3))
    scale = None if random.random() < 0.5 else 0.5
    values = random.choice([-1.0, 1.0], (channels, inputs // groups, side, side)) * random.choice([0.25, 1])
    padded = low != 0 and random.random() < 0.5
    if padded:
        build.add("Pad", build.constant([0, 0, 1, 1, 0, 0, 0, 0], np.int64), low)
    pads = [1, 1, 1, 1] if low == 0 else [0] * 4
    bias = [] if random.random() < 0.5 else [random.integers(-3, 4, channels)]
    build.add("Conv", build.weights(values, scale), *bias, strides=[stride] * 2, group=groups, pads=pads)
    build.rows = (build.rows + (2 if padded or low == 0 else 0) - side) // stride + 1
    pooled = 0
    if random.random() < 0.7:
        build.add("BatchNormalization", *normalization(random, channels, dyadic), epsilon=0.25)
    pools = build.rows >= 6 and random.random() < 0.5
    build.rows //= 1 + pools
    if pools and random.random() < 0.5:
        build.add("MaxPool", kernel_shape=[2, 2], strides=[2, 2])
        pooled = 1
    low = activation(random, build, may_turn=pooled or not pools)
    build.note_bits(1 + pooled, turned=low > 0)
    if pools and not pooled:
        build.add("MaxPool", kernel_shape=[2, 2], strides=[2, 2])
        build.note_bits(1)
    return channels, low


def network(seed, dyadic):
    """A random network of one or two convolutions and a fully connected layer."""
    random = np.random.default_rng(seed)
    build = Builder(int(random.choice([16, 20])))
    input_signs(random, build)
    channels, low = 1, -1.0
    for _ in range(random.integers(1, 3)):
        channels, low = convolution(random, build, channels, low, dyadic)
    probe = np.zeros((1, build.size, build.size), np.uint8)
    features = int(np.prod(reference(build, probe)[-1].shape[1:]))
    outcomes = int(random.integers(2, 6))
    weights = random.choice([-1.0, 1.0], (outcomes, features)) * random.choice([0.5, 1])
    biases = random.integers(-6, 7, outcomes) / 4 if dyadic else random.normal(0, 3, outcomes)
    if random.random() < 0.5:
        build.add("Flatten").add("Gemm", weights, biases, transB=1)
    else:
        build.add("Reshape", build.constant([0, -1], np.int64)).add("MatMul", weights.T).add("Add", biases)
    if random.random() < 0.3:
        build.add("Mul", 0.25)
    if random.random() < 0.3 and dyadic:
        build.add("Softmax", axis=1)
    return build


def images(seed, size, count=6):
    """Blobs and noise, uint8 (count, size, size)."""
    random = np.random.default_rng([seed, 1])
    noise = random.integers(0, 256, (count, size, size))
    for image in noise:
        for _ in range(random.integers(1, 4)):
            r, c = random.integers(0, size - 2, 2)
            image[r : r + random.integers(2, size), c : c + random.integers(2, size)] = random.integers(
                0, 256
            )
    return noise.astype(np.uint8)


def saved(model, folder, name="network.onnx"):
    """The path of a file with the model."""
    path = folder / name
    onnx.save(model, path)
    return path
