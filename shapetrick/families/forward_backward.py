"""What the two passes through families compute, for all requests together: every value once.

The forward pass defines the members and what the backward pass keeps of the way to them; the
backward pass defines the cotangents and the gradients. A value without an index, and a sum over
members, is a member too, of a family of its own: so one schedule orders all.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from ..core import expr as ex
from ..core.expr import SUM, Expr, Name, Symbol, Total, as_symbol
from ..core.families import (
    Families,
    Place,
    Segment,
    box_of,
    covers,
    letters_in,
    members_in,
)
from ..core.free_names import free_name
from ..core.indices import Incomparable, Index, Range, at_most, member
from ..core.problem import Problem, Request
from ..core.results import Equation, Result
from ..core.returned import LEFT_OUT, Returned
from ..core.traversal import postorder, replaced, substitute, symbols_of
from .running_products import RunningProducts
from .saved_values import ForwardValue, indices_within, kept_values, last_indices, without_index
from .schedule import body_of
from .unrolled_checks import letters_of
from .unrolling import segments_of

ALONE: Place = (Index("", 0),)  # of a value that has no index


@dataclass(frozen=True, slots=True)
class ForwardBackward:
    """The definitions of both passes. `alone` are the bases without an index, `sums` those whose
    members are added up."""

    forward: tuple[Segment, ...]
    backward: tuple[Segment, ...]
    values: tuple[Returned, ...]
    gradients: tuple[Returned, ...]
    alone: frozenset[str]
    sums: frozenset[str]


def has_several_indices(problem: Problem, results: Sequence[Result]) -> bool:
    """Whether members have several indices, or letters of their own within sums, so that one loop
    over one index doesn't do."""
    recursions = [r.recursion for r in results if r.recursion is not None]
    segments = every_segment(problem, results)
    values = [*(s.body for s in segments), *(q.value for r in recursions for q in r.equations)]
    values += [r.request.of for r in results]
    placed = [(x, over) for e in values if e is not None for x, over in members_in(e)]
    many = any(len(s.indices) > 1 or s.padded for s in segments) or any(
        r.padded for r in recursions
    )
    lengths = {*problem.families.lengths}
    folds = (x for e in values if e is not None for x in postorder([e]) if isinstance(x, Total))
    return (
        many
        or any(x.fold != SUM for x in folds)
        or any(
            len(over) > 1
            or any(i.others for i in x.indices)
            or any(r.where or r.letters - lengths for r in over)
            for x, over in placed
        )
        or any(s.ranges and s.body is not None and _sums_by(s) for s in segments)
    )


def every_segment(problem: Problem, results: Sequence[Result]) -> list[Segment]:
    """Those of the problem, and of the equations of results."""
    equations = [q for r in results if r.recursion is not None for q in r.recursion.equations]
    return [*problem.families.segments, *segments_of(equations)]


def _sums_by(s: Segment) -> bool:
    """Whether a member has sums with its own letter in them."""
    letters = {r.letter for r in s.ranges}
    sums = (x for x in postorder([body_of(s)]) if isinstance(x, Total))
    return any(letters_in(x) & letters for x in sums)


def passes(problem: Problem, results: Sequence[Result], in_arrays: bool = False) -> ForwardBackward:
    """Both passes for these results, all of one problem. Where members are `in_arrays`, what is
    computed at once is not taken apart: sums stay where they are, definitions are names, and
    nothing is kept, since equal values are one; products of matrices are recurrences. Raises
    RequestError."""
    return _PassBuilder(problem, results, in_arrays).found()


