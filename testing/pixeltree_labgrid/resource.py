"""Where a device is, as labgrid's exporter and environment files say it."""

import attr
from labgrid.factory import target_factory
from labgrid.resource import Resource


@target_factory.reg_resource
@attr.s(eq=False)
class PixeltreeDevice(Resource):  # type: ignore[misc]  # labgrid has no types
    """A device that machines of the laboratory reach by a URL.

    Args:
        url: as for ``pixeltree.connect``: ``tcp://lab:27900``, ``tls://...``, ``emu:?preset=typical&chip=7``.
    """

    url: str = attr.ib(validator=attr.validators.instance_of(str))
