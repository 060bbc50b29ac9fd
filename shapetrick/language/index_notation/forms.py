"""Entries in letters to matrix notation: sums over letters become products, traces and row sums.

A product's factors are gathered by their letters. A letter that is summed goes away with the
factors that have it: two other letters are left by a matrix product, one by a product with a column
or by row sums, none by an inner product. What links three letters at once has no such form.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, MutableMapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from itertools import combinations_with_replacement, product
from math import factorial

from ...core.dims import ONE, Dim
from ...core.errors import Span
from ...core.functions import NAMES, TABLE
from ...core.named_tuples import NamedTuple
from ..syntax.tree import Callee, SyntaxNode, number_node, postorder
from .entries import (
    SUM,
    Delta,
    EntryCall,
    EntryNumber,
    EntryOf,
    EntryPower,
    EntryProduct,
    EntrySum,
    EntryTerm,
    Reduction,
    entry_number,
    entry_product,
    entry_sum,
    reduction,
    split_number,
    substituted,
)

MOST_TERMS = 64  # of a product of sums that is multiplied out
MOST_TIMES = 4  # a power that is


class NoMatrixForm(Exception):
    """These letters are linked at once."""

    def __init__(self, letters: Iterable[str]) -> None:
        super().__init__()
        self.letters = frozenset(letters)


class FormFactor(NamedTuple):
    """A factor in matrix notation, and whether what it is a factor of is divided by it."""

    node: SyntaxNode
    below: bool = False


@dataclass(slots=True)
class _LetterFactors:
    """The factors of a product by their letters: none, one, or two (of rows and columns)."""

    scalars: list[FormFactor] = field(default_factory=list)
    columns: dict[str, list[FormFactor]] = field(default_factory=dict)
    matrices: dict[tuple[str, str], list[FormFactor]] = field(default_factory=dict)

    def beside(self, letter: str) -> list[str]:
        """The letters with which this one is linked."""
        found = [a if b == letter else b for a, b in self.matrices if letter in (a, b)]
        return list(dict.fromkeys(found))


@dataclass(slots=True)
class FormWriter:
    """Writes entries in matrix notation. `dims` are the letters' dimensions, `span` is where what
    is read stands; `sized` are the nodes that stand for dimensions."""

    dims: MutableMapping[str, Dim]
    span: Span
    sized: dict[SyntaxNode, Dim] = field(default_factory=dict)

    def whole(self, e: EntryTerm, rows: str | None, cols: str | None) -> SyntaxNode:
        """The matrix with this entry for each of the letters, also where it is the same for all.

        Raises NoMatrixForm."""
        extra = e.letters - {rows, cols}
        if extra:
            raise NoMatrixForm({*e.letters, *filter(None, (rows, cols))})
        node = self.form(e, rows, cols)
        spread = [None if s is None or s in e.letters else s for s in (rows, cols)]
        if spread != [None, None]:
            sizes = [ONE if s is None else self.dims[s] for s in (rows, cols)]
            sizes = [d if s in spread else ONE for d, s in zip(sizes, (rows, cols), strict=True)]
            sizes = sizes[:1] if sizes[1] == ONE else sizes
            ones = self._call("ones", sizes=tuple(self.size(d) for d in sizes))
            scalar = not e.letters
            node = ones if _is_number(node, 1) else self._op("*" if scalar else ".*", node, ones)
        return node

    # ---- entries

    def form(self, e: EntryTerm, rows: str | None, cols: str | None) -> SyntaxNode:
        """The entries for all values of its letters, which are those of rows and columns: a column
        if there is none of columns, a row if there is none of rows."""
        match e:
            case EntryNumber():
                return self._number(e.value)
            case EntryOf():
                return self._oriented(e, rows)
            case Delta():
                return self._call("eye", sizes=(self.size(self.dims[e.pair[0]]),))
            case EntrySum():
                return self._sum(e, rows, cols)
            case EntryCall():
                args = tuple(self.form(a, rows, cols) for a in e.args)
                kind = "call" if isinstance(e.function, Callee) else "abstract"
                return self._node(kind, args, e.function)
            case EntryPower():
                return self._power(e, rows, cols)
            case Reduction() if e.function != SUM:
                return self._reduced(e, rows, cols)
        return self._contracted(e, (), rows, cols)

    def _oriented(self, e: EntryOf, rows: str | None) -> SyntaxNode:
        a, b = e.slots
        node = e.matrix.node
        if a is not None and a == b:
            node = self._call("diag", (node,))
            return node if a == rows else self._transposed(node)
        straight = a == rows if a is not None else b is None or b != rows
        return node if straight else self._transposed(node)

    def _sum(self, e: EntryTerm, rows: str | None, cols: str | None) -> SyntaxNode:
        numbers: dict[object, Fraction] = {}
        rests: dict[object, EntryTerm] = {}
        for term in e.args:
            number, rest = split_number(term)
            key = _key(self.form(rest, rows, cols))
            numbers[key] = numbers.get(key, Fraction(0)) + number
            rests.setdefault(key, rest)
        found: SyntaxNode | None = None
        for key, number in numbers.items():
            if not number:
                continue
            node = self.form(entry_product([entry_number(abs(number)), rests[key]]), rows, cols)
            if found is None:
                found = node if number > 0 else self._op("neg", node)
            else:
                found = self._op("+" if number > 0 else "-", found, node)
        return found or self._number(0)

    def _power(self, e: EntryTerm, rows: str | None, cols: str | None) -> SyntaxNode:
        base, exponent = e.args
        if isinstance(exponent, EntryNumber) and exponent.value == -1:
            return self._quotient([FormFactor(self.form(base, rows, cols), True)], bool(e.letters))
        sign = ".^" if e.letters else "^"
        return self._op(sign, self.form(base, rows, cols), self.form(exponent, rows, cols))

    def _reduced(self, e: Reduction, rows: str | None, cols: str | None) -> SyntaxNode:
        """A mean, an extreme, a softmax: over all, down the columns, or along the rows."""
        (body,) = e.args
        others = body.letters - {*e.over}
        if NAMES.get(e.function) and TABLE[NAMES[e.function]].averages:
            return self._mean(e, rows, cols)
        if len(others) + len(e.over) > 2:
            raise NoMatrixForm(body.letters)
        inner: list[str | None] = [*e.over, None]
        axis = None
        if len(e.over) == 1 and others:
            axis = 1 if rows in others else 0
            inner = [rows, e.over[0]] if axis else [e.over[0], cols]
        elif e.keeps and e.over[0] == cols:
            inner = [None, e.over[0]]
        node = self.whole(body, inner[0], inner[1])
        if e.function not in NAMES:
            if axis is not None or len(e.over) != 1:
                raise NoMatrixForm(body.letters)
            return self._call("det", (self._call("diag", (node,)),))  # of a diagonal: its product
        return self._call(e.function, (node,), axis)

    def _mean(self, e: Reduction, rows: str | None, cols: str | None) -> SyntaxNode:
        summed = self._contracted(e.args[0], e.over, rows, cols)
        if summed.kind == "call" and summed.value.name == SUM and not _sums(e.args[0]):
            return replace(summed, value=summed.value._replace(name=e.function))
        below = [FormFactor(self.size(self.dims[s]), True) for s in e.over]
        return self._quotient([FormFactor(summed), *below], False)

    # ---- products and sums over letters

    def _contracted(
        self, e: EntryTerm, over: tuple[str, ...], rows: str | None, cols: str | None
    ) -> SyntaxNode:
        """A product summed over letters."""
        number, factors, summed = self._flattened(e, over)
        try:
            if any(_is_difference(f, summed) for f in factors):
                raise NoMatrixForm(summed)
            found = self._eliminated(factors, summed, rows, cols)
        except NoMatrixForm:
            terms = _multiplied_out(factors)
            if terms is None:
                raise
            parts = [entry_product([entry_number(number), t]) for t in terms]
            parts = [reduction(p, tuple(summed)) if summed else p for p in parts]
            return self.form(entry_sum(parts), rows, cols)
        return self._joined(number, found, rows, cols)

    def _eliminated(
        self,
        factors: Sequence[EntryTerm],
        over: Sequence[str],
        rows: str | None,
        cols: str | None,
    ) -> _LetterFactors:
        """What is left of a product that is summed over letters. Raises NoMatrixForm."""
        factors, summed = _without_deltas(factors, over)
        found = _LetterFactors()
        for factor in factors:
            if len(factor.letters) > 2:
                raise NoMatrixForm(factor.letters)
            self._gather(found, factor, rows, cols)
        while summed:
            letter = min(reversed(summed), key=lambda s: len(found.beside(s)))
            beside = found.beside(letter)
            if len(beside) > 2:
                raise NoMatrixForm((letter, *beside))
            summed.remove(letter)
            self._eliminate(found, letter, beside)
        return found

    def _flattened(
        self, e: EntryTerm, over: tuple[str, ...]
    ) -> tuple[Fraction, list[EntryTerm], list[str]]:
        """The number and the factors of a product with the sums in it drawn out, and what is
        summed."""
        number, factors, summed, waiting = Fraction(1), list[EntryTerm](), [*over], [e]
        while waiting:
            part = waiting.pop()
            match part:
                case EntryProduct():
                    waiting.extend(reversed(part.args))
                case Reduction() if part.function == SUM:
                    new = {s: self._fresh(s) for s in part.over if s in summed}
                    summed += [new.get(s, s) for s in part.over]
                    waiting.append(substituted(part.args[0], new))
                case EntryNumber():
                    number *= part.value
                case _:
                    factors.append(part)
        return number, factors, summed

    def _fresh(self, letter: str) -> str:
        """Another letter over the same dimension."""
        new = f"{letter}'{len(self.dims)}"
        self.dims[new] = self.dims[letter]
        return new

    def _gather(self, found: _LetterFactors, e: EntryTerm, *outer: str | None) -> None:
        """Take in a factor of at most two letters."""
        below = isinstance(e, EntryPower) and e.args[1] == EntryNumber(value=Fraction(-1))
        inner = e.args[0] if below else e
        letters = _in_order(e)
        if not _stands(e, letters):
            letters.sort(key=lambda s: (s == outer[1]) - (s == outer[0]))
        rows, cols = (*letters, None, None)[:2]
        factor = FormFactor(self.form(inner, rows, cols), below)
        if rows is None:
            found.scalars.append(factor)
        elif cols is None:
            found.columns.setdefault(rows, []).append(factor)
        elif (cols, rows) in found.matrices:
            found.matrices[cols, rows] += self._turned([factor])
        else:
            found.matrices.setdefault((rows, cols), []).append(factor)

    def _eliminate(self, found: _LetterFactors, letter: str, beside: Sequence[str]) -> None:
        """Sum over a letter that is linked with at most two others."""
        columns = found.columns.pop(letter, [])
        if not beside:
            found.scalars.append(FormFactor(self._total(columns, letter)))
            return
        links = [self._link(found, other, letter) for other in beside]
        if len(beside) == 1:
            other = beside[0]
            if columns:
                node = self._times(links[0], self._quotient(columns, True))
            else:
                node = self._call("sum", (links[0],), 1)
                if links[0].kind == "'":
                    node = self._transposed(self._call("sum", links[0].args, 0))
            found.columns.setdefault(other, []).append(FormFactor(node))
            return
        left, right = links[0], self._transposed(links[1])
        rows, cols = beside
        if columns:
            left = self._times(left, self._call("diag", (self._quotient(columns, True),)))
        node = self._times(left, right)
        if (cols, rows) in found.matrices:
            rows, cols, node = cols, rows, self._transposed(node)
        found.matrices.setdefault((rows, cols), []).append(FormFactor(node))

    def _link(self, found: _LetterFactors, rows: str, cols: str) -> SyntaxNode:
        """What links two letters, as a matrix; taken out."""
        if (rows, cols) in found.matrices:
            return self._quotient(found.matrices.pop((rows, cols)), True)
        return self._transposed(self._quotient(found.matrices.pop((cols, rows)), True))

    def _total(self, columns: Sequence[FormFactor], letter: str) -> SyntaxNode:
        """The sum over a letter of a product of columns."""
        if not columns:
            return self.size(self.dims[letter])
        above = [f for f in columns if not f.below]
        if len(above) < 2:
            return self._summed(self._quotient(columns, True))
        last = max(reversed(above), key=lambda f: f.node.kind == "*")
        rest = [f for f in columns if f is not last]
        return self._times(self._transposed(self._quotient(rest, True)), last.node)

    def _summed(self, node: SyntaxNode) -> SyntaxNode:
        """The sum of a column's entries."""
        inner = node.args[0] if node.kind == "'" else node
        if inner.kind == "call" and inner.value == Callee("diag"):
            return self._call("tr", inner.args)
        if inner.kind == "call" and inner.value.name == SUM and inner.value.axis is not None:
            (summed,) = inner.args
            if summed.kind == ".*":
                return self._trace(*summed.args) or self._call("sum", (summed,))
            return self._call("sum", (summed,))
        return self._call("sum", (node,))

    def _trace(self, left: SyntaxNode, right: SyntaxNode) -> SyntaxNode | None:
        """The sum of the entries of an element-wise product as a trace, where a factor is a product
        or no transpose is left."""
        chains = [
            self._times(self._transposed(left), right),
            self._times(left, self._transposed(right)),
            self._times(self._transposed(right), left),
            self._times(right, self._transposed(left)),
        ]
        turned = [sum(n.kind == "'" for n in postorder(c)) for c in chains]
        if min(turned) and "*" not in (left.kind, right.kind):
            return None
        return self._call("tr", (chains[turned.index(min(turned))],))

    def _joined(
        self, number: Fraction, found: _LetterFactors, rows: str | None, cols: str | None
    ) -> SyntaxNode:
        """The product of what is left, which has the letters of rows and columns alone."""
        left = found.columns.get(rows or "", [])
        right = self._turned(found.columns.get(cols or "", []))
        core: list[FormFactor] = []
        if found.matrices and rows is not None and cols is not None:
            core = found.matrices.get((rows, cols), [])
            core = core or self._turned(found.matrices.get((cols, rows), []))
            core = [FormFactor(self._quotient([*left, *core, *right], True))]
        elif left and right:
            core = [
                FormFactor(self._times(self._quotient(left, True), self._quotient(right, True)))
            ]
        elif left or right:
            core = [FormFactor(self._quotient(left or right, True))]
        numerator, denominator = abs(number.numerator), number.denominator
        scalars = [FormFactor(self._number(numerator))] if numerator != 1 else []
        above = [f for f in found.scalars if not f.below]
        above = [*scalars, *sorted(above, key=lambda f: f.node not in self.sized), *core]
        below = [f for f in found.scalars if f.below]
        if denominator != 1:
            below.append(FormFactor(self._number(denominator), True))
        node = self._quotient([*above, *below], False)
        return self._op("neg", node) if number < 0 else node

    # ---- nodes

    def _quotient(self, factors: Sequence[FormFactor], entrywise: bool) -> SyntaxNode:
        """The product of factors, over those that stand below."""
        times, over = (".*", "./") if entrywise else ("*", "/")
        above = self._powers([f.node for f in factors if not f.below], entrywise)
        node = above[0] if above else self._number(1)
        for other in above[1:]:
            node = self._op(times, node, other) if entrywise else self._times(node, other)
        for factor in factors:
            if factor.below:
                node = self._op(over, node, factor.node)
        return node

    def _powers(self, factors: Sequence[SyntaxNode], entrywise: bool) -> list[SyntaxNode]:
        """The factors with equal ones as a power, where they are scalars or go entry by entry."""
        found: dict[object, list[SyntaxNode]] = {}
        for node in factors:
            found.setdefault(_key(node), []).append(node)
        sign = ".^" if entrywise else "^"
        return [
            self._op(sign, nodes[0], self._number(len(nodes))) if len(nodes) > 1 else node
            for nodes in found.values()
            for node in nodes[:1]
        ]

    def _times(self, left: SyntaxNode, right: SyntaxNode) -> SyntaxNode:
        """A matrix product, without brackets where it is one of products."""
        parts = [right]
        while parts[-1].kind == "*" and not parts[-1].bracketed:
            outer = parts.pop()
            parts += [outer.args[1], outer.args[0]]
        node = left
        for part in reversed(parts):
            node = SyntaxNode("*", (node, part), None, self.span, juxtaposed=True)
        return node

    def _turned(self, factors: Sequence[FormFactor]) -> list[FormFactor]:
        return [FormFactor(self._transposed(f.node), f.below) for f in factors]

    def _transposed(self, node: SyntaxNode) -> SyntaxNode:
        if node.kind == "'":
            return node.args[0]
        if node.kind == "number" or node in self.sized:
            return node
        if node.kind == "call" and node.value.name == "eye":
            return node
        if node.kind == "*" and not node.bracketed:
            left, right = node.args
            return self._times(self._transposed(right), self._transposed(left))
        return self._op("'", node)

    def size(self, dim: Dim) -> SyntaxNode:
        """A dimension as an expression."""
        node: SyntaxNode | None = None
        for names, k in sorted(dim.terms, key=lambda t: (-len(t[0]), t[0])):
            is_less = node is not None and k < 0
            amount = -k if is_less else k
            factors = [self._number(amount)] if amount != 1 or not names else []
            factors += [self._node("name", (), name) for name in names]
            term = factors[0]
            for other in factors[1:]:
                term = self._times(term, other)
            node = term if node is None else self._op("-" if is_less else "+", node, term)
        node = node or self._number(0)
        self.sized[node] = dim
        return node

    def _number(self, value: Fraction | int) -> SyntaxNode:
        return number_node(value, self.span)

    def _call(
        self,
        name: str,
        args: tuple[SyntaxNode, ...] = (),
        axis: int | None = None,
        sizes: tuple[SyntaxNode, ...] = (),
    ) -> SyntaxNode:
        return self._node("call", args, Callee(name, axis, sizes))

    def _op(self, kind: str, *args: SyntaxNode) -> SyntaxNode:
        return self._node(kind, args, None)

    def _node(self, kind: str, args: tuple[SyntaxNode, ...], value: object) -> SyntaxNode:
        return SyntaxNode(kind, args, value, self.span)


