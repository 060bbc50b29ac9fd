"""Look-alikes: what is called wrong is wrong for all values that the factors may have."""

from __future__ import annotations

import numpy as np
import pytest

import shapetrick as st
from shapetrick.core.results import Line
from shapetrick.core.traversal import symbols_of
from shapetrick.numerics.evaluation import EvaluationTape
from shapetrick.numerics.sampling import draw

MATRICES = "X, A, B : n x n; x, y : n"
REQUESTS = [
    "J = norm(A X)^2; grad J wrt X",
    "J = y' A A x; grad J wrt x",
    "J = y' A X B x; grad J wrt X",
    "J = norm(A X B)^2; grad J wrt X",
    "J = tr(X A X' B); grad J wrt X",
]
ATTRIBUTES = ["", " symmetric", " diagonal", " posdef", " orthogonal", " upper"]


def lines_of(attribute: str, request: str) -> list[Line]:
    declared = MATRICES.replace("X, A,", f"X : n x n; A : n x n{attribute};")
    (d,) = st.read(f"{declared}; {request}").derive()
    return [line for step in d.steps for line in step.lines]


@pytest.mark.parametrize("attribute", ATTRIBUTES)
@pytest.mark.parametrize("request_", REQUESTS)
def test_what_is_rejected_differs_where_attributes_are_obeyed(
    attribute: str, request_: str
) -> None:
    rng = np.random.default_rng(0)
    for line in lines_of(attribute, request_):
        roots = [line.arrangement, *(r.arrangement for r in line.rejected)]
        symbols = {s.name: s for e in roots for s in symbols_of(e)}
        drawn = {name: draw(s, {"n": 4}, rng) for name, s in symbols.items()}
        right, *wrong = EvaluationTape(roots).run(drawn, {"n": 4}, None)
        assert all(np.abs(float(line.coefficient) * e - right).max() > 1e-6 for e in wrong)


def test_all_ways_to_meet_are_told_with_what_is_wrong_about_them() -> None:
    for line in lines_of("", "J = y' A X B x; grad J wrt X"):
        blocks = [t.blocks for t in line.tried]
        assert len(set(blocks)) == len(blocks)
        assert all((t.error > 0) == bool(t.reason) for t in line.tried)
        assert len({t.error for t in line.tried}) > 1
        assert len(blocks) >= line.fitting > 1
