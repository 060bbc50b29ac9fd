"""Indices are data: a name is read where it comes in, and its text is never looked into again."""

from __future__ import annotations

import pickle

import pytest

from shapetrick.api import read
from shapetrick.core import indices
from shapetrick.core.dims import SCALAR, Dim
from shapetrick.core.expr import (
    Expr,
    abstract,
    call,
    commute,
    dimension,
    eye,
    named,
    ones,
    symbol,
    total,
    zeros,
)
from shapetrick.core.families import reindexed
from shapetrick.core.indices import Index, Member, Range, member, read_name
from shapetrick.core.traversal import postorder, redimensioned, symbols_of

RECURRENT = """
X[t] : m x d for t = 1..T;  W : n x n;  U : d x n;  Y : m x n
V[l] : n[l-1] x n[l] for l = 1..L
H[0] : m x n
H[t] = tanh(H[t-1] W + X[t] U) for t = 1..T
J = norm(H[T] - Y)^2 + sum(l = 1..L) norm(V[l])^2
grad J wrt X[t], W, V[l]
"""


def test_no_stage_reads_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    problem = read(RECURRENT)

    class Refusing:
        def fullmatch(self, text: str) -> None:
            raise AssertionError(f"`{text}` is read as a name")

    monkeypatch.setattr(indices, "_MEMBER", Refusing())
    monkeypatch.setattr(indices, "_TERM", Refusing())
    found = problem.derive()
    assert all(d.verified for d in found)
    assert "for t in range(" in problem.code("numpy")


def test_names_of_members() -> None:
    name = read_name("Z[ l − 1 ]")
    assert isinstance(name, Member)
    assert (name, name.base, name.indices) == ("Z[l-1]", "Z", (Index("l", -1),))
    assert name is member("Z", Index("l", -1)) and name in {"Z[l-1]": 0}
    for other in ("Z", "Z[l l]", "bar(Z[l])"):
        assert read_name(other) == other and not isinstance(read_name(other), Member)
    several = member("X", Index("b"), Index("p", 2))
    assert several == "X[b,p+2]"
    copied = pickle.loads(pickle.dumps(several))
    assert isinstance(copied, Member) and copied.indices == several.indices


def test_nodes_have_indices() -> None:
    n = Dim.of(member("n", Index("l")))
    z = symbol(member("Z", Index("l", -1)), (n, n))
    assert (z.base, z.indices, z.name) == ("Z", (Index("l", -1),), "Z[l-1]")
    assert z is symbol(read_name("Z[l-1]"), (n, n)) and pickle.loads(pickle.dumps(z)) is z
    plain = symbol("Z", (n, n))
    assert (plain.base, plain.indices, plain.name) == ("Z", (), "Z")


def every_kind(i: Index) -> list[Expr]:
    """A node of each kind that an index may stand in."""
    n, one = Dim.of(member("n", i)), Dim.of(1)
    z = symbol(member("Z", i), (n, n))
    return [
        z,
        named(member("A", i), z),
        abstract(member("s", i), 1, z),
        dimension(n),
        ones(n, one),
        zeros(n, n),
        eye(n),
        commute(n, n),
        call("unvec", symbol(member("v", i), (n * n, one)), data=(n, n)),
        z @ z.T + z,
        total(symbol(member("w", Index("t")), (n, n)), Range("t", Index("", 1), i)),
    ]


def test_every_kind_of_node_takes_another_index() -> None:
    other = Index("k", 1)
    for before, after in zip(every_kind(Index("l")), every_kind(other), strict=True):
        assert reindexed(before, {"l": other}) is after


def test_the_letter_of_a_sum_is_its_own() -> None:
    bound = total(symbol(member("w", Index("l")), SCALAR), Range("l", Index("", 1), Index("L")))
    assert reindexed(bound, {"l": Index("k")}) is bound
    assert str(reindexed(bound, {"L": Index("", 3)})) == "sum(l = 1..3) w[l]"


def test_dimensions_are_replaced_in_all_nodes() -> None:
    m, d = Dim.of("m"), Dim.of("d")
    x = symbol("X", (m, d))
    e = x.T @ ones(m, m) @ x + dimension(m) * eye(d)
    (found,) = redimensioned([e], lambda dim: dim.substitute({"m": d}))
    assert found.shape == (d, d)
    assert not any(m in x.shape for x in postorder([found]))
    assert [s.name for s in symbols_of(found)] == ["X"]
