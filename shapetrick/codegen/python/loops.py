"""Families as Python: loops forward that keep what is needed, loops backward that use it.

Members are entries of dictionaries by their index; lists of arrays come in and go out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from ...core.dims import extent, shape_text
from ...core.expr import Dimension, Expr, Eye, Number, Ones, Symbol, Transpose, Zeros, symbol, zeros
from ...core.families import Families, Incomparable, Segment, covers
from ...core.indices import Index, Member, Range, base_of, parts
from ...core.problem import Problem
from ...core.traversal import postorder, substitute
from ...families.forward_backward import Answer, ForwardBackward
from ...families.schedule import Loop, body_of, looped
from ..program import Wanted, planned
from .identifiers import Identifiers
from .module import FUNCTION, RESERVED, assembled, indented, quoted, signature, wrapped
from .operations import Library, is_spelled
from .statements import Writer

_MODULES: Mapping[Library, str] = {"numpy": "np", "jax": "jnp", "torch": "torch"}
_ARRAYS: Mapping[Library, str] = {"numpy": "Array", "jax": "jax.Array", "torch": "Tensor"}
_CHEAP = (Symbol, Number, Dimension, Transpose, Ones, Zeros, Eye)
_WIDTH = 84
_OF_RULES = frozenset({"ctx", "given", "members", "saved", "tensors"})
_ANY = "_"  # the letter of a member whose dimensions are looked at


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter: an input, a function, or a length; one for each member if it is `listed`."""

    name: str  # in the problem
    identifier: str
    type: str
    listed: bool
    value: Expr | None = None  # of an input: the symbol, that of a member for a list
    function: tuple[str, int] | None = None  # of an elementwise one: its name, and the derivative


