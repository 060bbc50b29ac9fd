"""SymPy's matrix and array expressions evaluated by NumPy, written apart from SymPy and ours."""

from __future__ import annotations

from collections.abc import Mapping
from functools import reduce
from typing import Any

import numpy as np
import sympy as sp
from sympy.matrices.expressions.applyfunc import ElementwiseApplyFunction
from sympy.matrices.expressions.diagonal import DiagMatrix, DiagonalMatrix, DiagonalOf
from sympy.matrices.expressions.matexpr import MatrixElement
from sympy.matrices.expressions.slice import MatrixSlice
from sympy.tensor.array import expressions as arrays
from sympy.tensor.array.expressions.array_expressions import ArrayElementwiseApplyFunc

Env = Mapping[str, Any]
Sizes = Mapping[str, int]


def numeric(q: Any, env: Env, sizes: Sizes) -> Any:
    """The value of an expression, with arrays for its symbols; `sizes` are of integer symbols.

    A product of 1×1 matrices with others is read as a product with scalars, as SymPy writes it."""

    def value(part: Any) -> Any:
        return numeric(part, env, sizes)

    by_name = {x: sizes[x.name] for x in q.free_symbols if x.name in sizes}

    def size() -> list[int]:
        return [int(d.subs({x: sizes[x.name] for x in d.free_symbols})) for d in q.shape]

    match q:
        case sp.Trace():
            return np.trace(value(q.arg))
        case sp.Determinant():
            return np.linalg.det(value(q.arg))
        case sp.MatrixSymbol() | arrays.ArraySymbol():
            return env[str(q.name)]
        case sp.Identity():
            return np.eye(*size())
        case sp.OneMatrix():
            return np.ones(size())
        case sp.ZeroMatrix() | arrays.ZeroArray():
            return np.zeros(size())
        case MatrixSlice():
            sides = (q.rowslice, q.colslice)
            ends = [[int(sp.sympify(x).subs(by_name)) for x in part] for part in sides]
            return value(q.parent)[tuple(slice(*part) for part in ends)]
        case MatrixElement():
            return value(q.parent)[tuple(int(sp.sympify(x).subs(by_name)) for x in (q.i, q.j))]
        case sp.BlockMatrix():
            rows, cols = q.blockshape
            return np.block([[value(q.blocks[i, j]) for j in range(cols)] for i in range(rows)])
        case sp.FunctionMatrix():
            rows, cols = size()
            entry = q.lamda.subs({x: sizes[x.name] for x in q.lamda.free_symbols})
            return np.array([[float(entry(i, j)) for j in range(cols)] for i in range(rows)])
        case sp.MatAdd() | arrays.ArrayAdd():
            return sum(map(value, q.args))
        case sp.MatMul():
            return reduce(_product, map(value, q.args))
        case sp.HadamardProduct():
            return reduce(np.multiply, map(value, q.args))
        case sp.HadamardPower():
            return np.power(*map(value, q.args))
        case sp.Transpose():
            return value(q.arg).T
        case sp.Inverse():
            return np.linalg.inv(value(q.arg))
        case sp.MatPow() | sp.Pow() if getattr(q.base, "is_Matrix", False):
            return _matrix_power(value(q.base), float(value(q.exp)))
        case sp.KroneckerProduct():
            return reduce(np.kron, map(value, q.args))
        case DiagMatrix():
            return np.diag(value(q.args[0]).ravel())
        case DiagonalOf():
            return np.diag(value(q.arg))[:, None]
        case DiagonalMatrix():
            return np.diag(np.diag(value(q.arg)))
        case ElementwiseApplyFunction():
            return _entrywise(q.function, value(q.expr), env, sizes)
        case ArrayElementwiseApplyFunc():
            return _entrywise(q.function, value(q.args[1]), env, sizes)
        case arrays.ArrayTensorProduct():
            return reduce(np.multiply.outer, map(value, q.args))
        case arrays.PermuteDims():
            return np.transpose(value(q.expr), q.permutation.array_form)
        case arrays.ArrayContraction():
            pairs = q.contraction_indices
            return _diagonal(value(q.expr), pairs).sum(axis=tuple(range(-len(pairs), 0)))
        case arrays.ArrayDiagonal():
            return _diagonal(value(q.expr), q.diagonal_indices)
        case arrays.Reshape():
            return value(q.expr).reshape(size())
    return np.asarray(float(_with_numbers(q, env, sizes)))


def _product(a: Any, b: Any) -> Any:
    return a * b if 1 in (a.size, b.size) else a @ b


def _matrix_power(base: Any, exponent: float) -> Any:
    if base.size == 1:
        return base**exponent
    return np.linalg.matrix_power(base, int(exponent))


def _entrywise(function: Any, x: Any, env: Env, sizes: Sizes) -> Any:
    (variable,) = function.variables
    body = _with_numbers(function.expr, env, sizes, {variable})
    return sp.lambdify(variable, body, ["numpy", "scipy"])(x) * np.ones(x.shape)


def _diagonal(x: Any, groups: Any) -> Any:
    """The axes of each group become one, put last, in order."""
    letters = list(range(x.ndim))
    for group in groups:
        for axis in group:
            letters[axis] = group[0]
    firsts = [group[0] for group in groups]
    rest = [letter for letter in letters if letter not in firsts]
    return np.einsum(x, letters, [*rest, *firsts])


def _with_numbers(q: Any, env: Env, sizes: Sizes, but: Any = frozenset()) -> Any:
    """A scalar with everything in it evaluated."""
    outermost, parts = {}, sp.preorder_traversal(q)
    for part in parts:
        if part.is_Matrix or isinstance(part, sp.Trace | sp.Determinant):
            outermost[part] = sp.Float(numeric(part, env, sizes).item())
            parts.skip()
    q = q.xreplace(outermost)
    return q.xreplace(
        {
            x: sp.Float(sizes[x.name] if x.name in sizes else env[x.name].item())
            for x in q.free_symbols - but
        }
    )