def _is_number(node: SyntaxNode, value: int) -> bool:
    return node.kind == "number" and bool(node.value == value)


def _key(node: SyntaxNode) -> object:
    """A key that equal expressions share."""
    value = node.value
    if isinstance(value, Callee):
        value = (value.name, value.axis, *map(_key, value.sizes))
    return (node.kind, value, *map(_key, node.args))


def _stands(e: EntryTerm, letters: Sequence[str]) -> bool:
    """Whether an entry in it has these letters in this order."""
    waiting = [e]
    while waiting:
        part = waiting.pop()
        if isinstance(part, EntryOf) and list(part.slots) == list(letters):
            return True
        waiting.extend(part.args)
    return False


def _in_order(e: EntryTerm) -> list[str]:
    """The letters of an entry in the order in which they stand there."""
    found: dict[str, None] = {}
    waiting = [e]
    while waiting:
        part = waiting.pop()
        if isinstance(part, EntryOf):
            found.update((s, None) for s in part.slots if s in e.letters)
        waiting.extend(reversed(part.args))
    return list(dict.fromkeys([*found, *sorted(e.letters)]))  # δ's come last


def _sums(e: EntryTerm) -> bool:
    """Whether a sum is a factor, so that the whole sums over more letters."""
    factors = e.args if isinstance(e, EntryProduct) else (e,)
    return any(isinstance(f, Reduction) and f.function == SUM for f in factors)


