"""Takes an image through a tree on a device, step by step, with pictures of the planes in between.

The frame itself runs as always, and gives label, path and sums. Then the programs of the path's nodes run
again, outside the tree and in pieces (immediate mode), and the planes are read between two pieces.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pixeltree.compiler.layout import INPUT
from pixeltree.device.device import Device
from pixeltree.run import InferenceResult, TreeRunner
from pixeltree.tree.node import TreeNode
from pixeltree.tree.tree import GreyImage, Tree
from pixeltree_protocol.chip.registers import DREGS, Analog, Digital
from pixeltree_protocol.objects import Block, parse_object
from pixeltree_protocol.objects.controller_steps import Expose
from pixeltree_protocol.objects.program import Launch, LoadCover, Program, ScanDreg, ScanLogits, Step
from pixeltree_protocol.objects.verify import registers_written

Plane = npt.NDArray[np.generic]

_EXPOSURE_US = 16_667
"""What a frame of a tree sees (a full exposure of an emulated sensor)."""

_MOST_STEPS = 100
"""Steps of one program: with the digests of a node's blocks they must fit into one message."""

_READS = ScanDreg | ScanLogits


@dataclass(frozen=True)
class NodeShots:
    """Pictures of one node at work.

    Attributes:
        name: the node.
        planes: by what they show, in the order of the program: a plane and its register.
        logits: its output sums; none of a window, or of one whose sums go on to the next.
        outcome: the exit that it took.
        device_us: device time in the frame.
    """

    name: str
    planes: dict[str, tuple[str, Plane]]
    logits: tuple[int, ...]
    outcome: int
    device_us: float


@dataclass(frozen=True)
class Explanation:
    """An image's way through a tree.

    Attributes:
        tree: the tree.
        picture: what the sensor saw: uint8 (256, 256).
        captured: the input plane that the capture node made: bool (256, 256).
        nodes: of the path, root first.
        result: what came of the frame.
        device: where it ran.
    """

    tree: Tree
    picture: npt.NDArray[np.uint8]
    captured: Plane
    nodes: tuple[NodeShots, ...]
    result: InferenceResult
    device: str


WEIGHTS, SUMS, ACTIVATION, PACKED = "weights", "sums", "activation", "output"
PLANES = (WEIGHTS, SUMS, ACTIVATION, PACKED)
"""What is shown of a node: the last tap's weights, the sums over all taps, what is above 0 after the bias,
and what is read out."""


def explain(device: Device, tree: Tree, image: GreyImage) -> Explanation:
    """Take an image through a tree on an emulated device, and take pictures.

    Args:
        device: an emulated one, since it is shown the image.
        tree: the tree.
        image: uint8, (size, size) for the tree's window or (256, 256) for the whole picture.

    Raises:
        DataError: an image of another shape or type.
        TreeError: the tree does not fit the device.
        DeviceError: the device refuses.
        LinkError: the device is gone or silent.
    """
    result = TreeRunner.open(device, tree).infer(image)
    pixels, top, left = tree.place(image)
    picture = np.zeros((256, 256), np.uint8)
    picture[top : top + pixels.shape[0], left : left + pixels.shape[1]] = pixels
    device.chip.execute(Expose(_EXPOSURE_US))
    camera = _Camera(device, tree)
    camera.run(tree.capture)
    captured = device.read_plane(str(INPUT))
    nodes = []
    for visit in result.path:
        planes = camera.run(tree.named(visit.node))
        nodes.append(NodeShots(visit.node, planes, visit.logits, visit.outcome, visit.device_us))
    return Explanation(tree, picture, captured, tuple(nodes), result, device.url)


class _Camera:
    """Runs nodes in pieces."""

    def __init__(self, device: Device, tree: Tree) -> None:
        self._device = device
        self._tree = tree

    def run(self, node: TreeNode) -> dict[str, tuple[str, Plane]]:
        """A node's program up to where it reads out; the planes on the way."""
        manifest = node.manifest
        objects = self._tree.objects
        self._device.upload({key: objects[key] for key in (*manifest.blocks, *manifest.segments)})
        program = parse_object(objects[manifest.program])
        assert isinstance(program, Program)
        blocks = [parse_object(objects[key]) for key in manifest.blocks]
        found: dict[str, tuple[str, Plane]] = {}
        covers = [place for place, step in enumerate(program.steps) if isinstance(step, LoadCover)]
        last = covers[-1] if covers else -1
        waiting: list[Step] = []
        for place, step in enumerate(program.steps):
            if isinstance(step, _READS):
                break
            waiting.append(step)
            if place == last and isinstance(step, LoadCover):
                self._execute(node, waiting)
                found[WEIGHTS] = self._either(step.dregs)
            elif covers and place > last and isinstance(step, Launch) and SUMS not in found:
                block = blocks[step.block]
                assert isinstance(block, Block)
                self._execute(node, waiting)
                found |= self._of_block(block)
        else:
            step = None
        self._execute(node, waiting)
        if covers and isinstance(step, ScanDreg):
            found[PACKED] = self._plane(DREGS[step.dreg])
        return found

    def _execute(self, node: TreeNode, steps: list[Step]) -> None:
        """Run the steps that wait, and take them off."""
        manifest = node.manifest
        for first in range(0, len(steps), _MOST_STEPS):
            piece = Program(tuple(steps[first : first + _MOST_STEPS]))
            self._device.chip.execute_resident(piece, manifest.blocks, manifest.segments)
        steps.clear()

    def _of_block(self, block: Block) -> dict[str, tuple[str, Plane]]:
        """The AREG and the DREG that a block wrote last."""
        found: dict[str, tuple[str, Plane]] = {}
        for word in reversed(block.words):
            for register in registers_written(word):
                if isinstance(register, Analog) and register is not Analog.NEWS:
                    found.setdefault(SUMS, self._plane(register))
                elif isinstance(register, Digital):
                    found.setdefault(ACTIVATION, self._plane(register))
        return found

    def _either(self, dregs: Sequence[int]) -> tuple[str, Plane]:
        planes = [self._device.read_plane(str(DREGS[dreg])) for dreg in dregs]
        names = ", ".join(str(DREGS[dreg]) for dreg in dregs)
        return names, np.asarray(np.logical_or.reduce(planes))

    def _plane(self, register: Analog | Digital) -> tuple[str, Plane]:
        return str(register), self._device.read_plane(str(register))
