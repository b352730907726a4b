"""The compiler: a folded network becomes a node image."""

from pixeltree.compiler.capture import CaptureGeometry, compile_capture
from pixeltree.compiler.image import CompiledNode
from pixeltree.compiler.node import compile_node

__all__ = ["CaptureGeometry", "CompiledNode", "compile_capture", "compile_node"]
