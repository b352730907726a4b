"""Swapping in simulation: sequences of outcomes against a tree, a memory, a line and a policy."""

from pixeltree.simulate.sequences import GENERATORS, make_sequence
from pixeltree.simulate.simulator import Outcome, Setup, simulate

__all__ = ["GENERATORS", "Outcome", "Setup", "make_sequence", "simulate"]
