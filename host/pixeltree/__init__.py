"""Pixeltree: trees of binarized networks that run inside a SCAMP-5 vision sensor.

>>> with pixeltree.connect("tcp://127.0.0.1:27900") as device:          # doctest: +SKIP
...     runner = pixeltree.TreeRunner.open(device, pixeltree.Tree.load(path))
...     result = runner.infer(image)

A name is imported when it is first used, so that the command line can handle Ctrl-C meanwhile.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pixeltree.device.device import Device, connect
    from pixeltree.device.patience import Patience
    from pixeltree.errors import (
        CompileError,
        DataError,
        DeviceError,
        LinkError,
        PixeltreeError,
        SessionLostError,
        TreeError,
    )
    from pixeltree.run import InferenceResult, NodeVisit, Swap, TreeRunner
    from pixeltree.tree.tree import Tree

    __version__: str

__all__ = [
    "CompileError",
    "DataError",
    "Device",
    "DeviceError",
    "InferenceResult",
    "LinkError",
    "NodeVisit",
    "Patience",
    "PixeltreeError",
    "SessionLostError",
    "Swap",
    "Tree",
    "TreeError",
    "TreeRunner",
    "__version__",
    "connect",
]

_ROOMS = {
    "pixeltree.device.device": ("Device", "connect"),
    "pixeltree.run": ("InferenceResult", "NodeVisit", "Swap", "TreeRunner"),
    "pixeltree.device.session": ("Patience",),
    "pixeltree.tree.tree": ("Tree",),
}
"""Where a name lives that is no error; errors live in ``pixeltree.errors``."""


def __getattr__(name: str) -> object:
    """A public name, imported when it is first used."""
    if name not in __all__:
        raise AttributeError(f"module 'pixeltree' has no attribute {name!r}")
    if name == "__version__":
        return import_module("importlib.metadata").version("pixeltree")
    room = next((room for room, names in _ROOMS.items() if name in names), "pixeltree.errors")
    value: object = getattr(import_module(room), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
