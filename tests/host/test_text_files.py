"""Text files as editors of all kinds leave them: with a byte order mark, and with lines of Windows."""

from __future__ import annotations

import codecs
import json

import numpy as np
import pytest

from pixeltree.errors import DataError
from pixeltree.kernels.files import read_kernel
from pixeltree.swapping.sequences import make_sequence
from pixeltree.swapping.trace import Trace
from pixeltree.token import read_token


def marked(path, text):
    path.write_bytes(codecs.BOM_UTF8 + text.replace("\n", "\r\n").encode())
    return path


def test_a_kernel(tmp_path):
    (tmp_path / "plain").write_text("mov(A, B)\nadd(A, B, C)\n")
    assert read_kernel(marked(tmp_path / "f", "mov(A, B)\nadd(A, B, C)\n")) == read_kernel(tmp_path / "plain")


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
