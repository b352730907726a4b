"""Exchange: which answers are kept, and for whom."""

import pytest
from tests.support.in_memory import in_memory_device
from tests.support.inside import session_of
from tests.support.objects import object_of

from pixeltree.errors import DataError
from pixeltree_protocol.link.messages import Put, Stored
from pixeltree_protocol.objects import digest_of


def test_what_is_said_of_later_parts_of_an_object_that_was_there_is_thrown_away():
    """It is there already, so every part is answered: whoever heard the first answer waits for no other."""
    device = in_memory_device()
    exchange = device.exchange
    data = object_of(300)
    device.upload({digest_of(data): data})
    puts = [Put(digest_of(data), len(data), at, data[at : at + 100]) for at in range(0, len(data), 100)]
    with session_of(device).together():
        requests = {exchange.send(put).request for put in puts}
    request, answer = exchange.next(requests, Stored)
    assert (request, answer) == (min(requests), Stored(digest_of(data), ()))
    exchange.forget(requests)
    assert exchange.open == set()
    device.ping()
    assert session_of(device).waiting() == []
    with pytest.raises(DataError, match="no answer to these requests"):
        exchange.take(requests)
