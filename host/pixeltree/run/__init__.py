"""The scheduler: which node is resident, what is streamed when; TreeRunner."""

from pixeltree.run.frame_run import FrameRun
from pixeltree.run.results import InferenceResult, NodeVisit, Swap
from pixeltree.run.runner import TreeRunner

__all__ = ["FrameRun", "InferenceResult", "NodeVisit", "Swap", "TreeRunner"]
