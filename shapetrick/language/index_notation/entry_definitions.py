"""Statements by entries: `p[i] = x[i] / s` defines a value, `grad J wrt x[i]` asks for one; whether
a text has letters at all."""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence
from dataclasses import replace
from itertools import chain

from ...core.errors import ParseError, RequestError
from ...core.indices import Index, Member, Range, base_of, parts
from ...core.named_tuples import NamedTuple
from ..syntax.index_binders import (
    BINDERS,
    DELTAS,
    base_below,
    below,
    capital_of,
    parts_below,
    summed_by,
    written_out,
)
from ..syntax.member_ranges import member_letters, member_of, ranges_said
from ..syntax.selections import Selector, plain_of
from ..syntax.tree import (
    RUNNING,
    Asked,
    Declaration,
    Definition,
    PlacedName,
    Statement,
    SyntaxNode,
    expressions_of,
    given_by,
    nodes_of,
    postorder,
    values_named,
)

_INDEXED = {"selected", *RUNNING}  # kinds of nodes that have an index of themselves


class EntryHead(NamedTuple):
    """The letters of what is defined by its entries, and the range that is given for one. An empty
    letter stands for the right side's own entries, where that is a row or column; `h_i = …` may
    have one, which only shapes tell. Of members, the letters that `run`: `y[i] = sum(j ≠ i) x[j]`
    binds j alone."""

    letters: tuple[str, ...] = ()
    over: Range | None = None
    may_have_rows: bool = False
    run: frozenset[str] = frozenset()


def defined_by_entries(
    statements: Sequence[Statement],
) -> tuple[list[Statement], dict[str, EntryHead]]:
    """The statements with `Y[i,k] = …` as definitions of matrices, and the letters of each. Raises
    ParseError."""
    heads: dict[str, EntryHead] = {}
    found: list[Statement] = []
    plain = plain_of(statements)
    known = set(plain)  # without what turns out to be an entry
    families = families_among(statements)
    given = given_by(statements)
    ends = {letter for s in given for r in s.ranges for letter in r.letters}
    for statement in statements:
        s = statement
        if isinstance(s, Definition) and isinstance(s.name.name, Member):
            base, indices = s.name.name.base, s.name.name.indices
            letters = letters_of(s.name.name)
            different = len(set(letters)) == len(indices) and "" not in letters
            if different and not ends & {*letters} and _is_by_entries(s, letters, families):
                if len(s.ranges) > 1:
                    raise ParseError(
                        f"`{base}` is one matrix, of which all entries are defined at once: leave "
                        "out `for …`, or declare what its right side uses as families.",
                        s.name.span,
                    )
                heads[base] = EntryHead(letters, next(iter(s.ranges), None))
                s = replace(s, name=PlacedName(base, s.name.span), ranges=())
        elif isinstance(s, Definition):
            typed, s = s, _defined_below(s, plain, known, heads)
            known ^= set() if s is typed else {typed.name.name, s.name.name}
        elif isinstance(s, Asked):
            s = _by_entries(s, plain)
        found.append(s)
    return found, heads


def families_among(statements: Sequence[Statement], known: Iterable[str] = ()) -> set[str]:
    """The names that have members: declared so, with a number as an index, or defined by members of
    others, of which some may be `known` besides."""
    families = {
        base
        for s in statements
        for base, indices in (parts(name) for name, _ in values_named(s))
        if indices and (isinstance(s, Declaration) or _is_member(s, indices))
    }
    families.update(known)
    members = [
        (s, s.name.name)
        for s in statements
        if isinstance(s, Definition) and isinstance(s.name.name, Member)
    ]
    while True:
        more = {n.base for s, n in members if not _is_by_entries(s, letters_of(n), families)}
        if more <= families:
            return families
        families |= more


def _is_member(s: Statement, indices: Sequence[Index]) -> bool:
    """Whether a definition with indices is that of one member, as a recurrence's start is."""
    return not isinstance(s, Asked) and any(not i.letter or i.offset for i in indices)


def _defined_below(
    s: Definition, plain: set[str], known: set[str], heads: dict[str, EntryHead]
) -> Definition:
    """`q_i = sum(j) A_ij x_j` as a definition of `q`, where its right side has the index `i`."""
    base, index = parts_below(s.name.name)
    if not index.isalpha() or base in plain:
        return s
    if base in BINDERS:
        said = f"a sum with its range is `{base}({index} = 1..n) x_{index}`."
        raise ParseError(said, s.name.span)
    letters = tuple(index)
    nodes = list(postorder(s.body))
    if len(set(letters)) < len(letters) or not all(_mentions(nodes, t, known) for t in letters):
        return s
    heads[base] = EntryHead(letters, None, len(letters) == 1)
    return replace(s, name=PlacedName(base, s.name.span))


