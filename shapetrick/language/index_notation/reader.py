"""Index notation to matrix notation: what stands in letters is read entry by entry.

What has no letter that is still open is written in matrix notation at once; a matrix, a row or a
column inside, `X[i,:] w`, has letters of its own for its sides. Every translation is tried on
numbers before it is used.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction

import numpy as np

from ...core.dims import ONE, SCALAR, Dim, shape_text
from ...core.errors import NameProblem, ShapeError, ShapetrickError, Span
from ...core.functions import NAMES, TABLE, Function, parse_signature
from ...core.indices import Index, Range, dim_of
from ..shapes.errors import source
from ..shapes.notated_calls import SIGNS
from ..shapes.words import vocabulary
from ..syntax.constants import INFINITE
from ..syntax.index_binders import Binder, capital_of
from ..syntax.member_ranges import letters_of_members
from ..syntax.parser import parse_expression
from ..syntax.selections import Selector
from ..syntax.tree import (
    INNER,
    Callee,
    SyntaxNode,
    call_node,
    folded,
    number_node,
    postorder,
    transformed,
)
from .checks import agree
from .entries import (
    PRODUCT,
    SUM,
    UNIT,
    ZERO,
    Delta,
    Diverging,
    EntryCall,
    EntryOf,
    EntryPower,
    EntryTerm,
    InLetters,
    PlainMatrix,
    delta,
    entry_call,
    entry_number,
    entry_of,
    entry_power,
    entry_product,
    entry_sum,
    inverted,
    is_smooth_at_zero,
    negated,
    outline,
    reduction,
    substituted,
)
from .entry_definitions import EntryHead
from .forms import FormWriter, NoMatrixForm
from .index_scope import IndexScope, MemberMet
from .ranges import is_part

_FAMILIES = (
    "declare a family of members with the third index, `x[k] : n for k = 1..K`, and sum those"
)
_TRIANGLES = {"<": "upper", "≤": "upper", ">": "lower", "≥": "lower"}
_HALF = entry_number(Fraction(1, 2))
_LEFT_OUT = {PRODUCT: 1, "max": -INFINITE, "min": INFINITE}  # what changes none of these


_ENTRYWISE: Mapping[str, Callable[[EntryTerm, EntryTerm], EntryTerm]] = {
    "+": lambda a, b: entry_sum([a, b]),
    "-": lambda a, b: entry_sum([a, negated(b)]),
    ".*": lambda a, b: entry_product([a, b]),
    **dict.fromkeys(("./", "/"), lambda a, b: entry_product([a, inverted(b)])),
    **dict.fromkeys((".^", "^"), entry_power),
}


@dataclass(slots=True)
class IndexReader(IndexScope):
    """Translates the expressions of one problem."""

    defined: Container[object] = ()  # names of definitions, whose diagonals may vanish
    values: dict[SyntaxNode, InLetters] = field(default_factory=dict)  # of what has open letters
    mentioned: dict[str, Span] = field(default_factory=dict)  # names that are values
    called: set[str] = field(default_factory=set)  # functions of the text whose calls are put in

    def translated(self, root: SyntaxNode, head: EntryHead) -> SyntaxNode:
        """The expression in matrix notation; of what is defined by its entries, the matrix or
        column with this entry for each letter. Raises InputError."""
        found = transformed(root, self._translated)
        if not head.letters:
            return found
        value = self.values[found] if found in self.values else self._plain(found)
        value = self._with_deltas(value, root)
        heads = self._check_heads(value, head, root)
        if head.over is not None and not is_part(root, head.over, self.known):
            self._check_range(head.over, value.open[head.over.letter], root)
        self.dims.update(value.open)
        value = replace(value, open={})
        rows, cols = (s or value.rows or value.cols for s in (*heads, None)[:2])
        return self._closed(found, value, rows, cols, heads)

    def _translated(self, node: SyntaxNode) -> SyntaxNode:
        """A node with translated arguments: in matrix notation, once no letter is open."""
        if not (any(a in self.values for a in node.args) or self.has_letters(node)):
            return node
        value = self._value(node)
        if not value.open:
            return self._closed(node, value, value.rows, value.cols)
        self.values[node] = value
        return node

    # ---- what is closed

    def _closed(
        self,
        node: SyntaxNode,
        value: InLetters,
        rows: str | None,
        cols: str | None,
        heads: Sequence[str] = (),
    ) -> SyntaxNode:
        """The value in matrix notation, tried on numbers."""
        writer = FormWriter(self.dims, Span(node.span.start, node.span.start))
        try:
            form = writer.whole(value.entry, rows, cols)
        except NoMatrixForm as error:
            raise self._too_many(node, error.letters, value) from None
        self.sized.update(writer.sized)
        if not agree(node, form, heads, self):
            raise ShapeError(
                f"`{source(self.text, node)}` was read as a matrix expression with other values: "
                f"write it in matrix notation, or {_FAMILIES}.",
                node.span,
            )
        return replace(form, bracketed=node.bracketed)

    def _too_many(
        self, node: SyntaxNode, letters: frozenset[str], value: InLetters
    ) -> ShapetrickError:
        """What is said of letters that no matrix form has together."""
        named = sorted({s.partition("'")[0] for s in letters if not s.startswith(_SIDE)})
        sides = len([s for s in letters if s.startswith(_SIDE)])
        last = max(named, key=lambda s: (s in value.open, s)) if named else "k"
        each = ", ".join(f"`{s}`" for s in named)
        also = f" and {sides} side{'s' * (sides > 1)} of a matrix" if sides else ""
        return ShapeError(
            f"`{source(self.text, node)}` has no matrix form: {each}{also} occur together, and a "
            f"matrix has two sides: `{last}` is one too many. Name a part of it that has two "
            f"letters in a line of its own, or {_FAMILIES} over `{last}`.",
            node.span,
        )

    def _check_heads(self, value: InLetters, head: EntryHead, root: SyntaxNode) -> tuple[str, ...]:
        """The letters of an entry: with one for a row or column itself, where there is place."""
        heads = head.letters
        for letter in heads:
            if letter and value.open.get(letter, _UNKNOWN) == _UNKNOWN:
                raise NameProblem(
                    f"the right side has no index `{letter}`: nothing tells over what it runs.",
                    root.span,
                )
        sides = (value.rows is not None) + (value.cols is not None)
        if sides == 1 and head.may_have_rows:
            return (*heads, "")
        if sides != heads.count(""):
            raise ShapeError(
                "the right side is no number for each of the indices: give its entries, "
                "`X[i,k]` instead of `X[i,:]`.",
                root.span,
            )
        return heads

    # ---- plain values

    def _plain(self, node: SyntaxNode) -> InLetters:
        """A value in matrix notation, with letters for its sides."""
        if node.kind == "number":
            return InLetters(entry_number(node.value))
        if node.kind == "'":
            turned = self._plain(node.args[0])
            return InLetters(turned.entry, turned.cols, turned.rows)
        rows, cols = (None if d == ONE else self._fresh(_SIDE, d) for d in self.shape(node))
        return InLetters(entry_of(self._matrix(node), rows, cols), rows, cols)

    def _matrix(self, node: SyntaxNode) -> PlainMatrix:
        return PlainMatrix(node.value if node.kind == "name" else node, node)

    def _fresh(self, letter: str, dim: Dim) -> str:
        new = f"{letter}'{len(self.dims)}"
        self.dims[new] = dim
        return new

    def _of(self, node: SyntaxNode) -> InLetters:
        found = self.values.get(node)
        return self._plain(node) if found is None else found

    # ---- what has letters

    def _value(self, node: SyntaxNode) -> InLetters:
        try:
            return self._applied(
                node, [self._of(a) for a in node.args] if node.kind != "selected" else []
            )
        except MemberMet as error:
            raise ShapeError(self._beside(node), error.span) from None
        except Diverging:
            raise ShapeError("a division by 0 has no value.", node.span) from None
        except ShapetrickError as error:
            raise error.located(node.span, self.text) from None

    def _beside(self, node: SyntaxNode) -> str:
        """What is said of the entries, rows and columns of a matrix that stand beside members."""
        parts = (n for n in postorder(node) if n.kind == "selected" and self.has_letters(n))
        found = next((n for n in parts if n.args[0].kind == "name"), None)
        if found is None:
            return f"members stand beside sums over entries here: {_FAMILIES}."
        base, letters = found.args[0].value, [self.letter(s) for s in found.value]
        sides = [d for d in self.shape(found.args[0]) if len(letters) > 1 or d != ONE]
        placed = list(zip(letters, sides, strict=True))
        rest = [str(d) for letter, d in placed if not letter]
        shape = "scalar" if not rest else " x ".join(["1"] * bool(letters[0]) + rest)
        own = f"{base}[{','.join(filter(None, letters))}]"
        ranges = ", ".join(f"{letter} = 1..{d}" for letter, d in placed if letter)
        square = f"{own}^2" if shape == "scalar" else f"norm({own})^2"
        return (
            f"`{source(self.text, found)}` stands beside members of a family: declare `{base}` as "
            f"one, `{own} : {shape} for {ranges}`, and write it by these alone, "
            f"`sum({','.join(filter(None, letters))}) {square}` for `norm({base})^2`."
        )

    def _applied(self, node: SyntaxNode, args: Sequence[InLetters]) -> InLetters:
        match node.kind:
            case "selected":
                return self._selected(node)
            case "bound":
                return self._bound(node, args[0])
            case "neg":
                return replace(args[0], entry=negated(args[0].entry))
            case "'":
                return replace(args[0], rows=args[0].cols, cols=args[0].rows)
            case "/" if args[1].rows or args[1].cols:
                raise ShapeError(
                    f"`{source(self.text, node.args[1])}` is no scalar: element-wise division is "
                    "`./`."
                )
            case "^" if args[0].rows or args[0].cols:
                raise ShapeError("a power of a row, a column or a matrix is `.^`, entry by entry.")
            case kind if kind in _ENTRYWISE:
                left, right, value = self._aligned(node, *args)
                return replace(value, entry=_ENTRYWISE[kind](left, right))
            case "*":
                return self._product(node, *args)
            case "call":
                return self._call(node.value, args)
            case "abstract":
                return replace(args[0], entry=entry_call(node.value, (args[0].entry,)))
        if letters_of_members(node):
            raise ShapeError(self._beside(node))
        raise ShapeError(
            f"`{source(self.text, node)}` has indices, and is not read entry by entry: name what "
            "is inside in a line of its own."
        )

    def _selected(self, node: SyntaxNode) -> InLetters:
        (base,), selectors = node.args, node.value
        if base in self.values:
            raise ShapeError(
                f"`{source(self.text, base)}` has indices inside: name it in a line of its own, "
                "and take entries of that."
            )
        letters = [self.letter(s) for s in selectors]
        if self.is_identity(base):
            return self._identity(letters)
        shape = self.shape(base)
        typed = base.value if base.kind == "name" else source(self.text, base)
        if len(selectors) == 1 and ONE not in shape:
            index = letters[0]
            raise ShapeError(
                f"`{typed}` is {shape_text(shape)}, and has two indices: `{typed}[{index},:]` is a "
                f"row, `{typed}[:,{index}]` a column{self._line_of(base, index)}."
            )
        if shape == SCALAR or len(selectors) > 2:
            raise ShapeError(f"`{typed}` is {shape_text(shape)}: it has no entries with an index.")
        if len(selectors) == 1:
            selectors = (*selectors, Selector()) if shape[1] == ONE else (Selector(), *selectors)
            letters = [self.letter(s) for s in selectors]
        rest = tuple(Selector() if t else s for s, t in zip(selectors, letters, strict=True))
        whole = base
        if any(s.first is not None for s in rest):
            whole = SyntaxNode("selected", (base,), rest, node.span)
            shape = self.shape(whole)
            self.parts[node] = whole
        slots: list[str | None] = []
        opened: dict[str, Dim] = {}
        for dim, letter in zip(shape, letters, strict=True):
            slots.append(letter or (None if dim == ONE else self._fresh(_SIDE, dim)))
            if letter and opened.setdefault(letter, dim) != dim:
                raise ShapeError(
                    f"`{letter}` runs over {opened[letter]} and over {dim} here: "
                    f"`{typed}` is {shape_text(shape)}."
                )
        rows, cols = (None if t else slot for slot, t in zip(slots, letters, strict=True))
        return InLetters(entry_of(self._matrix(whole), *slots), rows, cols, opened)

    def _line_of(self, base: SyntaxNode, index: str) -> str:
        """What is said of `x_i`, where it is row i of X as a column; empty if `x` is something."""
        below = base.value.lower() if base.kind == "name" else ""
        is_row = below and below not in self.known.values and capital_of(below) == base.value
        return f", and `{below}_{index}` is the row as a column" if is_row else ""

    def _identity(self, letters: Sequence[str]) -> InLetters:
        """δ[i,j], over what its letters run over elsewhere."""
        if len(letters) != 2 or not all(letters):
            raise ShapeError("δ has two letters, `δ[i,j]`.")
        pair = (letters[0], letters[1])
        return InLetters(delta(*pair), None, None, dict.fromkeys(pair, _UNKNOWN))

    def _merged(self, node: SyntaxNode, a: InLetters, b: InLetters) -> dict[str, Dim]:
        """The letters of both."""
        found = dict(a.open)
        for letter, dim in b.open.items():
            other = found.get(letter, dim)
            if _UNKNOWN not in (other, dim) and other != dim:
                raise ShapeError(
                    f"`{letter}` runs over {other} in one place and over {dim} in another of "
                    f"`{source(self.text, node)}`: they are different letters, or an index is in "
                    "the wrong place.",
                    node.span,
                )
            found[letter] = dim if other == _UNKNOWN else other
        return found

    def _aligned(
        self, node: SyntaxNode, a: InLetters, b: InLetters
    ) -> tuple[EntryTerm, EntryTerm, InLetters]:
        """Two values entry by entry: their entries over the same sides."""
        left, right = a.entry, b.entry
        sides = []
        for mine, other in ((a.rows, b.rows), (a.cols, b.cols)):
            if mine and other:
                self._check_equal(node, mine, other)
                right = substituted(right, {other: mine})
            sides.append(mine or other)
        return left, right, InLetters(left, sides[0], sides[1], self._merged(node, a, b))

    def _check_equal(self, node: SyntaxNode, a: str, b: str) -> None:
        if self.dims[a] != self.dims[b]:
            raise ShapeError(
                f"the shapes in `{source(self.text, node)}` don't fit: a side is {self.dims[a]}, "
                f"and the other one is {self.dims[b]}.",
                node.span,
            )

    def _product(self, node: SyntaxNode, a: InLetters, b: InLetters) -> InLetters:
        opened = self._merged(node, a, b)
        if node.value == INNER and a.rows and b.rows and not (a.cols or b.cols):
            a = replace(a, rows=None, cols=a.rows)
        if not (a.rows or a.cols) or not (b.rows or b.cols):
            entry = entry_product([a.entry, b.entry])
            return InLetters(entry, a.rows or b.rows, a.cols or b.cols, opened)
        if bool(a.cols) != bool(b.rows):
            raise ShapeError(
                f"`{source(self.text, node)}` is no matrix product: `X[i,:]` is a row and "
                "`X[:,j]` a column; a transpose is `X[i,:]'`.",
                node.span,
            )
        if a.cols is None or b.rows is None:
            return InLetters(entry_product([a.entry, b.entry]), a.rows, b.cols, opened)
        self._check_equal(node, a.cols, b.rows)
        body = entry_product([a.entry, substituted(b.entry, {b.rows: a.cols})])
        return InLetters(reduction(body, (a.cols,)), a.rows, b.cols, opened)

    # ---- functions

    def _call(self, callee: Callee, args: Sequence[InLetters]) -> InLetters:
        name, axis, sizes, _ = callee
        if name in SIGNS:
            scalar = not (args[0].rows or args[0].cols)
            value = args[0]
            for inner in SIGNS[name].functions(SCALAR if scalar else (_UNKNOWN, ONE)):
                value = self._call(Callee(inner), [value])
            return value
        if name not in NAMES or sizes:
            raise ShapeError(f"`{name}` of what has indices is not read: name it in a line alone.")
        row = TABLE[NAMES[name]]
        if len(args) != row.arity:
            raise row.miscounted(len(args))
        if row.elementwise:
            return self._elementwise(callee, args)
        if row.takes_axis:
            return self._along(row, args[0], axis)
        if row.definition:
            return self._defined(row, args)
        if row.units == "linear" and row.arity == 1:
            found = self._linear(row, args[0])
            if found is not None:
                return found
        raise ShapeError(
            f"`{name}` of what has an index has no matrix form: it is one for each value of the "
            f"index. Instead, {_FAMILIES}."
        )

    def _elementwise(self, callee: Callee, args: Sequence[InLetters]) -> InLetters:
        node = number_node(0, Span(0, 0))
        if len(args) == 1:
            return replace(args[0], entry=entry_call(callee, (args[0].entry,)))
        left, right, value = self._aligned(node, *args)
        return replace(value, entry=entry_call(callee, (left, right)))

    def _along(self, row: Function, value: InLetters, axis: int | None) -> InLetters:
        """A sum, an extreme or a softmax of a row, a column or a matrix."""
        chosen = (value.rows, value.cols) if axis is None else ((value.rows, value.cols)[axis],)
        over = tuple(s for s in chosen if s is not None)
        if not over:
            if row.value(np.full((1, 1), 2.0), None) == 2:
                return value
            raise ShapeError(f"`{row.name}` of one number is not read here.")
        signature = parse_signature(dict(row.signatures)[axis])
        keeps = bool(signature.value[0] or signature.value[1]) and axis is None
        keeps = keeps or signature.value == signature.args[0]
        if keeps and len(over) > 1:
            raise ShapeError(f"`{row.name}` of a matrix needs an axis.")
        entry = reduction(value.entry, over, row.name, keeps)
        if keeps:
            return replace(value, entry=entry)
        rows = None if value.rows in over else value.rows
        cols = None if value.cols in over else value.cols
        return InLetters(entry, rows, cols, value.open)

    def _defined(self, row: Function, args: Sequence[InLetters]) -> InLetters:
        """A function by the definition in its row."""
        names = ("x",) if row.arity == 1 else ("a", "b")
        root = parse_expression(row.definition.format(axis=""), vocabulary())

        def value(node: SyntaxNode, inner: Sequence[InLetters]) -> InLetters:
            if node.kind == "name" and node.value in names:
                return self._renewed(args[names.index(node.value)])
            if node.kind == "number":
                return InLetters(entry_number(node.value))
            return self._applied(node, inner)

        return folded(root, value)

    def _renewed(self, value: InLetters) -> InLetters:
        """The value with letters of its own for its sides."""
        new = {s: self._fresh(_SIDE, self.dims[s]) for s in (value.rows, value.cols) if s}
        return InLetters(
            substituted(value.entry, new),
            new.get(value.rows or ""),
            new.get(value.cols or ""),
            value.open,
        )

    def _linear(self, row: Function, value: InLetters) -> InLetters | None:
        """A linear function that only moves and adds entries, by its signature: a trace."""
        if not (value.rows or value.cols):
            return value
        for _, text in row.signatures:
            (sides,), out = (s := parse_signature(text)).args, s.value
            given = (value.rows, value.cols)
            fits = all(
                (len(letters) == 1) == bool(g) for letters, g in zip(sides, given, strict=True)
            )
            if not fits or any(len(letters) > 1 for letters in out):
                continue
            slots: dict[str, str] = {}
            entry = value.entry
            for letters, slot in zip(sides, given, strict=True):
                if letters and slot:
                    first = slots.setdefault(letters[0], slot)
                    if self.dims[first] != self.dims[slot]:
                        raise ShapeError(f"`{row.name}` is of a square matrix.")
                    entry = substituted(entry, {slot: first})
            rows, cols = (slots[side[0]] if side else None for side in out)
            if rows is not None and rows == cols:
                cols = self._fresh(_SIDE, self.dims[rows])
                entry = entry_product([entry, delta(rows, cols)])
            summed = tuple(s for s in slots.values() if s not in (rows, cols))
            entry = reduction(entry, summed) if summed else entry
            return InLetters(entry, rows, cols, value.open)
        return None

    # ---- sums over letters

    def _bound(self, node: SyntaxNode, value: InLetters) -> InLetters:
        binder: Binder = node.value
        value = self._with_deltas(value, node)
        letters = binder.own
        for letter in letters:
            if letter not in value.open or value.open[letter] == _UNKNOWN:
                raise NameProblem(f"nothing tells over what the index `{letter}` runs.", node.span)
        for given in binder.ranges:
            self._check_range(given, value.open[given.letter], node)
        if binder.compared:
            return self._compared(binder, letters, value)
        for a in letters if binder.function == SUM else ():
            for b in value.open:
                whole = self._moved(value.entry, a, b, False) if b != a else value.entry
                if whole != value.entry and value.open[a] == value.open[b]:
                    same = (substituted(e, {a: b}) for e in (whole, negated(value.entry)))
                    equal = entry_sum(same)
                    return self._summed(letters, replace(value, entry=whole), a, equal)
        return self._reduced(binder.function, letters, value)

    def _with_deltas(self, value: InLetters, node: SyntaxNode) -> InLetters:
        """The value, of which the letters of a δ run over the same."""
        opened = dict(value.open)
        waiting = [value.entry]
        while waiting:
            e = waiting.pop()
            waiting.extend(e.args)
            if isinstance(e, Delta):
                dims = {opened.get(s) or self.dims[s] for s in e.pair} - {_UNKNOWN}
                if len(dims) > 1:
                    raise ShapeError(
                        f"the letters of a δ run over {' and '.join(sorted(map(str, dims)))}: they "
                        "are never compared.",
                        node.span,
                    )
                opened.update((s, d) for d in dims for s in e.pair if s in opened)
        return replace(value, open=opened)

    def _reduced(self, function: str, letters: Sequence[str], value: InLetters) -> InLetters:
        opened = dict(value.open)
        new = {s: self._fresh(s, opened.pop(s)) for s in letters}
        entry = reduction(substituted(value.entry, new), tuple(new.values()), function)
        return InLetters(entry, value.rows, value.cols, opened)

    def _check_range(self, given: Range, dim: Dim, node: SyntaxNode) -> None:
        first, last = given.first, given.last
        if first != Index("", 1) or dim_of(last) != dim:
            raise ShapeError(
                f"`{given.letter}` runs over 1..{dim} in what is summed, and not over "
                f"{first}..{last}: take a part first, as in `y = x[{first}..{last}]`, and sum "
                "that.",
                node.span,
            )

    # ---- pairs of letters, different ones, or one less than the other

    def _compared(self, binder: Binder, letters: Sequence[str], value: InLetters) -> InLetters:
        """What goes over all pairs of letters that are different, or of which one is less."""
        a, b = binder.letters
        (dim, *_) = (value.open[s] for s in binder.letters if s in value.open)
        value = replace(value, open={a: dim, b: dim, **value.open})
        if value.open.get(a) != value.open.get(b):
            raise ShapeError(
                f"`{a}` runs over {value.open.get(a)} and `{b}` over {value.open.get(b)}: they "
                "can't be compared."
            )
        out, kept = (a, b) if a in letters else (b, a)
        if binder.function != SUM:
            return self._masked(binder, letters, value, out)
        with_equal = binder.compared in ("≤", "≥")
        whole = value.entry if with_equal else self._moved(value.entry, out, kept)
        equal = ZERO if with_equal else substituted(whole, {out: kept})
        if binder.compared in ("<", ">") and self._is_symmetric(whole, a, b, letters):
            all_pairs = self._summed(letters, replace(value, entry=whole), out, equal)
            return replace(all_pairs, entry=entry_product([_HALF, all_pairs.entry]))
        if binder.compared in _TRIANGLES:
            whole = self._triangle(binder, replace(value, entry=whole))
        return self._summed(letters, replace(value, entry=whole), out, equal)

    def _is_symmetric(self, e: EntryTerm, a: str, b: str, letters: Sequence[str]) -> bool:
        """Whether an entry is the same with two letters exchanged, which are both summed."""
        turned = substituted(e, {a: b, b: a})
        return {a, b} <= {*letters} and outline(e, self.known.symmetric) == outline(
            turned, self.known.symmetric
        )

    def _summed(
        self, letters: Sequence[str], value: InLetters, out: str, equal: EntryTerm
    ) -> InLetters:
        """A sum over letters, without what is too much where one of them is `equal` to another."""
        rest = {s: d for s, d in value.open.items() if s != out}
        total = self._reduced(SUM, letters, value)
        others = [s for s in letters if s != out]
        same = InLetters(equal, value.rows, value.cols, rest)
        same = self._reduced(SUM, others, same) if others else same
        return replace(total, entry=entry_sum([total.entry, negated(same.entry)]))

    def _moved(self, e: EntryTerm, a: str, b: str, may: bool = True) -> EntryTerm:
        """The same for different letters, and smooth for equal ones: where a function has no
        derivative at 0, what is 0 for equal letters, or `may` be, is 1 there."""
        args = tuple(self._moved(x, a, b, may) for x in e.args) if {a, b} <= e.letters else e.args
        if args and args != e.args:
            e = replace(e, args=args)
        if not isinstance(e, EntryCall | EntryPower) or is_smooth_at_zero(e):
            return e
        first, *rest = e.args
        if (
            may
            and isinstance(first, EntryOf)
            and {*first.slots} == {a, b}
            and first.key in self.defined
        ):
            away = negated(entry_product([first, delta(a, b)]))
            return replace(e, args=(entry_sum([first, away, delta(a, b)]), *rest))
        if substituted(first, {a: b}) == ZERO:
            return replace(e, args=(entry_sum([first, delta(a, b)]), *rest))
        return e

    def _triangle(self, binder: Binder, value: InLetters) -> EntryTerm:
        """The entry of the triangle of a matrix, with its diagonal; with other letters, times that
        of ones."""
        a, b = binder.letters
        alone = value.entry.letters == {a, b} and not (value.rows or value.cols)
        writer = FormWriter({**self.dims, **value.open}, Span(0, 0))
        node = writer.whole(value.entry if alone else UNIT, a, b)
        self.sized.update(writer.sized)
        call = call_node(_TRIANGLES[binder.compared], (node,), Span(0, 0))
        triangle = entry_of(PlainMatrix(call, call), a, b)
        return triangle if alone else entry_product([value.entry, triangle])

    def _masked(
        self, binder: Binder, letters: Sequence[str], value: InLetters, out: str
    ) -> InLetters:
        """A product, an extreme or a mean, of the pairs that are taken; `out` is summed."""
        a, b = binder.letters
        kept = b if out == a else a
        taken, whole = self._mask(binder, value), self._moved(value.entry, out, kept)
        may_be_empty = binder.compared in ("<", ">") and len(letters) == 1
        if may_be_empty and binder.function != PRODUCT:
            raise ShapeError(
                f"for one `{kept}` there is no `{a} {binder.compared} {b}`, of which to take the "
                f"`{binder.function}`: write `{binder.compared}=`, or take a part first."
            )
        if binder.function not in _LEFT_OUT:
            total, count = (
                self._compared(binder._replace(function=SUM), letters, replace(value, entry=e))
                for e in (value.entry, UNIT)
            )
            return replace(total, entry=entry_product([total.entry, inverted(count.entry)]))
        number, left_out = _LEFT_OUT[binder.function], entry_sum([UNIT, negated(taken)])
        if abs(number) < INFINITE:
            whole = entry_product([whole, taken])
        entry = entry_sum([whole, entry_product([entry_number(number), left_out])])
        return self._reduced(binder.function, letters, replace(value, entry=entry))

    def _mask(self, binder: Binder, value: InLetters) -> EntryTerm:
        """1 for the pairs of letters that are taken, else 0."""
        equal = delta(*binder.letters)
        if binder.compared == "≠":
            return entry_sum([UNIT, negated(equal)])
        ones = self._triangle(binder, InLetters(UNIT, open=value.open))
        return ones if binder.compared in ("≤", "≥") else entry_sum([ones, negated(equal)])


_SIDE = "·"
_UNKNOWN = Dim.of("·")  # over what δ's letters run
