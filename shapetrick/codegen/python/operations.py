"""TABLE: how each array operation is spelled in NumPy, JAX and PyTorch, and of plain numbers in
Python. FUNCTIONS: functions of every entry that aren't called as in NumPy everywhere.

In a template `{0}` and `{1}` are the arguments, `{0:atom}` one that is put in brackets unless it
is a name or a call; an argument that occurs twice is given a name first. `{axis}` is `, axis=1`
or nothing, `{shape}` and `{rows}` are the value's, `{m}` and `{n}` the sizes that the operation
has besides, `{number}` what else it has. JAX's spelling is NumPy's with `jnp` for `np` and PyTorch's that with `torch`, where
nothing else is said.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Literal

from ...core.functions import TABLE as ROWS
from ...core.records import dataclass
from ...numerics.solvers import TABLE as SOLVERS
from ..code_text import CodePrecedence
from ..ir import ArrayOperation, Value

Library = Literal["numpy", "jax", "torch"]
MODULES: Mapping[Library, str] = {"numpy": "np", "jax": "jnp", "torch": "torch"}
ARRAYS: Mapping[Library, str] = {"numpy": "Array", "jax": "jax.Array", "torch": "Tensor"}  # types


@dataclass(frozen=True, slots=True)
class Spelling:
    """The templates of an operation; `python` is for numbers that are no arrays, such as sizes."""

    numpy: str
    jax: str
    torch: str
    python: str
    level: CodePrecedence

    def template(self, library: Library, plain: bool) -> str:
        return self.python if plain else str(getattr(self, library))


def _row(
    numpy: str,
    jax: str = "",
    torch: str = "",
    python: str = "",
    level: CodePrecedence = CodePrecedence.ATOM,
) -> Spelling:
    jax = jax or numpy.replace("np.", "jnp.")
    torch = torch or numpy.replace("np.", "torch.")
    return Spelling(numpy, jax, torch, python or numpy, level)


def spelling(v: Value) -> Spelling | None:
    """How an operation is spelled; None for a function that no library has."""
    if v.op in ("solved", "decomposed"):
        solver = SOLVERS[v.data]
        return _row(solver.numpy, solver.jax, solver.torch)
    return of_function(v.data) if v.op == "function" else TABLE.get(v.op)


def of_function(name: str) -> Spelling | None:
    """How a function of every entry is spelled, by the name that NumPy has for it if nothing else
    is said."""
    row = ROWS[name]
    if name in FUNCTIONS or not row.numpy:
        return FUNCTIONS.get(name)
    arguments = ", ".join(f"{{{i}}}" for i in range(row.arity))
    called = f"np.{row.numpy}({arguments})"
    known = next((own for own in (row.name, row.numpy) if hasattr(math, own)), None)
    return _row(called, python=f"math.{known}({arguments})" if known else f"float({called})")


def is_spelled(name: str) -> bool:
    return of_function(name) is not None


def solvers(library: Library) -> frozenset[str]:
    """What of the library's functions by equations a library has."""
    return frozenset(name for name, row in SOLVERS.items() if getattr(row, library))


_LIKE = "dtype={like}.dtype, device={like}.device"  # PyTorch has no default that fits
# Which entries below the diagonal the entries of a symmetric matrix are, and where these are: entry
# (i, j) is in row `max(i, j)` of column `min(i, j)`.
_DUPLICATED = (
    "np.ravel((lambda i, j: i + j * (2 * {m} - 1 - j) // 2)(np.maximum(*(r := (np.arange({m}), "
    "np.arange({m})[:, None]))), np.minimum(*r)))"
)
_ELIMINATED = "(lambda j, i: j * {m} + i)(*np.triu_indices({m}))"
_IN_TORCH = {"duplicated": _DUPLICATED.replace("np.", "torch."),
             "eliminated": "(lambda j, i: j * {m} + i)(*torch.triu_indices({m}, {m}))"}  # fmt: skip

