"""Names for what repeats or nests too deep: a residual `R`, the upstream gradient `G1` of a layer.

A subexpression that occurs several times gets a name where that makes the whole clearly shorter; an
expression that nests deeper than a person can follow is cut into steps, and a step of a derivation
that was long from the start (`as_step`) is one of the answer if it is used again. Of a multiple of
the identity the shape says the size: `I` is enough.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping, Sequence
from itertools import chain

from ..core.cost import length
from ..core.dims import ONE
from ..core.expr import (
    IDENTITY,
    MINUS,
    Add,
    Expr,
    Eye,
    MatMul,
    Name,
    Power,
    Times,
    add,
    named,
    times,
)
from ..core.free_names import numbered_names
from ..core.structure import factors_of, is_identity, moves
from ..core.traversal import postorder, rebuild

LEAST_SAVING = 3  # operators that a name must save
DEEPEST = 16  # operations within each other that are still shown as one expression
STRIDE = 6  # and how many a step has, where it is cut
STEP = "…"  # the name of every step until `with_names` gives it one of its own


def as_step(e: Expr) -> Expr:
    """The expression as one that what goes on with it takes as a whole."""
    return named(STEP, e) if e.args and not isinstance(e, Name) else e


def with_names(e: Expr, taken: Container[str]) -> Expr:
    """The expression with `name` nodes put in for what repeats, for steps and where it is cut;
    names that are taken are left alone."""
    uses: dict[Expr, int] = {}
    depths: dict[Expr, int] = {}
    nodes = list(postorder([e], into=_is_open))
    parts = _parts(nodes)
    for x in nodes:
        inner = parts[x]
        depths[x] = 1 + max((depths[a] for a in inner), default=0) if inner else 0
    for x in reversed(nodes):
        factors = parts[x]
        for i, a in enumerate(factors):
            # What is in a transpose gets the name, below a minus or a fraction line: `T1'` says
            # more than `T1`.
            if (
                not isinstance(x, MatMul) or i == 0 or factors[i - 1] is not a
            ):  # a power is written once
                uses[a] = uses.get(a, 0) + (uses.get(x, 1) if _is_plain(x) else 1)
    cut = depths[e] > DEEPEST
    if not cut and not any(n > 1 and parts[x] for x, n in uses.items()):
        return e
    new: dict[Expr, Expr] = {}
    below: dict[Expr, int] = {}  # how deep since the last cut
    fresh = _Names(taken)
    for x in nodes:
        if not (x.args and _is_open(x)):
            new[x], below[x] = x, 0
            continue
        built = _built(x, [new[a] for a in parts[x]])
        below[x] = 1 + max(below[a] for a in parts[x])
        least = 1 if isinstance(x, Name) else LEAST_SAVING
        repeated = uses.get(x, 0) > 1 and (uses[x] - 1) * length(built) >= least
        if x is not e and ((repeated and not _is_plain(x)) or (cut and below[x] >= STRIDE)):
            built, below[x] = named(fresh.take(built, repeated), built), 0
        new[x] = built
    return new[e]


def _parts(nodes: Sequence[Expr]) -> dict[Expr, tuple[Expr, ...]]:
    """What each node is made of: its arguments; a sum that goes on with another, of its first and
    that, since what is handed down from layer to layer is a sum that gets a term in each."""
    parts: dict[Expr, tuple[Expr, ...]] = {}
    sums: dict[tuple[Expr, ...], Expr] = {}
    for x in nodes:
        parts[x] = x.args if _is_open(x) else ()
        if isinstance(x, Add):
            rest = sums.get(x.args[1:])
            if rest is not None and rest.shape == x.shape:
                parts[x] = x.args[0], rest
            sums[x.args] = x
    return parts


def _is_open(x: Expr) -> bool:
    """Whether it is no definition."""
    return not isinstance(x, Name) or x.name == STEP


def _is_plain(x: Expr) -> bool:
    """Whether it is a transpose of something, the negative, or 1 over it."""
    match x:
        case Times(args=(first, _)):
            return first is MINUS
        case Power(args=(_, exponent)):
            return exponent is MINUS
    return moves(x)


def _built(x: Expr, parts: Sequence[Expr]) -> Expr:
    """The node from its parts, in their new form; of a step the body."""
    if isinstance(x, Name):
        return parts[0]
    return rebuild(x, parts) if len(parts) == len(x.args) else add(*parts)


def with_bare_identity(e: Expr) -> Expr:
    """A multiple of the identity as a multiple of `I`: the size is that of the whole."""
    factors = factors_of(e)
    if [a.op for a in factors if not a.is_scalar] != ["eye"]:
        return e
    return times(*(named(IDENTITY, a) if isinstance(a, Eye) else a for a in factors))


def introduced(names: Mapping[str, Expr], known: Container[str]) -> Iterator[tuple[str, Expr]]:
    """Those names of an expression that neither the problem nor the language knows, with their
    bodies."""
    for name, x in names.items():
        if name not in known and not is_identity(x):
            yield name, x.args[0]


class _Names:
    """Names that aren't taken: `R` for a sum, `G1` for a step, `T` else; lower case for vectors."""

    def __init__(self, taken: Container[str]) -> None:
        self._taken = taken
        self._given: set[str] = set()

    def take(self, e: Expr, repeated: bool) -> str:
        letter = "G" if not repeated else "R" if isinstance(e, Add) else "T"
        if ONE in e.shape and repeated:
            letter = letter.lower()
        names = chain([letter] if repeated else [], numbered_names(letter))
        name = next(n for n in names if n not in self._taken and n not in self._given)
        self._given.add(name)
        return name
