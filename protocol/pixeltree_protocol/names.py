"""What to say of a name that nobody knows."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def meant(name: str, known: Iterable[str]) -> list[str]:
    """Known names that may have been meant: those that differ in case only, else the closest one."""
    names = list(dict.fromkeys(known))
    alike = [each for each in names if each.lower() == name.lower()]
    return alike or difflib.get_close_matches(name, names, n=1)


def known_names(name: str, known: Iterable[str]) -> str:
    """The end of a sentence about an unknown name: the one that was meant, perhaps, and all that are known.

    Args:
        name: what somebody wrote.
        known: names that are known, in the order in which they are shown.

    Returns:
        As in ``did you mean 'typical'? known: ideal, typical, harsh``.
    """
    names = list(known)
    alike = meant(name, names)
    question = f"did you mean {' or '.join(map(repr, alike))}? " if alike else ""
    return f"{question}known: {', '.join(names) or 'none'}"
