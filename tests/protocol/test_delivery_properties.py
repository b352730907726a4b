"""Delivery over a wire that loses, repeats and is cut: every payload arrives once, in order."""

from dataclasses import dataclass

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.effort import effort

from pixeltree_protocol.link.delivery import Admission, Delivery, Numbers, Priority, Report


@dataclass(frozen=True)
class Payload:
    """A frame of the model: numbers, and which payload it is."""

    numbers: Numbers
    name: int
    size: int


class End:
    """One end: what it sent, what it got, and the frames that its Delivery takes for bytes."""

    def __init__(self, window):
        self.delivery = Delivery(window, window)
        self.window = window
        self.launched = []
        self.sent = 0
        self.accepted, self.unhandled = [], 0
        self.other_handled = 0

    def send(self, size):
        name = self.sent
        self.sent += 1

        def encode(numbers):
            self.launched.append(Payload(numbers, name, size))
            self.check_window()
            return (len(self.launched) - 1).to_bytes(4, "little") + bytes(size - 4)

        self.delivery.queue(size, encode, Priority.REQUEST)

    def check_window(self):
        """Bytes that the other end has not handled, as only the test can know."""
        unhandled = sum(payload.size for payload in self.launched[self.other_handled :])
        assert unhandled <= self.window or len(self.launched) - self.other_handled == 1

    def frames(self, now, limit):
        """What goes on the wire now: payloads and reports, in order."""
        data = self.delivery.take(now, limit)
        frames = []
        while data:
            payload = self.launched[int.from_bytes(data[:4], "little")]
            frames.append(payload)
            data = data[payload.size :]
        report = self.delivery.report(now)
        return frames if report is None else [*frames, (report, self.delivery.numbers)]

    def receive(self, frame):
        if not isinstance(frame, Payload):
            self.delivery.reported(*frame)
            return
        self.delivery.acknowledged(frame.numbers)
        admission = self.delivery.admit(frame.numbers.sequence, frame.size)
        assert admission is not Admission.OVERRUN, "an honest sender never overruns"
        if admission is Admission.ACCEPTED:
            assert frame.name == len(self.accepted), "once, and in order"
            self.accepted.append(frame.name)
            self.unhandled += 1


class Model:
    """Two ends and the frames on their way."""

    def __init__(self, window):
        self.ends = End(window), End(window)
        self.wires = [], []
        self.now = 0.0
        self.cuts = 0

    def send(self, end, amount):
        self.ends[end].send(4 + amount)

    def transmit(self, end, amount):
        self.wires[end].extend(self.ends[end].frames(self.now, 1 + 8 * amount))

    def deliver(self, end, amount):
        for frame in self.wires[end][:amount]:
            self.ends[1 - end].receive(frame)
        del self.wires[end][:amount]

    def lose(self, end, amount):
        if self.wires[end]:
            del self.wires[end][amount % len(self.wires[end])]

    def damage(self, end, amount):
        """A frame that arrives as noise."""
        if self.wires[end]:
            self.deliver(end, amount % len(self.wires[end]))
            del self.wires[end][0]
            self.ends[1 - end].delivery.damaged()

    def repeat(self, end, amount):
        if self.wires[end]:
            at = amount % len(self.wires[end])
            self.wires[end].insert(at, self.wires[end][at])

    def handle(self, end, amount):
        receiver = self.ends[end]
        for _ in range(min(amount, receiver.unhandled)):
            receiver.delivery.handled()
            receiver.unhandled -= 1
            self.ends[1 - end].other_handled += 1

    def wait(self, end, amount):
        timer = self.ends[end].delivery.next_timer()
        self.now = max(self.now, timer or 0.0) + amount / 1e4

    def cut(self, _, amount):
        """The wire is gone with what was on it; a part may have arrived, in either direction."""
        self.cuts += 1
        for end in (0, 1):
            self.deliver(end, amount // (1 + end) % (len(self.wires[end]) + 1))
            self.wires[end].clear()
        standing = [end.delivery.numbers for end in self.ends]
        for end in (0, 1):
            self.ends[end].delivery.resume(standing[1 - end])

    def settle(self):
        """A good wire, until nothing moves any more."""
        for _ in range(2000):
            for end in (0, 1):
                self.transmit(end, 1000)
                self.deliver(end, 1 << 20)
                self.handle(1 - end, 1 << 20)
            if all(len(self.ends[1 - end].accepted) == self.ends[end].sent for end in (0, 1)) and not any(
                end.delivery.unreceived_bytes for end in self.ends
            ):
                return
            self.wait(0, 1)
            self.wait(1, 1)


ACTIONS = ("send", "send", "transmit", "transmit", "deliver", "deliver", "handle", "wait")
FAULTS = ("lose", "damage", "repeat", "cut")
sizes = st.integers(0, 40)
ends = st.integers(0, 1)


def steps(*names):
    return st.lists(st.tuples(st.sampled_from(names), ends, sizes), max_size=120)


@settings(max_examples=effort(400, 100))
@given(steps(*ACTIONS, *FAULTS), st.integers(44, 400))
def test_any_interleaving_of_faults_delivers_every_payload_once_and_in_order(script, window):
    model = Model(window)
    for action, end, amount in script:
        getattr(model, action)(end, amount)
    model.settle()
    for end in (0, 1):
        assert model.ends[1 - end].accepted == list(range(model.ends[end].sent))
        assert model.ends[end].delivery.queued_bytes == 0
        assert model.ends[end].delivery.unreceived_bytes == 0


@settings(max_examples=effort(300, 75))
@given(steps(*ACTIONS), st.integers(44, 400))
def test_a_good_wire_carries_nothing_twice_however_slow_it_is(script, window):
    model = Model(window)
    for action, end, amount in script:
        getattr(model, action)(end, amount)
    model.settle()
    assert [end.delivery.resent_bytes for end in model.ends] == [0, 0]


@settings(max_examples=effort(300, 75))
@given(steps(*ACTIONS, "cut", "cut"), st.integers(44, 400))
def test_cuts_alone_make_each_end_send_at_most_a_window_again_each(script, window):
    model = Model(window)
    for action, end, amount in script:
        getattr(model, action)(end, amount)
    model.settle()
    for end in model.ends:
        assert end.delivery.resent_bytes <= model.cuts * window


hostile = st.tuples(st.integers(0, 0xFFFF), st.integers(0, 0xFFFF), st.integers(0, 0xFFFF))


@settings(max_examples=effort(300, 75))
@given(
    st.lists(hostile | st.tuples(st.integers(0, 6), st.integers(0, 6), st.integers(0, 6)), max_size=40),
    st.lists(st.builds(Report, st.integers(0, 255), st.integers(0, 255), st.booleans()), max_size=40),
)
def test_no_numbers_make_an_end_fail_or_send_beyond_the_window(numbers, reports):
    window = 300
    delivery = Delivery(window, window)
    for number in range(12):
        delivery.queue(100, lambda _, n=number: bytes([n]) * 100, Priority.REQUEST)
    now, held = 0.0, 0
    for at, values in enumerate(numbers):
        now += 0.01
        delivery.reported(reports[at % len(reports)] if reports else Report(), Numbers(*values))
        if delivery.admit(values[0], 90) is Admission.ACCEPTED:
            held += 1
            assert held * 90 <= window
        new = delivery.unreceived_bytes
        taken = delivery.take(now, 1 << 20)
        assert delivery.unreceived_bytes <= window
        assert len(taken) <= window, (new, taken)
        delivery.report(now)
