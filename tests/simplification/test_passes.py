"""Each pass by itself: of the left side of its identity it makes the right one, then refuses."""

from __future__ import annotations

import tomllib
from typing import get_args

import pytest
from paths import ROOT

import shapetrick as st
from shapetrick.algebra.extraction import spell
from shapetrick.algebra.index_terms import read_terms
from shapetrick.core.cost import length
from shapetrick.core.expr import Expr, Node
from shapetrick.language.elaboration import read
from shapetrick.language.expressions import read_expression
from shapetrick.language.printer import to_text
from shapetrick.simplification import networks, passes, simplifier
from shapetrick.simplification.networks import (
    TERM_PASSES,
    Networks,
    TermPass,
    bases_met,
    factor_in_front,
    factors_cancelled,
    norms_known,
    one_sign,
    products_known,
    rows_as_columns,
)
from shapetrick.simplification.passes import PASSES, Pass
from shapetrick.simplification.simplifier import Simplifier
from shapetrick.simplification.structured_terms import constants_composed, orthogonal_met

by_name = pytest.mark.parametrize("row", PASSES, ids=[row.name for row in PASSES])


def given(letters: str, *texts: str) -> tuple[Networks, list[Expr]]:
    """The networks of a problem without requests, and expressions in its letters."""
    problem = read(letters)
    networks = Simplifier(problem.definitions.values()).networks
    return networks, [read_expression(text, problem) for text in texts]


@by_name
def test_a_pass_does_what_its_identity_says(row: Pass) -> None:
    networks, (left, right) = given(row.letters, *row.identity.split(" = "))
    assert row.change(networks, left) is right is not left
    assert length(right) <= length(left)


@by_name
def test_a_pass_refuses_what_it_made(row: Pass) -> None:
    networks, (_, right) = given(row.letters, *row.identity.split(" = "))
    assert row.change(networks, right) in (None, right)


TERMS = [
    (rows_as_columns, "(x' .* y' - z') A", "(x .* y - z)' A"),
    (one_sign, "2 A (x - y)", "-2 A (y - x)"),
    (factors_cancelled, "s (1 + q / s)", "s + q"),
    (factor_in_front, "tr((A D - eye(n)) A B)", "tr(B A (D A - I))"),
    (factor_in_front, "tr((s (A D) + eye(n)) A B')", "sum(B .* (A (s D A + I)))"),
    (factor_in_front, "x' (eye(n) - X M) X w", "x' X (I - M X) w"),
    (bases_met, "(x / s).^(q - 1) .* x / s", "(x / s).^q"),
    (bases_met, "(x' x) y / (x' x)^2", "y / (x' x)"),
    (factors_cancelled, "(s q + 1) A / s", "(q + 1 / s) A"),
    (norms_known, "s (u' u) x", "s x"),
    (products_known, "X' (P X)", "X' X"),
    (products_known, "A (X' P)'", "A X"),
    (products_known, "z' P P A", "z' P A"),
    (factors_cancelled, "x .* (1 ./ x + y) .* z", "z .* (1 + x .* y)"),
    (factors_cancelled, "(x .* y + Q' z) ./ x .* z", "z .* (y + Q' z ./ x)"),
    (orthogonal_met, "Q' (Q A Q') Q", "A"),
    (constants_composed, "flip(flip(x, axis=0), axis=0) .* y", "x .* y"),
]


@pytest.mark.parametrize(("change", "text", "wanted"), TERMS, ids=[t[1] for t in TERMS])
def test_a_pass_for_terms(change: TermPass, text: str, wanted: str) -> None:
    networks, (e,) = given(
        "A, B, D : n x n; X : n x k; M : k x n; w : k; P = X inv(X' X) X'; x, y, z : n; "
        "Q : n x n orthogonal; s, q : scalar; u = z / norm(z); J = sum(y - x)",
        text,
    )
    (term,) = read_terms(e) or []
    found = change(networks, term)
    assert found is not None
    spelled = spell(found)
    assert spelled is not None
    assert to_text(spelled) == wanted
    assert change(networks, found) is None


@pytest.mark.parametrize("text", ["A X", "A A z", "X' A' x", "B' z", "B B z", "X' x"])
def test_a_product_that_comes_to_no_factor_is_kept(text: str) -> None:
    networks, (e,) = given(
        "X : n x k; M : k x k; x, z : n; A = X inv(X' X + M) X'; B = eye(n) + ones(n, n) / n", text
    )
    (term,) = read_terms(e) or []
    assert products_known(networks, term) is None


def test_every_pass_for_terms_is_tested() -> None:
    assert {row[0] for row in TERMS} == set(TERM_PASSES)


PROBLEMS = tomllib.loads((ROOT / "benchmarks" / "problems.toml").read_text("utf-8"))["problem"]


@pytest.mark.parametrize("text", [row["text"] for row in PROBLEMS[::9]])
def test_no_pass_would_change_what_it_is_not_asked_about(
    text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def answers() -> list[tuple[str, str]]:
        return [(str(d.gradient), str(d.expanded)) for d in st.read(text).derive()]

    found = answers()
    everywhere = tuple(row._replace(kinds=(Expr,), needed=0) for row in PASSES)
    monkeypatch.setattr(passes, "PASSES", everywhere)
    monkeypatch.setattr(simplifier, "passes_for", passes.passes_for.__wrapped__)
    kinds = frozenset(get_args(Node))
    monkeypatch.setattr(networks, "TERM_PASSES", dict.fromkeys(TERM_PASSES, kinds))
    assert answers() == found
