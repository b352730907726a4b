"""How long frames of a tree are exposed. A controller that cannot choose that answers UNSUPPORTED."""

from __future__ import annotations

import numpy as np
import pytest

from pixeltree_conformance import trees
from pixeltree_conformance.bench import Bench
from pixeltree_conformance.conversation import Conversation
from pixeltree_conformance.model import SHAPE
from pixeltree_conformance.programs import read_levels
from pixeltree_protocol.chip.exposure import LEAST_US, MOST_US, next_exposure
from pixeltree_protocol.chip.registers import ARRAY_SIZE, Analog
from pixeltree_protocol.link.messages import (
    Done,
    ErrorCode,
    Exposure,
    ExposureMode,
    Result,
    SetExposure,
    Show,
    head_bytes,
)

_FIXED, _AUTO, _AS_IT_IS = ExposureMode.FIXED, ExposureMode.AUTO, ExposureMode.AS_IT_IS
_RESET_LEVEL = -127
_WORDS_OF_A_LOOK = 2


def _set(driver: Conversation, mode: ExposureMode, us: int = 0) -> tuple[int, int]:
    answer = driver.ask(SetExposure(mode, us), Exposure)
    return answer.mode, answer.exposure_us


def _now(driver: Conversation) -> int:
    return _set(driver, _AS_IT_IS)[1]


def _show(viewer: Conversation, brightness: int) -> None:
    """A grey card before the whole sensor."""
    rows = (viewer.welcome.capabilities.max_body - head_bytes(Show)) // ARRAY_SIZE
    for top in range(0, ARRAY_SIZE, rows):
        height = min(rows, ARRAY_SIZE - top)
        pixels = bytes([brightness]) * (height * ARRAY_SIZE)
        viewer.ask(Show(top == 0, top, 0, height, ARRAY_SIZE, pixels), Done)


def _frames(driver: Conversation, count: int) -> list[Result]:
    """So many frames through a tree, whose result depends on no light."""
    tree = trees.small_tree(depth=1)
    trees.open_whole(driver, tree)
    results = [driver.answer(trees.start(driver, frame), Result) for frame in range(count)]
    for frame, result in enumerate(results):
        trees.check_result(result, tree, frame)
    return results


def test_frames_are_exposed_as_the_host_wants(driver: Conversation) -> None:
    """SET_EXPOSURE: mode and time change apart from each other, and a fixed one stays from frame to frame."""
    assert _set(driver, _FIXED, 5_000) == (_FIXED, 5_000)
    assert _set(driver, _AUTO) == (_AUTO, 5_000)
    assert _set(driver, _AS_IT_IS, MOST_US) == (_AUTO, MOST_US)
    assert _set(driver, _FIXED, LEAST_US) == (_FIXED, LEAST_US)
    _frames(driver, 2)
    assert _set(driver, _AS_IT_IS) == (_FIXED, LEAST_US)


@pytest.mark.parametrize(("mode", "us"), [(3, 0), (255, 500), (1, MOST_US + 1), (2, 0xFFFFFFFF)])
def test_an_exposure_out_of_range_is_refused(driver: Conversation, mode: int, us: int) -> None:
    """OUT_OF_RANGE: there are three modes and a second at most; nothing changes."""
    _set(driver, _FIXED, 5_000)
    driver.refused(SetExposure(mode, us), ErrorCode.OUT_OF_RANGE)
    assert _set(driver, _AS_IT_IS) == (_FIXED, 5_000)


def test_an_exposure_ends_with_its_session(bench: Bench) -> None:
    """SET_EXPOSURE: the next host finds the exposure that the first one found."""
    first = bench.drive()
    found = _set(first, _AS_IT_IS)
    other = _FIXED if found[0] == _AUTO else _AUTO
    assert _set(first, other, found[1] // 2 + 1) != found
    bench.dismiss(first)
    assert _set(bench.drive(), _AS_IT_IS) == found


def test_in_darkness_the_exposure_doubles_up_to_the_longest(viewer: Conversation) -> None:
    """Automatic exposure: no light at all gives the greatest step."""
    _show(viewer, 0)
    _set(viewer, _AUTO, 400)
    _frames(viewer, 3)
    assert _now(viewer) == 3_200
    _set(viewer, _AS_IT_IS, MOST_US - 1)
    _frames(viewer, 2)
    assert _now(viewer) == MOST_US


def test_in_glaring_light_the_exposure_halves(viewer: Conversation) -> None:
    """Automatic exposure: where PIX is full everywhere, the step is as great."""
    _show(viewer, 255)
    _set(viewer, _AUTO, MOST_US)
    _frames(viewer, 2)
    assert _now(viewer) == MOST_US // 4


@pytest.mark.parametrize("brightness", [20, 90, 230])
def test_the_exposure_follows_the_brightness_by_the_rule(
    bench: Bench, viewer: Conversation, brightness: int
) -> None:
    """Automatic exposure: from what PIX holds follows the next time, in whole microseconds."""
    _show(viewer, brightness)
    _set(viewer, _AUTO, 16_000)
    for _ in range(5):
        before = _now(viewer)
        _frames(viewer, 1)
        pix = read_levels(viewer, Analog.PIX)
        counts = _counts(pix)
        off = bench.analog_tolerance
        least, most = next_exposure(counts + off, before), next_exposure(max(counts - off, 0), before)
        assert least <= _now(viewer) <= most


def _counts(pix: np.ndarray[tuple[int, ...], np.dtype[np.int16]]) -> int:
    """Mean counts above the reset level, as an ADC sample of the negative has them: halves up."""
    assert pix.shape == SHAPE
    mean = (2 * int(-pix.sum(dtype=np.int64)) + pix.size) // (2 * pix.size)
    return min(max(-_RESET_LEVEL - mean, 0), 255)


def test_a_look_at_the_brightness_is_part_of_the_frame(driver: Conversation) -> None:
    """Automatic exposure: two words more, and their time, and no more than that."""
    _set(driver, _FIXED, 10_000)
    fixed = _frames(driver, 2)[-1]
    _set(driver, _AUTO)
    looked = _frames(driver, 2)[-1]
    assert looked.words == fixed.words + _WORDS_OF_A_LOOK
    assert looked.device_ns - looked.capture_ns > fixed.device_ns - fixed.capture_ns
