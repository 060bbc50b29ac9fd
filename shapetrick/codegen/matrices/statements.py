"""A computation plan as statements in a language of matrices: what is broadcast in NumPy is turned,
and repeated where the language asks for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import ClassVar

from ...core.dims import ONE, Dim, Extent
from ...core.errors import RequestError
from ...core.expr import Real
from ...core.functions import TABLE
from ..code_text import CodePrecedence, CodeText, Quotient, quotient
from ..identifiers import Identifiers
from ..ir import ArrayOperation, Value
from ..python.linear_systems import MOST_DENSE
from ..python.module import indented
from ..statements import Assignment, Spelled, Writer
from .language import MatrixLanguage, MatrixSpelling


class MatrixWriter(Writer):
    """Writes the statements of a plan whose vectors are columns."""

    OVER = "/"

    def __init__(
        self,
        language: MatrixLanguage,
        roots: Sequence[Value],
        names: Mapping[Value, str],
        dims: Mapping[str, str],
        functions: Mapping[object, str],
        identifiers: Identifiers,
    ) -> None:
        super().__init__(roots, names, dims, functions, identifiers)
        self._language = language

    def bind_turned(self, v: Value, name: str) -> None:
        """A row that was given, which is a column here."""
        self._pieces[v] = replace(self.turned(CodeText(name)), names=frozenset([name]))

    def turned(self, piece: CodeText) -> CodeText:
        """The transpose of what was written."""
        text, suffix = piece.text, self._language.transposed
        bare = text.removesuffix(suffix)
        text = bare if bare != text and bare.isidentifier() else f"{piece.unsigned:atom}{suffix}"
        return replace(piece, text=text, level=CodePrecedence.ATOM)

    def aligned(self, piece: CodeText, shape: Extent, wanted: Extent) -> CodeText:
        if len(shape) == 1 and len(wanted) == 2:
            piece, shape = self.turned(piece), (ONE, *shape)
        if self._language.broadcasts or _sides(shape) == _sides(wanted):
            return piece
        return self._repeated(piece, shape, wanted)

    def _repeated(self, piece: CodeText, shape: Extent, wanted: Extent) -> CodeText:
        """An array over more rows and columns."""
        language = self._language
        if not shape:
            text = self._formatted(language.full, [piece], wanted)
            return CodeText(text)
        pairs = zip(_sides(shape), _sides(wanted), strict=True)
        counts = ["1" if own == side else self.dim(side) for own, side in pairs]
        text = language.replicated.format(piece.unsigned, *counts)
        return replace(piece, text=text, level=CodePrecedence.ATOM)

    def _formatted(self, template: str, pieces: Sequence[CodeText], shape: Extent) -> str:
        rows, columns = map(self.dim, _sides(shape))
        kind = self._language.types[len(shape)]
        return template.format(*pieces, rows=rows, columns=columns, type=kind)

    def by_template(self, v: Value) -> CodeText:
        if v.op == "function" and v.data in self._functions:
            return self._calling(self._functions[v.data], v)
        spelled = self._language.spelling(v)
        if spelled is None:
            raise self._lacking(v.data if isinstance(v.data, str) else v.op)
        self.name_repeated(v, spelled.template)
        pieces = [self.beside(a, v) if _of_entries(v) else self._pieces[a] for a in v.args]
        rows, columns = map(self.dim, _sides(v.shape))
        extra = {"rows": rows, "columns": columns, "type": self._language.types[v.rank]}
        if v.args:
            extra["r0"], extra["c0"] = map(self.dim, _sides(v.args[0].shape))
        if "{m}" in spelled.template:
            extra.update(zip("mn", map(self.dim, v.data), strict=False))
        return CodeText(spelled.template.format(*pieces, **extra), spelled.level)

    def rule_lines(
        self, name: str, entries: str, inner: Sequence[Assignment], found: CodeText, right: Value
    ) -> list[str]:
        """A loop that solves a system: by the matrix of its rule, or by GMRES."""
        words = {w: self._identifiers.take(w) for w in ("k", "along", "weights", "right", "next")}
        names = {**words, "rule": name, "entries": entries, "dense": str(MOST_DENSE)}
        names |= {"count": self.dim(right.shape[0]), "image": f"{found}"}
        names["value"] = f"{self._pieces[right]}"
        before, after = (
            [line.format(**names) for line in lines] for lines in self._language.system
        )
        own = [self._language.statement(s.name, s.text, s.value) for s in inner]
        self._solution = f"{words['along']} * {words['weights']}"
        return [*before, *indented(own), *after]

    def solved(self, name: str, right: CodeText) -> CodeText:
        return CodeText(self._solution, CodePrecedence.PRODUCT)

    def _lacking(self, name: str) -> RequestError:
        return RequestError(
            f"there is no code for `{name}` in {self._language.name}: the target numpy has it."
        )

    def _calling(self, function: str, v: Value) -> CodeText:
        """A function that was passed in, of every entry."""
        arguments = ", ".join(f"{self._pieces[a]}" for a in v.args)
        unary = len(v.args) == 1 and v.args[0].shape == v.shape
        key = "call" if not unary else "call/s" if not v.rank else "call/m"
        spelled = self._language.operations.get(key)
        if spelled is None:
            raise self._lacking(function)
        return CodeText(spelled.template.format(function, arguments))

    def _abstract(self, v: Value) -> CodeText:
        return self._calling(self._functions[v.data], v)

    def number(self, value: Real) -> CodeText:
        piece = super().number(value)
        return replace(piece, text=self._language.number(piece.text))

    def quotient(self) -> Quotient:
        return _MatrixQuotient(self._language, self.number)

    def _size(self, v: Value) -> CodeText:
        text = self._language.size.format(self.dim(v.data))
        level = CodePrecedence.SUM if " " in text and "(" not in text else CodePrecedence.ATOM
        return CodeText(text, level)

    def _constant(self, v: Value) -> CodeText:
        return CodeText(self._language.constants[v.data])

    def _lifted(self, v: Value) -> CodeText:
        """A vector is a column already."""
        return self._pieces[v.args[0]]

    def _spread(self, v: Value) -> CodeText:
        (a,) = v.args
        piece, shape = self._pieces[a], a.shape
        if len(shape) == 1 and v.rank == 2:
            piece, shape = self.turned(piece), (ONE, *shape)
        return self._repeated(piece, shape, v.shape)

    # ---- operations on entries

    def powers(self, v: Value) -> CodeText:
        spelled = self._language.operations["power/s" if not v.rank else "powers"]
        pieces = [self.beside(a, v) for a in v.args]
        return CodeText(spelled.template.format(*pieces), spelled.level)

    def raised(self, base: Value, exponent: Real) -> CodeText:
        piece = self._pieces[base]
        if exponent == 1:
            return piece
        key = {Fraction(1, 2): "root", Fraction(2): "square"}.get(Fraction(exponent), "power")
        key += "/s" if not base.rank else ""
        spelled = self._language.operations[key]
        if spelled.template.count("{0") > 1 and not piece.is_simple:
            self.name(base)
            piece = self._pieces[base]
        return CodeText(spelled.template.format(piece, self.number(exponent)), spelled.level)

    # ---- parts

    def _slice(self, v: Value) -> CodeText:
        (a,) = v.args
        if not self._pieces[a].is_simple:
            self.name(a)
        language, texts, first_is_one = self._language, [], False
        for axis, place in enumerate(v.data):
            if place is None:
                texts.append(language.everything)
                continue
            first, end, is_one = place
            start = self.dim(first + Dim.of(language.origin))
            last = self.dim(end + Dim.of(language.origin - 1))
            texts.append(start if is_one else language.span.format(start, last))
            first_is_one |= is_one and axis == 0
        piece = CodeText(f"{self._pieces[a]}({', '.join(texts)})")
        return self.turned(piece) if first_is_one and a.rank == 2 and v.rank == 1 else piece

    def _concatenated(self, v: Value) -> CodeText:
        axis = v.data or 0
        parts = self._language.between[axis].join(f"{self._pieces[a]}" for a in v.args)
        template = self._formatted(self._language.joined[axis], [], v.shape)
        return CodeText(template.replace("PARTS", parts))

    SPELLED: ClassVar[Spelled] = {
        **Writer.SPELLED,
        "size": _size,
        "constant": _constant,
        "abstract": _abstract,
        "lift": _lifted,
        "spread": _spread,
        "slice": _slice,
        "concatenate": _concatenated,
    }


_ENTRYWISE: frozenset[ArrayOperation] = frozenset({"root", "equal", "at_most", "masked"})


def _of_entries(v: Value) -> bool:
    return v.op in _ENTRYWISE or (v.op == "function" and TABLE[v.data].elementwise)


class _MatrixQuotient(Quotient):
    """A product entry by entry, times scalars."""

    def __init__(self, language: MatrixLanguage, spell: Callable[[Real], CodeText]) -> None:
        super().__init__(spell)
        self._language, self._one = language, spell(1)

    def assembled(
        self,
        scalars: list[CodeText],
        divisors: list[CodeText],
        arrays: Sequence[CodeText],
        array_divisors: Sequence[CodeText],
    ) -> CodeText:
        if not arrays and not array_divisors:
            return quotient(scalars or [self._one], [], divisors)
        language = self._language
        if arrays:
            whole, *others = arrays
        else:  # a number over an array
            number_above = quotient(scalars or [self._one], [], divisors)
            first, *array_divisors = array_divisors
            whole, others = _applied(language.operations["over"], number_above, first), []
            scalars, divisors = [], []
        for other in others:
            whole = _applied(language.operations["times"], whole, other)
        for other in array_divisors:
            whole = _applied(language.operations["divided"], whole, other)
        if scalars:
            factor = quotient(scalars, [], divisors)
            text = f"{factor:product} * {whole:unary}"
            return CodeText(text, CodePrecedence.PRODUCT)
        if divisors:
            return quotient([whole], [], divisors)
        return whole


def _applied(spelled: MatrixSpelling, a: CodeText, b: CodeText) -> CodeText:
    return CodeText(spelled.template.format(a, b), spelled.level)


def _sides(shape: Extent) -> tuple[Dim, Dim]:
    """The rows and columns of an array whose vectors are columns."""
    rows, columns = (*shape, ONE, ONE)[:2]
    return rows, columns
