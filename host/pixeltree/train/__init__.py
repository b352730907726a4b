"""Training of a tree's networks with PyTorch, and their exact fold to integers.

Nothing outside this package and ``tools/`` imports PyTorch: a folded network runs without it. From the
outside in:

- ``recipe`` and ``from_recipe``: a TOML file becomes a model.
- ``grow``, ``grouping``, ``capacity``: a tree within what one node may cost.
- ``training``, ``objective``, ``augment``, ``checkpoint``: the training of one network.
- ``specification``, ``network``, ``layers``, ``input``, ``binarize``, ``noise``: what is trained.
- ``fold`` and ``export``: what becomes of it.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pixeltree.train.from_recipe import TrainedModel, train_recipe
    from pixeltree.train.progress import Progress
    from pixeltree.train.recipe import Recipe, load_recipe

__all__ = ["Progress", "Recipe", "TrainedModel", "load_recipe", "train_recipe"]

_HOMES = {"Progress": "progress", "Recipe": "recipe", "load_recipe": "recipe"}


def __getattr__(name: str) -> object:
    """A public name, imported when it is first used: the package itself does not import PyTorch."""
    if name not in __all__:
        raise AttributeError(f"module 'pixeltree.train' has no attribute {name!r}")
    value: object = getattr(import_module(f"pixeltree.train.{_HOMES.get(name, 'from_recipe')}"), name)
    return value
