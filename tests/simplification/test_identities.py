"""The table of identities: every row holds, shortens and is found; rewriting keeps the value."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from itertools import islice

import numpy as np
import pytest
from effort import calls
from hypothesis import assume, given
from hypothesis import strategies as st
from strategies import SIZES, abstract_values, environment, examples, expressions

from shapetrick.core import built
from shapetrick.core import expr as ex
from shapetrick.core.cost import length
from shapetrick.core.dims import Dim
from shapetrick.core.expr import Expr
from shapetrick.core.functions import TABLE, Function
from shapetrick.core.traversal import postorder, rebuild, substitute, symbols_of, transform
from shapetrick.language.elaboration import read
from shapetrick.language.expressions import read_expression
from shapetrick.numerics.evaluation import evaluate
from shapetrick.numerics.sampling import Profile, assignments, dims_of, draw
from shapetrick.simplification.identities import IDENTITIES, SMALLER, STABLE, Identity
from shapetrick.simplification.pattern_matching import UNBOUND, Binding, Matcher
from shapetrick.simplification.rewriting import Rewriter, Rows, identities_to_build, rules_of
from shapetrick.simplification.simplifier import Simplifier

N = Dim.of("n")
TWO = ex.number(2)
PROFILES = (Profile(), Profile(0.3), Profile(3.0), Profile(0.6, 1), Profile(2.0, 1))

WRONG = [
    Identity("", "inv(A B)", "inv(A) inv(B)", "A, B : n x n"),
    Identity("", "B inv(A B)", "inv(B)", "A, B : n x n"),
    Identity("", "inv(A')", "inv(A)", "A : n x n"),
    Identity("", "inv(s A)", "s inv(A)", "A : n x n; s : scalar"),
    Identity("", "det(eye(n) + s u v')", "1 + v' u", "u, v : n; s : scalar"),
    Identity("", "exp(x) ./ (1 + exp(x))", "sigmoid(-x)", "x : m x n"),
    Identity("", "sqrt(x.^2)", "x", "x : m x n"),
    Identity("", "abs(x)", "x", "x : m x n"),
    Identity("", "abs(det(S))", "det(S)", "S : n x n symmetric"),
    Identity("", "Q' Q", "eye(n)", "Q : n x n"),
    Identity("", "sum(softmax(X, axis=1), axis=0)", "ones(1, n)", "X : m x n"),
    Identity("", "sum(softmax(X, axis=1))", "n", "X : m x n"),
    Identity("", "sum(P, axis=0)", "ones(1, n)", "P : m x n simplex"),
    Identity("", "sum(X, axis=0) / n", "mean(X, axis=0)", "X : m x n"),
    Identity("", "p.^2", "p", "p : m x n simplex"),
    Identity("", "sqrt(x' x)", "1.001 norm(x)", "x : n"),
    Identity("", "relu(x) ./ x", "step(-x)", "x : m x n"),
]


def identity_id(identity: Identity) -> str:
    return f"{identity.left} = {identity.right}"


def sides(identity: Identity) -> tuple[Expr, Expr]:
    letters = read(identity.letters)
    return read_expression(identity.left, letters), read_expression(identity.right, letters)


def holds(identity: Identity) -> bool:
    """Whether both sides agree wherever the left one is finite, at two assignments of sizes."""
    left, right = sides(identity)
    rng = np.random.default_rng(0)
    points = 0
    for sizes in islice(assignments(dims_of([left, right]), rng), 2):
        for profile in PROFILES:
            env = {s.name: draw(s, sizes, rng, profile) for s in symbols_of(left)}
            a, b = evaluate(left, env, sizes), evaluate(right, env, sizes)
            finite = np.isfinite(a)
            if not finite.any():
                continue
            points += 1
            scale = np.abs(a[finite]).max()
            same = a.shape == b.shape
            if not same or not np.allclose(a[finite], b[finite], rtol=1e-8, atol=1e-8 * scale):
                return False
    assert points >= 2, "no points in the domain of the left side"
    return True


def rewriter(last: bool = False) -> Rewriter:
    return Rewriter(Simplifier().is_symmetric, length, Rows.LAST if last else Rows.USUAL)


@pytest.mark.parametrize("identity", [*IDENTITIES, *SMALLER, *STABLE], ids=identity_id)
def test_row_holds(identity: Identity) -> None:
    assert holds(identity)


@pytest.mark.parametrize("identity", WRONG, ids=identity_id)
def test_wrong_row_is_caught(identity: Identity) -> None:
    assert not holds(identity)


@pytest.mark.parametrize("identity", IDENTITIES, ids=identity_id)
def test_row_is_no_longer_and_is_found(identity: Identity) -> None:
    for rule in rules_of(identity):
        assert rule.left.shape == rule.right.shape
        assert length(rule.right) <= length(rule.left)
        r = rewriter(identity.last)
        found = r.everywhere(rule.left)
        assert r.cost(found) <= min(r.cost(rule.left), r.cost(rule.right)) or not r.log
        assert (found is not rule.left) == bool(r.log)


@pytest.mark.parametrize("identity", IDENTITIES, ids=identity_id)
def test_rewriting_a_row_is_idempotent(identity: Identity) -> None:
    for side in sides(identity):
        once = rewriter(identity.last).everywhere(side)
        assert rewriter(identity.last).everywhere(once) is once


@pytest.mark.parametrize("identity", IDENTITIES, ids=identity_id)
def test_order_of_terms_and_factors_does_not_matter(identity: Identity) -> None:
    left = rules_of(identity)[0].left
    r = rewriter(identity.last)
    found = r.everywhere(left)
    if found is not left:
        assert r.cost(r.everywhere(transform(left, reordered))) == r.cost(found)


def reordered(e: Expr) -> Expr:
    return rebuild(e, e.args[::-1]) if e.op in ("add", "times") else e


SIGNED = [row for row in TABLE.values() if row.arity == 1 and row.within[0] >= 0]


@pytest.mark.parametrize("row", SIGNED, ids=lambda row: row.name)
def test_declared_signs(row: Function) -> None:
    x = ex.symbol("x", (N, ex.ONE))
    value = evaluate(ex.call(row.name, x), {"x": np.linspace(-3, 3, 7)[:, None]}, {"n": 7})
    value = value[np.isfinite(value)]
    assert (value > 0).all() if row.never_zero else (value >= 0).all()


CASES = [
    # what is written, what it becomes, the letters
    ("inv(X' X) X' X w", "w", "X : m x n; w : n"),
    ("2 A' inv(A X B)' B'", "2 inv(X)'", "A, X, B : n x n"),
    ("G inv(A + B') (A + B') w", "G w", "A, B : n x n; G : k x n; w : n"),
    ("inv(2 pi A)", "inv(A) / (2 pi)", "A : n x n"),
    ("inv(A' B')", "inv(B A)'", "A, B : n x n"),
    ("tr(A inv(eye(n) - u v') u v')", "tr(A u v' / (1 - v' u))", "A : n x n; u, v : n"),
    ("c' inv(eye(n) + u v')' v", "c' v / (1 + v' u)", "c, u, v : n"),
    ("3 y .* exp(-y) ./ (1 + exp(-y))", "3 y .* sigmoid(-y)", "y : m x n"),
    ("1 ./ (1 + exp(t - x))", "sigmoid(x - t)", "t, x : m x n"),
    ("b .* exp(x) ./ (1 + exp(x))", "b .* sigmoid(x)", "x : m x n; b : m x 1"),
    ("(1 + exp(x)).^2 ./ exp(2 x)", "(1 + exp(x)).^2 ./ exp(2 x)", "x : m x n"),
    ("(1 + exp(x)).^2 ./ exp(x).^2", "1 ./ sigmoid(x).^2", "x : m x n"),
    ("2 - 2 sin(x).^2 + y", "2 cos(x).^2 + y", "x, y : m x n"),
    ("sin(x).^2 + y + cos(x).^2", "1 + y", "x, y : m x n"),
    ("exp(X W) ./ sum(exp(X W), axis=1)", "softmax(X W, axis=1)", "X : m x n; W : n x k"),
    ("log(e) e.^(2 x) + log(e.^x)", "e.^(2 x) + x", "x : n"),
    ("log(2) 2.^x", "log(2) 2.^x", "x : n"),
    ("sum(X, axis=0) / (2 m)", "mean(X, axis=0) / 2", "X : m x n"),
    ("s sum(X, axis=0) / 2", "s mean(X, axis=0)", "X : 2 x n; s : scalar"),
    ("sqrt(2) sqrt(pi)", "sqrt(2 pi)", ""),
    ("sqrt(2 pi s^2)^(-3) sqrt(2 pi s^2)", "1 / (2 pi s^2)", "s : scalar"),
    ("sign(det(A)) det(A) A / abs(det(A))", "A", "A : n x n"),
    ("relu(x) .* step(relu(x))", "relu(x)", "x : n"),
    ("abs(p ./ q)", "p ./ q", "p : n positive; q : n unit"),
    ("sum(y) p - y", "p - y", "p : n; y : n onehot"),
]


@pytest.mark.parametrize(("text", "wanted", "letters"), CASES, ids=[c[0] for c in CASES])
def test_rewriting_in_context(text: str, wanted: str, letters: str) -> None:
    problem = read(letters)
    found = rewriter().everywhere(read_expression(text, problem))
    assert found is rewriter().everywhere(read_expression(wanted, problem)) or str(found) == wanted


KEPT = [
    # what must not be taken for something else
    ("inv(X' X) X X'", "X : n x n"),
    ("sum(y, axis=1)", "y : n simplex"),
    ("sqrt(x.^2) + inv(s)", "x : n positive; s : 1 x 1"),
    ("exp(x) ./ (1 + exp(y))", "x, y : n"),
    ("exp(X) ./ sum(exp(X), axis=0) + exp(X) ./ sum(exp(X))", "X : n x n"),
    ("x .* step(y)", "x, y : n"),
    ("det(A) inv(B)", "A, B : n x n"),
    ("(A inv(B)) (A B)", "A, B : n x n"),
]


@pytest.mark.parametrize(("text", "letters"), KEPT, ids=[c[0] for c in KEPT])
def test_what_holds_is_rewritten_and_nothing_else(text: str, letters: str) -> None:
    e = read_expression(text, read(letters))
    rng = np.random.default_rng(1)
    sizes = next(iter(assignments(dims_of([e]), rng)))
    env = {s.name: draw(s, sizes, rng) for s in symbols_of(e)}
    found = rewriter().everywhere(e)
    np.testing.assert_allclose(evaluate(found, env, sizes), evaluate(e, env, sizes))


def test_rows_for_answers_wait_for_them() -> None:
    for text, wanted in (("2 det(A) inv(A)'", "2 adj(A)'"), ("det(A B) inv(A)", None)):
        e = read_expression(text, read("A, B : n x n"))
        assert rewriter().everywhere(e) is e
        assert str(rewriter(last=True).everywhere(e)) == (wanted or text)


def test_definitions_are_looked_through_and_kept() -> None:
    problem = read("X : m x n; w : n; s = 1 + exp(w); M = X' X; J = tr(M)")
    cancelled = read_expression("inv(M) X' X w + inv(X' X) M w", problem)
    assert str(rewriter().everywhere(cancelled)) == "w + w"
    assert str(rewriter().everywhere(read_expression("exp(w) ./ s", problem))) == "sigmoid(w)"
    kept = read_expression("M w", problem)
    assert rewriter().everywhere(kept) is kept


def test_log_names_each_step() -> None:
    r = rewriter()
    e = read_expression("A inv(A) inv(inv(B)) w", read("A, B : n x n; w : n"))
    found = r.everywhere(e)
    assert [step.rule for step in r.log] == ["inverse of an inverse", "a matrix and its inverse"]
    assert r.log[-1].after is found


@examples(150)
@given(expressions(), st.data())
def test_rewriting_keeps_shape_and_value_and_never_lengthens(e: Expr, data: st.DataObject) -> None:
    row = data.draw(st.sampled_from(IDENTITIES))
    whole = data.draw(st.sampled_from([e, *_with(row, e)]))
    r = rewriter()
    found = r.everywhere(whole)
    assert found.shape == whole.shape
    assert length(found) <= length(whole)
    assert rewriter().everywhere(found) is found
    env = environment()
    before = evaluate(whole, env, SIZES, abstract_values())
    assume(np.isfinite(before).all() and np.abs(before).max() < 1e8)
    after = evaluate(found, env, SIZES, abstract_values())
    np.testing.assert_allclose(after, before, rtol=1e-6, atol=1e-6 * np.abs(before).max())


def _with(row: Identity, e: Expr) -> list[Expr]:
    """The row's left side with the expression in place of a letter of its shape, by itself and in
    an expression around it."""
    left, _ = sides(row)
    letters = [s for s in symbols_of(left) if not s.attributes]
    inverted = any(x.op in TABLE and TABLE[x.op].units == "inverse" for x in postorder([left]))
    value = _regular(e) if inverted else e
    renamed = substitute(left, {s: value for s in letters if s.shape == e.shape})
    if any(s in letters for s in symbols_of(renamed)) or renamed is left:
        return []
    if any(s.attributes for s in symbols_of(renamed)):
        return []
    around = [ex.times(ex.number(2), renamed), ex.add(renamed, e), ex.times(renamed, e)]
    return [renamed, *(x for x in around if x.shape == renamed.shape)]


def _regular(e: Expr) -> Expr:
    """A square matrix far from singular, or the expression where it isn't square."""
    if e.shape[0] != e.shape[1]:
        return e
    return ex.add(ex.call("tanh", e), ex.times(ex.number(12), ex.eye(e.shape[0])))


