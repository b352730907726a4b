"""Random folded models: any that the integer reference can run."""

import numpy as np

from pixeltree.model import Convolution, ConvolutionGeometry, FullyConnected, HeatMap, HeatMapGeometry


def signs(random, *shape):
    return random.choice(np.array([-1, 1], np.int8), shape)


def convolution(random, inputs, outputs, side, groups=1, before=0, after=0, **rest):
    """A convolution whose channels fire about half of the time, some of them always or never."""
    weights = signs(random, outputs, inputs // groups, side, side)
    reach = max(2, int(np.sqrt(weights[0].size)))
    bias = random.integers(-reach, reach + 1, outputs).astype(np.int32)
    bias[random.random(outputs) < 0.05] = weights[0].size + 1
    geometry = ConvolutionGeometry(outputs, side, groups=groups, before=before, after=after, **rest)
    return Convolution(geometry, weights, bias, random.random(outputs) < 0.3)


def odd(random, planes, *shape):
    """Weights of so many planes: random signs, the j-th times 2^j."""
    values = sum((1 << j) * signs(random, *shape).astype(np.int16) for j in range(planes))
    return values.astype(np.int8)


def fully_connected(random, shape, outcomes, planes=1):
    return FullyConnected(
        odd(random, planes, outcomes, *shape), random.integers(-50, 50, outcomes).astype(np.int32)
    )


def heat_map(random, channels, side, before=0, after=0, **rest):
    weights = signs(random, 1, channels, side, side)
    geometry = HeatMapGeometry(side, before=before, after=after, **rest)
    return HeatMap(geometry, weights, random.integers(-9, 9, 1).astype(np.int32))
