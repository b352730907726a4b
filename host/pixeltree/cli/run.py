"""``pixeltree run``: a tree on a device, frame after frame, or over the pictures of a folder."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pixeltree.cli.options import (
    DEVICE,
    IMAGES,
    OUTPUT,
    DeviceOption,
    JsonOption,
    TreeArgument,
    exposure_of,
    finite,
    load_tree,
    writable,
)
from pixeltree.cli.report import is_standard_output, write_json
from pixeltree.cli.run_lines import WRITERS, Line, LiveTable, line_of, saving, standard_output
from pixeltree.cli.run_record import recording, told
from pixeltree.cli.terminal import Screen, busy
from pixeltree.device.device import Device, connect
from pixeltree.device.exposure import FrameExposure
from pixeltree.errors import DataError
from pixeltree.metrics import check_installed, serve
from pixeltree.run import InferenceResult, Playing, TreeRunner, play
from pixeltree.run.playing import CLOCKS
from pixeltree.swapping.summary import counted
from pixeltree.tree.tree import Tree
from pixeltree_pictures.sources import SOURCE_RATE

if TYPE_CHECKING:
    from pixeltree.view.board import Board

_MOST_TOLD = 10
"""Pictures that could not be read, of which the end of a run says why."""

_Show = Callable[[Line], None]

_FRAMES = partial(typer.Option, rich_help_panel="Frames")

_Pictures = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="PICTURES",
        help="Classify these pictures, each once, in order: files, and folders with the folders in them.",
    ),
]
_Memory = Annotated[
    int | None, DEVICE(metavar="BYTES", min=1, help="Controller memory for the tree. Default: all there is.")
]
_Source = Annotated[
    str | None,
    IMAGES(
        metavar="SOURCE",
        help="Show this to an emulated sensor: 'moving', 'camera:0', a picture, a folder, a .npy array or a "
        "video. Default: what the device's sensor sees.",
    ),
]
_SourceRate = Annotated[
    float,
    IMAGES(
        metavar="HZ", callback=finite, help="Pictures per second of the source. A video has its own rate."
    ),
]
_SourceClock = Annotated[
    str,
    IMAGES(
        metavar="NAME",
        help="wall: a frame sees what the source shows at its turn. frame: each frame sees the next picture.",
    ),
]
_Fit = Annotated[
    bool,
    IMAGES("--fit", help="Crop pictures to a square about the centre, and scale them to the tree's size."),
]
_Exposure = Annotated[
    str | None,
    IMAGES(
        metavar="auto|US",
        help="Exposure of frames: auto, by the brightness of the frame before, or microseconds. Default: the "
        "device's own.",
    ),
]
_Rate = Annotated[
    float | None,
    _FRAMES(
        metavar="HZ",
        min=0.001,
        callback=finite,
        help="Frames per second. Default: each frame as soon as the one before has ended.",
    ),
]
_Deadline = Annotated[
    float | None,
    _FRAMES(
        metavar="MS",
        min=0,
        callback=finite,
        help="Milliseconds in which a frame must end; a frame that cannot is answered by the node above "
        "the missing one.",
    ),
]
_Frames = Annotated[
    int | None,
    _FRAMES(metavar="N", min=0, help="Stop after so many. Default: at Ctrl-C, or after the pictures."),
]
_Save = Annotated[
    Path | None,
    OUTPUT(
        metavar="FILE",
        callback=writable,
        help=f"Write each frame to this file too; its suffix says how: {' or '.join(WRITERS)}.",
    ),
]
_Record = Annotated[
    Path | None,
    OUTPUT(
        metavar="FILE.mcap",
        callback=writable,
        help="Record pictures, results and device time, for 'pixeltree replay' and Foxglove.",
    ),
]
_Metrics = Annotated[
    int | None,
    OUTPUT(
        metavar="PORT",
        min=0,
        max=65_535,
        help="Serve the figures to Prometheus at http://127.0.0.1:PORT/metrics; 0 takes a free port.",
    ),
]


_Foxglove = Annotated[
    int | None,
    OUTPUT(
        metavar="PORT",
        min=0,
        max=65_535,
        help="Serve pictures, results and times to Foxglove at this port of 127.0.0.1; 0 takes a free port.",
    ),
]


def run(
    tree: TreeArgument,
    pictures: _Pictures = None,
    device: DeviceOption = None,
    memory: _Memory = None,
    source: _Source = None,
    source_rate: _SourceRate = SOURCE_RATE,
    source_clock: _SourceClock = CLOCKS[0],
    fit: _Fit = False,
    exposure: _Exposure = None,
    rate: _Rate = None,
    deadline: _Deadline = None,
    frames: _Frames = None,
    save: _Save = None,
    record: _Record = None,
    metrics: _Metrics = None,
    foxglove: _Foxglove = None,
    json_file: JsonOption = None,
) -> None:
    """Run a tree on a device, frame after frame, and show each result.

    A terminal shows a live table. A pipe gets one JSON object a line for each frame. At the end, or at
    Ctrl-C, a summary goes to standard error, and with --json to a file. Without --device an emulated device
    of your own is used; say then what it is to see. 'pixeltree run-kernel' runs a kernel.
    """
    _check(tree, pictures, device, source)
    wanted = None if exposure is None else exposure_of(exposure)
    loaded = load_tree(tree)
    if pictures:
        given = pictures[0] if len(pictures) == 1 else pictures
        playing: Playing | None = play(given, loaded, "frame", fit=fit, once=True)
    else:
        playing = None if source is None else play(source, loaded, source_clock, source_rate, fit)
    url = device or "emu:"
    right = _Right(loaded)
    if metrics is not None:
        check_installed()
    with contextlib.ExitStack() as stack:
        writers = [] if save is None else [stack.enter_context(saving(save))]
        file = None if record is None else stack.enter_context(recording(record))
        board = None if foxglove is None else _served_board(stack, foxglove)
        with busy(f"connecting to {url}"):
            connected = stack.enter_context(connect(url))
            runner = TreeRunner.open(connected, loaded, memory, exposure=wanted)
        if playing is None:
            _warn_of_darkness(connected)
        if metrics is not None:
            Screen(stderr=True).print(f"metrics: {stack.enter_context(serve(runner, metrics)).url}")
        exposed: list[FrameExposure] = []
        stack.callback(_tell, runner, right, json_file, playing, exposed)  # also where the device is gone
        writers += _shown(stack, runner, json_file)
        period = None if rate is None else 1 / rate
        results: Iterable[InferenceResult] = runner.run(
            playing, frames, period, None if deadline is None else deadline / 1000
        )
        if file is not None or board is not None:
            results = told(results, runner, playing, file, board)
        with contextlib.suppress(KeyboardInterrupt):
            for line in _lines(results, playing, right):
                for write in writers:
                    write(line)
        if wanted is not None:
            exposed.append(connected.exposure())
    if playing is not None and playing.unread:
        raise DataError(_left_out(playing.unread))


def _served_board(stack: contextlib.ExitStack, port: int) -> Board:
    """What Foxglove is shown.

    Raises:
        DataError: the extra ``foxglove`` is not installed, or the port is taken.
    """
    from pixeltree.view.board import Board  # noqa: PLC0415
    from pixeltree.view.foxglove_server import FoxgloveServer  # noqa: PLC0415 - an extra

    board = Board()
    Screen(stderr=True).print(f"Foxglove: {stack.enter_context(FoxgloveServer(board, port)).url}")
    return board


def _left_out(unread: Sequence[str]) -> str:
    more = [] if len(unread) <= _MOST_TOLD else [f"... and {len(unread) - _MOST_TOLD:,} more"]
    return "\n".join([f"left out: {counted(len(unread), 'picture')}", *unread[:_MOST_TOLD], *more])


def _check(tree: str, pictures: Sequence[str] | None, device: str | None, source: str | None) -> None:
    """Refuse what makes no sense together.

    Raises:
        DataError: it does not.
    """
    if tree.endswith(".kernel"):
        raise DataError(f"{tree} is a kernel and not a tree; run it by 'pixeltree run-kernel'")
    if pictures and source is not None:
        raise DataError("PICTURES are shown once each and --source goes on for ever; give one of them")
    if device is None and not pictures and source is None:
        raise DataError(
            "the emulated sensor would see nothing: give pictures, as in 'pixeltree run TREE FOLDER', or "
            "--source moving, or a --device that sees something"
        )


def _warn_of_darkness(device: Device) -> None:
    if device.settings().get("source") == "none":
        Screen(stderr=True).print(
            "the device's sensor is emulated and sees nothing; --source shows it something", soft_wrap=True
        )


def _shown(stack: contextlib.ExitStack, runner: TreeRunner, json_file: Path | None) -> list[_Show]:
    """What shows each frame; nothing if standard output is for the summary."""
    if is_standard_output(json_file):
        return []
    return [stack.enter_context(LiveTable(runner, Screen())) if sys.stdout.isatty() else standard_output()]


def _tell(
    runner: TreeRunner,
    right: _Right,
    json_file: Path | None,
    playing: Playing | None,
    exposed: Sequence[FrameExposure],
) -> None:
    """Say what the run came to, and where one was wanted, the exposure that it came to."""
    summary = runner.finish().summary()
    figures = {**summary.as_dict(), "link_cuts": runner.device.cuts, **right.figures()}
    if exposed:
        figures["exposure_us"] = exposed[-1].microseconds
    if playing is not None and playing.unread:
        figures["unread"] = len(playing.unread)
    write_json(json_file, figures)
    if not is_standard_output(json_file):
        next_one = "".join(f"\nexposure of the next frame: {each}" for each in exposed)
        Screen(stderr=True).print(f"{summary}{right}{next_one}", soft_wrap=True)


def _lines(results: Iterable[InferenceResult], playing: Playing | None, right: _Right) -> Iterator[Line]:
    for result in results:
        picture = "" if playing is None else playing.name
        expected = right.expected(picture)
        right.count(result.label_name, expected)
        yield line_of(result, picture, expected)


class _Right:
    """Counts right labels, where pictures lie in folders that are named after them.

    Args:
        tree: has the labels.
    """

    def __init__(self, tree: Tree) -> None:
        self._labels = frozenset(tree.labels)
        self._known = 0
        self._right = 0

    def expected(self, picture: str) -> str | None:
        """The label that a picture's folder says; None where it says none."""
        above = Path(picture).parent.name
        return above if above in self._labels else None

    def count(self, label: str, expected: str | None) -> None:
        """Count a frame."""
        self._known += expected is not None
        self._right += label == expected

    def figures(self) -> dict[str, float]:
        """For JSON; nothing where nothing is known."""
        return {"known": self._known, "right": self._right} if self._known else {}

    def __str__(self) -> str:
        return f"\n{self._right:,} of {self._known:,} as their folders say" if self._known else ""
