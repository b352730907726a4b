"""C++ programs against the vendor's API, translated, and run on an emulated device."""

import json
import sys
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import pixeltree as pt
from pixeltree.cli import main
from pixeltree.errors import DataError
from pixeltree.kernels.files import read_kernel
from pixeltree.port import kernel_text, python_program, read_source
from pixeltree.port.source import MOST_BYTES, MOST_DEPTH, parse

EXAMPLES = Path(__file__).parents[3] / "examples/vendor_api"
RAMP = np.broadcast_to(np.arange(256, dtype=np.uint8), (256, 256))


def run(source, url="emu:", **options):
    """Run a program's translation, without a device where url is None; what it shows, in order."""
    ported = python_program(parse(source.encode(), "t.cpp") if isinstance(source, str) else source)
    module = {"__name__": "ported"}
    exec(compile(ported.text, "ported", "exec"), module)
    shown = []
    with pt.connect(url) if url else nullcontext(SimpleNamespace(chip=None)) as device:
        module["program"](device, lambda *what: shown.append(what), **options)
    return shown, ported


def posted(body, before=""):
    """What a program posts; all of it must be translated."""
    shown, ported = run(f"{before}\nint main() {{\n{body}\nreturn 0; }}", url=None)
    assert ported.tally.untranslated == []
    return [value for _, value in shown]


@pytest.fixture
def command(monkeypatch):
    """Run the command line; its exit status."""

    def run_it(*arguments):
        monkeypatch.setattr(sys, "argv", ["pixeltree", *map(str, arguments)])
        with pytest.raises(SystemExit) as left:
            main()
        return left.value.code

    return run_it


@pytest.fixture
def ramp(tmp_path):
    np.save(tmp_path / "ramp.npy", RAMP[np.newaxis])
    return f"emu:?preset=ideal&source={tmp_path / 'ramp.npy'}"


def test_the_example_translates_whole_and_shows_what_numpy_says(ramp):
    source = read_source(EXAMPLES / "threshold_box.cpp")
    shown, ported = run(source, ramp, settings={"threshold": 20}, arguments=["threshold_box", "2"])
    assert ported.tally.untranslated == []
    assert ported.tally.kernels == 1 and ported.tally.kernel_calls == 4
    pictures = [what for display, what in shown if display == "camera"]
    bright = [what for display, what in shown if display == "brighter than the threshold"]
    assert len(pictures) == 2 and len(bright) == 4
    assert pictures[0][0, 255] > pictures[0][0, 0] + 200
    expected = pictures[0].astype(int) - 128 > 20
    assert (bright[0] == expected).all() and 0 < expected.mean() < 1
    left = 255 - int(expected[0].argmax())
    assert bright[1] == [0, 0, 255, left]
    assert shown[-1] == ("text", f"frame 2: rows 0 to 255, columns 0 to {left}")


def test_the_other_example_keeps_what_measures_time_as_comments_and_runs():
    text = (EXAMPLES / "bench.cpp").read_text().replace("kernels = 2000", "kernels = 20")
    _, ported = run(text, arguments=["bench", "12"])
    assert ported.tally.kernels == 1 and ported.tally.kernel_calls == 11
    reasons = {each.reason for each in ported.tally.untranslated}
    assert "steady::now is not known" in reasons
    assert "began has no value since line 66" in reasons


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("int a = -7; int b[2] = {a / 2, a % 4}; vs_post_int32(b, 1, 2);", [[-3, -3]]),
        ("uint8_t a = 250; a += 10; vs_post_int8(&a, 1, 1);", [4]),
        ("int8_t a = 127; a++; vs_post_int8(&a, 1, 1);", [-128]),
        ("int a = 6; bool b = (a & 2) == 2 && !(a < 0); vs_post_int32(&b, 1, 1);", [True]),
        ("int a = 2.9 * 2; vs_post_int32(&a, 1, 1);", [5]),
        ("float a = 3; a = a / 2; vs_post_float(&a, 1, 1);", [1.5]),
        ("int a = 8 - (4 - 2), b = 1 << 2 + 1; vs_post_int32(&a, 1, 1); vs_post_int32(&b, 1, 1);", [6, 8]),
        ("for (int i = 5; i >= 1; i -= 2) vs_post_int32(&i, 1, 1);", [5, 3, 1]),
        ("for (int i = 0; i < 6; i++) { if (i % 2) continue; i++; vs_post_int32(&i, 1, 1); }", [1, 3, 5]),
        ("int i = 0; do { i++; } while (i < 3); vs_post_int32(&i, 1, 1);", [3]),
        ("int lambda = 3; switch (lambda) { case 3: lambda = 0; break; default: lambda = 9; }"
         "vs_post_int32(&lambda, 1, 1);", [0]),
        ("uint8_t a[4] = {1, 2}; a[3] = 300; vs_post_int8(a, 1, 4);", [[1, 2, 0, 44]]),
        ("count += twice(N); vs_post_int32(&count, 1, 1);", [18]),
        ("auto up = [&](int n) { count += n; }; up(2); up(3); vs_post_int32(&count, 1, 1);", [15]),
    ],
)  # fmt: skip
def test_numbers_and_control_flow_are_those_of_cpp(body, expected):
    before = "#define N 4  // of them\nint count = 10; static int twice(int n) { n *= 2; return n; }"
    assert posted(body, before) == expected


