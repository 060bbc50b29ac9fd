"""Walks over expressions: one that remembers what it found, and one that changes dimensions."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

from .dims import Dim
from .expr import (
    Abstract,
    Commute,
    Dimension,
    Expr,
    Eye,
    Name,
    Named,
    Ones,
    Symbol,
    Total,
    Zeros,
    abstract,
    call,
    commute,
    dimension,
    eye,
    named,
    ones,
    postorder,
    rebuild,
    sizes_of,
    symbol,
    zeros,
)

Found = TypeVar("Found")


def remembered(
    memo: dict[Expr, Found], root: Expr, find: Callable[[Expr], Found], into_names: bool = True
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


def redimensioned(
    roots: Iterable[Expr],
    dim: Callable[[Dim], Dim],
    name: Callable[[Named], str] = lambda x: x.name,
    summed: Callable[[Total], Expr] | None = None,
) -> list[Expr]:
    """The expressions with other dimensions, and with other names for what has one; with `summed`,
    that gives the sums over members, whose letters are their own.

    Raises ShapeError where operands no longer fit."""
    given = list(roots)
    new: dict[Expr, Expr] = {}
    for e in postorder(given, into=lambda e: summed is None or not isinstance(e, Total)):
        args = [new[a] for a in e.args] if summed is None or not isinstance(e, Total) else []
        match e:
            case Symbol():
                rows, cols = map(dim, e.shape)
                new[e] = symbol(name(e), (rows, cols), e.attributes)
            case Name():
                new[e] = named(name(e), *args)
            case Abstract():
                new[e] = abstract(name(e), e.order, *args)
            case Total() if summed is not None:
                new[e] = summed(e)
            case Dimension():
                new[e] = dimension(dim(Dim.of(e.name)))
            case Ones():
                new[e] = ones(*map(dim, e.shape))
            case Zeros():
                new[e] = zeros(*map(dim, e.shape))
            case Eye():
                new[e] = eye(dim(e.shape[0]))
            case Commute():
                new[e] = commute(*map(dim, e.sizes))
            case _ if sizes_of(e):
                new[e] = call(e.op, *args, data=tuple(map(dim, sizes_of(e))))
            case _:
                new[e] = rebuild(e, args)
    return [new[root] for root in given]