def _mentions(nodes: Sequence[SyntaxNode], letter: str, plain: set[str]) -> bool:
    """Whether an entry of a matrix has an index."""
    for node in nodes:
        if node.kind == "selected" and any(
            letter == n.value for t in node.value for n in names_in(t)
        ):
            return True
        found = below(node.value) if node.kind == "name" and node.value not in plain else None
        if found is None or not any(letter in i.terms for i in found.indices):
            continue
        if not plain.isdisjoint((found.base, capital_of(found.base))):
            return True
    return False


def _by_entries(s: Asked, plain: set[str]) -> Asked:
    """`check ∂f/∂A[i,j] = …` as a claim of the whole, by its entries. Raises RequestError for an
    entry of which nothing is claimed."""
    for name, span in s.wrt:
        base, letters = _entry_of(name, plain)
        of = s.of.value if s.of.kind == "name" and s.claim is not None else ""
        whole, places = _entry_of(of, plain) if base and len(letters) == 1 else ("", ())
        if len(places) == 1:  # `∂y_i/∂x_j`, of a Jacobian
            s, letters = replace(s, of=replace(s.of, value=whole)), (*places, *letters)
        if not base:
            base, index = line_of(name, plain)
            letters = (index, "")
        if not base:
            continue
        distinct = len({*letters}) == len(letters) and (len(letters) == 2 or "" not in letters)
        if s.claim is None or len(s.wrt) > 1 or not distinct:
            raise RequestError(
                f"`{base}` is one matrix or column: its derivative is asked for as a whole, by "
                f"`{base}`; a claim may be by entries, `check ∂f/∂{base}[i] = …`.",
                span,
            )
        return replace(s, wrt=(PlacedName(base, span),), entries=letters)
    return s


def _entry_of(name: str, plain: set[str]) -> tuple[str, tuple[str, ...]]:
    """The matrix or column of an entry, `A[i,j]` or `A_ij`, and its letters; empty for no entry."""
    found = None if name in plain else below(name)
    if found is None or found.base not in plain:
        return "", ()
    return found.base, tuple("" if i.offset else i.letter for i in found.indices)


def line_of(name: str, plain: Container[str]) -> tuple[str, str]:
    """The matrix of which `y_i` is a row, and the index; both empty if it is none."""
    base, index = parts_below(name)
    is_row = len(index) == 1 and base.islower() and base not in plain and name not in plain
    return (capital_of(base), index) if is_row and capital_of(base) in plain else ("", "")


def letters_of(name: Member) -> tuple[str, ...]:
    return tuple(i.letter for i in name.indices if not i.offset)


def _is_by_entries(s: Definition, letters: Sequence[str], families: set[str]) -> bool:
    """Whether the right side has no member of a family with one of the letters, and, where there is
    a range, an entry with it."""
    found = False
    for node in postorder(s.body):
        if node.kind == "selected":
            mentioned = any(n.value in letters for t in node.value for n in names_in(t))
            if mentioned and node.args[0].value in (*families, base_of(s.name.name)):
                return False
            found |= mentioned
        elif (name := member_of(node)) is not None and member_letters(node) & {*letters}:
            if name.base in families or name.base == base_of(s.name.name):
                return False
            found = True
    return found or not s.ranges


def is_indexed(statements: Sequence[Statement]) -> bool:
    """Whether there may be an index, of members, of entries or of a sum, or a length that is a
    difference: a cheap look before close ones."""
    for s in statements:
        named = s.wrt if isinstance(s, Asked) else values_named(s)
        if ranges_said(s) or any("_" in written_out(n) or not n.isalnum() for n, _ in named):
            return True
        sides = s.sides if isinstance(s, Declaration) else None
        if any(k < 0 for side in sides or () for _, k in side.dim.terms):
            return True
    if any(n.kind in _INDEXED or isinstance(n.value, Member) for n in nodes_of(statements)):
        return True
    return has_indices(chain.from_iterable(map(expressions_of, statements)), plain_of(statements))


def has_indices(expressions: Iterable[SyntaxNode], plain: Container[str]) -> bool:
    """Whether something in them may be index notation, of the names that are no families."""
    for node in (n for root in expressions for n in postorder(root)):
        match node.kind:
            case "binder" | "bound":
                return True
            case "selected":
                if any(n.kind == "name" for s in node.value for n in names_in(s)):
                    return True
            case "call" if node.args and node.value.name in BINDERS:  # `sum(t) …` over members
                if all(a.kind == "name" and a.value not in plain for a in node.args):
                    return True
            case "name" if not isinstance(node.value, Member):
                if node.value not in plain and _may_have_index(node, plain):
                    return True
    return False


def _may_have_index(node: SyntaxNode, plain: Container[str]) -> bool:
    base = base_below(node.value)
    known = base in plain or capital_of(base) in plain or base in DELTAS
    return known or summed_by(node) is not None


def names_in(selector: Selector) -> list[SyntaxNode]:
    """The names in a selector; of an entry that is a class, its index."""
    found: list[SyntaxNode] = []
    waiting = list(selector.bounds)
    while waiting:
        node = waiting.pop(0)
        if node.kind == "name":
            found.append(node)
        inner = (b for s in node.value for b in s.bounds) if node.kind == "selected" else node.args
        waiting += inner
    return found
