"""The passes of simplification, in their order, each with the identity that it stands for.

A pass is a function of the problem's networks and a node whose arguments are simplified. It gives
an expression of the same value and shape that is no longer, or None where it has nothing to say.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import IntEnum
from functools import cache

from ..algebra.contraction import flip
from ..algebra.index_terms import is_multilinear
from ..algebra.monomials import multiplied
from ..core.contents import DIVISOR, KINK, NAME, SUM, contents
from ..core.cost import has_minus, length, sum_of
from ..core.expr import (
    MINUS,
    Add,
    Call,
    Commute,
    Duplicate,
    Eliminate,
    Expr,
    Eye,
    MatMul,
    Name,
    Number,
    Ones,
    Power,
    PowerSum,
    Times,
    Transpose,
    add,
    call,
    matmul,
    transpose,
)
from ..core.named_tuples import NamedTuple
from ..core.results import Rewriting
from ..core.structure import factors_of, is_zero, sums
from .arguments import sign_outside, value_at_zero
from .closed_products import common_factor_inside
from .fractions import definitions_in_sums, divisors_inside, fractions_combined
from .kinks import side_alone, sides_joined
from .networks import OPENED_HORIZON, Networks, TermReading
from .powers import powers_joined
from .settled_forms import is_settled

LONGEST_SUMMED = 16  # what is summed is multiplied out though nothing meets: a row may fit a part


class PassPlace(IntEnum):
    """Where a node stands: a factor is multiplied out with the product that it is in; what stands
    alone by itself; in the whole, the body of a definition may meet anything."""

    FACTOR = 0
    ALONE = 1
    WHOLE = 2


class Pass(NamedTuple):
    """A pass: its name, the identity that it stands for with its letters, from which place on it is
    made, on which kinds of nodes, and what must occur inside of these."""

    name: str
    change: Callable[[Networks, Expr], Expr | None]
    identity: str
    letters: str
    place: PassPlace = PassPlace.FACTOR
    kinds: tuple[type[Expr], ...] = (Expr,)
    needed: int = 0  # of `core/contents.py`


def transpose_inside(networks: Networks, e: Expr) -> Expr | None:
    """The transpose of what is no product, pushed inside or left out."""
    if not isinstance(e, Transpose) or is_multilinear(e.args[0]):
        return None
    return flip(e.args[0], networks.symmetric)


def products_collected(networks: Networks, e: Expr) -> Expr | None:
    """The products as networks: like terms added up, common factors taken out, each written in its
    shortest way."""
    if not _is_read(e) or is_settled(networks, e) or _is_multiple(networks, e):
        return None
    whole = _as_read(networks, e)
    best = whole if isinstance(e, Add) else e
    reading = networks.read(whole)
    written = None if reading is None else networks.write(reading.terms, e.shape)
    how = "order"
    if reading is not None and written is not None and length(written) <= length(best):
        best, how = written, reading.how(written)
        if len(reading.terms) == 1:  # as it is written, it is read and written again
            networks.memo.setdefault((products_collected, written), None)
    networks.log.append(Rewriting(how, e, best))
    return best


def sums_gathered(networks: Networks, e: Expr) -> Expr | None:
    """The summands that are a sum by which another one is multiplied, as that sum."""
    if not isinstance(e, Add):
        return None
    reading = networks.read(_as_read(networks, e))
    if reading is None or len(reading.terms) < 3:
        return None
    gathered = networks.folding.gather_sums(reading.terms)
    if gathered is reading.terms:
        return None
    written = networks.write(gathered, e.shape)
    collected = networks.made(products_collected, e)
    if written is None or length(written) >= length(e if collected is None else collected):
        return None
    networks.log.append(Rewriting("common factor", e, written))
    return written


def sums_multiplied_out(networks: Networks, e: Expr) -> Expr | None:
    """Products of sums multiplied out, if that is shorter."""
    return _multiplied_out(networks, e, names=False)


def definitions_opened(networks: Networks, e: Expr) -> Expr | None:
    """The same with the bodies of definitions."""
    return _multiplied_out(networks, e, names=True)


def entries_as_they_are(networks: Networks, e: Expr) -> Expr | None:
    """A product that takes or doubles entries, turned inside; without identities, and without what
    turns a symmetric matrix round."""
    if isinstance(e, Transpose):
        inner = e.args[0]
        taken = isinstance(inner, MatMul) and any(isinstance(x, _OF_ENTRIES) for x in inner.args)
        return flip(inner, networks.symmetric) if taken else None
    if not isinstance(e, MatMul):
        return None
    doubles = {i for i, x in enumerate(e.args) if isinstance(x, Duplicate)}
    turned = {i for i, x in enumerate(e.args) if isinstance(transpose(x), Duplicate)}
    gone = {i - 1 for i in doubles} | {i + 1 for i in turned}
    kept = [
        x
        for i, x in enumerate(e.args)
        if not (isinstance(x, Eye) or (i in gone and isinstance(x, Commute)))
    ]
    return matmul(*kept) if 0 < len(kept) < len(e.args) else None


def entries_met(networks: Networks, e: Expr) -> Expr | None:
    """An inner product as a sum over entries, where these meet by a row of the table."""
    if not e.is_scalar or len(e.args) != 2:
        return None
    entries = multiplied([flip(e.args[0], networks.symmetric), e.args[1]])
    met = networks.rewriter.rewrite(entries)
    found = call("sum", met)
    return found if met is not entries and length(found) < length(e) else None


def by_identities(networks: Networks, e: Expr) -> Expr | None:
    """The rows of the table, each a step by its name."""
    return networks.rewriter.rewrite(e)


def definitions_named(networks: Networks, e: Expr) -> Expr | None:
    """A definition's body, or its summands in a sum, as its name."""
    return networks.folding.fold(e)


