"""What a function computes, as a text in the language."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from itertools import chain, islice
from types import MappingProxyType
from typing import TypeGuard

from ..core import expr as ex
from ..core.expr import Expr, Symbol, Total
from ..core.families import COTANGENT, index_letters, reindexed, with_own_letters
from ..core.indices import Index, Indices, Range, name_of, written
from ..core.member_axes import MemberAxes
from ..core.named_tuples import NamedTuple
from ..core.problem import Problem
from ..core.solved import Solved
from ..core.traversal import postorder, substitute
from ..language.printer import to_text
from ..language.shapes.words import vocabulary
from ..language.syntax import equation_library
from ..language.vocabularies import is_name
from ..simplification.written_forms import with_functions
from .arrays import INDICES, MOST_INDICES, Traced
from .decompositions import number_of, solver_of
from .libraries import Followed
from .members import Recurrence, axes_of_members
from .parameters import ShapedParameter

VALUE_NAMES = {True: ("J", "f", "loss"), False: ("Y", "F", "value")}  # of a scalar, or not


class ProblemText:
    """The names that a function's values have in the language."""

    def __init__(self, declared: Problem, parameters: Iterable[ShapedParameter]) -> None:
        every = [*parameters]
        self._taken = {*declared.symbols, *(p.name for p in every), *vocabulary()}
        dims = (d for p in every for d in (*p.shape, *p.symbol.shape))
        self._taken.update(name for d in dims for name in d.names)
        free = (c for c in index_letters() if c not in self._taken)
        self._letters = tuple(islice(free, MOST_INDICES))
        self._named: dict[Expr, Expr] = {}
        self.value = ""
        self.axes: dict[str, MemberAxes] = {}  # of the value, and of its upstream gradient
        self.request = ""  # for the derivative of the value

    def written(self, followed: Followed) -> tuple[str, Expr]:
        """Definitions in the language, a line for each, and the last one's value."""
        value = followed.value
        root = value.body if value.indices else value.whole
        steps = [e for r in followed.recurrences for e in (r.first, r.step)]
        found, _, _ = with_functions([root, *steps, *(x.body for x in followed.locals.values())])
        body, bodies, own = found[0], found[: 1 + len(steps)], found[1 + len(steps) :]
        free = next((n for n in VALUE_NAMES[body.is_scalar] if n not in self._taken), "result")
        self.value = free
        self._taken |= {free, *(r.base for r in followed.recurrences)}
        inside = set(postorder(bodies))
        named = dict(zip(own, followed.locals, strict=True))
        where = {name: e for e, name in named.items()}
        parts = self._parts(followed.locals, where, set(postorder([*bodies, *own])) - {body})
        solved = [e for e in inside if isinstance(e, Solved)]
        lines: list[str] = []
        for e in postorder(bodies):
            if isinstance(e, Solved) and e not in self._named:
                lines.append(self._declared(e, solved, named))
            if e in parts and e not in self._named:
                base = parts[e].base
                lines.append(self._line(base, where[base], followed.locals[base]))
                self._named |= {x: one.of(x) for x, one in parts.items() if one.base == base}
        pairs = zip(followed.recurrences, found[1::2], found[2::2], strict=False)
        lines += self._steps([r._replace(first=first, step=step) for r, first, step in pairs])
        lines.append(self._line(free, body, value))
        self.request = f"{'grad' if body.is_scalar else 'vjp'} {free}"
        if value.indices:
            letters = tuple(Index(c) for c in self._letters[: len(value.indices)])
            base, axes = self._free(COTANGENT), axes_of_members(value)
            self.axes = {free: axes, base: axes}
            upstream = name_of(base, letters)
            self.request = f"vjp {name_of(free, letters)} with {upstream}"
            rows, cols = body.shape
            over = written(self._ranges(value))
            lines.insert(0, f"{upstream} : ({rows}) x ({cols}) for {over}")
        return "\n".join(lines), body

    def _parts(
        self, named: Mapping[str, Traced], where: Mapping[str, Expr], inside: Set[Expr]
    ) -> dict[Expr, _Met]:
        """What has a name and occurs, for all indices that it is met with."""
        parts: dict[Expr, _Met] = {}
        for name, e in where.items():
            known = not e.args or e in parts or name in self._taken or isinstance(e, Solved)
            met = {} if known or not is_name(name) else dict(_met(name, named[name], e, inside))
            if met:
                self._taken.add(name)
                parts |= met
        return parts

    def _line(self, base: str, e: Expr, value: Traced) -> str:
        """The definition of a name."""
        if not value.indices:
            return f"{base} = {self.text(e)}"
        at = {i.letter: Index(c) for i, c in zip(_places(value), self._letters, strict=False)}
        member = name_of(base, tuple(at.values()))
        return f"{member} = {self.text(e, at)} for {written(self._ranges(value))}"

    def _ranges(self, value: Traced) -> list[Range]:
        pairs = zip(value.indices, self._letters, strict=False)
        return [p.range.lettered(c) for p, c in pairs]

    def _steps(self, recurrences: Sequence[Recurrence]) -> list[str]:
        """The lines for what is carried through loops."""
        t = next(c for c in chain("t", self._letters) if c not in self._taken)
        named = {r.step: r.at(r.around(r.over.letter)[1]) for r in recurrences if r.step.args}
        self._named |= named
        lines = [f"{r.base}[{r.ends[0]}] = {self.text(r.first)}" for r in recurrences]
        for r in recurrences:
            over = f"{t} = {r.over.last}..{r.over.first}" if r.is_reversed else r.over.lettered(t)
            step = self.text(r.step, {r.over.letter: Index(t)})
            lines.append(f"{r.base}[{r.around(t)[1]}] = {step} for {over}")
        return lines

    def _declared(self, e: Solved, found: Sequence[Solved], locals: Mapping[Expr, str]) -> str:
        """A line that declares what a solver finds, `L = cholesky(S)`."""
        solver, _, which = solver_of(e)[0].partition("_")
        own = {number_of(x): x for x in found if solver_of(x) == solver_of(e)}
        names = []
        for place, unknown in enumerate(equation_library.TABLE[solver].unknowns.split(", ")):
            x = own.get(place)
            name = "" if x is None else locals.get(x, "")
            names.append(self._free(name if is_name(name) else unknown.split()[0]))
            if x is not None:
                self._named[x] = ex.symbol(names[-1], x.shape)
        given = [*map(self.text, e.args), *([which] if which else [])]
        return f"{', '.join(names)} = {solver}({', '.join(given)})"

    def _free(self, name: str) -> str:
        """The name, or with a number where it is taken."""
        tried = (name, *(f"{name}_{k}" for k in range(1, 99)))
        found = next(x for x in tried if x not in self._taken)
        self._taken.add(found)
        return found

    def text(self, e: Expr, at: Indices = MappingProxyType({})) -> str:
        """An expression with the names of what is defined in it, and other letters."""
        within = {x: n for x, n in self._named.items() if x is not e or isinstance(e, Solved)}
        letters = {i.letter for i in at.values()}
        found = reindexed(substitute(e, within), at)
        return to_text(with_own_letters(found, INDICES | letters, self._taken))


