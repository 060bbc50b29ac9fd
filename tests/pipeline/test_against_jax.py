"""Derivatives of random expressions against JAX's: right, or refused; never wrong."""

from __future__ import annotations

import pytest
from hypothesis import assume, event, given
from hypothesis import strategies as st
from jax_agreement import FAULTS, outcome, variables
from strategies import ATTRIBUTED, DECLARATIONS, examples, expressions

from shapetrick.algebra.assumptions import CONSTRAINTS
from shapetrick.core.dims import ONE, SCALAR, Dim
from shapetrick.core.expr import Expr
from shapetrick.core.problem import DerivativeKind
from shapetrick.core.traversal import substitute
from shapetrick.language.elaboration import read
from shapetrick.language.expressions import read_expression


def agree(of: Expr, wrt: Expr, kind: DerivativeKind) -> None:
    """Asserts that ours is JAX's; what came of it is counted by `--hypothesis-show-statistics`."""
    found = outcome(of, wrt, kind)
    event(found.word)
    assert found.word not in FAULTS, found.text


@pytest.mark.parametrize("kind", ["grad", "hvp"])
@examples(40)
@given(data=st.data())
def test_derivatives_of_scalars(kind: DerivativeKind, data: st.DataObject) -> None:
    of = data.draw(expressions(shape=SCALAR, depth=3))
    assume(variables(of))
    agree(of, data.draw(st.sampled_from(variables(of))), kind)


@pytest.mark.parametrize("kind", ["vjp", "jvp"])
@examples(40)
@given(data=st.data())
def test_rules(kind: DerivativeKind, data: st.DataObject) -> None:
    of = data.draw(expressions(depth=3))
    assume(variables(of))
    agree(of, data.draw(st.sampled_from(variables(of))), kind)


@pytest.mark.parametrize("kind", ["jac", "hess"])
@examples(40)
@given(data=st.data())
def test_jacobians_and_hessians(kind: DerivativeKind, data: st.DataObject) -> None:
    """Of a column or a matrix, by a column or a matrix."""
    of = data.draw(expressions(shape=SCALAR if kind == "hess" else None, depth=3))
    assume(variables(of))
    agree(of, data.draw(st.sampled_from(variables(of))), kind)


# ------------------------------------------------- second order by variables with attributes

LETTERS = read(DECLARATIONS)
N = Dim.of("n")
OF_MATRICES = (
    "logdet(X)",
    "tr(X X)",
    "tr(X X A)",
    "tr(inv(X) A)",
    "tr(X' A X S)",
    "norm(X X' - A)^2",
    "sum(exp(X) .* X')",
    "(P_n1' X Q_n1)^2",
    "sum(diag(X).^3) + tr(X A X A)",
    "det(X)",
    "exp(P_n1' X P_n1 / 10) sum(X .* X)",
)
OF_VECTORS = (
    "x' A x",
    "sum(x) x' x",
    "sum(x.^4) - sum(x)^3",
    "sum(sin(A x))",
    "norm(A diag(x) S)^2",
    "logsumexp(A x) + sum(x.^2)^2",
    "sum(exp(x)) sum(x .* P_n1)",
    "(P_n1' x)^2 / (2 + x' x)",
)


def second_order() -> list[tuple[str, Expr, Expr]]:
    """What is differentiated twice, by a variable of which an attribute holds at a point alone."""
    found = []
    for texts, letter, shape in ((OF_MATRICES, "X", (N, N)), (OF_VECTORS, "x", (N, ONE))):
        constrained = [s for s in ATTRIBUTED[shape] if s.attributes & CONSTRAINTS]
        for wrt in constrained if letter == "x" else constrained[-6:]:
            for text in texts:
                of = read_expression(text, LETTERS, {letter: wrt})
                found.append((f"{wrt.name}: {text}", of, wrt))
    return found


SECOND_ORDER = second_order()
CASES: list[tuple[str, Expr, Expr, DerivativeKind]] = [
    *((f"hvp {name}", of, wrt, "hvp") for name, of, wrt in SECOND_ORDER),
    *((f"hess {name}", of, wrt, "hess") for name, of, wrt in SECOND_ORDER[::4]),
]


def test_there_are_enough_of_them() -> None:
    assert len(CASES) >= 100


@pytest.mark.parametrize(
    ("of", "wrt", "kind"),
    [
        pytest.param(*case, id=name, marks=[pytest.mark.slow] if k % 4 else [])
        for k, (name, *case) in enumerate(CASES)
    ],
)
def test_second_order_by_constrained_variables(of: Expr, wrt: Expr, kind: DerivativeKind) -> None:
    found = outcome(of, wrt, kind)
    assert found.word == "right", found.text


@pytest.mark.parametrize("kind", ["hess", "hvp"])
@examples(12)
@given(data=st.data())
def test_by_variables_with_attributes(kind: DerivativeKind, data: st.DataObject) -> None:
    e = data.draw(expressions(shape=SCALAR, depth=3))
    assume(variables(e))
    plain = data.draw(st.sampled_from(variables(e)))
    wrt = data.draw(st.sampled_from(ATTRIBUTED[plain.shape]))
    agree(substitute(e, {plain: wrt}), wrt, kind)
