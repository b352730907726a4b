"""Hot blocks as machine code of their own, which keeps a row of the array in registers from pass to pass.

``graph`` and ``plan`` say which passes can run together, row by row; ``schedule`` in which order; ``lines``,
``digital_code``, ``analog_code`` and ``code`` write that down in LLVM's language; ``native`` makes machine
code of it; ``store`` keeps that between starts; ``fuser`` does all this in a thread, once a block is hot.
"""
