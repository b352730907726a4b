"""Draw the README's picture: a tree, the path of one digit through it, and the planes of each step, as a PNG.

Run from the repository root: ``python tools/draw_tree.py docs/images/digits_tree.png [--digit INDEX]``. It is
what ``pixeltree explain digits INDEX`` draws.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import pixeltree as pt
from pixeltree.explain.drawing import draw, png
from pixeltree.explain.shots import explain


def main() -> None:
    """Draw the shipped tree."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path, help="PNG to write")
    parser.add_argument("--digit", type=int, default=8, help="which held-out digit (default %(default)s)")
    arguments = parser.parse_args()
    with pt.connect("inproc:") as device:
        found = explain(device, pt.zoo.load("digits"), pt.zoo.held_out("digits").images[arguments.digit])
    arguments.out.write_bytes(png(draw(found)))
    sys.stderr.write(f"wrote {arguments.out}\n")


if __name__ == "__main__":
    main()