FUNCTIONS: Mapping[str, Spelling] = {
    "abs": _row("np.abs({0})", python="abs({0})"),
    "sign": _row("np.sign({0})", python="float(({0} > 0) - ({0} < 0))"),
    "sigmoid": _row(
        "scipy.special.expit({0})", "jax.nn.sigmoid({0})", "torch.sigmoid({0})",
        "math.exp(min({0}, 0)) / (1 + math.exp(-abs({0})))", CodePrecedence.PRODUCT,
    ),
    "softplus": _row(
        "np.maximum({0}, 0) + np.log1p(np.exp(-np.abs({0})))", "jax.nn.softplus({0})",
        "torch.logaddexp({0}, torch.zeros_like({0}))",
        "max({0}, 0) + math.log1p(math.exp(-abs({0})))", CodePrecedence.SUM,
    ),
    "relu": _row("np.maximum({0}, 0)", torch="torch.relu({0})", python="max({0}, 0)"),
    "leaky_relu": _row(
        "np.maximum({0}, 0.01 * {0})", torch="torch.maximum({0}, 0.01 * {0})",
        python="max({0}, 0.01 * {0})",
    ),
    "elu": _row(
        "np.maximum({0}, 0) + np.expm1(np.minimum({0}, 0))",
        torch="torch.relu({0}) + torch.expm1(-torch.relu(-{0}))",
        python="max({0}, 0) + math.expm1(min({0}, 0))", level=CodePrecedence.SUM,
    ),
    "gelu": _row(  # by Φ itself: 1 + erf cancels below 0
        "{0:product} * scipy.special.ndtr({0})", "jax.nn.gelu({0}, approximate=False)",
        "0.5 * {0:product} * torch.erfc(-{0:unary} / math.sqrt(2))",
        "0.5 * {0:product} * math.erfc(-{0:unary} / math.sqrt(2))", CodePrecedence.PRODUCT,
    ),
    "silu": _row(
        "{0:product} * scipy.special.expit({0})", "jax.nn.silu({0})",
        "torch.nn.functional.silu({0})",
        "{0:product} * math.exp(min({0}, 0)) / (1 + math.exp(-abs({0})))", CodePrecedence.PRODUCT,
    ),
    "erf": _row(
        "scipy.special.erf({0})", "jax.scipy.special.erf({0})", "torch.erf({0})", "math.erf({0})"
    ),
    "erfc": _row("scipy.special.erfc({0})", "jax.scipy.special.erfc({0})", "torch.erfc({0})",
                 "math.erfc({0})"),
    "lgamma": _row("scipy.special.gammaln({0})", "jax.scipy.special.gammaln({0})",
                   "torch.lgamma({0})", "math.lgamma({0})"),
    "digamma": _row("scipy.special.digamma({0})", "jax.scipy.special.digamma({0})",
                    "torch.digamma({0})", "float(scipy.special.digamma({0}))"),
    # Far below 0 the Hurwitz zeta has no value, as FAR_BELOW says: a step for each number takes long.
    "trigamma": _row("scipy.special.zeta(2, np.where({0} < -1e5, np.nan, {0}))", "jnp.where({0} > 0, jax.scipy.special.polygamma(1, {0}), (jnp.pi / jnp.sin(jnp.pi * {0})) ** 2 - jax.scipy.special.polygamma(1, 1 - {0}))",
                     "(torch.where({0} > 0, 0, (torch.pi / torch.sin(torch.pi * {0})) ** 2) + torch.where({0} > 0, 1, -1) * torch.special.zeta(2, torch.where({0} > 0, {0}, 1 - {0})))",
                     "float(scipy.special.zeta(2, {0} if {0} >= -1e5 else math.nan))"),
    "hurwitz": _row("scipy.special.zeta({0}, np.where({1} < -1e5, np.nan, {1}))", "jax.scipy.special.zeta({0}, jnp.where({1} < -5, jnp.nan, {1}))",
                 "torch.special.zeta({0}, torch.where({1} < -1e5, torch.nan, {1}))",
                 "float(scipy.special.zeta({0}, {1} if {1} >= -1e5 else math.nan))"),
    "expm": _row(
        "scipy.linalg.expm({0})", "jax.scipy.linalg.expm({0})", "torch.linalg.matrix_exp({0})"
    ),
    "step": _row(
        "np.where({0:sum} > 0, 1.0, 0.0)", torch="({0} > 0).to({like}.dtype)",
        python="float({0} > 0)",
    ),
    "leaky_step": _row(
        "np.where({0:sum} > 0, 1.0, 0.01)", torch="(0.01 + 0.99 * ({0} > 0).to({like}.dtype))",
        python="(0.01 + 0.99 * float({0} > 0))",
    ),
    "maximum": _row("np.maximum({0}, {1})", torch="torch.where({0} >= {1}, {0}, {1})",
                    python="max({0}, {1})"),
    "minimum": _row("np.minimum({0}, {1})", torch="torch.where({0} <= {1}, {0}, {1})",
                    python="min({0}, {1})"),
}  # fmt: skip

