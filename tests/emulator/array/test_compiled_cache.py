"""Compiled code is kept where nobody else can put any, and a damaged or missing place never stops a start."""

import os
import stat
from pathlib import Path

import pytest

from pixeltree_emu.array.fast import build, cache
from pixeltree_emu.array.fast.build import Compiler
from pixeltree_emu.errors import NotCompiled


@pytest.fixture
def places(tmp_path, monkeypatch):
    """Folders of its own for everything; what is compiled is two small files."""
    folders = {name: tmp_path / name for name in ("numba", "home", "temporary")}
    for folder in folders.values():
        folder.mkdir(mode=0o700)
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(folders["numba"]))
    monkeypatch.setenv("HOME", str(folders["home"]))
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(build.tempfile, "tempdir", str(folders["temporary"]))
    monkeypatch.setattr(Compiler, "compile_into", lambda self, folder: pretend(folder))
    return folders


made = []


def pretend(folder):
    """Compile nothing, quickly."""
    made.append(folder)
    sources = folder / "fast_0123"
    sources.mkdir()
    (sources / "execute.nbi").write_bytes(b"index")
    (sources / "execute.1.nbc").write_bytes(b"code")


@pytest.fixture(autouse=True)
def _nothing_made_yet():
    made.clear()


def compiled():
    """Where code is loaded from, and what is found there."""
    with Compiler().compiled() as folder:
        return folder, {path.name: path.read_bytes() for path in folder.rglob("*.nb?")}


RIGHT = {"execute.nbi": b"index", "execute.1.nbc": b"code"}


def test_code_is_compiled_once_and_found_again(places):
    first, files = compiled()
    again, _ = compiled()
    assert files == RIGHT
    assert first == again == cache.find()
    assert first.is_relative_to(places["numba"].resolve())
    assert len(made) == 1
    assert {path.name for path in first.parent.iterdir()} == {first.name, f"{first.name}.lock"}


@pytest.mark.parametrize(
    "change",
    [
        lambda monkeypatch: monkeypatch.setattr(cache.llvmlite.binding, "get_host_cpu_name", lambda: "other"),
        lambda monkeypatch: monkeypatch.setattr(cache.importlib.metadata, "version", lambda _: "99"),
        lambda monkeypatch: monkeypatch.setenv("NUMBA_OPT", "0"),
    ],
    ids=["processor", "versions", "settings"],
)
@pytest.mark.parametrize("where", ["numba", "home"])
def test_code_for_another_state_is_not_used_wherever_it_is_kept(places, monkeypatch, where, change):
    if where == "home":
        monkeypatch.delenv("NUMBA_CACHE_DIR")
    first, _ = compiled()
    change(monkeypatch)
    assert cache.find() is None
    assert compiled()[0] != first


@pytest.mark.parametrize("where", ["numba", "home"])
def test_code_from_sources_that_were_edited_is_not_used(places, monkeypatch, where, tmp_path):
    if where == "home":
        monkeypatch.delenv("NUMBA_CACHE_DIR")
    sources = tmp_path / "fast"
    sources.mkdir()
    (sources / "flood.py").write_text("one = 1")
    monkeypatch.setattr(cache, "__file__", str(sources / "cache.py"))
    first, _ = compiled()
    (sources / "flood.py").write_text("one = 2")
    assert cache.find() is None
    assert compiled()[0] != first


DAMAGES = {
    "empty": lambda path: path.write_bytes(b""),
    "truncated": lambda path: path.write_bytes(path.read_bytes()[:-1]),
    "other bytes": lambda path: path.write_bytes(b"\x80\x04N."),
    "missing": lambda path: path.unlink(),
    "a folder": lambda path: (path.unlink(), path.mkdir()),
}


@pytest.mark.parametrize("name", ["fast_0123/execute.nbi", "fast_0123/execute.1.nbc", "complete.json"])
@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_damaged_code_is_compiled_again(places, name, damage):
    folder, _ = compiled()
    damage(folder / name)
    assert cache.find() is None
    assert compiled() == (folder, RIGHT)
    assert len(made) == 2
    assert cache.find() == folder


@pytest.mark.parametrize("text", ["null", "[]", "{}", '"x"', "17", '{"../x": "1"}', "[1]", '[["x"]]'])
def test_a_list_that_lists_nothing_is_damage(places, text):
    folder, _ = compiled()
    (folder / "complete.json").write_text(text)
    assert compiled() == (folder, RIGHT)


def test_code_that_others_could_have_put_there_is_not_used(places):
    folder, _ = compiled()
    folder.chmod(0o777)
    assert cache.find() is None
    assert compiled() == (folder, RIGHT)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_link_in_the_place_of_the_folder_is_replaced(places, tmp_path):
    folder, _ = compiled()
    folder.rename(tmp_path / "elsewhere")
    folder.symlink_to(tmp_path / "elsewhere")
    assert compiled() == (folder, RIGHT)
    assert not folder.is_symlink()
    assert len(made) == 2


