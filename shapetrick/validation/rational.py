"""How far apart the terms of rational functions may be, which decides where these are compared.

Rational functions that agree near one point agree everywhere: they have no sides and no regions. A
term may only be too small beside the others to be seen at that point, and by how much is bounded.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import inf, log10

from ..core.expr import Abstract, Add, Expr, Name, Number, Power, PowerSum, Total, exact
from ..core.functions import TABLE
from ..core.solved import Solved

ENTRY = 0.4  # powers of ten between the entries of one input, and from 1 to a size
INVERTED = 4  # matrices that are inverted have about so many rows


def spread(roots: Iterable[Expr], nodes: Iterable[Expr]) -> float:
    """How many powers of ten there may be between two terms of what is computed, where all inputs
    are about 1; infinite where it isn't rational. The nodes are those of the roots, arguments
    first."""
    if any(map(_is_root, roots)):
        return inf
    found: dict[Expr, float] = {}
    under_root: set[Expr] = set()
    for e in nodes:
        if e in found:
            continue
        if not under_root.isdisjoint(e.args) and not isinstance(e, Power):
            return inf
        found[e] = _spread(e, [found[a] for a in e.args])
        if found[e] == inf:
            return inf
        if e.args and _is_root(e):
            under_root.add(e)
    return max(found.values(), default=0.0)


def _spread(e: Expr, args: Sequence[float]) -> float:
    if not args and not isinstance(e, (Number, Solved)):
        return ENTRY
    match e:
        case Number():
            return abs(log10(abs(float(e.value)))) if e.value else 0.0
        case Power():
            return _of_power(e, args[0])
        case Add():
            return max(args)
        case Name():
            return args[0]
        case Abstract() | PowerSum() | Solved() | Total():
            return inf
    row = TABLE[e.op]
    if row.units == "inverse" and row.branch is None:
        return INVERTED * args[0]
    if row.units == "linear" or _is_root(e):
        return sum(args)
    return inf


def _of_power(e: Power, base: float) -> float:
    """That of a power: a whole one is rational; of a root, an even one."""
    p = exact(e.args[1])
    if p is None or p.denominator != 1 or (_is_root(e.args[0]) and p.numerator % 2):
        return inf
    return base * abs(p.numerator)


def _is_root(e: Expr) -> bool:
    """Whether its even powers alone are rational, as those of a norm."""
    row = TABLE.get(e.op)
    return row is not None and row.definition.startswith("sqrt(")
