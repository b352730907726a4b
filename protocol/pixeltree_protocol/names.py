"""What to say of a name that nobody knows."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def known_names(name: str, known: Iterable[str]) -> str:
    """The end of a sentence about an unknown name: the one that was meant, perhaps, and all that are known.

    Args:
        name: what somebody wrote.
        known: names that are known, in the order in which they are shown.

    Returns:
        As in ``did you mean 'typical'? known: ideal, typical, harsh``.
    """
    names = list(known)
    lower = {each.lower(): each for each in reversed(names)}
    close = difflib.get_close_matches(name.lower(), lower, n=1)
    meant = f"did you mean {lower[close[0]]!r}? " if close else ""
    return f"{meant}known: {', '.join(names)}"
