"""What a text means: symbols, definitions and requests, with the places in the text that they
came from.

`language/elaboration.py` (of Python objects, `builders.py`) makes a `Problem`; `pipeline/` takes
it on.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import field, replace
from typing import Literal

from .dims import Shape
from .equations import EquationSystem, systems_within
from .errors import Span
from .expr import Dimension, Expr, Symbol
from .families import NO_FAMILIES, Families
from .functions import Array
from .indices import Range
from .member_axes import MemberAxes
from .named_tuples import NamedTuple
from .records import dataclass
from .structure import sizes_of
from .traversal import postorder, substitute

DerivativeKind = Literal["grad", "vjp", "jac", "hess", "jvp", "hvp"]
RequestKind = Literal[DerivativeKind, "solve"]
NOTHING_ASKED = "nothing is asked for: end with a request such as `grad J wrt X`."
LONGEST_LABEL = 24  # characters that stand in one
MOST_SHOWN = 3  # requests, in the `repr` of a problem


class Claim(NamedTuple):
    """The right side of `check … = claim`; `entries` are its letters where it is by entries.

    Where its own shapes don't fit, `value` is None and `problem` says why (a claim may be wrong in
    that way too: it is still a claim). On a member of a family it is a claim for all values of the
    letters of `ranges`."""

    text: str
    value: Expr | None
    span: Span | None = None
    problem: str = ""
    ranges: tuple[Range, ...] = ()
    entries: tuple[str, ...] = ()


OF_ITS_SHAPE = frozenset({"grad", "vjp", "hvp"})  # kinds whose answers have the variable's shape


@dataclass(frozen=True, slots=True, weakref_slot=True)
class Request:
    """One thing asked: the derivative of `of` by one symbol, or the symbol itself where the
    equations of `system` hold; then `of` is what is zero.

    `direction` is the upstream gradient of a vjp (of the shape of `of`), or the direction of a
    jvp or hvp (of the shape of `wrt`): a symbol. `symmetric` asks for the gradient along
    symmetric matrices. `ranges` are those of letters that stand for one number each, the i of
    `jac y[i] wrt x[j]`; `rows` is the member whose gradient is differentiated by another one in a
    block of a Hessian, `hess J wrt w[i], w[j]`.
    """

    kind: RequestKind
    of: Expr
    of_text: str  # as typed: "J", "A X B"
    wrt: Symbol
    direction: Symbol | None = None
    symmetric: bool = False
    claim: Claim | None = None
    span: Span | None = None
    system: EquationSystem | None = None
    ranges: tuple[Range, ...] = ()
    rows: Symbol | None = None

    @property
    def derivative(self) -> DerivativeKind:
        """The kind of what is known to be a derivative."""
        assert self.kind != "solve"
        return self.kind

    @property
    def first_wrt(self) -> Symbol:
        """By what is differentiated first: the rows of a Hessian's block are of that."""
        return self.wrt if self.rows is None else self.rows

    @property
    def directions(self) -> dict[str, Symbol]:
        """The direction by its name, if there is one."""
        return {} if self.direction is None else {self.direction.name: self.direction}

    @property
    def along(self) -> str:
        """The direction as it is told behind what is differentiated: ` along v`."""
        return "".join(f" along {name}" for name in self.directions)

    @property
    def right_span(self) -> Span | None:
        """Where what is claimed stands."""
        return None if self.claim is None else self.claim.span

    @property
    def key(self) -> str:
        """What it asks for: "grad J wrt w"."""
        if self.kind == "solve":
            return f"solve {self.of_text} for {self.wrt.name}"
        rows = "" if self.rows is None else f"{self.rows.name}, "
        return f"{self.kind} {self.of_text} wrt {rows}{self.wrt.name}"

    def __repr__(self) -> str:
        claim = "" if self.claim is None else f" = {self.claim.text}"
        return f"<Request {self.key}{claim}>"


def called(text: str) -> str:
    """What is differentiated as it stands in a label: in brackets unless it is a name, and left out
    where it is long."""
    if text.isidentifier():
        return text
    return f"({text})" if len(text) <= LONGEST_LABEL else ""


def jacobian_shape(of: Expr, wrt: Expr) -> Shape:
    """Rows follow the stacked value, columns the stacked variable; by a scalar, the value's own
    shape."""
    if wrt.is_scalar:
        return of.shape
    return of.shape[0] * of.shape[1], wrt.shape[0] * wrt.shape[1]


def derivative_shape(kind: RequestKind, of: Expr, wrt: Symbol, rows: Symbol | None = None) -> Shape:
    """The shape of a derivative; `rows` are those of a block of a Hessian."""
    match kind:
        case "jvp":
            return of.shape
        case "jac":
            return jacobian_shape(of, wrt)
        case "hess":
            first = wrt if rows is None else rows
            return first.shape[0] * first.shape[1], wrt.shape[0] * wrt.shape[1]
    return wrt.shape


def shape_of_result(request: Request) -> Shape:
    """The shape of what a request asks for."""
    return derivative_shape(request.kind, request.of, request.wrt, request.rows)


