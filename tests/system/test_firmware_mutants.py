"""The suite catches firmware that breaks a rule, as it catches such an emulated device."""

import contextlib
import shutil
import sys
import tempfile

import pytest
from firmware.ports.cortex_m.start import serving
from tests.support.effort import chosen
from tests.support.firmware_mutants import MUTANTS, build
from tests.support.suite import QUICK, Run, counts

pytestmark = pytest.mark.skipif(shutil.which("cc") is None, reason="there is no C compiler")


@contextlib.contextmanager
def serving_firmware(program):
    with tempfile.TemporaryDirectory(prefix="array") as folder:
        array = (sys.executable, "-P", "-m", "pixeltree_emu.array_port", "--listen", f"unix://{folder}/array")
        with (
            serving(*array) as array_url,
            serving(str(program), "--array", array_url, "--port", "0", *QUICK) as url,
        ):
            yield url


@pytest.mark.parametrize("mutant", MUTANTS.values(), ids=list(MUTANTS))
def test_every_change_is_one(mutant):
    assert mutant.changed().count(mutant.wrong) >= 1


@pytest.mark.parametrize("name", chosen(MUTANTS, [list(MUTANTS).index("takes_the_last_of_equals")]))
def test_firmware_that_breaks_a_rule_is_caught(name, tmp_path):
    mutant = MUTANTS[name]
    with serving_firmware(build(mutant, tmp_path)) as url:
        status, text = Run(url, "-x", "--answer-time", "20", "-k", mutant.caught_by).wait()
    assert status == 1, text
    assert counts(text).get("failed") == 1, text
    assert mutant.caught_by in text.split("short test summary")[1]
