"""Write the tree of the conformance suite, its scenes and what they must give, from the digits tree.

The suite knows nothing of the host's trees and data sets, so the file has all that it needs: the tree's
objects, the pixels of a few held-out digits, and their labels and logits by the integer reference. Run it
again after ``make zoo``.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from pixeltree.tree import zoo
from pixeltree_protocol.objects.treefile import TreeFile

TARGET = Path(__file__).parents[1] / "conformance/pixeltree_conformance/data/digits.ptree"
SCENES = 6


def contents() -> bytes:
    """The bytes of the file."""
    tree = zoo.load("digits")
    scenes, attachments = [], {}
    for index, image in enumerate(zoo.held_out("digits").images[:SCENES]):
        pixels, top, left = tree.place(image)
        label, path = tree.reference(image)
        scenes.append(
            {
                "top": top,
                "left": left,
                "rows": pixels.shape[0],
                "columns": pixels.shape[1],
                "label": label,
                "path": [{"node": visit.node, "logits": visit.logits} for visit in path],
            }
        )
        attachments[f"scene {index}"] = np.ascontiguousarray(pixels).tobytes()
    description = {"nodes": {node.digest.hex(): node.name for node in tree.depth_first}, "scenes": scenes}
    return TreeFile(tree.digest, json.dumps(description), tree.objects, attachments).encode()


if __name__ == "__main__":
    TARGET.write_bytes(contents())
