"""``pixeltree run --record`` and ``--foxglove``: what each frame saw and what came of it, told to others."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pixeltree.device.device import Device
from pixeltree.errors import DeviceError, LinkError
from pixeltree.run import InferenceResult, Playing, TreeRunner
from pixeltree.tree.tree import Tree
from pixeltree_protocol.chip.registers import Analog

if TYPE_CHECKING:
    from pixeltree.recording.writer import Recording
    from pixeltree.view.board import Board
    from pixeltree.view.panels import Panel

_INPUT = "R5"
"""Holds what the tree took of the picture, in bits; a real device can be asked for no more of what it saw."""

_TIME, _LATENCY, _NAME = "device time of a frame", "latency", "picture"


def recording(path: Path) -> Recording:
    """A file for frames.

    Raises:
        DataError: it cannot be written, or the extra ``record`` is not installed.
    """
    from pixeltree.recording.writer import Recording  # noqa: PLC0415 - an optional extra

    return Recording(path)


def told(
    results: Iterable[InferenceResult],
    runner: TreeRunner,
    playing: Playing | None,
    file: Recording | None,
    board: Board | None,
) -> Iterator[InferenceResult]:
    """The same results, each told to a file and to a board before it is passed on.

    Args:
        results: of a run.
        runner: what runs.
        playing: what is shown; None for what the sensor sees. Then PIX is read after each frame, or the
            tree's input where the device is no emulated one. For a board that is done while somebody looks.
        file: a recording, or None.
        board: what is served, or None.
    """
    from pixeltree.view.devices import SENSOR  # noqa: PLC0415 - slow to import
    from pixeltree.view.feed_tree import many, on_sensor, result_value  # noqa: PLC0415

    tree, device = runner.tree, runner.device
    sees = _Sensor(device, SENSOR)
    now = 0
    shown: list[str] | None = None
    for result in results:
        now = max(time.time_ns(), now + 1)  # moments are told apart by their times
        values: dict[str, Any] = {}
        device_ns = None
        with contextlib.suppress(LinkError):  # the next frame connects again, or says why it cannot
            if playing is not None and playing.picture is not None:
                values = {SENSOR: on_sensor(tree, playing.picture), _NAME: playing.name}
            elif file is not None or shown is None or (board and board.watched().intersection(shown)):
                values = sees.read()
            if file is not None:
                device_ns = device.status().device_ns
        if shown is None or (values and shown != list(values)):
            shown = list(values)
            title, panels = f"{tree.name} on {device.url}", _panels(tree, shown)
            if file is not None:
                file.layout(now, title, [panel.to_json() for panel in panels], {})
            if board is not None:
                board.lay_out(title, panels, ())
        path = [visit.node for visit in result.path]
        values |= {
            "result": result_value(tree, result),
            "tree": {"path": path, "label": many(tree.named(path[-1])) or result.label_name},
            _TIME: result.device_us,
            _LATENCY: result.latency_us,
        }
        if file is not None:
            file.update(now, result.frame, values, device_ns)
        if board is not None:
            board.publish(values)
        yield result


class _Sensor:
    """Reads what a device's sensor saw in the last frame, as far as it can be read.

    Args:
        device: the device.
        panel: of a picture.
    """

    def __init__(self, device: Device, panel: str) -> None:
        self._device = device
        self._panel = panel
        self._has_pix = True

    def read(self) -> dict[str, Any]:
        if self._has_pix:
            try:
                return {self._panel: self._device.read_plane(str(Analog.PIX))}
            except DeviceError:  # a real chip has no way to read PIX
                self._has_pix = False
        return {_INPUT: self._device.read_plane(_INPUT)}


def _panels(tree: Tree, pictures: Iterable[str]) -> list[Panel]:
    from pixeltree.view.devices import SENSOR  # noqa: PLC0415 - slow to import
    from pixeltree.view.feed_tree import nodes_of  # noqa: PLC0415
    from pixeltree.view.panels import LEVELS, Panel  # noqa: PLC0415

    known = {
        SENSOR: Panel(
            SENSOR, "plane", "what the sensor sees", details={"scale": LEVELS, "overlay": "result"}
        ),
        _INPUT: Panel(_INPUT, "plane", "R5: the input of the tree"),
        _NAME: Panel(_NAME, "text", "the file that was shown"),
    }
    return [
        *(known[name] for name in pictures if name != _NAME),
        Panel("result", "result", "label and sums"),
        Panel("tree", "tree", "the tree, and the path taken", details={"nodes": nodes_of(tree)}),
        *(known[name] for name in pictures if name == _NAME),
        Panel(_TIME, "plot", details={"unit": "us"}),
        Panel(_LATENCY, "plot", details={"unit": "us"}),
    ]
