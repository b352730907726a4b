"""Fixtures of the suite."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pixeltree.arguments.token import read_token
from pixeltree.links import split_session_options
from pixeltree_conformance.bench import Bench
from pixeltree_conformance.conversation import Conversation
from pixeltree_protocol.link.messages import Done, Error, ErrorCode, Show, Welcome


@pytest.fixture(scope="session")
def device(request: pytest.FixtureRequest) -> Iterator[Bench]:
    """The device under test."""
    option = request.config.getoption
    url = option("ppa")
    if url is None or option("pixeltree_answer_time", None) is None:
        raise pytest.UsageError("run the suite by its name: pytest --pyargs pixeltree_conformance --ppa URL")
    file = option("pixeltree_token_file") or split_session_options(url)[1].get("token_file")
    token = read_token(Path(file)) if file else None
    bench = Bench(
        url,
        token,
        option("pixeltree_answer_time"),
        option("pixeltree_analog_tolerance"),
        option("pixeltree_thorough"),
    )
    yield bench
    bench.close()


@pytest.fixture
def bench(device: Bench) -> Iterator[Bench]:
    """The device, as it was found before and after."""
    yield device
    device.tidy()


@pytest.fixture
def driver(bench: Bench) -> Conversation:
    """A new session that drives the device."""
    return bench.drive()


@pytest.fixture
def viewer(driver: Conversation) -> Conversation:
    """A session with a device that shows scenes."""
    answer = driver.next_answer(driver.send(Show(True, 0, 0, 1, 1, b"\x10")))
    if isinstance(answer, Error) and answer.code == ErrorCode.CANNOT_SHOW:
        pytest.skip("the device answers CANNOT_SHOW: it has real optics")
    assert answer == Done()
    return driver


@pytest.fixture
def welcome(driver: Conversation) -> Welcome:
    """What the device says of itself."""
    return driver.welcome
