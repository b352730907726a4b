"""Names of topics, in files and on wires."""

from __future__ import annotations

import re

UPDATES, LAYOUTS = "/update", "/layout"


def topic_of(panel: str) -> str:
    """Where the values of a panel are: ``/panels/NAME``, with ``_`` for all but letters and digits."""
    return "/panels/" + re.sub(r"\W+", "_", panel).strip("_")
