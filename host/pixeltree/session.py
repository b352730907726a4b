"""A link and its protocol connection joined: send messages, wait for messages, give up in time."""

from __future__ import annotations

import logging
import time

from pixeltree.errors import DataError, DeviceError, LinkError
from pixeltree.links import Link
from pixeltree_protocol.connection import HostConnection, Received, Rejected, State
from pixeltree_protocol.errors import MessageError
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
        self._nonsense = 0
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
        self.receive(self.deadline)
        if self._connection.state is not State.READY or self._connection.welcome is None:
            raise LinkError(f"what answers at {self.url} does not speak the Pixeltree protocol")
        return self._connection.welcome

    def send(self, message: Message) -> tuple[int, int]:
        """Send a request, or queue it until there is credit; returns its id and its size on the wire."""
        try:
            ticket = self._connection.send(message)
        except MessageError as error:
            raise DataError(f"this cannot be sent to {self.url}: {error}") from error
        self._flush()
        return ticket

    @property
    def deadline(self) -> float:
        """When to give up waiting for an answer that is asked for now (``time.monotonic`` seconds)."""
        return time.monotonic() + self._patience

    def receive(self, deadline: float) -> list[Received]:
        """Wait for messages; at least one comes back.

        Raises:
            LinkError: the device is gone, or has nothing to say until the deadline.
            DeviceError: the device could not read what was sent.
        """
        messages: list[Received] = []
        while not messages:
            left = deadline - time.monotonic()
            data = self._link.receive(left) if left > 0 else None
            if data is None:
                raise LinkError(self._silence())
            self.wire_bytes_received += len(data)
            for event in self._connection.receive_data(data):
                if isinstance(event, Rejected):
                    self._nonsense += 1
                    logger.info("from %s: %s: %s", self.url, event.code.name, event.detail)
                else:
                    self._refuse_unasked(event)
                    messages.append(event)
            self._flush()  # credit may have come in
        return messages

    def _silence(self) -> str:
        if self._connection.state is not State.READY and self.wire_bytes_received:
            return (
                f"what answers at {self.url} does not speak the Pixeltree protocol; is it the right address?"
            )
        return (
            f"the device at {self.url} did not answer for {self._patience:g} s ({self._nonsense} damaged "
            f"messages came in); check the cable and the power, or look at the daemon's log"
        )

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
