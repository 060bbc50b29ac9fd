"""Entries beside members, `sum(i, j) (R[i,j] - u[i]' v[j])^2`: a matrix of which a text has entries
alone is read as the family of these numbers, and `u_i` as a member of the family `u`."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from dataclasses import replace

from ...core.dims import ONE
from ...core.indices import Index, Member, Range, index_of, member, parts, written
from ..syntax.index_binders import BELOW, sums_among, written_out
from ..syntax.selections import index_of_node, plain_of
from ..syntax.tree import (
    Asked,
    Declaration,
    Definition,
    PlacedName,
    Statement,
    SyntaxNode,
    expressions_of,
    opened,
    postorder,
    transformed,
    with_expressions,
)
from .entry_definitions import families_among

_OF_EACH = ("positive", "nonneg", "unit", "const")  # attributes that hold entry by entry
_LETTERS = "ijklrst"


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
    heads = {name: member(name, *map(Index, letters)) for name, letters in places.items()}
    return _with_members(split, heads, plain, places), said


def _declared_below(statements: Sequence[Statement]) -> dict[str, Member]:
    """The members that are declared as `u_i : k for i = 1..m`, by what is typed."""
    found: dict[str, Member] = {}
    for s in (s for s in statements if isinstance(s, Declaration) and s.ranges):
        letters = {over.letter for over in s.ranges}
        for name, _ in s.names:
            below = _below(name)
            if below is not None and _letters_of(below.indices) == letters:
                found[name] = below
    return found


def _below(name: str) -> Member | None:
    """`R_ij` and `u_1` as the members that they may be."""
    m = None if isinstance(name, Member) else BELOW.fullmatch(written_out(name))
    if m is None or ":" in m["index"]:
        return None
    places = [m["index"]] if m["index"].isdigit() else [*m["index"]]
    return member(m["base"], *(Index("", int(c)) if c.isdigit() else Index(c) for c in places))


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
) -> dict[str, tuple[str, ...]]:
    """The declared matrices and columns of which there are entries alone, some of them beside a
    member that has a letter of theirs, or with two letters in one index; and letters for the
    indices of each."""
    declared = [s for s in statements if isinstance(s, Declaration)]
    ranks = {
        name: len(ranges)
        for s in declared
        if s.sides is not None and not (s.ranges or s.equations)
        for ranges in [_ranges(s, _LETTERS)]
        for name, _ in s.names
        if ranges
    }
    sizes = {t for s in declared for side in s.sides or () for t in side.dim.names}
    sizes.update(n.name for s in declared for n in s.names if s.words and s.sides is None)
    nodes = (n for s in statements for e in expressions_of(s) for n in postorder(e))
    ranges, bound = sums_among(nodes)
    sizes |= {t for over in ranges for t in over.letters} - bound
    whole: set[str] = set()
    found: dict[str, tuple[str, ...]] = {}
    for root in (e for s in statements for e in expressions_of(s)):
        entries: list[tuple[str, Sequence[Index]]] = []
        running: set[str] = set()
        inner: set[SyntaxNode] = set()  # the names of what is indexed
        typed = list(postorder(root))
        for node in reversed(typed):
            base, indices = _entry(node, plain)
            if base in ranks and len(indices) == ranks[base]:
                entries.append((base, indices))
                inner |= {*node.args}
            elif base in ranks and node not in inner:
                whole.add(base)
            elif base in families:
                running |= _letters_of(indices) - sizes
        whole.update(n.value for n in {*opened(root)} - {*typed} if n.kind == "name")
        running.update(*(_letters_of(at) for _, at in entries if any(_moves(i, sizes) for i in at)))
        while entries:
            beside = [e for e in entries if _letters_of(e[1]) & running]
            found |= {base: _places(at) for base, at in beside if base not in found}
            running.update(*(_letters_of(at) - sizes for _, at in beside))
            entries = [e for e in entries if e not in beside] if beside else []
    return {base: letters for base, letters in found.items() if base not in whole}


def _entry(node: SyntaxNode, plain: Container[str]) -> tuple[str, Sequence[Index]]:
    """The name of an entry or a member, or one alone, and the indices; none of anything else."""
    if node.kind == "selected" and node.args[0].kind == "name":
        indices = [index_of_node(s.first) if s.is_one else None for s in node.value]
        known = [i for i in indices if i is not None]
        return node.args[0].value, known if len(known) == len(indices) else []
    if node.kind != "name":
        return "", ()
    return parts(node.value if node.value in plain else _below(node.value) or node.value)


def _letters_of(indices: Sequence[Index]) -> set[str]:
    return {t for i in indices for t in i.terms}


def _moves(index: Index, sizes: set[str]) -> bool:
    """Whether an index has two letters, `t+j-1`, that are no sizes."""
    return len(index.terms.keys() - sizes) > 1


def _places(indices: Sequence[Index]) -> tuple[str, ...]:
    """A letter of its own for each index: the one that it has, where it is alone."""
    found: list[str] = []
    for i in indices:
        free = (t for t in (i.letter, *_LETTERS) if t and t not in found)
        found.append(next(free))
    return tuple(found)


def _ranges(s: Declaration, letters: Sequence[str]) -> tuple[Range, ...]:
    """From 1 to each side that is more than one; none where a side is no length."""
    sides = [side.dim for side in s.sides or () if side.dim != ONE]
    ends = [index_of(str(dim)) for dim in sides]
    found = zip(letters, ends, strict=False)
    return tuple([Range(t, Index("", 1), end) for t, end in found if end]) * (None not in ends)


def _split(
    s: Declaration, places: Mapping[str, tuple[str, ...]], said: list[str]
) -> Iterator[Declaration]:
    """A declaration without what is read as a family, and the families of numbers."""
    kept = tuple([n for n in s.names if n.name not in places])
    if kept:
        yield replace(s, names=kept)
    for named in (n for n in s.names if n.name in places):
        ranges = _ranges(s, places[named.name])
        words = tuple([w for w in s.words if w.name in _OF_EACH])
        scalar = PlacedName("scalar", named.span)
        yield replace(s, names=(named,), sides=None, words=(scalar, *words), ranges=ranges)
        entry = member(named.name, *(Index(r.letter) for r in ranges))
        said.append(f"`{named.name}` is read as its entries, `{entry}` for {written(ranges)}.")
