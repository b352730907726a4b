"""The nodes of a tree by the digests under which the device knows them."""

from __future__ import annotations

from pixeltree.errors import TreeError
from pixeltree.tree.tree import Tree
from pixeltree_protocol.objects import Digest, short


class NodeTable:
    """Names and numbers of nodes; the numbers are those of :class:`SwapTree`.

    Args:
        tree: the tree.
    """

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self._known = {node.digest: (number, node.name) for number, node in enumerate(tree.by_level)}

    def find(self, node: Digest) -> tuple[int, str]:
        """Its number and its name.

        Raises:
            TreeError: the tree has no such node.
        """
        found = self._known.get(node)
        if found is None:
            raise TreeError(f"the device reported node {short(node)}, which is not in this tree")
        return found

    def number(self, node: Digest) -> int:
        """Its number.

        Raises:
            TreeError: the tree has no such node.
        """
        return self.find(node)[0]

    def name(self, node: Digest) -> str:
        """Its name.

        Raises:
            TreeError: the tree has no such node.
        """
        return self.find(node)[1]

    def check_fits(self, limit: int, icw_store: int, given: bool = True) -> None:
        """See that each node fits into so many bytes of memory, and so many instruction words.

        Args:
            limit: bytes of controller memory.
            icw_store: instruction words.
            given: whether a caller set the limit; otherwise it is all that the device has.

        Raises:
            TreeError: one does not.
        """
        for node in self._tree.by_level:
            words = self._tree.words_of(node)
            if words > icw_store:
                raise TreeError(
                    f"node {node.name!r} needs {words} instruction words; the device's store has {icw_store}"
                )
            size = self._tree.bytes_of(node.needs)
            if size > limit:
                bound = f"the limit is {limit}" if given else f"the device has {limit}"
                raise TreeError(f"node {node.name!r} needs {size} bytes of controller memory; {bound}")
