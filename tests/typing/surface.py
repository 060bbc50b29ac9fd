"""What a type checker sees of `import shapetrick`: checked by mypy, run by nobody.

An ignored error that isn't one is an error itself, so that what must be refused is refused.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

import shapetrick as st

X: st.Expr
w: st.Expr
y: st.Expr
X, w, y = st.symbols("X: m x d; w: d; y: m")
J: st.Expr = st.norm(X @ w - y) ** 2 / (2 * st.dim("m")) + st.sum(st.softmax(X, axis=1)) * st.pi
d: st.Derivation = st.grad(J, w)
text: str = d.code("numpy") + st.__version__ + d.latex()
verdict: bool = st.check("x: n; J = x' x; check grad J wrt x = 2 x").right
problem: st.Problem = st.read("x: n; J = x' x; grad J wrt x")
gradients: list[st.Derivation] = problem.derive(seed=1)
sized: st.Expr = st.eye("m") @ st.ones("m", 1) + st.zeros(st.dim("m"), 1)
st.assert_gradient(lambda x: float(x @ x), lambda x: 2 * x, [1.0, 2.0, 3.0])
judged: st.GradientCheck = st.check_gradient(lambda x: x @ x, lambda x: 2 * x, [1.0, 2.0])
traced: st.Derivation = st.derive(lambda x: x @ x, x="n", wrt="x")
answers: list[st.Derivation] = [
    *(st.hess(J, w), st.jac(X @ w, w), st.vjp(X @ w, w, y), st.jvp(X @ w, w, w), st.hvp(J, w, w)),
    *(st.solve(st.grad(J, w).gradient, w), st.from_dict(d.to_dict())),
]
named: st.Expr = st.define("r", X @ w - y)
shorter: st.Expr = st.simplify(named.T.T)
values: NDArray[np.float64] = st.evaluate(shorter, {"X": np.eye(2)}, w=[1, 2], y=[0, 1])
back: st.Expr = st.from_sympy(st.to_sympy(X @ w))
cube: Callable[..., st.Expr] = st.function("cube", numpy=lambda x: x**3, derivative="3 x.^2")
found: st.Check | st.EqualityCheck = st.check("A: n x n; check tr(A) = tr(A')")
try:
    st.read("x : n; J = x")
except (st.ParseError, st.NameProblem, st.ShapeError, st.InferenceError) as error:
    place: tuple[str | None, object] = (error.text, error.span)
except (st.RequestError, st.OperandError, st.TraceError, st.InputError) as error:
    text = error.message
except (st.TimeLimitError, st.BudgetError, st.CodeError, st.DerivationError) as error:
    text = error.message
except st.ShapetrickError as error:
    text = str(error)

st.nrom(X)  # type: ignore[attr-defined]
st.norm("X")  # type: ignore[arg-type]
st.norm(X, X)  # type: ignore[call-arg]
st.derive(5)  # type: ignore[arg-type]
