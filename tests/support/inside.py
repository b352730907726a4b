"""What lies inside a device, a runner or a store. Only here do tests reach for it."""


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


def uploads_of(store):
    """The objects of which a store has a part."""
    return store._uploads
