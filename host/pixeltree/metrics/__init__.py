"""The figures of a run for monitoring systems."""

from pixeltree.metrics.endpoint import Endpoint, serve

__all__ = ["Endpoint", "serve"]
