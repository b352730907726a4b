"""Objects cut and put together for the line: what is bundled, how long that is, and every byte is counted."""

import pytest

from pixeltree.simulate.examples import uniform_tree
from pixeltree.swapping import LINES, Markov, Prior
from pixeltree.swapping.account import Counters
from pixeltree.swapping.chunking import BUSY_CHUNK, IDLE_CHUNK, Bundle, Cutter
from pixeltree.swapping.line import bundle_bytes, put_bytes
from pixeltree.swapping.memory import ControllerMemory, NoRoomError
from pixeltree.swapping.planner import Planner
from pixeltree.swapping.residency import policy_named

TREE = uniform_tree()
SIZES = [400, 9, 10, 30, 60, 2_500, 20, 30, 700, 1_500]
ALL = tuple(range(len(SIZES)))


def cutter(budget=100_000, max_chunk=8_168, counters=None):
    memory = ControllerMemory(SIZES, [0] * len(SIZES), budget, 1_024)
    return Cutter(SIZES, memory, counters or Counters(), max_chunk), memory


def shape(parcels):
    return [p.objects if isinstance(p, Bundle) else (p.object_id, p.offset, p.size) for p in parcels]


def test_small_objects_are_bundled_in_their_order_and_the_first_bundle_is_short():
    cut, memory = cutter()
    parcels = list(cut.all(ALL, (7,)))
    assert shape(parcels) == [(0, 1, 2, 3), (4,), (5, 0, 2_500), (6, 7, 8), (9,)]
    assert [parcel.keep for parcel in parcels] == [(7,), (), (), (), ()]
    assert parcels[0].wire_bytes <= 512 < bundle_bytes(SIZES[:5])
    assert list(memory.resident) == list(ALL)
    assert memory.used == sum(SIZES)


def test_what_has_begun_goes_on_in_parts():
    cut, memory = cutter(max_chunk=1_000)
    cut.begin(6)
    cut.chunk(6, 8, hidden=True, keep=())
    assert shape(cut.all((1, 6, 2), ())) == [(1,), (6, 8, 12), (2,)]
    assert memory.uploads == {}


@pytest.mark.parametrize("max_chunk", [488, 8_168])
def test_every_byte_on_the_wire_is_counted_and_no_message_is_too_long(max_chunk):
    counters = Counters()
    cut, _ = cutter(max_chunk=max_chunk, counters=counters)
    parcels = list(cut.all(ALL, ()))
    assert counters.sent_bytes == sum(parcel.wire_bytes for parcel in parcels) == counters.unjudged_bytes
    assert max(parcel.wire_bytes for parcel in parcels) <= put_bytes(max_chunk)
    assert [each for parcel in parcels for each in parcel.whole] == list(ALL)


def test_ahead_of_need_a_bundle_takes_what_there_is_room_for_and_a_demand_all():
    counters = Counters()
    cut, memory = cutter(budget=425, counters=counters)
    memory.pinned = frozenset(ALL)
    bundle = cut.bundle((0, 1, 2, 3), hidden=True, keep=())
    assert bundle.objects == (0, 1, 2)
    assert counters.sent_bytes == bundle.wire_bytes
    with pytest.raises(NoRoomError):
        cut.bundle((3, 4), hidden=True, keep=())
    cut, memory = cutter(budget=425)
    memory.pinned = frozenset(ALL)
    with pytest.raises(NoRoomError):
        cut.bundle((0, 1, 2, 3), hidden=False, keep=())


@pytest.mark.parametrize("most", [BUSY_CHUNK, IDLE_CHUNK])
def test_a_bundle_ahead_of_need_is_no_longer_than_a_part(most):
    line = LINES["usb_12M"]
    predictor = Markov(Prior(len(TREE.ends)))
    policy = policy_named("expected", TREE, predictor, ())
    planner = Planner(TREE, TREE.total_bytes, 100_000, line, policy, predictor)
    parcels = []
    while (parcel := planner.prefetch(put_bytes(most), most)) is not None:
        parcels.append(parcel)
    assert max(parcel.wire_bytes for parcel in parcels) <= put_bytes(most)
    assert any(isinstance(parcel, Bundle) for parcel in parcels)
    whole = [each for parcel in parcels for each in parcel.whole]
    assert len(whole) == len(set(whole))
    room = put_bytes(most) - 100
    planner.restart()
    assert planner.prefetch(room, most).wire_bytes <= room
