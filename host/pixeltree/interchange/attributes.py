"""Attributes and constant inputs of nodes, each looked at before it is believed."""

from __future__ import annotations

import math

import numpy as np

from pixeltree.interchange.file import Constant, Node


def whole(node: Node, name: str, default: int) -> int:
    """A whole number.

    Raises:
        ModelError: the attribute is something else.
    """
    value = node.attributes.get(name, default)
    if not isinstance(value, int):
        raise node.refuse(f"its attribute {name!r} is {str(value)[:40]!r}, not a whole number")
    return value


def real(node: Node, name: str, default: float) -> float:
    """A finite number.

    Raises:
        ModelError: the attribute is something else.
    """
    value = node.attributes.get(name, default)
    if not isinstance(value, int | float) or not math.isfinite(value):
        raise node.refuse(f"its attribute {name!r} is {str(value)[:40]!r}, not a finite number")
    return float(value)


def one_of(node: Node, name: str, default: str) -> str:
    """A word.

    Raises:
        ModelError: the attribute is something else.
    """
    value = node.attributes.get(name, default)
    if not isinstance(value, str):
        raise node.refuse(f"its attribute {name!r} is {str(value)[:40]!r}, not a word")
    return value


def wholes(node: Node, name: str, default: tuple[int, ...]) -> tuple[int, ...]:
    """As many whole numbers as the default has.

    Raises:
        ModelError: the attribute is something else.
    """
    value = node.attributes.get(name, default)
    if (
        not isinstance(value, tuple)
        or len(value) != len(default)
        or not all(isinstance(each, int) for each in value)
    ):
        raise node.refuse(
            f"its attribute {name!r} is {str(value)[:40]}; here it must be {len(default)} whole numbers, for "
            "rows and columns"
        )
    return value


def permutation(node: Node, dimensions: int) -> tuple[int, ...]:
    """Where each dimension of a transpose comes from.

    Raises:
        ModelError: it is no permutation.
    """
    value = node.attributes.get("perm", tuple(range(dimensions))[::-1])
    if not isinstance(value, tuple) or sorted(map(str, value)) != sorted(map(str, range(dimensions))):
        raise node.refuse(f"perm {str(value)[:40]} does not order {dimensions} dimensions")
    return tuple(int(each) for each in value)


def few(node: Node, constant: Constant | None, most: int = 8) -> tuple[int, ...]:
    """Whole numbers of a constant that says sizes or axes.

    Raises:
        ModelError: it holds something else.
    """
    if constant is None or constant.dtype.kind not in "iu" or constant.ndim > 1 or constant.size > most:
        raise node.refuse("its sizes or axes are not a few whole numbers that the file has: fold constants")
    return tuple(int(each) for each in constant.ravel())


def axes_of(node: Node, constant: Constant | None) -> tuple[int, ...]:
    """Axes, from an input or, as older versions of ONNX have it, from an attribute.

    Raises:
        ModelError: they are something else.
    """
    if constant is not None:
        return few(node, constant)
    value = node.attributes.get("axes", ())
    if not isinstance(value, tuple) or len(value) > 8 or not all(isinstance(each, int) for each in value):
        raise node.refuse("its axes are not whole numbers")
    return value


def target_sizes(node: Node, sizes: tuple[int, ...], target: Constant) -> tuple[int, ...]:
    """Sizes after a reshape; 0 stands for the size before, and -1 for the rest.

    Raises:
        ModelError: they do not fit.
    """
    wanted = list(few(node, target))
    zero_is_kept = not whole(node, "allowzero", 0)
    for index, size in enumerate(wanted):
        if not size and zero_is_kept and index < len(sizes):
            wanted[index] = sizes[index]
    rest = math.prod(size for size in wanted if size != -1)
    if wanted.count(-1) == 1 and rest > 0:
        wanted[wanted.index(-1)] = math.prod(sizes) // rest
    if min(wanted, default=0) < 0 or math.prod(wanted) != math.prod(sizes):
        raise node.refuse(f"{sizes} cannot be reshaped to {tuple(few(node, target))}")
    return tuple(wanted)


def scalar(node: Node, constant: Constant | None, what: str) -> float:
    """One finite number.

    Raises:
        ModelError: the constant is something else.
    """
    if constant is None or constant.size != 1 or constant.dtype.kind not in "fiub":
        raise node.refuse(f"its {what} must be one number that the file has")
    value = float(constant.ravel()[0])
    if not np.isfinite(value):
        raise node.refuse(f"its {what} is {value}, not a finite number")
    return value