def test_kernels_keep_their_loops_macros_and_the_vendors_other_names():
    shown, ported = run("""
        void both(int n) { for (int i = 0; i < n; i++) { MOV(S1, S0); DNEWS(S0, S1, north|east); } }
        int main() {
            uint8_t found[8];
            scamp5_load_point(S0, 40, 50);
            scamp5_kernel_begin(); both(2); CLR(RP); scamp5_kernel_end();
            scamp5_scan_boundingbox(S0, found); vs_post_int8(found, 1, 4);
            scamp5_scan_events(S0, found, 4); vs_post_int8(found, 1, 8);
        }""")
    assert ported.tally.untranslated == []
    assert "range(n)" in ported.text and "S0" not in ported.text
    assert shown[0][1][:4] == [40, 50, 42, 52]  # the content moves south and west
    assert shown[1][1] == [50, 42, 51, 41, 52, 40, 0, 0]


def test_what_has_no_translation_stays_as_a_comment_and_nothing_reads_its_value():
    _, ported = run("""
        int main() {
            int level = strange(3);
            int other = level + 1;
            scamp5_in(A, other);
            scamp5_in(B, 5);
            scamp5_kernel_begin();
            add(A, B);
            scamp5_get_image(A, B);
            sub(C, A, B);
            scamp5_kernel_end();
            for (int i = 0; i < 2; i++) { vs_wait(i); A ->; }
            struct {
                int a;
            } parts[] = {{1}};
        }""")
    assert [(each.line, each.reason.split(";")[0]) for each in ported.tally.untranslated][:3] == [
        (3, "strange is not known"),
        (4, "level has no value since line 3"),
        (5, "other has no value since line 4"),
    ]
    assert [each.line for each in ported.tally.untranslated[3:]] == [8, 9, 12, 13]
    assert (
        "# line 9, not translated: scamp5_get_image stands in a kernel, which has words only" in ported.text
    )
    assert "#     scamp5_in(A, other);" in ported.text
    assert ported.tally.kernel_calls == 1 and ported.tally.controller_calls == 2


def test_a_function_that_is_cut_short_raises_where_it_would_have_returned():
    with pytest.raises(NotImplementedError, match="line 1"):
        run("int f() { return strange(); } int main() { int level = f(); }", url=None)


def test_a_kernel_becomes_a_file_with_loops_unrolled_and_constants_put_in(tmp_path):
    source = parse(
        b"""const int N = 2;
        void first() { scamp5_kernel_begin(); all(); scamp5_kernel_end(); }
        int main() {
            scamp5_kernel_begin();
            for (int i = 0; i < N + 1; i++) { movx(A, A, north); if (i == N) gauss(B, A, i * 2); }
            DNEWS(S0, R6, north|east);
            gauss(A, A, unknown);
            scamp5_kernel_end();
        }""",
        "t.cpp",
    )
    with pytest.raises(DataError, match=r"choose one with --kernel: first \(line 2\), main \(line 4\)"):
        kernel_text(source)
    with pytest.raises(DataError, match="no kernel 'second'"):
        kernel_text(source, "second")
    ported = kernel_text(source, "4")
    (tmp_path / "t.kernel").write_text(ported.text)
    read = read_kernel(tmp_path / "t.kernel")
    assert [each.text for each in read.statements] == [
        *["movx(A, A, north)"] * 3,
        "gauss(B, A, 4)",
        "DNEWS(R5, R6, north|east)",
    ]
    assert [each.line for each in ported.tally.untranslated] == [7]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "is empty"),
        (b" \n", "is empty"),
        (b"\x7fELF\x00\x00", "is no C++ text"),
        (b"\xff\xfe\xfa", "is no C++ text"),
        (b"hello world", "no call of the vendor's API was translated"),
        (b"def f(x):\n    return x\n", "no call of the vendor's API was translated"),
        (b"int main() { return 0; }", "no call of the vendor's API was translated"),
        (b"(" * 5000, "no call of the vendor's API was translated"),
        (b"int a = " + b"-(" * MOST_DEPTH + b"1" + b")" * MOST_DEPTH + b";", "nested more than"),
        (b";" * (MOST_BYTES + 1), "more than 256 KiB"),
    ],
)  # fmt: skip
def test_bad_input_is_one_clear_error(data, words, tmp_path, command, capsys):
    file = tmp_path / "x.cpp"
    file.write_bytes(data)
    status = command("port", file, "-o", tmp_path / "x.py")
    error = capsys.readouterr().err
    assert status == 2 and words in error and "Traceback" not in error
    assert not (tmp_path / "x.py").exists()


def test_nested_as_deep_as_allowed_is_translated():
    depth = MOST_DEPTH // 2 - 6
    python_program(parse(b"void f() {" + b"if (1) {" * depth + b"}" * (depth + 1), "t.cpp"))
    python_program(parse(b"int a = " + b"(" * 2 * depth + b"1" + b")" * 2 * depth + b";", "t.cpp"))


def test_the_command_counts_and_names_what_it_left(tmp_path, command, capsys):
    out = tmp_path / "bench.py"
    assert command("port", EXAMPLES / "bench.cpp", "-o", out, "--json", "-") == 0
    seen = capsys.readouterr()
    figures = json.loads(seen.out)
    assert figures["kernels"] == 1 and figures["untranslated"][0]["line"] == 11
    assert "bench.cpp:66: not translated: steady::now is not known" in seen.err
    assert f"{len(figures['untranslated'])} statements stay as comments" in seen.err
