"""``pixeltree calibrate``: measure a chip, and write a preset that emulates its like."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from rich.console import Group
from rich.progress import Progress
from rich.table import Column, Table
from rich.text import Text

from pixeltree.arguments.files import write_whole
from pixeltree.arguments.presets import read_preset
from pixeltree.cli.options import DEVICE, MEASUREMENT, OUTPUT, JsonOption, drawable
from pixeltree.cli.report import check_replaceable, report, screen_beside
from pixeltree.cli.terminal import Screen, busy, progress
from pixeltree.device.device import connect
from pixeltree.errors import DataError, from_extra
from pixeltree_protocol.chip.preset_file import ERRORS, SUFFIX, PresetNumbers, all_numbers

if TYPE_CHECKING:
    from pixeltree.calibrate import Calibration


def calibrate(
    device: Annotated[
        str,
        DEVICE(metavar="URL", help="The device. 'pixeltree devices' lists what is here.", show_default=False),
    ],
    out: Annotated[
        Path, OUTPUT("--out", "-o", metavar="FILE", help="Preset to write; its name ends in .toml.")
    ],
    base: Annotated[
        str,
        MEASUREMENT(help="Preset whose numbers stand where none can be measured: typical, harsh, a file."),
    ] = "typical",
    quick: Annotated[
        bool, MEASUREMENT("--quick", help="Fewer measurements: half of the time, and errors twice as large.")
    ] = False,
    cover: Annotated[
        bool,
        MEASUREMENT(
            "--cover",
            help="Ask you to cover and uncover the lens of a real device, to tell dark from light.",
        ),
    ] = False,
    plot: Annotated[
        Path | None,
        OUTPUT(metavar="FILE", callback=drawable, help="Draw copies, measured and fitted, to this picture."),
    ] = None,
    json_file: JsonOption = None,
) -> None:
    """Measure a chip and write the numbers of its errors as a preset, with their standard errors.

    The device copies, divides, floods and sums, and leaves registers alone for some seconds, in the dark and
    in light. It takes some 11 minutes of device time, and half a minute on an emulated device. Nothing else
    should use the device meanwhile.

    Then --preset FILE emulates chips of that kind, in emulate, emulate-array, eval, yield and compare.
    """
    if out.suffix != SUFFIX:
        raise DataError(f"{out}: a preset's file must end in {SUFFIX}, as in mychip.toml")
    check_replaceable(out)
    begin = read_preset(base)
    model = begin.model
    if model is None:
        raise DataError("--base ideal: it has no errors; choose another")
    try:
        from pixeltree.calibrate import Plan  # noqa: PLC0415 - an extra
        from pixeltree.calibrate import calibrate as measure  # noqa: PLC0415
        from pixeltree.calibrate.calibration import QUICK  # noqa: PLC0415
        from pixeltree.calibrate.file import to_json, to_toml  # noqa: PLC0415
    except ModuleNotFoundError as error:
        if error.name != "scipy":
            raise
        raise DataError(f"calibrating needs SciPy: {from_extra('calibrate')}") from error
    with busy(f"connecting to {device}"):
        connected = connect(device)
    began = time.monotonic()
    with connected, progress() as bar:
        found = measure(
            connected, QUICK if quick else Plan(), model, _shown_on(bar), _covering(bar) if cover else None
        )
        told = {
            "device": f"{connected.welcome.device} at {device}",
            "date": datetime.now().astimezone().isoformat(timespec="seconds"),
            "measured": f"{'quick' if quick else 'whole'}, {time.monotonic() - began:.0f} s",
        }
    try:
        write_whole(out, to_toml(found, begin, told).encode())
    except OSError as error:
        raise DataError(f"cannot write {out}: {error.strerror}") from error
    if plot is not None:
        from pixeltree.cli.pictures import draw_copies  # noqa: PLC0415 - an extra, slow to import

        draw_copies(plot, found.copies.lengths, found.copies.levels, found.copies.moments(), found.expected)
    report(json_file, to_json(found, begin, told), lambda: _table(found, begin))
    screen_beside(json_file).print(f"wrote {out}; try: pixeltree emulate --preset {out}", soft_wrap=True)


def _shown_on(bar: Progress) -> Callable[[str, int, int], None]:
    """Shows on a bar what is measured, one kind after the other."""
    task = bar.add_task("starting", total=None)
    last = [""]

    def show(what: str, done: int, total: int) -> None:
        if what != last[0]:
            last[0] = what
            bar.reset(task, description=what, total=total or None)
        bar.update(task, completed=done)

    return show


def _covering(bar: Progress) -> Callable[[bool], bool]:
    """Asks somebody to cover the lens, or to uncover it."""

    def ask(dark: bool) -> bool:
        if not sys.stdin.isatty():
            raise DataError("--cover asks you to cover the lens; it needs a terminal")
        bar.stop()
        Screen(stderr=True).print(f"{'Cover' if dark else 'Uncover'} the lens, then press Enter.")
        sys.stdin.readline()
        bar.start()
        return True

    return ask


def _table(found: Calibration, base: PresetNumbers) -> Group:
    before = all_numbers(base)
    rows = Table(
        "number", *(Column(name, justify="right") for name in ("measured", "+-", base.base)), "", box=None
    )
    for name in ERRORS:
        if name in found.errors:
            each = found.errors[name]
            rows.add_row(name, f"{each.value:.5g}", f"{each.error:.2g}", f"{before[name]:g}", each.said)
        else:
            rows.add_row(name, "kept", "", f"{before[name]:g}", found.kept.get(name, ""))
    for name, each in found.sums.items():
        rows.add_row(name, f"{each.value:.5g}", f"{each.error:.2g}", "", each.said)
    for name, each in found.checks.items():
        rows.add_row(name.replace("_", " "), f"{each.value:.5g}", f"{each.error:.2g}", "", each.said)
    unmeasured = [f"{name}: not measured: {why}" for name, why in found.kept.items() if name not in ERRORS]
    return Group(rows, *map(Text, unmeasured))
