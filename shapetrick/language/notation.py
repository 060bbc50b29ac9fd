"""Expressions to text: the one traversal that decides order, signs, quotients and brackets.

A `Notation` is a table of spellings with a few methods that a target may override; which operand
needs brackets is decided here alone. Products and divisions of all kinds are one level, read left
to right, in the language as in Python, so `A X ./ B` needs no brackets; the other way round they
are put, `(G .* X) W`, although `G .* X W` means the same: a space looks tighter than a sign.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from decimal import Decimal
from enum import IntEnum
from fractions import Fraction
from itertools import groupby

from ..core.block_forms import Acted, BlockMatrix, Bounds, Part, written
from ..core.cost import is_below, period
from ..core.dims import ONE, SCALAR, Dim, broadcast
from ..core.errors import RequestError
from ..core.expr import (
    SUM,
    Abstract,
    Add,
    Constant,
    Dimension,
    Expr,
    Eye,
    MatMul,
    Name,
    Named,
    Number,
    Ones,
    Power,
    PowerSum,
    Real,
    Symbol,
    Times,
    Total,
    Transpose,
    Zeros,
    exact,
    matmul,
    times,
    value_of,
)
from ..core.functions import NAMES
from ..core.indices import Index, Range, index_of
from ..core.named_tuples import NamedTuple
from ..core.records import dataclass
from ..core.structure import data_of, factors_of, sizes_of
from ..core.traversal import postorder

Rope = str | tuple["Rope", ...]  # text that shares its parts, joined once, at the end

SMALL = 1000  # from this denominator on, a decimal is kept
BESIDE = "\0"  # a product written by putting factors beside each other; spelled last, by `beside`
CONSTRUCTORS = (
    "eye",
    "ones",
    "zeros",
    "commute",
    "duplicate",
    "eliminate",
    "vector",
    "matrix",
    "bar",
)  # called, without a row
LONGEST = 1_000_000  # characters
EXPONENTS = "rstuvwabcdefgh"  # letters for sums over exponents


class NotationPrecedence(IntEnum):
    """How tightly a text holds together, loosest first."""

    SUM = 0
    RUNNING = 1  # a sum over members, which takes the product that follows
    ELEMENTWISE = 2  # with a sign of product or division in it: `A .* B`, `a / b`
    PRODUCT = 3  # factors beside each other
    POWER = 4
    TRANSPOSE = 5
    ATOM = 6


class Fragment(NamedTuple):
    """The text of a node without its sign; `bare` is it with `I` for `eye(n)`, where it has one."""

    text: Rope
    level: NotationPrecedence
    negative: bool = False
    bare: Rope | None = None

    @property
    def unsigned(self) -> Fragment:
        return self._replace(negative=False) if self.negative else self


@dataclass(frozen=True, slots=True)
class Notation:
    """The spellings of the language itself; other targets change some, or override a method."""

    matmul: str = BESIDE
    scale: str = BESIDE
    hadamard: str = " .* "
    over: str = " ./ "
    divide: str = " / "
    transposition: str = "'"
    exponent: str = "^"
    elementwise_exponent: str = ".^"
    identity: str = "I"
    explicit: str = " * "  # a product where a space would be misread
    stacked: bool = False  # a fraction of scalars stands in front: 1/m X, not X / m

    def name(self, name: str) -> Rope:
        return name

    def number(self, value: Real) -> Rope:
        return repr(value) if isinstance(value, float) else str(value)

    def dim(self, dim: Dim) -> Rope:
        return str(dim)

    def quotient(self, numerator: Fragment, denominator: Fragment) -> Fragment:
        above = self.enclosed(numerator, NotationPrecedence.ELEMENTWISE)
        text = (above, self.divide, self.enclosed(denominator, NotationPrecedence.POWER))
        return Fragment(text, NotationPrecedence.ELEMENTWISE)

    def transpose(self, a: Fragment) -> Rope:
        return (self.enclosed(a, NotationPrecedence.ATOM), self.transposition)

    def raised(self, base: Fragment, exponent: Fragment, elementwise: bool) -> Rope:
        sign = self.elementwise_exponent if elementwise else self.exponent
        above = self.enclosed(exponent, NotationPrecedence.ATOM)
        if above == "T":  # `x^T` would be a transpose
            above = self.bracket(above)
        return (self.enclosed(base, NotationPrecedence.TRANSPOSE), sign, above)

    def root(self, a: Rope) -> Rope:
        return self.call("sqrt", [a])

    def call(self, name: str, args: Iterable[Rope]) -> Rope:
        return (f"{name}(", *_with_commas(args), ")")

    def running(self, over: Range, fold: str = SUM) -> Rope:
        """The sign of a sum over members, or of another fold, before what is summed."""
        return self.call(fold, [str(over)])

    def function(self, name: str, args: Sequence[Fragment], extra: Sequence[Rope]) -> Fragment:
        """A function of the table; `extra` is what it has beside its arguments."""
        return Fragment(self.call(name, [*map(signed, args), *extra]), NotationPrecedence.ATOM)

    def marked(self, e: Expr, piece: Fragment) -> Fragment:
        """The piece of a node, as it stands in the pieces of others."""
        return piece

    def word(self, name: str) -> str:
        """The name of a function that has no row."""
        return name

    def selected(self, base: Fragment, sides: Sequence[Rope]) -> Rope:
        """Rows and columns of a matrix."""
        return (self.enclosed(base, NotationPrecedence.ATOM), "[", *_with_commas(sides), "]")

    def bounds(self, bounds: Bounds) -> Rope:
        """The rows or columns that are taken, from the first to the last."""
        first, last = bounds
        return self.dim(first) if first == last else (self.dim(first), "..", self.dim(last))

    def block(self, rows: Sequence[Sequence[Rope]]) -> Rope:
        """A block matrix."""
        parts: list[Rope] = []
        for row in rows:
            parts += ["; " if parts else "[", *_with_commas(row)]
        return (*parts, "]")

    def axis(self, axis: int) -> Rope:
        return f"axis={axis}"

    def derivative(self, name: str, order: int) -> str:
        return name + "'" * order

    def bracket(self, text: Rope) -> Rope:
        return ("(", text, ")")

    def beside(self, left: str, right: str) -> str:
        """What stands between two factors, by the last token of one and the first of the other."""
        call = right == "(" and (left in NAMES or left in CONSTRUCTORS)
        return self.explicit if call or right[0].isdigit() else " "

    def enclosed(self, piece: Fragment, least: NotationPrecedence) -> Rope:
        """A piece with its sign, in brackets unless it holds together well enough."""
        if piece.negative:
            return self.bracket(signed(piece))
        return piece.text if piece.level >= least else self.bracket(piece.text)


def _with_commas(parts: Iterable[Rope]) -> list[Rope]:
    return [x for a in parts for x in (", ", a)][1:]


def signed(piece: Fragment) -> Rope:
    """A piece's text with its sign, where nothing stands around it."""
    return ("-", piece.text) if piece.negative else piece.text


