"""What users give the emulator: paths with ``~``, files with byte order marks, folders with hidden files."""

from __future__ import annotations

import codecs

import numpy as np
from PIL import Image

from pixeltree_emu.sensor.sources import open_source, read_order
from pixeltree_emu.serving.access import read_token
from pixeltree_emu.serving.options import parse


def test_hidden_files_of_a_folder_are_no_pictures(tmp_path):
    for index, name in enumerate(("b.png", "a.png")):
        Image.new("L", (256, 256), index).save(tmp_path / name)
    (tmp_path / "._a.png").write_bytes(b"what a Macintosh leaves")
    (tmp_path / "folder.png").mkdir()
    source = open_source(str(tmp_path))
    assert [int(source.frame(index).max()) for index in range(3)] == [1, 0, 1]


def test_paths_may_begin_at_the_home_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    np.save(tmp_path / "a.npy", np.full((1, 256, 256), 7, np.uint8))
    assert open_source("~/a.npy").frame(0).max() == 7
    options = parse(["--token-file=~/t", "--source-order=~/o", "--tls-cert=~/c", "--tls-key=~/k"])
    given = options.token_file, options.source_order, options.tls_cert, options.tls_key
    assert given == tuple(tmp_path / name for name in "tock")


def test_byte_order_marks_are_not_content(tmp_path):
    (tmp_path / "f").write_bytes(codecs.BOM_UTF8 + b"2\r\n0\r\n")
    assert read_order(tmp_path / "f") == [2, 0]
    (tmp_path / "t").write_bytes(codecs.BOM_UTF8 + b"0123456789abcdef\n")
    (tmp_path / "t").chmod(0o600)
    assert read_token(tmp_path / "t") == b"0123456789abcdef"
