"""Pictures that lead to each end of a tree."""

import pytest
from tests.support.random_models import some_network

from pixeltree.bench.random_tree import album
from pixeltree.compiler import CaptureGeometry
from pixeltree.errors import DataError
from pixeltree.swapping.describe import describe
from pixeltree.tree.node import NodeSpec
from pixeltree.tree.tree import Tree


@pytest.fixture(scope="module")
def tree():
    """Frames may end at the root, at an inner node, and at leaves."""
    inner = [("root", 10, ("x", 0)), ("x", 11, ("a", "b")), ("b", 2, (2, "c"))]
    leaves = [("a", 1, (1, 0)), ("c", 3, (3, 0))]
    geometry = CaptureGeometry(20)
    specs = [NodeSpec(name, some_network(seed, geometry), leads) for name, seed, leads in (*inner, *leaves)]
    return Tree.build("deep", list("0123"), geometry, specs)


def test_each_picture_leads_to_its_end(tree):
    swap_tree = describe(tree)
    found = album(tree, len(swap_tree.ends))
    for end, node in enumerate(swap_tree.ends):
        picture = found.pictures[found.of_end[end]]
        assert tree.reference(picture)[1][-1].node == tree.by_level[node].name


def test_an_end_that_no_picture_comes_to_is_an_error(tree):
    with pytest.raises(DataError, match="another seed"):
        album(tree, 7)