def _is_difference(e: EntryTerm, summed: Sequence[str]) -> bool:
    """Whether it is a square such as that of `x[i] - x[j]`: multiplied out, its terms are inner
    products and quadratic forms."""
    if not isinstance(e, EntryPower) or e.args[1] != EntryNumber(value=Fraction(2)):
        return False
    base = e.args[0]
    single = isinstance(base, EntrySum) and all(len(t.letters) == 1 for t in base.args)
    return single and len(base.letters) == 2 and base.letters <= {*summed}


def _multiplied_out(factors: Sequence[EntryTerm]) -> list[EntryTerm] | None:
    """The terms of a product of sums, and of whole powers of sums; None if there are none."""
    parts: list[list[EntryTerm]] = []
    count = 1
    for f, occurs in Counter(factors).items():
        base, times = f, occurs
        if isinstance(f, EntryPower) and isinstance(f.args[1], EntryNumber):
            p = f.args[1].value
            if p.denominator == 1 and 1 < p <= MOST_TIMES:
                base, times = f.args[0], int(p) * occurs
        terms = list(base.args) if isinstance(base, EntrySum) else [base]
        if len(terms) == 1 and len(base.letters) < 3:
            parts += [[f]] * occurs
            continue
        parts.append(_power_terms(terms, times))
        count *= len(parts[-1])
    if count > MOST_TERMS or all(len(terms) == 1 and terms[0] in factors for terms in parts):
        return None
    return [entry_product(chosen) for chosen in product(*parts)]


def _power_terms(terms: Sequence[EntryTerm], times: int) -> list[EntryTerm]:
    """The terms of a power of a sum, each once with its number."""
    found = []
    for chosen in combinations_with_replacement(range(len(terms)), times):
        number = factorial(times)
        for k in set(chosen):
            number //= factorial(chosen.count(k))
        found.append(entry_product([entry_number(number), *(terms[k] for k in chosen)]))
    return found


def _without_deltas(
    factors: Sequence[EntryTerm], summed: Sequence[str]
) -> tuple[list[EntryTerm], list[str]]:
    """A sum over a letter that δ makes equal to another: the other stands in its place."""
    found, rest = list(factors), [*summed]
    while True:
        pairs = ((f, s) for f in found if isinstance(f, Delta) for s in f.pair if s in rest)
        hit = next(pairs, None)
        if hit is None:
            return found, rest
        f, letter = hit
        assert isinstance(f, Delta)
        other = f.pair[0] if f.pair[1] == letter else f.pair[1]
        rest.remove(letter)
        found.remove(f)
        found = [substituted(e, {letter: other}) for e in found]
