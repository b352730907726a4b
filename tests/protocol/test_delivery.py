"""Delivery: numbers, window, rejects and polls, one rule at a time. The clock is an argument."""

import pytest

from pixeltree_protocol.link.delivery import (
    ACKNOWLEDGE_AFTER,
    GREATEST_FLIGHT,
    POLL_AFTER,
    POLL_AT_MOST_EVERY,
    RESERVE,
    SHARE,
    Admission,
    Delivery,
    Numbers,
    Priority,
    Report,
)

SIZE = 100
NUMBERS = 0x10000


def frame(numbers, size=SIZE):
    """A frame that shows its numbers."""
    head = b"".join(n.to_bytes(2, "little") for n in (numbers.sequence, numbers.received, numbers.handled))
    return head + bytes(size - len(head))


def numbers_of(data, size=SIZE):
    """The numbers of frames of equal size."""
    pieces = [data[at : at + size] for at in range(0, len(data), size)]
    return [Numbers(*(int.from_bytes(p[i : i + 2], "little") for i in (0, 2, 4))) for p in pieces]


def sequences(data):
    return [numbers.sequence for numbers in numbers_of(data)]


def queue(delivery, count=1, size=SIZE, priority=Priority.REQUEST):
    for _ in range(count):
        delivery.queue(size, lambda numbers: frame(numbers, size), priority)


def sender(count, window=10_000):
    delivery = Delivery(window, window)
    queue(delivery, count)
    return delivery


def everything(delivery, now=0.0):
    return delivery.take(now, 1 << 30)


def received(number, handled=0):
    return Numbers(0, number, handled)


# ---- numbers and window


def test_payloads_are_numbered_from_zero_in_the_order_in_which_they_leave():
    assert sequences(everything(sender(3))) == [0, 1, 2]


def test_a_frame_is_sent_once_unless_something_asks_for_it():
    delivery = sender(3)
    everything(delivery)
    assert everything(delivery) == b""


def test_no_more_than_a_window_may_be_unhandled():
    delivery = sender(10, window=4 * SIZE + 99)
    assert sequences(everything(delivery)) == [0, 1, 2, 3]
    delivery.acknowledged(received(4, 0))
    assert everything(delivery) == b"", "received is not handled"
    delivery.acknowledged(received(4, 2))
    assert sequences(everything(delivery)) == [4, 5]


def test_a_payload_larger_than_the_window_goes_alone():
    delivery = Delivery(50, 50)
    queue(delivery, 2)
    assert sequences(everything(delivery)) == [0]
    delivery.acknowledged(received(1, 1))
    assert sequences(everything(delivery)) == [1]


def test_bulk_leaves_a_part_of_the_window_to_requests():
    window = 10 * RESERVE
    delivery = Delivery(window, window)
    queue(delivery, 100, RESERVE, Priority.DEMAND)
    assert len(everything(delivery)) == window - RESERVE
    queue(delivery, 1, SIZE, Priority.REQUEST)
    assert len(everything(delivery)) == SIZE


def test_a_small_window_keeps_no_reserve():
    delivery = Delivery(4 * RESERVE - 1, 0)
    queue(delivery, 1, 3 * RESERVE, Priority.DEMAND)
    queue(delivery, 1, RESERVE - 1, Priority.DEMAND)
    assert len(everything(delivery)) == 4 * RESERVE - 1


def test_a_request_overtakes_what_waits_and_demand_overtakes_prefetch():
    delivery = Delivery(10_000, 10_000)
    order = []

    def note(name):
        return lambda numbers: order.append(name) or frame(numbers)

    for name, priority in (("bulk", 2), ("bulk", 2), ("demand", 1), ("request", 0), ("second", 0)):
        delivery.queue(SIZE, note(name), Priority(priority))
    everything(delivery)
    assert order == ["request", "second", "demand", "bulk", "bulk"]


def test_a_request_waits_for_at_most_what_was_taken_before():
    delivery = Delivery(1 << 20, 1 << 20)
    queue(delivery, 1000, SIZE, Priority.PREFETCH)
    delivery.take(0.0, 5 * SIZE)
    delivery.queue(7, lambda _: b"request", Priority.REQUEST)
    assert delivery.take(0.0, 1) == b"request"


