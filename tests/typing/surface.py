"""What a type checker sees of `import shapetrick`: checked by mypy, run by nobody.

An ignored error that isn't one is an error itself, so that what must be refused is refused.
"""

from __future__ import annotations

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

st.nrom(X)  # type: ignore[attr-defined]
st.norm("X")  # type: ignore[arg-type]
st.norm(X, X)  # type: ignore[call-arg]
st.derive(5)  # type: ignore[arg-type]
