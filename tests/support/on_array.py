"""Runs a compiled node on an emulated array, its input plane set by hand."""

from dataclasses import dataclass

import numpy as np

from pixeltree.compiler.layout import INPUT
from pixeltree_emu.controller.clock import CostModel, DeviceClock
from pixeltree_emu.controller.device_array import PixelArray
from pixeltree_emu.controller.sequencer import Decision, Sequencer
from pixeltree_protocol.objects import Block, parse_object
from pixeltree_protocol.objects.verify import verify_node


@dataclass
class Outcome:
    """What a node decided, and what the device clock says that it took."""

    logits: tuple
    outcome: int
    ns: int
    words: int


def run_node(compiled, bits, array=None):
    """Run a node on an input plane: bool (size, size); None leaves the array as it is."""
    array = array or PixelArray()
    clock = DeviceClock(CostModel())
    if bits is not None:
        array.engine.set_digital(INPUT, input_plane(compiled.layout, bits))
    node = compiled.node.manifest
    parsed = {digest: parse_object(data) for digest, data in compiled.node.objects.items()}
    blocks = [parsed[digest] for digest in node.blocks]
    segments = [parsed[digest] for digest in node.segments]
    image = verify_node(node, parsed[node.program], blocks, segments, INPUT)
    kernels = [array.load(block.words) for block in blocks if isinstance(block, Block)]
    decision = Decision()
    for _ in Sequencer(array, clock).execute(image, kernels, decision):
        pass
    return Outcome(decision.logits, decision.outcome, clock.now_ns, clock.words)


def input_plane(layout, bits):
    """The input plane in array coordinates: a copy of the input at every position of the grid."""
    plane = np.zeros((256, 256), bool)
    rows, columns = (size * layout.pitch for size in bits.shape)
    for position in range(layout.grid.positions):
        row, column = (index << layout.grid.shift for index in divmod(position, layout.grid.side))
        plane[row : row + rows : layout.pitch, column : column + columns : layout.pitch] = bits
    return plane[:, ::-1]
