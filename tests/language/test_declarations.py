"""Declarations as people write them: several in a line, and conditions, `lam > 0`."""

from __future__ import annotations

import pytest

from shapetrick.core.errors import InputError
from shapetrick.language.elaboration import read

# As typed, and one a line.
SEVERAL = [
    ("x : n, A : n x n", "x : n; A : n x n"),
    ("A, B : n x n, x, y : n", "A, B : n x n; x, y : n"),
    ("X : (m, d), w : d, lam : scalar positive", "X : m x d; w : d; lam : scalar positive"),
    ("X : m x d, sigma, tau : elementwise, y : m", "X : m x d; sigma, tau : elementwise; y : m"),
    ("S : n x n posdef, L : n x n lower", "S : n x n posdef; L : n x n lower"),
    ("S : n x n, posdef, x : n", "S : n x n posdef; x : n"),
    ("k : natural, A : n x n", "k : natural; A : n x n"),
]
CONDITIONS = [
    ("lam > 0", "lam : scalar positive"),
    ("lam >= 0", "lam : scalar nonneg"),
    ("lam ≥ 0; x : n", "lam : scalar nonneg; x : n"),
    ("lam : scalar; lam > 0", "lam : scalar positive"),
    ("lam > 0; lam : scalar", "lam : scalar positive"),
    ("lam, mu : scalar, x : n; mu > 0", "lam : scalar; mu : scalar positive; x : n"),
    ("x : n; x > 0", "x : n positive"),
    ("S : n x n; S ≻ 0", "S : n x n posdef"),
    (r"$\lambda > 0$", "lambda : scalar positive"),
    (r"$\lambda \geq 0$", "lambda : scalar nonneg"),
    (r"$x \in \mathbb{R}^n, x > 0$", "x : n positive"),
    (r"$\Sigma \succ 0, \Sigma \in \mathbb{R}^{n \times n}$", "Sigma : n x n posdef"),
    (r"$\Sigma, A \in \mathbb{R}^{n \times n}, A \succ 0$",
     "Sigma : n x n; A : n x n posdef"),
]  # fmt: skip


def declared(text: str) -> list[tuple[object, ...]]:
    """What a text declares, in order."""
    problem = read(f"{text}\nt : scalar; K = 2 t; grad K wrt t")
    return [(n, s.shape, s.attributes) for n, s in problem.symbols.items()] + [
        (name,) for name in problem.functions
    ]


@pytest.mark.parametrize(("typed", "plain"), [*SEVERAL, *CONDITIONS])
def test_declarations(typed: str, plain: str) -> None:
    assert declared(typed) == declared(plain)


@pytest.mark.parametrize(
    ("typed", "said"),
    [("S ≻ 0", "`S : n x n posdef`"), (r"$S \succ 0$", "`S : n x n posdef`")],
)
def test_a_condition_says_no_shape(typed: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        read(typed)


def test_unknowns_are_declared_in_a_line() -> None:
    text = "A : n x n; Y, Z : n x n, u, v : n where A Y = Z, Z = A', A u = v, v = ones(n)"
    problem = read(f"{text}\nJ = u' v + tr(Y)\ngrad J wrt A")
    assert [u.name for u in problem.systems[0].unknowns] == ["Y", "Z", "u", "v"]
