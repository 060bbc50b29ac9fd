"""Families as Python: loops forward that keep what is needed, loops backward that use it.

Members are entries of dictionaries by their index; lists of arrays come in and go out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cmp_to_key

from ...core.dims import extent
from ...core.expr import Dimension, Expr, Eye, Number, Ones, Symbol, Transpose, Zeros, symbol, zeros
from ...core.families import Segment, box_of, covers
from ...core.indices import Incomparable, Index, Member, Range, at_most, base_of, parts
from ...core.problem import Problem
from ...core.returned import Returned
from ...core.traversal import postorder, substitute
from ...families.forward_backward import ForwardBackward
from ...families.schedule import Loop, body_of, looped
from ..identifiers import Identifiers
from ..program import planned
from .family_functions import FamilyFunction, by_some_members, words
from .module import RESERVED, indented
from .operations import MODULES, Library, is_spelled
from .signature import Arguments, SizeSources, is_listed, rank_check, shape_checks
from .statements import PythonWriter

_CHEAP = (Symbol, Number, Dimension, Transpose, Ones, Zeros, Eye)
_ANY = "_"  # the letter of a member whose dimensions are looked at


class Loops(FamilyFunction):
    """The lines of one function."""

    note = "Families are lists of their members, in order; so are gradients by them."

    def __init__(self, problem: Problem, passes: ForwardBackward, library: Library) -> None:
        super().__init__(problem, passes, library)
        self._functions: dict[tuple[str, int], None] = {}
        self._foreign: dict[str, None] = {}  # a user's own rows
        self._dims: dict[str, None] = {}  # that occur as numbers
        self._inputs = {e.name: e for e in self._given}
        segments = [*passes.forward, *passes.backward]
        self._letters = letters = [r.letter for s in segments for r in s.ranges]
        inputs = (e.base for e in self._inputs.values())
        for name in [*inputs, *self.families.lengths, *problem.functions, *letters]:
            self.identifier(name)
        for s in segments:
            self.identifier(s.base)
        self._i, self._a = self._identifiers.take("i"), self._identifiers.take("a")
        self.forward = [*self._stores(passes.forward), *self._blocks(passes.forward)]
        made = dict.fromkeys(s.base for s in passes.forward)
        self._made_forward = tuple(map(self.identifier, made))
        later = [s for s in passes.backward if s.base not in made]
        self.backward = [*self._stores(later), *self._blocks(passes.backward)]

    @property
    def given(self) -> Arguments:
        """The parameters, and the lines that begin the body: lists as members by their index,
        vectors as arrays with one axis."""
        inputs: dict[str, Symbol] = {}
        for e in self._inputs.values():
            inputs.setdefault(e.base, e)
        functions: dict[str, object] = {}
        for name, order in self._functions:
            functions.setdefault(self._called(name, order), (name, order))
        functions.update((self.identifier(name), name) for name in self._foreign)
        lengths = self.families.lengths
        own = {e: self.identifier(e.base) for e in self._inputs.values()}
        sides = (d for e in own for d in extent(e.shape))
        plain = [name for d in sides for name in d.names if not isinstance(name, Member)]
        names = dict.fromkeys([*lengths, *plain, *self._dims])
        dims = {name: self.identifier(name) for name in names}
        access = {e: self._one_of(e, inputs[e.base]) for e in own}
        sizes = SizeSources(own, dims, (*lengths, *self._letters), access)
        return Arguments(
            {e: self.identifier(base) for base, e in inputs.items()},
            dims,
            {key: name for name, key in functions.items()},
            (*lengths, *sizes.ask(self._dims)),
            sizes.sources,
            (),
        )

    def body(self) -> list[str]:
        given, body = self.given, [*self.forward, *self.backward]
        checks = [*self._checks(given)]
        sizes = given.sizes(words([*checks, *body]))
        read = {source for *_, source in sizes}
        return [
            *self._head(given),
            *self._counts(given),
            *(
                rank_check(e, name, ())
                for e, name in given.inputs.items()
                if name in read and not e.indices and len(extent(e.shape)) == 2
            ),
            *(f"{name} = {text}" for name, text, _ in sizes),
            *self.letter_checks(given.dims),
            *checks,
            *body,
            f"return {', '.join(map(self._returned, self.answers))}",
        ]

    def _returned(self, a: Returned) -> str:
        name, i = self.identifier(a.name), self._i
        return f"[{name}[{i}] for {i} in sorted({name})]" if a.listed else name

    # ---- names

    def index(self, i: Index) -> str:
        names = {t: Index(self.identifier(t)) for t in i.terms}
        return re.sub(r"(?<=\w)([+-])", r" \1 ", str(i.within(names)))

    def _text(self, base: str, indices: Sequence[Index]) -> str:
        """A member as Python has it: the name, and the index in brackets."""
        brackets = "" if base in self._passes.alone else "".join(map(self._bracket, indices))
        return self.identifier(base) + brackets

    def _bracket(self, index: Index) -> str:
        return f"[{self.index(index)}]"

    def _called(self, name: str, order: int) -> str:
        base = base_of(name)
        return self.identifier(base + "'" * order, base + "_prime" * order)

    # ---- inputs

    @property
    def _like(self) -> str:
        """An array among the inputs, for its type."""
        arrays = [e for e in self._inputs.values() if extent(e.shape)]
        return (
            self._one_of(arrays[0], arrays[0]) if arrays else f"{MODULES[self.library]}.zeros(())"
        )

    def _one_of(self, e: Symbol, first: Symbol) -> str:
        """An input, or a member of its family, whose first symbol is given: a list has one."""
        own = self.identifier(e.base)
        if not e.indices:
            return own
        if e is first:
            return f"next(iter({own}.values()))"
        segment = next(s for s in self.families.of(e.base) if s.name == e.name)
        return self._text(e.base, segment.first)

    def _head(self, given: Arguments) -> Iterator[str]:
        """Lists as members by their index, vectors as arrays with one axis."""
        for e, text in given.inputs.items():
            rank = len(extent(e.shape))
            if e.indices:
                i, a = self._i, self._a
                one = a if rank == 2 else self._flat(a, rank)
                first = self.index(*self.families.first(e.base))
                yield f"{text} = {{{i}: {one} for {i}, {a} in enumerate({text}, {first})}}"
            elif rank < 2:
                yield f"{text} = {self._flat(text, rank)}"
        for key, text in given.functions.items():
            if is_listed(key):
                first = self.index(*self.families.first(key[0].base))
                yield f"{text} = dict(enumerate({text}, {first}))"

    def _counts(self, given: Arguments) -> Iterator[str]:
        """Assertions that lists have as many members as the lengths say."""
        for e, text in given.inputs.items():
            if not e.indices:
                continue
            ends = [s.indices[0].ends(s.ranges) for s in self.families.of(e.base) if s.body is None]
            try:
                last = max((high for _, high in ends), key=cmp_to_key(_compared))
            except Incomparable:
                continue
            number = last.minus(*self.families.first(e.base)).plus(1)
            size = self.index(number)
            told = f"{number} = {{{size}}}" if number.letters else size
            message = f"{text} has {{len({text})}} members, not {told}"
            yield f'assert len({text}) == {size}, f"{message}"'

    def _checks(self, given: Arguments) -> Iterator[str]:
        """Assertions that arrays have their shapes; those of members with sizes of their own are
        left to what is computed with them."""
        for e, text in given.inputs.items():
            alike = {d for x in self._inputs.values() if x.base == e.base for d in [x.shape]}
            if len(alike) > 1 or any(n not in given.dims for d in e.shape for n in d.names):
                continue
            if not e.indices:
                yield from shape_checks(e, text, given.dims, text, is_flat=True)
                continue
            called = f"{text}[{{{self._i}}}]"
            own = shape_checks(e, self._a, given.dims, called, is_flat=True)
            if own:
                yield from (f"for {self._i}, {self._a} in {text}.items():", *indented(own))

    def _flat(self, text: str, rank: int) -> str:
        array = f"torch.as_tensor({text})" if self.library == "torch" else text
        return f"{MODULES[self.library]}.ravel({array})" + ("" if rank else "[0]")

    def _stores(self, segments: Sequence[Segment]) -> Iterator[str]:
        """What the members that are made are kept in; sums begin at nothing."""
        own = {e.base for e in self._inputs.values()}
        for s in segments:
            if s.base in self._passes.sums:
                yield from self._written(f"{self.identifier(s.base)} =", zeros(*s.shape), s)
            elif s.base not in self._passes.alone and s.base not in own:
                own.add(s.base)
                yield f"{self.identifier(s.base)} = {{}}"

    # ---- loops

    def _blocks(self, segments: Sequence[Segment]) -> Iterator[str]:
        for block in looped(segments):
            if isinstance(block, Segment):
                yield from self._assigned([(block, "")])
            else:
                yield from self._loop(block)

    def _loop(self, loop: Loop) -> Iterator[str]:
        yield self.loop(loop.over, loop.falls)
        guarded = [(s, self._guard(s, loop.over)) for s in loop.steps]
        yield from indented(self._assigned(guarded))

    def _guard(self, s: Segment, over: Range) -> str:
        at = s.indices[0]
        return self.guard(next(iter(s.ranges), Range(over.letter, at, at)), over)

    # ---- statements

    def _assigned(self, steps: Sequence[tuple[Segment, str]]) -> list[str]:
        """The lines of one step; what several members are made of is computed once."""
        plain = [body_of(s) for s, guard in steps if not guard]
        shared = _shared(plain)
        names: dict[Expr, Expr] = {}
        lines: list[str] = []
        for s, guard in steps:
            if not guard:
                for x in postorder([body_of(s)]):
                    if x in shared and x not in names:
                        name = self._identifiers.number("s")
                        self._names[name] = name
                        lines += self._written(f"{name} =", substitute(x, names), s)
                        names[x] = symbol(name, x.shape)
            body = substitute(body_of(s), names)
            sign = "+=" if s.base in self._passes.sums else "="
            own = self._written(f"{self._text(s.base, s.indices)} {sign}", body, s)
            lines += [f"if {guard}:", *indented(own)] if guard else own
        return lines

    def _written(self, head: str, e: Expr, s: Segment) -> list[str]:
        program = planned([Returned("", "", e)], [], {}, is_spelled)
        output = program.outputs[0].value
        dims = {name: self._dim(name, program.inputs, s) for name in program.dimensions}
        functions: dict[object, str] = {}
        for name, order in program.functions:
            self._functions[name, order] = None
            brackets = "".join(map(self._bracket, parts(name)[1]))
            functions[name, order] = self._called(name, order) + brackets
        for name in program.foreign:
            self._foreign[name] = None
            functions[name] = self.identifier(name)
        texts = [self._text(x.base, x.indices) for x in program.inputs]
        like = next(iter(texts), self._like)
        taken = Identifiers([*RESERVED, *self._names.values()])
        writer = PythonWriter(self.library, [output], program.names, dims, functions, taken, like)
        for x, text in zip(program.inputs, texts, strict=True):
            writer.bind(program.graph.node("input", (), x, extent(x.shape)), text)
        statements = writer.write([output], named=False)
        return [*(x.line for x in statements), f"{head} {writer.piece(output)}"]

    def _dim(self, name: str, inputs: Iterable[Symbol], s: Segment) -> str:
        """A dimension as a number; that of a member is read off a member that has it."""
        if not isinstance(name, Member):
            self._dims[name] = None
            return self.identifier(name)
        for e in inputs:
            for axis, d in enumerate(extent(e.shape)):
                if str(d) == name:
                    return f"{self._text(e.base, e.indices)}.shape[{axis}]"
        return self._dim_of_member(name, s)

    def _dim_of_member(self, name: Member, s: Segment) -> str:
        (index,) = name.indices
        for other in self.families.segments:
            for axis, d in enumerate(extent(other.shape_at((Index(_ANY),)))):
                own = next(iter(d.names), "")
                if not isinstance(own, Member) or own != str(d) or own.base != name.base:
                    continue
                if own.indices[0].letter != _ANY:
                    continue
                shift = -own.indices[0].offset
                at = index.plus(shift)
                boxes = [one.box for one in self.families.of(other.base)]
                try:
                    missing = covers(boxes, box_of([at], s.ranges))
                except Incomparable:
                    continue
                if missing is None:
                    return f"{self._text(other.base, [at])}.shape[{axis}]"
        return self.identifier(name)

    # ---- as a rule

    def _of(self, inputs: Mapping[Symbol, str]) -> Arguments:
        return replace(self.given, inputs=inputs)

    def _are_arrays(self, inputs: Mapping[Symbol, str]) -> list[str]:
        return [name for e, name in inputs.items() if not e.indices]

    def _gradient(self, e: Symbol, gradients: Sequence[Returned], times: str) -> str:
        """The gradient by an input, of a list a dictionary by the index; nothing if nobody
        asked."""
        asked = {a.request.wrt: a for a in gradients if a.request is not None}
        own = {wrt: a for wrt, a in asked.items() if wrt.base == e.base}
        names = {wrt.name: self.identifier(a.name) for wrt, a in own.items()}
        if not own:
            return ""
        if not e.indices:
            return f"{names[e.name]}{times}"
        whole = next((names[wrt.name] for wrt, a in own.items() if a.listed), None)
        if whole is not None:
            return f"{{{self._i}: {whole}[{self._i}]{times} for {self._i} in sorted({whole})}}"
        unknowns = {u.name for u in self.families.unknowns}  # with their inputs' gradients
        inputs = [s for s in self.families.of(e.base) if s.body is None and s.name not in unknowns]
        if any(s.ranges or s.name not in names for s in inputs):
            raise by_some_members(e)
        inputs.sort(key=lambda s: [i.place for i in s.indices])
        members = [f"{self.index(*s.indices)}: {names[s.name]}{times}" for s in inputs]
        if any(u.base == e.base for u in self.families.unknowns):
            members.insert(0, f"**dict.fromkeys({self.given.inputs[e]})")
        return f"{{{', '.join(members)}}}"


def _shared(bodies: Sequence[Expr]) -> set[Expr]:
    """The largest parts that several of the bodies have, and that take some work."""
    counts: dict[Expr, int] = {}
    for body in bodies:
        for x in postorder([body]):
            counts[x] = counts.get(x, 0) + 1
    repeated = {x for x, n in counts.items() if n > 1 and not isinstance(x, _CHEAP)}
    inner = {a for x in repeated for a in x.args if counts[a] == counts[x]}
    return {x for x in repeated - inner if not _is_size(x)}


def _is_size(x: Expr) -> bool:
    """Whether it is a number made of dimensions."""
    return all(isinstance(a, (Number, Dimension)) or a.args for a in postorder([x]))


def _compared(a: Index, b: Index) -> int:
    """-1, 0 or 1 as an index is less than, equal to or larger than another. Raises Incomparable."""
    return 0 if a == b else -1 if at_most(a, b) else 1
