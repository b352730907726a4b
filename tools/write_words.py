"""Written words for a tree of characters: what a camera would see that reads a text letter by letter.

    python tools/write_words.py emnist.ptree -o words.txt --data FOLDER --text LICENSE
    pixeltree simulate-swap emnist.ptree --sequence words.txt --frames 2000 --line usb_12M

Each character of the text that the tree has a label for becomes a test image of it, drawn at random, and the
integer reference says where in the tree its frame ends. So letters follow each other as they do in the text,
and mistakes are in it. The file has a line for each frame: the end that it comes to, as
``pixeltree simulate-swap --sequence`` wants it.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from pixeltree.datasets.named import held_out_part
from pixeltree.datasets.streams import stream
from pixeltree.swapping.describe import describe
from pixeltree.tree.tree import Tree

_STREAM = 0x574F524453


def main() -> None:
    """Write the file, and say how well the words were read."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("tree", type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True, help="file to write")
    parser.add_argument("--data", help="folder of the test images, where it is not the recorded one")
    parser.add_argument("--text", type=Path, default=Path("LICENSE"), help="what is read")
    parser.add_argument("--frames", type=int, default=2000, help="most characters")
    parser.add_argument("--seed", type=int, default=0, help="of the draw of images")
    arguments = parser.parse_args()
    tree = Tree.load(arguments.tree)
    test = held_out_part(tree.geometry.size, tree.data, arguments.data).images
    text = [each for each in arguments.text.read_text("utf-8") if each in test.classes][: arguments.frames]
    random = stream(arguments.seed, _STREAM)
    of_class = [np.flatnonzero(test.targets == index) for index in range(len(test.classes))]
    shown = [int(random.choice(of_class[test.classes.index(each)])) for each in text]
    ways = tree.references(test.images[shown])
    nodes = {node.name: index for index, node in enumerate(describe(tree).nodes)}
    ends = [describe(tree).end_of[nodes[path[-1].node]] for _, path in ways]
    arguments.output.write_text("".join(f"{end}\n" for end in ends), "utf-8")
    read = [tree.labels[label] for label, _ in ways]
    right = np.mean([a == b for a, b in zip(text, read, strict=True)])
    alike = np.mean([a.lower() == b.lower() for a, b in zip(text, read, strict=True)])
    changes = np.mean(np.diff(ends) != 0)
    print(  # noqa: T201 - this is a tool
        f"{len(text):,} characters: {right:.1%} read right, {alike:.1%} if small and capital letters count "
        f"as the same; {changes:.1%} of the frames end elsewhere than the one before"
    )
    print("".join(text[:60]), "".join(read[:60]), sep="\n")  # noqa: T201


if __name__ == "__main__":
    main()
