"""Expressions in LaTeX's mathematics: a spelling table on the one traversal, and how names look.

What is written compiles with amsmath, and renders in MathJax, KaTeX and matplotlib. A function's
spelling is the `latex` of its row: a sign that is called, or a template with `#1` for its argument.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from ..core.dims import Dim, Shape
from ..core.errors import InputError
from ..core.expr import SUM, Dimension, Expr, Name, Real, Symbol
from ..core.functions import TABLE
from ..core.greek import GREEK
from ..core.indices import Range, parts, read_name
from ..core.problem import EqualityClaim, Problem, Request, called
from ..core.records import dataclass
from ..core.regexes import regex
from ..core.traversal import postorder
from ..language.expressions import read_expression
from ..language.latex.names import ACCENTS, letter_of, look_of
from ..language.notation import Fragment, Notation, NotationPrecedence, Rope, signed, spell
from . import phrases as words

if TYPE_CHECKING:
    from .document import EquationBlock, MarkedText

OPEN, CLOSE = "\1", "\2"  # brackets; how large they are is decided when all is written
_TALL = regex(r"\\(?:frac|sqrt|left|overline|underbrace|begin)\b")
_INVERSE = "^{-1}"
_ACCENTS = {word: sign for sign, word in ACCENTS.items()}
_ESCAPES = {
    **{c: f"\\{c}" for c in "#$%&_{}"},
    "\\": r"\textbackslash{}",
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
}
_MEANT = {escape: c for c, escape in _ESCAPES.items()}
_ESCAPED = regex(r"\\(?:text[a-z]+\{\}|.)")
_CONSTRUCTORS = {
    "ones": r"\mathbf{1}",
    "zeros": r"\mathbf{0}",
    "eye": "I",
    "commute": r"\mathbf{K}",
    "duplicate": r"\mathbf{D}",
    "eliminate": r"\mathbf{L}",
}


def escaped(text: str) -> str:
    """Any text, to be read as it is."""
    return "".join(_ESCAPES.get(c, c) for c in text)


def unescaped(text: str) -> str:
    """The text that was escaped, as it is."""
    return _ESCAPED.sub(lambda found: _MEANT.get(found[0], found[0][1:]), text)


# ------------------------------------------------------------------------------------------ names


def identifier(name: str) -> str:
    """A name as in print: `W1` as W with an index, `theta` as a Greek letter."""
    base, indices = parts(read_name(name))
    if indices:
        stem = identifier(base)
        inner = f"{stem[:-1]}," if stem.endswith("}") and "_{" in stem else f"{stem}_{{"
        return f"{inner}{','.join(map(str, indices))}}}"
    stem, words = look_of(name)
    letter = _stem(stem)
    if words and words[0] in _ACCENTS:
        letter, words = f"{_ACCENTS[words[0]]}{{{letter}}}", words[1:]
    below = ",".join(_stem(word, r"\mathrm") for word in words)
    return f"{letter}_{{{below}}}" if below else letter


def _stem(word: str, look: str = r"\mathit") -> str:
    letter = letter_of(word)
    if letter in GREEK.values():
        return f"\\{letter}"
    if word.isascii():
        plain = len(word) == 1 or word.isdigit() or word[1] in "+-"  # `t-1`
        return word if plain else f"{look}{{{escaped(word)}}}"
    return rf"\text{{{word}}}"


def alike(names: Iterable[str]) -> frozenset[str]:
    """Those of the names that look like another one in print: `Z1` and `Z_1`."""
    looks: dict[str, set[str]] = {}
    for name in names:
        looks.setdefault(identifier(name), set()).add(name)
    return frozenset(n for same in looks.values() if len(same) > 1 for n in same)


def names_in(e: Expr) -> list[str]:
    """What is written as a name in an expression, inside definitions too."""
    nodes = [n for n in postorder([e]) if isinstance(n, (Symbol, Dimension, Name))]
    return [n.name for n in nodes]


# --------------------------------------------------------------------------------------- notation


@dataclass(frozen=True, slots=True)
class Latex(Notation):
    """The spellings of LaTeX. Names that are `alike` another one are written as they are typed;
    `read` finds the expression that stands in a label such as `∂J/∂(X w - y)`, and `marks` the
    terms that have a colour."""

    hadamard: str = r" \odot "
    over: str = r" \oslash "
    exponent: str = "^"
    elementwise_exponent: str = r"^\circ"
    stacked: bool = True
    alike: Collection[str] = ()
    read: Callable[[str], Expr | None] | None = None
    marks: Mapping[Expr, str] | None = None

    # ---- names

    def name(self, name: str) -> Rope:
        if name.startswith("∂") or (name.startswith("bar(") and name.endswith(")")):
            return self.label(name)
        return rf"\mathtt{{{escaped(name)}}}" if name in self.alike else identifier(name)

    def label(self, label: str) -> str:
        """What a step finds: `∂J/∂Z`, `bar(Z)`, also of an expression."""
        label, _, through = label.partition(" through ")  # one of several contributions
        if through:
            return rf"{self.label(label)} \text{{ through }} {self._quoted(through)}"
        if label.startswith("bar("):
            inner = self._quoted(label[4:-1])
            bar = r"\bar" if len(label) == len("bar(Z)") else r"\overline"
            return f"{bar}{{{inner}}}"
        at = _outside_brackets(label, "/∂")
        if at is None:
            return self._quoted(label)
        lower, _, along = label[at + 2 :].partition(" along ")
        if label.startswith("∂²"):
            by = "".join(rf" \partial {self._quoted(part)}" for part in lower.split("∂"))
            return rf"\frac{{\partial^{{2}} {self._quoted(label[2:at])}}}{{{by.strip()}}}"
        above, below = self._quoted(label[1:at]), self._quoted(lower)
        fraction = rf"\frac{{\partial {above}}}{{\partial {below}}}"
        return fraction + (f"[{self._quoted(along)}]" if along else "")

    def _quoted(self, text: str) -> str:
        """What a label mentions: a name, an expression, or another label."""
        if not text:  # what is differentiated is long
            return ""
        inner = text[1:-1] if _is_bracketed(text) else text
        if inner.isidentifier() or inner.startswith("∂") or parts(read_name(inner))[1]:
            found = str(self.name(inner))
        else:
            e = self.read(inner) if self.read else None
            found = rf"\text{{{escaped(inner)}}}" if e is None else _spelled(e, self)
        return OPEN + found + CLOSE if inner is not text else found

    def dim(self, dim: Dim) -> Rope:
        return dim.text(lambda name: str(self.name(name)))

    def shape(self, shape: Shape) -> str:
        """The sides with a sign between them; sums and products in brackets."""
        sides = [str(self.dim(d)) for d in shape]
        plain = [len(d.terms) == 1 and len(d.names) <= 1 for d in shape]
        return r" \times ".join(s if p else f"({s})" for s, p in zip(sides, plain, strict=True))

    # ---- signs

    def number(self, value: Real) -> Rope:
        if isinstance(value, float):
            digits, _, exponent = repr(value).partition("e")
            return rf"{digits} \cdot 10^{{{int(exponent)}}}" if exponent else digits
        n, d = value.as_integer_ratio()
        return str(n) if d == 1 else rf"\frac{{{n}}}{{{d}}}"

    def bracket(self, text: Rope) -> Rope:
        return (OPEN, text, CLOSE)

    def quotient(self, numerator: Fragment, denominator: Fragment) -> Fragment:
        fraction = (r"\frac{", signed(numerator), "}{", signed(denominator), "}")
        return Fragment(fraction, NotationPrecedence.POWER)

    def transpose(self, a: Fragment) -> Rope:
        if isinstance(a.text, tuple) and a.text[-1] == _INVERSE and not a.negative:
            return (*a.text[:-1], r"^{-\top}")
        return (self.enclosed(a, NotationPrecedence.ATOM), r"^{\top}")

    def raised(self, base: Fragment, exponent: Fragment, elementwise: bool) -> Rope:
        sign = r"^{\circ " if elementwise else "^{"
        return (self.enclosed(base, NotationPrecedence.ATOM), sign, signed(exponent), "}")

    def root(self, a: Rope) -> Rope:
        return (r"\sqrt{", a, "}")

    def word(self, name: str) -> str:
        return rf"\mathrm{{{name}}}"

    def selected(self, base: Fragment, sides: Sequence[Rope]) -> Rope:
        commas = [part for a in sides for part in (r",\, ", a)]
        held = self.enclosed(base, NotationPrecedence.ATOM)
        plain = isinstance(held, str) and "_" not in held
        return (*([held] if plain else ["{", held, "}"]), "_{", *commas[1:], "}")

    def block(self, rows: Sequence[Sequence[Rope]]) -> Rope:
        parts: list[Rope] = []
        for row in rows:
            cells = [part for a in row for part in (" & ", a)]
            parts += [r" \\ " if parts else r"\begin{bmatrix} ", *cells[1:]]
        return (*parts, r" \end{bmatrix}")

    def axis(self, axis: int) -> Rope:
        return rf"\mathrm{{axis}}={axis}"

    def derivative(self, name: str, order: int) -> str:
        return str(self.name(name)) + "'" * order

    def beside(self, left: str, right: str) -> str:
        if right[:1].isdigit():
            return r" \cdot "
        words = left.startswith((r"\math", r"\text")) or right.startswith((r"\math", r"\text"))
        return r" \, " if words else " "

    # ---- functions

    def call(self, name: str, args: Iterable[Rope]) -> Rope:
        """A constructor with its sizes as an index, or any other function."""
        sizes = [str(a) for a in args]
        if name == "ones" and sizes[0] == "1" and len(sizes) == 2:
            return rf"{{\mathbf{{1}}_{{{sizes[1]}}}^{{\top}}}}"
        sign = r" \times " if name in ("ones", "zeros") else ", "
        return f"{{{_CONSTRUCTORS[name]}_{{{sign.join(sizes)}}}}}"

    def running(self, over: Range, fold: str = SUM) -> Rope:
        return rf"\{fold}_{{{over.letter} = {over.first}{conditions(over)}}}^{{{over.last}}}"

    def function(self, name: str, args: Sequence[Fragment], extra: Sequence[Rope]) -> Fragment:
        row = TABLE.get(name)
        if name in _CONSTRUCTORS:
            return Fragment(self.call(name, extra), NotationPrecedence.ATOM)
        template = row.latex if row else name
        if row and not template:
            template = rf"\mathrm{{{escaped(name)}}}"  # GitHub refuses \operatorname
        if "#" in template:
            return self._filled(template, args)
        commas = [part for a in [*map(signed, args), *extra] for part in (r",\, ", a)]
        return Fragment((template, OPEN, *commas[1:], CLOSE), NotationPrecedence.ATOM)

    def _filled(self, template: str, args: Sequence[Fragment]) -> Fragment:
        """A template with its arguments; one that begins with an argument asks for brackets."""
        level, least = NotationPrecedence.ATOM, NotationPrecedence.SUM
        if template.startswith("#1"):
            raised = template[2] == "^"
            level, least = (
                (NotationPrecedence.POWER, NotationPrecedence.ATOM)
                if raised
                else (NotationPrecedence.PRODUCT, NotationPrecedence.POWER)
            )
        parts: list[Rope] = []
        for word in re.split(r"(#\d)", template):
            if re.fullmatch(r"#\d", word):
                argument = args[int(word[1]) - 1]
                plain = least == NotationPrecedence.SUM
                parts.append(signed(argument) if plain else self.enclosed(argument, least))
            elif word:
                parts.append(word.replace("(", OPEN).replace(")", CLOSE))
        return Fragment(tuple(parts), level)

    def marked(self, e: Expr, piece: Fragment) -> Fragment:
        if isinstance(piece.text, str) and piece.text.startswith(r"\frac"):  # a label, a number
            piece = piece._replace(level=NotationPrecedence.POWER)
        mark = self.marks.get(e) if self.marks else None
        return piece if mark is None else piece._replace(text=(mark, piece.text, "}"))


def conditions(over: Range) -> str:
    """What else has to hold of a range's letter, behind the range."""
    return "".join(rf",\; {condition}" for condition in over.where).replace("<=", r"\leq")


