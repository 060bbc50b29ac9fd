"""What a function of families says and gives as Python, whether their members are arrays or lists:
its docstring, what it returns, and its form as a rule of automatic differentiation."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import chain, zip_longest

from ...core.errors import RequestError
from ...core.expr import Expr, Symbol
from ...core.indices import Index, Range, dim_of
from ...core.problem import Problem
from ...core.results import Result
from ...core.returned import Returned
from ...families.forward_backward import ForwardBackward
from ...language.printer import overlined, to_text
from ..code_text import dim_text
from ..identifiers import Identifiers
from .custom_rules import CustomRule
from .module import RESERVED, docstring, indented, with_signature
from .operations import Library
from .signature import Arguments, order_check

OF_RULES = frozenset({"ctx", "given", "members", "saved", "tensors"})


class FamilyFunction(ABC):
    """The lines of one function: those of the pass forward, and those of the pass backward."""

    note: str  # how families come in and go out
    forward: list[str]
    backward: list[str]

    def __init__(
        self,
        problem: Problem,
        passes: ForwardBackward,
        library: Library,
        taken: Collection[str] = (),
    ) -> None:
        self._problem, self._passes, self.library = problem, passes, library
        self.families = problem.families
        self._identifiers = Identifiers(RESERVED | OF_RULES | {*taken})
        self._names: dict[str, str] = {}
        self._inputs: Mapping[str, Symbol] = {}
        self._made_forward: tuple[str, ...] = ()

    @property
    def _given(self) -> Iterator[Symbol]:
        """What is given: declared symbols, and the directions of products."""
        yield from self._problem.symbols.values()
        for a in self._passes.gradients:
            if a.request is not None and a.request.direction is not None:
                yield a.request.direction

    @property
    @abstractmethod
    def given(self) -> Arguments:
        """The parameters."""

    @abstractmethod
    def _of(self, inputs: Mapping[Symbol, str]) -> Arguments:
        """The parameters where only these inputs are given."""

    @abstractmethod
    def _head(self, given: Arguments) -> Iterable[str]:
        """The lines that read the arguments."""

    @abstractmethod
    def _returned(self, a: Returned) -> str:
        """An answer as it is returned."""

    @abstractmethod
    def _gradient(self, e: Symbol, gradients: Sequence[Returned], times: str) -> str:
        """The gradient by an input; nothing if nobody asked."""

    @abstractmethod
    def _are_arrays(self, inputs: Mapping[Symbol, str]) -> list[str]:
        """The inputs that are still arrays after the pass forward."""

    @abstractmethod
    def body(self) -> list[str]:
        """The lines behind the docstring."""

    def decorators(self) -> list[str]:
        """The lines before the function."""
        return []

    @abstractmethod
    def index(self, i: Index) -> str:
        """An index as a number."""

    def loop(self, over: Range, falls: bool) -> str:
        """The head of a loop over a range."""
        low, high = over.ends
        ends = [self.index(low), self.index(high.plus(1))]
        if falls:
            ends = [self.index(high), self.index(low.plus(-1)), "-1"]
        return f"for {self.identifier(over.letter)} in range({', '.join(ends)}):"

    def guard(self, own: Range, over: Range) -> str:
        """When a step is for some of the indices of a loop only; nothing where it is for all."""
        if own.ends == over.ends:
            return ""
        letter, first, last = self.identifier(over.letter), *map(self.index, own.ends)
        return f"{letter} == {first}" if first == last else f"{first} <= {letter} <= {last}"

    @property
    def answers(self) -> list[Returned]:
        """What the function returns, in order."""
        return [*self._passes.values, *self._passes.gradients]

    def letter_checks(self, dims: Mapping[str, str]) -> Iterator[str]:
        """Assertions that lengths are what equations hold for, and letters what they may be."""
        found = [a.result.recursion for a in self.answers if a.result is not None]
        least = (f"{t} ≥ {k}" for r in found if r for t, k in r.least.items() if k > 1)
        for condition in dict.fromkeys(least):
            yield from order_check(condition, dims)
        asked = (a.request.ranges for a in self.answers if a.request is not None)
        for over in dict.fromkeys(chain.from_iterable(asked)):
            letter, *ends = (dim_text(dim_of(i), dims) for i in (Index(over.letter), *over.ends))
            told = f"{over.letter} is {{{letter}}}, not one of {over.first}..{over.last}"
            yield f'assert {ends[0]} <= {letter} <= {ends[1]}, f"{told}"'

    def identifier(self, base: str, wanted: str = "") -> str:
        if base not in self._names:
            self._names[base] = self._identifiers.take(wanted or base)
        return self._names[base]

    def function(
        self, told: Sequence[Result], cases: Sequence[tuple[str, FamilyFunction]] = ()
    ) -> list[str]:
        """The lines of the function that gives all values and gradients, by the equations that are
        told; those of others where their conditions hold."""
        bodies = [*((condition, one.body()) for condition, one in cases), ("", self.body())]
        lines = [*self._docstring(self.answers, told), *_by_cases(bodies)]
        whole = with_signature(self.given, self.answers, self.library, lines)
        return [*self.decorators(), *whole]

    def condition(self, ranges: Iterable[Range], whole: Iterable[Range]) -> str:
        """Where letters, which run over whole ranges, are within others."""
        all_of = {over.letter: over for over in whole}
        told = [self.guard(r, all_of[r.letter]) for r in ranges]
        for c in (c for r in ranges for c in r.where):
            first, inner, last = map(self.index, c)
            told.append(f"{inner} == {last}" if first == last else f"{first} <= {inner} <= {last}")
        return " and ".join(filter(None, told))

    def _docstring(self, answers: Sequence[Returned], told: Sequence[Result]) -> list[str]:
        inputs = {name: e.shape for name, e in self._inputs.items()}
        left_out = (
            f" Of `{r.request.key}`, the block of {r.request.rows} with itself is nan."
            for r in told
            if r.request.rows is not None and r.recursion is not None and r.recursion.left_out
        )
        note = "".join((self.note, *left_out))
        return docstring([a.key for a in answers], _formulas(told), inputs, note)

    def rule(self, entry: str) -> CustomRule:
        """The one value with its backward rule. Raises RequestError where the gradients by a family
        are asked for in part."""
        value, *gradients = self.answers
        directions = {a.request.direction for a in gradients if a.request is not None}
        if len(directions) > 1 or len(self._passes.values) > 1:
            raise RequestError("a backward rule is of one value, with one upstream gradient.")
        direction = directions.pop()
        if direction is None:
            upstream = self.identifier(f"bar({value.name})", f"{value.name}_bar")
        else:
            upstream = self.identifier(direction.base)
        own = {e: name for e, name in self.given.inputs.items() if name != upstream}
        given = self._of(own)
        times = f" * {upstream}" if direction is None else ""
        found = {name: self._gradient(e, gradients, times) for e, name in own.items()}
        returned = {name: text for name, text in found.items() if text}
        used = words([*self.backward, *returned.values()])
        arrays = self._are_arrays(own)
        members = [n for n in own.values() if n not in arrays]
        others = [*members, *given.sources, *given.others, *self._made_forward]
        return CustomRule(
            entry,
            value,
            gradients,
            given,
            upstream,
            [
                *self._docstring([value], [a.result for a in gradients if a.result]),
                *self._head(given),
            ],
            self.forward,
            frozenset(words(self.forward)),
            self.backward,
            self._returned(value),
            returned,
            saved=[name for name in arrays if name in used],
            kept=[name for name in dict.fromkeys(others) if name in used],
        )


def _formulas(results: Sequence[Result]) -> Iterator[tuple[str, Expr, str]]:
    """The equations as they were derived: of the cotangents, and the gradients by these."""
    told: dict[tuple[Expr, Expr, str], None] = {}
    for result in results:
        for q in () if result.recursion is None else result.recursion.equations:
            ranges = tuple(r for r in q.ranges if r not in result.request.ranges)
            listed = (f"{r.letter} = {r.first}" if r.is_single else str(r) for r in ranges)
            over = f"   for {', '.join(listed)}" if ranges else ""
            told.update(((left, right, over), None) for left, right in q.told)
    for left, right, over in told:
        name = overlined(left.name) if isinstance(left, Symbol) else to_text(left, unicode=True)
        yield name, right, over


def _by_cases(bodies: Sequence[tuple[str, Sequence[str]]]) -> list[str]:
    """The lines that all bodies begin with, and the others each where its condition holds, the last
    one else."""
    *_, (_, last) = bodies
    others = [(condition, lines) for condition, lines in bodies if lines != last]
    if not others:
        return [*last]
    texts = [last, *(lines for _, lines in others)]
    count = next(k for k, ones in enumerate(zip_longest(*texts)) if len({*ones}) > 1)
    while any(lines[count].startswith((" ", ")")) for lines in texts):
        count -= 1
    found = [*last[:count]]
    for k, (condition, lines) in enumerate(others):
        found += [f"{'elif' if k else 'if'} {condition}:", *indented(lines[count:])]
    return [*found, "else:", *indented(last[count:])]


def words(lines: Iterable[str]) -> set[str]:
    """The words that stand in lines of Python."""
    return set(re.findall(r"\w+", "\n".join(lines)))


def by_some_members(e: Symbol) -> RequestError:
    """The refusal of a backward rule with gradients by some members of a family alone."""
    at = ",".join(i.letter or "l" for i in e.indices)
    return RequestError(
        f"a backward rule has gradients by all members of `{e.base}`, or none: ask for "
        f"`{e.base}[{at}]`, or for another target (`numpy`, `jax`, `torch`), which has any."
    )
