"""What a generated function takes: its parameters, the sizes read off them, and the checks of
shapes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import field, replace
from typing import TypeGuard

from ...core.dims import ONE, Dim, Extent, extent, shape_text
from ...core.expr import Expr, Symbol
from ...core.indices import Member
from ...core.records import dataclass
from ...core.results import orders
from ..code_text import dim_text, tuple_text
from ..identifiers import Identifiers
from ..program import Program

_PRIMES = ("", "_prime", "_second")


@dataclass(frozen=True, slots=True)
class Arguments:
    """The identifiers of inputs, of dimensions and of functions, and the lines that begin the
    body.

    `functions` are by (name, order) for abstract ones and by name for a user's own; `asked` are
    the dimensions that no shape tells, which are parameters too; `sources` says of all others how
    they are read, and off which input. A member of a family stands for all of its members, which
    are given as a list, or where it is `stacked`, as one array with these axes before its own."""

    inputs: Mapping[Symbol, str]
    dims: Mapping[str, str]
    functions: Mapping[object, str]
    asked: tuple[str, ...]
    sources: Mapping[str, tuple[str, str]]
    lines: tuple[str, ...]
    stacked: Mapping[Symbol, Extent] = field(default_factory=dict)

    def is_list(self, e: Symbol) -> bool:
        """Whether an input is a list of members."""
        return bool(e.indices) and e not in self.stacked

    @property
    def others(self) -> list[str]:
        """The parameters that are no arrays."""
        return [*self.functions.values(), *(self.dims[name] for name in self.asked)]

    @property
    def names(self) -> list[str]:
        """The parameters in order."""
        return [*self.inputs.values(), *self.others]

    def sizes(self, names: Iterable[str]) -> list[tuple[str, str, str]]:
        """Of the sizes among the names and those that they are made of: how each is read, off
        what."""
        needed, found = set(names), []
        for name, (text, source) in reversed(list(self.sources.items())):
            if name in needed:
                found.append((name, text, source))
                needed.update(re.findall(r"\w+", text))
        return found[::-1]


def is_listed(key: object) -> TypeGuard[tuple[Member, int]]:
    """Whether the function with this key is a family of functions."""
    return isinstance(key, tuple) and isinstance(key[0], Member)


def arguments(
    program: Program, identifiers: Identifiers, chosen: Sequence[Symbol] | None = None
) -> Arguments:
    """The parameters of a program, named before anything else is: all inputs, or those given."""
    inputs = {e: identifiers.take(e.name) for e in (program.inputs if chosen is None else chosen)}
    functions: dict[object, str] = {}
    for name, order in program.functions:
        suffix = _PRIMES[order] if order < len(_PRIMES) else f"_derivative{order}"
        functions[name, order] = identifiers.take(f"{name}{suffix}")
    functions.update((name, identifiers.take(name)) for name in program.foreign)
    dims = {name: identifiers.take(name) for name in _dimensions(program)}
    given = checked_arguments(inputs, dims, functions, {})
    ordered = (line for text in program.conditions for line in order_check(text, dims))
    return replace(given, lines=(*given.lines, *ordered))


def checked_arguments(
    inputs: Mapping[Symbol, str],
    dims: Mapping[str, str],
    functions: Mapping[object, str],
    stacked: Mapping[Symbol, Extent],
) -> Arguments:
    """The parameters, with the lines that read the sizes and check the shapes."""
    sizes = SizeSources(inputs, dims, stacked=stacked)
    asked = sizes.ask(dims)
    read = {name for _, name in sizes.sources.values()}
    own = {e: stacked.get(e, ()) for e in inputs}
    ranks = [rank_check(e, name, own[e]) for e, name in inputs.items() if name in read]
    unsure = ((e, name) for e, name in inputs.items() if e not in sizes.exact)
    checks = [line for e, name in unsure for line in shape_checks(e, name, dims, name, own[e])]
    lines = (*ranks, *sizes.lines, *checks)
    return Arguments(inputs, dims, functions, asked, sizes.sources, lines, stacked)


def _dimensions(program: Program) -> list[str]:
    """All names of dimensions, in the order in which they appear."""
    sides = [d for e in program.inputs for d in e.shape]
    return list(dict.fromkeys([*(n for d in sides for n in d.names), *program.dimensions]))


class SizeSources:
    """Reads the sizes of dimensions off the shapes of the inputs; `known` are given. A member is
    found by `access`; a dimension that members have is not read."""

    def __init__(
        self,
        inputs: Mapping[Symbol, str],
        dims: Mapping[str, str],
        known: Iterable[str] = (),
        access: Mapping[Symbol, str] | None = None,
        stacked: Mapping[Symbol, Extent] | None = None,
    ) -> None:
        self._inputs = inputs
        self._stacked = stacked or {}
        self._dims = dims
        self._access = inputs if access is None else access
        self._known = set(known)
        self.exact: set[Expr] = set()  # inputs whose shape needs no check
        self.sources: dict[str, tuple[str, str]] = {}
        self.lines: list[str] = []
        for e in inputs:
            self._read(e)

    def ask(self, needed: Iterable[str]) -> tuple[str, ...]:
        """The dimensions among those needed that no shape tells, so that a person has to."""
        asked: list[str] = []
        while True:
            known = -1
            while known < (known := len(self._known)):  # one may tell what another lacked
                for e in self._inputs:
                    self._solve(e)
            unknown = [name for name in needed if name not in self._known]
            if not unknown:
                return tuple(asked)
            asked.append(unknown[0])
            self._known.add(unknown[0])

    def _read(self, e: Symbol) -> None:
        """Those that stand alone: `m, d = X.shape`."""
        axes = self._axes(e)
        names = [str(d) if d.names == (str(d),) and self._is_open(d) else "" for d in axes]
        if len(set(names)) < len(names):
            names = [name if names.index(name) == i else "" for i, name in enumerate(names)]
        source = self._access[e]
        if self._is_plain(e) and all(names):
            self.lines.append(f"{', '.join(self._dims[n] for n in names)} = {source}.shape")
            self.exact.add(e)
        else:
            for i, name in enumerate(names):
                if name:
                    self.lines.append(f"{self._dims[name]} = {self._length(e, i)}")
        for i, name in enumerate(names):
            if name:
                self._known.add(name)
                self.sources[self._dims[name]] = self._length(e, i), self._inputs[e]

    def _axes(self, e: Symbol) -> Extent:
        return (*self._stacked.get(e, ()), *extent(e.shape))

    def _is_plain(self, e: Symbol) -> bool:
        """Whether an input has all its axes, however it is given."""
        return len(extent(e.shape)) == 2

    def _length(self, e: Symbol, axis: int) -> str:
        source, lead = self._access[e], len(self._stacked.get(e, ()))
        if axis < lead or self._is_plain(e):
            return f"{source}.shape[{axis}]"
        return f"max({source}.shape[{lead}:])" if lead else f"max({source}.shape)"

    def _is_open(self, d: Dim) -> bool:
        """Whether a name in it is unknown, and none is that of a member's dimension."""
        unknown = any(name not in self._known for name in d.names)
        return unknown and not any(isinstance(name, Member) for name in d.names)

    def _solve(self, e: Symbol) -> None:
        """Those that a sum or multiple tells: `n = X.shape[1] - 1`."""
        for i, d in enumerate(self._axes(e)):
            unknown = [name for name in d.names if name not in self._known]
            if len(unknown) != 1 or not self._is_open(d):
                continue
            (name,) = unknown
            factor, rest = _linear(d, name)
            if factor is None:
                continue
            text = self._length(e, i)
            if rest.terms:
                text += f" - {_bracketed(dim_text(rest, self._dims))}"
            if factor != ONE:
                text = f"{_bracketed(text)} // {_bracketed(dim_text(factor, self._dims))}"
            self.lines.append(f"{self._dims[name]} = {text}")
            self._known.add(name)
            self.sources[self._dims[name]] = text, self._inputs[e]


