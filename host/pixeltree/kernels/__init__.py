"""Kernel builder: the vendor's kernel API, recorded into blocks."""

from pixeltree.kernels.builder import Kernel

__all__ = ["Kernel"]
