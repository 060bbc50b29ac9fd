"""Where draws are looked for, and where it is seen early that there are none."""

from __future__ import annotations

from shapetrick.language.elaboration import read
from shapetrick.validation.checker import checker_of
from shapetrick.validation.sample_points import SINGULAR, Site


def _site(text: str, **sizes: int) -> Site:
    problem = read(text)
    return checker_of(problem, problem.requests[0])._site(0, sizes)


def test_sizes_that_make_a_matrix_singular_are_seen_at_the_first_draws() -> None:
    site = _site("X : n x d; y : n; J = y' X inv(X' X) X' y; grad J wrt X", n=2, d=4)
    assert not site.is_inhabited()
    assert set(site.failures) == {SINGULAR} and site.failures[SINGULAR] < 10


def test_sizes_at_which_it_is_regular_are_inhabited() -> None:
    assert _site("X : n x d; y : n; J = y' X inv(X' X) X' y; grad J wrt X", n=4, d=2).is_inhabited()


def test_a_matrix_that_only_some_draws_make_regular_is_looked_for_longer() -> None:
    assert _site("A : n x n; J = logdet(A) + log(det(A)); grad J wrt A", n=3).is_inhabited()