def _bracketed(text: str) -> str:
    return f"({text})" if " " in text else text


def _linear(d: Dim, name: str) -> tuple[Dim | None, Dim]:
    """d as factor·name + rest; no factor if it isn't linear in the name."""
    factor, rest = Dim(()), Dim(())
    for letters, k in d.terms:
        if letters.count(name) > 1:
            return None, rest
        others = Dim(((tuple(x for x in letters if x != name), k),))
        factor, rest = (factor + others, rest) if name in letters else (factor, rest + others)
    return factor, rest


def rank_check(e: Expr, name: str, lead: Extent) -> str:
    """The assertion that an input has the axes off which sizes are read."""
    axes, least = len(extent(e.shape)), len(lead)
    ranks = f"== {least + 2}" if axes == 2 else f"in ({least + axes}, {least + 2})"
    if axes == 1 and not lead:
        ranks = "in (1, 2)"
    message = f"{name} has shape {{{name}.shape}}, not {_shape_told(e, lead)}"
    return f'assert {name}.ndim {ranks}, f"{message}"'


def _shape_told(e: Expr, lead: Extent) -> str:
    """The shape in the words of the problem: `m×d`, of members `B×H×(m×d)`."""
    if not lead:
        return shape_text(e.shape)
    axes = "×".join(f"({d})" if len(d.terms) > 1 else str(d) for d in lead)
    return f"{axes}×({shape_text(e.shape)})"


def shape_checks(
    e: Expr,
    name: str,
    dims: Mapping[str, str],
    called: str,
    lead: Extent = (),
    is_flat: bool = False,
) -> list[str]:
    """The assertion that an array has its shape, in the words of the problem, of what is `called`
    so there; a vector may have two axes unless it `is_flat`."""
    axes = (*lead, *extent(e.shape))
    if not axes:
        return []
    shape = tuple_text([dim_text(d, dims) for d in axes])
    whole = tuple_text([dim_text(d, dims) for d in (*lead, *e.shape)])
    test = f"{name}.shape == {shape}"
    if len(extent(e.shape)) < 2 and not is_flat:
        test = f"{name}.shape in ({shape}, {whole})"
    sizes = ", ".join(
        f"{n} = {{{dims[n]}}}" for n in dict.fromkeys(x for d in axes for x in d.names)
    )
    told = f" with {sizes}" if sizes else ""
    message = f"{called} has shape {{{name}.shape}}, not {_shape_told(e, lead)}{told}"
    return [f'assert {test}, f"{message}"']


def order_check(condition: str, dims: Mapping[str, str]) -> Iterator[str]:
    """The assertion that one size is at least another, or a number."""
    for larger, smaller in orders([condition], dims):
        told = " and ".join(f"{n} is {{{dims[n]}}}" for n in (larger, smaller) if n in dims)
        test = f"{dims[larger]} >= {dims.get(smaller, smaller)}"
        yield f'assert {test}, f"{told}: this holds where {condition}"'


def flattening(given: Arguments) -> list[str]:
    """Vectors are computed with as arrays of one axis, however they were given."""
    lines = []
    for e, name in given.inputs.items():
        lead, axes = len(given.stacked.get(e, ())), len(extent(e.shape))
        if axes == 1:
            lines.append(f"{name} = {name}.reshape({f'*{name}.shape[:{lead}], ' * bool(lead)}-1)")
        elif not axes and lead:
            lines.append(f"{name} = {name}.reshape({name}.shape[:{lead}])")
    return lines
