"""Rows and columns scaled as people write it in a Jacobian: `diag(v) A`, and not `v .* A`."""

from __future__ import annotations

from ..algebra.common_factors import factored, is_linear, without_leading_minus
from ..algebra.contraction import flip
from ..algebra.fingerprints import Symmetric
from ..algebra.monomials import multiplied
from ..algebra.sum_signs import Signs
from ..core.cost import length
from ..core.dims import ONE
from ..core.expr import MINUS, Add, Expr, MatMul, Number, Times, Transpose, call, matmul, times
from ..core.structure import factors_of, is_product
from ..core.traversal import postorder, rebuild


def with_diagonals(e: Expr, signs: Signs, symmetric: Symmetric) -> Expr:
    """The expression with `diag` in the products that it is a sum of."""
    done: dict[Expr, Expr] = {}
    for node in postorder([e], into=_is_linear_in_all):
        new = node
        if _is_linear_in_all(node):
            new = rebuild(node, [done[a] for a in node.args])
        if isinstance(new, Times):
            new = _scaled_by_diagonals(new, symmetric)
        elif isinstance(new, MatMul) and new is not node:
            new = without_leading_minus(_with_scalars_in_front(new))
        elif isinstance(new, Transpose) and new is not node:
            new = flip(new.args[0], symmetric)
        elif isinstance(new, Add) and new is not node:
            new = factored(new.args, length, signs)
        done[node] = new
    return done[e]


def _is_linear_in_all(e: Expr) -> bool:
    return isinstance(e, (Add, Transpose)) or is_product(e)


def _scaled_by_diagonals(product: Expr, symmetric: Symmetric) -> Expr:
    """An element-wise product with a column, or with a row, as a matrix product with `diag`;
    scaled both ways, `u .* A .* v'`, it is read as easily."""
    whole = [a for a in product.args if a.shape == product.shape]
    rest = [a for a in product.args if a.shape != product.shape]
    columns = [a for a in rest if a.shape == (product.shape[0], ONE)]
    rows = [a for a in rest if a.shape == (ONE, product.shape[1])]
    if ONE in product.shape or not whole or (columns and rows):
        return product
    left = [call("diag", times(*columns))] if columns else []
    right = [call("diag", times(*(flip(a, symmetric) for a in rows)))] if rows else []
    scalars = [a for a in rest if a.is_scalar]
    if len(whole) == 1 and len(rest) == len(scalars) and is_linear(whole[0]):
        return min(product, _with_letters_inside(scalars, whole[0]), key=length)
    return times(*scalars, matmul(*left, times(*whole), *right))


def _with_letters_inside(scalars: list[Expr], linear: Expr) -> Expr:
    """The multiple of a linear function with its letters, or else its number, inside: `diag(1 ./
    x)` is longer than `diag(s ./ x)`."""
    letters = [a for a in scalars if not isinstance(a, Number)]
    inner = letters or [a for a in scalars if a is not MINUS]
    inside = rebuild(linear, [multiplied([*inner, linear.args[0]])])
    return times(*(a for a in scalars if a not in inner), inside)


def _with_scalars_in_front(product: Expr) -> Expr:
    scalars, matrices = [], []
    for a in product.args:
        factors = factors_of(a)
        scalars += [x for x in factors if x.is_scalar]
        matrices.append(times(*(x for x in factors if not x.is_scalar)))
    return times(*scalars, matmul(*matrices))
