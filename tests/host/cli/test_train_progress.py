"""What ``pixeltree train`` shows of its reports, and what it keeps of them."""

from __future__ import annotations

import csv
import io
import sys

import pytest
from rich.console import Console

from pixeltree.cli.report import check_picture
from pixeltree.cli.train_progress import History, TrainingProgress
from pixeltree.errors import DataError
from pixeltree.train.progress import BatchReport, Doing, EpochReport


class Clock:
    """Goes on when it is told to."""

    now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


def shown_on(clock, terminal=False, width=200):
    text = io.StringIO()
    return text, TrainingProgress(Console(file=text, force_terminal=terminal, width=width), clock)


def batch(number, epoch=1):
    """Of a run of 2 epochs, each of 10 batches of 8 images."""
    seen = 8 * ((epoch - 1) * 10 + number)
    return BatchReport(epoch, 2, number, 10, seen, 160 - seen, 0.5)


def test_without_a_terminal_lines_come_at_a_modest_rate(clock):
    text, shown = shown_on(clock)
    with shown:
        for number in range(1, 11):
            shown("root", batch(number))
            clock.now += 0.5
    assert text.getvalue().splitlines() == [
        "training root: epoch 1 of 2, batch 1 of 10, loss 0.500",
        "training root: epoch 1 of 2, batch 5 of 10, loss 0.500, 16 images/s, 0:08 left",
        "training root: epoch 1 of 2, batch 9 of 10, loss 0.500, 16 images/s, 0:06 left",
    ]


def test_what_begins_and_the_last_epoch_are_always_told(clock):
    text, shown = shown_on(clock)
    with shown:
        shown("", Doing("reading the data"))
        shown("", Doing("reading pictures", 0, 2000))
        shown("", Doing("reading pictures", 1, 2000))
        shown("root", Doing("grouping 4 classes"))
        for epoch in (1, 2, 3):
            shown("root", EpochReport(epoch, 3, 0.25, 0.5, 0.75))
    assert text.getvalue().splitlines() == [
        "reading the data",
        "reading pictures (0 of 2,000)",
        "root: grouping 4 classes",
        "trained root: epoch 1 of 3, loss 0.250, validation 50.0% (best 75.0%)",
        "trained root: epoch 3 of 3, loss 0.250, validation 50.0% (best 75.0%)",
    ]


def test_the_rate_is_that_of_one_run(clock):
    text, shown = shown_on(clock)
    with shown:
        for who in ("root", "root.0"):
            for number in (1, 5):
                shown(who, batch(number))
                clock.now += 4
            clock.now += 1000
    assert [line.partition(" left")[0].rpartition(", ")[0] for line in text.getvalue().splitlines()][
        1::2
    ] == [
        "training root: epoch 1 of 2, batch 5 of 10, loss 0.500, 8 images/s",
        "training root.0: epoch 1 of 2, batch 5 of 10, loss 0.500, 8 images/s",
    ]


def test_epochs_of_a_checkpoint_are_not_told_as_new(clock):
    text, shown = shown_on(clock)
    with shown:
        shown("root", EpochReport(3, 3, 0.25, 0.5, 0.75, restored=True))
    assert text.getvalue() == ""


def test_on_a_terminal_a_line_is_alive_and_a_line_stays_for_each_network(clock):
    text, shown = shown_on(clock, terminal=True)
    with shown:
        shown("a:100:b [red]", batch(1))
        shown("a:100:b [red]", EpochReport(2, 2, 0.25, 0.5, 0.75))
        shown("root.1", batch(2))
    said = text.getvalue()
    assert "trained a:100:b [red]: epoch 2 of 2" in said, "no markup, no emoji"
    assert "training root.1: epoch 1 of 2, batch 2 of 10" in said
    assert said.count("\x1b[2K") > 1, "lines are overwritten"


def test_a_narrow_terminal_shows_all_of_a_line(clock):
    text, shown = shown_on(clock, terminal=True, width=60)
    with shown:
        shown("root", batch(1))
        clock.now += 4
        shown("root", batch(5))
    assert "0:15 left" in text.getvalue()


def test_the_history_is_a_table_that_is_there_at_every_moment(tmp_path):
    with History(tmp_path / "h.csv") as history:
        history("root, all", EpochReport(1, 2, 0.5, 0.25, 0.25, restored=True))
        history("root, all", batch(1))
        history("root, all", EpochReport(2, 2, 0.125, 0.5, 0.5))
        rows = list(csv.DictReader((tmp_path / "h.csv").read_text().splitlines()))
    assert [row["network"] for row in rows] == ["root, all"] * 2
    assert [(row["epoch"], row["epochs"], row["loss"], row["validation"]) for row in rows] == [
        ("1", "2", "0.5", "0.25"),
        ("2", "2", "0.125", "0.5"),
    ]


def test_a_history_that_cannot_be_written_says_so(tmp_path):
    with (
        pytest.raises(DataError, match=r"cannot write .*absent.*: No such file"),
        History(tmp_path / "absent" / "h"),
    ):
        pass


@pytest.mark.parametrize("suffix", ["png", "svg"])
def test_curves_are_drawn(tmp_path, suffix):
    pytest.importorskip("matplotlib")
    from pixeltree.cli.pictures import draw_history  # noqa: PLC0415

    path = tmp_path / f"curves.{suffix}"
    check_picture(path)
    reports = [EpochReport(1, 2, 0.5, 0.25, 0.25), EpochReport(2, 2, 0.125, 0.5, 0.5)]
    draw_history(path, {"root": reports, "root.0": reports[:1]})
    assert path.read_bytes().startswith(b"\x89PNG" if suffix == "png" else b"<?xml")


def test_a_kind_of_picture_that_cannot_be_drawn_is_refused_early(tmp_path):
    pytest.importorskip("matplotlib")
    with pytest.raises(DataError, match=r"cannot write .*curves\.xyz: the suffix says the format; .*png"):
        check_picture(tmp_path / "curves.xyz")


def test_without_matplotlib_it_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    monkeypatch.delitem(sys.modules, "pixeltree.cli.pictures", raising=False)
    with pytest.raises(DataError, match=r"drawing needs matplotlib: .* pip install '\.\[viz\]'"):
        check_picture(tmp_path / "curves.png")