def test_long_and_deep_expressions() -> None:
    a = ex.symbol("A", (N, N))
    x = ex.symbol("x", (N, ex.ONE))
    deep = x
    for _ in range(10_000):
        deep = ex.call("exp", ex.call("sin", deep))
    waves = [ex.call("sin", ex.times(ex.number(k), x)) for k in range(1, 3_000)]
    wide = ex.add(*(ex.times(ex.number(k), ex.power(y, TWO)) for k, y in enumerate(waves, 2)))
    chain = ex.matmul(*[a, ex.call("inv", ex.transpose(a))] * 2_000)
    tower = a
    for _ in range(5_000):
        tower = ex.call("inv", ex.transpose(tower))
    r = rewriter()

    def rewrite() -> None:
        assert r.everywhere(deep) is deep
        assert r.everywhere(wide) is wide
        assert r.everywhere(chain).shape == chain.shape
        assert length(r.everywhere(tower)) <= 1

    assert calls(rewrite) < 3_000_000


def test_what_rows_have_in_common_is_matched_once(monkeypatch: pytest.MonkeyPatch) -> None:
    matched: list[tuple[int, Expr, Expr]] = []
    match = Matcher._match

    def counted(self: Matcher, pattern: Expr, e: Expr, found: Binding) -> Iterator[Binding]:
        if found is UNBOUND:
            matched.append((id(self), pattern, e))
        return match(self, pattern, e, found)

    monkeypatch.setattr(Matcher, "_match", counted)
    letters = read("A, B, C, S : n x n")
    sums = "inv(A + B) C inv(A + B) S + S inv(A + B) B inv(A) + (A - B) inv(A + B) C S"
    Simplifier()(read_expression(sums, letters))
    patterns = [pattern for _, pattern, _ in matched]
    assert len(set(patterns)) > 5
    assert len(set(matched)) == len(matched)


def test_rows_that_were_built_are_those_that_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = {row: rules_of(row) for row in (*IDENTITIES, *SMALLER, *STABLE)}
    kept = pickle.loads(built.packed(identities_to_build()))
    monkeypatch.setattr(built, "_kept", lambda: kept)
    monkeypatch.delattr("shapetrick.simplification.rewriting._read")
    built.built.cache_clear()
    try:
        assert all(rules_of.__wrapped__(row) == rules for row, rules in rows.items())
    finally:
        built.built.cache_clear()
