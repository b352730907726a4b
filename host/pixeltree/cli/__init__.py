"""The ``pixeltree`` command."""

from pixeltree.cli.app import main

__all__ = ["main"]
