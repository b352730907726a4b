"""``pixeltree asm`` and ``pixeltree disasm``, run as a user runs them."""

import pytest
from tests.support.command_line import ROOT, pixeltree

EXAMPLES = ROOT / "examples"


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
    sent = pixeltree("asm", text, "-o", "-", text=False)
    assert (sent.returncode, sent.stdout) == (0, first.read_bytes())
    assert pixeltree("disasm", first, "-o", "-").stdout == shown.stdout


def test_a_wrong_line_ends_with_status_2_and_names_file_line_and_operand(tmp_path):
    source = tmp_path / "bad.kernel"
    source.write_text("all\nadd(A, B, Q)\n")
    result = pixeltree("asm", source, "-o", tmp_path / "out")
    assert result.returncode == 2
    assert f"{source}:2: add: operand 3: 'Q'" in result.stderr
    assert not (tmp_path / "out").exists()


def test_lint_warns_on_standard_error_with_file_and_line_and_needs_no_output(tmp_path):
    source = tmp_path / "clobber.kernel"
    source.write_text("all;\nSET(R6); XORX(R5, R6, R7)\nMOV(R8, R6)\n")
    result = pixeltree("asm", source, "--lint")
    assert result.returncode == 0
    assert result.stdout == ""
    assert result.stderr == (
        f"{source}:2: warning: XORX(R5, R6, R7) overwrites R6, which line 2 set and which line 3 reads\n"
    )
    result = pixeltree("asm", source)
    assert result.returncode == 2
    assert "-o" in result.stderr


def test_parameters_are_set_by_name(tmp_path):
    source, wanted = tmp_path / "blur.kernel", tmp_path / "wanted.kernel"
    source.write_text("param times = 3 in 0..9\nSET(R1, R2); gauss(A, B, times)\n")
    wanted.write_text("SET(R1, R2)\ngauss(A, B, 5)\n")
    first, second = tmp_path / "first", tmp_path / "second"
    assert pixeltree("asm", source, "-o", first, "--set", "times=5").returncode == 0
    assert pixeltree("asm", wanted, "-o", second).returncode == 0
    assert first.read_bytes() == second.read_bytes()
    for setting, message in (
        ("times=10", "parameter times must be 0 to 9, not 10"),
        ("time=5", "it has no parameter 'time'; did you mean 'times'? known: times"),
        ("times", "write NAME=VALUE"),
    ):
        result = pixeltree("asm", source, "-o", first, "--set", setting)
        assert result.returncode == 2
        assert message in result.stderr


def test_disasm_says_what_a_file_is_instead(tmp_path):
    block, text = tmp_path / "a.block", tmp_path / "a.kernel"
    text.write_text("all\nNOT(R5)\n")
    assert pixeltree("asm", text, "-o", block).returncode == 0
    data = block.read_bytes()
    tree = EXAMPLES.parent / "host/pixeltree/data/digits.ptree"
    for content, says in (
        (text.read_bytes(), "it is text; pixeltree asm makes a block of kernel text"),
        (tree.read_bytes(), "it is a tree file; pixeltree tree"),
        (b"", "it is empty"),
        (b"\x03\x01\x00\x00", "it is a program object"),
        (b"\x89PNG\r\n\x1a\n", "it begins with the bytes 89 50 4e 47"),
        (data[:-1], "are not a valid block: they end within code"),
        (data + b"\x00", "there are bytes after their end"),
    ):
        file = tmp_path / "file"
        file.write_bytes(content)
        result = pixeltree("disasm", file)
        assert result.returncode == 2
        assert f"{file} is not a block object" in result.stderr
        assert says in result.stderr, (says, result.stderr)
        assert "Error in path" not in result.stderr
    result = pixeltree("asm", block, "-o", tmp_path / "out")
    assert "is a block object, not kernel text: pixeltree disasm makes text of it" in result.stderr


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
