"""An emulated PPA controller and the pixel processor array it drives.

An independent second reader of the contract: it shares :mod:`pixeltree_protocol` with the host and
nothing else, and executes the *bits* of instruction words.
"""
