"""A host sets the exposure of a tree's frames, on any controller."""

import numpy as np
import pytest
from tests.support.in_memory import InMemoryLink, device_on
from tests.support.random_models import deep_tree

import pixeltree as pt
from pixeltree.errors import DataError, DeviceError
from pixeltree_emu.controller.device import EmulatedDevice
from pixeltree_emu.errors import RequestError
from pixeltree_protocol.link.messages import ErrorCode


@pytest.fixture
def device():
    with device_on(InMemoryLink(EmulatedDevice())) as device:
        yield device


def test_the_exposure_is_what_was_asked_for_and_frames_keep_to_it(device):
    assert device.exposure() == pt.FrameExposure(16_666, automatic=False)
    assert str(device.set_exposure(np.int64(9_000))) == "9,000 us, fixed"
    assert str(device.set_exposure("auto")) == "9,000 us, auto"
    assert device.settings()["exposure"] == "9000 us, auto"
    runner = pt.TreeRunner.open(device, deep_tree())
    runner.run_frame()
    assert device.exposure() == pt.FrameExposure(18_000, automatic=True), "the sensor sees nothing"
    assert runner.set_exposure("fixed") == pt.FrameExposure(18_000, automatic=False)
    runner.run_frame()
    assert device.exposure().microseconds == 18_000


def test_a_small_picture_is_exposed_by_its_own_brightness(device):
    """The host shows it before a field of its mean: the rest of the sensor would be dark."""
    runner = pt.TreeRunner.open(device, deep_tree(), exposure="auto")
    for _ in range(6):
        runner.infer(np.full((64, 64), 60, np.uint8))
    assert device.exposure().microseconds == pytest.approx(16_666 * 64 / 30, rel=0.1)


def test_a_runner_asks_again_where_another_has_had_the_device(device):
    runner = pt.TreeRunner.open(device, deep_tree(), exposure="auto")
    runner.set_exposure(5_000)
    pt.TreeRunner.open(device, deep_tree(), exposure=700)
    assert device.exposure().microseconds == 700
    runner.run_frame()
    assert device.exposure().microseconds == 5_000


@pytest.mark.parametrize("exposure", ["dark", "", 0, -1, 1_000_001, 2.5, True, None])
def test_what_is_no_exposure_is_refused(device, exposure):
    with pytest.raises(DataError, match="exposure"):
        device.set_exposure(exposure)


@pytest.mark.parametrize("code", [ErrorCode.UNSUPPORTED, ErrorCode.MALFORMED])
def test_a_controller_that_cannot_choose_exposures_is_named(monkeypatch, code):
    def refuse(self, message, request):
        raise RequestError(code, "no message that a host sends")

    monkeypatch.setattr(EmulatedDevice, "_set_exposure", refuse)
    with device_on(InMemoryLink(EmulatedDevice())) as device:
        with pytest.raises(DeviceError, match="this device's controller cannot choose the exposure"):
            pt.TreeRunner.open(device, deep_tree(), exposure="auto")
        pt.TreeRunner.open(device, deep_tree()).run_frame()
