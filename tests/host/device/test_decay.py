"""Registers decay on the device clock, as a host sees it through the protocol."""

import pytest
from tests.support.in_memory import InMemoryLink, device_on

from pixeltree.kernels import Kernel
from pixeltree.kernels.names import R5, R6, A
from pixeltree_emu.array.nonidealities import Chip, preset
from pixeltree_emu.controller.device import EmulatedDevice
from pixeltree_emu.controller.device_array import PixelArray

SECOND = 1_000_000


def device_of(name):
    model = preset(name)
    array = PixelArray(chip=Chip(model, 3, 0) if model else None)
    return device_on(InMemoryLink(EmulatedDevice(array=array)), answer=20)


def refresh(register):
    kernel = Kernel()
    kernel.REFRESH(register)
    return kernel


@pytest.mark.parametrize("name", ["typical", "harsh"])
def test_a_dreg_that_nobody_refreshes_loses_its_ones(name):
    device = device_of(name)
    for register in (R5, R6):
        device.chip.load_rect(register, 0, 0, 255, 255)
    for _ in range(8):
        device.chip.wait(SECOND * 9 // 10)
        device.chip.run_kernel(refresh(R6))
    assert device.read_plane("R6").all()
    assert device.read_plane("R5").mean() < 0.5


def test_an_areg_drifts_toward_rest():
    device = device_of("typical")
    device.chip.load_in(A, 100)
    before = device.read_plane("A").mean()
    device.chip.wait(3 * SECOND)
    drift = preset("typical").areg_decay * 3
    assert before - device.read_plane("A").mean() == pytest.approx(drift, abs=1)
    device.chip.wait(10 * SECOND)
    device.chip.wait(10 * SECOND)
    assert not device.read_plane("A").any(), "it stops at the rest level"


def test_an_ideal_array_keeps_everything():
    device = device_of("ideal")
    device.chip.load_rect(R5, 0, 0, 255, 255)
    device.chip.load_in(A, 100)
    device.chip.wait(10 * SECOND)
    assert device.read_plane("R5").all()
    assert (device.read_plane("A") == 100).all()
