"""Which sums and definitions are worth multiplying out, since their terms may meet others, and what
that brought."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

from ..algebra.fingerprints import Sum
from ..algebra.index_terms import Term
from ..core.expr import Add, Expr, MatMul, Name, Number, Power, Times, Transpose
from ..core.functions import TABLE
from ..core.structure import sums

OPENED_HORIZON = 6  # how many operations deep a product is read where sums are multiplied out
PRODUCTS = frozenset(kind.op for kind in (Times, MatMul, Transpose))
_CONSTANT = frozenset({"ones", "zeros", "eye", "commute"})


# What is multiplied out: in a factor nothing, since that is done with the others; in what stands
# alone its sums; in an expression as a whole definitions too, whose bodies may meet anything in it.
Opens = Literal["nothing", "sums", "definitions"]


class Reading(NamedTuple):
    """The terms of an expression: as they were read; how many there are with like ones added up;
    and these with the bodies of definitions that are sums put back."""

    read: Sequence[Term]
    collected: int
    terms: Sum

    @property
    def key(self) -> frozenset[tuple[object, ...]]:
        """Equal for equal terms, in whatever order."""
        return frozenset([(key, term.number) for key, term in self.terms.items()])

    def how(self, written: Expr) -> str:
        """What a reader is told of how the terms became this."""
        if len(self.terms) < self.collected:
            return "the definition of a sum"
        if self.collected < len(self.read):
            return "like terms"
        if len(self.read) > 1 and _summands(written) < len(self.read):
            return "common factor"
        return "transposes, traces and sums"


def is_multilinear(e: Expr) -> bool:
    """Whether the operation is read as a network: sums, products, and the linear rows."""
    if isinstance(e, (Add, Times, MatMul, Transpose, Power)):
        return True
    return e.op in TABLE and TABLE[e.op].units == "linear"


def is_bare_product(e: Expr) -> bool:
    """Whether it is a product of factors that are none themselves, none of them twice or turned,
    scalars in front: nothing in it meets, and it is written as it stands."""
    match e:
        case Power():
            factors = e.args[:1] if isinstance(e.args[1], Number) else ()
        case Times():
            factors = e.args if all(a.is_scalar for a in e.args[:-1]) else ()
        case MatMul():
            factors = e.args
        case _:
            return False
    bare = all(a.op not in _CONSTANT and not is_multilinear(a) for a in factors)
    return bare and 0 < len(factors) == len({*factors})


def is_reduction(e: Expr) -> bool:
    """Whether it sums over something: then terms inside may cancel."""
    row = TABLE.get(e.op)
    return row is not None and row.units == "linear" and row.takes_axis


def worth_opening(e: Expr, names: bool) -> set[Expr]:
    """The sums (and definitions) near the top whose terms may meet others when multiplied out: not
    those under an element-wise product, unless that is summed or is itself a summand."""
    meets = isinstance(e, Add) or sums(e)
    found: set[Expr] = set()
    stack = [(a, 1) for a in e.args] if is_multilinear(e) and not isinstance(e, Power) else []
    while stack:
        x, depth = stack.pop()
        if isinstance(x, Add):
            found.add(x)
        elif isinstance(x, Name):
            if not names or not is_multilinear(x.args[0]):
                continue
            found.add(x)
        elif not is_multilinear(x) or isinstance(x, Power):
            continue
        if isinstance(x, Times) and not meets and sum(not a.is_scalar for a in x.args) > 1:
            continue
        if depth < OPENED_HORIZON:
            stack.extend((a, depth + 1) for a in x.args)
    return found if names is any(isinstance(x, Name) for x in found) else set()


def _summands(e: Expr) -> int:
    return len(e.args) if isinstance(e, Add) else 1
