"""Devices that break one rule of the protocol each: the emulated device with something replaced.

Each takes pytest's monkeypatch; the device runs in the process of the test, the suite in another.
"""

from dataclasses import replace

import numpy as np
from cobs import cobs

from pixeltree_emu.controller import exposure, launches, sequencer, ternary_head
from pixeltree_emu.controller.control import Course
from pixeltree_emu.controller.device import EmulatedDevice
from pixeltree_emu.controller.device_array import PixelArray
from pixeltree_emu.controller.exposure import FrameExposure
from pixeltree_emu.controller.store import ObjectStore
from pixeltree_emu.serving.sessions import Session, Sessions
from pixeltree_protocol.chip.exposure import next_exposure
from pixeltree_protocol.chip.registers import Digital
from pixeltree_protocol.link import delivery, framing
from pixeltree_protocol.link.connection import DeviceConnection
from pixeltree_protocol.link.messages import Done, Pong
from pixeltree_protocol.objects import (
    ALL_COLUMNS,
    Block,
    FullyConnected,
    TernaryWeights,
    digest_of,
    segment,
)
from pixeltree_protocol.objects.control import Nesting
from pixeltree_protocol.objects.control_steps import LeaveIf, Repeat
from pixeltree_protocol.objects.cover import Pattern


def answers_wrong(patch):
    patch.setattr(
        EmulatedDevice, "_ping", lambda self, message, request: self._reply(Pong(message.nonce ^ 1), request)
    )


def takes_any_digest(patch):
    admit = ObjectStore._admit
    patch.setattr(ObjectStore, "_admit", lambda self, _, data: admit(self, digest_of(data), data))


def stores_before_it_checks_all(patch):
    def one_by_one(self, objects, came_in):
        digests = [digest_of(data) for data in objects]
        for data, digest in zip(objects, digests, strict=True):
            self.put(digest, len(data), 0, data)
        return digests, []

    patch.setattr(ObjectStore, "put_several", one_by_one)


def has_no_heartbeat(patch):
    begin = DeviceConnection._begin

    def without(self, *arguments):
        begin(self, *arguments)
        self._heartbeat = 1e6

    patch.setattr(DeviceConnection, "_begin", without)


def ignores_the_hosts_window(patch):
    patch.setattr(delivery._Outbox, "_fits", lambda self, size, bulk: True)


def takes_more_than_its_window(patch):
    real = delivery.Delivery.__init__
    patch.setattr(
        delivery.Delivery, "__init__", lambda self, send, receive: real(self, send, receive + (1 << 20))
    )


def acts_twice_on_what_comes_twice(patch):
    admit = delivery.Delivery.admit

    def again(self, sequence, size):
        admission = admit(self, sequence, size)
        if admission is delivery.Admission.REPEATED:
            self._held.append(size)
            self._held_bytes += size
            return delivery.Admission.ACCEPTED
        return admission

    patch.setattr(delivery.Delivery, "admit", again)


def checks_no_crc(patch):
    def anything(encoded):
        try:
            body = cobs.decode(encoded)
        except cobs.DecodeError:
            return framing.BadFrame(framing.Damage.TRUNCATED, "?", len(encoded))
        return framing.Frame(body[2:-4], len(encoded) + 1)

    patch.setattr(framing, "_open_frame", anything)


def lets_observers_drive(patch):
    patch.setattr(Session, "drives", property(lambda self: True))


def forgets_sessions(patch):
    patch.setattr(Sessions, "cut", lambda self, session, reason: self.end(session, reason))


def keeps_sessions_that_were_left(patch):
    patch.setattr(Sessions, "end", lambda self, session, reason: self.cut(session, reason))


def keeps_no_budget(patch):
    patch.setattr(ObjectStore, "_make_room", lambda self, size, words: [])


def has_no_fault_timeout(patch):
    patch.setattr(EmulatedDevice, "wakes_at", None)
    real = EmulatedDevice._step

    def patient(self, hand):
        self._deadline = float("inf")
        real(self, hand)

    patch.setattr(EmulatedDevice, "_step", patient)


def cancels_nothing(patch):
    patch.setattr(
        EmulatedDevice, "_cancel_frame", lambda self, message, request: self._reply(Done(), request)
    )


def adds_wrong(patch):
    real = sequencer.fully_connected
    patch.setattr(
        sequencer, "fully_connected", lambda segment, bits: tuple(v + 1 for v in real(segment, bits))
    )


