"""Generated functions of random derivatives find what their expressions say."""

from __future__ import annotations

import numpy as np
import pytest
from code_agreement import FAULTS, small_blocks, word_of
from random_functions import random_problem

import shapetrick as st
from shapetrick.codegen.python.callables import compiled
from shapetrick.codegen.python.module import LIBRARIES, TARGETS


def _derived(seed: int) -> st.Derivation | None:
    """The derivation of a random problem, if there is a verified one."""
    try:
        derivation = st.read(random_problem(seed)).derive()[0]
    except st.ShapetrickError:
        return None
    return derivation if derivation.verified else None


@pytest.mark.parametrize("first", range(0, 160, 20))
def test_in_numpy_plain_and_in_blocks(first: int) -> None:
    agreed = 0
    for seed in range(first, first + 20):
        derivation = _derived(seed)
        if derivation is None:
            continue
        with np.errstate(all="ignore"), small_blocks():
            words = [word_of(derivation, "numpy", blocks) for blocks in (False, True)]
        assert not {*words} & {*FAULTS}, random_problem(seed)
        agreed += words.count("agrees")
    assert agreed > 20


@pytest.mark.parametrize("target", [t for t in TARGETS if t != "numpy"])
def test_in_other_libraries(target: str) -> None:
    pytest.importorskip(LIBRARIES[target])
    for seed in range(300, 306):
        derivation = _derived(seed)
        if derivation is not None:
            assert word_of(derivation, target) not in FAULTS, random_problem(seed)


@pytest.mark.parametrize(
    "text",
    [
        "S : n x n symmetric; X : n x k; vjp (S X) wrt S",
        "a : n x n posdef; Z = log(tr(adj(tr(expm(a)).^acosh(a)))); vjp Z wrt a",
        "a : n x n posdef; vjp logdet(a) wrt a; hvp logdet(a) wrt a",
    ],
)
def test_a_cotangent_of_what_is_symmetric_need_not_be_so(text: str) -> None:
    assert compiled(st.read(text).code(self_test=True))["self_test"]() == 0
