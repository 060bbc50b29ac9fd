"""Entries beside members, `sum(i, j) (R[i,j] - u[i]' v[j])^2`: a matrix of which a text has entries
alone, or rows, is read as the family of these, and `u_i` as a member of the family `u`."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from dataclasses import replace

from ...core.dims import ONE, shape_text
from ...core.indices import Index, Member, Range, index_of, member, written
from ...core.indices import parts as parts_of
from ...core.named_tuples import NamedTuple
from ..syntax.index_binders import parts_below, sums_among
from ..syntax.selections import index_of_node, plain_of
from ..syntax.tree import (
    Asked,
    Declaration,
    Definition,
    Statement,
    SyntaxNode,
    TypedDimension,
    expressions_of,
    name_node,
    opened,
    postorder,
    transformed,
    with_expressions,
)
from .entry_definitions import families_among

_OF_EACH = ("positive", "nonneg", "unit", "const")  # attributes that hold entry by entry
_LETTERS = "ijklrst"


class _Part(NamedTuple):
    """What is taken of a matrix: at which sides, and the indices there."""

    sides: tuple[int, ...]
    indices: tuple[Index, ...]

    @property
    def letters(self) -> set[str]:
        return {t for i in self.indices for t in i.terms}

    @property
    def member_letters(self) -> list[str]:
        """A letter of its own for each index: the one that it has, where it is alone."""
        found: list[str] = []
        for i in self.indices:
            found.append(next(t for t in (i.letter, *_LETTERS) if t and t not in found))
        return found


def with_member_entries(statements: Sequence[Statement]) -> tuple[list[Statement], list[str]]:
    """The statements with entries beside members as members, and what is said of that."""
    plain = plain_of(statements)
    heads = _declared_below(statements)
    families = families_among(statements, {m.base for m in heads.values()})
    nodes = (n for s in statements for e in expressions_of(s) for n in postorder(e))
    if not (families or any(n.kind == "selected" or isinstance(n.value, Member) for n in nodes)):
        return list(statements), []
    found = _with_members(statements, heads, plain, families)
    places = _read_as_families(found, plain, families)
    while not families >= (more := families_among(found, {*families, *places})):
        families = more
        places |= _read_as_families(found, plain, families)
    if not (families or places):
        return list(statements), []
    said: list[str] = []
    split: list[Statement] = []
    for s in found:
        split += _split(s, places, said) if isinstance(s, Declaration) else [s]
    heads = {n: member(n, *map(Index, part.member_letters)) for n, part in places.items()}
    return _with_members(split, heads, plain, places), said


def _declared_below(statements: Sequence[Statement]) -> dict[str, Member]:
    """The members that are declared as `u_i : k for i = 1..m`, by what is typed."""
    found: dict[str, Member] = {}
    for s in (s for s in statements if isinstance(s, Declaration) and s.ranges):
        letters = {over.letter for over in s.ranges}
        for name, _ in s.names:
            below = _below(name)
            if below is not None and {t for i in below.indices for t in i.terms} == letters:
                found[name] = below
    return found


def _below(name: str) -> Member | None:
    """`R_ij` and `u_1` as the members that they may be."""
    base, index = parts_below(name)
    if not base or ":" in index:
        return None
    places = [index] if index.isdigit() else [*index]
    return member(base, *(Index("", int(c)) if c.isdigit() else Index(c) for c in places))


def _with_members(
    statements: Sequence[Statement],
    heads: Mapping[str, Member],
    plain: Container[str],
    families: Container[str],
) -> list[Statement]:
    """The statements with `u_i` as a member of the family `u`, and other names for heads."""

    def meant(name: str) -> str:
        below = None if name in plain and name not in heads else _below(name)
        return name if below is None or below.base not in families else below

    def read(node: SyntaxNode) -> SyntaxNode:
        if node.kind == "selected" and node.args[0].value in heads:  # `Y[i,:]`
            ends = [index_of_node(s.first) for s in node.value if s.is_one]
            return name_node(member(node.args[0].value, *(i for i in ends if i)), node.span)
        name = meant(node.value) if node.kind == "name" else node.value
        return node if name == node.value else replace(node, value=name)

    return [
        with_expressions(
            _renamed(s, lambda name: heads.get(name) or meant(name)),
            lambda root: transformed(root, read),
        )
        for s in statements
    ]


def _renamed(s: Statement, meant: Callable[[str], str]) -> Statement:
    """A statement with other names of what it declares, defines or asks for."""
    match s:
        case Declaration():
            return replace(s, names=tuple([n._replace(name=meant(n.name)) for n in s.names]))
        case Definition():
            return replace(s, name=s.name._replace(name=meant(s.name.name)))
        case Asked():
            return replace(s, wrt=tuple([n._replace(name=meant(n.name)) for n in s.wrt]))
    return s


# -------------------------------------------------------------- matrices that are read as families


def _read_as_families(
    statements: Sequence[Statement], plain: Container[str], families: Container[str]
) -> dict[str, _Part]:
    """The declared matrices and columns of which there are entries alone, or rows, some of them
    beside a member that has a letter of theirs, or with two letters in one index. Not columns: an
    array of these would have its sides turned."""
    declared = [s for s in statements if isinstance(s, Declaration)]
    whole = {name for s in declared if s.ranges or s.equations for name, _ in s.names}
    matrices = {name: s for s in declared if s.sides is not None for name, _ in s.names}
    sizes = {t for s in declared for side in s.sides or () for t in side.dim.names}
    sizes.update(n.name for s in declared for n in s.names if s.words and s.sides is None)
    nodes = (n for s in statements for e in expressions_of(s) for n in postorder(e))
    ranges, bound = sums_among(nodes)
    sizes |= {t for over in ranges for t in over.letters} - bound
    found: dict[str, _Part] = {}
    taken: dict[str, tuple[int, ...]] = {}
    for root in (e for s in statements for e in expressions_of(s)):
        parts: list[tuple[str, _Part]] = []
        running: set[str] = set()
        inner: set[SyntaxNode] = set()  # the names of what is indexed
        typed = list(postorder(root))
        for node in reversed(typed):
            base, part = _part(node, plain, matrices)
            if base in matrices and part.sides:
                parts.append((base, part))
                inner |= {*node.args}
                whole |= {base} if taken.setdefault(base, part.sides) != part.sides else set()
            elif base in matrices and node not in inner:
                whole.add(base)
            elif base in families:
                running |= part.letters - sizes
        whole.update(n.value for n in {*opened(root)} - {*typed} if n.kind == "name")
        for _, part in parts:
            if any(len(i.terms.keys() - sizes) > 1 for i in part.indices):  # `x[t+j-1]`
                running |= part.letters
        while parts:
            beside = [p for p in parts if p[1].letters & running]
            found = {**dict(reversed(beside)), **found}
            running.update(*(part.letters - sizes for _, part in beside))
            parts = [p for p in parts if p not in beside] if beside else []
    return {
        base: part
        for base, part in found.items()
        if base not in whole and _ranges(matrices[base], part)
    }


def _part(
    node: SyntaxNode, plain: Container[str], matrices: Mapping[str, Declaration]
) -> tuple[str, _Part]:
    """The name of which a node is a part or a member, or that it is; and the indices."""
    if node.kind == "selected" and node.args[0].kind == "name":
        base, selectors = node.args[0].value, node.value
        ends = tuple(i for s in selectors if s.is_one and (i := index_of_node(s.first)))
        is_part = all(s.is_one for s in selectors[: len(ends)])  # and all of what is behind
        is_part = is_part and all(s.first is None for s in selectors[len(ends) :])
        alone = len(selectors) == 1
    else:
        name = node.value if node.kind == "name" else ""
        base, ends = parts_of(name if name in plain else _below(name) or name)
        is_part, alone = bool(ends), len(ends) == 1
    sides = [*range(len(ends))] if is_part else []
    if sides and alone and base in matrices:  # `x[i]` of a column or a row
        long = [k for k, side in enumerate(matrices[base].sides or ()) if side.dim != ONE]
        sides = long if len(long) == 1 else []
    return base, _Part(tuple(sides), ends)


def _ranges(s: Declaration, part: _Part) -> tuple[Range, ...]:
    """From 1 to each side at which there are indices; none where a side is no length."""
    assert s.sides is not None
    ends = [index_of(str(s.sides[k].dim)) for k in part.sides]
    found = zip(part.member_letters, ends, strict=True)
    return tuple([Range(t, Index("", 1), end) for t, end in found if end]) * (None not in ends)


def _split(s: Declaration, places: Mapping[str, _Part], said: list[str]) -> Iterator[Declaration]:
    """A declaration without what is read as a family, and these families."""
    kept = tuple([n for n in s.names if n.name not in places])
    if kept:
        yield replace(s, names=kept)
    one = TypedDimension(ONE, ())
    for named in (n for n in s.names if n.name in places):
        assert s.sides is not None
        part = places[named.name]
        rows, cols = (one if k in part.sides else side for k, side in enumerate(s.sides))
        ranges = _ranges(s, part)
        words = tuple([w for w in s.words if w.name in _OF_EACH])
        yield replace(s, names=(named,), sides=(rows, cols), words=words, ranges=ranges)
        entry = member(named.name, *(Index(r.letter) for r in ranges))
        shape = shape_text((rows.dim, cols.dim)) if (rows, cols) != (one, one) else "scalar"
        said.append(
            f"`{named.name}` is read as the family `{entry} : {shape} for {written(ranges)}`."
        )
