"""Families: values with an index, of which a problem says what one member is.

A `Segment` is a line of the text: the members that it declares or defines. Members are symbols
whose names carry the index, so that the engine derives with the generic member as with any other.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Container, Iterable, Iterator, Sequence, Set
from dataclasses import replace
from itertools import chain, count

from .dims import Dim, Extent, Shape
from .equations import EquationSystem
from .errors import Span
from .expr import (
    PRODUCT,
    SUM,
    Dimension,
    Expr,
    Name,
    Named,
    Symbol,
    Total,
    eye,
    symbol,
    total,
    zeros,
)
from .indices import (
    Incomparable,
    Index,
    Indices,
    Range,
    at_most,
    by_size,
    dim_of,
    member,
    name_of,
    parts,
    renamed_dim,
    renamed_shape,
    within,
)
from .named_tuples import NamedTuple
from .records import dataclass
from .regexes import regex
from .traversal import postorder, redimensioned, replaced

_WORDS = regex(r"\w+")
COTANGENT = "G"
Place = tuple[Index, ...]  # of a member among others: an index for each axis of its family
MemberBox = tuple[Place, Place]  # the members from one to another along each axis


@dataclass(frozen=True, slots=True, eq=False)
class Segment:
    """The members `base[indices]`, one or, with `ranges`, one for all values of their letters.

    `shape` is that of the member at `indices`; without a `body` the members are inputs. Along the
    axes that are `padded`, members outside of the ranges are zero."""

    base: str
    indices: Place
    ranges: tuple[Range, ...]
    shape: Shape
    body: Expr | None = None
    attributes: frozenset[str] = frozenset()
    span: Span | None = None
    padded: frozenset[int] = frozenset()

    @property
    def name(self) -> str:
        return member(self.base, *self.indices)

    @property
    def box(self) -> MemberBox:
        return box_of(self.indices, self.ranges)

    @property
    def first(self) -> Place:
        return self.box[0]

    @property
    def last(self) -> Place:
        return self.box[1]

    def values(self, at: Place) -> Indices:
        """What the letters are where the member `at` is meant."""
        own = {r.letter for r in self.ranges}
        pairs = zip(self.indices, at, strict=True)
        return {i.letter: k.plus(-i.offset) for i, k in pairs if i.letter in own}

    def shape_at(self, at: Place) -> Shape:
        """A member's shape. Of a single member it is read as that of one among others: where
        `Z[0]` is m×n[0], `Z[l]` would be m×n[l]."""
        shape, own = self.shape, {r.letter for r in self.ranges}
        for i, k in zip(self.indices, at, strict=True):
            if i.letter not in own and i != k:
                shape = _generalised(shape[0], i, k), _generalised(shape[1], i, k)
        return renamed_shape(shape, self.values(at))

    def symbol(self, at: Place) -> Symbol:
        return symbol(member(self.base, *at), self.shape_at(at), self.attributes)

    def within(self, values: Indices, ranges: tuple[Range, ...]) -> Segment:
        """With letters' values put in, and what is left of the ranges."""
        return replace(
            self,
            indices=within(self.indices, values),
            ranges=ranges,
            shape=renamed_shape(self.shape, values),
            body=None if self.body is None else reindexed(self.body, values),
        )


class MemberSystem(NamedTuple):
    """Equations that determine members, `A[t] Y[t] = Q[t]`, for all values of the letters of the
    ranges."""

    system: EquationSystem
    ranges: tuple[Range, ...]


class Families(NamedTuple):
    """The segments in the order of the text, and the letters of lengths: `L`, `T`; `functions` are
    those of families of elementwise functions, which have no values. Members without a body are
    inputs, or unknowns of `systems`."""

    segments: tuple[Segment, ...]
    lengths: tuple[str, ...]
    functions: tuple[Segment, ...] = ()
    systems: tuple[MemberSystem, ...] = ()

    def of(self, base: str) -> list[Segment]:
        return [s for s in self.segments if s.base == base]

    @property
    def unknowns(self) -> Sequence[Symbol]:
        """The members that equations determine."""
        return [u for one in self.systems for u in one.system.unknowns]

    def of_unknown(self, s: Segment) -> MemberSystem | None:
        """What determines the members of a segment, if equations do."""
        named = ((u.name, x) for x in self.systems for u in x.system.unknowns)
        return next((x for name, x in named if name == s.name), None)

    def is_input(self, s: Segment) -> bool:
        """Whether the members of a segment are given."""
        return s.body is None and self.of_unknown(s) is None

    def contents(self, s: Segment) -> Sequence[Expr]:
        """The expressions by which the members of a segment are determined; none of inputs."""
        found = self.of_unknown(s)
        if found is not None:
            return found.system.residuals
        return () if s.body is None else (s.body,)

    def running(self, indices: Iterable[Index]) -> list[str]:
        """The letters of indices that run over a family, and are no length's."""
        found = dict.fromkeys(letter for i in indices for letter in i.terms)
        return [letter for letter in found if letter not in self.lengths]

    def first(self, base: str) -> Place:
        """The indices of the first input, or function, of a family: those of an array's first
        entry."""
        inputs = (s for s in (*self.segments, *self.functions) if s.body is None)
        boxes = [s.box for s in inputs if s.base == base]
        return around(boxes)[0] or (Index("", 1),)


