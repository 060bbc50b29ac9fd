"""What an expression is made of: its terms, multiplied out too, its factors, its functions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from ..core.expr import (
    MINUS,
    Abstract,
    Add,
    Call,
    Expr,
    Eye,
    MatMul,
    Number,
    Ones,
    Power,
    Times,
    abstract,
    matmul,
    number,
    times,
)
from ..core.functions import NAMES, TABLE
from ..core.named_tuples import NamedTuple
from ..core.structure import factors_of, is_product, terms_of
from ..core.traversal import postorder
from ..language.expressions import parse_scalar
from ..language.syntax.tree import Callee, SyntaxNode
from .comparison import agree
from .variants import ClaimVariant, Drawn, values_at

MOST_OPENED = 24  # terms
_SPREADING = ("ones", "eye")


def distributed(e: Expr) -> list[Expr]:
    """The terms with products of sums multiplied out, as far as there are few."""
    waiting, done = list(terms_of(e)), list[Expr]()
    while waiting and len(waiting) + len(done) <= MOST_OPENED:
        term = waiting.pop(0)
        opened = _opened(term)
        if opened is None:
            done.append(term)
        else:
            waiting[:0] = opened
    return [*done, *waiting]


def _opened(term: Expr) -> list[Expr] | None:
    """The product multiplied out at its first sum, or None if it has none."""
    if not isinstance(term, (Times, MatMul)):
        return None
    make = times if isinstance(term, Times) else matmul
    for i, factor in enumerate(term.args):
        inner = list(factor.args) if isinstance(factor, Add) else _opened(factor)
        if inner is not None and all(a.shape == factor.shape for a in inner):
            return [make(*term.args[:i], a, *term.args[i + 1 :]) for a in inner]
    return None


def functions_in(roots: Sequence[Expr]) -> Iterator[tuple[str, object]]:
    """The functions of one argument that occur, as kinds and values of nodes."""
    for e in postorder(roots):
        if isinstance(e, Abstract):
            yield from (("abstract", (e.name, k)) for k in (e.order, e.order + 1))
        elif isinstance(e, Call) and not isinstance(e.data, tuple) and TABLE[e.op].arity == 1:
            yield "call", Callee(e.function, e.data)


def derivatives_in(of: Expr) -> Iterator[tuple[Expr, Expr]]:
    """The element-wise functions that occur, and their derivatives."""
    for e in postorder([of]):
        if isinstance(e, Abstract):
            yield e, abstract(e.name, e.order + 1, e.args[0])
        elif isinstance(e, Call) and TABLE[e.op].elementwise and TABLE[e.op].arity == 1:
            yield e, parse_scalar(TABLE[e.op].derivative[0], {"x": e.args[0], "y": e})


# ------------------------------------------------------------------------------------- factors


class ClaimFactor(NamedTuple):
    """What is multiplied on a scalar line; `power` is -1 of what divides."""

    value: Expr
    power: int


def claim_factors(e: Expr, power: int = 1) -> list[ClaimFactor]:
    """The factors of a product as on a scalar line, without transposes and sums."""
    found, stack = list[ClaimFactor](), [(e, power)]
    while stack:
        x, k = stack.pop()
        if is_product(x):
            stack.extend((a, k) for a in x.args)
        elif _changes_shape(x.op):
            stack.append((x.args[0], k))
        elif isinstance(x, Power) and x.args[1] is MINUS:
            stack.append((x.args[0], -k))
        elif x.op not in _SPREADING:
            found.append(ClaimFactor(x, k))
    return found


def typed_factors(draft: ClaimVariant) -> list[ClaimFactor] | None:
    """Those of a typed product, whether or not its shapes fit; None if those of a factor don't."""
    found, stack = list[ClaimFactor](), [(draft.root, 1)]
    while stack:
        node, k = stack.pop()
        if node.kind in ("*", ".*", "⊗"):
            stack.extend((a, k) for a in node.args)
        elif node.kind in ("/", "./"):
            stack += [(node.args[0], k), (node.args[1], -k)]
        elif node.kind in ("neg", "'") or _is_glue(node):
            found += [ClaimFactor(number(-1), k)] if node.kind == "neg" else []
            stack.append((node.args[0], k))
        else:
            e = draft.expression(node)
            if e is None:
                return None
            found += claim_factors(e, k)
    return found


def _is_glue(node: SyntaxNode) -> bool:
    return node.kind == "call" and _changes_shape(NAMES.get(node.value.name, ""))


def _changes_shape(op: str) -> bool:
    """Whether an operation changes a shape, and no scalar: a transpose, a sum, a diagonal."""
    row = TABLE.get(op)
    return row is not None and row.units == "linear" and row.arity == 1 and not row.averages


def same_factors(
    a: Sequence[ClaimFactor], b: Sequence[ClaimFactor], draws: Sequence[Drawn]
) -> bool:
    """Whether two products have the same factors but for transposes, and more than one that is no
    scalar: an arrangement is then all in which they differ."""
    matrices = [f for f in a if not f.value.is_scalar]
    return len(matrices) > 1 and all(_same_at(a, b, drawn) for drawn in draws)


def _same_at(a: Sequence[ClaimFactor], b: Sequence[ClaimFactor], drawn: Drawn) -> bool:
    values = values_at([f.value for f in (*a, *b)], drawn)
    scale, left = [np.ones((1, 1)), np.ones((1, 1))], [list[Any](), list[Any]()]
    for i, (factor, value) in enumerate(zip((*a, *b), values, strict=True)):
        side = int(i >= len(a))
        if value is None:
            return False
        if factor.value.is_scalar:
            with np.errstate(divide="ignore"):
                scale[side] = scale[side] * value**factor.power
        else:
            left[side].append((value, factor.power))
    for value, power in left[0]:
        same = (
            i
            for i, (other, k) in enumerate(left[1])
            if k == power and (agree(value, other) or agree(value.T, other))
        )
        found = next(same, None)
        if found is None:
            return False
        left[1].pop(found)
    return not left[1] and agree(scale[0], scale[1])


def idle_parts(e: Expr) -> int:
    """How many parts do nothing: factors `I` of a matrix product, ones beside entries of the same
    shape, terms that another one cancels or joins, `2 A - A`."""
    count = 0
    for x in postorder([e]):
        if isinstance(x, MatMul):
            count += sum(isinstance(a, Eye) for a in x.args)
        elif isinstance(x, Times) and any(
            not isinstance(a, Ones) and a.shape == x.shape for a in x.args
        ):
            count += sum(isinstance(a, Ones) for a in x.args)
        elif isinstance(x, Add):
            count += len(x.args) - len({_core(t) for t in x.args})
    return count


def _core(term: Expr) -> tuple[Expr, ...]:
    """A term without its number."""
    args = factors_of(term)
    return tuple(a for a in args if not isinstance(a, Number))
