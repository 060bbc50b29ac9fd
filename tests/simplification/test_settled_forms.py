"""A form that is seen to be settled is what reading and writing it makes of it."""

from __future__ import annotations

import pytest

from shapetrick.core.expr import Expr
from shapetrick.core.node_table import FEWEST_SWEPT, NodeTable
from shapetrick.language.elaboration import read
from shapetrick.language.expressions import read_expression
from shapetrick.simplification.networks import Networks
from shapetrick.simplification.settled_forms import is_settled
from shapetrick.simplification.simplifier import Simplifier

LETTERS = "A, B, C : n x n; S : n x n symmetric; x, y, z : n; s, t : scalar; D = A B; J = norm(D x)"
SETTLED = [
    "C B x", "S S x", "C A C x", "2 (C B) / s", "t (C x) / s", "-(C x)", "x.^2", "1 ./ x", "1 / s",
    "A (B - C)", "A' (B x - y)", "2 (x - y) / t", "x - y", "A x - y", "1 - x.^2", "I - A C",
    "A - 2 C", "s - t", "tanh(x) - y",
]  # fmt: skip
MEETING = [
    "A x + A y", "A + A'", "2 A + 2 C", "-x - y", "x' x", "A .* C .* A", "x s", "(y - x) s", "0 x",
    "-A (y - x)", "A B C", "A B x + y", "x.^0", "A (A' - C')", "x y' z", "A + 0 C",
    "s (1 + t / s)", "s^2 / s", "2 * 3 x - y / 2 - z", "sum(x) y", "x - y - x",
    "x + 0", "0 - x", "0 + A B",
]  # fmt: skip


def given(text: str) -> tuple[Networks, Expr]:
    problem = read(LETTERS)
    return Simplifier(problem.definitions.values()).networks, read_expression(text, problem)


@pytest.mark.parametrize("text", SETTLED)
def test_what_is_settled_is_written_as_it_stands(text: str) -> None:
    networks, e = given(text)
    assert is_settled(networks, e)
    reading = networks.read(e)
    assert reading is not None
    assert networks.write(reading.terms, e.shape) is e


@pytest.mark.parametrize("text", MEETING)
def test_what_meets_is_not_settled(text: str) -> None:
    assert not is_settled(*given(text))


def test_nodes_that_are_gone_leave_the_table() -> None:
    class Thing:
        pass

    table: NodeTable[Thing] = NodeTable()
    kept = Thing()
    assert table.entered(("kept",), kept) is kept
    for i in range(FEWEST_SWEPT):
        table.entered((i,), Thing())
    assert table.found(("kept",)) is kept
    assert table.entered(("kept",), Thing()) is kept
    assert len(table) < FEWEST_SWEPT
