"""The compiler: a folded model becomes a node."""

from pixeltree.compiler.capture import CaptureGeometry
from pixeltree.compiler.node import CompiledNode
from pixeltree.compiler.pipeline import Compiled, compile_capture, compile_model, compile_window
from pixeltree.model.ending import Ending

__all__ = [
    "CaptureGeometry",
    "Compiled",
    "CompiledNode",
    "Ending",
    "compile_capture",
    "compile_model",
    "compile_window",
]
