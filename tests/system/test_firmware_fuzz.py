"""What fuzzers of the firmware begin with is well formed: each target runs its corpus, with sanitizers."""

import subprocess

import pytest
from tests.support.effort import PROOF
from tests.support.stepped_firmware import FIRMWARE, SANITIZE, SMALL
from tools.make_fuzz_corpus import corpus

TARGETS = ("FRAMES", "OBJECTS", "BLOCKS", "PROGRAMS") if PROOF else ("PROGRAMS",)


@pytest.mark.parametrize("target", TARGETS)
def test_a_target_runs_what_it_begins_with(target, tmp_path):
    program = tmp_path / target
    fuzz = FIRMWARE / "ports/fuzz"
    sources = [*sorted((FIRMWARE / "core").glob("*.c")), fuzz / "targets.c", fuzz / "no_array.c"]
    options = ("-std=c99", "-O0", *SANITIZE, *SMALL, "-DDRIVER", f"-DTARGET={target}", "-o", str(program))
    subprocess.run(["cc", *options, *map(str, sources)], check=True)
    files = []
    for number, data in enumerate(corpus()[target]):
        files.append(tmp_path / f"{number}")
        files[-1].write_bytes(data)
    subprocess.run([str(program), *map(str, files)], check=True, timeout=120)