def _outside_brackets(text: str, wanted: str) -> int | None:
    """Where a text occurs first outside of brackets."""
    depth = 0
    for i, c in enumerate(text):
        depth += (c == "(") - (c == ")")
        if depth == 0 and text.startswith(wanted, i):
            return i
    return None


def _is_bracketed(text: str) -> bool:
    """Whether the first bracket closes at the end."""
    depth = 0
    for i, c in enumerate(text):
        depth += (c == "(") - (c == ")")
        if depth == 0:
            return i > 0 and i == len(text) - 1
    return False


# ------------------------------------------------------------------------------------- what is used


def _spelled(e: Expr, notation: Latex, least: NotationPrecedence = NotationPrecedence.SUM) -> str:
    return spell(e, notation, least=least)


def sized(text: str) -> str:
    """The text with its brackets: large ones around what is tall."""
    out: list[str] = []
    opened: list[tuple[int, bool]] = []  # where, and whether something tall was inside
    for part in re.split(f"([{OPEN}{CLOSE}])", text):
        if part == OPEN:
            opened.append((len(out), False))
            out.append("(")
        elif part == CLOSE:
            at, tall = opened.pop()
            out[at], closing = (r"\left(", r"\right)") if tall else ("(", ")")
            out.append(closing)
            if tall and opened:
                opened[-1] = (opened[-1][0], True)
        else:
            out.append(part)
            if opened and _TALL.search(part):
                opened[-1] = (opened[-1][0], True)
    return "".join(out)


