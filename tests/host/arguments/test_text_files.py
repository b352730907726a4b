"""What users give the host: text with byte order marks and lines of Windows, and paths with ``~`` in URLs."""

from __future__ import annotations

import codecs
import json
import ssl
from pathlib import Path

import numpy as np
import pytest

from pixeltree.arguments.token import read_token
from pixeltree.errors import DataError, LinkError
from pixeltree.kernels.files import read_kernel
from pixeltree.links import open_link
from pixeltree.simulate.sequences import make_sequence
from pixeltree.swapping.trace import Trace


def marked(path, text):
    path.write_bytes(codecs.BOM_UTF8 + text.replace("\n", "\r\n").encode())
    return path


def test_a_kernel(tmp_path):
    (tmp_path / "plain").write_text("mov(A, B)\nadd(A, B, C)\n")
    kernel = read_kernel(marked(tmp_path / "f", "mov(A, B)\nadd(A, B, C)\n"))
    assert kernel.block() == read_kernel(tmp_path / "plain").block()


def test_a_token(tmp_path):
    assert read_token(marked(tmp_path / "f", "0123456789abcdef\n")) == b"0123456789abcdef"


def test_a_sequence_of_outcomes(tmp_path):
    np.testing.assert_array_equal(make_sequence(str(marked(tmp_path / "f", "2\n0\n1\n")), 3, 4), [2, 0, 1, 2])


def test_an_empty_sequence_is_refused_in_one_sentence(tmp_path):
    with pytest.raises(DataError, match=r"f: outcomes must be"):
        make_sequence(str(marked(tmp_path / "f", "")), 3, 4)


def test_a_sequence_in_another_encoding_is_refused(tmp_path):
    (tmp_path / "f").write_text("1\n2\n", "utf-16")
    with pytest.raises(DataError, match=r"f: cannot be read as a number per line"):
        make_sequence(str(tmp_path / "f"), 3, 4)


def test_a_trace(tmp_path):
    trace = Trace()
    trace.add("link", "node", 1.0, 2.0, {})
    assert Trace.load(marked(tmp_path / "f", json.dumps(trace.to_json()))).events == trace.events


def test_paths_in_urls_may_begin_at_the_home_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    for url in ("~/absent", "serial:~/absent"):
        with pytest.raises(LinkError, match=str(tmp_path / "absent")):
            open_link(url, 1)
    used = []

    def note(cafile):
        used.append(cafile)
        raise OSError(2, "No such file or directory")

    monkeypatch.setattr(ssl, "create_default_context", note)
    with pytest.raises(LinkError, match=r"cannot use ca=~/ca\.pem"):
        open_link("tls://127.0.0.1:1?ca=~/ca.pem", 1)
    assert used == [str(tmp_path / "ca.pem")]
    (tmp_path / "token").write_text("0123456789abcdef")
    assert read_token(Path("~/token")) == b"0123456789abcdef"
