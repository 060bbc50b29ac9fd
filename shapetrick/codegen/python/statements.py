"""A computation plan as Python statements: one traversal that decides lines, order, signs and
brackets.

A value has a line of its own if the problem has a name for it, if it is used more than once, or
if a line would become too long; everything else is written where it is used.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from fractions import Fraction
from typing import Any

from ...core.dims import Dim, Extent
from ...core.expr import Real
from ...core.records import dataclass
from ...core.traversal import postorder
from ...numerics.solvers import TABLE as SOLVERS
from ..code_text import CodePrecedence, CodeText, Quotient, dim_text, number, tuple_text
from ..ir import ArrayOperation, Value
from .identifiers import Identifiers
from .linear_systems import SOLVE
from .operations import ARRAYS, MODULES, TABLE, Library, spelling

WIDEST = 72  # characters of an expression in one line
DEEPEST = 6  # operations within each other in one line
SHORT = 20  # a number such as `2 * m` is written out again, rather than named
_ARRAYS = frozenset({"input", "abstract", "member", "stack"})  # which are no numbers, without axes

_AXIS: Mapping[Library, str] = {"numpy": "axis", "jax": "axis", "torch": "dim"}

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


class Writer:
    """Writes the statements that compute values.

    `roots` are all values that will be written, so that what they share is known; `names` are
    wanted for values, `dims` are the identifiers of dimensions, `functions` those of what is
    passed in to be called, and `like` is an array of the right type."""

    OVER = "//"  # of sizes whose quotient is whole

    def __init__(
        self,
        library: Library,
        roots: Sequence[Value],
        names: Mapping[Value, str],
        dims: Mapping[str, str],
        functions: Mapping[object, str],
        identifiers: Identifiers,
        like: str,
    ) -> None:
        self._library = library
        self._names = names
        self._dims = dims
        self._functions = functions
        self._identifiers = identifiers
        self._like = like
        self.counts: dict[Dim, str] = {}  # of the rows in a block
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
        """A dimension as an expression in Python."""
        return dim_text(d, self._dims, self.OVER)

    def shape(self, dims: Sequence[Dim]) -> str:
        """The shape of an array as a tuple in Python: in a loop over rows, that of a block."""
        return tuple_text([self.counts.get(d) or self.dim(d) for d in dims])

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

    def rule_lines(
        self, name: str, entries: str, inner: Sequence[Assignment], found: CodeText, right: Value
    ) -> list[str]:
        """The lines of what computes a rule of a column by these statements, whose value is to be
        the right side."""
        array = ARRAYS[self._library]
        return [
            "",
            f"def {name}({entries}: {array}) -> {array}:",
            *(f"    {s.line}" for s in inner),
            f"    return {found}",
            "",
        ]

    def solved(self, name: str, right: CodeText) -> CodeText:
        """The column for which a rule has a value."""
        return CodeText(f"{SOLVE}({name}, {right})", names=right.names)

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
        special = _SPECIAL.get(v.op)
        return self.by_template(v) if special is None else special(self, v)

    def number(self, value: Real) -> CodeText:
        """How a number is spelled."""
        return number(value)

    def quotient(self) -> Quotient:
        """A product that is put together."""
        return Quotient(self.number)

    def aligned(self, piece: CodeText, shape: Extent, wanted: Extent) -> CodeText:
        """An operand as it stands in an operation on entries, which NumPy broadcasts."""
        return piece

    def beside(self, a: Value, v: Value) -> CodeText:
        """An argument likewise."""
        return self.aligned(self._pieces[a], a.shape, v.shape)

    def by_template(self, v: Value) -> CodeText:
        """The text of an operation that the table spells."""
        op = v.op
        if op == "spread" and not v.args[0].rank:
            op = "zeros" if v.args[0].op == "number" and not v.args[0].data else "full"
        spelled = TABLE[op] if op != v.op else spelling(v)
        if spelled is None:  # the user's own function, which is passed in
            called = self._functions[v.data]
            text = f"{called}({', '.join(f'{self._pieces[a]}' for a in v.args)})"
            return CodeText(text, names=frozenset([called]))
        template = spelled.template(self._library, v in self._plain)
        self.name_repeated(v, template)
        extra = {}
        if isinstance(v.data, tuple) and "{m}" in template:
            extra = dict(zip("mn", map(self.dim, v.data), strict=False))
        text = template.format(
            *(self._pieces[a] for a in v.args),
            axis=f", {_AXIS[self._library]}={v.data}" if _is_axis(v) else "",
            shape=self.shape(v.shape),
            rows=self.dim(v.shape[0]) if v.shape else "",
            number=v.data,
            like=self._like,
            **extra,
        )
        used = {name for d in v.shape for name in d.names}
        words = set(re.findall(r"\w+", text))
        names = {self._dims[name] for name in used if self._dims[name] in words}
        names.update(count for count in self.counts.values() if count in words)
        if "{like}" in template:
            names.add(self._like)
        return CodeText(text, spelled.level, names=frozenset(names))

    def name_repeated(self, v: Value, template: str) -> None:
        """Give a line to each argument that the template repeats."""
        for i, a in enumerate(v.args):
            if template.count(f"{{{i}") > 1 and not self._pieces[a].is_simple:
                self.name(a)

    def _number(self, v: Value) -> CodeText:
        return self.number(v.data)

    def _size(self, v: Value) -> CodeText:
        text = self.dim(v.data)
        level = CodePrecedence.ATOM if text.isidentifier() else CodePrecedence.SUM
        return CodeText(text, level, names=frozenset(self._dims[name] for name in v.data.names))

    def _abstract(self, v: Value) -> CodeText:
        called, (x,) = self._functions[v.data], v.args
        argument = f"{self._pieces[x]}"
        if x in self._plain:  # a number, where the function expects an array
            argument = self.array_of(x)
        return CodeText(f"{called}({argument})", names=frozenset([called]))

    def array_of(self, v: Value) -> str:
        """A number as an array."""
        template = TABLE["array"].template(self._library, False)
        return template.format(f"{self._pieces[v]}", like=self._like)

    def sum_of(self, v: Value) -> CodeText:
        """A sum, with what is subtracted behind what is added."""
        pieces = [self.beside(a, v) for a in v.args]
        first = next((i for i, p in enumerate(pieces) if not p.negative), 0)
        ordered = [pieces[first], *pieces[:first], *pieces[first + 1 :]]
        text = f"{ordered[0]}"
        for p in ordered[1:]:
            text += f" {'-' if p.negative else '+'} {p.text}"
        return CodeText(text, CodePrecedence.SUM)

    def _matmul(self, v: Value) -> CodeText:
        left, right = v.args
        if self._library == "jax" and left.op == "transpose" and right.rank == 1:
            left, right = right, left.args[0]  # which XLA takes without turning the matrix
        a, b = self._pieces[left], self._pieces[right]
        text = f"{a.unsigned:matmul} @ {b.unsigned:unary}"
        return CodeText(text, CodePrecedence.MATMUL, a.negative != b.negative)

    def _einsum(self, v: Value) -> CodeText:
        pieces = [self._pieces[a] for a in v.args]
        operands = ", ".join(f"{p.unsigned}" for p in pieces)
        text = f'{MODULES[self._library]}.einsum("{v.data}", {operands})'
        return CodeText(text, negative=sum(p.negative for p in pieces) % 2 == 1)

    def _slice(self, v: Value) -> CodeText:
        texts, used = [], set[str]()
        for place in v.data:
            if place is None:
                texts.append(":")
                continue
            first, end, is_one = place
            used.update(first.names if is_one else (*first.names, *end.names))
            start = self.dim(first) if first.terms else ""
            texts.append(start or "0" if is_one else _span(start, self._end(v, end, len(texts))))
        return self._indexed(v, texts, used)

    def _end(self, v: Value, end: Dim, axis: int) -> str:
        """Where a slice ends, if that isn't the end of the axis."""
        return "" if end == v.args[0].shape[axis] else self.dim(end)

    def _concatenation(self, v: Value) -> CodeText:
        function = {"numpy": "np.concatenate", "jax": "jnp.concatenate", "torch": "torch.cat"}
        parts = ", ".join(f"{self._pieces[a]}" for a in v.args)
        axis = f", {_AXIS[self._library]}={v.data}" if v.data else ""
        return CodeText(f"{function[self._library]}([{parts}]{axis})")

    # ---- arrays of members

    def _permuted(self, v: Value) -> CodeText:
        """The axes in another order; mostly, the last two are exchanged."""
        x, order = self._pieces[v.args[0]], list(v.data)
        if order[:-2] == list(range(len(order) - 2)):
            return CodeText(f"{x:atom}.swapaxes(-1, -2)")
        return self._called("permute" if self._library == "torch" else "transpose", x, tuple(order))

    def _called(self, function: str, x: CodeText, *args: object) -> CodeText:
        return CodeText(f"{MODULES[self._library]}.{function}({x}, {', '.join(map(str, args))})")

    def _expanded(self, v: Value) -> CodeText:
        """The axes that others have besides, each of one entry: `a[:, None]`."""
        return self._indexed(v, [":" if own else "None" for own in v.data])

    def _indexed(self, v: Value, places: list[str], used: Iterable[str] = ()) -> CodeText:
        """Part of an array; what are the last axes, and taken whole, isn't written."""
        while len(places) > 1 and places[-1] == ":":
            places.pop()
        (a,) = v.args
        text = self.array_of(a) if self.is_number(a) else f"{self._pieces[a]:atom}"
        names = frozenset(self._dims[name] for name in used)
        return CodeText(f"{text}[{', '.join(places)}]", names=names)

    def _padded(self, v: Value) -> CodeText:
        """Zeros before and behind, along each axis."""
        x = self._pieces[v.args[0]]
        if self._library == "torch":  # from the last axis on
            ends = [self.dim(d) for pair in reversed(v.data) for d in pair]
            return CodeText(f"torch.nn.functional.pad({x}, ({', '.join(ends)}))")
        pairs = ", ".join(f"({self.dim(a)}, {self.dim(b)})" for a, b in v.data)
        return self._called("pad", x, f"({pairs})" if len(v.data) > 1 else f"({pairs},)")

    def _selected(self, v: Value) -> CodeText:
        """A slice along each axis, or one entry of it."""
        return self._indexed(v, [self._place_of(v, axis, p) for axis, p in enumerate(v.data)])

    def _place_of(self, v: Value, axis: int, place: Any) -> str:
        if place is None:
            return ":"
        if isinstance(place, Dim):
            return self.dim(place)
        first, end, step = place
        text = _span(self.dim(first) if first.terms else "", self._end(v, end, axis))
        return text + (f":{step}" if step > 1 else "")

    def _windows(self, v: Value) -> CodeText:
        """Stretches of an axis, along a last one: views, but in JAX, which puts no copy in their
        place where it needs none."""
        axis, size, step = v.data
        x, length = self._pieces[v.args[0]], self.dim(size)
        if self._library == "torch":
            return CodeText(f"{x:atom}.unfold({axis}, {length}, {step})")
        before = ":, " * axis
        if self._library == "numpy":
            view = f"np.lib.stride_tricks.sliding_window_view({x}, {length}, axis={axis})"
            return CodeText(view + (f"[{before}::{step}]" if step > 1 else ""))
        starts = f"{f'{step} * ' * (step > 1)}jnp.arange({self.dim(v.shape[axis])})[:, None]"
        picked = f"{x:atom}[{before}{starts} + jnp.arange({length})]"
        return CodeText(f"jnp.moveaxis({picked}, {axis + 1}, -1)")

    def _item(self, v: Value) -> CodeText:
        """One of several unknowns that a solver has found."""
        solver, number = v.data
        text = SOLVERS[solver].items[number].text
        return CodeText(text.format(f"{self._pieces[v.args[0]]:atom}"))

    def _kept(self, v: Value) -> CodeText:
        """A member that a loop has made."""
        name, at = v.data
        return CodeText(f"{name}[{', '.join(map(self.dim, at))}]", names=frozenset([name]))

    def _stacked(self, v: Value) -> CodeText:
        """Members that a loop has made, as one array."""
        name, at, over, partly = v.data
        names, lead = {name}, len(over)
        are_some = all(d.is_at_least(1) for d in v.shape[:lead])
        if partly or not are_some:
            names.add(self._like)
        template = TABLE["zeros"].template(self._library, False)
        empty = template.format(shape=self.shape(v.shape[lead:]), like=self._like)
        place = ", ".join(map(self.dim, at))
        key = f"({place})" if len(at) > 1 else place
        one = f"{name}.get({key}, {empty})" if partly else f"{name}[{place}]"
        for letter, first, end in over:
            one += f" for {self._dims[letter]} in range({self.dim(first)}, {self.dim(end)})"
        module = MODULES[self._library]
        text = (
            f"{module}.stack([{one}])" if are_some else f"{module}.stack([{empty}, *({one})])[1:]"
        )
        if lead > 1:
            text += f".reshape({self.shape(v.shape)})"
        return CodeText(text, names=frozenset(names))

    def _power(self, v: Value) -> CodeText:
        if v.exponent is None:
            return self.powers(v)
        if v.exponent >= 0:
            return self.raised(v.args[0], v.exponent)
        terms = self.quotient()
        terms.below(self.denominator(v), v.rank > 0)
        return terms.piece()

    def powers(self, v: Value) -> CodeText:
        """A power whose exponent is no number."""
        base, exponent = (self._pieces[a] for a in v.args)
        return CodeText(f"{base:atom} ** {exponent:atom}", CodePrecedence.POWER)

    def raised(self, base: Value, exponent: Real) -> CodeText:
        """A power with a positive number for its exponent."""
        piece = self._pieces[base]
        if exponent == 1:
            return piece
        if exponent == Fraction(1, 2):
            template = TABLE["root"].template(self._library, base in self._plain)
            return CodeText(template.format(piece))
        power = number(exponent)
        sign = "**" if piece.is_simple and power.is_simple else " ** "
        return CodeText(f"{piece:atom}{sign}{power:atom}", CodePrecedence.POWER)

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


_SPECIAL: Mapping[ArrayOperation, Callable[[Writer, Value], CodeText]] = {
    "number": Writer._number,
    "size": Writer._size,
    "abstract": Writer._abstract,
    "add": Writer.sum_of,
    "mul": Writer._product,
    "matmul": Writer._matmul,
    "einsum": Writer._einsum,
    "slice": Writer._slice,
    "concatenate": Writer._concatenation,
    "power": Writer._power,
    "permute": Writer._permuted,
    "expand": Writer._expanded,
    "pad": Writer._padded,
    "select": Writer._selected,
    "windows": Writer._windows,
    "item": Writer._item,
    "member": Writer._kept,
    "stack": Writer._stacked,
}


def _is_axis(v: Value) -> bool:
    """Whether an operation works along an axis, or along several."""
    return isinstance(v.data, int) or (v.op in ("sum", "max", "min") and bool(v.data))


def _span(start: str, end: str) -> str:
    """A slice, with spaces where one of its ends has some."""
    gap = " " if " " in start + end else ""
    return f"{start}{gap}:{gap}{end}".strip()