class Loops:
    """The lines of one function."""

    def __init__(self, problem: Problem, passes: ForwardBackward, library: Library) -> None:
        assert problem.families is not None
        self._problem, self._passes, self.library = problem, passes, library
        self.families: Families = problem.families
        self._identifiers = Identifiers(RESERVED | _OF_RULES)
        self._names: dict[str, str] = {}
        self._functions: dict[tuple[str, int], None] = {}
        self._foreign: dict[str, None] = {}  # a user's own rows
        self._inputs = self._all_inputs()
        segments = [*passes.forward, *passes.backward]
        letters = [s.over.letter for s in segments if s.over is not None]
        inputs = (e.base for e in self._inputs.values())
        for name in [*inputs, *self.families.lengths, *problem.functions, *letters]:
            self.identifier(name)
        for s in segments:
            self.identifier(s.base)
        self.i, self.a, self.g = (self._identifiers.take(name) for name in "iag")
        self.forward = [*self._stores(passes.forward), *self._blocks(passes.forward)]
        made = dict.fromkeys(s.base for s in passes.forward)
        self.made_forward = tuple(made)
        later = [s for s in passes.backward if s.base not in made]
        self.backward = [*self._stores(later), *self._blocks(passes.backward)]

    def module(self, about: Sequence[str] = (), test: Sequence[str] = ()) -> str:
        """The text of a module with the function, and its test."""
        lines = [*self.function(), *test]
        if self.library == "numpy":
            lines = ["Array = NDArray[np.floating]", "", "", *lines]
        return assembled(lines, about)

    @property
    def answers(self) -> list[Answer]:
        """What the function returns, in order."""
        return [*self._passes.values, *self._passes.gradients]

    @property
    def parameters(self) -> list[Parameter]:
        """In the order of the signature."""
        array, found = _ARRAYS[self.library], dict[str, Parameter]()
        for e in self._inputs.values():
            base, listed = e.base, bool(e.indices)
            scalar = "float" if self.library == "numpy" and not extent(e.shape) else array
            kind = f"list[{scalar}]" if listed else scalar
            found.setdefault(base, Parameter(base, self.identifier(base), kind, listed, e))
        for name, order in self._functions:
            listed = isinstance(name, Member)
            kind = f"Callable[[{array}], {array}]"
            called = self._called(name, order)
            kind = f"list[{kind}]" if listed else kind
            function = base_of(name), order
            found.setdefault(called, Parameter(called, called, kind, listed, None, function))
        for name in self._foreign:
            own = Parameter(name, self.identifier(name), f"Callable[..., {array}]", False)
            found.setdefault(name, own)
        for letter in self.families.lengths:
            found.setdefault(letter, Parameter(letter, self.identifier(letter), "int", False))
        return list(found.values())

    def function(self) -> list[str]:
        """The function that gives all values and gradients."""
        answers = self.answers
        returned = [self._returned(a) for a in answers]
        body = [*self.forward, *self.backward]
        result = [self.type_of(a) for a in answers]
        lines = [
            *self.docstring(answers),
            *self.given(self.parameters),
            *self.sizes(body),
            *body,
            f"return {', '.join(returned)}",
        ]
        typed = [f"{p.identifier}: {p.type}" for p in self.parameters]
        whole = result[0] if len(result) == 1 else f"tuple[{', '.join(result)}]"
        return [*signature(FUNCTION, typed, whole), *indented(lines)]

    def type_of(self, a: Answer) -> str:
        array = _ARRAYS[self.library]
        e = a.of if a.result is None else a.result.gradient
        one = "float" if self.library == "numpy" and not extent(e.shape) else array
        return f"list[{one}]" if a.listed else one

    def _returned(self, a: Answer) -> str:
        name, i = self.identifier(a.base), self.i
        return f"[{name}[{i}] for {i} in sorted({name})]" if a.listed else name

    # ---- names

    def identifier(self, base: str, wanted: str = "") -> str:
        if base not in self._names:
            self._names[base] = self._identifiers.take(wanted or base)
        return self._names[base]

    def index(self, index: Index) -> str:
        letter = self.identifier(index.letter) if index.letter else ""
        return str(Index(letter, index.offset))

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
        return self._one_of(arrays[0]) if arrays else f"{_MODULES[self.library]}.zeros(())"

    def _one_of(self, e: Symbol) -> str:
        """An input, or one of the members of its family."""
        own = self.identifier(e.base)
        return f"next(iter({own}.values()))" if e.indices else own

    def _all_inputs(self) -> dict[str, Symbol]:
        found = dict(self._problem.symbols)
        for a in self._passes.gradients:
            direction = a.result.request.direction if a.result else None
            if direction is not None:
                found.setdefault(direction.name, direction)
        return found

    def given(self, parameters: Sequence[Parameter]) -> Iterator[str]:
        """Lists as members by their index, vectors as arrays with one axis."""
        done = {e.base for e in self._inputs.values()} - {p.name for p in parameters}
        for e in self._inputs.values():
            if e.base in done:
                continue
            done.add(e.base)
            rank, text = len(extent(e.shape)), self.identifier(e.base)
            if e.indices:
                i, a = self.i, self.a
                one = a if rank == 2 else self._flat(a, rank)
                first = self.index(self.families.first(e.base))
                yield f"{text} = {{{i}: {one} for {i}, {a} in enumerate({text}, {first})}}"
            elif rank < 2:
                yield f"{text} = {self._flat(text, rank)}"
        for name, order in self._functions:
            if isinstance(name, Member):
                called = self._called(name, order)
                first = self.index(self.families.first(name.base))
                line = f"{called} = dict(enumerate({called}, {first}))"
                if line not in done:
                    done.add(line)
                    yield line

    def _flat(self, text: str, rank: int) -> str:
        array = f"torch.as_tensor({text})" if self.library == "torch" else text
        return f"{_MODULES[self.library]}.ravel({array})" + ("" if rank else "[0]")

    def _stores(self, segments: Sequence[Segment]) -> Iterator[str]:
        """What the members that are made are kept in; sums begin at nothing."""
        own = {e.base for e in self._inputs.values()}
        for s in segments:
            if s.base in self._passes.sums:
                yield from self._written(f"{self.identifier(s.base)} =", zeros(*s.shape), s)
            elif s.base not in self._passes.alone and s.base not in own:
                own.add(s.base)
                yield f"{self.identifier(s.base)} = {{}}"

    def sizes(self, lines: Sequence[str]) -> Iterator[str]:
        """The dimensions that occur as numbers."""
        words = set(re.findall(r"\w+", "\n".join(lines)))
        done = set(self.families.lengths)
        for e in self._inputs.values():
            for axis, d in enumerate(extent(e.shape)):
                key = str(d)
                if d.names != (key,) or key in done or isinstance(d.names[0], Member):
                    continue
                done.add(key)
                if self.identifier(key) in words:
                    yield f"{self.identifier(key)} = {self._one_of(e)}.shape[{axis}]"

    # ---- loops

    def _blocks(self, segments: Sequence[Segment]) -> Iterator[str]:
        for block in looped(segments):
            if isinstance(block, Segment):
                yield from self._assigned([(block, None)])
            else:
                yield from self._loop(block)

    def _loop(self, loop: Loop) -> Iterator[str]:
        letter, low, high = loop.over.letter, loop.over.first, loop.over.last
        ends = [self.index(low), self.index(high.plus(1))]
        if loop.falls:
            ends = [self.index(high), self.index(low.plus(-1)), "-1"]
        yield f"for {self.identifier(letter)} in range({', '.join(ends)}):"
        guarded = [(s, self._guard(s, loop)) for s in loop.steps]
        yield from indented(self._assigned(guarded))

    def _guard(self, s: Segment, loop: Loop) -> str | None:
        """When a step is for some of the indices only."""
        over = s.over or Range(loop.over.letter, s.index, s.index)
        if over == loop.over:
            return None
        letter, first, last = (
            self.identifier(loop.over.letter), self.index(over.first), self.index(over.last),
        )  # fmt: skip
        return f"{letter} == {first}" if first == last else f"{first} <= {letter} <= {last}"

    # ---- statements

    def _assigned(self, steps: Sequence[tuple[Segment, str | None]]) -> list[str]:
        """The lines of one step; what several members are made of is computed once."""
        plain = [body_of(s) for s, guard in steps if guard is None]
        shared = _shared(plain)
        names: dict[Expr, Expr] = {}
        lines: list[str] = []
        for s, guard in steps:
            if guard is None:
                for x in postorder([body_of(s)]):
                    if x in shared and x not in names:
                        name = self._identifiers.number("s")
                        self._names[name] = name
                        lines += self._written(f"{name} =", substitute(x, names), s)
                        names[x] = symbol(name, x.shape)
            body = substitute(body_of(s), names)
            sign = "+=" if s.base in self._passes.sums else "="
            own = self._written(f"{self._text(s.base, [s.index])} {sign}", body, s)
            lines += own if guard is None else [f"if {guard}:", *indented(own)]
        return lines

    def _written(self, head: str, e: Expr, s: Segment) -> list[str]:
        program = planned([Wanted("", "", e)], [], {}, is_spelled)
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
        writer = Writer(self.library, [output], program.names, dims, functions, taken, like)
        for x, text in zip(program.inputs, texts, strict=True):
            writer.bind(program.graph.node("input", (), x, extent(x.shape)), text)
        statements = writer.write([output], named=False)
        lines = [f"{x.name} = {x.text}" for x in statements]
        return [*lines, f"{head} {writer.piece(output)}"]

    def _dim(self, name: str, inputs: Iterable[Symbol], s: Segment) -> str:
        """A dimension as a number; that of a member is read off a member that has it."""
        if not isinstance(name, Member):
            return self.identifier(name)
        for e in inputs:
            for axis, d in enumerate(extent(e.shape)):
                if str(d) == name:
                    return f"{self._text(e.base, e.indices)}.shape[{axis}]"
        return self._dim_of_member(name, s)

    def _dim_of_member(self, name: Member, s: Segment) -> str:
        (index,) = name.indices
        ends = index.ends(s.over)
        for other in self.families.segments:
            for axis, d in enumerate(extent(other.shape_at(Index(_ANY)))):
                own = next(iter(d.names), "")
                if not isinstance(own, Member) or own != str(d) or own.base != name.base:
                    continue
                if own.indices[0].letter != _ANY:
                    continue
                shift = -own.indices[0].offset
                at = index.plus(shift)
                all_of_base = self.families.of(other.base)
                try:
                    missing = covers(all_of_base, ends[0].plus(shift), ends[1].plus(shift))
                except Incomparable:
                    continue
                if missing is None:
                    return f"{self._text(other.base, [at])}.shape[{axis}]"
        return self.identifier(name)

    # ---- what is said

    def docstring(self, answers: Sequence[Answer]) -> list[str]:
        keys = [a.key for a in answers]
        summary = keys[0] if len(keys) == 1 else f"{', '.join(keys[:-1])} and {keys[-1]}"
        lines = [*wrapped(f"{summary}.", _WIDTH), ""]
        shapes = [
            f"{name}: {shape_text(e.shape) if extent(e.shape) else 'scalar'}"
            for name, e in self._inputs.items()
        ]
        lines += wrapped(f"{'; '.join(shapes)}.", _WIDTH)
        lines.append("Families are lists of their members, in order; so are gradients by them.")
        first, *rest = (quoted(line) for line in lines)
        return [f'"""{first}', *rest, '"""']


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
