"""``pixeltree asm`` and ``pixeltree disasm``, run as a user runs them."""

import subprocess
import sys
from pathlib import Path

import pytest

COMMAND = [sys.executable, "-c", "from pixeltree.cli import main; main()"]
EXAMPLES = Path(__file__).parents[2] / "examples"


def pixeltree(*arguments):
    command = [*COMMAND, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize("name", ["threshold", "sobel", "outline"])
def test_text_to_block_to_text_to_the_same_block(name, tmp_path):
    first, second, text = tmp_path / "first", tmp_path / "second", tmp_path / "text"
    assert pixeltree("asm", EXAMPLES / f"{name}.kernel", "-o", first).returncode == 0
    shown = pixeltree("disasm", first)
    assert shown.returncode == 0
    assert pixeltree("disasm", first, "-o", text).returncode == 0
    assert text.read_text() == shown.stdout
    assert pixeltree("asm", text, "-o", second).returncode == 0
    assert first.read_bytes() == second.read_bytes()
    sent = subprocess.run(
        [*COMMAND, "asm", str(text), "-o", "-"], capture_output=True, timeout=60, check=False
    )
    assert (sent.returncode, sent.stdout) == (0, first.read_bytes())
    assert pixeltree("disasm", first, "-o", "-").stdout == shown.stdout


def test_a_wrong_line_ends_with_status_2_and_names_file_line_and_operand(tmp_path):
    source = tmp_path / "bad.kernel"
    source.write_text("all\nadd(A, B, Q)\n")
    result = pixeltree("asm", source, "-o", tmp_path / "out")
    assert result.returncode == 2
    assert f"{source}:2: add: operand 3: 'Q'" in result.stderr
    assert not (tmp_path / "out").exists()


def test_files_that_cannot_be_used_end_with_status_2(tmp_path):
    noise = tmp_path / "noise"
    noise.write_bytes(b"\xff\xfe\x00")
    for arguments in (
        ("asm", tmp_path / "absent", "-o", tmp_path / "out"),
        ("asm", noise, "-o", tmp_path / "out"),
        ("disasm", noise),
        ("asm", EXAMPLES / "sobel.kernel", "-o", tmp_path / "no" / "folder"),
    ):
        result = pixeltree(*arguments)
        assert result.returncode == 2, arguments
        assert result.stderr.startswith("error:")