@pytest.mark.parametrize("squat", [lambda path: path.write_text(""), lambda path: path.symlink_to("/tmp")])
def test_a_place_that_was_taken_by_others_is_left_for_the_next(places, squat):
    squat(places["numba"] / "pixeltree")
    folder, files = compiled()
    assert folder.is_relative_to(places["home"].resolve())
    assert files == RIGHT


def test_where_nothing_can_be_kept_code_is_made_for_this_once_and_goes(places, monkeypatch):
    for name in ("numba", "home"):
        places[name].chmod(0o777)
    with Compiler().compiled() as folder:
        assert folder.is_relative_to(places["temporary"])
        assert stat.S_IMODE(folder.parent.stat().st_mode) == 0o700
        assert len(list(folder.rglob("*.nb?"))) == 2
    assert not list(places["temporary"].iterdir())


def test_a_user_without_a_home_compiles_all_the_same(places, monkeypatch):
    def nobody():
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("NUMBA_CACHE_DIR")
    monkeypatch.setattr(Path, "home", nobody)
    assert compiled()[1] == RIGHT
    assert not list(places["temporary"].iterdir())


def test_a_cache_that_became_read_only_is_still_used(places, monkeypatch):
    folder, _ = compiled()
    monkeypatch.setattr(build.os, "access", lambda path, mode: not Path(path).is_relative_to(folder))
    copy, files = compiled()
    assert files == RIGHT
    assert copy.is_relative_to(places["temporary"])
    assert len(made) == 1
    assert not list(places["temporary"].iterdir())


def test_a_full_disk_is_no_reason_to_stop(places, monkeypatch):
    def full(self, folder):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Compiler, "compile_into", full)
    with pytest.raises(NotCompiled, match="No space left"), Compiler().compiled():
        pass
    assert not list(places["numba"].rglob("*.part*"))
    assert not list(places["temporary"].iterdir())


def test_a_compiler_without_room_is_no_reason_to_stop_either(places, monkeypatch, tmp_path):
    monkeypatch.undo()
    monkeypatch.setattr(build, "_PARTS", (("pixeltree_emu.array.fast.flood",),))
    script = "import sys; sys.stderr.write('disk full'); sys.exit(74)"
    popen = build.subprocess.Popen
    monkeypatch.setattr(
        build.subprocess, "Popen", lambda _, **options: popen([build.sys.executable, "-c", script], **options)
    )
    with pytest.raises(OSError, match="disk full"):
        Compiler().compile_into(tmp_path)


def test_what_a_killed_start_left_is_removed(places):
    folder, _ = compiled()
    cache.discard(folder)
    left = folder.parent / f"{folder.name}.partabc"
    left.mkdir()
    compiled()
    assert not left.exists()


def test_a_start_waits_for_another_that_compiles_and_uses_what_that_made(places, monkeypatch):
    folder = places["numba"].resolve() / "pixeltree" / cache.folder_name()
    folder.parent.mkdir(mode=0o700)
    taken = []

    def other_start(descriptor):
        """Another process holds the lock for a while, and compiles meanwhile."""
        taken.append(descriptor)
        if len(taken) == 3:
            Compiler()._make(folder)
        return len(taken) < 4

    monkeypatch.setattr(build, "is_taken", other_start)
    assert compiled() == (folder, RIGHT)
    assert len(made) == 1


def test_one_start_at_a_time_holds_the_lock(tmp_path):
    def opened():
        return os.open(tmp_path / "lock", os.O_RDWR | os.O_CREAT)

    first, second = opened(), opened()
    assert not build.is_taken(first)
    assert build.is_taken(second)
    os.close(first)
    assert not build.is_taken(second)
    os.close(second)


def test_where_nothing_is_compiled_nothing_is_called_compiled(places, monkeypatch):
    monkeypatch.setattr(Compiler, "compile_into", lambda self, folder: None)
    with pytest.raises(NotCompiled, match="NUMBA_DISABLE_JIT"), Compiler().compiled():
        pass
    assert cache.find() is None


def test_a_cancelled_compiler_leaves_nothing(places, monkeypatch):
    monkeypatch.undo()
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(places["numba"]))
    monkeypatch.setenv("XDG_CACHE_HOME", str(places["home"]))
    monkeypatch.setattr(build.tempfile, "tempdir", str(places["temporary"]))
    compiler = Compiler()
    compiler.cancel()
    with pytest.raises(NotCompiled, match="cancelled"), compiler.compiled():
        pass
    assert not [path for path in places["numba"].rglob("*") if ".part" in path.name]
    assert not list(places["temporary"].iterdir())


def test_a_part_that_does_not_compile_says_why(places, monkeypatch):
    monkeypatch.undo()
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(places["numba"]))
    monkeypatch.setattr(build, "_PARTS", (("pixeltree_emu.no_such_module",),))
    with pytest.raises(NotCompiled, match="no_such_module"):
        Compiler().compile_into(places["temporary"])


def test_the_processes_end_with_whoever_started_them(tmp_path):
    theirs, ours = os.pipe()
    process = build.start_part(tmp_path, ("pixeltree_emu.array.fast.interpreter",), theirs)
    os.close(theirs)
    os.close(ours)
    assert process.communicate(timeout=60)[1] == b""
    assert process.returncode == 1