_OF_ENTRIES = (Commute, Duplicate, Eliminate)
_LETTERS = "A, B : n x n; x : n"
_DEFINED = _LETTERS + "; y = A x; J = x' y"
_READ = (Add, Times, MatMul, Power, Transpose, Call)
PASSES = (
    Pass("transpose inside", transpose_inside, "tanh(A')' = tanh(A)", _LETTERS,
         kinds=(Transpose,)),
    Pass("value at zero", value_at_zero, "cos(zeros(n)) = ones(n)", _LETTERS, kinds=(Call,)),
    Pass("even or odd function", sign_outside, "sin(-x) = -sin(x)", _LETTERS, kinds=(Call,)),
    Pass("sums multiplied out", sums_multiplied_out, "(A + B) x - A x = B x", _LETTERS,
         PassPlace.ALONE, kinds=_READ, needed=SUM),
    Pass("definitions opened", definitions_opened, "2 y - A x = y", _DEFINED,
         PassPlace.WHOLE, kinds=_READ, needed=NAME),
    Pass("sums gathered", sums_gathered, "x - y + s (x - y) = (1 + s) (x - y)",
         "x, y : n; s : scalar", kinds=(Add,), needed=SUM),
    Pass("products collected", products_collected, "A x + (x' A)' = (A + A') x", _LETTERS,
         kinds=_READ),
    Pass("one denominator", fractions_combined, "1 ./ x - y ./ (x .* (x + y)) = 1 ./ (x + y)",
         "x, y : n", kinds=(Add, Times, Power), needed=DIVISOR),
    Pass("divisors inside", divisors_inside,
         "sum(x ./ (1 + x / s)) / s = sum(x ./ (s + x))", "x : n; s : scalar",
         kinds=(Times,), needed=DIVISOR | SUM),
    Pass("definitions in sums", definitions_in_sums,
         "sum(1 - t ./ x) + J = sum(x - t) / t", "x : n; t : scalar; J = sum((x - t).^2 ./ (t x))",
         kinds=(Add,), needed=DIVISOR | NAME),
    Pass("positive factors", side_alone, "step(2 x / s) = step(x)",
         "x : n; s : scalar positive", kinds=(Call,)),
    Pass("sides of a kink", sides_joined, "maximum(x, y) .* step(x - y) = x .* step(x - y)",
         "x, y : n", kinds=(Add, Times), needed=KINK),
    Pass("common factor inside", common_factor_inside,
         "x' A x + 2 x' B x = x' (A + 2 B) x", _LETTERS, kinds=(Add,)),
    Pass("symmetric entries", entries_as_they_are, "commute(n, n) duplicate(n) = duplicate(n)",
         _LETTERS, kinds=(MatMul, Transpose)),
    Pass("inner products", entries_met, "cos(x)' tan(x) = sum(sin(x))", _LETTERS, kinds=(MatMul,)),
    Pass("powers of a matrix", powers_joined, "A^9 A = A^10", _LETTERS, kinds=(MatMul, PowerSum)),
    Pass("identities", by_identities, "exp(A) ./ (1 + exp(A)) = sigmoid(A)", _LETTERS),
    Pass("definitions named", definitions_named, "A x = y", _DEFINED),
)  # fmt: skip


