"""The pytest plugin in a suite of a user's: fixtures, markers, and the picture after a failure."""

import textwrap

import pytest

pytest_plugins = ["pytester"]

SUITE = """
    import pytest

    import pixeltree as pt

    def test_the_device_answers(ppa):
        ppa.ping()

    def test_the_chip_draws(ppa_chip, ppa):
        ppa_chip.load_rect(pt.R5, 10, 20, 30, 40)
        assert ppa.read_plane("R5").sum() == 21 * 21

    def test_a_tree_runs(ppa_runner):
        digits = pt.zoo.held_out("digits")
        assert ppa_runner(pt.zoo.load("digits")).infer(digits.images[0]).path

    @pytest.mark.hardware
    def test_light(ppa):
        raise AssertionError("there is no light here")

    @pytest.mark.emulator_only
    def test_the_sensor_sees_what_is_painted(ppa):
        ppa.read_plane("PIX")
"""


@pytest.fixture
def suite(pytester):
    """A suite in a folder of its own; returns a function that runs it."""

    def run(text, *options):
        pytester.makepyfile(textwrap.dedent(text))
        return pytester.runpytest_subprocess("-p", "no:cacheprovider", "-p", "no:labgrid", *options)

    return run


def test_a_suite_runs_on_a_private_emulator(suite):
    result = suite(SUITE, "-rs")
    result.assert_outcomes(passed=4, skipped=1)
    result.stdout.fnmatch_lines(["*needs a real device, and emu* is emulated; give --ppa URL"])


def test_a_device_is_fresh_for_each_test_where_that_is_wanted(suite):
    text = """
        import pixeltree as pt

        def test_first(ppa, ppa_chip):
            ppa_chip.load_rect(pt.R5, 0, 0, 9, 9)

        def test_second(ppa):
            assert not ppa.read_plane("R5").any()
    """
    suite(text, "--ppa-fresh", "test").assert_outcomes(passed=2)


def test_a_failure_leaves_a_picture_of_the_registers(suite, pytester):
    result = suite("def test_wrong(ppa):\n    assert False\n", "--ppa-pictures", "kept")
    result.assert_outcomes(failed=1)
    (picture,) = (pytester.path / "kept").iterdir()
    assert picture.read_bytes().startswith(b"\x89PNG")
    result.stdout.fnmatch_lines([f"kept/{picture.name}: A to F, NEWS and R0 to R12*"])


def test_another_plugin_may_have_the_option_device(suite, pytester):
    """pytest-playwright has it, and a fixture of that name."""
    pytester.makeconftest(
        """
        import pytest

        def pytest_addoption(parser):
            parser.addoption("--device")

        @pytest.fixture
        def device(request):
            return request.config.getoption("--device")
        """
    )
    text = "def test_both(ppa, device):\n    ppa.ping()\n    assert device == 'iPhone 13'\n"
    suite(text, "--device", "iPhone 13").assert_outcomes(passed=1)
