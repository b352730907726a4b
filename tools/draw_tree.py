"""Draw a tree, the path of one digit through it, and the planes of each step, as a PNG.

Run from the repository root: ``python tools/draw_tree.py docs/images/digits_tree.png [--digit INDEX]``.

The planes come from the emulated array: the tool runs the compiled programs step by step, as the
emulated controller does, and takes pictures in between.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass, field
from pathlib import Path

import matplotlib as mpl
import numpy as np
import numpy.typing as npt

mpl.use("Agg")
import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.patches import FancyBboxPatch

from pixeltree.compiler.layout import INPUT
from pixeltree.demo.run import demo_digits, demo_tree
from pixeltree.tree.node import TreeNode
from pixeltree.tree.tree import Tree
from pixeltree_emu.controller.clock import CostModel, DeviceClock
from pixeltree_emu.controller.device_array import PixelArray
from pixeltree_emu.controller.sequencer import Decision, Sequencer
from pixeltree_protocol.chip.registers import DREGS, Analog, Digital
from pixeltree_protocol.objects import Child, Label, parse_object
from pixeltree_protocol.objects.program import LoadCover, Run, ScanDreg, Step
from pixeltree_protocol.objects.verify import NodeImage, registers_written, verify_node

INK, FAINT, ACCENT, PAPER = "#1f2a37", "#b8c0cc", "#d9480f", "#ffffff"
PLANE_TITLES = (
    "one weight per block\n(four DREGs)",
    "sum over all taps\n(an AREG)",
    "+ bias, binarized\n(a DREG)",
    "pooled, packed\n(a DREG)",
)


@dataclass
class NodeShots:
    """Pictures of one node at work.

    Attributes:
        name: the node.
        planes: weight, sum, activation and packed planes, as pictures.
        logits: its output sums.
        outcome: the exit it took.
        device_us: device time.
    """

    name: str
    planes: list[npt.NDArray[np.generic]] = field(default_factory=list)
    logits: tuple[int, ...] = ()
    outcome: int = 0
    device_us: float = 0.0


def _areg_written(step: Step, image: NodeImage) -> Analog:
    """The sum that a block's last analog word writes."""
    assert isinstance(step, Run)
    for word in reversed(image.blocks[step.block].words):
        for register in registers_written(word):
            if isinstance(register, Analog) and register is not Analog.NEWS:
                return register
    raise AssertionError("the block writes no sum")


def _last_loaded(step: Step, image: NodeImage) -> Digital:
    """The DREG that a block's last word loads."""
    assert isinstance(step, Run)
    (register,) = registers_written(image.blocks[step.block].words[-1])
    assert isinstance(register, Digital)
    return register


