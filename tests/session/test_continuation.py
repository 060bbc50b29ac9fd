"""Statements read behind those that stand mean what they mean when the whole is read."""

from __future__ import annotations

import random
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

import pytest
from effort import calls
from paths import EXAMPLES

from shapetrick.core.errors import InputError
from shapetrick.core.problem import Problem
from shapetrick.language.elaboration import read
from shapetrick.session.commands import answer
from shapetrick.session.continuation import Standing, extended, stand
from shapetrick.session.interpreter import Interpreter
from shapetrick.session.statements import Session

DECLARATIONS = ["X : m x n", "W : n x k", "A, B : n x n", "x : n", "Z = X W", "K = tr(A B)"]
STATEMENTS = """\
X : m x n
W : n x k
S : n x n symmetric
A, B : n x n
x : n
y : m const
t : scalar
Q : n x n symetric
P : n x m k
R : symmetric
G : m x k
sigma : elementwise
Z = X W
Z2 = tanh(Z)
Z3 = sigma(Z)
J = norm(Z)^2 / (2 m)
K = tr(A B) + x' x
E = exp(A)
L = tr(E)
L2 = tr(exp(A) B)
M = A .* B A
u = A v
v2 = v + x
w = X' q
p = eye(h)
N = ones(n, 3)
n = 3
m : scalar
G1 = 2
grad J wrt W
grad J wrt X, W
grad K wrt A
vjp Z wrt X
vjp Z wrt W with G
vjp Z wrt W with D
vjp A B wrt A
jvp Z wrt W
hess K wrt x
hvp K wrt x
jac u wrt A
grad J wrt Z
check grad J wrt W = X' Z / m
check grad J wrt W = X Z
check vjp Z wrt X = bar(Z) W'
W[l] : n x n for l = 1..L
C = sum(k = 1..3) A
# a comment
X : m x n  # and a note
""".splitlines()


def parts(problem: Problem) -> tuple[object, ...]:
    """All of a problem, the order of its names included."""
    return problem, list(problem.symbols), list(problem.definitions)


def noted(standing: Standing) -> Standing:
    """All that is noted; of a dimension's place, whether there is one."""
    return replace(standing, dims={n: place is None for n, place in standing.dims.items()})


@pytest.mark.parametrize("seed", range(12))
def test_reading_on_is_reading_the_whole(seed: int) -> None:
    draws = random.Random(seed)
    read_on = 0
    for given in (0, 2):  # how many of the declarations stand first
        text = "".join(f"{line}\n" for line in DECLARATIONS[: 2 * given])
        standing = stand(text)
        for line in draws.sample(STATEMENTS, len(STATEMENTS)):
            more = f"{line}\n"
            whole: Problem | None = None
            with suppress(InputError):
                whole = read(standing.problem.text + more, complete=False)
            grown = extended(standing, more)
            if grown is not None:
                assert whole is not None, (standing.problem.text, line)
                assert parts(grown.problem) == parts(whole), (standing.problem.text, line)
                assert noted(grown) == noted(stand(whole.text)), (standing.problem.text, line)
                read_on += 1
            if whole is not None:
                standing = grown or stand(whole.text)
    assert read_on > 5


def test_most_problems_are_read_on_line_by_line() -> None:
    for path in sorted(EXAMPLES.glob("*.st")):
        session, whole = Session(), read(path.read_text(encoding="utf-8"), complete=False)
        session.enter(path.read_text(encoding="utf-8"))
        for text in (entry.text for entry in session.state.entries):
            session.enter(text)
        assert list(session.problem.definitions.items()) == list(whole.definitions.items())


def declared(i: int) -> str:
    return f"x{i} : n" if i % 2 == 0 else f"y{i} = x{i - 1}' x{i - 1}"


def chained(i: int) -> str:
    return f"x{i} = tanh(A x{i - 1})" if i else "A : n x n; x0 : n"


def with_an_undeclared_name(i: int) -> str:
    return f"x{i} = tanh(x{i - 1}) # and a note" if i > 1 else "b : m; J = norm(C b)^2; x1 : n"


def alone(i: int) -> str:
    return f"x{i} : n; x{i}' x{i}" if i % 2 else f"x{i} : n # {i}\n x{i}'"


@pytest.mark.parametrize("line", [declared, chained, with_an_undeclared_name, alone])
def test_calls_of_a_session_by_statement(line: Callable[[int], str]) -> None:
    def effort(count: int) -> float:
        interpreter = Interpreter()
        lines = [line(i) for i in range(count)]
        return calls(lambda: [list(answer(interpreter, text)) for text in lines]) / count

    effort(10)
    assert effort(500) <= 1.1 * effort(100)
