"""Folders whose contents are believed belong to us, and nobody else can write in them."""

import os
import stat

import pytest

from pixeltree_emu.errors import UntrustedFolder
from pixeltree_emu.machine.private_folder import private_folder


@pytest.fixture
def base(tmp_path):
    folder = tmp_path / "base"
    folder.mkdir(mode=0o700)
    return folder


def mode(path):
    return stat.S_IMODE(path.lstat().st_mode)


def test_what_is_missing_is_made_for_its_owner_alone_whatever_the_umask(base):
    before = os.umask(0)
    try:
        folder = private_folder(base / "cache" / "deep", "pixeltree", "compiled")
    finally:
        os.umask(before)
    assert folder == (base / "cache" / "deep" / "pixeltree" / "compiled").resolve()
    assert {mode(each) for each in (folder, *folder.parents[:3])} == {0o700}


@pytest.mark.parametrize("others", [0o020, 0o002, 0o022])
@pytest.mark.parametrize("where", ["", "pixeltree", "pixeltree/compiled"])
def test_a_folder_that_others_may_write_is_not_trusted(base, where, others):
    (base / "pixeltree" / "compiled").mkdir(parents=True)
    (base / where).chmod(0o700 | others)
    with pytest.raises(UntrustedFolder, match=r"other users may write in .*chmod go-w"):
        private_folder(base, "pixeltree", "compiled")


def test_a_link_in_the_place_of_a_folder_is_not_followed(base, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (base / "pixeltree").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UntrustedFolder, match="is not a folder"):
        private_folder(base, "pixeltree")


def test_a_file_in_the_place_of_a_folder_is_not_trusted(base):
    (base / "pixeltree").write_text("")
    with pytest.raises(UntrustedFolder, match="is not a folder"):
        private_folder(base, "pixeltree")


@pytest.mark.parametrize("where", ["", "pixeltree"])
def test_a_folder_of_another_user_is_not_trusted(base, monkeypatch, where):
    (base / "pixeltree").mkdir()
    real, foreign = os.stat_result, (base / where).resolve()

    class Foreign(type(base)):
        def lstat(self):
            status = super().lstat()
            if str(self) != str(foreign):
                return status
            return real([*status[:4], os.geteuid() + 1, *status[5:10]])

        def resolve(self):
            return self

    with pytest.raises(UntrustedFolder, match="belongs to another user"):
        private_folder(Foreign(base.resolve()), "pixeltree")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give folders away")
@pytest.mark.parametrize("where", ["", "pixeltree", "pixeltree/compiled"])
def test_a_folder_that_really_belongs_to_another_user_is_not_trusted(base, where):
    (base / "pixeltree" / "compiled").mkdir(parents=True)
    os.chown(base / where, 12345, -1)
    with pytest.raises(UntrustedFolder, match=r"belongs to another user \(uid 12345\)"):
        private_folder(base, "pixeltree", "compiled")


def test_a_folder_that_others_may_replace_is_not_trusted(base):
    (base / "cache").mkdir(mode=0o700)
    base.chmod(0o777)
    with pytest.raises(UntrustedFolder, match="other users may replace what lies in"):
        private_folder(base / "cache", "pixeltree")
    base.chmod(0o1777)  # as /tmp: others may not
    assert private_folder(base / "cache", "pixeltree").is_dir()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_made_is_an_error_of_ours(base):
    base.chmod(0o500)
    with pytest.raises(UntrustedFolder, match="Permission denied"):
        private_folder(base / "cache", "pixeltree")


def test_a_path_through_a_file_is_an_error_of_ours(base):
    (base / "file").write_text("")
    with pytest.raises(UntrustedFolder):
        private_folder(base / "file" / "cache", "pixeltree")
