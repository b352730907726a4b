"""A tree on a device: the label, the path that a frame took, what was swapped in, and the planes it left."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from pixeltree.datasets import Dataset
from pixeltree.errors import DeviceError
from pixeltree.model import FullyConnected
from pixeltree.run import InferenceResult, TreeRunner
from pixeltree.swapping import Trace
from pixeltree.tree.node import TreeNode
from pixeltree.tree.tree import Tree
from pixeltree.view.curves import CURVE
from pixeltree.view.devices import AUTO, SENSOR, Devices, panel_of
from pixeltree.view.feed import Feed
from pixeltree.view.panels import Control, Panel, Setting
from pixeltree_protocol.chip.exposure import LEAST_US, MOST_US
from pixeltree_protocol.chip.registers import ARRAY_SIZE
from pixeltree_protocol.link.messages import ErrorCode
from pixeltree_protocol.objects import Label

_INPUT = "R5"
_TIME, _STALL = "device time of a frame", "waiting for nodes"
_LATENCY, _MARGIN = "latency of a frame", "margin"
_TIMELINE_MS = 20
_MOST_LABELS = 64
"""Labels of one node that are drawn one by one."""


class TreeFeed(Feed):
    """Takes frame after frame through a tree.

    Args:
        devices: one, or two to compare.
        tree: the tree.
        images: what is shown to emulated sensors, round and round; None for what the sensors see.
        shown: registers that the page shows from the beginning; the input plane, if none.
        memory: bytes of the controller's memory that the tree may use; None for all there is.
    """

    def __init__(
        self,
        devices: Devices,
        tree: Tree,
        images: Dataset | None = None,
        shown: tuple[str, ...] = (),
        memory: int | None = None,
    ) -> None:
        self._devices = devices
        self._tree = tree
        self._images = images
        self._shown = shown or (_INPUT,)
        self._memory = memory
        self._runners: list[TreeRunner] = []
        self._trace = Trace()
        self._next = 0
        self._right: list[int] = []
        self._exposes = False

    @property
    def title(self) -> str:
        """See :class:`Feed`."""
        return f"{self._tree.name} on {self._devices.title}"

    def open(self) -> None:
        """See :class:`Feed`."""
        self._devices.open()
        self.said = self._devices.said if self._images is None else ""
        self._trace = Trace()
        self._right = [0] * len(self._devices.lanes)
        self._next = 0
        self._runners = [
            TreeRunner.open(device, self._tree, self._memory, trace=None if place else self._trace)
            for place, device in enumerate(self._devices.opened)
        ]
        self._exposes = self._images is None and self._begin_exposing()

    def _begin_exposing(self) -> bool:
        """Take the exposure over from the device, or set the one that was chosen here.

        Returns:
            Whether the controllers can choose exposures.
        """
        if self._devices.chosen:
            self._expose()
            return True
        try:
            told = self._devices.opened[0].exposure()
        except DeviceError as error:
            if error.code != ErrorCode.UNSUPPORTED.name:
                raise
            return False
        self._devices.exposure_us, self._devices.auto = told.microseconds, told.automatic
        return True

    def _expose(self) -> None:
        wanted = "auto" if self._devices.auto else min(max(self._devices.exposure_us, LEAST_US), MOST_US)
        for runner in self._runners:
            runner.set_exposure(wanted)

    def close(self) -> None:
        """See :class:`Feed`."""
        self._runners = []
        self._devices.close()

    # -- panels ------------------------------------------------------------------------------------

    def panels(self) -> list[Panel]:
        """See :class:`Feed`."""
        planes = self._devices.plane_panels(self._shown, {_INPUT: "R5: the input, copied into the blocks"})
        sensor = [panel for panel in planes if panel.group == SENSOR]
        others = [panel for panel in planes if panel.group != SENSOR]
        results: list[Panel] = []
        for place, lane in enumerate(self._devices.lanes):
            whose = f": {lane.title}" if self._devices.compared else ""
            results.append(Panel(panel_of("result", place), "result", f"label and sums{whose}", "result"))
            results.append(
                Panel(
                    panel_of("tree", place), "tree", f"the tree, and the path taken{whose}", "tree",
                    details={"nodes": nodes_of(self._tree)},
                )
            )  # fmt: skip
        return [
            *sensor,
            *results,
            *others,
            Panel(
                "swapping",
                "timeline",
                "what moved: link, array, controller",
                details={"milliseconds": _TIMELINE_MS},
            ),
            Panel(_TIME, "plot", details={"unit": "us"}),
            Panel(_STALL, "plot", details={"unit": "us"}, shown=False),
            Panel(_LATENCY, "plot", details={"unit": "us"}, shown=False),
            Panel(_MARGIN, "plot", shown=False),
            Panel("counters", "table", shown=False),
        ]

    def controls(self) -> list[Control]:
        """See :class:`Feed`. The tree's own images are shown as they are, so no exposure is to be chosen."""
        unused: set[str] = set() if self._exposes else {"exposure", AUTO}
        if self._images is not None:
            unused.add("source")
        return [control for control in self._devices.controls() if control.name not in unused]

    def turn(self, name: str, value: Setting) -> bool:
        """See :class:`Feed`."""
        again = self._devices.turn(name, value)
        self.changed |= name == CURVE
        if name in ("exposure", AUTO):
            self._expose()
        return again

    def moved(self) -> dict[str, Setting]:
        """See :class:`Feed`."""
        return self._devices.moved() if self._exposes else {}

    # -- frames ------------------------------------------------------------------------------------

    def frame(self, watched: frozenset[str], period: float) -> dict[str, Any]:
        """See :class:`Feed`."""
        values: dict[str, Any] = {}
        truth: int | None = None
        if self._images is None:
            for device in self._devices.opened:
                device.chip.execute(*self._devices.exposure_steps(round(1e6 * period)))
            values |= self._devices.read(watched, (SENSOR,))
            results = [runner.run_frame() for runner in self._runners]
            if self._exposes and self._devices.auto:
                self._devices.exposure_us = self._devices.opened[0].exposure().microseconds
        else:
            place = self._next % len(self._images)
            image, truth = self._images.images[place], _class(self._images, place)
            if any(name.startswith(SENSOR) for name in watched):
                values |= dict.fromkeys(
                    (panel_of(SENSOR, lane) for lane in range(len(self._runners))),
                    on_sensor(self._tree, image),
                )
            results = [runner.infer(image) for runner in self._runners]
        self._next += 1
        for place, result in enumerate(results):
            self._right[place] += result.label == truth
            values[panel_of("result", place)] = result_value(self._tree, result, truth)
            path = [visit.node for visit in result.path]
            last = self._tree.named(path[-1])
            values[panel_of("tree", place)] = {"path": path, "label": many(last) or result.label_name}
        return values | self._figures(results[0], truth) | self.read(watched)

    def _figures(self, result: InferenceResult, truth: int | None) -> dict[str, Any]:
        events = [
            [event.lane, round(event.start_us, 1), round(event.duration_us, 1), event.name]
            for event in self._trace.events
        ]
        self._trace.events.clear()
        runner = self._runners[0]
        counters: dict[str, float | str] = {
            "frames": self._next,
            "bytes of the tree": self._tree.total_bytes,
            "bytes that it may use": runner.budget_bytes,
            "bytes of nodes on the line": runner.wire_bytes_streamed,
            "cuts of the link": runner.device.cuts,
        }
        if truth is not None:
            counters["right so far"] = f"{self._right[0] / self._next:.1%}"
        figures: dict[str, Any] = {_TIME: result.device_us, _STALL: result.stall_us, "counters": counters}
        figures[_LATENCY] = result.latency_us
        if result.margin is not None:  # a coarse answer has none
            figures[_MARGIN] = result.margin
        return figures | ({"swapping": events} if events else {})

    def read(self, watched: frozenset[str]) -> dict[str, Any]:
        """See :class:`Feed`."""
        return self._devices.read(watched)


