"""A link and its protocol connection joined: send messages, wait for messages, give up in time."""

from __future__ import annotations

import logging
import time

from pixeltree.errors import DeviceError, LinkError
from pixeltree.links import Link
from pixeltree_protocol.connection import HostConnection, Received, Rejected, State
from pixeltree_protocol.messages import Error, ErrorCode, Message, Welcome

logger = logging.getLogger(__name__)


class Session:
    """One conversation with a device.

    Args:
        link: an open link; the session closes it.
        patience: seconds without a whole message from the device before it counts as silent.
    """

    def __init__(self, link: Link, patience: float) -> None:
        self._link = link
        self._connection = HostConnection()
        self._patience = patience
        self.wire_bytes_sent = 0
        self.wire_bytes_received = 0

    @property
    def url(self) -> str:
        """Where the device is."""
        return self._link.url

    def greet(self, client: str) -> Welcome:
        """Shake hands.

        Raises:
            LinkError: nobody answers, or not with our protocol.
            DeviceError: the device refuses.
        """
        self._connection.hello(client)
        self._flush()
        self.receive()
        if self._connection.state is not State.READY or self._connection.welcome is None:
            raise LinkError(f"what answers at {self.url} does not speak the Pixeltree protocol")
        return self._connection.welcome

    def send(self, message: Message) -> tuple[int, int]:
        """Send a request, or queue it until there is credit; returns its id and its size on the wire."""
        ticket = self._connection.send(message)
        self._flush()
        return ticket

    def receive(self) -> list[Received]:
        """Wait for messages; at least one comes back.

        Raises:
            LinkError: the device is gone or silent.
            DeviceError: the device could not read what was sent.
        """
        deadline = time.monotonic() + self._patience
        messages: list[Received] = []
        while not messages:
            left = deadline - time.monotonic()
            data = self._link.receive(left) if left > 0 else None
            if data is None:
                raise LinkError(
                    f"the device at {self.url} said nothing that makes sense for {self._patience:g} s; check "
                    f"the cable and the power, or look at the daemon's log"
                )
            self.wire_bytes_received += len(data)
            for event in self._connection.receive_data(data):
                if isinstance(event, Rejected):
                    logger.warning("from %s: %s: %s", self.url, event.code.name, event.detail)
                else:
                    self._refuse_unasked(event)
                    messages.append(event)
            self._flush()  # credit may have come in
        return messages

    def close(self) -> None:
        """Close the link."""
        self._link.close()

    def _flush(self) -> None:
        data = self._connection.data_to_send()
        if data:
            self._link.send(data, self._patience)
            self.wire_bytes_sent += len(data)

    def _refuse_unasked(self, event: Received) -> None:
        """An error that answers no request concerns the link as a whole."""
        if event.request == 0 and isinstance(event.message, Error):
            raise device_error(event.message)


def device_error(message: Error) -> DeviceError:
    """The exception for an ERROR message."""
    known = message.code in ErrorCode.__members__.values()
    return DeviceError(ErrorCode(message.code).name if known else str(message.code), message.detail)
