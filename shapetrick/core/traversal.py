"""Walks over expressions, arguments first: to all nodes, by a memo, with parts replaced, with other
dimensions; to what is reached from a place, and which places are one."""

from __future__ import annotations

from collections.abc import (
    Callable,
    Collection,
    Container,
    Hashable,
    Iterable,
    Iterator,
    Mapping,
    MutableMapping,
    Sequence,
)
from typing import Any, Generic, Protocol, TypeVar, get_args

from . import expr as ex
from .dims import Dim
from .expr import Expr, Name, Named, Symbol, Total
from .structure import sizes_of

Found = TypeVar("Found")
PlaceT = TypeVar("PlaceT", bound=Hashable)


_CONSTRUCTED = frozenset[type[Expr]](get_args(ex.Node))


def rebuild(e: Expr, args: Sequence[Expr]) -> Expr:
    """The node with other arguments, through its constructor: shapes are computed anew."""
    if e.args == tuple(args):
        return e
    if type(e) not in _CONSTRUCTED:  # what is solved has no constructor
        return ex.node(type(e), tuple(args), e.shape, *e.payload)
    match e:
        case Name():
            return ex.named(e.name, args[0])
        case Total():
            return ex.total(args[0], e.over, e.fold)
        case ex.Abstract():
            return ex.abstract(e.name, e.order, args[0])
        case ex.PowerSum():
            return ex.powers(*args, degree=e.degree)
        case ex.Call():
            return ex.call(e.function, *args, data=e.data)
    return ex.call(e.op, *args)


def reachable(start: PlaceT, direct: Callable[[PlaceT], Iterable[PlaceT]]) -> dict[PlaceT, None]:
    """What is reached from a place by one step or more, in the order in which it is found."""
    found: dict[PlaceT, None] = {}
    stack = [start]
    while stack:
        for place in direct(stack.pop()):
            if place not in found:
                found[place] = None
                stack.append(place)
    return found


def strong_components(direct: Sequence[Collection[int]]) -> list[list[int]]:
    """The places, by their numbers, in groups that reach each other; what a group leads to comes
    before it, and else the group of the first place. `direct` has what each place leads to."""
    reached = [reachable(i, direct.__getitem__) for i in range(len(direct))]
    waiting: list[list[int]] = []
    for i in range(len(direct)):
        home = next((g for g in waiting if g[0] in reached[i] and i in reached[g[0]]), None)
        if home is None:
            waiting.append([i])
        else:
            home.append(i)
    found: list[list[int]] = []
    while waiting:
        left = {i for group in waiting for i in group}
        ready = next(
            g for g in waiting if not any(left.intersection(direct[i]).difference(g) for i in g)
        )
        waiting.remove(ready)
        found.append(ready)
    return found


class Classes(Generic[PlaceT]):
    """Which places are one, as far as pairs say so (union–find)."""

    def __init__(self, pairs: Iterable[tuple[PlaceT, PlaceT]] = ()) -> None:
        self._above: dict[PlaceT, PlaceT] = {}
        for a, b in pairs:
            self.join(a, b)

    def of(self, place: PlaceT) -> PlaceT:
        """The place that stands for all that are one with it."""
        above = self._above
        while place in above:
            higher = above[place]
            above[place] = above.get(higher, higher)
            place = higher
        return place

    def join(self, a: PlaceT, b: PlaceT) -> bool:
        """Make two places one; false if they are."""
        a, b = self.of(a), self.of(b)
        if a != b:
            self._above[a] = b
        return a != b


class HasArguments(Protocol):
    """A node of a graph: an expression, or a value that a plan computes."""

    @property
    def args(self) -> tuple[Any, ...]: ...


WalkedT = TypeVar("WalkedT", bound=HasArguments)


