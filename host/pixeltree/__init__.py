"""Pixeltree: trees of binarized networks that run inside a SCAMP-5 vision sensor.

>>> with pixeltree.connect("tcp://127.0.0.1:27900") as device:          # doctest: +SKIP
...     runner = pixeltree.TreeRunner(device, pixeltree.Tree.load(path))
...     result = runner.infer(image)
"""

from importlib.metadata import version

from pixeltree.device import Device, connect
from pixeltree.errors import (
    CompileError,
    DataError,
    DeviceError,
    LinkError,
    PixeltreeError,
    SessionLostError,
    TreeError,
)
from pixeltree.scheduler import InferenceResult, NodeVisit, Swap, TreeRunner
from pixeltree.session import Patience
from pixeltree.tree import Tree

__version__ = version("pixeltree")

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