def to_latex(e: Expr, notation: Latex | None = None) -> str:
    """The expression in LaTeX's mathematics.

    Raises RequestError for an expression whose shared parts, written out, would never end."""
    if notation is None:
        notation = Latex(alike=alike(names_in(e)))
    return sized(_spelled(e, notation))


def factor_latex(e: Expr, notation: Latex) -> str:
    """The expression as it stands between the dots of a scalar line."""
    return sized(_spelled(e, notation, NotationPrecedence.POWER))


def notation_for(problem: Problem, told: Request | EqualityClaim) -> Latex:
    """How a request's derivation, or an equality, is written, with the names of its problem."""
    sides: tuple[tuple[str, Expr], ...]
    if isinstance(told, Request):
        sides = ((told.of_text, told.of),)
    else:
        sides = ((told.left_text, told.left), (told.right_text, told.right))
    known: dict[str, Expr | None] = {" ".join(text.split()): e for text, e in sides}

    def read(text: str) -> Expr | None:
        if text not in known:
            try:
                known[text] = read_expression(text, problem)
            except InputError:
                known[text] = None
        return known[text]

    names = [*problem.symbols, *problem.definitions, *(n for _, e in sides for n in names_in(e))]
    return Latex(alike=alike(names), read=read)


# --------------------------------------------------------------------------------------- equations

