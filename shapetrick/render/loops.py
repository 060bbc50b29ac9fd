"""Families as Python: a loop forward that keeps the members, a loop backward that uses them."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from ..expr import Expr, postorder, substitute, symbol
from ..families import Segment
from ..indices import Index, Range, base_of, split
from ..plan import extent
from ..problem import Problem
from ..program import Wanted, planned
from ..recurrence import segments_of
from ..results import Result
from ..schedule import body_of, falls, place, schedule
from .code import WRITTEN, Writer
from .identifiers import Identifiers, safe
from .programs import LIBRARIES, RESERVED, Target, assembled, indented
from .spellings import Library

FUNCTION = "value_and_gradient"
_MODULES: Mapping[Library, str] = {"numpy": "np", "jax": "jnp", "torch": "torch"}


def family_module(problem: Problem, result: Result, target: Target) -> str:
    """The text of a module with one function: the value, and the gradient that was asked for.

    Families are given as lists of their members, in order; so does the gradient by one come."""
    return assembled(_Loops(problem, result, LIBRARIES[target]).function(), ())


class _Loops:
    """The lines of one function."""

    def __init__(self, problem: Problem, result: Result, library: Library) -> None:
        assert problem.families is not None and result.recursion is not None
        self._problem, self._result = problem, result
        self._families, self._recursion = problem.families, result.recursion
        self._library = library
        self._functions: dict[str, None] = {}  # abstract functions and their derivatives
        self._listed: set[str] = set()  # those that are families
        self._sums = 0
        taken = [*problem.symbols, *problem.definitions, *self._families.lengths]
        self._taken = {*RESERVED, *(safe(base_of(name)) for name in taken)}
        self._taken |= {base_of(s.base) for s in self._families.segments}

    def function(self) -> list[str]:
        request, recursion = self._result.request, self._recursion
        found = split(request.wrt.data.name)
        generic = found is not None and found[1].letter not in ("", *self._families.lengths)
        defined = [s for s in self._families.segments if s.body is not None]
        forward = list(self._blocks(defined))
        of = request.of
        value = self._assigned("value", of.args[0] if of.op == "name" else of)
        backward = list(self._blocks(segments_of(recursion.cotangents)))
        gradient = self._assigned("gradient", recursion.gradients[0].value)
        if generic and found is not None:
            gradient = ["gradient = {}", *self._gradients(found[0], found[1].letter)]
        last = "[gradient[i] for i in sorted(gradient)]" if generic else "gradient"
        stores = [f"{safe(base)} = {{}}" for base in dict.fromkeys(s.base for s in defined)]
        cotangents = dict.fromkeys(base_of(q.symbol.data.name) for q in recursion.cotangents)
        lines = [
            *forward,
            *value,
            *(f"{safe(name)} = {{}}" for name in cotangents),
            *backward,
            *gradient,
            f"return value, {last}",
        ]
        words = set(re.findall(r"\w+", "\n".join(lines)))
        body = [*self._given(stores), *self._sizes(words), *lines]
        inputs = [safe(n) for n in dict.fromkeys(map(base_of, self._inputs()))]
        names = [*inputs, *self._functions, *self._families.lengths]
        return [f"def {FUNCTION}({', '.join(names)}):", *indented(body)]

    # ---- inputs

    def _inputs(self) -> dict[str, Expr]:
        found = dict(self._problem.symbols)
        if self._result.request.direction is not None:
            direction = self._result.request.direction
            found.setdefault(direction.data.name, direction)
        return found

    def _given(self, stores: Sequence[str]) -> Iterator[str]:
        """Lists as members by their index, vectors as arrays with one axis; then what is made."""
        np = _MODULES[self._library]
        firsts: dict[str, int] = {}
        for s in self._families.segments:
            if s.body is None and not s.first.letter:
                firsts[s.base] = min(s.first.offset, firsts.get(s.base, s.first.offset))
        done = set()
        for name, e in self._inputs().items():
            base = base_of(name)
            if base in done:
                continue
            done.add(base)
            rank, found = len(extent(e.shape)), split(name)
            text = safe(base)
            if found is not None:
                member = "a" if rank == 2 else f"{np}.ravel(a)" + ("" if rank else "[0]")
                first = firsts.get(base, 1)
                yield f"{text} = {{i: {member} for i, a in enumerate({text}, {first})}}"
            elif rank < 2:
                yield f"{text} = {np}.ravel({self._array(text)})" + ("" if rank else "[0]")
        for called in self._functions:
            if called in self._listed:
                yield f"{called} = dict(enumerate({called}, 1))"
        for store in stores:
            if store.split(" ")[0] not in {safe(b) for b in done}:
                yield store

    def _sizes(self, words: Collection[str]) -> Iterator[str]:
        """The dimensions that occur as numbers."""
        for name, text in self._dims().items():
            if safe(name) in words and name not in self._families.lengths:
                yield f"{safe(name)} = {text}"

    def _array(self, text: str) -> str:
        return f"torch.as_tensor({text})" if self._library == "torch" else text

    def _dims(self) -> dict[str, str]:
        """Where the sizes of dimensions are read; those with an index, at the letter of the use."""
        found: dict[str, str] = {}
        for name, e in self._inputs().items():
            axes = [d for d in e.shape if str(d) != "1"]
            member = split(name)
            for axis, d in enumerate(axes):
                if d.names == (str(d),) and (member is None or not str(d).endswith("]")):
                    text = safe(base_of(name))
                    if member is not None:
                        text = f"next(iter({text}.values()))"
                    found.setdefault(str(d), f"{text}.shape[{axis}]")
        return found

    # ---- blocks

    def _gradients(self, base: str, letter: str) -> Iterator[str]:
        equations = self._recursion.gradients
        named = split(equations[0].symbol.data.name)
        if named is None or (equations[0].over is None and named[1].letter == letter):
            value = equations[0].value
            segments = [
                Segment("gradient", Index(letter), Range(letter, s.first, s.last), s.shape, value)
                for s in self._families.of(base)
            ]
        else:
            segments = [
                Segment("gradient", s.index, s.over, s.shape, s.body)
                for s in segments_of(equations)
            ]
        yield from self._blocks(segments)

    def _blocks(self, segments: Sequence[Segment]) -> Iterator[str]:
        """Segments in an order in which each finds what it uses; loops for what goes together."""
        for group in schedule(segments):
            yield from self._loop(group) if any(s.over for s in group) else self._single(group[0])

    def _single(self, s: Segment) -> list[str]:
        return self._assigned(_text(s.name), body_of(s))

    def _loop(self, group: Sequence[Segment]) -> Iterator[str]:
        ranges = [s.over for s in group if s.over is not None]
        letter = ranges[0].letter
        low = min((r.first for r in ranges), key=place)
        high = max((r.last for r in ranges), key=place)
        ends = f"{high}, {low.plus(-1)}, -1" if falls(group) else f"{low}, {high.plus(1)}"
        yield f"for {letter} in range({ends}):"
        for s in group:
            lines = self._assigned(_text(s.name), body_of(s))
            over = s.over or Range(letter, s.index, s.index)
            if (over.first, over.last) != (low, high):
                single = over.first == over.last
                when = f"{letter} == {over.first}" if single else _within(over)
                yield f"    if {when}:"
                lines = indented(lines)
            yield from indented(lines)

    # ---- statements

    def _assigned(self, target: str, e: Expr) -> list[str]:
        """The lines that compute an expression, sums over members by loops before it."""
        lines: list[str] = []
        sums: dict[Expr, Expr] = {}
        for x in postorder([e], into=lambda x: x.op != "total"):
            if x.op == "total":
                self._sums += 1
                name = f"sum_{self._sums}"
                sums[x] = symbol(name, x.shape)
                over = x.data
                inner = self._assigned(f"{name}_", x.args[0])
                lines.append(f"{name} = 0.0")
                lines.append(f"for {over.letter} in range({over.first}, {over.last.plus(1)}):")
                lines += indented([*inner, f"{name} = {name} + {name}_"])
        return [*lines, *self._written(target, substitute(e, sums) if sums else e)]

    def _written(self, target: str, e: Expr) -> list[str]:
        program = planned([Wanted(target, "", e)], [], {}, WRITTEN)
        output = program.outputs[0].value
        dims = {name: self._dim(name, program.inputs) for name in program.dimensions}
        functions: dict[object, str] = {}
        for name, order in program.functions:
            called = safe(base_of(name)) + "_prime" * order
            self._functions[called] = None
            if _bracket(name):
                self._listed.add(called)
            functions[name, order] = called + _bracket(name)
        like = next((_text(s.data.name) for s in program.inputs), "0.0")
        writer = Writer(
            self._library, [output], program.names, dims, functions, Identifiers(self._taken), like
        )
        for s in program.inputs:
            node = program.graph.node("input", (), s.data, extent(s.shape))
            writer.bind(node, _text(s.data.name))
        statements = writer.write([output], named=False)
        lines = [f"{s.name} = {s.text}" for s in statements]
        return [*lines, f"{target} = {writer.piece(output)}"]

    def _dim(self, name: str, inputs: Iterable[Expr]) -> str:
        if name.endswith("]"):
            for e in inputs:
                axes = [d for d in e.shape if str(d) != "1"]
                for axis, d in enumerate(axes):
                    if str(d) == name:
                        return f"{_text(e.data.name)}.shape[{axis}]"
        return safe(name)


def _text(name: str) -> str:
    """A member as Python has it: the name, and the index in brackets."""
    return safe(base_of(name)) + _bracket(name)


def _bracket(name: str) -> str:
    found = split(name)
    return "" if found is None else f"[{found[1]}]"


def _within(over: Range) -> str:
    return f"{over.first} <= {over.letter} <= {over.last}"
