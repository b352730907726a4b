"""What the chip's calls have in common, whether they run at once or are recorded into a program."""

from __future__ import annotations

from pixeltree_protocol.objects.step import Step


class Calls:
    """Calls that become controller steps."""

    def _do(self, *steps: Step) -> None:
        """Run steps, or record them."""
        raise NotImplementedError
