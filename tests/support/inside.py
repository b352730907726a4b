"""What lies inside of what is tested. Only here, and in ``mutants``, tests reach for it; ruff sees to it."""


def session_of(device):
    """The session of a host's device."""
    return device._session


def patience_of(device):
    """How long a device's session waits for what."""
    return session_of(device).patience


def link_of(device):
    """The link of a device's session."""
    return device._session._link


def emulated_of(device):
    """The emulated device behind a host's device that is in this process."""
    return link_of(device).emulated


def clock_of(device):
    """The clock of a device's session."""
    return device._session._clock


def residents_of(store):
    """The objects in an emulated device's store, least recently used first."""
    return store._residents


def evict(store, digests):
    """Objects go, as if room had been made for others."""
    store._evict(digests)


def uploads_of(store):
    """The objects of which a store has a part."""
    return store._uploads


def planner_of(runner):
    """What a runner plans with: its picture of the device's memory."""
    return runner._planner


def streamer_of(runner):
    """What a runner sends with."""
    return runner._streamer


def size_in(runner, digest):
    """Bytes of an object, as a runner's planner has them."""
    return planner_of(runner).tree.sizes[streamer_of(runner)._index[digest]]


def have_measured(runner, line):
    """Let a runner believe that it has measured a line."""
    streamer_of(runner)._meter.line = line
    streamer_of(runner)._believe()


def socket_of(link):
    """The socket behind a serial link whose port is one."""
    return link._port._socket


def give_token(host, token):
    """Give a host's connection a token after it was made."""
    host._token = token


def everything_of(decay):
    """All that a record of decay knows."""
    return decay.written, decay._since, decay._done


def waiting_in(client):
    """Bytes that a daemon's client holds, by what they wait for."""
    talk = client._connection
    return {
        "unsent_bytes": len(client._unsent),
        "talk_bytes": len(talk._outgoing),
        "partial_frame_bytes": len(talk._decoder._buffer),
    }


def held_bytes_of(session):
    """Bytes that came in before others that must be delivered first."""
    return session.state.delivery._held_bytes
