"""Training of a tree's networks with PyTorch, and their exact fold to integers.

Nothing outside this package and ``tools/`` imports PyTorch: a folded network runs without it.
"""
