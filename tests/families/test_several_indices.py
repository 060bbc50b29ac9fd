"""Members with several indices: gradients agree with JAX, and read as a textbook writes them."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from layers import LAYERS, jax

from shapetrick.api import Derivation, derive, read
from shapetrick.core.errors import DerivationError, InputError, RequestError
from shapetrick.core.indices import name_of, written
from shapetrick.families.recurrence import Backpropagation

RECTIFIED = "an encoder with relu and nothing that scales"
SLOW = {
    "a convolution in two dimensions",
    "a transformer's encoder",
    "neighbours",
    RECTIFIED,
    "a regulator",
    "a hidden Markov model",
    "experts whose gates are a softmax",
    "a convolution with a stride and padding",
    "a convolution in two dimensions with a stride and padding",
    "attention of many heads",
    "experts",
    "a network that runs both ways",
    "a recurrence in two directions",
}


@cache
def derived(name: str) -> tuple[Derivation, ...]:
    return tuple(read(LAYERS[name].text).derive())


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=pytest.mark.slow if n in SLOW else ()) for n in LAYERS]
)
def test_agrees_with_jax(name: str) -> None:
    layer = LAYERS[name]
    for sizes in layer.sizes:
        values = layer.inputs(sizes)
        expected = jax.grad(layer.value)(values, sizes)
        for d in derived(name):
            assert d.verified, (d.wrt, d.validation)
            lengths = {letter: sizes[letter] for letter in d.problem.families.lengths}
            found = d.evaluate(values, **lengths)
            wanted = expected.get(d.wrt, expected.get(d.wrt.partition("[")[0]))
            mine = np.array(found).reshape(wanted.shape)
            np.testing.assert_allclose(mine, wanted, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize(
    ("name", "seed"),
    [
        *(("a mixture of experts", seed) for seed in range(4)),
        *(pytest.param(RECTIFIED, seed, marks=pytest.mark.slow) for seed in range(6)),
    ],
)
def test_the_seed_does_not_matter(name: str, seed: int) -> None:
    """Saturated gates and ties between keys are drawn sometimes, where rounding has the say."""
    for d in read(LAYERS[name].text).derive(seed=seed):
        assert d.verified, (d.wrt, d.validation)


def equations(text: str) -> list[str]:
    """The recurrences as printed."""
    recursion = derive(text).result.recursion
    assert recursion is not None
    return [
        f"{q.symbol} = {q.value}" + (f"  for {written(q.ranges)}" if q.ranges else "")
        for q in recursion.equations
    ]


CONVOLUTION = """
X[b,r] : 1 x c for b = 1..B, r = 1..P+k-1; K[q] : c x d for q = 0..k-1
Y[b,p] = sum(q = 0..k-1) X[b,p+q] K[q] for b = 1..B, p = 1..P
J = sum(b = 1..B) sum(p = 1..P) norm(Y[b,p])^2 / 2
"""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            CONVOLUTION + "grad J wrt K[q]",
            "∂J/∂K[q] = sum(b = 1..B) sum(p = 1..P) X[b,p+q]' G[b,p]  for q = 0..k-1",
        ),
        (
            CONVOLUTION + "grad J wrt X[b,r]",
            "∂J/∂X[b,r] = sum(q = 0..k-1) G[b,r-q] K[q]'  for b = 1..B, r = 1..P+k-1",
        ),
        (
            CONVOLUTION.replace("p+q", "2 p+q").replace("1..P+k-1", "2..2 P+k-1")
            + "grad J wrt X[b,r]",
            "∂J/∂X[b,r] = sum(p = 1..P) G[b,p] K[r-2 p]'  for b = 1..B, r = 2..2 P+k-1",
        ),
        (  # a bound that depends on a letter turns round
            "V[t] : n for t = 1..T; w[t] : n for t = 1..T\n"
            "J = sum(t = 1..T) sum(s = 1..t) V[t]' w[s]\ngrad J wrt w[s]",
            "∂J/∂w[s] = sum(t = s..T) V[t]  for s = 1..T",
        ),
        (
            "x[i] : n for i = 1..N\nJ = sum(i = 2..N) sum(j = 1..i-1) norm(x[i] - x[j])^2 / 2\n"
            "grad J wrt x[i]",
            "∂J/∂x[i] = sum(j = 1..i-1) (x[i] - x[j]) + sum(j = i+1..N) (x[i] - x[j])"
            "  for i = 1..N",
        ),
        (  # both sums may be empty, and numbers meet before them
            "x[i] : n for i = 1..N\nJ = sum(i = 1..N) sum(j ≠ i) exp(-norm(x[i] - x[j])^2)\n"
            "grad J wrt x[i]",
            "∂J/∂x[i] = 4 (sum(j = 1..i-1) exp(-norm(x[i] - x[j])^2) (x[j] - x[i])"
            " + sum(j = i+1..N) exp(-norm(x[i] - x[j])^2) (x[j] - x[i]))  for i = 1..N",
        ),
        (  # the name that is found is a common factor
            "x[i] : n for i = 1..N; w[k] : n for k = 1..K; t[i,k] : scalar for i = 1..N, k = 1..K\n"
            "p[i,k] = exp(w[k]' x[i]) / (sum(j = 1..K) exp(w[j]' x[i])) for i = 1..N, k = 1..K\n"
            "J = -sum(i = 1..N) sum(k = 1..K) t[i,k] log(p[i,k])\ngrad J wrt w[k]",
            "∂J/∂w[k] = sum(i = 1..N) p[i,k] (G[i,k] - sum(j = 1..K) G[i,j] p[i,j]) x[i]"
            "  for k = 1..K",
        ),
        (
            "y[i,j] : scalar for i = 1..N, j = 1..N\n"
            "J = sum(i = 2..N) sum(j = 1..i-1) y[i,j]^2\ngrad J wrt y[i,j]",
            "∂J/∂y[i,j] = sum(k = j..j, 1 <= k <= i-1) 2 y[i,j]  for i = 2..N, j = 1..N",
        ),
        (  # a condition says of each member whether it is used
            "X[r] : c for r = 0..2 P-1\n"
            "J = sum(p = 0..P-1) sum(maximum(X[2 p], X[2 p+1]))\ngrad J wrt X[r]",
            "∂J/∂X[r] = sum(p = 0..P-1, 2 p = r) step(X[2 p] - X[2 p+1])"
            " + sum(p = 0..P-1, 2 p+1 = r) step(X[2 p+1] - X[2 p])  for r = 0..2 P-1",
        ),
        (
            "X[b,t] : m x n for b = 1..B, t = 1..T; W : n x p\n"
            "J = mean(b = 1..B, t = 1..T) norm(X[b,t] W)^2\ngrad J wrt X[b,t]",
            "∂J/∂X[b,t] = 2 X[b,t] W W' / (B T)  for b = 1..B, t = 1..T",
        ),
        (  # beside each other, in a recurrence along the other axis alone
            "a[i] : n for i = 1..N; A, B : n x n; u[0,i] = a[i] for i = 1..N zero outside i\n"
            "u[t,i] = A u[t-1,i] + B (u[t-1,i-1] + u[t-1,i+1]) for t = 1..T, i = 1..N "
            "zero outside i\nJ = sum(i = 1..N) norm(u[T,i])^2 / 2; grad J wrt A",
            "G[t-1,i] = A' G[t,i] + B' (G[t,i+1] + G[t,i-1])  for t = T..1, i = 1..N",
        ),
        (  # sums over one range are one, with the factor that they share
            "x[i] : n for i = 1..N; P[i,j] : scalar for i = 1..N, j = 1..N\n"
            "J = sum(i = 1..N) sum(j = 1..N) P[i,j] norm(x[i] - x[j])^2\ngrad J wrt x[i]",
            "∂J/∂x[i] = sum(j = 1..N) 2 (P[i,j] + P[j,i]) (x[i] - x[j])  for i = 1..N",
        ),
        (
            "Q[h], K[h] : n x k for h = 1..H; A, B : d x k; X : n x d\n"
            "J = sum(h = 1..H) (tr(Q[h]' X A) + tr(K[h]' X B))\ngrad J wrt X",
            "∂J/∂X = sum(h = 1..H) (Q[h] A' + K[h] B')",
        ),
        (  # letters of other sums, and a length that could be one
            "x[i] : c for i = 1..n+k-1; w[j,i] : c for j = 1..o, i = 1..k\n"
            "J = sum(j = 1..n) sum(i = 1..o) tanh(sum(q = 1..k) x[j+q-1]' w[i,q])\n"
            "grad J wrt w[j,i]",
            "∂J/∂w[j,i] = sum(p = 1..n) (1 - tanh(sum(q = 1..k) x[p+q-1]' w[j,q])^2) x[i+p-1]"
            "  for j = 1..o, i = 1..k",
        ),
        (  # mirrored
            "x[t] : n for t = 1..T; y[t] : n for t = 1..T\n"
            "J = sum(t = 1..T) y[t]' x[T-t+1]\ngrad J wrt x[t]",
            "∂J/∂x[t] = y[T-t+1]  for t = 1..T",
        ),
    ],
)
def test_answers_are_what_a_textbook_writes(text: str, expected: str) -> None:
    assert expected in equations(text)


@pytest.mark.parametrize("name", [n for n, layer in LAYERS.items() if " for " in layer.text])
def test_answers_are_read_back(name: str) -> None:
    text = "\n".join(line for line in LAYERS[name].text.splitlines() if "grad" not in line)
    problem = read(LAYERS[name].text).data
    for request in problem.requests:
        recursion = Backpropagation(problem, request).recursion()
        for q in recursion.gradients:
            by = name_of(request.wrt.base, q.symbol.indices)
            members = f" for {written(q.ranges)}" if q.ranges else ""
            claimed = read(f"{text}\ncheck grad J wrt {by} = {q.value}{members}").data
            (claim,) = (r.claim for r in claimed.requests)
            assert claim is not None and str(claim.value) == str(q.value)


def test_zero_outside_of_all_ranges_needs_no_letters() -> None:
    text = CONVOLUTION.replace("1..P+k-1;", "1..P{};") + "grad J wrt K[q]"
    zero, named = (equations(text.format(f" zero outside{by}")) for by in ("", " b, r"))
    assert zero == named


def test_it_is_said_where_a_family_is_zero() -> None:
    d = derive(CONVOLUTION + "grad J wrt X[b,r]")
    assert d.result.notes == ("G[b,p] is 0 outside p = 1..P",)


@pytest.mark.parametrize(
    ("text", "others"),
    [
        (
            "x[i,j] : n for i = 1..M, j = 1..N\n"
            "J = sum(i = 2..M-1, j = 2..N-1) norm(x[i,j])^2; grad J wrt x[i,j]",
            "for all other i, j",
        ),
        ("x[i] : n for i = 1..N; J = sum(i = 2..N-1) norm(x[i])^2; grad J wrt x[i]", "other i"),
        ("x[i] : n for i = 1..N; J = sum(i = 2..N) norm(x[i])^2; grad J wrt x[i]", "x[1] = zeros"),
    ],
)
def test_zeros_are_told_together(text: str, others: str) -> None:
    d = derive(text)
    assert str(d).count("zeros(n)") == 1
    assert others in str(d)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("X[b,h] : n x d for b = 1..B; J = 0", "nothing says which numbers `h` is"),
        ("X[b] : n x d for b = 1..B, h = 1..H; J = 0", r"write `X\[b,h\]`"),
        ("X[b,b] : n x d for b = 1..B; J = 0", "each index is a letter of its own"),
        (
            "X[t,s] : n x d for t = 1..T, s = 1..t; J = 0",
            "write `s = 1..T`; sums over",
        ),
        ("X[b,h] : n for b = 1..B, h = 1..H\nJ = sum(b = 1..B) norm(X[b])^2", "2 indices"),
        (
            "X[p] : n for p = 1..P; Y[p] = X[p] for p = 1..P zero outside q",
            "`Y\\[p\\]` has no index `q`",
        ),
        ("X : n zero outside p; J = sum(X)", "`X` has no index `p`"),
        ("X : n zero outside; J = sum(X)", "`X` has no index: "),
        (
            "K[q] : n for q = 0..2\nY[r] = sum(p = 0..P-1) K[r-2 p] for r = 0..2 P\n"
            "J = sum(r = 0..2 P) sum(Y[r])",
            "out of range.*K.* End its line with `zero outside`",
        ),
        (
            "X[b] : n for b = 1..B\nJ = sum(b = 1..B) sum(b = 1..B) norm(X[b])^2",
            "runs here already",
        ),
        (
            "X[p] : n for p = 1..P\nY[p] = X[p] + X[p+1] for p = 1..P\nJ = sum(p = 1..P) sum(Y[p])",
            "out of range",
        ),
        (
            "X : n; H[0,0] = X\nH[i,j] = H[i-1,j+1] for i = 1..M, j = 1..N\nJ = norm(H[M,N])^2",
            "the start is missing|out of range",
        ),
        (
            "X[i] : n for i = 1..N\nH[i] = H[N-i+1] + X[i] for i = 1..N\nJ = norm(H[N])^2",
            "looks ahead|defined by itself",
        ),
    ],
)
def test_what_is_refused(text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read(text)


@pytest.mark.parametrize(
    ("text", "gradient"),
    [
        (
            "A[i,j] : scalar for i = 1..n, j = 1..n; t[k] : scalar for k = 0..n-1; "
            "J = sum(i = 2..n) sum(j = 1..i-1) A[i,j] t[i-j]",
            "sum(j = 1..n-k) A[j+k,j]",
        ),
        (
            "A[i,j] : scalar for i = 1..n, j = 1..n; t[k] : scalar for k = 0..n; "
            "J = sum(i = 1..n) sum(j = i..n) A[i,j] t[j-i]",
            "sum(j = k+1..n) A[j-k,j]",
        ),
    ],
)
def test_a_bound_may_go_by_a_letter_that_is_solved_for(text: str, gradient: str) -> None:
    """Sums along the diagonals of a triangle."""
    (d,) = read(f"{text}; grad J wrt t[k]").derive()
    assert d.verified
    assert gradient in str(d)


def test_lengths_that_nothing_compares_are_told_to_be_declared_by_another() -> None:
    text = """
    X[r] : 1 x c for r = 1..{} zero outside r; K[q] : c x d for q = 0..2
    S[p] = sum(q = 0..2) X[2 p+q-2] K[q] for p = 1..P
    J = sum(p = 1..P) norm(relu(S[p]))^2 / 2; grad J wrt X[r]
    """
    with pytest.raises(DerivationError, match=r"`2 P\+1` is at most `N\+1`.*by the other"):
        derive(text.format("N"))
    assert derive(text.format("2 P")).verified


@pytest.mark.parametrize(
    ("typed", "ranged"),
    [
        ("sum(t) norm(x[t])^2", "sum(t = 1..T) norm(x[t])^2"),
        ("mean(s) norm(x[s])", "(sum(s = 1..T) norm(x[s])) / T"),
        ("sum(t, j) x[t]' Y[t,j]", "sum(t = 1..T) sum(j = 0..W) x[t]' Y[t,j]"),
        ("sum(t) norm(sum(j) Y[t,j])^2", "sum(t = 1..T) norm(sum(j = 0..W) Y[t,j])^2"),
        ("sum(j) norm(Y[2,j])", "sum(j = 0..W) norm(Y[2,j])"),
        ("max(t) norm(x[t])", "max(t = 1..T) norm(x[t])"),
        ("sum(i < j) norm(x[i] - x[j])", "sum(i = 1..T) sum(j = i+1..T) norm(x[i] - x[j])"),
        ("sum(i = 1..T, j = 1..T, i ≥ j) x[i]' x[j]", "sum(i = 1..T) sum(j = 1..i) x[i]' x[j]"),
        ("sum(i) sum(j > i) norm(x[i] - x[j])", "sum(i = 1..T) sum(j = i+1..T) norm(x[i] - x[j])"),
        ("sum(i) norm(x[i] - sum(j ≠ i) x[j])",
         "sum(i = 1..T) norm(x[i] - (sum(j = 1..i-1) x[j] + sum(j = i+1..T) x[j]))"),
        ("sum(i) sum(j) exp(-norm(x[i] - x[j])^2)",
         "sum(i = 1..T) sum(j = 1..T) exp(-norm(x[i] - x[j])^2)"),
        ("sum(s <= t) x[s]' x[t]", "sum(s = 1..T) sum(t = s..T) x[s]' x[t]"),
    ],
)  # fmt: skip
def test_a_letter_without_a_range_runs_over_all_members(typed: str, ranged: str) -> None:
    declared = "x[t] : n for t = 1..T; Y[t,j] : n for t = 1..T, j = 0..W; J = "
    ours, theirs = (read(declared + scalar) for scalar in (typed, ranged))
    bodies = [problem.data.definitions["J"].args[0] for problem in (ours, theirs)]
    assert str(bodies[0]) == str(bodies[1])


@pytest.mark.parametrize(
    ("typed", "ranged"),
    [
        ("sum(j ≠ i) x[j]", "sum(j = 1..i-1) x[j] + sum(j = i+1..T) x[j]"),
        ("sum(s < i) x[s]", "sum(s = 1..i-1) x[s]"),
        ("sum(s >= i) x[s]", "sum(s = i..T) x[s]"),
        ("max(s <= i) (x[s]' x[i]) x[1]", "max(s = 1..i) (x[s]' x[i]) x[1]"),
    ],
)
def test_a_letter_is_compared_with_that_of_a_member(typed: str, ranged: str) -> None:
    """The member's letter runs around the sum: in definitions and in claims."""
    texts = [
        f"x[i], z[i] : n for i = 1..T; y[i] = {sums} for i = 1..T; J = sum(i = 1..T) z[i]' y[i]\n"
        f"check grad J wrt z[i] = {sums}"
        for sums in (typed, ranged)
    ]
    ours, theirs = map(read, texts)
    bodies = [str(p.data.families.of("y")[0].body) for p in (ours, theirs)]
    assert bodies[0] == bodies[1]
    (claim,) = ours.check()
    assert claim.right