NO_FAMILIES = Families((), ())  # those of a plain problem


def box_of(indices: Iterable[Index], ranges: Sequence[Range]) -> MemberBox:
    """From where to where indices run."""
    ends = [i.ends(ranges) for i in indices]
    return tuple(low for low, _ in ends), tuple(high for _, high in ends)


def around(boxes: Collection[MemberBox]) -> MemberBox:
    """From the first member of all boxes to the last one."""
    lows, highs = (zip(*(box[end] for box in boxes), strict=True) for end in (0, 1))
    first = tuple(min(axis, key=by_size) for axis in lows)
    return first, tuple(max(axis, key=by_size) for axis in highs)


def extent_of(box: MemberBox) -> Extent:
    """How many members there are along each axis."""
    return tuple(dim_of(b.minus(a).plus(1)) for a, b in zip(*box, strict=True))


def along(box: MemberBox, axis: int, first: Index, last: Index) -> MemberBox:
    """The box with other ends along an axis."""
    (low, high), after = box, axis + 1
    return (*low[:axis], first, *low[after:]), (*high[:axis], last, *high[after:])


def lies_in(box: MemberBox, around: MemberBox) -> bool:
    """Whether a box is part of another one. Raises Incomparable."""
    below = all(at_most(a, b) for a, b in zip(around[0], box[0], strict=True))
    return below and all(at_most(a, b) for a, b in zip(box[1], around[1], strict=True))


def is_inside(box: MemberBox, around: MemberBox) -> bool:
    """Whether a box is known to be part of another one."""
    try:
        return lies_in(box, around)
    except Incomparable:
        return False


def meet(a: MemberBox, b: MemberBox) -> bool:
    """Whether two boxes have a member in common. Raises Incomparable."""
    unknown: Incomparable | None = None
    for low, high in chain(zip(a[0], b[1], strict=True), zip(b[0], a[1], strict=True)):
        try:
            if not at_most(low, high):
                return False
        except Incomparable as error:  # another end may still tell
            unknown = error
    if unknown is not None:
        raise unknown
    return True


def may_meet(a: MemberBox, b: MemberBox) -> bool:
    """Whether two boxes may have a member in common."""
    try:
        return meet(a, b)
    except Incomparable:
        return True


def joined(a: MemberBox, b: MemberBox) -> MemberBox | None:
    """Both boxes as one; None if the second doesn't follow on the first along one axis."""
    apart = [k for k in range(len(a[0])) if (a[0][k], a[1][k]) != (b[0][k], b[1][k])]
    if len(apart) != 1 or a[1][apart[0]].plus(1) != b[0][apart[0]]:
        return None
    return a[0], b[1]


def covers(boxes: Sequence[MemberBox], wanted: MemberBox, axis: int = 0) -> Place | None:
    """The first place of a box that no other has; None if there is none. Raises Incomparable."""
    if axis == len(wanted[0]):
        return None if boxes else ()
    position, last = wanted[0][axis], wanted[1][axis]
    for _ in range(2 * len(boxes) + 1):
        if not at_most(position, last):
            return None
        here = [
            (low, high)
            for low, high in boxes
            if at_most(low[axis], position) and at_most(position, high[axis])
        ]
        missing = covers(here, wanted, axis + 1)
        if missing is not None:
            return (position, *missing) if here else (position, *wanted[0][axis + 1 :])
        ends = [high[axis].plus(1) for _, high in here]
        if axis + 1 < len(wanted[0]):
            ends += [low[axis] for low, _ in boxes if not at_most(low[axis], position)]
        position = min(ends, key=by_size) if axis + 1 < len(wanted[0]) else ends[0]
    return (position, *wanted[0][axis + 1 :]) if at_most(position, last) else None


def reindexed(e: Expr, values: Indices, summed: Callable[[Total], Expr] | None = None) -> Expr:
    """The expression with letters' values put in; `summed` may say what sums over members are."""

    def bound(x: Total) -> Expr:  # its own letter is bound within
        letter, over, free = x.over.letter, x.over, letters_in(x)
        inner = {k: v for k, v in values.items() if k in free}
        if any(letter in v.terms for v in inner.values()):
            used = {*_names_in(x), *(t for v in inner.values() for t in v.terms)}
            other = next(c for c in index_letters() if c not in used)
            inner[letter], over = Index(other), over.lettered(other)
        body, over = reindexed(x.args[0], inner), over.within(inner)
        count = over.last.minus(over.first).plus(1)
        if not count.terms and count.offset <= 0 and x.fold in (SUM, PRODUCT):
            return zeros(*body.shape) if x.fold == SUM else eye(body.shape[0])
        return total(body, over, x.fold)

    (found,) = redimensioned(
        [e],
        lambda dim: renamed_dim(dim, values),
        lambda x: name_of(x.base, within(x.indices, values)),
        summed or bound,
    )
    return found


