"""Runs trees on devices: frames are taken through, and nodes are streamed in."""

from pixeltree.run.frame_run import FrameRun
from pixeltree.run.playing import Playing, play
from pixeltree.run.results import InferenceResult, NodeVisit, Swap
from pixeltree.run.runner import TreeRunner

__all__ = ["FrameRun", "InferenceResult", "NodeVisit", "Playing", "Swap", "TreeRunner", "play"]
