"""Schedules of faults over the demo tree: what each does, and what must hold whatever happens."""

from contextlib import suppress
from dataclasses import dataclass
from functools import cache

from tests.support.breaking_wire import Faults
from tests.support.inside import session_of, streamer_of
from tests.support.world import Tap, World, host_of

from pixeltree.demo.run import count_mismatches, demo_budget, demo_digits, demo_tree
from pixeltree.device.upload import Uploading
from pixeltree.errors import SessionLostError
from pixeltree.run import TreeRunner
from pixeltree_emu.controller.device_array import PixelArray
from pixeltree_protocol.link.connection.host import DEFAULT_WINDOW
from pixeltree_protocol.link.delivery import Priority

KINDS = {
    "drop": Faults(drop=0.05),
    "duplicate": Faults(duplicate=0.2),
    "flip": Faults(flip=0.05),
    "truncate": Faults(truncate=0.05),
    "delay": Faults(delay=0.1),
    "split": Faults(split=1.0),
    "cut": Faults(cut=0.03),
    "restart": Faults(restart=0.01),
    "all": Faults(0.02, 0.02, 0.02, 0.02, 0.03, 0.3, cut=0.01),
    "all and restart": Faults(0.02, 0.02, 0.02, 0.02, 0.03, 0.3, cut=0.01, restart=0.005),
}
"""The faults of each kind of schedule."""

IMAGES = 40


@dataclass(frozen=True)
class Outcome:
    """What a schedule came to."""

    frames: int
    repeats: int
    cuts: int
    restarts: int
    host_resent: int
    device_resent: int
    seconds: float


@cache
def tree():
    return demo_tree()


@cache
def picture(index):
    return demo_digits().images[index]


@cache
def undisturbed():
    """What each image gives where nothing goes wrong."""
    world = World(Faults(), 0, array())
    with host_of(world) as device:
        runner = TreeRunner.open(device, tree(), demo_budget(tree()), policy="no_prefetch")
        results = [runner.infer(picture(index)) for index in range(IMAGES)]
    for index, result in enumerate(results):
        assert count_mismatches(result, *tree().reference(picture(index))) == 0
    assert (world.cuts, world.restarts, world.all_frames) == (0, 0, IMAGES)
    return [essence(result) for result in results]


def essence(result):
    """What does not depend on what the device held before."""
    return result.label, tuple((visit.node, visit.outcome, visit.logits) for visit in result.path)


@cache
def array():
    """The array is used again: it is the link that is on trial, and an array takes long to make."""
    return PixelArray()


def emulated_world(faults, seed, serial):
    """The emulated device, on a faulty wire."""
    return World(faults, seed, array(), serial=serial)


def run_schedule(kind, seed, every_byte=False, world_of=emulated_world):
    """Take some frames through the demo tree while things go wrong, and check all that came of it.

    What an image gives is always what it gives on the emulated device where nothing goes wrong.
    """
    expected = undisturbed()
    faults = KINDS[kind]
    if every_byte:
        faults = Faults(**{**vars(faults), "every_byte": True})
    world = world_of(faults, f"{kind} {seed}", serial=seed % 3 == 0)
    if kind == "cut":
        world.tap = Tap()
    with host_of(world) as device:
        runner = TreeRunner.open(device, tree(), demo_budget(tree()), policy="no_prefetch")
        repeats = 0
        frames = world.dice.randint(2, 3)
        for number in range(1, frames + 1):
            index = world.dice.randrange(IMAGES)
            result = runner.infer(picture(index))
            assert result.frame == number
            assert essence(result) == expected[index]
            repeats += result.repeats
            with suppress(SessionLostError):  # only a runner repeats what is lost
                do_something_else(world, device)
        check(kind, world, device, frames, repeats, streamer_of(runner).requests)
        session = session_of(device)
        return Outcome(
            frames,
            repeats,
            world.cuts,
            world.restarts,
            session.resent_bytes,
            world.device_resent,
            world.now - 1000.0,
        )


def do_something_else(world, device):
    """What users do between frames: nothing for a while, questions, uploads that nobody waits for."""
    match world.dice.randrange(5):
        case 0:
            world.sleep(world.dice.choice((0.5, 3.0, 7.0)))
            session_of(device).keep_alive()
        case 1:
            keep_alive_for(world, device, 6.0)
        case 2:
            device.holdings(list(tree().objects)[:8])
        case 3:
            some = world.dice.sample(sorted(tree().objects), 3)
            upload = Uploading(
                device.exchange, {digest: tree().objects[digest] for digest in some}, Priority.PREFETCH
            )
            while not upload.done:
                world.sleep(0.01)


def keep_alive_for(world, device, seconds):
    """What the session's thread does while nobody calls."""
    until = world.now + seconds
    while world.now < until:
        world.sleep(0.5)
        session_of(device).keep_alive()


def check(kind, world, device, frames, repeats, awaited):
    """Nothing lost, nothing twice, no more sent again than allowed."""
    session = session_of(device)
    assert world.twice + world.device.twice == []
    assert device.exchange.open <= awaited  # a RESULT may be here before the STORED of what the frame needed
    for event in session.waiting():  # a part's answer may come when an earlier one's has said it all
        assert event.request in awaited or session.tells_again(event)
    assert session.wrong == []
    assert frames <= world.all_frames <= frames + repeats + (world.restarts if repeats else 0)
    if "restart" not in kind:  # a session that was cut before the device knew it to have begun may be lost
        assert (repeats, world.restarts) == (0, 0)
        assert world.all_frames == frames
    if kind == "cut":
        check_resent(world, session)
    elif kind in ("split", "delay"):
        assert world.cuts == 0


def check_resent(world, session):
    """Where cuts are the only fault, each costs the bytes of a window at most, at either end."""
    host, device = session.resent_bytes, world.driver_resent
    assert host <= session.cuts * world.window
    assert device <= session.cuts * DEFAULT_WINDOW
    assert world.tap.again <= host + device