def counts_planes_alike(patch):
    real = sequencer.fully_connected

    def one_by_one(segment, bits):
        size, planes = len(bits), range(segment.planes)
        nothing = (0,) * len(segment.biases)
        weights = segment.weights
        starts = range(0, len(weights), size)
        signs = [b"".join(weights[at : at + size] for at in starts[j :: segment.planes]) for j in planes]
        each = [real(FullyConnected(segment.inputs, nothing, plane), bits) for plane in signs]
        return tuple(sum(sums) for sums in zip(*each, segment.biases, strict=True))

    patch.setattr(sequencer, "fully_connected", one_by_one)


def ignores_columns(patch):
    real = sequencer.fully_connected

    def of_the_first(segment, bits):
        return real(replace(segment, columns=ALL_COLUMNS), bits[: (segment.inputs + 7) // 8])

    patch.setattr(sequencer, "fully_connected", of_the_first)


def compares_inputs_with_what_was_read(patch):
    patch.setattr(FullyConnected, "bits_read", property(lambda self: self.inputs))


def takes_the_last_of_equals(patch):
    def argmax(self, step, image, kernels, decision):
        last = decision.logits[::-1].index(max(decision.logits))
        decision.outcome = len(decision.logits) - 1 - last

    patch.setattr(sequencer.Sequencer, "_argmax", argmax)


def adds_no_logits(patch):
    patch.setattr(sequencer.Sequencer, "_add_logits", lambda self, *_: None)


def adds_logits_of_the_frame_before(patch):
    real = sequencer.Sequencer._add_logits

    def from_long_ago(self, step, image, kernels, decision):
        before, self._before = getattr(self, "_before", decision.earlier), decision.earlier
        decision.earlier = before
        real(self, step, image, kernels, decision)

    patch.setattr(sequencer.Sequencer, "_add_logits", from_long_ago)


def adds_to_nothing(patch):
    real = sequencer.Sequencer._add_logits

    def add(self, step, image, kernels, decision):
        decision.earlier = decision.earlier or (0,) * len(decision.logits)
        real(self, step, image, kernels, decision)

    patch.setattr(sequencer.Sequencer, "_add_logits", add)


def adds_what_there_is(patch):
    def add(self, step, image, kernels, decision):
        decision.logits = tuple(map(sum, zip(decision.logits, decision.earlier, strict=False)))

    patch.setattr(sequencer.Sequencer, "_add_logits", add)


def adds_without_end(patch):
    patch.setattr(sequencer, "wrapped", lambda value: max(-(2**31), min(2**31 - 1, value)))


def forgets_the_level_of_in(patch):
    real = sequencer.Sequencer._raise_in

    def from_nothing(self, step, *rest):
        self._array.set_in(0)
        real(self, step, *rest)

    patch.setattr(sequencer.Sequencer, "_raise_in", from_nothing)


def forgets_registers(patch):
    real = sequencer.Sequencer.execute

    def from_nothing(self, *arguments):
        self._array.engine.set_digital(Digital.R7, np.zeros((256, 256), bool))
        return real(self, *arguments)

    patch.setattr(sequencer.Sequencer, "execute", from_nothing)


def runs_words_backwards(patch):
    load = EmulatedDevice._load_block
    patch.setattr(
        EmulatedDevice,
        "_load_block",
        lambda self, digest, block: load(self, digest, Block(block.words[::-1])),
    )


def loads_covers_on_their_side(patch):
    real = launches.selections
    patch.setattr(
        launches,
        "selections",
        lambda *operands: tuple(Pattern(p.c, p.r, p.cx, p.rx) for p in real(*operands)),
    )


def writes_planes_the_wrong_way_round(patch):
    real = PixelArray.write
    patch.setattr(PixelArray, "write", lambda self, register, plane: real(self, register, plane[:, ::-1]))


def counts_ternary_zeros(patch):
    real = ternary_head.unpack_ternary
    patch.setattr(ternary_head, "unpack_ternary", lambda *row: np.where(real(*row) > 0, 1, -1))


def takes_zeros_for_signs(patch):
    real = launches.selections

    def of_signs(step, mask, segment):
        bit = step.bit % segment.count if isinstance(segment, TernaryWeights) else step.bit
        return real(replace(step, bit=bit), mask, segment)

    patch.setattr(launches, "selections", of_signs)


def takes_any_ternary_byte(patch):
    patch.setattr(segment, "check_ternary", lambda *_: None)


def leaves_no_loop(patch):
    real = Course._holds
    patch.setattr(Course, "_holds", lambda self, step: not isinstance(step, LeaveIf) and real(self, step))


def runs_a_round_too_many(patch):
    real = Course._turn

    def turn(self, step):
        real(self, replace(step, times=step.times + 1) if isinstance(step, Repeat) else step)

    patch.setattr(Course, "_turn", turn)


def answers_what_is_taken(patch):
    patch.setattr(Course, "keeps", lambda self, index: False)


def keeps_variables(patch):
    kept = [0] * 8
    real = Course.__init__

    def begin(self, steps):
        real(self, steps)
        self.variables = kept

    patch.setattr(Course, "__init__", begin)


def bounds_no_loop(patch):
    real = Nesting.enter

    def enter(self, *arguments):
        real(self, *arguments)
        self.times = 1

    patch.setattr(Nesting, "enter", enter)


def keeps_the_exposure_of_a_session(patch):
    patch.setattr(FrameExposure, "give_back", lambda self: None)


def aims_at_another_brightness(patch):
    patch.setattr(exposure, "next_exposure", lambda counts, us: next_exposure(max(counts - 2, 0), us))


def looks_at_the_brightness_in_no_time(patch):
    def brightness(self):
        before = self._clock.now_ns, self._clock.words
        code = real(self)
        self._clock.now_ns, self._clock.words = before
        return code

    real = FrameExposure._brightness
    patch.setattr(FrameExposure, "_brightness", brightness)


CAUGHT_BY = {
    answers_wrong: "frames_may_come_many_at_once",
    takes_any_digest: "bytes_under_a_wrong_digest",
    stores_before_it_checks_all: "keeps_all_from_being_stored",
    has_no_heartbeat: "idle_device_gives_signs_of_life",
    ignores_the_hosts_window: "keeps_to_the_hosts_window",
    takes_more_than_its_window: "more_than_the_window_is_refused",
    acts_twice_on_what_comes_twice: "comes_twice_is_acted_on_once",
    checks_no_crc: "damaged_frame_counts_for_nothing",
    lets_observers_drive: "observer_may_not_drive",
    forgets_sessions: "session_goes_on_after_a_cut",
    keeps_sessions_that_were_left: "was_left_cannot_be_resumed",
    keeps_no_budget: "budget_is_said_and_kept",
    has_no_fault_timeout: "waits_too_long_is_given_up",
    cancels_nothing: "cancelled_frame_has_no_result",
    adds_wrong: "faults_until_its_objects_are_there",
    counts_planes_alike: "are_summed_by_powers_of_two",
    ignores_columns: "columns_leaves_out_are_no_inputs",
    compares_inputs_with_what_was_read: "leaves_bits_out_wants_whole_rows_read",
    forgets_the_level_of_in: "level_follows_a_plane",
    takes_the_last_of_equals: "of_equal_logits_the_first_wins",
    adds_no_logits: "logits_of_parts_add_up",
    adds_logits_of_the_frame_before: "logits_of_parts_add_up",
    adds_to_nothing: "cannot_be_added",
    adds_what_there_is: "cannot_be_added",
    adds_without_end: "logits_of_parts_add_up",
    forgets_registers: "what_the_one_before_it_left_there",
    loads_covers_on_their_side: "covers_expand_over_any_grid",
    writes_planes_the_wrong_way_round: "plane_is_written_bit_by_bit",
    leaves_no_loop: "loop_ends_when_what_it_reads",
    runs_a_round_too_many: "operand_follows_a_variable",
    answers_what_is_taken: "loops_and_branches_do_what",
    keeps_variables: "variables_are_0_when",
    bounds_no_loop: "no_known_end",
    runs_words_backwards: "digital_macro_has_its_documented_result",
    counts_ternary_zeros: "ternary_weights_of_a_layer_are_summed",
    takes_zeros_for_signs: "covers_expand_ternary_weights",
    takes_any_ternary_byte: "bytes_that_are_no_ternary_weights",
    keeps_the_exposure_of_a_session: "exposure_ends_with_its_session",
    aims_at_another_brightness: "follows_the_brightness_by_the_rule",
    looks_at_the_brightness_in_no_time: "look_at_the_brightness_is_part",
}
"""Each mutant, and a test of the suite that must notice it (the parts of its name for ``-k``)."""