@dataclass(slots=True)
class _PassBuilder:
    problem: Problem
    results: Sequence[Result]
    in_arrays: bool = False
    _taken: set[str] = field(default_factory=set)
    _kept: dict[Expr, list[Segment]] = field(default_factory=dict)
    _alone: dict[str, None] = field(default_factory=dict)
    _sums: dict[Expr, Symbol] = field(default_factory=dict)
    _forward: list[Segment] = field(default_factory=list)
    _backward: list[Segment] = field(default_factory=list)
    _products: RunningProducts = field(init=False)

    def __post_init__(self) -> None:
        self._products = RunningProducts(self._free)

    def found(self) -> ForwardBackward:
        families = self._families
        symbols = [*self.problem.symbols.values(), *(q.symbol for q in _cotangents(self.results))]
        self._taken = {*self.problem.definitions, *families.lengths}
        self._taken |= {e.base for e in symbols} | {s.base for s in families.segments}
        if not self.in_arrays:
            self._name_kept()
        forward, backward = self._forward, self._backward
        for s in families.segments:
            if s.body is not None:
                forward.append(replace(s, body=self._prepared(s.body, forward, s.ranges)))
        for s in (s for kept in self._kept.values() for s in kept):
            body = body_of(s)
            inner = {x: self._prepared(x, forward, s.ranges) for x in body.args}
            forward.append(replace(s, body=substitute(body, inner)))
        values = {of: self._value(of, text) for of, text in self._asked().items()}
        gradients: list[Returned] = []
        for i, group in enumerate(self._groups()):
            renaming = self._renaming(group, i)
            self._add_cotangents(group, renaming)
            gradients += [self._gradient(r, renaming) for r in group]
        made = {s.base for s in backward}
        for s in self._products.segments():
            uses = (x.base for x, _ in members_in(body_of(s)))
            (backward if made.intersection(uses) else forward).append(s)
        order = [id(r) for r in self.results]
        gradients.sort(key=lambda a: order.index(id(a.result)))
        return ForwardBackward(
            tuple(forward),
            tuple(backward),
            tuple(values.values()),
            tuple(gradients),
            frozenset(self._alone),
            frozenset(s.base for s in self._sums.values()),
        )

    # ---- what is kept

    def _name_kept(self) -> None:
        """A family for each value on the way to a member that some backward pass reads."""
        found: dict[Expr, dict[ForwardValue, None]] = {}
        for result in self.results:
            assert result.recursion is not None
            for kept in kept_values(self.problem, result.recursion):
                if not kept.is_member:
                    form = without_index(kept.value)
                    found.setdefault(form, {}).update(dict.fromkeys(kept.made))
        for i, (form, made) in enumerate(found.items(), 1):
            base = self._free("A" if len(found) == 1 else f"A{i}")
            self._kept[form] = [
                Segment(base, m.indices, m.ranges, m.value.shape, m.value) for m in made
            ]

    # ---- expressions in members alone

    def _prepared(self, root: Expr, into: list[Segment], ranges: tuple[Range, ...] = ()) -> Expr:
        """The expression with names for what is kept, for definitions and for sums over members;
        these are defined `into` a list."""
        if self.in_arrays:
            return self._products.replaced(root, ranges)
        for x in postorder([root], into=lambda x: not isinstance(x, Total)):  # the inner ones first
            if (
                isinstance(x, Name)
                and x.name in self.problem.definitions
                and x.name not in self._alone
            ):
                self._alone[x.name] = None
                body = self._replaced(x.args[0], into, ranges)
                into.append(Segment(x.name, ALONE, (), x.shape, body))
        return self._replaced(root, into, ranges)

    def _replaced(self, root: Expr, into: list[Segment], ranges: tuple[Range, ...]) -> Expr:
        def put(x: Expr) -> Expr | None:
            stored = self._stored(x, ranges)
            if stored is not None:
                return stored
            if isinstance(x, Name) and x.name in self._alone:
                return ex.symbol(member(x.name, *ALONE), x.shape)
            return self._sum(x, into) if isinstance(x, Total) else None

        return replaced(root, put)

    def _stored(self, x: Expr, ranges: tuple[Range, ...]) -> Expr | None:
        """The member that holds a value which was kept; None if none does."""
        kept = self._kept.get(without_index(x)) if x.args and indices_within(x) else None
        if kept is None:
            return None
        indices = last_indices(x)
        try:
            missing = covers([s.box for s in kept], box_of(indices, ranges))
        except Incomparable:
            return None
        return ex.symbol(member(kept[0].base, *indices), x.shape) if missing is None else None

    def _sum(self, x: Total, into: list[Segment], name: str = "") -> Expr:
        """What a sum over members comes to, each time that it occurs."""
        if x not in self._sums:
            base, over = name or self._free(f"sum_{len(self._sums) + 1}"), x.over
            self._alone[base] = None
            self._sums[x] = ex.symbol(member(base, over.last), x.shape)
            body = self._prepared(x.args[0], into, (over,))
            into.append(Segment(base, (Index(over.letter),), (over,), x.shape, body))
        return self._sums[x]

    # ---- values, cotangents, gradients

    def _asked(self) -> dict[Expr, str]:
        return {r.request.of: r.request.of_text for r in self.results}

    def _value(self, of: Expr, text: str) -> Returned:
        found = self._prepared(of, self._forward)
        if isinstance(found, Symbol) and found.name == member(text, *ALONE):
            return Returned(text, text, of)
        base = of.name if isinstance(of, Name) and self.in_arrays else self._free("value")
        self._alone[base] = None
        self._forward.append(Segment(base, ALONE, (), of.shape, found))
        return Returned(text, base, of)

    def _groups(self) -> list[list[Result]]:
        """The results that share their cotangents: those of one value, with one upstream."""
        groups: dict[tuple[Expr, Expr | None], list[Result]] = {}
        for r in self.results:
            groups.setdefault((r.request.of, r.request.direction), []).append(r)
        return list(groups.values())

    def _renaming(self, group: Sequence[Result], number: int) -> Callable[[Expr], Expr]:
        """Other names for the cotangents of a group that isn't the first."""
        if not number:
            return lambda e: e
        own = {q.symbol.base for q in _cotangents(group)}
        names = {base: self._free(f"{base}_{number + 1}") for base in own}

        def renamed(e: Expr) -> Expr:
            own = (x for x in symbols_of(e) if x.base in names)
            return substitute(
                e, {x: ex.symbol(member(names[x.base], *x.indices), x.shape) for x in own}
            )

        return renamed

    def _add_cotangents(self, group: Sequence[Result], renamed: Callable[[Expr], Expr]) -> None:
        found: dict[tuple[Expr, tuple[Range, ...]], Equation] = {}
        for q in _cotangents(group):
            found.setdefault((q.symbol, q.ranges), q)
        equations = [replace(q, symbol=as_symbol(renamed(q.symbol))) for q in found.values()]
        for s in segments_of(equations):
            body = self._prepared(renamed(body_of(s)), self._backward, s.ranges)
            self._backward.append(replace(s, body=body))

    def _gradient(self, result: Result, renamed: Callable[[Expr], Expr]) -> Returned:
        request = result.request
        assert result.recursion is not None
        equations = result.recursion.gradients
        indices = request.wrt.indices
        letters = letters_of(request, self._families)
        listed = bool(letters)
        base = self._free(_name(request, listed))
        if not listed:
            self._alone[base] = None
            value = renamed(equations[0].value)
            if isinstance(value, Total) and value not in self._sums and not self.in_arrays:
                self._sum(value, self._backward, base)
                segments = []
            else:
                segments = [Segment(base, ALONE, (), value.shape, value)]
        elif not equations[0].ranges and equations[0].symbol.indices == indices:  # a cotangent
            value = renamed(equations[0].value)
            segments = [
                Segment(base, indices, _ranges_of(indices, s, letters), s.shape, value)
                for s in self._families.of(request.wrt.base)
                if _may_have(s, indices, letters)
            ]
        else:
            segments = [
                replace(s, base=base, body=renamed(body_of(s))) for s in segments_of(equations)
            ]
        for q in result.recursion.left_out if listed else ():
            nothing = ex.times(LEFT_OUT, ex.ones(*q.value.shape))
            segments += [replace(s, base=base) for s in segments_of([replace(q, value=nothing)])]
        for s in segments:
            body = self._prepared(body_of(s), self._backward, s.ranges)
            self._backward.append(replace(s, body=body))
        direction = request.direction
        along = f" with {direction.name}" if self._is_ambiguous(request) and direction else ""
        return Returned(
            f"{request.key}{along}", base, result.gradient, result=result, listed=listed
        )

    def _is_ambiguous(self, request: Request) -> bool:
        return sum(r.request.key == request.key for r in self.results) > 1

    # ---- names

    @property
    def _families(self) -> Families:
        return self.problem.families

    def _free(self, name: str) -> str:
        """A name that nothing has yet."""
        found = free_name(name, self._taken, 2, "_")
        self._taken.add(found)
        return found


def _ranges_of(indices: Place, s: Segment, letters: Sequence[str]) -> tuple[Range, ...]:
    """From where to where the letters of indices run among the members of a segment."""
    ends = zip(indices, *s.box, strict=True)
    return tuple(Range(i.letter, low, high) for i, low, high in ends if i.letter in letters)


def _may_have(s: Segment, indices: Place, letters: Sequence[str]) -> bool:
    """Whether members of a segment have these indices, of which letters run."""
    fixed = (
        (low, i, high)
        for i, low, high in zip(indices, *s.box, strict=True)
        if i.letter not in letters
    )
    return all(at_most(low, i) and at_most(i, high) for low, i, high in fixed)


def _name(request: Request, listed: bool) -> str:
    """`grad_J_W`, `grad_J_x_0`."""
    wrt = request.wrt.base if listed else request.wrt.name
    of = request.of_text if request.of_text.isidentifier() else ""
    words = [request.kind, of, *re.findall(r"\w+", wrt)]
    return "_".join(filter(None, words))


def _cotangents(group: Sequence[Result]) -> list[Equation]:
    return [q for r in group if r.recursion is not None for q in r.recursion.cotangents]
