"""Files that are replaced whole: links, modes, and what is left after a failure."""

from __future__ import annotations

import os
import stat

import pytest

from pixeltree.arguments.files import as_path, visible, write_whole


def mode_of(path):
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def umask():
    """Sets the umask for one test."""
    before = os.umask(0o022)
    os.umask(before)
    yield os.umask
    os.umask(before)


@pytest.mark.parametrize(("mask", "mode"), [(0o022, 0o644), (0o077, 0o600), (0o002, 0o664)])
def test_a_new_file_has_the_mode_that_the_umask_leaves(tmp_path, umask, mask, mode):
    umask(mask)
    write_whole(tmp_path / "f", b"new")
    assert mode_of(tmp_path / "f") == mode


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o666, 0o755])
def test_a_file_that_exists_keeps_its_mode(tmp_path, umask, mode):
    umask(0o022)
    (tmp_path / "f").write_bytes(b"old")
    (tmp_path / "f").chmod(mode)
    write_whole(tmp_path / "f", b"new")
    assert (mode_of(tmp_path / "f"), (tmp_path / "f").read_bytes()) == (mode, b"new")


def test_a_link_stays_and_what_it_points_to_is_replaced(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "f").write_bytes(b"old")
    (tmp_path / "f").symlink_to("real/f")
    (tmp_path / "dangling").symlink_to("real/new")
    for link, target in (("f", "f"), ("dangling", "new")):
        write_whole(tmp_path / link, b"new")
        assert (tmp_path / link).is_symlink()
        assert (tmp_path / "real" / target).read_bytes() == b"new"
    assert sorted(path.name for path in (tmp_path / "real").iterdir()) == ["f", "new"]


def test_a_link_to_itself_is_an_error_and_stays(tmp_path):
    (tmp_path / "f").symlink_to("f")
    with pytest.raises(OSError, match="symbolic links"):
        write_whole(tmp_path / "f", b"new")
    assert (tmp_path / "f").is_symlink()


def test_a_pipe_is_written_to_and_not_replaced(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    try:
        write_whole(tmp_path / "pipe", b"new")
        assert os.read(reader, 10) == b"new"
    finally:
        os.close(reader)
    assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)


def test_after_a_failure_the_old_file_is_as_it_was(tmp_path, monkeypatch):
    (tmp_path / "f").write_bytes(b"old")

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_whole(tmp_path / "f", b"new")
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("f", b"old")]


def test_a_long_name_can_be_written(tmp_path):
    name = "ü" * 127
    write_whole(tmp_path / name, b"new")
    assert (tmp_path / name).read_bytes() == b"new"


def test_a_path_may_begin_at_the_home_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert as_path("~/a") == tmp_path / "a"
    assert as_path("./~") == type(tmp_path)("~")
    assert str(as_path("~nobody-has-this-name/a")) == "~nobody-has-this-name/a"


def test_hidden_files_are_not_the_users(tmp_path):
    for name in ("b.png", "a.png", "._a.png", ".DS_Store", "__MACOSX"):
        (tmp_path / name).touch()
    assert [path.name for path in visible(tmp_path.iterdir())] == ["a.png", "b.png"]
