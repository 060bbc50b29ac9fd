"""The target einsum: products and sums in letters, which find what the plain code finds."""

from __future__ import annotations

import re

import numpy as np
import pytest
from code_problems import PROBLEMS
from random_functions import random_problem

import shapetrick as st
from shapetrick.codegen.einsums import LETTERS

# What no line has where letters say it.
SPELLED_OUT = re.compile(r" @ |np\.(sum|vdot|outer|trace|diagonal|matmul)\b")
RECURRENCE = "h[0] : n; W : n x n; h[t] = tanh(W h[t-1]) for t = 1..T; J = sum(h[T]); grad J wrt W"
DECLARED = "X : m x n; A : n x n; v : n; s : m; "


def body(text: str, target: str = "einsum") -> str:
    """The lines behind the checks."""
    lines = st.read(text).code(target).splitlines()
    return "\n".join(line for line in lines if line.startswith("    ") and "einsum" in line)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("f = sum(X v)", 'np.einsum("i->", np.einsum("ij,j->i", X, v))'),
        ("f = s' X v", 'np.einsum("i,i->", s, np.einsum("ij,j->i", X, v))'),
        ("f = tr(X A X')", 'np.einsum("ij,ij->", np.einsum("ij,jk->ik", X, A), X)'),
        ("f = norm(X' s)^2", 'np.einsum("ij,i->j", X, s)'),
        ("f = sum(exp(X) .* X)", 'np.einsum("ij,ij->", '),
        ("f = sum((s .* X) v)", 'np.einsum("i,ij->ij", s, X)'),
        ("f = sum(X .* (s v'))", 'np.einsum("i,j->ij", s, v)'),
        ("f = tr(A)^2", 'np.einsum("ii->", A)'),
        ("f = sum(diag(A).^3)", 'np.einsum("ii->i", A)'),
        ("f = sum(exp(sum(X, axis=0)))", 'np.einsum("ij->j", X)'),
    ],
)
def test_products_and_sums_are_letters(text: str, line: str) -> None:
    found = body(f"{DECLARED}{text}; grad f wrt {'X' if 'X' in text else 'A'}")
    assert line in found, found


@pytest.mark.parametrize(
    "text", ["f = -sum(exp(X) .* (s .* X)) / m", "f = sum((X / 2) .* X, axis=1)' s"]
)
def test_scalars_and_signs_stand_outside(text: str) -> None:
    check(f"{DECLARED}{text}; grad f wrt X")


@pytest.mark.parametrize("name", [n for n, p in PROBLEMS.items() if "[" not in str(p)][::3])
def test_letters_find_what_the_plain_code_finds(name: str) -> None:
    text = PROBLEMS[name]
    try:
        st.read(text).code("numpy")
    except st.ShapetrickError:
        pytest.skip("there is no code")
    check(text)


@pytest.mark.parametrize("seed", range(8))
def test_random_problems(seed: int) -> None:
    text = random_problem(seed)
    try:
        st.read(text).code("numpy")
    except st.ShapetrickError:
        pytest.skip("there is no code")
    check(text)


def test_what_has_no_letters_is_refused() -> None:
    with pytest.raises(st.ShapetrickError, match="the code of families has no einsums"):
        st.read(
            "h[0] : n; W : n x n; h[t] = tanh(W h[t-1]) for t = 1..T; J = sum(h[T]); grad J wrt W"
        ).code("einsum")
    with pytest.raises(st.ShapetrickError, match="blocks"):
        st.read(f"{DECLARED}f = sum(X v); grad f wrt v").code("einsum", blocks=True)


def test_every_row_is_an_einsum_of_its_ranks() -> None:
    for key, text in LETTERS.items():
        ranks = [len(letters) for letters in text.split("->")[0].split(",")]
        assert "".join(map(str, ranks)) == key.split("/")[1], key
        assert isinstance(
            np.einsum(text, *(np.ones((2,) * rank) for rank in ranks)), np.ndarray | float
        )


def check(text: str) -> None:
    """Its self-test passes, and nothing is spelled out that letters say."""
    module = st.read(text).code("einsum", self_test=True)
    function = module[module.index('    """', module.index("def value_and_gradients")) :]
    function = function[: function.index("\n\n\ndef ")]
    assert not SPELLED_OUT.search(function), function
    space: dict[str, object] = {"__name__": "module"}
    exec(module, space)
    self_test = space["self_test"]
    assert callable(self_test)
    assert not self_test()
