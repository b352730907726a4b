"""Pictures for the frames of a run: what is passed over, and what ends a run."""

import pytest
from PIL import Image

import pixeltree as pt
from pixeltree.errors import DataError


@pytest.fixture(scope="module")
def tree():
    return pt.zoo.load("digits")


def picture(path, side=32):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("L", (side, side), 9).save(path)
    return str(path)


def test_pictures_and_folders_are_shown_as_they_were_given_and_what_cannot_be_read_is_named(tree, tmp_path):
    last, first = picture(tmp_path / "z.png"), picture(tmp_path / "folder" / "a.png")
    broken = tmp_path / "folder" / "b.png"
    broken.write_bytes(b"noise")
    playing = pt.play([last, str(tmp_path / "folder")], tree, "frame", once=True)
    assert [(playing.name, shown[0, 0]) for shown in playing] == [(last, 9), (first, 9)]
    assert [said.split()[0] for said in playing.unread] == [str(broken)]
    with pytest.raises(DataError, match=r"b\.png is not an image"):
        next(pt.play([str(broken)], tree, "frame"))


def test_where_nothing_can_be_read_or_the_size_is_wrong_a_run_ends(tree, tmp_path):
    (tmp_path / "a.png").write_bytes(b"noise")
    with pytest.raises(DataError, match="no picture can be read"):
        next(pt.play([str(tmp_path)], tree, once=True))
    with pytest.raises(DataError, match="100 x 100 pixels"):
        next(pt.play([picture(tmp_path / "b" / "large.png", 100)], tree, once=True))
    for name, said in (("missing.png", "No such file"), ("run.npy", "give it alone")):
        if name.endswith("npy"):
            (tmp_path / name).touch()
        with pytest.raises(DataError, match=said):
            pt.play([str(tmp_path / name), str(tmp_path / "a.png")], tree)
