"""The figures of a run for monitoring systems."""

from pixeltree.metrics.endpoint import Endpoint, check_installed, serve

__all__ = ["Endpoint", "check_installed", "serve"]
