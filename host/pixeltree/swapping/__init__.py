"""Swapping: predicting, keeping, evicting and sending ahead. No I/O."""

from pixeltree.errors import NoRoomError
from pixeltree.swapping.account import Counters
from pixeltree.swapping.chunking import Chunk
from pixeltree.swapping.description import SwapNode, SwapObject, SwapTree
from pixeltree.swapping.line import LINES, LineRate, line_named
from pixeltree.swapping.memory import ControllerMemory
from pixeltree.swapping.pace import Pace
from pixeltree.swapping.planner import Planner
from pixeltree.swapping.prediction import Markov, Mixture, Predictor, Prior, RootLogits
from pixeltree.swapping.residency import POLICIES, Belady, ExpectedCost, LeastRecentlyUsed, Residency
from pixeltree.swapping.summary import Summary
from pixeltree.swapping.trace import Trace

__all__ = [
    "LINES",
    "POLICIES",
    "Belady",
    "Chunk",
    "ControllerMemory",
    "Counters",
    "ExpectedCost",
    "LeastRecentlyUsed",
    "LineRate",
    "Markov",
    "Mixture",
    "NoRoomError",
    "Pace",
    "Planner",
    "Predictor",
    "Prior",
    "Residency",
    "RootLogits",
    "Summary",
    "SwapNode",
    "SwapObject",
    "SwapTree",
    "Trace",
    "line_named",
]
