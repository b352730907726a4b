"""Looks: the same network at an image that is moved a little; logits of several looks add up."""

from __future__ import annotations

from dataclasses import replace

from pixeltree.errors import ModelError
from pixeltree.folded.layers import Convolution
from pixeltree.folded.model import FoldedModel


def look(model: FoldedModel, shift: int) -> FoldedModel:
    """A model that sees what the given one would see of an image moved down and to the right.

    Only the borders of its first layer differ, so that the head, which has most of the weights, is the same
    segment on a device. The kernels are read in another order, and are not.

    Args:
        model: a model whose first layer convolves.
        shift: pixels along both axes, as far as the layer's borders allow; negative is up and to the left.

    Raises:
        ModelError: the first layer is no convolution, or has no border that could be moved so far.
    """
    if not shift:
        return model
    first, *others = model.layers
    if not isinstance(first, Convolution):
        raise ModelError("a model that looks at a moved image begins with a convolution")
    return replace(
        model, layers=(replace(first, before=first.before + shift, after=first.after - shift), *others)
    )
