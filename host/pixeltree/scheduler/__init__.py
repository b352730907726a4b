"""The scheduler: which node is resident, what is streamed when; TreeRunner."""

from pixeltree.scheduler.runner import InferenceResult, NodeVisit, Swap, TreeRunner

__all__ = ["InferenceResult", "NodeVisit", "Swap", "TreeRunner"]
