"""The compiler: a folded model becomes a node image."""

from pixeltree.compiler.capture import CaptureGeometry
from pixeltree.compiler.ending import Ending
from pixeltree.compiler.image import CompiledNode
from pixeltree.compiler.pipeline import Compiled, compile_capture, compile_model, compile_window

__all__ = [
    "CaptureGeometry",
    "Compiled",
    "CompiledNode",
    "Ending",
    "compile_capture",
    "compile_model",
    "compile_window",
]
