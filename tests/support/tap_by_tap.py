"""What a folded model computes, tap by tap as the definition says: slow, and plain to see."""

import numpy as np

from pixeltree.model import FullyConnected, Pooling


def convolved(layer, bits):
    """Pre-activations without bias, (outputs, rows, columns), of bits (channels, rows, columns)."""
    outputs, rows, columns = layer.output_shape(bits.shape)
    pad, stride = layer.geometry.borders, layer.geometry.stride
    signs = np.pad(bits.astype(np.int64) * 2 - 1, ((0, 0), pad, pad), constant_values=-1)
    inputs = layer.weights.shape[1]
    result = np.zeros((outputs, rows, columns), np.int64)
    for output in range(outputs):
        first = output * layer.geometry.groups // outputs * inputs
        for (channel, i, j), weight in np.ndenumerate(layer.weights[output]):
            plane = signs[first + channel, i:, j:]
            result[output] += int(weight) * plane[::stride, ::stride][:rows, :columns]
    return result


def activations_and_logits(model, bits):
    planes = [bits[None]]
    for layer in model.layers:
        if isinstance(layer, Pooling):
            channels, rows, columns = layer.output_shape(planes[-1].shape)
            pooled = np.zeros((channels, rows, columns), bool)
            for i, j in np.ndindex(layer.side, layer.side):
                pooled |= planes[-1][:, i :: layer.side, j :: layer.side][:, :rows, :columns]
            planes.append(pooled)
        else:
            sums = convolved(layer, planes[-1]) + layer.bias[:, None, None]
            planes.append(np.where(layer.falling[:, None, None], sums < 0, sums > 0))
    head = model.head
    if isinstance(head, FullyConnected):
        signs = planes[-1].astype(np.int64).ravel() * 2 - 1
        return planes, head.weights.reshape(head.outcomes, -1).astype(np.int64) @ signs + head.bias
    return planes, (convolved(head, planes[-1])[0] + head.bias[0]).ravel()