_RELATIONS = {"=": "=", "=?": r"\overset{?}{=}", "≠": r"\neq"}


def equation(f: EquationBlock | MarkedText, notation: Latex) -> tuple[str, str, str]:
    """The left side, the sign and the right side of an equation that is told; what has no value
    stands as it was typed."""
    match f.left:
        case Request():
            left = heading(f.left, notation)
        case str():
            left = notation.label(f.left)
        case _:
            left = to_latex(f.left, notation)
    text = (
        rf"\text{{{escaped(f.right)}}}" if isinstance(f.right, str) else to_latex(f.right, notation)
    )
    return sized(left), _RELATIONS[f.sign], text


def heading(request: Request, notation: Latex) -> str:
    """What was asked for, as it stands left of the gradient; what is long is left out."""
    name = str(notation.name(words.variable(request)))
    of = to_latex(request.of, notation) if called(words.differentiated(request)) else ""
    if of and not isinstance(request.of, Name):
        of = f"({of})"
    along = ""
    if request.direction is not None and request.kind != "vjp":
        along = f"[{notation.name(request.direction.name)}]"
    match request.kind:
        case "vjp":
            return notation.label(f"bar({words.variable(request)})")
        case "hess" if request.rows is not None:
            rows = notation.name(request.rows.name)
            return rf"\frac{{\partial^{{2}} {of}}}{{\partial {rows} \partial {name}}}"
        case "hess" | "hvp":
            return rf"\frac{{\partial^{{2}} {of}}}{{\partial {name}^{{2}}}}{along}"
        case "solve":
            return name
    return rf"\frac{{\partial {of}}}{{\partial {name}}}{along}"