def spell(
    e: Expr,
    notation: Notation,
    taken: Collection[str] = (),
    least: NotationPrecedence = NotationPrecedence.SUM,
) -> str:
    """The text of an expression, in brackets if it holds together less than `least`.

    `taken` are names that are declared beside those that occur in it.

    Raises RequestError for an expression whose shared parts would take millions of characters."""
    e = written(e)
    nodes = list(postorder([e], into=lambda e: not isinstance(e, Name)))
    names = {n.name for n in nodes if isinstance(n, (Symbol, Dimension, Name))}
    writer = _Writer(notation, notation.identity not in {*names, *taken})
    for node in nodes:
        writer.write(node)
    piece = writer.pieces[e]
    return _join(
        signed(piece) if least == NotationPrecedence.SUM else notation.enclosed(piece, least),
        notation,
    )


def _join(rope: Rope, notation: Notation) -> str:
    out: list[str] = []
    stack: list[Rope] = [rope]
    length = 0
    while stack:
        top = stack.pop()
        if isinstance(top, tuple):
            stack.extend(reversed(top))
            continue
        if out and out[-1] == BESIDE:
            out[-1] = notation.beside(out[-2], top)
        out.append(top)
        length += len(top)
        if length > LONGEST:
            raise RequestError(
                f"an expression of more than {LONGEST:,} characters: print it with its definitions."
            )
    return "".join(out)


