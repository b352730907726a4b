"""Our bytes in the vendor's packets: what goes in comes out, whatever else is on the wire."""

from hypothesis import given
from hypothesis import strategies as st

from pixeltree_protocol.vendor.carried import (
    CHANNEL,
    CarriedReader,
    attached,
    detached,
    to_device,
    to_host,
)
from pixeltree_protocol.vendor.packets import Code, Data, DataType, FrameReader, Message, Route, messages

OTHERS = (
    Data(DataType.INT8, 2, (4, 1, 0), CHANNEL + 20, b"abcd").encode(),
    Data(DataType.TEXT, 1, (3, 0, 0), CHANNEL, b"hi\0").encode(),
    messages(Message(Route.HOST, Code.DEVICE_ON)),
)


@given(st.lists(st.binary(max_size=700), max_size=5), st.integers(1, 50))
def test_a_host_gets_what_a_device_posts_in_pieces_of_any_size(parts, size):
    wire = b"".join(OTHERS[len(part) % 3] + to_host(part) for part in parts)
    reader = CarriedReader()
    got = b"".join(reader.feed(wire[at : at + size]) for at in range(0, len(wire), size))
    assert got == b"".join(parts)
    assert reader.lost == 0


@given(st.binary(max_size=1200))
def test_a_device_gets_four_bytes_a_message_in_their_order(data):
    took = bytearray()
    for packet in FrameReader().feed(attached() + to_device(data) + detached()):
        for message in packet.messages():
            if message.code == Code.USER_VALUE:
                assert message.route == Route.M0
                took += message.data.to_bytes(4, "little")[: message.item]
    assert took == data


def test_messages_are_as_the_fact_sheet_has_them():
    # signature, kind 7, size 8, checksum; route M0, code 134, how many bytes, the bytes
    assert to_device(b"\x01\x02\x03") == bytes.fromhex("2017aa 07 080000 0f ccd0 86 03 01020300")
