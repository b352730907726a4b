"""Pixeltree: trees of binarized networks that run inside a SCAMP-5 vision sensor.

>>> import pixeltree as pt
>>> tree = pt.zoo.load("digits")
>>> with pt.emulator() as device, pt.TreeRunner.open(device, tree) as runner:       # doctest: +SKIP
...     result = runner.infer(image)

All that a user needs is here. Modules below are private: they change without notice.

A name is imported when it is first used: the command line starts fast, and can handle Ctrl-C meanwhile.
PyTorch is imported when something of ``pixeltree.train`` is used.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pixeltree import datasets, errors, evaluate, metrics, scamp5d, train
    from pixeltree.aio import AsyncDevice, AsyncRunner, aconnect
    from pixeltree.compiler import compile_model as compile
    from pixeltree.device.chip import ControllerProgram
    from pixeltree.device.device import Device, connect, emulator
    from pixeltree.device.exposure import FrameExposure
    from pixeltree.device.patience import Patience
    from pixeltree.interchange import read_onnx
    from pixeltree.kernels import Kernel

    # fmt: off
    from pixeltree.kernels.names import (  # isort: skip
        A, B, C, D, E, F, NEWS, XN, XE, XS, XW, PIX, IN, FLAG, SELECT, RECT, RF, RP, R0, R1, R2, R3, R4, R5,
        R6, R7, R8, R9, R10, R11, R12, north, east, south, west, alldir,
    )
    # fmt: on
    from pixeltree.run import InferenceResult, NodeVisit, Playing, Swap, TreeRunner, play
    from pixeltree.swapping import LINES, Summary, Trace
    from pixeltree.swapping import LineRate as Line
    from pixeltree.tree import zoo
    from pixeltree.tree.tree import Tree
    from pixeltree.view.program import Page

    __version__: str

# fmt: off
__all__ = [  # noqa: RUF022 - in the order in which a user meets them
    "connect", "emulator", "Device", "Patience", "Tree", "TreeRunner", "InferenceResult", "NodeVisit",
    "Swap", "Summary", "play", "Playing", "aconnect", "AsyncDevice", "AsyncRunner", "Line", "LINES", "Trace",
    "FrameExposure", "zoo", "Page", "Kernel", "ControllerProgram", "A", "B", "C", "D", "E", "F", "NEWS",
    "XN", "XE", "XS", "XW", "PIX", "IN", "FLAG", "SELECT", "RECT", "RF", "RP", "R0", "R1", "R2", "R3", "R4",
    "R5", "R6", "R7", "R8", "R9", "R10", "R11", "R12", "north", "east", "south", "west", "alldir", "compile",
    "datasets", "evaluate", "metrics", "train", "read_onnx", "scamp5d", "errors", "__version__",
]
# fmt: on

_HOMES = {
    "aconnect": "pixeltree.aio:aconnect",
    "AsyncDevice": "pixeltree.aio:AsyncDevice",
    "AsyncRunner": "pixeltree.aio:AsyncRunner",
    "compile": "pixeltree.compiler:compile_model",
    "ControllerProgram": "pixeltree.device.chip:ControllerProgram",
    "connect": "pixeltree.device.device:connect",
    "emulator": "pixeltree.device.device:emulator",
    "Device": "pixeltree.device.device:Device",
    "FrameExposure": "pixeltree.device.exposure:FrameExposure",
    "Page": "pixeltree.view.program:Page",
    "Patience": "pixeltree.device.patience:Patience",
    "Kernel": "pixeltree.kernels:Kernel",
    "read_onnx": "pixeltree.interchange:read_onnx",
    "TreeRunner": "pixeltree.run:TreeRunner",
    "InferenceResult": "pixeltree.run:InferenceResult",
    "NodeVisit": "pixeltree.run:NodeVisit",
    "Playing": "pixeltree.run:Playing",
    "play": "pixeltree.run:play",
    "Swap": "pixeltree.run:Swap",
    "Line": "pixeltree.swapping:LineRate",
    "LINES": "pixeltree.swapping:LINES",
    "Summary": "pixeltree.swapping:Summary",
    "Trace": "pixeltree.swapping:Trace",
    "Tree": "pixeltree.tree.tree:Tree",
    "zoo": "pixeltree.tree.zoo:",
    "datasets": "pixeltree.datasets:",
    "errors": "pixeltree.errors:",
    "evaluate": "pixeltree.evaluate:",
    "metrics": "pixeltree.metrics:",
    "scamp5d": "pixeltree.scamp5d:",
    "train": "pixeltree.train:",
}
"""Where a name is defined, as ``module:name``. All others are in ``pixeltree.kernels.names``."""


def __getattr__(name: str) -> object:
    """A public name, imported when it is first used."""
    if name not in __all__:
        raise AttributeError(f"module 'pixeltree' has no attribute {name!r}")
    if name == "__version__":
        return import_module("importlib.metadata").version("pixeltree")
    module, _, attribute = _HOMES.get(name, f"pixeltree.kernels.names:{name}").partition(":")
    home = import_module(module)
    value: object = getattr(home, attribute) if attribute else home
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