class EqualityClaim(NamedTuple):
    """`check E1 = E2`: both sides, and as typed; where it stands, and where its right side does."""

    left: Expr
    right: Expr
    left_text: str
    right_text: str
    span: Span | None = None
    right_span: Span | None = None

    @property
    def key(self) -> str:
        """What it claims: "tr(A B) = tr(B A)"."""
        return f"{self.left_text} = {self.right_text}"


def begin(asked: Request | EqualityClaim) -> int:
    """Where in the text it is asked or claimed."""
    return -1 if asked.span is None else asked.span.start


@dataclass(frozen=True, slots=True)
class Problem:
    """Symbols and definitions (`name` nodes) in the order of the text, and the requests."""

    text: str
    symbols: Mapping[str, Symbol]
    definitions: Mapping[str, Expr]
    requests: tuple[Request, ...]
    functions: tuple[str, ...] = ()  # declared element-wise functions
    assumptions: tuple[str, ...] = ()  # shapes that were inferred: "A is n×n"
    readings: tuple[str, ...] = ()  # where a text had two meanings: which was taken
    constants: frozenset[str] = field(
        default_factory=frozenset
    )  # declared `const`: not asked about
    families: Families = NO_FAMILIES  # values with an index
    unused: tuple[str, ...] = ()  # declared, and in nothing that is defined, asked or claimed
    systems: tuple[EquationSystem, ...] = ()  # equations that determine some of the symbols
    equalities: tuple[EqualityClaim, ...] = ()  # of two expressions, to be judged
    cotangents: tuple[str, ...] = ()  # definitions that claims mention and the text hasn't
    values: Mapping[str, Array] = field(default_factory=dict)  # that some symbols come with
    # how the arrays that a function takes and gives lie in those of members
    member_axes: Mapping[str, MemberAxes] = field(default_factory=dict)

    def __repr__(self) -> str:
        """What is asked, in short."""
        asked = [request.key for request in self.requests[:MOST_SHOWN]]
        more = len(self.requests) - len(asked)
        return f"<Problem {'; '.join(asked + [f'{more} more'] * bool(more)) or 'without requests'}>"

    @property
    def asked(self) -> list[Request | EqualityClaim]:
        """All that is asked or claimed, in the order of the text."""
        found: list[Request | EqualityClaim] = [*self.requests, *self.equalities]
        return sorted(found, key=begin)

    @property
    def claimed(self) -> list[Request | EqualityClaim]:
        """All that is claimed, in that order."""
        return [a for a in self.asked if isinstance(a, EqualityClaim) or a.claim is not None]

    @property
    def named(self) -> dict[str, Expr]:
        """The symbols and definitions."""
        return {**self.symbols, **self.definitions}

    def systems_of(self, *roots: Expr) -> tuple[EquationSystem, ...]:
        """The equations by which expressions are determined."""
        return systems_within(roots, self.systems)

    @property
    def has_families(self) -> bool:
        """Whether there are values or functions with an index."""
        return self.families != NO_FAMILIES

    def as_typed(self) -> Problem:
        """The problem with the definitions of its text alone."""
        if not self.cotangents:
            return self
        typed = {n: e for n, e in self.definitions.items() if n not in self.cotangents}
        return replace(self, definitions=typed, cotangents=())

    def holding(self, wrt: Symbol) -> Problem:
        """The problem in which what a derivative is by is declared, where it is a definition: it
        is held, whatever it is made of."""
        if wrt.name not in self.definitions or self.has_families:
            return self
        held: dict[Expr, Expr] = {self.definitions[wrt.name]: wrt}
        others = {n: e for n, e in self.definitions.items() if n != wrt.name}
        definitions = {n: substitute(e, held) for n, e in others.items()}
        return replace(self, symbols={**self.symbols, wrt.name: wrt}, definitions=definitions)

    def without_claims(self) -> Problem:
        """The problem as typed that asks for the same, each once, and claims nothing."""
        asked: dict[Request, Request] = {}
        for request in self.requests:
            asked.setdefault(replace(request, claim=None, span=None), replace(request, claim=None))
        return replace(self.as_typed(), requests=tuple(asked.values()))

    def dimensions(self) -> Iterator[str]:
        """Every dimension that occurs anywhere, also where no symbol has it: `tr(eye(k))`."""
        for e in postorder([*self.definitions.values(), *(r.of for r in self.requests)]):
            for dim in e.shape:
                yield from dim.names
            if isinstance(e, Dimension):
                yield e.name
            for dim in sizes_of(e):
                yield from dim.names

    def taken(self, request: Request) -> set[str]:
        """The names that a family of cotangents, and the letter of a sum, can't have."""
        shapes = [e.shape for e in self.symbols.values()]
        shapes += [s.shape for s in self.families.segments]
        dims = {str(n) for shape in shapes for d in shape for n in d.names}
        return self.names | dims | request.directions.keys()

    @property
    def names(self) -> set[str]:
        """Those of values, families and lengths."""
        f = self.families
        return {*self.symbols, *self.definitions, *(s.base for s in f.segments), *f.lengths}
