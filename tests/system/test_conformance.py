"""The emulated device keeps the protocol, on every kind of wire; and the suite asks for what it needs."""

import pytest
from tests.support.effort import effort
from tests.support.suite import QUICK, SKIPS_AT_MOST, Run, counts

TOKEN = "a token that is long enough"


def assert_passes(status, text, least):
    assert status == 0, text[-8_000:]
    found = counts(text)
    assert found["passed"] >= least, text[-2_000:]
    assert found.get("skipped", 0) <= SKIPS_AT_MOST


ABOUT_WIRES = effort((), ("-k", "handshake or framing or delivery or windows"))
"""All in a proof; otherwise what differs between wires, as all tests run over one of them."""


def test_the_emulator_passes_the_suite_over_tcp_unix_and_pty(start, tmp_path):
    """A daemon for each wire, side by side: the suite mostly waits."""
    urls = ("tcp://127.0.0.1:0", f"unix://{tmp_path}/device", f"pty://{tmp_path}/tty")
    daemons = [start("--listen", url, *QUICK) for url in urls]
    runs = (
        Run(daemons[0].url),
        Run(daemons[1].url, *ABOUT_WIRES),
        Run(f"serial://{tmp_path}/tty", *ABOUT_WIRES),
    )
    all_of_it, *others = [run.wait() for run in runs]
    assert_passes(*all_of_it, least=270)
    for run in others:
        assert_passes(*run, least=effort(270, 67 - SKIPS_AT_MOST))
    for daemon in daemons:
        assert daemon.process.poll() is None, daemon.errors()
        assert "Traceback" not in daemon.errors()


def test_a_device_with_a_token_is_tested_with_it(start, tmp_path):
    file = tmp_path / "token"
    file.write_text(TOKEN)
    file.chmod(0o600)
    daemon = start("--listen", f"unix://{tmp_path}/device", "--token-file", str(file), *QUICK)
    chosen = ("-k", "authentication or handshake or resumed or cut")
    run = Run(daemon.url, "--token-file", str(file), *chosen)
    status, text = run.wait()
    assert_passes(status, text, least=30)
    assert "the device wants no token" not in text, "a test of authentication was skipped"
    status, text = Run(daemon.url, *chosen).wait()
    assert status == 1
    assert "give --token-file FILE" in text


def test_a_noisy_chip_passes_within_a_tolerance_and_not_without(start, tmp_path):
    daemon = start("--listen", f"unix://{tmp_path}/device", "--preset", "typical", "--chip", "3", *QUICK)
    chosen = ("-k", effort("digital or analog or controller or programs or scenes", "analog or scenes"))
    status, text = Run(daemon.url, "--analog-tolerance", "8", *chosen).wait()
    assert_passes(status, text, least=effort(90, 20))
    status, text = Run(daemon.url, "-k", "analog").wait()
    assert status == 1
    assert "PEs are off" in text


def test_without_a_device_the_suite_says_what_is_missing():
    status, text = Run(None).wait()
    assert status == pytest.ExitCode.USAGE_ERROR
    assert "--ppa URL is missing" in text


def test_where_nobody_answers_the_suite_says_so(tmp_path):
    status, text = Run(f"unix://{tmp_path}/nobody", "-x").wait()
    assert status == 1
    assert "no device answers" in text