def test_the_number_of_frames_under_way_is_limited_however_small_they_are():
    delivery = Delivery(1 << 30, 1 << 30)
    queue(delivery, GREATEST_FLIGHT + 5, 6)
    assert len(everything(delivery)) == 6 * GREATEST_FLIGHT


@pytest.mark.parametrize("acknowledge_every", [1, 7, 4000])
def test_numbers_wrap(acknowledge_every):
    ends = Delivery(1 << 30, 1 << 30), Delivery(1 << 30, 1 << 30)
    count = NUMBERS + 4321
    for start in range(0, count, acknowledge_every):
        queue(ends[0], min(acknowledge_every, count - start), 6)
        for numbers in numbers_of(everything(ends[0]), 6):
            assert ends[1].admit(numbers.sequence, 6) is Admission.ACCEPTED
            ends[1].handled()
        ends[0].acknowledged(ends[1].numbers)
    assert ends[1].numbers == Numbers(0, count % NUMBERS, count % NUMBERS)
    assert ends[0].unreceived_bytes == 0


def test_what_waits_and_what_is_under_way_is_counted():
    delivery = sender(5, window=3 * SIZE)
    everything(delivery)
    assert (delivery.queued_bytes, delivery.unreceived_bytes) == (2 * SIZE, 3 * SIZE)
    delivery.acknowledged(received(1, 1))
    assert (delivery.queued_bytes, delivery.unreceived_bytes) == (2 * SIZE, 2 * SIZE)


# ---- hostile numbers


@pytest.mark.parametrize("number", [4, 5, 100, 0x7FFF, 0x8000, 0xFFFF])
def test_acknowledging_what_was_never_sent_changes_nothing(number):
    delivery = sender(3, window=3 * SIZE)
    everything(delivery)
    queue(delivery)
    delivery.acknowledged(Numbers(0, number, number))
    assert everything(delivery) == b""
    delivery.acknowledged(received(3, 3))
    assert sequences(everything(delivery)) == [3]


def test_what_is_not_received_cannot_be_handled():
    delivery = sender(4, window=3 * SIZE)
    everything(delivery)
    delivery.acknowledged(received(1, 2))
    assert everything(delivery) == b""


def test_numbers_that_went_by_change_nothing():
    delivery = sender(6, window=3 * SIZE)
    everything(delivery)
    delivery.acknowledged(received(2, 2))
    delivery.acknowledged(received(0, 0))
    delivery.acknowledged(received(1, 1))
    assert sequences(everything(delivery)) == [3, 4]


def test_an_answer_to_no_poll_changes_nothing():
    delivery = sender(3)
    everything(delivery)
    for number in (1, 255):
        delivery.reported(Report(answer=number), received(0))
    assert everything(delivery) == b""


# ---- receiving


def test_each_payload_is_accepted_once_and_in_order():
    delivery = Delivery(1000, 1000)
    kinds = [delivery.admit(sequence, 1) for sequence in (1, 0, 0, 2, 1, 0xFFFF)]
    early, accepted, repeated = Admission.EARLY, Admission.ACCEPTED, Admission.REPEATED
    assert kinds == [early, accepted, repeated, early, accepted, repeated]


@pytest.mark.parametrize("expected", [0, 1, 40_000, 0xFFFF])
def test_half_of_the_numbers_are_ahead_and_half_have_been(expected):
    delivery = Delivery(1000, 1000)
    for sequence in range(expected):
        delivery.admit(sequence, 1)
        delivery.handled()
    ahead = [delivery.admit((expected + by) % NUMBERS, 1) for by in (1, 0x7FFF, 0x8000, 0xFFFF)]
    early, repeated = Admission.EARLY, Admission.REPEATED
    assert ahead == [early, early, repeated, repeated]


def test_a_number_that_was_missed_may_be_missed_again_when_the_numbers_have_wrapped():
    delivery = Delivery(1000, 1000)
    delivery.damaged()
    assert delivery.report(0.0) == Report(reject=True)
    for sequence in range(NUMBERS):
        delivery.admit(sequence, 1)
        delivery.handled()
    delivery.report(1.0)
    delivery.damaged()
    assert delivery.report(1.0) == Report(reject=True)


