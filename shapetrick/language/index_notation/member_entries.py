"""Entries beside members, `sum(i, j) (R[i,j] - u[i]' v[j])^2`: a matrix of which a text has entries
alone, or rows, is read as the family of these, and `u_i` as a member of the family `u`."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from ...core.dims import ONE, shape_text
from ...core.errors import NameProblem
from ...core.indices import Index, Member, Range, base_of, index_of, member, written
from ...core.indices import parts as parts_of
from ...core.named_tuples import NamedTuple
from ..syntax.index_binders import PRODUCTS, is_product, parts_below, spine, sums_among
from ..syntax.member_ranges import ranges_said, running_letters
from ..syntax.selections import index_of_node, plain_of
from ..syntax.tree import (
    ATTRIBUTES,
    KINDS,
    Asked,
    Declaration,
    Definition,
    PlacedName,
    Statement,
    SyntaxNode,
    TypedDimension,
    expressions_of,
    name_node,
    nodes_of,
    opened,
    postorder,
    transformed,
    values_named,
    with_expressions,
)
from .entry_definitions import families_among, line_of

_OF_EACH = ("positive", "nonneg", "unit", "const")  # attributes that hold entry by entry
_LETTERS = "ijklrst"


class _Family(NamedTuple):
    """A name that is read as a family: its member, over what this runs, and the sides at which a
    matrix has these."""

    member: Member
    ranges: tuple[Range, ...]
    sides: tuple[int, ...] = ()


class _Part(NamedTuple):
    """What is taken of a value: at which sides, none if it is no entry and no row, and the indices
    there."""

    base: str
    sides: tuple[int, ...]
    indices: tuple[Index, ...]

    @property
    def letters(self) -> set[str]:
        return {t for i in self.indices for t in i.terms}

    def family(self, s: Declaration) -> _Family | None:
        """The family of such parts of what is declared; None where a side is no length."""
        assert s.sides is not None
        letters: list[str] = []  # one of its own for each index: that which it has, if it is alone
        for i in self.indices:
            letters.append(next(t for t in (i.letter, *_LETTERS) if t and t not in letters))
        ends = [index_of(str(s.sides[k].dim)) for k in self.sides]
        found = zip(letters, ends, strict=True)
        ranges = tuple([Range(t, Index("", 1), end) for t, end in found if end is not None])
        whole = member(self.base, *map(Index, letters))
        return _Family(whole, ranges, self.sides) if len(ranges) == len(ends) else None


def with_member_entries(statements: Sequence[Statement]) -> tuple[list[Statement], list[str]]:
    """The statements with entries beside members as members, and what is said of that. Raises
    NameProblem."""
    said: list[str] = []
    plain = plain_of(statements)
    statements = _split(statements, _left_out(statements, plain), said)
    found, read, families, known = statements, dict[str, _Family](), set[str](), -1
    while known != len(families):
        known = len(families)
        families |= families_among(found, {*families, *read})
        heads = _typed_below(found, families)
        families.update(m.base for m in heads.values())
        if not families and not any(
            n.kind == "selected" or isinstance(n.value, Member) for n in nodes_of(statements)
        ):
            return statements, said
        found = _with_members(found, heads, plain, families)
        read |= _read_as_families(found, plain, families)
    heads = {name: family.member for name, family in read.items()}
    return _with_members(_split(found, read, said), heads, plain, read), said


def _typed_below(statements: Sequence[Statement], families: set[str]) -> dict[str, Member]:
    """The members that are declared or defined as `u_i : k for i = 1..m`, or by those of families,
    `s_i = w' u_i`, by what is typed."""
    found: dict[str, Member] = {}
    sizes = _sizes(statements) if families else set()
    defined = (_below(s.name.name) for s in statements if isinstance(s, Definition))
    recurrent = {m.base for m in defined if m is not None and any(i.letter for i in m.indices)}
    recurrent &= families
    for s in (s for s in statements if isinstance(s, (Declaration, Definition))):
        letters = {over.letter for over in s.ranges}
        if isinstance(s, Definition) and families:
            nodes = list(postorder(s.body))
            uses = (parts_of(_below(n.value) or n.value) for n in nodes if n.kind == "name")
            running = {t for base, at in uses if base in families for i in at for t in i.terms}
            letters |= running - sums_among(nodes)[1] - sizes
        for name, _ in values_named(s):
            below = None if isinstance(name, Member) else _below(name)
            if below is None:
                continue
            own = {t for i in below.indices for t in i.terms}
            runs = own & letters if isinstance(s, Definition) else own and own <= letters
            if runs or (not own and below.base in recurrent):  # `h_0`, beside `h_t = …`
                found[name] = below
    return found


def _below(name: str) -> Member | None:
    """`R_ij` and `u_1` as the members that they may be; a member as it is."""
    if isinstance(name, Member):
        return name
    base, index = parts_below(name)
    if not base and name[-2:-1] == "_" and name[-1].isupper():  # the last one, `h_T`
        base, index = name[:-2], name[-1]
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
    """The statements with `u_i` as a member of the family `u`, or as a column of rows `U[i]`, and
    other names for heads."""

    def meant(name: str) -> str:
        below = None if name in plain and name not in heads else _below(name)
        return name if below is None or below.base not in families else below

    def read(node: SyntaxNode) -> SyntaxNode:
        if node.kind == "selected" and node.args[0].value in heads:  # `Y[i,:]`
            ends = [index_of_node(s.first) for s in node.value if s.is_one]
            return name_node(member(node.args[0].value, *(i for i in ends if i)), node.span)
        row, index = line_of(node.value, plain) if node.kind == "name" else ("", "")
        if row in heads:
            whole = name_node(member(row, Index(index)), node.span)
            return SyntaxNode("'", (whole,), None, node.span)
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


def _split(
    statements: Sequence[Statement], families: Mapping[str, _Family], said: list[str]
) -> list[Statement]:
    """The statements with declarations of their own for names that are read as families."""
    found: list[Statement] = []
    one = TypedDimension(ONE, ())
    for s in statements:
        if not isinstance(s, Declaration) or families.keys().isdisjoint(n.name for n in s.names):
            found.append(s)
            continue
        for named in s.names:
            if named.name not in families:
                found.append(replace(s, names=(named,)))
                continue
            whole, ranges, taken = families[named.name]
            rows, cols = s.sides or (one, one)
            sides = (one if 0 in taken else rows, one if 1 in taken else cols)
            dropped = {*ATTRIBUTES} - {*_OF_EACH} if taken else {KINDS[0]}
            words = tuple([w for w in s.words if w.name not in dropped])
            found.append(replace(s, names=(named,), sides=sides, words=words, ranges=ranges))
            shape = shape_text((sides[0].dim, sides[1].dim))
            shape = KINDS[0] if sides == (one, one) else shape
            said.append(
                f"`{named.name}` is read as the family `{whole} : {shape} for {written(ranges)}`."
            )
    return found


def _left_out(statements: Sequence[Statement], plain: Container[str]) -> dict[str, _Family]:
    """The families that are declared without a range, `x_i : d` beside `sum(i = 1..n)`. Raises
    NameProblem where nothing tells it."""
    typed = {
        n: below
        for s in statements
        if isinstance(s, Declaration) and not (s.ranges or s.equations)
        for n in s.names
        if (below := _below(n.name)) is not None
        and (s.sides or not {"natural", "elementwise"} & {word for word, _ in s.words})
    }
    nodes = list(nodes_of(statements)) if typed else []
    given, summed = sums_among(nodes)
    found = {n: below for n, below in typed.items() if summed >= {i.letter for i in below.indices}}
    if not found:
        return {}
    told = [over for s in statements for over in ranges_said(s)]
    told += [over for over in given if not over.letters & summed]
    matrices = _matrices(statements)
    for base, sides, indices in (_part(n, plain, matrices) for n in nodes):
        for k, index in zip(sides, indices, strict=False) if base in matrices else ():
            end = index_of(str((matrices[base].sides or ())[k].dim))
            if end is not None and index == Index(index.letter):
                told.append(Range(index.letter, Index("", 1), end))
    uses = [*found.values(), *(m for n in nodes if n.kind == "name" and (m := _below(n.value)))]

    def running(n: PlacedName, axis: int, letter: str) -> Range:
        """Over what an index runs: all that stands there."""
        at = {m.indices[axis] for m in uses if m.base == found[n].base and len(m.indices) > axis}
        moved = [(over, i.offset) for i in at for over in told if over.letter == i.letter]
        firsts = [over.first.plus(k) for over, k in moved]
        lasts = [over.last.plus(k) for over, k in moved]
        is_one = len({end._replace(offset=0) for end in lasts}) == 1
        if not is_one or any(i.letter for i in firsts) or any(i.others for i in at):
            raise NameProblem(
                f"nothing says which numbers `{letter}` is in `{n.name}`: end the line with "
                f"`for {letter} = 1..L`.",
                n.span,
            )
        return Range(letter, min(firsts), max(lasts))

    return {
        n.name: _Family(
            below, tuple([running(n, axis, i.letter) for axis, i in enumerate(below.indices)])
        )
        for n, below in found.items()
    }


# -------------------------------------------------------------- matrices that are read as families


class _Uses(NamedTuple):
    """What an expression takes: parts of declared matrices, matrices as a whole, and the letters
    that run over members, or are summed where members stand."""

    parts: list[_Part]
    whole: set[str]
    running: set[str]


def _read_as_families(
    statements: Sequence[Statement], plain: Container[str], families: Container[str]
) -> dict[str, _Family]:
    """The declared matrices and columns of which there are entries alone, or rows, some of them
    beside a member, or with two letters in one index. Not columns: an array of these would have its
    sides turned."""
    matrices, sizes = _matrices(statements), _sizes(statements)
    whole: set[str] = set()
    found: dict[str, _Part] = {}
    taken: dict[str, tuple[int, ...]] = {}
    for s, root in ((t, e) for t in statements for e in expressions_of(t)):
        uses = _uses(root, plain, matrices, families)
        whole |= uses.whole
        whole |= {p.base for p in uses.parts if taken.setdefault(p.base, p.sides) != p.sides}
        is_member = any(base_of(name) in families for name, _ in values_named(s))
        running = (uses.running | running_letters(s) if is_member else uses.running) - sizes
        for part in uses.parts:
            if any(len(i.terms.keys() - sizes) > 1 for i in part.indices):  # `x[t+j-1]`
                running |= part.letters
        for part in _beside(uses.parts, running, sizes):
            found.setdefault(part.base, part)
    read = {base: p.family(matrices[base]) for base, p in found.items() if base not in whole}
    return {base: family for base, family in read.items() if family is not None}


def _beside(parts: Sequence[_Part], running: set[str], sizes: set[str]) -> list[_Part]:
    """The parts with letters that run, and with those that stand in such parts."""
    while True:
        found = [part for part in parts if part.letters & running]
        more = {t for part in found for t in part.letters} - sizes
        if more <= running:
            return found
        running = running | more


def _matrices(statements: Iterable[Statement]) -> dict[str, Declaration]:
    """The declared matrices that are no families and no unknowns."""
    declared = [s for s in statements if isinstance(s, Declaration) and s.sides is not None]
    single = [s for s in declared if not (s.ranges or s.equations)]
    return {name: s for s in single for name, _ in s.names}


def _sizes(statements: Sequence[Statement]) -> set[str]:
    """The letters that are lengths: in shapes, declared as numbers, or ends of ranges."""
    declared = [s for s in statements if isinstance(s, Declaration)]
    found = {t for s in declared for side in s.sides or () for t in side.dim.names}
    found.update(n.name for s in declared for n in s.names if s.words and s.sides is None)
    ranges, bound = sums_among(nodes_of(statements))
    ranges += [over for s in statements for over in ranges_said(s)]
    ends = {t for over in ranges for t in over.letters}
    return found | (ends - bound - {over.letter for over in ranges})


def _uses(
    root: SyntaxNode,
    plain: Container[str],
    matrices: Mapping[str, Declaration],
    families: Container[str],
) -> _Uses:
    """What an expression takes of matrices and families."""
    typed = list(postorder(root))
    placed = {node: _part(node, plain, matrices) for node in typed}
    taken = {node: part for node, part in placed.items() if part.base in matrices}
    indexed = {a for node, part in taken.items() if part.sides for a in node.args}
    whole = {p.base for node, p in taken.items() if not p.sides and node not in indexed}
    whole.update(n.value for n in {*opened(root)} - {*typed} if n.kind == "name")
    running = {t for part in placed.values() if part.base in families for t in part.letters}
    inner = {n.args[0] for n in typed if n.args and is_product(n.args[0])}
    holding: set[SyntaxNode] = set()  # what has members
    for node in typed:
        if placed[node].base in families or not holding.isdisjoint(node.args):
            holding.add(node)
            running |= set() if node in inner else sums_among(_factors(node))[1]
    return _Uses([part for part in taken.values() if part.sides], whole, running)


def _factors(node: SyntaxNode) -> Iterator[SyntaxNode]:
    """The factors of a product, without their signs; of anything else, itself."""
    nodes = spine(node) if node.kind in PRODUCTS else []
    for factor in [nodes[0].args[0], *(n.args[1] for n in nodes)] if nodes else [node]:
        yield factor.args[0] if factor.kind == "neg" else factor


def _part(node: SyntaxNode, plain: Container[str], matrices: Mapping[str, Declaration]) -> _Part:
    """The part or member that a node is, or the value."""
    if node.kind == "selected" and node.args[0].kind == "name":
        base, selectors = node.args[0].value, node.value
        ends = tuple(i for s in selectors if s.is_one and (i := index_of_node(s.first)))
        is_part = all(s.is_one for s in selectors[: len(ends)])  # and all of what is behind
        is_part = is_part and all(s.first is None for s in selectors[len(ends) :])
        alone = len(selectors) == 1
    else:
        name = node.value if node.kind == "name" else ""
        row, index = line_of(name, plain)
        if row:
            return _Part(row, (0,), (Index(index),))
        base, ends = parts_of(name if name in plain else _below(name) or name)
        is_part, alone = bool(ends), len(ends) == 1
    sides = [*range(len(ends))] if is_part else []
    if base in matrices and len(ends) > 2:  # which has no such entries
        sides = []
    elif sides and alone and base in matrices:  # `x[i]` of a column or a row
        long = [k for k, side in enumerate(matrices[base].sides or ()) if side.dim != ONE]
        sides = long if len(long) == 1 else []
    return _Part(base, tuple(sides), ends)
