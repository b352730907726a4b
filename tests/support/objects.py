"""Valid objects of any size."""

from pixeltree_protocol.objects import PackedBits


def object_of(size, fill=0):
    """A valid object of so many bytes, at least 4; another ``fill`` makes another object."""
    head = len(PackedBits(bytes(size)).encode()) - size
    return PackedBits(bytes([fill]) * (size - head)).encode()
