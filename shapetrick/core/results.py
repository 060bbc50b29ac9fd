"""What a derivation is made of: plain immutable data; everything that is shown is a rendering of
it."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import field, replace
from fractions import Fraction
from typing import Literal

from .dims import Dim, Shape
from .equations import EquationSystem, LinearEquation, LinearSystem
from .expr import Expr, Name, Symbol, symbol
from .families import MemberSystem
from .indices import Range
from .named_tuples import NamedTuple
from .problem import Request
from .records import dataclass
from .solved import told_by
from .traversal import expand_names

Verdict = Literal["verified", "wrong", "unchecked"]


@dataclass(frozen=True, slots=True)
class Validation:
    """How a result fared against finite differences and the Taylor remainder test.

    `order` is the slope of the Taylor remainder, infinite where it vanishes to rounding ("exact").
    `sizes` has the sizes of the dimensions for each draw; `conditions` what had to hold ("m ≥ d").
    `zero` is true where the gradient is zero everywhere that was looked at."""

    verdict: Verdict
    reason: str
    max_relative_error: float
    order: float
    draws: int
    sizes: tuple[Mapping[str, int], ...]
    seed: int
    conditions: tuple[str, ...] = ()
    zero: bool = False


class Factor(NamedTuple):
    """One factor of a scalar line, and where it came from in the chain rule."""

    expression: Expr
    origin: str


@dataclass(frozen=True, slots=True)
class Rejected:
    """An arrangement that fits the declared shapes and is not the derivative: how far it is off
    (relative error against finite differences), and why the types say no."""

    arrangement: Expr
    error: float
    reason: str


@dataclass(frozen=True, slots=True)
class FactorSide:
    """A side of the matrix factor with the number `owner`, counted without scalars, or of what all
    are arranged to (the last one).

    It has its declared dimension, and the principal one and the unit that the operations force."""

    owner: int
    name: str  # "the rows of X"
    declared: Dim
    principal: int
    unit: tuple[tuple[int, int], ...] | None  # as in `derivation/principal_types.py`


class TriedArrangement(NamedTuple):
    """A way in which the sides of a line's factors meet: the block of each side, blocks numbered as
    they first occur; its relative error, 0 where it is the derivative, and why the types say no."""

    blocks: tuple[int, ...]
    error: float
    reason: str


@dataclass(frozen=True, slots=True)
class Line:
    """A product of scalars, and its arrangement: one path from a named quantity to another.

    `fitting` counts the arrangements that fit the declared shapes (up to a limit: `all_counted`),
    `typed` those that fit the principal shapes and units too; `rejected` lists some of the former
    that fail. `sides` are what their types are told from, and `tried` how these may meet where all
    ways are transposes and products: unknown (empty) in what is read back."""

    coefficient: Fraction
    factors: tuple[Factor, ...]
    arrangement: Expr
    fitting: int
    all_counted: bool
    typed: int
    rejected: tuple[Rejected, ...]
    sides: tuple[FactorSide, ...] = field(default=(), compare=False, repr=False)
    tried: tuple[TriedArrangement, ...] = field(default=(), compare=False, repr=False)

    @property
    def is_forced(self) -> bool:
        """Whether no other arrangement fits the declared shapes."""
        return self.fitting <= 1 and self.all_counted


@dataclass(frozen=True, slots=True)
class Step:
    """The derivative of `of` by `wrt`: a sum of lines, and what it simplifies to, of shape
    `shape`.

    `of` and `wrt` are as printed; `label` names the result in later steps ("∂J/∂Z1"). A step
    without lines is not a product: `note` says how its result comes from the step before."""

    of: str
    wrt: str
    label: str
    shape: Shape
    lines: tuple[Line, ...]
    result: Expr
    note: str = ""


def orders(conditions: Iterable[str], sizes: Container[str]) -> Iterator[tuple[str, str]]:
    """Those among the conditions ("m ≥ d", "n ≥ 3") that are of known sizes: what is at least what,
    names, or a name and a number."""
    for larger, sign, smaller in (text.partition(" ≥ ") for text in conditions):
        if sign and larger in sizes and (smaller in sizes or smaller.isdigit()):
            yield larger, smaller


class Rewriting(NamedTuple):
    """A named step of the simplification."""

    rule: str
    before: Expr
    after: Expr


@dataclass(frozen=True, slots=True)
class Equation:
    """`symbol` = `value`, for all values of the letters of the ranges: `G[l-1] = … for l = L..1`.

    The members of families and of their cotangents are symbols in it. A multiplier `solves`
    equations; where it is not isolated in them, the value is what computes it."""

    symbol: Symbol
    value: Expr
    ranges: tuple[Range, ...]
    solves: LinearSystem | None = None

    @property
    def solved(self) -> LinearSystem | None:
        """The equations that alone determine the symbol."""
        return told_by(self.value, self.symbol.indices)

    @property
    def told(self) -> Sequence[tuple[Expr, Expr]]:
        """The sides of what is written of it."""
        if self.solved is None:
            return [(self.symbol, self.value)]
        return [(q.left, q.right) for q in self.solved.equations]


class Recursion(NamedTuple):
    """What a result consists of where there are families: the equations of the cotangents, the last
    member's first, and those of the gradient, one for each kind of member; `least` are the lengths
    from which on they hold, and `padded` the families whose members are zero outside of their
    ranges along an axis. `left_out` are members that another request is for: the blocks on the
    diagonal of a Hessian, of which the others are asked."""

    cotangents: tuple[Equation, ...]
    gradients: tuple[Equation, ...]
    least: Mapping[str, int]
    padded: tuple[tuple[str, int], ...] = ()
    left_out: tuple[Equation, ...] = ()

    def changed(self, change: Callable[[Equation], Equation]) -> Recursion:
        """With a change to each equation."""
        cotangents, gradients, left_out = (
            tuple(map(change, own)) for own in (self.cotangents, self.gradients, self.left_out)
        )
        return Recursion(cotangents, gradients, self.least, self.padded, left_out)

    @property
    def equations(self) -> tuple[Equation, ...]:
        """All of them, in the order in which each finds what it uses."""
        return (*self.cotangents, *self.gradients)


class Adjoint(NamedTuple):
    """What a result consists of where equations determine unknowns: the systems, their equations
    (as what is zero) each with its multiplier, the adjoint equations, and what determines
    differentials, each in those before it.

    A multiplier with a closed form is a definition; the others are symbols that the adjoint
    equations determine."""

    systems: tuple[EquationSystem, ...]
    weighted: tuple[tuple[Expr, Expr], ...]
    equations: tuple[LinearEquation, ...]
    differentials: tuple[LinearSystem, ...] = ()

    @property
    def multipliers(self) -> tuple[Symbol, ...]:
        """Those that only the adjoint equations determine."""
        return tuple(s for system in self.systems for s in self._open(system))

    def _open(self, system: EquationSystem) -> tuple[Symbol, ...]:
        """The multipliers of a system; none where one has a closed form, as no other is needed."""
        own = [s for e, s in self.weighted if e in system.residuals]
        symbols = tuple(s for s in own if isinstance(s, Symbol))
        return symbols if len(symbols) == len(own) else ()

    @property
    def linear_systems(self) -> list[LinearSystem]:
        """What determines the multipliers that equations name, those of the last system first,
        which are on the right sides of the others; then the differentials."""
        found = []
        for system in reversed(self.systems):
            own = tuple(q for q in self.equations if q.unknown in system.unknowns)
            if multipliers := self._open(system):
                found.append(LinearSystem(multipliers, own))
        return [*found, *self.differentials]

    @property
    def symbols(self) -> tuple[Symbol, ...]:
        """All of them as symbols, in which the adjoint equations are written."""
        return tuple(self.symbol(s) for _, s in self.weighted)

    @staticmethod
    def symbol(multiplier: Expr) -> Symbol:
        """A multiplier without its closed form."""
        if isinstance(multiplier, Symbol):
            return multiplier
        assert isinstance(multiplier, Name)
        return symbol(multiplier.name, multiplier.shape)


class MemberAdjoint(NamedTuple):
    """Equations that determine members: what is zero, each with its multiplier, and what these
    are."""

    determined: MemberSystem
    weighted: tuple[tuple[Expr, Symbol], ...]
    multipliers: tuple[Equation, ...]


@dataclass(frozen=True, slots=True)
class Result:
    """All that was found for one request; `api.Derivation` is its public face.

    `definitions` are those that `gradient` uses, the problem's own and those introduced, in order;
    `kept` are the forward values that the gradient uses; `shared` are the nodes whose cotangents
    have names in the gradients that were derived with it; `prepared` is what it was derived with,
    for its steps, where it is known."""

    request: Request
    steps: tuple[Step, ...]
    gradient: Expr
    definitions: tuple[tuple[str, Expr], ...]
    kept: tuple[Expr, ...]
    rewritings: tuple[Rewriting, ...]
    validation: Validation
    notes: tuple[str, ...] = ()
    recursion: Recursion | None = None
    adjoint: Adjoint | None = None
    shared: tuple[tuple[Expr, str], ...] = field(default=(), compare=False, repr=False)
    prepared: object = field(default=None, compare=False, repr=False)

    @property
    def expanded(self) -> Expr:
        """The gradient in declared symbols alone."""
        return expand_names(self.gradient)


def asked_once(results: Iterable[Result]) -> list[Result]:
    """The results without those of requests that are made again, by a claim or as they were."""
    first: dict[Request, Result] = {}
    for r in results:
        first.setdefault(replace(r.request, claim=None, span=None), r)
    return list(first.values())
