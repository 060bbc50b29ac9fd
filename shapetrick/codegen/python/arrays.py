"""Families of several indices as Python: arrays with an axis for each index, and loops along the
axes of recurrences alone.

What is computed at once is one plan; a member that a loop makes is an entry of a dictionary.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain, groupby

from ...core.dims import ONE, Extent, Sizes, extent
from ...core.errors import RequestError
from ...core.expr import Expr, Symbol, symbol
from ...core.families import (
    MemberBox,
    Place,
    Segment,
    around,
    box_of,
    covers,
    extent_of,
    lies_in,
    members_in,
)
from ...core.indices import Index, Range, base_of, dim_of, member, within
from ...core.problem import Problem
from ...core.returned import Returned
from ...core.traversal import postorder, substitute
from ...families.forward_backward import ForwardBackward
from ...families.loop_nests import MemberStep, Nest, Nests, NestStep, member_steps
from ...families.schedule import body_of
from ..chain_order import nominal
from ..identifiers import Identifiers
from ..ir import Graph, Value, dims_in
from ..member_arrays import MemberArrays
from ..member_reads import Family, assembled
from ..program import computable, lowered
from ..statements import Assignment
from .family_functions import FamilyFunction, by_some_members
from .module import RESERVED, indented, jitted
from .module import written as as_lines
from .operations import MODULES, Library, is_spelled
from .self_test import LOCALS
from .signature import Arguments, checked_arguments, flattening
from .statements import PythonWriter

NOMINAL_LENGTH = 8  # how many members there are along an index, where nobody says it


class Arrays(FamilyFunction):
    """The lines of one function."""

    note = "A family is one array, with its indices as the first axes; so are gradients by it."

    def __init__(
        self, problem: Problem, passes: ForwardBackward, library: Library, sizes: Sizes
    ) -> None:
        super().__init__(problem, passes, library, LOCALS)
        self._graph = Graph()
        self._sizes = {**dict.fromkeys(self.families.lengths, NOMINAL_LENGTH), **sizes}
        self._arrays = MemberArrays(self._graph, nominal(self._sizes))
        self._inputs = {}
        for e in self._given:
            self._inputs.setdefault(e.base, e)
        self._boxes = {e: self._input_box(e) for e in self._inputs.values() if e.indices}
        segments = [*passes.forward, *passes.backward]
        letters = _letters(segments)
        for name in [*self._inputs, *self._dimensions(), *problem.functions, *letters]:
            self.identifier(name)
        for s in segments:
            self.identifier(s.base)
        self._wanted: dict[Value, str] = {}
        self._alone: dict[str, Value] = {}
        self._values: dict[MemberStep, Value] = {}  # of members that loops make
        self._parts: dict[tuple[str, Place, tuple[Range, ...]], list[Family]] = {}  # of steps
        forward, backward = Nests(passes.forward), Nests(passes.backward)
        self._families(segments, {**forward.keys, **backward.keys})
        self._forward = self._planned(forward.steps)
        self._backward = self._planned(backward.steps)
        self._lower()
        self._write()

    # ---- names and inputs

    def _input_box(self, e: Symbol) -> MemberBox:
        """From the first to the last member that is given."""
        given = [s for s in self.families.of(e.base) if s.body is None]
        if not given:  # an upstream gradient of members
            return box_of(e.indices, ())
        return around([s.box for s in given])

    def _lead(self, e: Symbol) -> Extent:
        """The sizes of the axes before those of a member."""
        return extent_of(self._boxes[e])

    def _dimensions(self) -> list[str]:
        """The names of all dimensions, and of lengths, in the order in which they appear."""
        inputs = list(self._inputs.values())
        sides = [d for e in inputs for d in (*(self._lead(e) if e.indices else ()), *e.shape)]
        asked = [r.result.request for r in self._passes.gradients if r.result is not None]
        sides += [d for r in asked for e in (r.of, r.wrt) for d in e.shape]
        bodies = [s.body for s in self._segments() if s.body is not None]
        sides += [d for x in postorder(bodies) for d in x.shape]
        names = (n for d in sides for n in d.names)
        found = dict.fromkeys([*names, *self.families.lengths])
        letters = {*_letters(self._segments())}.difference(self.families.lengths)
        return [n for n in found if n not in letters]

    def _segments(self) -> list[Segment]:
        return [*self._passes.forward, *self._passes.backward]

    @property
    def given(self) -> Arguments:
        """The parameters, with the lines that read sizes and check shapes."""
        return self._of({e: self.identifier(base) for base, e in self._inputs.items()})

    def _of(self, inputs: Mapping[Symbol, str]) -> Arguments:
        dims = {n: self.identifier(n) for n in self._dimensions()}
        stacked = {e: self._lead(e) for e in self._boxes if e in inputs}
        return checked_arguments(inputs, dims, self._functions(), stacked)

    def _functions(self) -> dict[object, str]:
        found: dict[object, str] = {}
        for v in postorder(self._roots):
            if v.op == "abstract":
                name, order = v.data
                if base_of(name) != name:
                    raise RequestError(
                        "there is no code yet for families of functions beside members with "
                        "several indices: `evaluate` gives the values."
                    )
                found[v.data] = self.identifier(name + "_prime" * order)
            elif v.op == "function" and not is_spelled(v.data):
                found[v.data] = self.identifier(v.data)
        return found

    # ---- the plan

    def _families(self, segments: Sequence[Segment], keys: Mapping[str, set[int]]) -> None:
        padded: dict[str, set[int]] = {}
        for s in self.families.segments:
            padded.setdefault(s.base, set()).update(s.padded)
        for a in self._passes.gradients:
            recursion = a.result.recursion if a.result is not None else None
            for base, axis in recursion.padded if recursion is not None else ():
                padded.setdefault(base, set()).add(axis)
        found = self._arrays.families
        for e, box in self._boxes.items():
            family = found[e.base] = Family(self.identifier(e.base))
            shape = (*extent_of(box), *extent(e.shape))
            family.pieces.append((box, self._graph.node("input", (), e, shape)))
        boxes = {e.base: [box] for e, box in self._boxes.items()}
        for s in segments:
            if s.base not in self._passes.alone:
                boxes.setdefault(s.base, []).append(s.box)
        for base, own in boxes.items():
            family = found.setdefault(base, Family(self.identifier(base)))
            family.padded = frozenset(padded.get(base, ()))
            family.keys = tuple(sorted(keys.get(base, ())))
            if family.keys:
                family.inside = around([_without(box, family.keys) for box in own])

    def _planned(self, steps: Iterable[NestStep]) -> list[NestStep]:
        """The steps that make members one by one; what is computed at once is where it is used."""
        loops: list[NestStep] = []
        for step in steps:
            s = None if isinstance(step, Nest) else step.segment
            if s is not None and s.base in self._passes.alone:
                self._alone[s.base] = self._value(s)
            elif s is not None and not self._arrays.families[s.base].keys:
                self._arrays.families[s.base].pieces.append((s.box, self._value(s)))
            else:
                loops.append(step)
                for d in member_steps(step):
                    self._plan(d)
        if self._parts:
            names = ", ".join(dict.fromkeys(f"`{name}`" for name, *_ in self._parts))
            raise RequestError(
                f"there is no code yet for {names}, of which a step of the recurrence makes a part "
                "alone: `evaluate` gives the values."
            )
        return loops

    def _plan(self, d: MemberStep) -> None:
        """What a step makes; of a part of the members none before all parts are there."""
        s, family = self._with_parts(d), self._arrays.families[d.segment.base]
        at = self._place(d)
        value, box = self._value(s, family.keys), _without(s.box, family.keys)
        if box != family.inside:
            step = (s.base, *_of_step(at, d.looped))
            if step not in self._parts:
                self._parts[step] = self._given_parts(s, family, at)
            parts = self._parts[step]
            parts.append(replace(family, inside=box, part=value))
            if covers([part.inside for part in parts], family.inside) is not None:
                return
            del self._parts[step]
            pieces = [(part.inside, part.part) for part in parts if part.part is not None]
            value = assembled(self._arrays.axes, pieces)
        self._values[d] = value

    def _place(self, d: MemberStep) -> Place:
        """Where a loop puts what it makes."""
        return tuple(d.segment.indices[k] for k in self._arrays.families[d.segment.base].keys)

    def _name(self, d: MemberStep) -> str:
        return self._arrays.families[d.segment.base].name

    def _given_parts(self, s: Segment, family: Family, at: Place) -> list[Family]:
        """What a step of a loop has of inputs: `u[t,0]` beside the members `u[t,i]` that it
        makes."""
        found: list[Family] = []
        for one in self.families.of(s.base):
            keys = [one.indices[k] for k in family.keys]
            if one.body is not None or not all(i.letter for i in keys):
                continue
            own = {i.letter: j.plus(-i.offset) for i, j in zip(keys, at, strict=True)}
            indices = within(one.indices, own)
            ranges = tuple(r for r in one.ranges if r.letter not in own)
            body = symbol(member(s.base, *indices), one.shape)
            part = Segment(s.base, indices, ranges, one.shape, body)
            box = _without(part.box, family.keys)
            found.append(replace(family, inside=box, part=self._value(part, family.keys)))
        return found

    def _with_parts(self, d: MemberStep) -> Segment:
        """The definition, with names of their own for the parts of the same step in it."""
        new: dict[Expr, Expr] = {}
        for x, over in members_in(body_of(d.segment)):
            family = self._arrays.families.get(x.base, Family(""))
            at = tuple(x.indices[k] for k in family.keys)
            box = _without(box_of(x.indices, (*d.segment.ranges, *over)), family.keys)
            for part in self._parts.get((x.base, *_of_step(at, d.looped)), ()):
                if lies_in(box, part.inside):
                    base = f"{x.base}·{len(self._arrays.families)}"
                    self._arrays.families[base] = part
                    new[x] = symbol(member(base, *x.indices), x.shape)
        return replace(d.segment, body=substitute(body_of(d.segment), new))

    def _value(self, s: Segment, keys: Sequence[int] = ()) -> Value:
        """The array of the members of a segment, with an axis for each index that is no key."""
        indices = [i for k, i in enumerate(s.indices) if k not in keys]
        if s.base in self._passes.alone:
            indices = []
        ranges = {r.letter: r for r in s.ranges}
        letters = [[t for t in i.terms if t in ranges] for i in indices]
        scope = tuple(ranges[t] for own in letters for t in own)
        if len(scope) < len(ranges) or any(len(own) > 1 for own in letters):
            raise RequestError(f"there is no code yet for the members `{s.name}`.")
        (body,) = computable([body_of(s)], is_spelled)
        v = self._arrays.value(body, scope)
        places = list(map(bool, letters))
        if not all(places):
            places += [True] * (v.rank - len(scope))
            dims = iter(v.shape)
            shape = tuple(next(dims) if own else ONE for own in places)
            v = self._graph.node("expand", (v,), tuple(places), shape)
        if not keys:
            self._wanted.setdefault(v, s.base)
        return v

    def _lower(self) -> None:
        """Products in their order; what is returned is known."""
        returned = {a.name: self._array_of(a) for a in self.answers}
        roots = [*returned.values(), *self._values.values()]
        new = lowered(self._graph, roots, self._sizes, self._arrays.translated)
        names = {**self._arrays.names, **self._wanted}
        self._wanted = {new[v]: name for v, name in names.items() if v in new}
        self._returns = {base: new[v] for base, v in returned.items()}
        for base, v in self._returns.items():
            self._wanted[v] = base
        self._values = {d: new[v] for d, v in self._values.items()}
        self._roots = [*self._returns.values(), *self._values.values()]

    def _array_of(self, a: Returned) -> Value:
        if a.name in self._passes.alone:
            return self._alone[a.name]
        family = self._arrays.families[a.name]
        return assembled(self._arrays.axes, family.pieces)

    # ---- the text

    def _write(self) -> None:
        given = self.given
        letters = {n: self.identifier(n) for n in _letters(self._segments())}
        dims = {**given.dims, **letters}
        arrays = {n: e for e, n in given.inputs.items() if extent(e.shape) or e.indices}
        families = self._arrays.families
        whole = (n for n, e in arrays.items() if not e.indices or not families[e.base].keys)
        entries = (f"next(iter({n}.values()))" for n in arrays)  # where loops keep all members
        like = next(chain(whole, entries), "")
        own = {v: self._names.get(name, name) for v, name in self._wanted.items()}
        identifiers = Identifiers({*RESERVED, *self._names.values()} - {*own.values()})
        self._writer = writer = PythonWriter(
            self.library, self._roots, own, dims, given.functions, identifiers, like
        )
        for e, name in given.inputs.items():
            shape = (*(self._lead(e) if e.indices else ()), *extent(e.shape))
            writer.bind(self._graph.node("input", (), e, shape), name)
        values = [self._returns[a.name] for a in self._passes.values]
        gradients = [self._returns[a.name] for a in self._passes.gradients]
        self._made: dict[str, None] = {}
        self.forward = [*self._loops(self._forward), *self._lines(writer.write(values))]
        self._made_forward = tuple(self._made)
        self.backward = self._loops(self._backward)
        self.backward += self._lines(writer.write(gradients, named=False))

    def _lines(self, statements: Sequence[Assignment]) -> list[str]:
        """The lines of statements; what they make is remembered."""
        self._made.update(dict.fromkeys(s.name for s in statements))
        return as_lines(statements)

    def _loops(self, loops: Sequence[NestStep]) -> list[str]:
        made = dict.fromkeys(self._name(d) for loop in loops for d in self._made_in(loop))
        self._made.update(made)
        lines = [line for name in made for line in self._store(name)]
        for loop in loops:
            lines += self._written(loop)
        return lines

    def _store(self, name: str) -> Iterator[str]:
        """The dictionary of the members that loops make, with those that are given."""
        for e, box in self._boxes.items():
            family = self._arrays.families[e.base]
            if self.identifier(e.base) == name:
                yield self._entries(name, box, family.keys)
                return
        yield f"{name} = {{}}"

    def _entries(self, name: str, box: MemberBox, keys: tuple[int, ...]) -> str:
        """The dictionary of what an array has along the axes of loops."""
        places = tuple(range(len(keys)))
        array, one = name, len(keys) == 1
        if keys != places:
            source, to = (keys[0], 0) if one else (keys, places)
            array = f"{MODULES[self.library]}.moveaxis({name}, {source}, {to})"
        firsts = [self.index(box[0][k]) for k in keys]
        if one:
            return f"{name} = dict(enumerate({array}, {firsts[0]}))"
        letters = [self._identifiers.take(letter) for letter, _ in zip("ijkl", keys, strict=False)]
        at = ", ".join(letters)
        part = ", ".join(
            letter if first == "0" else f"{letter} - {first}"
            for letter, first in zip(letters, firsts, strict=True)
        )
        ends = [self.index(box[1][k].plus(1)) for k in keys]
        loops = " ".join(
            f"for {letter} in range({first}, {end})"
            for letter, first, end in zip(letters, firsts, ends, strict=True)
        )
        return f"{name} = {{({at}): {array}[{part}] {loops}}}"

    def _made_in(self, step: NestStep) -> list[MemberStep]:
        return [d for d in member_steps(step) if d in self._values]

    def _written(self, step: NestStep) -> list[str]:
        if isinstance(step, MemberStep):
            return self._step(step) if step in self._values else []
        values = [self._values[d] for d in self._made_in(step)]
        dependent = self._dependent(step, values)
        needed = {
            a
            for v in dependent
            for a in v.args
            if a not in dependent and a.args and not self._writer.is_number(a)
        }
        needed |= {*values} - dependent
        before = self._lines(self._writer.hoist([v for v in postorder(values) if v in needed]))
        with self._writer.inside():
            own = self._steps(step)
        return [*before, self.loop(step.over, step.falls), *indented(own)] if own else []

    def _steps(self, loop: Nest) -> list[str]:
        """The lines of one step of a loop; what is for some of the indices stays there."""
        lines: list[str] = []
        made = [step for step in loop.steps if self._made_in(step)]
        for guard, steps in groupby(made, lambda step: self._guard(step, loop.over)):
            if not guard:
                lines += [line for step in steps for line in self._written(step)]
                continue
            with self._writer.inside():
                own = [line for step in steps for line in self._written(step)]
            lines += [f"if {guard}:", *indented(own)]
        return lines

    def _step(self, d: MemberStep) -> list[str]:
        value = self._values[d]
        lines = self._lines(self._writer.write([value], named=False))
        at = ", ".join(map(self.index, self._place(d)))
        text = f"{self._writer.piece(value)}"
        if self._writer.is_number(value):  # where later steps expect what inputs are
            own = f"{text}.0" if text.isdigit() else f"float({text})"
            text = self._writer.array_of(value) if self.library == "torch" else own
        return [*lines, f"{self._name(d)}[{at}] = {text}"]

    def _guard(self, step: NestStep, over: Range) -> str:
        """When a step is for some of the indices only."""
        if isinstance(step, Nest):
            return ""
        return self.guard(next((r for r in step.looped if r.letter == over.letter), over), over)

    def _dependent(self, loop: Nest, values: Sequence[Value]) -> set[Value]:
        """What the values are made of that is another at each step."""
        made = {self._name(d) for d in self._made_in(loop)}
        found: set[Value] = set()
        for v in postorder(values):
            read = v.op in ("member", "stack") and v.data[0] in made
            runs = any(loop.over.letter in d.names for d in dims_in(v))
            if read or runs or any(a in found for a in v.args):
                found.add(v)
        return found

    def index(self, i: Index) -> str:
        return self._writer.dim(dim_of(i))

    def body(self) -> list[str]:
        returned = ", ".join(map(self._returned, self.answers))
        return [*self._head(self.given), *self.forward, *self.backward, f"return {returned}"]

    def decorators(self) -> list[str]:
        loops = self._forward or self._backward
        return [jitted(self.given)] if self.library == "jax" and not loops else []

    def _returned(self, a: Returned) -> str:
        return f"{self._writer.piece(self._returns[a.name])}"

    # ---- as a rule

    def _head(self, given: Arguments) -> list[str]:
        return [*given.lines, *self.letter_checks(given.dims), *flattening(given)]

    def _are_arrays(self, inputs: Mapping[Symbol, str]) -> list[str]:
        return [name for name in inputs.values() if name not in self._made_forward]

    def _gradient(self, e: Symbol, gradients: Sequence[Returned], times: str) -> str:
        """The gradient by an input; nothing if nobody asked."""
        own = [a for a in gradients if a.request is not None and a.request.wrt.base == e.base]
        if not own:
            return ""
        answer = own[0]
        text = f"{self._writer.piece(self._returns[answer.name]):atom}"
        box = self._boxes.get(e)
        if box is not None and not answer.listed and box[0] == box[1]:
            text += f"[{', '.join(['None'] * len(box[0]))}]"
        elif len(own) > 1 or (box is not None and self._answered(answer) != self._lead(e)):
            raise by_some_members(e)
        return f"{text}{times}"

    def _answered(self, a: Returned) -> Extent:
        """How many members an answer has along each axis."""
        rank = len(extent(a.expression.shape))
        shape = self._returns[a.name].shape
        return shape[: len(shape) - rank] if a.listed else ()


def _letters(segments: Iterable[Segment]) -> list[str]:
    """The letters of members, and those of sums within them."""
    found: dict[str, None] = {}
    for s in segments:
        summed = () if s.body is None else members_in(s.body)
        inner = [r for _, over in summed for r in over]
        found.update((r.letter, None) for r in (*s.ranges, *inner))
    return list(found)


def _of_step(at: Place, looped: Sequence[Range]) -> tuple[Place, tuple[Range, ...]]:
    """A place among steps, and the ranges of its letters: without those that are one index."""
    single = {r.letter: r.first for r in looped if r.first == r.last}
    return within(at, single), tuple(r for r in looped if r.letter not in single)


def _without(box: MemberBox, axes: Sequence[int]) -> MemberBox:
    """A box along the other axes."""
    low, high = (tuple(i for k, i in enumerate(end) if k not in axes) for end in box)
    return low, high