def test_what_the_receiver_has_no_room_for_counts_for_nothing():
    delivery = Delivery(1000, 250)
    assert delivery.admit(0, 200) is Admission.ACCEPTED
    assert delivery.admit(1, 51) is Admission.OVERRUN
    assert delivery.admit(1, 50) is Admission.ACCEPTED
    delivery.handled()
    assert delivery.admit(2, 200) is Admission.ACCEPTED


def test_a_gap_is_rejected_once_for_each_payload_that_is_missed():
    delivery = Delivery(1000, 1000)
    delivery.admit(1, 1)
    delivery.admit(2, 1)
    assert delivery.report(0.0) == Report(reject=True)
    delivery.admit(3, 1)
    assert delivery.report(0.0) is None
    delivery.admit(0, 1)
    delivery.admit(2, 1)
    assert delivery.report(0.0) == Report(reject=True)


def test_a_repetition_is_acknowledged_at_once_for_the_other_end_missed_it():
    delivery = Delivery(1000, 1000)
    delivery.admit(0, 1)
    delivery.handled()
    assert delivery.report(0.0) is None
    delivery.admit(0, 1)
    assert delivery.report(0.0) == Report()


def test_a_receiver_acknowledges_when_a_share_of_the_window_is_handled():
    delivery = Delivery(1000, SHARE * 100)
    for sequence, size in ((0, 60), (1, 40)):
        delivery.admit(sequence, size)
        assert delivery.report(0.0) is None
        delivery.handled()
    assert delivery.report(0.0) == Report()
    assert delivery.report(0.0) is None


def test_a_lone_acknowledgement_waits_a_little_for_a_frame_to_ride_on():
    delivery = Delivery(1000, 1000)
    delivery.admit(0, 1)
    delivery.handled()
    assert delivery.report(5.0) is None
    assert delivery.next_timer() == 5.0 + ACKNOWLEDGE_AFTER
    assert delivery.report(5.0 + ACKNOWLEDGE_AFTER) == Report()
    assert delivery.next_timer() is None


def test_an_acknowledgement_rides_on_the_next_payload():
    delivery = Delivery(1000, 1000)
    delivery.admit(0, 1)
    delivery.handled()
    queue(delivery)
    assert numbers_of(everything(delivery)) == [Numbers(0, 1, 1)]
    assert delivery.report(ACKNOWLEDGE_AFTER) is None


def test_a_frame_sent_again_does_not_pass_for_an_acknowledgement():
    """Its numbers are those of its first time: what came in since must be told all the same."""
    delivery = sender(1)
    everything(delivery)
    delivery.admit(0, 1)
    delivery.handled()
    delivery.reported(Report(reject=True), received(0))
    assert numbers_of(everything(delivery)) == [Numbers(0, 0, 0)]
    delivery.report(0.0)
    assert delivery.report(ACKNOWLEDGE_AFTER) == Report()


# ---- sending again


def test_a_reject_sends_again_from_what_is_missing():
    delivery = sender(5)
    everything(delivery)
    delivery.reported(Report(reject=True), received(2))
    assert sequences(everything(delivery)) == [2, 3, 4]
    assert delivery.resent_bytes == 3 * SIZE


def test_a_second_reject_of_the_same_payload_sends_nothing_again():
    delivery = sender(5)
    everything(delivery)
    for _ in range(2):
        delivery.reported(Report(reject=True), received(2))
    everything(delivery)
    delivery.reported(Report(reject=True), received(2))
    assert everything(delivery) == b""


def test_a_reject_while_nothing_is_under_way_does_not_use_up_the_next_one():
    delivery = Delivery(10_000, 10_000)
    delivery.reported(Report(reject=True), received(0))  # noise, or a damaged acknowledgement
    queue(delivery, 2)
    everything(delivery)
    delivery.reported(Report(reject=True), received(0))
    assert sequences(everything(delivery)) == [0, 1]


def test_sending_again_stops_where_an_acknowledgement_catches_up():
    delivery = sender(5)
    everything(delivery)
    delivery.reported(Report(reject=True), received(1))
    delivery.acknowledged(received(4))
    assert sequences(everything(delivery)) == [4]


