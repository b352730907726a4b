"""Nothing that a device does happens in the thread of the event loop, whatever the link does meanwhile."""

import asyncio
import threading
import time

import pytest
from tests.support.in_memory import InMemoryLink
from tests.support.random_models import deep_tree, picture

import pixeltree as pt
from pixeltree.device.session import Session
from pixeltree.errors import LinkError
from pixeltree_emu.controller.device import EmulatedDevice
from pixeltree_emu.controller.limits import DeviceLimits


@pytest.fixture(scope="module")
def tree():
    return deep_tree()


class Watched(InMemoryLink):
    """Notes which threads use it."""

    def __init__(self):
        super().__init__(EmulatedDevice(DeviceLimits()))
        self.threads = set()
        self.broken = False

    def send(self, data, timeout):
        self.threads.add(threading.get_ident())
        if self.broken:
            self.broken = False
            raise LinkError("the cable was pulled")
        super().send(data, timeout)

    def receive(self, timeout):
        self.threads.add(threading.get_ident())
        time.sleep(0)  # another thread may have its turn, as where bytes are waited for
        return super().receive(timeout)


@pytest.fixture
def link(mocker):
    watched = Watched()
    mocker.patch("pixeltree.device.device.open_link", lambda location, timeout: watched)
    return watched


def test_connecting_opening_frames_swaps_and_reconnecting_happen_elsewhere(tree, link):
    async def use():
        async with pt.aconnect("tcp://127.0.0.1:1") as device:
            runner = await device.open(tree, memory_limit=tree.total_bytes - 1)
            seen = [await runner.infer(picture(0))]
            async for result in runner.run([picture(seed) for seed in range(1, 5)]):
                seen.append(result)
                await asyncio.sleep(0.02)  # what comes next is sent ahead
            link.broken = True
            seen.append(await runner.infer(picture(5)))
            assert device.cuts == 1
            await device.show(picture(0))
            assert (await device.read_plane("R5")).shape == (256, 256)
            assert (await device.status()).frames == 6
            assert (await device.settings())["exposure"]
            assert await device.do(lambda sync: sync.now) > 0
            return seen, await runner.finish()

    seen, summary = asyncio.run(use())
    assert [result.label for result in seen] == [tree.reference(picture(seed))[0] for seed in range(6)]
    assert summary.frames == 6
    assert threading.get_ident() not in link.threads


def test_a_task_that_is_cancelled_leaves_a_device_that_goes_on(tree, link):
    async def use():
        async with pt.aconnect("tcp://127.0.0.1:1") as device:
            runner = await device.open(tree)
            frame = asyncio.create_task(runner.infer(picture(0)))
            await asyncio.sleep(0)
            frame.cancel()
            with pytest.raises(asyncio.CancelledError):
                await frame
            return await runner.infer(picture(1))

    assert asyncio.run(use()).label == tree.reference(picture(1))[0]


def test_whoever_is_cancelled_while_connecting_leaves_no_session(mocker):
    began, go_on, closed = threading.Event(), threading.Event(), threading.Event()

    def slow(location, timeout):
        began.set()
        go_on.wait(60)
        return Watched()

    close = Session.close
    mocker.patch("pixeltree.device.device.open_link", slow)
    mocker.patch.object(Session, "close", lambda session: (close(session), closed.set()))

    async def use(url):
        async def connected():
            async with pt.aconnect(url):
                pytest.fail("it was cancelled before")

        task = asyncio.create_task(connected())
        await asyncio.to_thread(began.wait, 60)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        go_on.set()

    asyncio.run(use("tcp://127.0.0.1:1"))
    assert closed.wait(60)
