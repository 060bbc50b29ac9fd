"""Products as index networks: what transposes, traces, diagonals and sums are when written with
indices.

A *term* is a number times scalars times a network. In the network every side of a matrix is a
node (an index), every factor is an edge between the nodes of its rows and of its columns; a node
that is not on the outside is summed over. `(A B)'`, `B' A'`, `tr`, `diag(v) A`, `sum(A, axis=1)`,
`vec`, `kron` and `ones` differ only in how nodes are joined, so that equal products are equal
networks. `read_terms` turns expressions into terms; `algebra/extraction.py` turns terms back into
expressions.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import field
from fractions import Fraction
from math import prod

from ..core.dims import ONE, Dim
from ..core.errors import DerivationError
from ..core.exact_powers import number_power
from ..core.expr import (
    MINUS,
    UNIT,
    WHOLE,
    ZERO,
    Add,
    Call,
    Commute,
    Expr,
    MatMul,
    Name,
    Number,
    Ones,
    Power,
    Structured,
    Symbol,
    Times,
    Transpose,
    dimension,
    matmul,
    transpose,
)
from ..core.functions import TABLE
from ..core.named_tuples import NamedTuple
from ..core.records import dataclass
from ..core.structure import data_of, is_zero
from ..core.structured import is_canonical
from .monomials import gathered, multiply_exponents

Nodes = tuple[int, ...]  # the nodes of a side: none if it is 1, several if it is fused


class Edge(NamedTuple):
    """A factor, entry-wise to a power, between the nodes of its rows and those of its columns."""

    atom: Expr
    rows: Nodes
    cols: Nodes
    exponent: Expr = UNIT

    @property
    def nodes(self) -> Nodes:
        return self.rows + self.cols


class Term(NamedTuple):
    """A product: a number, powers of scalars, and a network that is open at `rows` and `cols`."""

    coefficient: Fraction | float
    scalars: tuple[tuple[Expr, Expr], ...]  # (base, exponent)
    edges: tuple[Edge, ...]
    dims: dict[int, Dim]
    rows: Nodes
    cols: Nodes
    gathered: bool = False  # whether factors of one base met

    @property
    def open_nodes(self) -> Nodes:
        return self.rows + self.cols

    @property
    def kinds(self) -> set[type[Expr]]:
        """Those of its factors, without their powers."""
        return {*[type(edge.atom) for edge in self.edges], *[type(x) for x, _ in self.scalars]}

    def sums_alone(self, edge: Edge) -> bool:
        """Whether a factor is summed along a side at which nothing else stands."""
        others = {n for e in self.edges if e is not edge for n in e.nodes}.union(self.open_nodes)
        return any(n not in others and edge.nodes.count(n) == 1 for n in edge.nodes)

    def joins(self, n: int) -> bool:
        """Whether two sides meet at a node, and nothing else."""
        return n not in self.open_nodes and sum(e.nodes.count(n) for e in self.edges) == 2

    @property
    def number(self) -> tuple[int, int] | float:
        """The coefficient to be looked up: 0.5 and 1/2 are equal, and print differently."""
        k = self.coefficient
        return k if isinstance(k, float) else (k.numerator, k.denominator)


def parted(term: Term, atom: Expr) -> tuple[Term, tuple[Nodes, Nodes]] | None:
    """The term without a factor that it is linear in, and the nodes at which that stood; None where
    it stands within another factor, as in `unvec(vec(G), n, m)`."""
    places = [edge for edge in term.edges if edge.atom is atom]
    edges = tuple(edge for edge in term.edges if edge.atom is not atom)
    scalars = tuple(s for s in term.scalars if s[0] is not atom)
    if len(places) + len(term.scalars) - len(scalars) != 1:
        return None
    sides = (places[0].rows, places[0].cols) if places else ((), ())
    return term._replace(edges=edges, scalars=scalars), sides


def turned(term: Term, atom: Expr, other: Expr) -> Term | None:
    """The transposed of the linear map that the term is of a factor, at another: that closes what
    was open, and where the factor stood is open. None where it stands within another factor."""
    apart = parted(term, atom)
    if apart is None:
        return None
    rest, (rows, cols) = apart
    edges, scalars = rest.edges, rest.scalars
    if other.is_scalar:
        scalars = (*scalars, (other, UNIT))
    else:
        edges = (*edges, Edge(other, term.rows, term.cols))
    return rest._replace(edges=edges, scalars=scalars, rows=rows, cols=cols)


# ---------------------------------------------------------------------------------- reading


def is_multilinear(e: Expr) -> bool:
    """Whether the operation is read as a network: sums, products, and the linear rows."""
    if isinstance(e, (Add, Times, MatMul, Transpose, Power)):
        return True
    return e.op in TABLE and TABLE[e.op].units == "linear"


OpenFactor = tuple[
    Expr, Nodes, Nodes, Expr, int
]  # what, its sides' nodes, its exponent, how deep it stands


@dataclass(slots=True)
class _TermBuilder:
    """A term that is being read: factors still to be taken apart, with the nodes of their sides.

    Nodes that were found to be the same index are aliases; `resolve` follows them."""

    rows: Nodes = ()
    cols: Nodes = ()
    pending: list[OpenFactor] = field(default_factory=list)
    dims: list[Dim] = field(default_factory=list)
    aliases: dict[int, Nodes] = field(default_factory=dict)
    coefficient: Fraction | float = WHOLE
    scalars: list[tuple[Expr, Expr]] = field(default_factory=list)
    edges: list[Edge] = field(default_factory=list)

    def copy(self) -> _TermBuilder:
        return _TermBuilder(
            self.rows, self.cols, list(self.pending), list(self.dims), dict(self.aliases),
            self.coefficient, list(self.scalars), list(self.edges),
        )  # fmt: skip

    def node(self, dim: Dim) -> Nodes:
        """A new node; a side of 1 has none."""
        if dim == ONE:
            return ()
        self.dims.append(dim)
        return (len(self.dims) - 1,)

    def resolve(self, nodes: Nodes) -> Nodes:
        if not self.aliases or not any(n in self.aliases for n in nodes):
            return nodes
        return self.resolve(tuple(m for n in nodes for m in self.aliases.get(n, (n,))))

    def joinable(self, one: Nodes, dims: list[Dim]) -> bool:
        """Whether a side can be taken as one with a side of these dimensions."""
        nodes = self.resolve(one)
        if 1 in (len(nodes), len(dims)):
            return True
        return _aligned([self.dims[n] for n in nodes], dims) is not None

    def join(self, one: Nodes, other: Nodes) -> None:
        """Makes two joinable sides one: where a node of one faces several of the other, it is
        these."""
        one, other = self.resolve(one), self.resolve(other)
        parts: list[tuple[int, int]] | None = [(len(one), len(other))]
        if 1 not in (len(one), len(other)):
            parts = _aligned([self.dims[n] for n in one], [self.dims[n] for n in other])
        if parts is None:
            raise DerivationError("a side of several dimensions would have to be split in two ways")
        i = j = 0
        for k, m in parts:
            ours, theirs = self.resolve(one[i : i + k]), self.resolve(other[j : j + m])
            i, j = i + k, j + m
            if ours == theirs:
                continue
            if len(ours) == 1 == len(theirs):
                self.aliases[max(ours[0], theirs[0])] = (min(ours[0], theirs[0]),)
            elif len(ours) == 1:
                self.aliases[ours[0]] = theirs
            elif len(theirs) == 1:
                self.aliases[theirs[0]] = ours
            else:  # a node that stands in both was split on the way
                self.join(ours, theirs)


def _aligned(one: Sequence[Dim], other: Sequence[Dim]) -> list[tuple[int, int]] | None:
    """How many dimensions of one side are as many of the other, part by part; None if several are
    several others: `m n` and `n m`."""
    parts: list[tuple[int, int]] = []
    i = j = 0
    while i < len(one) and j < len(other):
        ends = [(1, k) for k in range(1, len(other) - j + 1)]
        ends += [(k, 1) for k in range(2, len(one) - i + 1)]
        part = next(
            (
                (k, m)
                for k, m in ends
                if prod(one[i : i + k], start=ONE) == prod(other[j : j + m], start=ONE)
            ),
            None,
        )
        if part is None:
            return None
        parts.append(part)
        i, j = i + part[0], j + part[1]
    return parts if (i, j) == (len(one), len(other)) else None


def read_terms(
    e: Expr,
    distribute: Callable[[Expr], bool] = lambda e: False,
    horizon: int = 1 << 30,
    most: int = 1 << 30,
) -> list[Term] | None:
    """The terms of an expression, open at its rows and columns; None if there are more than
    `most`.

    A sum inside a product is a factor of its own, unless `distribute(sum)`; likewise a definition
    is kept by its name, unless `distribute(name)`. Operations deeper than `horizon` are not
    opened. The outermost sum is always taken apart."""
    draft = _TermBuilder()
    draft.rows, draft.cols = draft.node(e.shape[0]), draft.node(e.shape[1])
    draft.pending.append((e, draft.rows, draft.cols, UNIT, 0))
    return _read(draft, lambda x: x is e or distribute(x), horizon, most)


def opened(term: Term, atom: Expr, most: int = 1 << 30) -> list[Term]:
    """The term with one factor taken apart, and multiplied out if it is a sum, definitions in it
    kept by their names; nothing if that gives more than `most` terms."""
    size = max(term.dims, default=-1) + 1
    draft = _TermBuilder(term.rows, term.cols, dims=[term.dims.get(n, ONE) for n in range(size)])
    draft.coefficient, draft.scalars = term.coefficient, list(term.scalars)
    draft.aliases = {n: () for n in range(size) if n not in term.dims}
    for edge in term.edges:
        if edge.atom is atom and edge.exponent is UNIT:
            draft.pending.append((atom, edge.rows, edge.cols, UNIT, 0))
        else:
            draft.edges.append(edge)
    return _read(draft, lambda x: x is atom or not isinstance(x, Name), 1 << 30, most) or []


def _read(
    draft: _TermBuilder, distribute: Callable[[Expr], bool], horizon: int, most: int
) -> list[Term] | None:
    done: list[Term] = []
    drafts = [draft]
    while drafts:
        d = drafts.pop()
        while d.pending:
            item = d.pending.pop()
            x = item[0]
            opener = _open_row if isinstance(x, Call) else _OPENERS.get(x.op)
            if opener is not None:
                if item[4] > horizon or not opener(d, *item):
                    _take_atom(d, *item[:4])
            elif isinstance(x, Symbol):
                _take_atom(d, *item[:4])
            elif isinstance(x, Add) and item[3] is UNIT and distribute(x):
                branches = _branches(d, item)
                d = branches[0]
                drafts.extend(reversed(branches[1:]))
                if item[4] and len(drafts) + len(done) >= most:  # and this one
                    return None
            elif is_zero(x):
                break
            elif isinstance(x, Number):
                _take_number(d, x, item[3])
            elif isinstance(x, Name) and item[4] <= horizon and distribute(x):
                d.pending.append((x.args[0], *item[1:]))
            elif not isinstance(x, Ones):
                _take_atom(d, *item[:4])
        else:
            done.append(_finish(d))
    return done


def _branches(d: _TermBuilder, item: OpenFactor) -> list[_TermBuilder]:
    e, rows, cols, _, depth = item
    branches = []
    for a in e.args:
        branch = d.copy()
        branch.pending.append((a, *_broadcast(a, rows, cols), UNIT, depth))
        branches.append(branch)
    return branches


def _broadcast(a: Expr, rows: Nodes, cols: Nodes) -> tuple[Nodes, Nodes]:
    return (() if a.shape[0] == ONE else rows), (() if a.shape[1] == ONE else cols)


# Each takes a factor apart, if that is a product at this exponent.


def _open_times(
    d: _TermBuilder, e: Expr, rows: Nodes, cols: Nodes, exponent: Expr, depth: int
) -> bool:
    if not _whole(exponent):
        return False
    for a in reversed(e.args):
        d.pending.append((a, *_broadcast(a, rows, cols), exponent, depth + 1))
    return True


def _open_power(
    d: _TermBuilder, e: Expr, rows: Nodes, cols: Nodes, exponent: Expr, depth: int
) -> bool:
    base, p = e.args
    if not p.is_scalar or not _whole(exponent):
        return False
    d.pending.append((base, rows, cols, multiply_exponents(p, exponent), depth + 1))
    return True


def _open_transpose(
    d: _TermBuilder, e: Expr, rows: Nodes, cols: Nodes, exponent: Expr, depth: int
) -> bool:
    d.pending.append((e.args[0], cols, rows, exponent, depth))  # it is no step further
    return True


def _open_matmul(
    d: _TermBuilder, e: Expr, rows: Nodes, cols: Nodes, exponent: Expr, depth: int
) -> bool:
    if exponent is not UNIT:
        return _open_outer(d, e, rows, cols, exponent, depth)
    right = cols
    for a in reversed(e.args[1:]):
        left = d.node(a.shape[0])
        d.pending.append((a, left, right, UNIT, depth + 1))
        right = left
    d.pending.append((e.args[0], rows, right, UNIT, depth + 1))
    return True


def _open_outer(
    d: _TermBuilder, e: Expr, rows: Nodes, cols: Nodes, exponent: Expr, depth: int
) -> bool:
    """The power of an outer product is the outer product of the powers."""
    k = next((i for i, a in enumerate(e.args[:-1], 1) if a.shape[1] == ONE), 0)
    if not k or not _whole(exponent):
        return False
    d.pending.append((matmul(*e.args[:k]), rows, (), exponent, depth + 1))
    d.pending.append((matmul(*e.args[k:]), (), cols, exponent, depth + 1))
    return True


def _open_eye(d: _TermBuilder, e: Expr, rows: Nodes, cols: Nodes, exponent: Expr, _: int) -> bool:
    if exponent is not UNIT or not d.joinable(rows, [d.dims[n] for n in d.resolve(cols)]):
        return False
    d.join(rows, cols)
    return True


def _open_commute(
    d: _TermBuilder, e: Commute, rows: Nodes, cols: Nodes, exponent: Expr, _: int
) -> bool:
    m, n = e.sizes
    if exponent is not UNIT or not (d.joinable(rows, [m, n]) and d.joinable(cols, [n, m])):
        return False
    i, j = d.node(m), d.node(n)
    d.join(rows, i + j)
    d.join(cols, j + i)
    return True


def _open_structured(
    d: _TermBuilder, e: Structured, rows: Nodes, cols: Nodes, exponent: Expr, _: int
) -> bool:
    """Of a constant and its transpose one is enough; its entries are their own powers."""
    turned = not is_canonical(e)
    sides = (cols, rows) if turned else (rows, cols)
    positive = isinstance(exponent, Number) and exponent.value > 0
    _take_atom(d, transpose(e) if turned else e, *sides, UNIT if positive else exponent)
    return True


def _open_row(
    d: _TermBuilder, e: Expr, rows: Nodes, cols: Nodes, exponent: Expr, depth: int
) -> bool:
    """A linear row is what its signature says: sides of one letter are one index, and a letter that
    the value lacks is summed over; `1 / k` in the derivative makes the sum an average."""
    row = TABLE[e.op]
    if exponent is not UNIT or row.units != "linear" or not row.signatures:
        return False
    signature, dims = row.signature_for(e.args, data_of(e))
    places = list(zip(signature.value, (rows, cols), strict=True))
    sizes = [[dims[c] for c in letters if dims[c] != ONE] for letters, _ in places]
    if not all(d.joinable(nodes, size) for (_, nodes), size in zip(places, sizes, strict=True)):
        return False
    nodes_of = {c: d.node(dims[c]) for c in signature.letters}
    for letters, nodes in places:
        d.join(nodes, tuple(n for c in letters for n in nodes_of[c]))
    if "k" in row.derivative[0]:
        kept = {c for letters in signature.value for c in letters}
        for c in signature.letters:
            if c not in kept and dims[c] != ONE:
                d.pending.append((dimension(dims[c]), (), (), MINUS, depth + 1))
    for arg, side in zip(e.args, signature.args, strict=True):
        arg_rows, arg_cols = (tuple(n for c in part for n in nodes_of[c]) for part in side)
        d.pending.append((arg, arg_rows, arg_cols, UNIT, depth + 1))
    return True


_OPENERS: dict[str, Callable[..., bool]] = {
    "times": _open_times,
    "power": _open_power,
    "transpose": _open_transpose,
    "matmul": _open_matmul,
    "eye": _open_eye,
    "commute": _open_commute,
    "structured": _open_structured,
}


def _take_atom(d: _TermBuilder, e: Expr, rows: Nodes, cols: Nodes, exponent: Expr) -> None:
    if rows or cols:
        d.edges.append(Edge(e, rows, cols, exponent))
    else:
        d.scalars.append((e, exponent))


def _take_number(d: _TermBuilder, e: Number, exponent: Expr) -> None:
    if exponent is UNIT:
        d.coefficient = e.value if d.coefficient is WHOLE else d.coefficient * e.value
    elif (value := _number_power(e, exponent)) is not None:
        d.coefficient *= value
    else:
        d.scalars.append((e, exponent))


def _number_power(base: Number, exponent: Expr) -> Fraction | None:
    return number_power(base.value, exponent.value) if isinstance(exponent, Number) else None


def _finish(d: _TermBuilder) -> Term:
    """The term, with aliases followed; a node that no factor touches is a sum of ones: its size."""
    rows, cols, edges, scalars = d.rows, d.cols, d.edges, d.scalars
    if d.aliases:
        rows, cols = d.resolve(rows), d.resolve(cols)
        edges = [Edge(x.atom, d.resolve(x.rows), d.resolve(x.cols), x.exponent) for x in edges]
    used = {*rows, *cols}
    for edge in edges:
        used.update(edge.rows)
        used.update(edge.cols)
    if len(used) + len(d.aliases) < len(d.dims):
        idle = [n for n in range(len(d.dims)) if n not in d.aliases and n not in used]
        scalars = scalars + [(dimension(d.dims[n]), UNIT) for n in idle]
    dims = {n: d.dims[n] for n in sorted(used)}
    return tidy(Term(d.coefficient, tuple(scalars), tuple(edges), dims, rows, cols))


# --------------------------------------------------------------------------------- normal form


def tidy(term: Term) -> Term:
    """The term with equal bases gathered: parallel factors of one base are one power, and likewise
    the scalars; powers of 0 vanish. Each step lowers the number of factors."""
    edges, scalars, coefficient = term.edges, term.scalars, term.coefficient
    powers = gathered([(edge[:3], edge.exponent) for edge in edges])
    bases = gathered(scalars)
    met = len(powers) < len(edges) or len(bases) < len(scalars)
    for base in [b for b in bases if isinstance(b, Number)]:
        if (value := _number_power(base, bases[base])) is not None:
            coefficient *= value
            del bases[base]
    if len(powers) < len(edges) or ZERO in powers.values():
        edges = tuple(Edge(a, r, c, p) for (a, r, c), p in powers.items() if p is not ZERO)
    scalars = tuple([item for item in bases.items() if item[1] is not ZERO])
    return Term(coefficient, scalars, edges, term.dims, term.rows, term.cols, met)


def _whole(exponent: Expr) -> bool:
    return exponent is UNIT or (
        isinstance(exponent, Number) and exponent.value.as_integer_ratio()[1] == 1
    )