def test_when_nothing_moves_the_sender_asks_with_growing_pauses():
    delivery = sender(1)
    everything(delivery, 0.0)
    now, times, numbers = 0.0, [], []
    while len(times) < 8:
        now = delivery.next_timer()
        times.append(now)
        numbers.append(delivery.report(now).poll)
    pauses = [round(after - before, 6) for before, after in zip([0.0, *times], times, strict=False)]
    expected = [min(POLL_AFTER * 2**n, POLL_AT_MOST_EVERY) for n in range(8)]
    assert pauses == [round(pause, 6) for pause in expected]
    assert numbers == [1, 2, 3, 4, 5, 6, 7, 8]


def polled(count, window=10_000):
    """A sender that has sent and asked."""
    delivery = sender(count, window)
    everything(delivery)
    return delivery, delivery.report(POLL_AFTER).poll


def test_an_answer_tells_what_was_lost():
    delivery, poll = polled(4)
    delivery.reported(Report(answer=poll), received(1))
    assert sequences(everything(delivery)) == [1, 2, 3]


def test_an_answer_tells_that_nothing_was_lost():
    delivery, poll = polled(4)
    delivery.reported(Report(answer=poll), received(4, 0))
    assert everything(delivery) == b""
    assert delivery.resent_bytes == 0


def test_an_answer_that_counts_what_was_sent_after_the_poll_is_no_loss():
    delivery, poll = polled(2)
    queue(delivery, 3)
    everything(delivery)
    delivery.reported(Report(answer=poll), received(3))
    assert everything(delivery) == b"", "payloads 3 and 4 are on their way"


def test_an_old_answer_is_not_taken_for_a_new_one():
    delivery, first = polled(2)
    second = delivery.report(delivery.next_timer()).poll
    assert second != first
    delivery.reported(Report(answer=first), received(0))
    assert everything(delivery) == b""


def test_poll_numbers_wrap_without_zero():
    delivery = sender(1)
    everything(delivery)
    numbers = [delivery.report(delivery.next_timer()).poll for _ in range(256)]
    assert numbers == [*range(1, 256), 1]


def test_a_poll_is_answered_at_once_and_once():
    delivery = Delivery(1000, 1000)
    delivery.reported(Report(poll=77), received(0))
    assert delivery.report(0.0) == Report(answer=77)
    assert delivery.report(0.0) is None


def test_no_poll_while_there_is_something_to_send_again():
    delivery = sender(5)
    everything(delivery)
    delivery.reported(Report(reject=True), received(0))
    delivery.take(0.0, 1)
    assert delivery.next_timer() is None, "a timer in the past would make its owner spin"
    assert delivery.report(100.0) is None


def test_a_full_window_with_work_waiting_is_polled_for_its_acknowledgement_may_be_lost():
    delivery = sender(4, window=3 * SIZE)
    everything(delivery)
    delivery.acknowledged(received(3, 0))
    everything(delivery)
    assert delivery.report(delivery.next_timer()).poll
    delivery.acknowledged(received(3, 3))
    assert sequences(everything(delivery)) == [3]


# ---- a new wire


def test_a_new_wire_starts_where_the_other_end_stands():
    delivery = sender(5)
    everything(delivery)
    delivery.resume(received(3, 1))
    assert sequences(everything(delivery)) == [3, 4]
    assert delivery.resent_bytes == 2 * SIZE
    assert delivery.report(0.0) == Report(), "the other end is told at once where this one stands"


def test_questions_of_the_old_wire_are_forgotten_on_a_new_one():
    delivery, poll = polled(3)
    delivery.reported(Report(poll=9), received(0))
    delivery.resume(received(3))
    delivery.reported(Report(answer=poll), received(3))
    assert delivery.report(0.0) == Report()


def test_at_most_a_window_is_sent_again_for_each_cut():
    window = 7 * SIZE
    delivery = sender(1000, window)
    for cut in range(20):
        everything(delivery)
        delivery.resume(received(0))
        everything(delivery)
        assert delivery.resent_bytes <= (cut + 1) * window
