"""Names of what derivations through equations introduce: multipliers, equations, differentials."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from itertools import count, islice

MULTIPLIER = "S"
EQUATION = "F"
DIFFERENTIAL = "d"  # before the name of what it is of


def free_names(letter: str, number: int, taken: Collection[str]) -> Iterator[str]:
    """The letter, numbered where there are several or where it is taken."""
    if number == 1 and letter not in taken:
        return iter([letter])
    numbered = (f"{letter}{k}" for k in count(1))
    return islice((name for name in numbered if name not in taken), number)


def free_name(name: str, taken: Collection[str]) -> str:
    """The name, or numbered where it is taken."""
    return next(free_names(name, 1, taken))
