"""A device in this process does what one behind a socket does."""

import pytest

import pixeltree
from pixeltree.demo.run import demo_digits, demo_tree

ROOMY = "memory=1000000"


def results_of(url, count):
    with pixeltree.connect(url) as device:
        runner = pixeltree.TreeRunner.open(device, demo_tree())
        for image in demo_digits().images[:count]:
            result = runner.infer(image)
            yield (
                result.label,
                [(visit.node, visit.outcome, visit.logits) for visit in result.path],
                result.device_us,
            )


@pytest.mark.parametrize("chip", ["preset=ideal", "preset=typical&chip=3&seed=5"])
@pytest.mark.parametrize("memory", [ROOMY, "memory=20000"])
def test_it_gives_what_the_daemon_gives(chip, memory):
    """Labels, logits and the device's time; with nodes that stay, and with nodes that are swapped."""
    behind_a_socket = list(results_of(f"emu:?{chip}&{memory}", 8))
    assert list(results_of(f"inproc:?{chip}&{memory}", 8)) == behind_a_socket


def test_programs_planes_and_status():
    with pixeltree.connect("inproc:") as device:
        device.ping()
        assert device.status().sessions == 1
        assert device.read_plane("R5").shape == (256, 256)


def test_a_closed_one_says_so():
    device = pixeltree.connect("inproc:")
    device.close()
    device.close()
    with pytest.raises(pixeltree.errors.LinkError, match="the connection to inproc: is closed"):
        device.ping()


def test_an_address_is_refused():
    with pytest.raises(pixeltree.errors.LinkError, match="takes options only"):
        pixeltree.connect("inproc://here")


def test_numbers_of_a_preset_can_be_set_one_by_one():
    """As for a private daemon; the emulator says what is wrong with one."""
    with pixeltree.connect("inproc:?preset=typical&set=noise=0&set=offset_spread=0") as device:
        device.ping()
    with pytest.raises(pixeltree.errors.PixeltreeError, match="no number is named 'noize'"):
        pixeltree.connect("inproc:?preset=typical&set=noize=0")


def test_an_unknown_option_is_refused_by_name():
    with pytest.raises(pixeltree.errors.LinkError, match="no option 'chips'"):
        pixeltree.connect("inproc:?chips=3")
