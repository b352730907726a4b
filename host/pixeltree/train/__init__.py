"""Training of a tree's networks with PyTorch, and their exact fold to integers.

Nothing outside this package and ``tools/`` imports PyTorch: a folded network runs without it. From the
outside in:

- ``recipe`` and ``from_recipe``: a TOML file becomes a model.
- ``grow``, ``grouping``, ``capacity``: a tree within what one node may cost.
- ``training``, ``objective``, ``augment``, ``checkpoint``: the training of one network.
- ``specification``, ``network``, ``layers``, ``input``, ``binarize``, ``noise``: what is trained.
- ``folding`` and ``export``: what becomes of it.

A loop of your own needs a ``NetworkSpecification`` and a ``BinaryNetwork``, an ordinary ``nn.Module``;
``clip_latent_weights`` after each step; then ``fold`` and ``one_node``.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pixeltree.model.geometry import (
        ConvolutionGeometry,
        FullyConnectedGeometry,
        HeatMapGeometry,
        Pooling,
        Weights,
    )
    from pixeltree.train.export import one_node
    from pixeltree.train.folding import fold
    from pixeltree.train.from_recipe import TrainedModel, train_recipe
    from pixeltree.train.layers import clip_latent_weights
    from pixeltree.train.network import BinaryNetwork
    from pixeltree.train.progress import Progress
    from pixeltree.train.recipe import Recipe, load_recipe
    from pixeltree.train.specification import Input, NetworkSpecification
    from pixeltree_protocol.chip.nonidealities import TYPICAL_ERRORS

_HOMES = {
    "TYPICAL_ERRORS": "pixeltree_protocol.chip.nonidealities",
    "BinaryNetwork": "pixeltree.train.network",
    "ConvolutionGeometry": "pixeltree.model.geometry",
    "FullyConnectedGeometry": "pixeltree.model.geometry",
    "HeatMapGeometry": "pixeltree.model.geometry",
    "Input": "pixeltree.train.specification",
    "NetworkSpecification": "pixeltree.train.specification",
    "Pooling": "pixeltree.model.geometry",
    "Progress": "pixeltree.train.progress",
    "Recipe": "pixeltree.train.recipe",
    "TrainedModel": "pixeltree.train.from_recipe",
    "Weights": "pixeltree.model.geometry",
    "clip_latent_weights": "pixeltree.train.layers",
    "fold": "pixeltree.train.folding",
    "load_recipe": "pixeltree.train.recipe",
    "one_node": "pixeltree.train.export",
    "train_recipe": "pixeltree.train.from_recipe",
}

__all__ = [
    "TYPICAL_ERRORS",
    "BinaryNetwork",
    "ConvolutionGeometry",
    "FullyConnectedGeometry",
    "HeatMapGeometry",
    "Input",
    "NetworkSpecification",
    "Pooling",
    "Progress",
    "Recipe",
    "TrainedModel",
    "Weights",
    "clip_latent_weights",
    "fold",
    "load_recipe",
    "one_node",
    "train_recipe",
]


def __getattr__(name: str) -> object:
    """A public name, imported when it is first used: the package itself does not import PyTorch."""
    if name not in __all__:
        raise AttributeError(f"module 'pixeltree.train' has no attribute {name!r}")
    value: object = getattr(import_module(_HOMES[name]), name)
    return value
