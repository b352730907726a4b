"""``~`` in what a user typed."""

from __future__ import annotations

import sys

import pytest

from pixeltree.cli import main
from pixeltree.cli.app import with_homes


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("~/a", "HOME/a"),
        ("~", "HOME"),
        ("--out=~/a b", "HOME/a b"),
        ("-o~/a", "HOME/a"),
        ("a~", None),
        ("--show=E~", None),
        ("tcp://host~:1", None),
        ("~nobody-has-this-name", None),
    ],
)
def test_home_folders_stand_for_a_tilde_at_the_start(typed, meant, monkeypatch):
    monkeypatch.setenv("HOME", "HOME")
    expected = typed if meant is None else typed[: typed.index("~")] + meant
    assert with_homes(["asm", typed]) == ["asm", expected]


def test_every_command_gets_its_paths_so(tmp_path, monkeypatch, capsys):
    (tmp_path / "k.kernel").write_text("mov(A, B)\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(sys, "argv", ["pixeltree", "asm", "~/k.kernel", "--output=~/k.block"])
    with pytest.raises(SystemExit) as end:
        main()
    assert (end.value.code, capsys.readouterr().err) == (0, "")
    assert (tmp_path / "k.block").exists()
