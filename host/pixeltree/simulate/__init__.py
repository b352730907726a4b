"""Swapping in simulation: sequences of outcomes against a tree, a memory, a line and a policy."""
