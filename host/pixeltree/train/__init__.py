"""Training of a tree's networks with PyTorch, and their exact fold to integers.

Nothing outside this package and ``tools/`` imports PyTorch: a folded network runs without it. From the
outside in:

- ``recipe`` and ``run``: a TOML file becomes a model.
- ``grow``, ``grouping``, ``capacity``: a tree within what one node may cost.
- ``fit``, ``objective``, ``augment``, ``checkpoint``: the training of one network.
- ``specification``, ``network``, ``layers``, ``input``, ``binarize``, ``noise``: what is trained.
- ``fold`` and ``export``: what becomes of it.
"""
