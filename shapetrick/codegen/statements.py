"""A computation plan as statements of a language: one traversal that decides lines, order, signs
and brackets.

A value has a line of its own if the problem has a name for it, if it is used more than once, or
if a line would become too long; everything else is written where it is used. How an operation is
spelled is said by the writer of each language.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import ClassVar

from ..core.dims import Dim, Extent
from ..core.expr import Real
from ..core.records import dataclass
from ..core.traversal import postorder
from .code_text import CodePrecedence, CodeText, Quotient, dim_text, number
from .identifiers import Identifiers
from .ir import ArrayOperation, Value

WIDEST = 72  # characters of an expression in one line
DEEPEST = 6  # operations within each other in one line
SHORT = 20  # a number such as `2 * m` is written out again, rather than named
_ARRAYS = frozenset({"input", "abstract", "member", "stack"})  # which are no numbers, without axes

Spelled = Mapping[ArrayOperation, Callable[..., CodeText]]  # by methods of writers

# What a line is called for which the problem has no name.
_STEMS: Mapping[str, str] = {
    "cholesky": "chol", "lu": "lu", "inv": "inv", "max": "max", "exp": "exp", "sum": "sum",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Assignment:
    """`name = text`, and the names that the text refers to."""

    name: str
    text: str
    names: frozenset[str]
    value: Value
    sign: str = "="

    @property
    def line(self) -> str:
        """As it stands in a function; without a name, the text alone."""
        return f"{self.name} {self.sign} {self.text}" if self.name else self.text


class Writer(ABC):
    """Writes the statements that compute values.

    `roots` are all values that will be written, so that what they share is known; `names` are
    wanted for values, `dims` are the identifiers of dimensions, `functions` those of what is
    passed in to be called."""

    OVER = "//"  # of sizes whose quotient is whole

    def __init__(
        self,
        roots: Sequence[Value],
        names: Mapping[Value, str],
        dims: Mapping[str, str],
        functions: Mapping[object, str],
        identifiers: Identifiers,
    ) -> None:
        self._names = names
        self._dims = dims
        self._functions = functions
        self._identifiers = identifiers
        self._pieces: dict[Value, CodeText] = {}
        self._statements: list[Assignment] = []
        self._uses: dict[Value, int] = dict.fromkeys(roots, 1)
        self._plain: set[Value] = set()  # numbers that are no arrays
        for v in postorder(roots):
            for a in v.args:
                self._uses[a] = self._uses.get(a, 0) + 1
            if not v.rank and v.op not in _ARRAYS and self._plain.issuperset(v.args):
                self._plain.add(v)

    def bind(self, v: Value, name: str) -> None:
        """A value that has a name already: an input."""
        self._pieces[v] = CodeText(name, names=frozenset([name]))

    def write(self, roots: Sequence[Value], named: bool = True) -> list[Assignment]:
        """The statements that compute the roots from what was written before."""
        self._statements = []
        self._write(roots)
        for v in roots:
            if named and not self._pieces[v].is_simple:
                self.name(v)
        return self._statements

    def _write(self, roots: Iterable[Value]) -> None:
        """Write what the roots need; what a rule is made of is written in its function."""
        for v in postorder(
            roots, into=lambda v: v not in self._pieces and v.op != "linear_solution"
        ):
            if v not in self._pieces:
                self._emit(v)

    def hoist(self, values: Iterable[Value]) -> list[Assignment]:
        """Statements for what a loop needs and need not compute again and again."""
        self._statements = []
        self._hoist(values)
        return self._statements

    def _hoist(self, values: Iterable[Value]) -> None:
        needed = [*values]
        self._write(needed)
        for v in needed:
            if not self.is_cheap(v):
                self.name(v)

    def add_to(self, v: Value, name: str) -> list[Assignment]:
        """The statements that add a value to what has that name, which then stands for it."""
        statements = self.write(v.args, named=False)
        self._place(v)
        piece = self._pieces[v]
        sign = "-=" if piece.negative else "+="
        statements.append(Assignment(name, f"{piece.unsigned}", piece.names, v, sign))
        self.bind(v, name)
        return statements

    def store(self, v: Value, place: str) -> list[Assignment]:
        """The statements that put a value in a place."""
        if self._uses[v] > 1:
            statements = self.write([v])
        else:
            statements = self.write(v.args, named=False)
            self._place(v)
        piece = self._pieces[v]
        statements.append(Assignment(place, f"{piece}", piece.names, v))
        return statements

    @contextmanager
    def inside(self) -> Iterator[None]:
        """What is written in a loop, or under a condition, is not there after it."""
        before = dict(self._pieces)
        yield
        self._pieces = before

    def piece(self, v: Value) -> CodeText:
        """How a value that was written is referred to."""
        return self._pieces[v]

    def is_number(self, v: Value) -> bool:
        """Whether it is no array: a number made of sizes alone, or a factorisation."""
        return v in self._plain or v.op in ("lu", "decomposed")

    def dim(self, d: Dim) -> str:
        """A dimension as an expression."""
        return dim_text(d, self._dims, self.OVER)

    # ------------------------------------------------------------------------------------- lines

    def _emit(self, v: Value) -> None:
        """Write a value whose arguments were written."""
        if v.op == "linear_solution":
            self._pieces[v] = self.solution(v)
        else:
            self._place(v)
        if self._needs_line(v):
            self.name(v)

    def solution(self, v: Value) -> CodeText:
        """The call that solves a linear system, after a function for its rule, of the column that
        is sought; what does not depend on that is computed before."""
        column, image, right = v.args
        of_column = {column: None}
        for a in postorder([image]):
            if not of_column.keys().isdisjoint(a.args):
                of_column[a] = None
        self._hoist([right, *(b for a in of_column for b in a.args if b not in of_column)])
        name, entries = map(self._identifiers.take, ("rule", "entries"))
        outer = self._statements
        inner: list[Assignment] = []
        self._statements = inner
        with self.inside():
            self.bind(column, entries)
            self._write([image])
            found = self._pieces[image]
        self._statements = outer
        names = found.names.union(*(s.names for s in inner)) - {entries, *(s.name for s in inner)}
        lines = self.rule_lines(name, entries, inner, found, right)
        outer.extend(Assignment("", line, names, v) for line in lines)
        return self.solved(name, self._pieces[right])

    @abstractmethod
    def rule_lines(
        self, name: str, entries: str, inner: Sequence[Assignment], found: CodeText, right: Value
    ) -> list[str]:
        """The lines of what computes a rule of a column by these statements, whose value is to be
        the right side."""

    @abstractmethod
    def solved(self, name: str, right: CodeText) -> CodeText:
        """The column for which a rule has a value."""

    def _place(self, v: Value) -> None:
        """The piece of a value, its arguments shortened until it fits a line."""
        while True:
            self._pieces[v] = piece = self._spelled(v)
            if len(piece.text) <= WIDEST and piece.depth <= DEEPEST:
                return
            inline = [a for a in v.args if not self._is_short(a)]
            if not inline:
                return
            self.name(max(inline, key=lambda a: len(self._pieces[a].text)))

    def _is_short(self, v: Value) -> bool:
        return self._pieces[v].is_simple or v in self._plain or not v.args

    def _needs_line(self, v: Value) -> bool:
        if not v.args or self._pieces[v].is_simple:
            return False
        if v in self._names:
            return True
        if self._uses[v] < 2:
            return False
        return not self.is_cheap(v)

    def is_cheap(self, v: Value) -> bool:
        """Whether a value that was written may as well be written again: a view, a short number."""
        is_view = v.op in ("transpose", "lift") and self._pieces[v.args[0]].is_simple
        is_short = v in self._plain and len(self._pieces[v].text) <= SHORT
        return is_view or is_short or self._pieces[v].is_simple

    def name(self, v: Value) -> None:
        """Give the value a line."""
        piece, stem = self._pieces[v], _STEMS.get(v.data if v.op == "function" else v.op)
        if stem is None or v in self._names:
            name = self.free_name(v)
        else:
            of = self._pieces[v.args[0]].text
            name = self._identifiers.take(f"{stem}_{of}" if of.isidentifier() else stem)
        self._statements.append(Assignment(name, f"{piece}", piece.names, v))
        self.bind(v, name)

    def free_name(self, v: Value) -> str:
        """A name for a value: that which is wanted, or the next number."""
        wanted = self._names.get(v)
        return self._identifiers.take(wanted) if wanted else self._identifiers.number("t")

    # ------------------------------------------------------------------------------------ pieces

    def _spelled(self, v: Value) -> CodeText:
        piece = self.text_of(v)
        parts = [self._pieces[a] for a in v.args]
        depth = 1 + max((p.depth for p in parts if not p.is_simple), default=-1)
        names = piece.names.union(*(p.names for p in parts))
        return replace(piece, depth=max(depth, 0), names=names)

    def text_of(self, v: Value) -> CodeText:
        """The text of an operation on what was written."""
        own = self.SPELLED.get(v.op)
        return self.by_template(v) if own is None else own(self, v)

    @abstractmethod
    def by_template(self, v: Value) -> CodeText:
        """The text of an operation that the table of the language spells."""

    def number(self, value: Real) -> CodeText:
        """How a number is spelled."""
        return number(value)

    def quotient(self) -> Quotient:
        """A product that is put together."""
        return Quotient(self.number)

    def aligned(self, piece: CodeText, shape: Extent, wanted: Extent) -> CodeText:
        """An operand as it stands in an operation on entries, where arrays are broadcast."""
        return piece

    def beside(self, a: Value, v: Value) -> CodeText:
        """An argument likewise."""
        return self.aligned(self._pieces[a], a.shape, v.shape)

    def name_repeated(self, v: Value, template: str) -> None:
        """Give a line to each argument that the template repeats."""
        for i, a in enumerate(v.args):
            if template.count(f"{{{i}") > 1 and not self._pieces[a].is_simple:
                self.name(a)

    def _number(self, v: Value) -> CodeText:
        return self.number(v.data)

    def sum_of(self, v: Value) -> CodeText:
        """A sum, with what is subtracted behind what is added."""
        pieces = [self.beside(a, v) for a in v.args]
        first = next((i for i, p in enumerate(pieces) if not p.negative), 0)
        ordered = [pieces[first], *pieces[:first], *pieces[first + 1 :]]
        text = f"{ordered[0]}"
        for p in ordered[1:]:
            text += f" {'-' if p.negative else '+'} {p.text}"
        return CodeText(text, CodePrecedence.SUM)

    def _power(self, v: Value) -> CodeText:
        if v.exponent is None:
            return self.powers(v)
        if v.exponent >= 0:
            return self.raised(v.args[0], v.exponent)
        terms = self.quotient()
        terms.below(self.denominator(v), v.rank > 0)
        return terms.piece()

    @abstractmethod
    def powers(self, v: Value) -> CodeText:
        """A power whose exponent is no number."""

    @abstractmethod
    def raised(self, base: Value, exponent: Real) -> CodeText:
        """A power with a positive number for its exponent."""

    def _product(self, v: Value) -> CodeText:
        """Scalars first, so that they are multiplied before an array is; one division last."""
        terms = self.quotient()
        for a in v.args:
            if a.op == "number":
                terms.multiply(a.data)
            else:
                self.put(terms, a, v.shape)
        return terms.piece()

    def put(self, terms: Quotient, a: Value, wanted: Extent) -> None:
        """Put a factor above the bar or below it, in a product of this shape."""
        below = self.divides(a)
        piece = self.denominator(a) if below else self._pieces[a]
        piece = self.aligned(piece, a.shape, wanted if a.rank else ())
        (terms.below if below else terms.above)(piece, a.rank > 0)

    def divides(self, a: Value) -> bool:
        """Whether a factor is written below the bar: a negative power without a name of its own."""
        return (a.exponent or 0) < 0 and not self._pieces[a].is_simple

    def denominator(self, a: Value) -> CodeText:
        """What is written below the bar for a negative power."""
        return self.raised(a.args[0], -a.args[1].data)

    # What a template doesn't say; writers of languages add to it.
    SPELLED: ClassVar[Spelled] = {
        "number": _number, "add": sum_of, "mul": _product, "power": _power,
    }  # fmt: skip
