"""The rules of single operations: what the search makes of a scalar derivative, and refuses."""

from __future__ import annotations

import pickle
from dataclasses import replace

import numpy as np
import pytest

import shapetrick as st
from shapetrick.core import built
from shapetrick.core import expr as ex
from shapetrick.core.dims import ONE
from shapetrick.core.errors import DerivationError
from shapetrick.core.expr import Expr
from shapetrick.core.functions import TABLE
from shapetrick.derivation import vjp_rules
from shapetrick.derivation.local_derivatives import (
    LocalDerivative,
    instantiate,
    scalar_derivative,
    views,
)
from shapetrick.derivation.vjp_rules import arranged_terms, rule_for, rules_to_build
from shapetrick.language.elaboration import read
from shapetrick.language.expressions import parse_scalar, read_expression
from shapetrick.language.printer import to_text
from shapetrick.numerics.evaluation import evaluate
from shapetrick.simplification.simplifier import Simplifier

PROBLEM = read("A, X, Y : m x n; B : n x k; K : n x n; u : m; v : n; r : 1 x n; s : scalar")

# An operation, by which of its arguments, and its rule with an upstream G (g where it is a scalar).
RULES = [
    ("A B", 0, "G B'"),
    ("A B", 1, "A' G"),
    ("A v", 1, "A' G"),
    ("A'", 0, "G'"),
    ("X .* Y", 0, "G .* Y"),
    ("X .* u", 1, "sum(G .* X, axis=1)"),
    ("1 ./ Y", 0, "-G ./ Y.^2"),
    ("Y.^3", 0, "3 G .* Y.^2"),
    ("X + r", 1, "sum(G, axis=0)"),
    ("s X", 0, "sum(G .* X)"),
    ("tanh(X)", 0, "G .* (1 - tanh(X).^2)"),
    ("maximum(X, Y)", 0, "G .* step(X - Y)"),
    ("inv(K)", 0, "-inv(K)' G inv(K)'"),
    ("det(K)", 0, "g det(K) inv(K)'"),
    ("logdet(K)", 0, "g inv(K)'"),
    ("tr(K)", 0, "g eye(n)"),
    ("diag(v)", 0, "diag(G)"),
    ("diag(K)", 0, "diag(G)"),
    ("vec(X)", 0, "unvec(G, m, n)"),
    ("sum(X)", 0, "g ones(m, n)"),
    ("sum(X, axis=1)", 0, "G ones(1, n)"),
    ("mean(X, axis=0)", 0, "ones(m) G / m"),
    ("norm(X)", 0, "g X / norm(X)"),
    ("softmax(X, axis=1)", 0,
     "softmax(X, axis=1) .* (G - sum(G .* softmax(X, axis=1), axis=1))"),
    ("logsumexp(X, axis=1)", 0, "G .* softmax(X, axis=1)"),
]  # fmt: skip


def view_of(text: str, position: int = 0) -> LocalDerivative:
    (view,) = views(read_expression(text, PROBLEM), position, active=())
    return view


def upstream_of(view: LocalDerivative) -> Expr:
    return ex.symbol("g" if view.value.is_scalar else "G", view.value.shape)


@pytest.mark.parametrize(
    ("text", "position", "wanted"), RULES, ids=[f"{r[0]}, {r[1]}" for r in RULES]
)
def test_rule(text: str, position: int, wanted: str) -> None:
    view = view_of(text, position)
    terms = arranged_terms(view, upstream_of(view))
    written = Simplifier().write(terms, view.argument.shape)
    assert written is not None
    assert to_text(written) == wanted


@pytest.mark.parametrize("name", [row.name for row in TABLE.values() if row.elementwise])
def test_numbers_in_a_scalar_derivative_stay(name: str) -> None:
    """What is put in for the argument changes no number, such as the root of 2 in gelu's."""
    row = TABLE[name]
    args = tuple(ex.symbol(c, (ONE, ONE)) for c in ("ab" if row.arity == 2 else "x"))
    value = ex.call(name, *args)
    for position in range(row.arity):
        if not row.derivative[position]:  # has none in closed form
            continue
        view = LocalDerivative(row, args, value, position)
        products = scalar_derivative(view)
        found = ex.add(
            ex.ZERO,
            *(
                ex.times(ex.number(p.coefficient), *(instantiate(f, view) for f in p.factors))
                for p in products
            ),
        )
        names = {**{e.name: e for e in args}, "y": value}
        wanted = parse_scalar(row.derivative[position], names)
        env = {
            e.name: np.full((1, 1), sum(row.drawn_from) / 2 + 0.3 * i) for i, e in enumerate(args)
        }
        np.testing.assert_allclose(evaluate(found, env, {}), evaluate(wanted, env, {}), rtol=1e-12)


def test_a_rule_is_found_once_for_a_pattern() -> None:
    assert rule_for(view_of("A B")) is rule_for(view_of("X B"))
    assert rule_for(view_of("A B")) is not rule_for(view_of("A v"))  # a side of 1: another pattern
    assert rule_for(view_of("sum(X, axis=0)")) is not rule_for(view_of("sum(X, axis=1)"))


@pytest.mark.parametrize(
    ("text", "derivative"),
    [
        ("tanh(X)", "1 - y"),  # not its derivative
        ("tanh(X)", "2 (1 - y .* y)"),
        ("inv(K)", "y y"),  # the sign
        ("inv(K)", "y y y"),
        ("softmax(X, axis=1)", "y"),  # a term is missing
    ],
)
def test_a_wrong_scalar_derivative_has_no_arrangement(text: str, derivative: str) -> None:
    view = view_of(text)
    name = view.row.name
    wrong = view._replace(row=replace(TABLE[name], derivative=(derivative,)))
    with pytest.raises(
        DerivationError, match=f"no arrangement of the scalar derivative of `{name}`"
    ):
        rule_for(wrong)


BUILT = ("add", "times", "matmul", "sum", "sigmoid", "norm", "inv", "logdet", "transpose", "power")


@pytest.mark.parametrize(
    "text",
    [
        "X : m x d; w : d; y : m; J = norm(sigmoid(X w) - y)^2; grad J wrt w",
        "A : n x n; x : n; J = logdet(A) + x' inv(A) x; grad J wrt A",
        "X : m x 1; w : scalar; J = sum(X.^3 w); jac J wrt X",
    ],
)
def test_what_was_built_is_what_is_searched(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = st.derive(text).gradient
    searched = dict(vjp_rules._rules)
    kept = pickle.loads(built.packed(rules_to_build(TABLE[name] for name in BUILT)))
    monkeypatch.setattr(built, "_kept", lambda: kept)
    monkeypatch.delattr(vjp_rules, "_search")
    monkeypatch.setattr(vjp_rules, "_rules", {})
    built.built.cache_clear()
    try:
        assert st.derive(text).gradient is expected
        assert vjp_rules._rules == {pattern: searched[pattern] for pattern in vjp_rules._rules}
    finally:
        built.built.cache_clear()
