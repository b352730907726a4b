"""The trees that ship with Pixeltree, and the images that each was not made with."""

from __future__ import annotations

from importlib import resources

from pixeltree.datasets import Dataset
from pixeltree.datasets.named import test_part
from pixeltree.errors import DataError
from pixeltree.tree.tree import Tree

_SUFFIX = ".ptree"


def names() -> tuple[str, ...]:
    """Names of the trees, in alphabetical order."""
    files = (resources.files("pixeltree") / "data").iterdir()
    return tuple(sorted(file.name.removesuffix(_SUFFIX) for file in files if file.name.endswith(_SUFFIX)))


def load(name: str) -> Tree:
    """A tree that ships with Pixeltree.

    Args:
        name: one of :func:`names`.

    Raises:
        DataError: no tree has this name.
    """
    if name not in names():
        raise DataError(f"no tree of this name ships with Pixeltree: {name!r}; known: {', '.join(names())}")
    with resources.as_file(resources.files("pixeltree") / "data" / f"{name}{_SUFFIX}") as path:
        return Tree.load(path)


def held_out(name: str) -> Dataset:
    """The test images of a tree, which it was not made with, read as its file says.

    Args:
        name: one of :func:`names`.

    Raises:
        DataError: no tree has this name, or its images need an extra that is not installed.
    """
    tree = load(name)
    return test_part(tree.geometry.size, tree.data).images
