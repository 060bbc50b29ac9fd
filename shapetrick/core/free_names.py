"""Names that nothing has yet: one that is wanted, with a number behind it where it is taken."""

from __future__ import annotations

from collections.abc import Container, Iterator
from itertools import chain, count, islice


def numbered_names(name: str, first: int = 1, between: str = "") -> Iterator[str]:
    """`S1`, `S2`, …"""
    return (f"{name}{between}{k}" for k in count(first))


def free_name(name: str, taken: Container[str], first: int = 1, between: str = "") -> str:
    """The name, or numbered where it is taken."""
    names = chain([name], numbered_names(name, first, between))
    return next(n for n in names if n not in taken)


def free_names(name: str, number: int, taken: Container[str]) -> Iterator[str]:
    """The name, numbered where there are several or where it is taken."""
    if number == 1:
        return iter([free_name(name, taken)])
    return islice((n for n in numbered_names(name) if n not in taken), number)