def postorder(
    roots: Iterable[WalkedT], into: Callable[[WalkedT], bool] | None = None
) -> Iterator[WalkedT]:
    """Every node once, arguments before the nodes that use them; `into(e)` false keeps out of e."""
    done: dict[WalkedT, None] = {}
    entered: set[WalkedT] = set()
    stack = [*roots]
    stack.reverse()
    while stack:
        e = stack.pop()
        if e in done:
            continue
        if e.args and e not in entered and (into is None or into(e)):
            entered.add(e)
            stack.append(e)
            stack += e.args[::-1]
        else:
            done[e] = None
    return iter(done)


def transform(
    root: Expr,
    change: Callable[[Expr], Expr],
    memo: dict[Expr, Expr] | None = None,
    into_names: bool = True,
) -> Expr:
    """The expression with `change` applied to every node, bottom up; what became of nodes is kept
    in the `memo`. Without `into_names` definitions stay as they are."""
    new = {} if memo is None else memo

    def changed(e: Expr) -> Expr:
        if isinstance(e, Name) and not into_names:
            return e
        return change(rebuild(e, [new[a] for a in e.args]))

    return remembered(new, root, changed, into_names)


def substitute(root: Expr, replacements: Mapping[Expr, Expr]) -> Expr:
    """The expression with nodes replaced; what is put in is not searched again."""
    return replaced(root, replacements.get)


def replaced(root: Expr, put: Callable[[Expr], Expr | None]) -> Expr:
    """Likewise with what is to be `put` for a node; where that is None, for those within it."""
    new: dict[Expr, Expr] = {}

    def is_open(e: Expr) -> bool:
        found = put(e)
        if found is not None:
            new[e] = found
        return found is None

    for e in postorder([root], into=is_open):
        if e not in new and (e.args or is_open(e)):
            new[e] = rebuild(e, [new[a] for a in e.args])
    return new[root]


def expand_names(
    root: Expr, names: Container[str] | None = None, memo: dict[Expr, Expr] | None = None
) -> Expr:
    """The expression in declared symbols alone: every definition replaced by its body, or those
    with these names; what became of nodes is kept in the `memo`."""

    def opened(e: Expr) -> Expr:
        return e.args[0] if isinstance(e, Name) and (names is None or e.name in names) else e

    return transform(root, opened, memo)


def symbols_of(root: Expr) -> list[Symbol]:
    """The symbols that occur, in order of first appearance."""
    return [e for e in postorder([root]) if isinstance(e, Symbol)]


def remembered(
    memo: MutableMapping[WalkedT, Found],
    root: WalkedT,
    find: Callable[[WalkedT], Found],
    into_names: bool = True,
) -> Found:
    """What `find` says of the root, by the memo; it is asked of a node after its arguments (those
    of a name only with `into_names`), so that it may look them up."""
    stack = [] if root in memo else [root]
    while stack:
        e = stack[-1]
        if e.args and (into_names or not isinstance(e, Name)):
            missing = [a for a in e.args if a not in memo]
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
                new[e] = ex.symbol(name(e), (rows, cols), e.attributes)
            case Name():
                new[e] = ex.named(name(e), *args)
            case ex.Abstract():
                new[e] = ex.abstract(name(e), e.order, *args)
            case Total() if summed is not None:
                new[e] = summed(e)
            case ex.Dimension():
                new[e] = ex.dimension(dim(Dim.of(e.name)))
            case ex.Ones():
                new[e] = ex.ones(*map(dim, e.shape))
            case ex.Zeros():
                new[e] = ex.zeros(*map(dim, e.shape))
            case ex.Eye():
                new[e] = ex.eye(dim(e.shape[0]))
            case ex.OfVectors():
                new[e] = ex.OF_VECTORS[e.op](*map(dim, e.sizes))
            case ex.Structured():
                new[e] = ex.structured(e.pattern, *map(dim, (*e.shape, e.offset)))
            case ex.PowerSum():
                new[e] = ex.powers(*args, degree=dim(e.degree))
            case _ if sizes_of(e):
                new[e] = ex.call(e.op, *args, data=tuple(map(dim, sizes_of(e))))
            case _:
                new[e] = rebuild(e, args)
    return [new[root] for root in given]
