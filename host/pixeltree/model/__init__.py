"""The folded model: a network with binary activations as data, its integer reference, and its file form.

Trainers write it, the compiler reads it, and what a device computes is compared with its reference.
"""

from pixeltree.errors import ModelError
from pixeltree.model.file import data_of, decode_model, encode_model, fields_of
from pixeltree.model.geometry import ConvolutionGeometry, FullyConnectedGeometry, HeatMapGeometry, Pooling
from pixeltree.model.layers import Convolution, FullyConnected, HeatMap, Layer
from pixeltree.model.model import FoldedModel, Head, InputSpec
from pixeltree.model.reference import Inference, add_logits, decide, infer, infer_many
from pixeltree.model.window import Window

__all__ = [
    "Convolution",
    "ConvolutionGeometry",
    "FoldedModel",
    "FullyConnected",
    "FullyConnectedGeometry",
    "Head",
    "HeatMap",
    "HeatMapGeometry",
    "Inference",
    "InputSpec",
    "Layer",
    "ModelError",
    "Pooling",
    "Window",
    "add_logits",
    "data_of",
    "decide",
    "decode_model",
    "encode_model",
    "fields_of",
    "infer",
    "infer_many",
]
