"""Ranges that end in a difference of lengths mean the same as those with a letter for it."""

import numpy as np
import pytest

import shapetrick as st

_CONVOLUTION = """
x[t] : n for t = 1..{last}
K[q] : m x n for q = 0..k-1
y[t] = sum(q = 0..k-1) K[q] x[t{sign}q] for t = {range}
J = sum(t = {range}) norm(y[t])^2 / {of}
grad J wrt x[t], K[q]
"""


@pytest.mark.parametrize(
    ("sign", "difference", "counted"), [("+", "1..T-k+1", "1..P"), ("-", "k..T", "k..P+k-1")]
)
def test_a_letter_stands_for_a_difference(sign: str, difference: str, counted: str) -> None:
    typed = st.read(_CONVOLUTION.format(last="T", of="T", sign=sign, range=difference))
    counted_by_hand = _CONVOLUTION.format(last="P+k-1", of="(P+k-1)", sign=sign, range=counted)
    ours, theirs = typed.derive(), st.read(counted_by_hand).derive()
    assert all(d.verified for d in ours)
    assert [str(d.gradient) for d in ours] == [str(d.gradient) for d in theirs]
    said = "`P` stands for `T-k+1`, which is at least 1: `T` is `P+k-1`."
    assert typed.data.readings == (said,)


def test_an_index_may_still_be_out_of_range() -> None:
    text = _CONVOLUTION.format(last="T", of="T", sign="+", range="1..T-k+2")
    with pytest.raises(st.NameProblem, match="out of range"):
        st.read(text)


def test_each_axis_has_its_own_letter_and_code_takes_the_arrays() -> None:
    text = """
    X[i,j] : 1 x 1 for i = 1..H, j = 1..W
    K[p,q] : 1 x 1 for p = 0..k-1, q = 0..k-1
    Y[i,j] = sum(p = 0..k-1) sum(q = 0..k-1) K[p,q] X[i+p,j+q] for i = 1..H-k+1, j = 1..W-k+1
    J = sum(i = 1..H-k+1) sum(j = 1..W-k+1) Y[i,j]^2 / 2
    grad J wrt K[p,q]
    """
    rng = np.random.default_rng(3)
    image, kernel = rng.standard_normal((5, 4)), rng.standard_normal((2, 2))
    windows = np.lib.stride_tricks.sliding_window_view(image, (2, 2))
    outputs = np.einsum("ijpq,pq->ij", windows, kernel)
    wanted = np.einsum("ij,ijpq->pq", outputs, windows)
    given = {"X": image[..., None, None], "K": kernel[..., None, None]}
    derived = st.derive(text)
    for found in (derived.function()(**given), derived.evaluate(given)):
        np.testing.assert_allclose(np.reshape(found, (2, 2)), wanted, rtol=1e-12)
    with pytest.raises(st.InputError, match=r"`P` stands for `H-k\+1`.*: `H` is `P\+k-1`"):
        derived.evaluate(given, H=5)


def test_claims_and_names_of_lengths_are_read_in_the_same_way() -> None:
    text = """
    x[t] : n for t = 1..T
    y[t] = x[t] - x[t+k] for t = 1..T-k
    J = sum(t = 1..T-k) norm(y[t])^2 / (2 T)
    check grad J wrt y[t] = y[t] / T
    """
    (claim,) = st.read(text).check()
    assert claim.right


def test_lengths_that_nothing_compares_are_refused_with_both() -> None:
    text = "x[t] : n for t = 1..T; y[s] : n for s = 1..S; J = sum(t = 1..T) x[t]' y[t]"
    with pytest.raises(st.NameProblem, match=r"`y` has the members 1\.\.S.* for t = 1\.\.T"):
        st.read(text)


def test_a_size_may_be_a_difference_of_sizes() -> None:
    typed = st.derive("A : n-p+1 x n; x : n; J = norm(A x)^2 / 2; grad J wrt A")
    counted = st.derive("A : P x P+p-1; x : P+p-1; J = norm(A x)^2 / 2; grad J wrt A")
    assert typed.verified
    assert typed.gradient is counted.gradient
    assert typed.problem.readings == (
        "`P` stands for `n-p+1`, which is at least 1: `n` is `P+p-1`.",
    )


@pytest.mark.parametrize("size", ["n-n", "3-5", "5-n", "m n-p"])
def test_a_size_that_may_be_less_than_one_is_refused(size: str) -> None:
    with pytest.raises(st.ShapeError, match="a dimension is at least 1"):
        st.read(f"x : {size}; J = sum(x)")
