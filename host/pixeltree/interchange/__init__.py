"""Networks that other tools have trained: an ONNX file becomes a folded model, exactly, or is refused.

From the file to the model:

- ``file``: bytes from outside become a checked graph.
- ``constants``: what can be computed without an image.
- ``exact`` and ``signals``: what flows through the graph, as exact numbers.
- ``attributes``, ``linear``, ``pointwise``, ``shapes``, ``activations``: the operators.
- ``head`` and ``reader``: the last layer, and the model.
"""

from pixeltree.interchange.reader import Imported, read_onnx

__all__ = ["Imported", "read_onnx"]
