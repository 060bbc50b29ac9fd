"""Derivatives of random expressions against JAX's: right, or refused; never wrong."""

from __future__ import annotations

import pytest
from hypothesis import assume, event, given
from hypothesis import strategies as st
from jax_agreement import FAULTS, outcome, variables
from strategies import examples, expressions

from shapetrick.dims import SCALAR
from shapetrick.expr import Expr
from shapetrick.problem import Kind


def agree(of: Expr, wrt: Expr, kind: Kind) -> None:
    """Asserts that ours is JAX's; what came of it is counted by `--hypothesis-show-statistics`."""
    found = outcome(of, wrt, kind)
    event(found.word)
    assert found.word not in FAULTS, found.text


@pytest.mark.parametrize("kind", ["grad", "hvp"])
@examples(40)
@given(data=st.data())
def test_derivatives_of_scalars(kind: Kind, data: st.DataObject) -> None:
    of = data.draw(expressions(shape=SCALAR, depth=3))
    assume(variables(of))
    agree(of, data.draw(st.sampled_from(variables(of))), kind)


@pytest.mark.parametrize("kind", ["vjp", "jvp"])
@examples(40)
@given(data=st.data())
def test_rules(kind: Kind, data: st.DataObject) -> None:
    of = data.draw(expressions(depth=3))
    assume(variables(of))
    agree(of, data.draw(st.sampled_from(variables(of))), kind)


@pytest.mark.parametrize("kind", ["jac", "hess"])
@examples(40)
@given(data=st.data())
def test_jacobians_and_hessians(kind: Kind, data: st.DataObject) -> None:
    """Of a column or a matrix, by a column or a matrix."""
    of = data.draw(expressions(shape=SCALAR if kind == "hess" else None, depth=3))
    assume(variables(of))
    agree(of, data.draw(st.sampled_from(variables(of))), kind)
