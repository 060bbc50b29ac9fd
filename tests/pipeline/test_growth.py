"""What a derivation costs grows no faster than the problem: counted in calls, not in seconds; and
without a time limit, since counting takes time itself."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from effort import calls
from growth import FAMILIES, linear_recurrence, network, product, residual_network

import shapetrick as st
from shapetrick.api import html_page
from shapetrick.codegen.python.signature import SizeSources
from shapetrick.core.cost import length
from shapetrick.language import elaboration
from shapetrick.session.interpreter import Interpreter

SIZES = (30, 60)
FEW = (16, 32)
MOST = 1.25  # how many times as many calls by element; where it is quadratic, nearly 2


def effort(text: str, seed: int = 0) -> int:
    """How many functions are called from the text to the verdict."""
    verified = []
    count = calls(
        lambda: verified.extend(d.verified for d in st.read(text).derive(seed, time_limit=None))
    )
    assert verified and all(verified)
    return count


# A trace of n factors X has a gradient of n terms of n factors each.
LINEAR = {f.name: f for f in FAMILIES if not f.name.startswith("trace")}
SLOW = {"Jacobian of a residual network", "gated recurrence, written out"}


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=[pytest.mark.slow] * (n in SLOW)) for n in LINEAR]
)
def test_calls_by_element(name: str) -> None:
    """How many points are looked at again, with other roundings, is the luck of the draws: it is
    enough if one of three seeds shows no growth."""
    family = LINEAR[name]
    st.read(family.text(3)).derive()  # finds the rules
    ratios = []
    for seed in range(3):
        small, large = (effort(family.text(n), seed) / n for n in SIZES)
        ratios.append(large / small)
        if ratios[-1] <= MOST:
            break
    assert min(ratios) <= MOST


def numbered(text: str, n: int, between: str = "; ") -> str:
    """A text for each number, one behind the other."""
    return between.join(text.replace("#", str(k)) for k in range(1, n + 1))


FORM, TERM = "w#' A w#", "exp(c#' x)"
REQUESTS = "w# : d; J# = norm(X w# - y)^2; grad J# wrt w#"
OTHERS: dict[str, Callable[[int], str]] = {
    "requests": lambda n: f"X : m x d; y : m; {numbered(REQUESTS, n)}",
    "variables": lambda n: (
        f"{numbered('w#', n, ', ')} : n; A : n x n; J = {numbered(FORM, n, ' + ')}; "
        f"grad J wrt {numbered('w#', n, ', ')}"
    ),
    "definitions": lambda n: (
        f"x : n; z0 = x; {numbered('z# = tanh(z@)', n)}; J = sum(z{n}); grad J wrt x"
    ),
    "unused names": lambda n: (
        f"X : m x d; w : d; {numbered('U# : m x d; v# = U# w', n)}; J = norm(X w)^2; grad J wrt w"
    ),
    "names in a list": lambda n: f"{numbered('c#', n, ', ')} : n; J = c1' c1; grad J wrt c1",
    "terms": lambda n: (
        f"x : n; {numbered('c# : n', n)}; J = {numbered(TERM, n, ' + ')}; grad J wrt x"
    ),
    "power of a matrix": lambda n: f"A : n x n; x : n; J = x' A^{n} x; grad J wrt x",
    "power of entries": lambda n: f"x : n; J = sum(x.^{n}); grad J wrt x",
    "repeated factors": lambda n: f"x : n; J = sum({numbered('exp(x)', n, ' .* ')}); grad J wrt x",
    "repeated matrices": lambda n: (
        f"A : n x n; x : n; J = x' {numbered('A', n, ' ')} x; grad J wrt x"
    ),
}


def chained(text: str) -> str:
    """Each `z@` is the z before it."""
    parts = text.split("z@")
    return "".join(f"{part}z{k}" for k, part in enumerate(parts[:-1])) + parts[-1]


@pytest.mark.parametrize("name", OTHERS)
def test_calls_by_what_a_problem_has_many_of(name: str) -> None:
    small, large = (effort(chained(OTHERS[name](n))) / n for n in FEW)
    assert large <= MOST * small


# Members with one index, and the same for each of a batch.
BATCHED = {
    "a layer": "X[@t] : 1 x d for {}t = 1..T; W : d x k\nH[@t] = tanh(X[@t] W) for {}t = 1..T\n"
    "J = sum({}t = 1..T) norm(H[@t])^2\ngrad J wrt W, X[@t]",
    "members whose gradient is zero": "x[@t] : n for {}t = 1..T\n"
    "J = sum({}t = 2..T) norm(x[@t])^2\ngrad J wrt x[@t]",
    "neighbours": "a[@i] : n for {}i = 1..N\n"
    "J = sum({}i = 2..N-1) norm(a[@i-1] - 2 a[@i] + a[@i+1])^2\ngrad J wrt a[@i]",
}


@pytest.mark.parametrize("name", BATCHED)
def test_a_second_index_at_most_doubles_the_calls(name: str) -> None:
    one = BATCHED[name].replace("{}", "").replace("@", "")
    two = BATCHED[name].replace("{}", "b = 1..B, ").replace("@", "b,")
    st.read(two).derive()  # finds the rules
    assert effort(two) <= 2 * effort(one)


def test_a_report_grows_with_what_it_tells() -> None:
    def told(n: int) -> tuple[float, float]:
        derived = st.read(OTHERS["requests"](n)).derive(time_limit=None)
        pages: list[str] = []
        count = calls(lambda: pages.append(html_page(derived)))
        return count / n, len(pages[0]) / n

    (calls_before, size_before), (calls_now, size_now) = map(told, FEW)
    assert calls_now <= MOST * calls_before
    assert size_now <= size_before


def test_sizes_are_read_off_shapes_in_one_round() -> None:
    def effort_of_sizes(matrices: int) -> int:
        inputs = {e: e.name for e in elaboration.read(product(matrices)).symbols.values()}
        dims = {name: name for e in inputs for d in e.shape for name in d.names}
        return calls(lambda: asked.append(SizeSources(inputs, dims).ask(dims)))

    asked: list[tuple[str, ...]] = []
    small, large = (effort_of_sizes(n) / n for n in SIZES)
    assert asked == [(), ()]
    assert large <= MOST * small


def test_statements_of_a_session() -> None:
    def taken(n: int) -> float:
        interpreter = Interpreter()
        lines = ["X : m x d", "y : m", *numbered(REQUESTS, n).split("; ")]
        return calls(lambda: [[*interpreter.take(line)] for line in lines]) / n

    small, large = map(taken, FEW)
    assert large <= MOST * small


def hessian_vector_product(layers: int) -> str:
    network = residual_network(layers)
    return f"V : d x d\n{network.replace('grad J wrt W1', 'hvp J wrt W1 with V')}"


def test_calls_of_a_hessian_vector_product_by_layer() -> None:
    small, large = (effort(hessian_vector_product(n)) / n for n in SIZES)
    assert large <= MOST * small


def test_a_hessian_of_many_paths_is_refused_in_time() -> None:
    def refuse() -> None:
        with pytest.raises(st.DerivationError, match="a sum of too many products"):
            st.read(residual_network(20).replace("grad J", "hess J")).derive(time_limit=None)

    assert calls(refuse) <= 1_000_000


def without_transpose(text: str) -> str:
    """The answer as a claim, in names of its own, that lacks a transpose."""
    (derivation,) = st.read(text).derive(time_limit=None)
    known = derivation.problem.definitions
    lines = [f"{name} = {e}" for name, e in derivation.definitions if name not in known]
    asked = text.splitlines()[-1]
    wrong = str(derivation.gradient).replace("'", "", 1)
    return "\n".join([text.removesuffix(asked), *lines, f"check {asked} = {wrong}"])


def test_calls_of_a_wrong_claim_by_layer() -> None:
    def effort_of_check(layers: int) -> int:
        text = without_transpose(network(layers))
        return calls(lambda: found.extend(st.read(text).check(time_limit=None)))

    found: list[st.Check] = []
    small, large = (effort_of_check(n) / n for n in SIZES)
    assert [c.verdict for c in found] == ["wrong", "wrong"]
    assert "a transpose is missing" in found[1].diagnosis
    assert large <= MOST * small


def test_an_answer_that_is_too_long_to_read_is_not_told() -> None:
    claim = residual_network(30).replace("grad J wrt W1", "check grad J wrt W1 = 2 W1")
    found: list[st.Check] = []
    assert calls(lambda: found.extend(st.read(claim).check(time_limit=None))) <= 2_000_000
    (c,) = found
    assert c.verdict == "wrong"
    assert c.suggestion is None
    assert c.diagnosis == (
        "no small change mends it; the gradient is too long for one expression: without the claim, "
        "its parts have names"
    )


@pytest.mark.parametrize(
    "text", [residual_network, pytest.param(hessian_vector_product, marks=pytest.mark.slow)]
)
def test_calls_of_the_steps_on_paper_by_layer(text: Callable[[int], str]) -> None:
    def effort_of_steps(layers: int) -> int:
        (derivation,) = st.read(text(layers)).derive(time_limit=None)
        return calls(lambda: derivation.steps)

    small, large = (effort_of_steps(n) / n for n in SIZES)
    assert large <= MOST * small


def test_calls_of_the_steps_of_nested_functions() -> None:
    """A line of many factors: those that could be one index are looked for, not tried in turn."""
    n = SIZES[-1]
    text = f"A : n x n; J = sum({'tanh(' * n}A{')' * n}); grad J wrt A"
    (derivation,) = st.read(text).derive(time_limit=None)
    assert calls(lambda: derivation.steps) <= 3_000_000


def test_products_that_are_handed_down_are_steps_of_the_answer() -> None:
    (derivation,) = st.read(linear_recurrence(18)).derive(time_limit=None)
    assert derivation.verified
    steps = {name: str(e) for name, e in derivation.definitions if name.startswith("T")}
    assert steps["T1"] == "R W'"
    assert all(steps[f"T{i}"] == f"T{i - 1} W'" for i in range(2, len(steps) + 1))
    assert len(steps) == 16


def test_sums_that_are_handed_down_are_written_once() -> None:
    (family,) = (f for f in FAMILIES if f.name.startswith("residual"))
    lengths = []
    for n in (15, 30):
        (derivation,) = st.read(family.text(n)).derive(time_limit=None)
        assert derivation.verified
        answer = [derivation.gradient, *(e for _, e in derivation.definitions)]
        lengths.append(sum(map(length, answer)) / n)
    assert lengths[1] <= 1.1 * lengths[0]