class _Met(NamedTuple):
    """A name, and the indices with which it is met."""

    base: str
    indices: tuple[Index, ...]

    def of(self, e: Expr) -> Expr:
        return ex.named(name_of(self.base, self.indices), e)


def _met(name: str, x: Traced, e: Expr, inside: Set[Expr]) -> Iterator[tuple[Expr, _Met]]:
    """A value where it occurs, with its name; of a family's member, at all its indices."""
    own = _places(x)
    for other in inside if own else {e} & inside:
        at = _indices_at(e, other, own) if type(e) is type(other) else None
        if at is not None:
            yield other, _Met(name, at)


def _indices_at(e: Expr, other: Expr, letters: Sequence[Index]) -> tuple[Index, ...] | None:
    """The indices with which a member, given for letters, is another one; None if there are
    none."""
    members = [[*filter(_is_member, postorder([x]))] for x in (e, other)]
    if [m.base for m in members[0]] != [m.base for m in members[1]]:
        return None
    sums = {x.over.letter for x in postorder([e, other]) if isinstance(x, Total)}
    if sums:  # whose letters are no others
        used = {*sums, *(i.letter for ms in members for m in ms for i in m.indices)}
        e, other = (with_own_letters(x, sums, used) for x in (e, other))
        members = [[*filter(_is_member, postorder([x]))] for x in (e, other)]
    found: dict[str, Index] = {}
    wanted = {i.letter for i in letters}
    indices = ([i for m in ms for i in m.indices] for ms in members)
    for i, j in zip(*indices, strict=True):
        unknown = [c for c in i.terms if c in wanted - found.keys()]
        if len(unknown) == 1:
            (c,) = unknown
            found[c] = j.minus(i.added(Index(c), -1).within(found))
    if found.keys() != wanted or reindexed(e, found) is not other:
        return None
    return tuple(found[i.letter] for i in letters)


def _is_member(e: Expr) -> TypeGuard[Symbol]:
    return isinstance(e, Symbol) and bool(e.indices)


def _places(x: Traced) -> tuple[Index, ...]:
    """The indices of an array's member."""
    return tuple(Index(str(p.name)) for p in x.indices)