class _Writer:
    """Makes the piece of a node from those of its arguments, which were written before it."""

    def __init__(self, notation: Notation, identity_is_free: bool) -> None:
        self.notation = notation
        self.identity_is_free = identity_is_free
        self.pieces: dict[Expr, Fragment] = {}

    def write(self, e: Expr) -> None:
        s = self.notation
        match e:
            case Number():
                piece = _number(e.value, s)
            case Symbol() | Dimension() | Constant() | Name():
                piece = Fragment(s.name(e.name), NotationPrecedence.ATOM)
            case Ones() | Zeros():
                sides = e.shape if e.shape[1] != ONE else e.shape[:1]
                piece = Fragment(s.call(e.op, map(s.dim, sides)), NotationPrecedence.ATOM)
            case Eye():
                bare = s.identity if self.identity_is_free else None
                piece = Fragment(
                    s.call(e.op, [s.dim(e.shape[0])]), NotationPrecedence.ATOM, bare=bare
                )
            case Add():
                piece = self._sum(e.args)
            case Times():
                piece = self._product(e.args)
            case Power():
                piece = self._power(e)
            case MatMul():
                piece = self._chain(e.args)
            case PowerSum():
                piece = self._powers(e)
            case Transpose():
                piece = Fragment(s.transpose(self.pieces[e.args[0]]), NotationPrecedence.TRANSPOSE)
            case Total():
                is_sum = isinstance(e.args[0], Total)
                least = NotationPrecedence.RUNNING if is_sum else NotationPrecedence.ELEMENTWISE
                body = s.enclosed(self.pieces[e.args[0]], least)
                piece = Fragment((s.running(e.over, e.fold), " ", body), NotationPrecedence.RUNNING)
            case Abstract():
                piece = s.function(s.derivative(e.name, e.order), [self.pieces[e.args[0]]], [])
            case Part():
                piece = self._part(e)
            case BlockMatrix():
                piece = Fragment(s.block(self._rows(e)), NotationPrecedence.ATOM)
            case Acted():
                by = [] if e.by is None else [s.dim(e.by)]
                axis = [] if e.axis is None or ONE in e.shape else [s.axis(e.axis)]
                piece = s.function(s.word(e.function), [self.pieces[e.args[0]]], [*by, *axis])
            case _:
                piece = s.function(e.op, [self.pieces[a] for a in e.args], _extra(e, s))
        self.pieces[e] = s.marked(e, piece)

    def _operands(self, operands: Sequence[Expr]) -> list[Fragment]:
        """Their pieces; an identity is bare where the operands before it size it, or the second one
        sizes the first."""
        pieces = [self.pieces[a] for a in operands]
        chosen = list(pieces)
        sized = SCALAR
        for i, (operand, piece) in enumerate(zip(operands, pieces, strict=True)):
            if i == 0 and len(pieces) > 1 and pieces[1].bare is None:
                sized = operands[1].shape
            if piece.bare is not None and sized == operand.shape:
                chosen[i] = piece._replace(text=piece.bare)
            sized = (broadcast([sized, operand.shape]) or sized) if i else operand.shape
        return chosen

    def _part(self, e: Part) -> Fragment:
        s, base = self.notation, e.args[0]
        sides = [":" if b is None else s.bounds(b) for b in (e.rows, e.cols)]
        if base.shape[1] == ONE and e.cols is None:
            sides = sides[:1]
        elif base.shape[0] == ONE and e.rows is None:
            sides = sides[1:]
        return Fragment(s.selected(self.pieces[base], sides), NotationPrecedence.ATOM)

    def _rows(self, e: BlockMatrix) -> list[list[Rope]]:
        cells = [signed(self.pieces[a]) for a in e.args]
        return [cells[i : i + e.width] for i in range(0, len(cells), e.width)]

    def _sum(self, terms: Sequence[Expr]) -> Fragment:
        parts: list[Rope] = []
        for i, piece in enumerate(self._operands(terms)):
            sign = (" - " if piece.negative else " + ") if i else ("-" if piece.negative else "")
            parts += [sign, piece.text] if sign else [piece.text]
        return Fragment(tuple(parts), NotationPrecedence.SUM)

    def _chain(self, factors: Sequence[Expr]) -> Fragment:
        """A matrix product: equal neighbours are a power, and so is a product that repeats. What
        its first factor is divided by is below all of it: `x' A x / 2`."""
        s = self.notation
        runs = [(a, len(list(run))) for a, run in groupby(factors)]
        if len(runs) == len(factors) and (once := period(factors)) < len(factors):
            return self._repeated(self._chain(factors[:once]), len(factors) // once)
        parts_of_first = factors_of(factors[0])
        if factors.count(factors[0]) == 1 and any(map(_is_divisor, parts_of_first)):
            scalars = [a for a in parts_of_first if a.is_scalar]
            matrices = [a for a in parts_of_first if not a.is_scalar]
            plain = times(*matrices)
            if len(matrices) > 1:
                self.pieces[plain] = self._product(matrices)
            product = matmul(plain, *factors[1:])
            self.pieces[product] = self._chain(product.args)
            return self._product([*scalars, product])
        pieces = [self._repeated(self.pieces[a], times) for a, times in runs]
        negative = sum(piece.negative for piece in pieces) % 2 == 1
        first, *rest = [piece.unsigned for piece in pieces]
        if not rest:
            return first._replace(negative=negative)
        parts: list[Rope] = [s.enclosed(first, NotationPrecedence.PRODUCT)]
        for piece in rest:
            parts += [s.matmul, s.enclosed(piece, NotationPrecedence.POWER)]
        return Fragment(tuple(parts), NotationPrecedence.PRODUCT, negative)

    def _repeated(self, piece: Fragment, times: int) -> Fragment:
        if times == 1:
            return piece
        s = self.notation
        count = Fragment(s.number(Fraction(times)), NotationPrecedence.ATOM)
        text = s.raised(piece.unsigned, count, elementwise=False)
        return Fragment(text, NotationPrecedence.POWER, piece.negative and times % 2 == 1)

    def _power(self, e: Expr) -> Fragment:
        base, exponent = e.args
        if is_below(e):
            return self._product([e])
        if isinstance(exponent, Number):
            return self._raised(e, exponent.value)
        elementwise = not (base.is_scalar and exponent.is_scalar)
        text = self.notation.raised(self.pieces[base], self.pieces[exponent], elementwise)
        return Fragment(text, NotationPrecedence.POWER)

    def _powers(self, e: PowerSum) -> Fragment:
        """A power; or a sum over each exponent but the last, up to what the others leave."""
        s = self.notation
        taken = {n.name for n in postorder([e]) if isinstance(n, (Named, Dimension))}
        free = (c for c in EXPONENTS if c not in taken and c not in e.degree.names)
        letters = [next(free) for _ in e.args[2::2]]
        signs: list[Rope] = []
        rest = e.degree
        for letter in letters:
            signs += [s.running(Range(letter, Index(), _index(rest))), " "]
            rest = rest - Dim.of(letter)
        last = (s.dim(e.degree), *(f"-{letter}" for letter in letters))
        alone = not letters and str(e.degree).isalnum()
        level = NotationPrecedence.ATOM if alone else NotationPrecedence.SUM
        exponents = [Fragment(letter, NotationPrecedence.ATOM) for letter in letters]
        exponents.append(Fragment(last, level))
        parts: list[Rope] = []
        for i, a in enumerate(e.args):
            if i % 2 and isinstance(a, Eye):
                continue
            piece, least = self.pieces[a], NotationPrecedence.PRODUCT
            if i % 2 == 0:
                raised = s.raised(piece, exponents[i // 2], elementwise=False)
                piece = Fragment(raised, NotationPrecedence.POWER)
            parts += [*([s.matmul] if i else []), s.enclosed(piece, least)]
        whole = NotationPrecedence.RUNNING if letters else NotationPrecedence.POWER
        return Fragment((*signs, *parts), whole)

    def _raised(self, e: Expr, exponent: Real) -> Fragment:
        """A power's base with another, numeric exponent."""
        s = self.notation
        base = self.pieces[e.args[0]]
        if exponent == Fraction(1, 2):
            return Fragment(s.root(signed(base)), NotationPrecedence.ATOM)
        if exponent == 1:
            return base
        return Fragment(
            s.raised(base, _number(exponent, s), not e.is_scalar), NotationPrecedence.POWER
        )

    def _product(self, factors: Sequence[Expr]) -> Fragment:
        """Scalars in front, then the matrices, then what they are divided by, scalars last."""
        above = [a for a in factors if not is_below(a)]
        below = [a for a in factors if is_below(a)]
        coefficient: Real = next((a.value for a in above if isinstance(a, Number)), Fraction(1))
        scalars = [
            self.pieces[a].unsigned for a in above if a.is_scalar and not isinstance(a, Number)
        ]
        matrices = [a for a in above if not a.is_scalar]
        negative = negative_coefficient = coefficient < 0
        for a in above:
            negative ^= self.pieces[a].negative and not isinstance(a, Number)
        terms = _Fraction(
            -coefficient if negative_coefficient else coefficient,
            scalars,
            [piece.unsigned for piece in self._operands(matrices)],
            [self._raised(a, -value_of(a.args[1])) for a in below if not a.is_scalar],
            [self._raised(a, -value_of(a.args[1])) for a in below if a.is_scalar],
        )
        piece = terms.piece(self.notation)
        if negative and piece.level == NotationPrecedence.SUM:
            piece = Fragment(self.notation.bracket(piece.text), NotationPrecedence.ATOM)
        piece = piece._replace(negative=negative)
        bare = self.pieces[matrices[0]].bare if len(matrices) == 1 else None
        if bare is None or terms.divisors:
            return piece
        terms = terms._replace(matrices=[Fragment(bare, NotationPrecedence.ATOM)])
        return piece._replace(bare=terms.piece(self.notation).text)


class _Fraction(NamedTuple):
    """A term: a coefficient, scalars and matrices; matrices and scalars that divide it."""

    coefficient: Real
    scalars: list[Fragment]
    matrices: list[Fragment]
    divisors: list[Fragment]
    denominators: list[Fragment]

    def piece(self, s: Notation) -> Fragment:
        front, below = self._split(s)
        scalars = [*front, *self.scalars]
        if below and s.stacked:
            above = _beside(scalars or [_number(Fraction(1), s)], s)
            scalars, below = [s.quotient(above, _beside(below, s))], []
        piece = _beside([*scalars, *self.matrices[:1]] or [_number(Fraction(1), s)], s)
        text, level = piece.text, piece.level
        if self.matrices[1:] or self.divisors:
            first = s.enclosed(piece, NotationPrecedence.PRODUCT)
            others: list[Rope] = []
            for a in self.matrices[1:]:
                others += [s.hadamard, s.enclosed(a, NotationPrecedence.POWER)]
            for a in self.divisors:
                others += [s.over, s.enclosed(a, NotationPrecedence.POWER)]
            text, level = (first, *others), NotationPrecedence.ELEMENTWISE
        return (
            s.quotient(Fragment(text, level), _beside(below, s)) if below else Fragment(text, level)
        )

    def _split(self, s: Notation) -> tuple[list[Fragment], list[Fragment]]:
        """What the coefficient puts in front, and all that stands below."""
        k = self.coefficient
        if isinstance(k, Fraction) and k.denominator > 1 and not _is_small_decimal(k):
            alone = k.numerator == 1 and (self.scalars or self.matrices)
            if self.denominators or alone:
                front = [] if k.numerator == 1 else [_number(Fraction(k.numerator), s)]
                return front, [_number(Fraction(k.denominator), s), *self.denominators]
        if k == 1:
            return [], self.denominators
        return [
            _number(k, s)._replace(level=NotationPrecedence.ATOM)
        ], self.denominators  # of `2/3 x`, too


def _beside(factors: Sequence[Fragment], s: Notation) -> Fragment:
    """Factors beside each other; the last may itself be such a product."""
    if len(factors) == 1:
        return factors[0]
    parts: list[Rope] = []
    for a in factors[:-1]:
        parts += [s.enclosed(a, NotationPrecedence.POWER), s.scale]
    return Fragment(
        (*parts, s.enclosed(factors[-1], NotationPrecedence.PRODUCT)), NotationPrecedence.PRODUCT
    )


def _is_divisor(a: Expr) -> bool:
    """Whether it is a scalar that is written below the fraction line."""
    k = exact(a)
    return a.is_scalar and (is_below(a) or (k is not None and k.denominator != 1))


def _index(dim: Dim) -> Index:
    """A dimension as the end of a range."""
    return index_of(str(dim)) or Index(str(dim))


def _number(value: Real, s: Notation) -> Fragment:
    if isinstance(value, float) or value.denominator == 1:
        return Fragment(s.number(abs(value)), NotationPrecedence.ATOM, value < 0)
    size = abs(value)
    if decimal := _decimal(size):
        return Fragment(decimal, NotationPrecedence.ATOM, value < 0)
    return Fragment(s.number(size), NotationPrecedence.PRODUCT, value < 0)


def _decimal(size: Fraction) -> str:
    """A fraction as a decimal, where that is exact and shorter."""
    decimal = format(Decimal(size.numerator) / Decimal(size.denominator), "f")
    return decimal if len(decimal) < len(str(size)) and Fraction(decimal) == size else ""


def _is_small_decimal(k: Fraction) -> bool:
    """Whether it is written in front even so: `0.001 x`, and not `x / 1000`."""
    return k.denominator >= SMALL and bool(_decimal(abs(k)))


def _extra(e: Expr, s: Notation) -> list[Rope]:
    """What a call has beside its arguments: an axis, or sizes."""
    data = sizes_of(e) or data_of(e)
    if isinstance(data, tuple):
        return [s.dim(d) for d in data]
    return [] if data is None else [s.axis(data)]
