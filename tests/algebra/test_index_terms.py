"""Products as networks: equal products are one network, others aren't, and the way back."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from strategies import SIZES, abstract_values, attributed_expressions, environment, examples

from shapetrick.algebra.extraction import spell
from shapetrick.algebra.fingerprints import key_of
from shapetrick.algebra.index_terms import read_terms
from shapetrick.core import expr as ex
from shapetrick.core.expr import Expr
from shapetrick.language.elaboration import read
from shapetrick.language.expressions import read_expression
from shapetrick.language.printer import to_text
from shapetrick.numerics.evaluation import evaluate
from shapetrick.simplification.simplifier import Simplifier

LETTERS = (
    "A, B : m x n; C : n x k; P, Q : n x n; S : n x n symmetric; u : m; v, w : n; s, t : scalar"
)
PROBLEM = read(LETTERS)


def same(one: str, other: str) -> bool:
    """Whether two expressions have the same shape and the same terms."""
    both = [read_expression(text, PROBLEM) for text in (one, other)]
    read_both = [read_terms(e) or [] for e in both]  # alive while their keys are compared
    symmetric = Simplifier().is_symmetric
    keys = [sorted((key_of(t, symmetric), t.coefficient) for t in terms) for terms in read_both]
    return both[0].shape == both[1].shape and keys[0] == keys[1]


SAME = [
    ("(A C)'", "C' A'"),
    ("tr(P Q)", "tr(Q P)"),
    ("tr(P Q)", "sum(P .* Q')"),
    ("tr(P' Q)", "sum(P .* Q)"),
    ("u' A v", "tr(A v u')"),
    ("u' A v", "v' A' u"),
    ("diag(u) A", "u .* A"),
    ("A diag(v)", "A .* v'"),
    ("sum(A, axis=1)", "A ones(n)"),
    ("sum(A)", "ones(m)' A ones(n)"),
    ("mean(A, axis=0)", "sum(A, axis=0) / m"),
    ("diag(P Q)", "sum(P .* Q', axis=1)"),
    ("diag(diag(v)) .* w", "v .* w"),
    ("P eye(n) Q", "P Q"),
    ("kron(v, u')", "v u'"),
    ("unvec(vec(A), m, n)", "A"),
    ("commute(m, n) vec(A)", "vec(A')"),
    ("S v w'", "(w v' S)'"),
    ("S'", "S"),
    ("2 s A / (4 t)", "A s / t / 2"),
    ("s^2 A / s", "s A"),
    ("A .* B .* A", "B .* A.^2"),
    ("tr(eye(n))", "n"),
    ("dot(v, w)", "w' v"),
]

OTHER = [
    ("P Q", "Q P"),
    ("P Q", "P' Q"),
    ("P'", "P"),
    ("tr(P)", "sum(P)"),
    ("P Q'", "P' Q"),
    ("A .* u", "A"),
    ("v w'", "w v'"),
    ("sum(P, axis=1)", "sum(P, axis=0)'"),
    ("diag(diag(P))", "P"),
    ("vec(P')", "vec(P)"),
    ("A .* A", "A .* B"),
    ("s A", "s^2 A"),
    ("2 A", "A"),
    ("kron(P, Q)", "kron(Q, P)"),
    ("tr(P Q P Q)", "tr(P P Q Q)"),
]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_equal_products_are_one_network(one: str, other: str) -> None:
    assert same(one, other)


@pytest.mark.parametrize(("one", "other"), OTHER)
def test_different_products_are_two(one: str, other: str) -> None:
    assert not same(one, other)


SPELLED = [
    "A v", "v' C", "P Q P", "P^2 v", "u .* A", "A .* v'", "u v'", "v' w", "u' A v", "sum(A)",
    "sum(A, axis=0)", "sum(A .* B)", "tr(P)", "diag(P)", "diag(v)", "2 A", "s A / t", "A / 3",
    "P' Q", "A .* B.^2", "A ./ B", "vec(A)", "kron(P, Q)", "ones(m, n)", "s^2 t", "tr(P^3)",
]  # fmt: skip


@pytest.mark.parametrize("text", SPELLED)
def test_what_is_short_is_spelled_as_it_was(text: str) -> None:
    (term,) = read_terms(read_expression(text, PROBLEM)) or []
    written = spell(term, Simplifier().is_symmetric)
    assert written is not None
    assert to_text(written) == text


@pytest.mark.parametrize(
    ("text", "count"),
    [("A + B", 2), ("(P + Q) (P - Q)", 1), ("A - A", 2), ("zeros(m, n) C", 0), ("A 0", 0)],
)
def test_how_many_terms(text: str, count: int) -> None:
    e = read_expression(text, PROBLEM)
    terms = read_terms(e)
    assert terms is not None
    assert len([t for t in terms if t.coefficient]) == count


def test_sums_are_multiplied_out_where_asked_and_not_beyond() -> None:
    e = read_expression("(P + Q) (P - Q) (P + S)", PROBLEM)
    everything = read_terms(e, lambda x: True)
    assert everything is not None
    assert sorted(t.coefficient for t in everything) == [-1, -1, -1, -1, 1, 1, 1, 1]
    assert len(read_terms(e, lambda x: False) or []) == 1
    assert read_terms(e, lambda x: True, most=7) is None


def test_no_deeper_than_the_horizon() -> None:
    e = read_expression("((P Q)' P)' Q", PROBLEM)
    (flat,) = read_terms(e) or []
    (shallow,) = read_terms(e, horizon=1) or []
    assert len(flat.edges) == 4
    assert len(shallow.edges) < 4


@examples(150)
@given(attributed_expressions(depth=3))
def test_reading_and_spelling_keep_the_value(e: Expr) -> None:
    terms = read_terms(e, lambda x: True, most=12)
    assume(terms is not None)
    assert terms is not None
    spelled = [spell(term, Simplifier().is_symmetric) for term in terms]
    assume(None not in spelled)
    whole = ex.add(ex.zeros(*e.shape), *(x for x in spelled if x is not None))
    assert whole.shape == e.shape
    env = environment(2)
    value = evaluate(e, env, SIZES, abstract_values())
    assume(np.isfinite(value).all())
    parts = [
        np.abs(evaluate(x, env, SIZES, abstract_values())).max() for x in spelled if x is not None
    ]
    scale = max([np.abs(value).max(), *parts])
    found = evaluate(whole, env, SIZES, abstract_values())
    np.testing.assert_allclose(found, value, rtol=1e-7, atol=1e-8 * scale)
