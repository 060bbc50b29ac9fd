"""What is known of the entries of expressions holds for all their values."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from strategies import SIZES, abstract_values, attributed_expressions, environment, examples

from shapetrick.algebra.ranges import EntryRanges
from shapetrick.core.expr import Expr
from shapetrick.core.traversal import postorder
from shapetrick.language.elaboration import read
from shapetrick.language.expressions import read_expression
from shapetrick.numerics.evaluation import EvaluationTape

PROBLEM = read(
    "P, Q : n x n positive; u : n unit; v : 1 x n unit; "
    "N : n x n nonneg; X : n x n; U : n x n unit; p : n positive; "
    "D : n x n diagonal positive; L : n x n lower nonneg"
)
SIGNS = [
    ("P + N", "positive"), ("P + 1", "positive"), ("N + L", "nonneg"), ("P - 1", ""),
    ("0.1 + 0.2 - 0.3 + N", "nonneg"), ("1 - U", "nonneg"), ("2 - U", "positive"), ("-P", ""),
    ("P Q", "positive"), ("u v", "positive"),
    ("1 - u v", "nonneg"), ("P N", "nonneg"), ("P .* Q", "positive"), ("P' p", "positive"),
    ("diag(p)", "nonneg"), ("diag(P)", "positive"), ("D", "nonneg"), ("L", "nonneg"),
    ("X.^2", "nonneg"), ("P.^2", "positive"), ("P.^(-1)", "positive"), ("X.^3", ""),
    ("exp(X)", "positive"), ("sigmoid(X)", "positive"), ("abs(X)", "nonneg"), ("relu(X)", "nonneg"),
    ("maximum(P, Q)", "positive"), ("max(P)", "positive"), ("maximum(X, P)", "nonneg"),
    ("maximum(X, 0)", "nonneg"), ("minimum(X, P)", ""), ("sum(P)", "positive"),
    ("tr(P)", "positive"),
    ("mean(N)", "nonneg"), ("mean(P)", "positive"), ("norm(X)", "nonneg"),
    ("dot(P, Q)", "positive"),
    ("dot(X, X)", "nonneg"), ("kron(P, Q)", "positive"), ("kron(X, X)", ""), ("sinh(N)", "nonneg"),
    ("softmax(X, axis=1)", "positive"), ("log(P)", ""), ("vec(P)", "positive"), ("X", ""),
]  # fmt: skip


@pytest.mark.parametrize(("text", "sign"), SIGNS, ids=[text for text, _ in SIGNS])
def test_signs(text: str, sign: str) -> None:
    assert EntryRanges().sign(read_expression(text, PROBLEM)) == sign


@examples(300)
@given(attributed_expressions())
def test_values_are_in_their_ranges(root: Expr) -> None:
    ranges = EntryRanges()
    nodes = list(postorder([root]))
    values = EvaluationTape(nodes).run(environment(), SIZES, abstract_values())
    for e, value in zip(nodes, values, strict=True):
        low, high, never_zero = ranges.of(e)
        room = 1e-9 * max(1.0, float(np.max(np.abs(value))))
        finite = value[np.isfinite(value)]
        assert np.all((finite >= low - room) & (finite <= high + room)), str(e)
        assert not never_zero or np.all(value != 0), str(e)
