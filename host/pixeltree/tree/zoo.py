"""The trees that come with the package, by name, and the images that each was not made with."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from pixeltree.arguments.files import AnyPath, as_path
from pixeltree.datasets import Dataset
from pixeltree.datasets.named import held_out_part
from pixeltree.errors import TreeError
from pixeltree.tree.cards import Card, read_cards
from pixeltree.tree.tree import Tree
from pixeltree_protocol.names import known_names

_FOLDER = Path(str(files("pixeltree"))) / "data"


def names() -> tuple[str, ...]:
    """Names of the trees."""
    return tuple(sorted(file.stem for file in _FOLDER.glob("*.ptree")))


def path(name: str) -> Path:
    """The file of a tree.

    Raises:
        TreeError: no tree has this name.
    """
    if name not in names():
        raise TreeError(f"no tree of the package is named {name!r}; {known_names(name, names())}")
    return _FOLDER / f"{name}.ptree"


def load(name: str) -> Tree:
    """A tree.

    Raises:
        TreeError: no tree has this name.
    """
    return Tree.load(path(name))


def card(name: str) -> Card:
    """What is known about a tree: data, scores, device time, commands.

    Raises:
        TreeError: no tree has this name.
    """
    return read_cards(path(name).parent)[name]


def held_out(name: str) -> Dataset:
    """The test images of a tree, which it was not made with, read as its file says.

    Of MNIST these are the 400 that come with the package.

    Raises:
        TreeError: no tree has this name.
        DataError: its images need an extra that is not installed.
    """
    tree = load(name)
    return held_out_part(tree.geometry.size, tree.data).images


def tree_file(text: AnyPath) -> Path:
    """What somebody means who names a tree: a file if there is one, else a tree of the package.

    Raises:
        TreeError: there is neither, and the text can be no name of a file that was forgotten.
    """
    file = as_path(text)
    if (file.exists() and not file.is_dir()) or file.suffix or len(file.parts) != 1:
        return file
    if str(file) not in names():
        raise TreeError(
            f"{file}: there is no such file, and no tree of the package has this name; "
            f"{known_names(str(file), names())}"
        )
    return path(str(file))
