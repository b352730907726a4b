"""A host's session that remembers what was asked, so that a schedule can say what each answer was to."""

from pixeltree.device.session import Session
from pixeltree_protocol.link.messages import Fault, PlanePart, Put, ReadOut, Stored

SEVERAL = Fault | PlanePart | ReadOut
"""Messages that do not end the request that they answer."""


class AnsweredSession(Session):
    """Notices an answer that nobody asked for, and a request that is answered twice.

    Attributes:
        wrong: such answers.
    """

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self.wrong = []
        self._asked = {}
        self._told = {}

    def send(self, message, priority, generation):
        ticket = super().send(message, priority, generation)
        self._asked[generation, ticket.request] = message
        return ticket

    def waiting(self):
        events = super().waiting()
        for event in events:
            self._note(event)
        return events

    def _note(self, event):
        if isinstance(event.message, SEVERAL):
            return
        key = self.generation, event.request
        if key in self._told:
            self.wrong.append(event)
        self._told[key] = event.message

    def tells_again(self, event):
        """Whether an answer says only what the answer to an earlier part of the same object has said.

        An object that is resident already is answered by STORED for every part.
        """
        asked = self._asked.get((self.generation, event.request))
        if not isinstance(event.message, Stored) or not isinstance(asked, Put):
            return False
        earlier = [
            message
            for (generation, request), message in self._told.items()
            if generation == self.generation and request < event.request and isinstance(message, Stored)
        ]
        return asked.digest == event.message.digest in {stored.digest for stored in earlier}