def with_own_letters(e: Expr, outside: Set[str], taken: Set[str]) -> Expr:
    """The expression with another letter for each sum over members that binds one from outside:
    `T[k]' (sum(j = 1..K) T[j] W[j])` for `T[k]' (sum(k = 1..K) T[k] W[k])`. Names that are taken
    are left alone; the bodies of definitions stay."""

    def put(x: Expr) -> Expr | None:
        if not isinstance(x, Total):
            return x if isinstance(x, Name) else None
        (body,), over = x.args, x.over
        if over.letter in outside:
            used = {*_names_in(body), *taken, *outside}
            letter = next(c for c in index_letters() if c not in used)
            body, over = reindexed(body, {over.letter: Index(letter)}), over.lettered(letter)
        return total(with_own_letters(body, {*outside, over.letter}, taken), over, x.fold)

    return replaced(e, put)


def index_letters() -> Iterator[str]:
    """Letters for an index, in the order in which they are taken."""
    return chain("jikpqrst", (f"j{i}" for i in count(1)))


def _names_in(e: Expr) -> Iterator[str]:
    """Names, dimensions and letters of indices that occur in an expression."""
    for x in postorder([e]):
        yield from _names_of(x)


def _names_of(x: Expr) -> Iterator[str]:
    """Those that a node has itself."""
    names = [n for d in x.shape for n in d.names]
    if isinstance(x, (Named, Dimension)):
        names.append(x.name)
    elif isinstance(x, Total):
        yield from (x.over.letter, *x.over.letters)
    for name in names:
        base, indices = parts(name)
        yield name
        yield from (letter for i in indices for letter in i.terms)
        if base.startswith("("):  # the text of what it stands for, in which sums have letters
            yield from _WORDS.findall(base)


def at_index(s: Symbol, values: Indices) -> Symbol:
    """A symbol with letters' values put in."""
    name = name_of(s.base, within(s.indices, values))
    return symbol(name, renamed_shape(s.shape, values), s.attributes)


def members_in(e: Expr) -> Iterable[tuple[Symbol, tuple[Range, ...]]]:
    """The symbols with indices, and the ranges of the running sums in which they stand."""
    stack: list[tuple[Expr, tuple[Range, ...]]] = [(e, ())]
    while stack:
        root, ranges = stack.pop()
        for x in postorder([root], into=lambda x: not isinstance(x, Total)):
            if isinstance(x, Total):
                stack.append((x.args[0], (*ranges, x.over)))
            elif isinstance(x, Symbol) and x.indices:
                yield x, ranges


def letters_in(e: Expr) -> set[str]:
    """The letters of indices and dimensions in an expression that no running sum in it binds."""
    found: set[str] = set()
    stack: list[tuple[Expr, frozenset[str]]] = [(e, frozenset())]
    while stack:
        root, bound = stack.pop()
        for x in postorder([root], into=lambda x: not isinstance(x, Total)):
            if isinstance(x, Total):
                found |= x.over.letters - bound
                stack.append((x.args[0], bound | {x.over.letter}))
            else:
                found |= {*_names_of(x)} - bound
    return found


def live(families: Families, roots: Iterable[Expr]) -> set[str]:
    """The families on which expressions depend."""
    found: set[str] = set()
    stack = [*roots]
    while stack:
        for x, _ in members_in(stack.pop()):
            if x.base not in found:
                found.add(x.base)
                stack += chain.from_iterable(map(families.contents, families.of(x.base)))
    return found


def cotangent_names(
    families: Families, roots: Iterable[Expr], taken: Container[str]
) -> dict[str, str]:
    """What the gradients by the members of each family that is defined are called: `G`, or `G_Z`
    where the roots depend on several; what is taken gets `_` behind it."""
    used = live(families, roots)
    defined = list(dict.fromkeys(s.base for s in families.segments if families.contents(s)))
    alone = sum(base in used for base in defined) == 1
    names: dict[str, str] = {}
    for base in defined:
        name = COTANGENT if alone else f"{COTANGENT}_{base}"
        while name in taken or (not alone and name in names.values()):
            name += "_"
        names[base] = name
    return names


def _generalised(dim: Dim, index: Index, at: Index) -> Dim:
    new = {}
    for name in dim.names:
        base, indices = parts(name)
        if indices and all(i.terms == index.terms for i in indices):
            moved = (at.plus(i.offset - index.offset) for i in indices)
            new[name] = Dim.of(member(base, *moved))
    return dim.substitute(new)