class Camera:
    """Runs a tree on an array of its own and takes pictures."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self.array = PixelArray()
        self._clock = DeviceClock(CostModel())
        self._sequencer = Sequencer(self.array, self._clock)

    def run(self, image: npt.NDArray[np.uint8]) -> tuple[npt.NDArray[np.generic], list[NodeShots], int]:
        """The input plane, the pictures of every node on the path, and the label."""
        pixels, top, left = self._tree.place(image)
        self.array.sensor.show(top, left, pixels, clear=True)
        self.array.expose()
        self._execute(self._tree.capture, NodeShots("capture"))
        input_plane = self._digital(INPUT)
        shots: list[NodeShots] = []
        node = self._tree.root
        while True:
            shots.append(NodeShots(node.name))
            exit_ = self._execute(node, shots[-1])
            if isinstance(exit_, Label):
                return input_plane, shots, exit_.value
            assert isinstance(exit_, Child)
            node = self._tree.nodes[exit_.node]

    def _execute(self, node: TreeNode, shots: NodeShots) -> Child | Label | None:
        image = self._image(node)
        kernels = [self.array.load(block.words) for block in image.blocks]
        decision = Decision()
        started = self._clock.now_ns
        previous: Step | None = None
        for step in self._sequencer.execute(image, kernels, decision):
            if step is not None:
                self._take(step, previous, image, shots)
                previous = step
        shots.logits = decision.logits
        shots.device_us = (self._clock.now_ns - started) / 1000
        if decision.outcome is None:
            return None
        shots.outcome = decision.outcome
        return image.node.exits[decision.outcome]

    def _take(self, step: Step, previous: Step | None, image: NodeImage, shots: NodeShots) -> None:
        """A weight plane once it is loaded, the rest where the program has just made them."""
        loads = [s for s in image.program.steps if isinstance(s, LoadCover)]
        if not loads:
            return  # the capture node
        if step is loads[-1]:
            cubes = [self._digital(DREGS[dreg]) for dreg in loads[-1].dregs]
            shots.planes.append(np.logical_or.reduce(cubes))
        elif previous is loads[-1]:
            shots.planes.append(self.array.engine.analog(_areg_written(step, image))[:, ::-1])
            shots.planes.append(self._digital(_last_loaded(step, image)))
        elif isinstance(step, ScanDreg) and len(shots.planes) == len(PLANE_TITLES) - 1:
            shots.planes.append(self._digital(DREGS[step.dreg]))

    def _digital(self, register: Digital) -> npt.NDArray[np.generic]:
        return self.array.engine.digital(register)[:, ::-1]

    def _image(self, node: TreeNode) -> NodeImage:
        objects = {key: parse_object(data) for key, data in self._tree.objects.items()}
        manifest = node.manifest
        blocks = [objects[key] for key in manifest.blocks]
        segments = [objects[key] for key in manifest.segments]
        return verify_node(manifest, objects[manifest.program], blocks, segments, INPUT, node.is_capture)


def draw(tree: Tree, digit: int) -> Figure:
    """The whole picture."""
    image = demo_digits().images[digit]
    input_plane, shots, label = Camera(tree).run(image)
    figure = plt.figure(figsize=(13, 7.2), facecolor=PAPER, layout="constrained")
    left, right = figure.subfigures(1, 2, width_ratios=(1, 2.1))
    _draw_tree(left, tree, shots, label)
    _draw_planes(right, tree, image, input_plane, shots)
    return figure


def _draw_tree(figure: SubFigure, tree: Tree, shots: list[NodeShots], label: int) -> None:
    axes = figure.subplots()
    axes.set_axis_off()
    axes.set(xlim=(0, 1), ylim=(-0.02, 1.0))
    axes.set_title("The tree, and the path of one digit", color=INK, fontsize=12, loc="left")
    _box(axes, 0.16, 0.5, "root", True)
    children = tree.children(tree.root)
    for index, child in enumerate(children):
        y = 1 - (index + 0.5) / len(children)
        active = child.name == shots[-1].name
        _arrow(axes, (0.295, 0.5), (0.415, y), active)
        _box(axes, 0.55, y, child.name, active)
        exits = child.manifest.exits
        for position, exit_ in enumerate(exits):
            assert isinstance(exit_, Label)
            target = y + (0.5 - (position + 0.5) / len(exits)) * 0.78 / len(children)
            chosen = active and exit_.value == label
            _arrow(axes, (0.685, y), (0.84, target), chosen)
            color = ACCENT if chosen else INK
            weight = "bold" if chosen else "normal"
            axes.text(
                0.88, target, tree.labels[exit_.value], va="center", color=color, weight=weight, size=13
            )


def _box(axes: Axes, x: float, y: float, text: str, active: bool) -> None:
    color = ACCENT if active else FAINT
    width, height = 0.24, 0.06
    axes.add_patch(
        FancyBboxPatch(
            (x - width / 2, y - height / 2),
            width,
            height,
            boxstyle="round,pad=0.015",
            fc=PAPER,
            ec=color,
            lw=1.8,
        )
    )
    axes.text(x, y, text, ha="center", va="center", color=INK, size=10)


def _arrow(axes: Axes, start: tuple[float, float], end: tuple[float, float], active: bool) -> None:
    color = ACCENT if active else FAINT
    arrow = {"arrowstyle": "-|>", "color": color, "lw": 2.2 if active else 1.0, "shrinkA": 0, "shrinkB": 2}
    axes.annotate("", end, start, arrowprops=arrow)


def _draw_planes(
    figure: SubFigure,
    tree: Tree,
    image: npt.NDArray[np.uint8],
    input_plane: npt.NDArray[np.generic],
    shots: list[NodeShots],
) -> None:
    axes = figure.subplots(len(shots) + 1, 5)
    whole = np.zeros((256, 256), np.uint8)
    pixels, top, left = tree.place(image)
    whole[top : top + pixels.shape[0], left : left + pixels.shape[1]] = pixels
    block = tree.geometry.room
    _plane(axes[0, 0], whole, block, "what the sensor sees", "capture")
    _plane(axes[0, 1], input_plane, block, f"thresholded, copied\ninto {tree.geometry.grid**2} blocks (R5)")
    for unused in axes[0, 2:]:
        unused.set_axis_off()
    for row, shot in enumerate(shots, start=1):
        heading = f"{shot.name}\n{shot.device_us:.0f} us"
        for column, (plane, title) in enumerate(zip(shot.planes, PLANE_TITLES, strict=True)):
            _plane(axes[row, column], plane, block, title if row == 1 else "", heading if column == 0 else "")
        names = [_lead(tree, exit_) for exit_ in tree.named(shot.name).manifest.exits]
        _logits(axes[row, 4], shot, names, "outputs" if row == 1 else "")


def _lead(tree: Tree, exit_: Child | Label) -> str:
    return tree.labels[exit_.value] if isinstance(exit_, Label) else tree.nodes[exit_.node].name


def _plane(axes: Axes, plane: npt.NDArray[np.generic], block: int, title: str, heading: str = "") -> None:
    axes.imshow(plane, cmap="gray", interpolation="nearest")
    axes.set(xticks=[], yticks=[])
    axes.set_title(title, fontsize=9, color=INK)
    axes.set_ylabel(heading, fontsize=9.5, color=INK)
    for edge in range(block, 256, block):
        axes.axhline(edge - 0.5, color=ACCENT, lw=0.35)
        axes.axvline(edge - 0.5, color=ACCENT, lw=0.35)
    for spine in axes.spines.values():
        spine.set_color(FAINT)


def _logits(axes: Axes, shot: NodeShots, names: list[str], title: str) -> None:
    """A bar for each outcome, named after where it leads; several may lead to one child."""
    outcomes = range(len(names))
    axes.bar(outcomes, shot.logits, color=[ACCENT if i == shot.outcome else FAINT for i in outcomes])
    axes.set_xticks(outcomes, names, rotation=90 if max(map(len, names)) > 2 else 0)
    axes.axhline(0, color=INK, lw=0.6)
    axes.set_title(title, fontsize=9, color=INK)
    axes.tick_params(labelsize=8, colors=INK)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)


def main() -> None:
    """Draw the shipped tree."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path, help="PNG to write")
    parser.add_argument("--digit", type=int, default=8, help="which held-out digit (default %(default)s)")
    arguments = parser.parse_args()
    draw(demo_tree(), arguments.digit).savefig(arguments.out, dpi=110, metadata={"Software": None})
    sys.stderr.write(f"wrote {arguments.out}\n")


if __name__ == "__main__":
    main()