@cache
def passes_for(
    kind: type[Expr], place: PassPlace, within: int, behind: int
) -> Sequence[tuple[int, Pass]]:
    """The passes for a kind of node at a place, below which `within` occurs: those behind so many,
    each with how many there are up to it."""
    numbered = [(n, step) for n, step in enumerate(PASSES, start=1) if n > behind]
    here = [(n, s) for n, s in numbered if s.place <= place and issubclass(kind, s.kinds)]
    return [(n, step) for n, step in here if not step.needed & ~within]


def _is_read(e: Expr) -> bool:
    return is_multilinear(e) and (not isinstance(e, Transpose) or is_multilinear(e.args[0]))


def _is_multiple(networks: Networks, e: Expr) -> bool:
    """Whether it is a number times what stays as it is; a minus may go into a sum."""
    if not isinstance(e, Times) or len(e.args) > 2 or not isinstance(e.args[0], Number):
        return False
    if is_zero(e.args[1]) or (has_minus(e) and contents(e.args[1]) & SUM):
        return False
    return networks.made(products_collected, e.args[1]) in (None, e.args[1])


def _as_read(networks: Networks, e: Expr) -> Expr:
    """The node as its products are read: a sum with a minus not in front, or of transposes."""
    if isinstance(e, Transpose) and isinstance(e.args[0], Add):
        return add(*(flip(a, networks.symmetric) for a in e.args[0].args))
    return sum_of(list(e.args)) if isinstance(e, Add) else e


def _multiplied_out(networks: Networks, e: Expr, names: bool) -> Expr | None:
    whole = _as_read(networks, e)
    opened = _worth_opening(whole, names) if _is_read(e) else frozenset()
    if not opened:
        return None
    plain = networks.read(whole)
    tried = (_multiplied_out, names, e.shape, whole if plain is None else plain.key)
    if tried in networks.memo:
        return None
    collected = networks.made(products_collected, e)
    best, limit = None, length(whole if collected is None else collected)
    most = limit + (names and sums(e))  # ones are as long as a name that is summed
    short = length(e) <= LONGEST_SUMMED and not isinstance(e, (Add, Times, MatMul, Transpose))
    for some in dict.fromkeys(filter(None, (opened, opened & _nearest(whole)))):
        reading = networks.read(whole, some)
        if (
            reading is not None
            and (short or _number_cancels(whole, reading) or networks.brings_together(reading))
            and networks.may_be_shorter(reading.terms, most)
        ):
            written = networks.write(reading.terms, e.shape)
            if written is not None and length(written) < (
                most if isinstance(written, Ones) else limit
            ):
                best, limit = (reading, written), length(written)
    if best is None:
        networks.memo[tried] = plain  # keeps alive what its fingerprints are of
        return None
    reading, written = best
    networks.log.append(Rewriting(f"multiplied out, {reading.how(written)}", e, written))
    return written


def _nearest(e: Expr) -> frozenset[Expr]:
    """The sums that are arguments of an expression, or factors of these."""
    return frozenset(f for a in e.args for f in factors_of(a) if isinstance(f, Add))


def _number_cancels(e: Expr, opened: TermReading) -> bool:
    """Whether a number in front is 1 over that of a summand: `2 (x - s / 2)` is `2 x - s`."""
    multiple = isinstance(e, Times) and isinstance(e.args[0], Number) and e.args[0] is not MINUS
    return multiple and any(abs(term.coefficient) == 1 for term in opened.read)


def _worth_opening(e: Expr, names: bool) -> frozenset[Expr]:
    """The sums (and definitions) near the top whose terms may meet others when multiplied out: not
    those under an element-wise product, unless that is summed or is itself a summand."""
    meets = isinstance(e, Add) or sums(e)
    found: set[Expr] = set()
    wanted = SUM | NAME if names else SUM
    stack = [(a, 1) for a in e.args if contents(a) & wanted] if not isinstance(e, Power) else []
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
            stack += [(a, depth + 1) for a in x.args if contents(a) & wanted]
    return frozenset(found if names is any(isinstance(x, Name) for x in found) else ())
