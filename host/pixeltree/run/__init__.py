"""Runs trees on devices: frames are taken through, and nodes are streamed in."""

from pixeltree.run.results import InferenceResult, NodeVisit, Swap
from pixeltree.run.runner import TreeRunner

__all__ = ["InferenceResult", "NodeVisit", "Swap", "TreeRunner"]