TABLE: Mapping[ArrayOperation, Spelling] = {
    "constant": _row("math.{number}"),
    "root": _row("np.sqrt({0})", python="math.sqrt({0})"),
    "equal": _row("np.where({0} == {1}, 1.0, 0.0)", torch="({0} == {1}).to({like}.dtype)"),
    # what stands where
    "transpose": _row("{0:atom}.T"),
    "lift": _row("{0:atom}[:, None]"),
    "ravel": _row("{0:atom}.reshape(-1)"),
    "reshape": _row("np.reshape({0}, {shape})"),
    "spread": _row("np.broadcast_to({0}, {shape}).copy()", "jnp.broadcast_to({0}, {shape})",
                   "{0:atom}.expand({shape}).clone()"),
    "array": _row("np.asarray({0})", torch="torch.tensor({0}, " + _LIKE + ")"),
    "full": _row("np.full({shape}, {0})", torch="{0:unary} * torch.ones({shape}, " + _LIKE + ")"),
    "zeros": _row("np.zeros({shape})", torch="torch.zeros({shape}, " + _LIKE + ")"),
    "ones": _row("np.ones({shape})", torch="torch.ones({shape}, " + _LIKE + ")"),
    "eye": _row("np.eye({rows})", torch="torch.eye({rows}, " + _LIKE + ")"),
    "commute": _row(
        "np.eye({rows})[np.arange({rows}).reshape({n}, {m}).T.reshape(-1)]",
        torch="torch.eye({rows}, " + _LIKE + ")[torch.arange({rows}).reshape({n}, {m}).T.reshape(-1)]",
    ),
    "eliminate": _row(
        f"np.eye({{m}} * {{m}})[{_ELIMINATED}]",
        torch=f"torch.eye({{m}} * {{m}}, {_LIKE})[{_IN_TORCH['eliminated']}]",
    ),
    "duplicate": _row(
        f"np.eye({{m}} * ({{m}} + 1) // 2)[{_DUPLICATED}]",
        torch=f"torch.eye({{m}} * ({{m}} + 1) // 2, {_LIKE})[{_IN_TORCH['duplicated']}]",
    ),
    "eliminated": _row(
        f"{{0:atom}}[{_ELIMINATED}]", torch=f"{{0:atom}}[{_IN_TORCH['eliminated']}]"
    ),
    "duplicated": _row(
        f"{{0:atom}}[{_DUPLICATED}]", torch=f"{{0:atom}}[{_IN_TORCH['duplicated']}]"
    ),
    "diagonal_matrix": _row("np.diag({0})"),
    "diagonal": _row("np.diagonal({0})"),
    "kron": _row(  # torch.kron refuses a turned operand beside one that is not
        "np.kron({0}, {1})", torch="torch.kron(*map(torch.Tensor.contiguous, ({0}, {1})))"
    ),
    "flip": _row("np.flip({0}{axis})", torch="torch.flip({0}, dims=({number},))"),
    "lower": _row("np.tril({0})"),
    "upper": _row("np.triu({0})"),
    "cumsum": _row("np.cumsum({0}{axis})"),
    "axis_diagonal": _row(
        "np.diagonal({0}, axis1={number[0]}, axis2={number[1]})",
        torch="torch.diagonal({0}, dim1={number[0]}, dim2={number[1]})",
    ),
    "arange": _row("np.arange({m}, {n}, dtype={like}.dtype)",
                   torch="torch.arange({m}, {n}, " + _LIKE + ")"),
    # sums and products
    "sum": _row("np.sum({0}{axis})"),
    "prod": _row("np.prod({0}{axis})"),
    "max": _row("np.max({0}{axis})", torch="torch.amax({0}{axis})"),
    "min": _row("np.min({0}{axis})", torch="torch.amin({0}{axis})"),
    "trace": _row("np.trace({0})"),
    "inner": _row("np.vdot({0}, {1})", torch="torch.sum({0:unary} * {1:unary})"),
    "trace_of_product": _row('np.einsum("ij,ji->", {0}, {1})'),
    "row_dots": _row('np.einsum("ij,ij->i", {0}, {1})'),
    "column_dots": _row('np.einsum("ij,ij->j", {0}, {1})'),
    "outer": _row("np.outer({0}, {1})"),
    "tensordot": _row("np.tensordot({0}, {1}, axes={number})",
                      torch="torch.tensordot({0}, {1}, dims={number})"),
    "at_most": _row("np.where({0:sum} <= {1:sum}, 1.0, 0.0)", torch="({0:sum} <= {1:sum}).to({like}.dtype)"),
    "masked": _row("np.where({0:sum} > 0, {1}, {2})"),
    # of square matrices
    "matrix_power": _row("np.linalg.matrix_power({0}, {1})"),
    "solve": _row("np.linalg.solve({0}, {1})"),
    "inv": _row("np.linalg.inv({0})"),
    "det": _row("np.linalg.det({0})"),
    "logdet": _row("np.linalg.slogdet({0})[1]"),
    "cholesky": _row(
        "scipy.linalg.cholesky({0}, lower=True)", "jnp.linalg.cholesky({0})",
        "torch.linalg.cholesky({0})",
    ),
    "cholesky_diagonal": _row("np.diagonal({0})"),
    "cholesky_solve": _row(
        "scipy.linalg.cho_solve(({0}, True), {1})", "jax.scipy.linalg.cho_solve(({0}, True), {1})",
        "torch.cholesky_solve({1:atom}.reshape(len({1}), -1), {0}).reshape({1:atom}.shape)",
    ),
    "cholesky_inverse": _row(
        "scipy.linalg.lapack.dpotri({0:atom}.T)[0]",
        "jax.scipy.linalg.cho_solve(({0}, True), jnp.eye({rows}))", "torch.cholesky_inverse({0})",
    ),
    "mirrored": _row(  # of a symmetric matrix, NumPy has the upper triangle
        "np.where(np.tri({rows}, dtype=bool), {0:atom}.T, {0})", "{0:atom}", "{0:atom}"
    ),
    "lu": _row("scipy.linalg.lu_factor({0})", "jax.scipy.linalg.lu_factor({0})",
               "torch.linalg.lu_factor({0})"),
    "lu_diagonal": _row("np.diagonal({0:atom}[0])"),
    "lu_det": _row(
        "np.prod(np.diagonal({0}[0])) * (-1) ** np.sum({0}[1] != np.arange(len({0}[1])))",
        torch="torch.prod(torch.diagonal({0}[0])) "
        "* (-1) ** torch.sum({0}[1] != torch.arange(1, len({0}[1]) + 1))",
        level=CodePrecedence.PRODUCT,
    ),
    "lu_solve": _row(
        "scipy.linalg.lu_solve({0}, {1})", "jax.scipy.linalg.lu_solve({0}, {1})",
        "torch.linalg.lu_solve(*{0}, {1}.reshape(len({1}), -1)).reshape({1}.shape)",
    ),
    "lu_solve_transposed": _row(
        "scipy.linalg.lu_solve({0}, {1}, trans=1)", "jax.scipy.linalg.lu_solve({0}, {1}, trans=1)",
        "torch.linalg.lu_solve(*{0}, {1}.reshape(len({1}), -1), adjoint=True).reshape({1}.shape)",
    ),
    "lu_inverse": _row(
        "scipy.linalg.lapack.dgetri(*{0})[0]", "jax.scipy.linalg.lu_solve({0}, jnp.eye({rows}))",
        "torch.linalg.lu_solve(*{0}, torch.eye({rows}, " + _LIKE + "))",
    ),
}  # fmt: skip