def test_a_letter_without_a_range_is_refused_where_members_differ_in_theirs() -> None:
    text = "A : n x n; h[0] : n; h[t] = A h[t-1] for t = 1..T; J = sum(t) norm(h[t])^2"
    with pytest.raises(RequestError, match="a range is said for each letter"):
        read(text)


@pytest.mark.parametrize(
    "typed",
    ["for t in 1..T", "for t ∈ 1..T", "for t = 1:T", "for t = 1, …, T", "for t=1, ..., T",
     "for t = 1…T", ", t = 1..T", ", t = 1, ..., T", "for all t = 1..T", "∀ t = 1..T",
     "for each t in 1:T", "for t = 1 to T"],
)  # fmt: skip
def test_a_range_is_taken_as_it_is_written_elsewhere(typed: str) -> None:
    text = "x[t] : n {}; y[t] = tanh(x[t]) {}; J = sum(t = 1..T) norm(y[t])^2"
    ours, theirs = (read(text.format(r, r)).data for r in (typed, "for t = 1..T"))
    found = [[(s.name, s.ranges, s.body) for s in p.families.segments] for p in (ours, theirs)]
    assert found[0] == found[1]


@pytest.mark.parametrize("typed", ["t in 1..T", "t = 1:T", "t ∈ 1..T", "t = 1 to T"])
def test_so_is_that_of_a_sum(typed: str) -> None:
    text = "x[t] : n for t = 1..T; J = sum({}) norm(x[t])^2"
    ours, theirs = (read(text.format(r)).data for r in (typed, "t = 1..T"))
    assert ours.definitions["J"] is theirs.definitions["J"]


def test_a_definition_without_a_range_is_for_the_members_that_it_uses() -> None:
    declared = "W[l] : n[l-1] x n[l] for l = 1..L; X[b] : m x n[0] for b = 1..B;"
    text = "Z[0,b] = X[b]{}; Z[l,b] = tanh(Z[l-1,b] W[l]){}; J = sum(b = 1..B) sum(Z[L,b])"
    ours = read(declared + text.format(" for b = 1..B", " for b = 1..B")).data
    theirs = read(declared + text.format(" for b = 1..B", " for b = 1..B, l = 1..L")).data
    ranges = [{s.name: {*s.ranges} for s in p.families.segments} for p in (ours, theirs)]
    assert ranges[0] == ranges[1]
    assert ours.readings == ("`Z[l,b]` is defined for `l = 1..L`.",)


@pytest.mark.parametrize("head", ["h[L]", "h[1]"])
def test_a_length_in_a_head_is_no_letter_that_runs(head: str) -> None:
    text = f"x[l] : n for l = 1..L; {head} = x[L]; J = norm({head})^2"
    families = read(text).data.families
    assert [s.ranges for s in families.of("h")] == [()]
