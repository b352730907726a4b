"""The scheduler: which node is resident, what is streamed when; TreeRunner."""

from pixeltree.scheduler.results import InferenceResult, NodeVisit, Swap
from pixeltree.scheduler.run import FrameRun
from pixeltree.scheduler.runner import TreeRunner

__all__ = ["FrameRun", "InferenceResult", "NodeVisit", "Swap", "TreeRunner"]