def _class(images: Dataset, place: int) -> int | None:
    """The class of an image; None where its target is a place or a map."""
    target = np.asarray(images.targets[place])
    return int(target) if target.ndim == 0 else None


def on_sensor(tree: Tree, image: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """What the whole sensor sees, uint8 (256, 256), while a tree is shown an image."""
    pixels, top, left = tree.place(image)
    whole = np.zeros((ARRAY_SIZE, ARRAY_SIZE), np.uint8)
    whole[top : top + pixels.shape[0], left : left + pixels.shape[1]] = pixels
    return whole


def nodes_of(tree: Tree) -> list[dict[str, Any]]:
    """The nodes of a tree as the page draws them, root first: names, and where their exits lead."""
    nodes = []
    for node in tree.depth_first:
        exits: dict[str, dict[str, str]] = {}
        for exit_ in node.manifest.exits:
            if isinstance(exit_, Label):
                lead = {"label": tree.labels[exit_.value]}
            else:
                lead = {"node": tree.nodes[exit_.node].name}
            exits["".join(lead.values())] = lead
        drawn = list(exits.values())
        if text := many(node):
            drawn = [*(lead for lead in drawn if "node" in lead), {"label": text}]
        nodes.append({"name": node.name, "exits": drawn})
    return nodes


def many(node: TreeNode) -> str:
    """What stands for the labels of a node that leads to too many of them to draw; else nothing."""
    labels = sum(isinstance(exit_, Label) for exit_ in node.manifest.exits)
    return f"{labels} labels" if labels > _MOST_LABELS else ""


def result_value(tree: Tree, result: InferenceResult, truth: int | None = None) -> Mapping[str, Any]:
    """A frame's result as the page shows it."""
    last = tree.named(result.path[-1].node)
    label = result.label_name
    if truth is not None and truth != result.label:
        label += f" (true: {tree.labels[truth]})"
    cells = heat_map(last, result.logits)
    return {
        "label": label,
        "margins": [] if cells else _sums(tree, last, result.logits),
        "device_us": result.device_us,
        "map": cells,
        "window": _window(tree, last),
    }


def _sums(tree: Tree, node: TreeNode, logits: tuple[int, ...]) -> list[list[Any]]:
    exits = node.manifest.exits
    if len(exits) != len(logits):
        return []
    names = [
        tree.labels[exit_.value] if isinstance(exit_, Label) else tree.nodes[exit_.node].name
        for exit_ in exits
    ]
    return [[name, logit] for name, logit in zip(names, logits, strict=True)]


def heat_map(node: TreeNode, logits: tuple[int, ...]) -> list[list[int]] | None:
    """The sums of a network that says where something is, as rows of cells; None of any other."""
    if node.model is None or isinstance(node.model.head, FullyConnected):
        return None
    _, rows, columns = node.model.shapes[-1]
    if rows * columns <= 1 or len(logits) % (rows * columns):
        return None
    found: list[list[int]] = np.reshape(logits, (-1, rows, columns)).max(axis=0).tolist()
    return found


def _window(tree: Tree, node: TreeNode) -> list[int]:
    """Top, left, rows and columns of what a node sees, in pixels of the picture."""
    geometry = tree.geometry
    side = geometry.size * geometry.pitch
    if node.window is None:
        return [geometry.top, geometry.left, side, side]
    pitch = geometry.pitch
    return [
        geometry.top + node.window.row * pitch,
        geometry.left + node.window.column * pitch,
        node.window.size * pitch,
        node.window.size * pitch,
    ]
