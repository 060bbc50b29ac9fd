"""Walks over expressions that keep what they found for a node: no deeper than what is known."""

from __future__ import annotations

from collections.abc import Callable, MutableMapping
from typing import TypeVar

from .expr import Expr, Name

Found = TypeVar("Found")


def remembered(
    memo: MutableMapping[Expr, Found],
    root: Expr,
    find: Callable[[Expr], Found],
    into_names: bool = True,
) -> Found:
    """What `find` says of the root, by the memo; it is asked of a node after its arguments (those
    of a name only with `into_names`), so that it may look them up."""
    stack = [] if root in memo else [root]
    while stack:
        e = stack[-1]
        missing = (
            [a for a in e.args if a not in memo] if into_names or not isinstance(e, Name) else ()
        )
        if missing:
            stack += reversed(missing)
            continue
        stack.pop()
        if e not in memo:
            memo[e] = find(e)
    return memo[root]
