"""Index notation as typed: what binds letters, `sum(i) x[i]` or `∑_i x_i`, and what stands below a
name."""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Mapping
from typing import Any, Literal

from ...core.errors import ParseError, Span
from ...core.indices import Member, Range, index_of, range_of, ranges_of
from ...core.named_tuples import NamedTuple
from ...core.regexes import regex
from .lexer import normal
from .selections import Selector, selected, typed_index
from .tree import (
    RUNNING,
    SyntaxNode,
    call_node,
    name_node,
    number_node,
)

# What binds letters, by how it is written before an index below it or in brackets.
BINDERS: Mapping[str, str] = {
    **{name: name for name in ("sum", "mean", "max", "min", "prod")},
    "Σ": "sum", "∑": "sum", "Sum": "sum", "Sigma": "sum", "Π": "prod", "∏": "prod",
}  # fmt: skip
DELTAS = ("δ", "delta")
PRODUCTS = ("*", ".*", "/", "./", "⊗")
_BELOW = regex(r"(?P<base>.+?)_(?P<index>[a-zα-ω]{1,2}|\d{1,2}|[a-z]\d|\d[a-z]|[a-z]:|:[a-z])")
_SUMMED = regex(rf"(?P<sign>{'|'.join(BINDERS)})_(?P<letters>[a-zα-ω]{{1,3}})")
ComparisonSign = Literal["", "≠", "<", ">", "≤", "≥"]
_COMPARED: Mapping[str, ComparisonSign] = {
    **{"≠": "≠", "!=": "≠", "<": "<", ">": ">", "≤": "≤", "<=": "≤", "≥": "≥", ">=": "≥"},
}
_PAIR = regex(rf"(\w+)\s*({'|'.join(sorted(_COMPARED, key=len, reverse=True))})\s*(\w+)")
_BETWEEN = regex(r"1\s*(?:≤|<=)\s*(\w+)\s*(?:≤|<=)\s*([\w+\- ]+)")
_LISTED = regex(r"(\w+)\s*(?:=\s*|∈\s*\{)(\w+),\s*(?:…|\.\.\.),\s*([\w+\- ]+?)\}?")  # {1, …, n}
_FIRST = regex(r"(\w+)\s*∈\s*\[([\w+\- ]+)\]")  # [n]
_ORDERED = regex(r"1\s*(?:≤|<=)\s*(\w+)\s*(<=|≤|<)\s*(\w+)\s*(?:≤|<=)\s*([\w+\- ]+)")
_SIGN = regex(rf"(?:{'|'.join(BINDERS)})\s*_?")
_SUBSCRIPTS = str.maketrans("ᵢⱼₖₗₘₙₚᵣₛₜ₀₁₂₃₄₅₆₇₈₉", "ijklmnprst0123456789")
_LOWERED = regex(r"([^\W\d_]+?|[∑∏])([ᵢⱼₖₗₘₙₚᵣₛₜ₀-₉]+)")


class Binder(NamedTuple):
    """What binds letters: a reduction's name, the letters, the ranges that were given for some,
    how two letters compare, and which of these are bound here (None until that is known)."""

    function: str
    letters: tuple[str, ...]
    summed: tuple[str, ...] | None = None
    ranges: tuple[Range, ...] = ()
    compared: ComparisonSign = ""

    @property
    def own(self) -> tuple[str, ...]:
        """The letters that are bound here."""
        return self.letters if self.summed is None else self.summed


class IndexBuilder:
    """What the parser calls for the terminals of index notation."""

    def below(self, c: list[Any]) -> SyntaxNode:
        return read_below(normal(c[0]), c[0].span)

    def below_group(self, c: list[Any]) -> SyntaxNode:
        node, index = c
        span = index.span
        inner = index.strip("_{} ")
        if inner == "+":  # the positive part
            return call_node("relu", (node,), node.span | span)
        parts = inner.split(",") if "," in inner else [*inner]
        at = tuple(selector_of(part.strip(), span) for part in parts)
        return SyntaxNode("selected", (node,), at, node.span | span)

    def binder(self, c: list[Any]) -> SyntaxNode:
        return read_binder(c[0], c[0].span)


def read_binder(text: str, span: Span) -> SyntaxNode:
    """The node of what binds letters, as it is typed: `∑_{i=1}^{n}`, `sum(i ≠ j)`. Raises
    ParseError."""
    m = _SIGN.match(text)
    assert m is not None
    inner = text[m.end() :].translate(_SUBSCRIPTS)
    below, _, above = inner.strip().removeprefix("_").partition("^")
    below, above = below.strip(" {}()"), above.strip(" {}")
    for form, typed in ((_BETWEEN, r"\1=1..\2"), (_LISTED, r"\1=\2..\3"), (_FIRST, r"\1=1..\2")):
        below = form.sub(typed, below)
    function = BINDERS[m.group().rstrip("_ ")]
    return SyntaxNode("binder", (), _binder(function, below, above, span), span)


def _binder(function: str, below: str, above: str, span: Span) -> Binder:
    """What binds the letters below a sign, up to what stands above it. Raises ParseError."""
    ordered = None if above else _ORDERED.fullmatch(below)
    if ordered is not None:
        over = range_of(ordered[3], "1", ordered[4].strip())
        given = () if over is None else (over,)
        return Binder(function, (ordered[1], ordered[3]), None, given, _COMPARED[ordered[2]])
    whole = None if above else ranges_of(below)
    if whole is not None:
        return Binder(function, tuple(over.letter for over in whole), None, whole)
    letters: list[str] = []
    ranges: list[Range] = []
    compared: re.Match[str] | None = None
    for part in re.split("[,:]", below):
        if compared is None and (compared := _PAIR.fullmatch(part.strip())) is not None:
            continue  # `i ≠ j`, also behind `i, j:` or `j = 1..n,`
        letter, equals, ends = (word.strip() for word in part.partition("="))
        first, _, last = (word.strip() for word in f"{ends}..{above}".partition(".."))
        last = last.removesuffix("..").strip()
        over = range_of(letter, first, last) if equals else None
        words = [letter] if equals or not letter.isalpha() else [*letter]
        if not all(word.isidentifier() for word in words) or (equals and over is None):
            raise ParseError(_no_binder(below), span)
        letters += words
        ranges += [over] if over else []
    if compared is None:
        return Binder(function, tuple(letters), None, tuple(ranges))
    pair = (compared[1], compared[3])
    if pair[0].isdigit() or pair[1].isdigit():
        raise ParseError(
            f"two letters are compared, `{function}(i {compared[2]} j)`: leave a term out by "
            "subtracting it, `sum(i) x[i] - x[1]`, or take a part, `sum(i = 2..n) x[i]`.",
            span,
        )
    if not {*letters} <= {*pair} or (above and not ranges):
        raise ParseError(_no_binder(below), span)
    own = tuple(letters) if len(letters) == 1 else None
    return Binder(function, pair, own, tuple(ranges), _COMPARED[compared[2]])


def _no_binder(below: str) -> str:
    """What is said of what runs over something else."""
    if "∈" in below:
        return (
            "what a set selects has ones in a matrix or column of zeros: declare it, and write "
            "`∑_{i,j} E[i,j] …`, or `∑_i s[i] …`."
        )
    return (
        "a sum over indices is `sum(i) …`, `sum(i, j) …`, `sum(i = 1..n) …`, `sum(i ≠ j) …` or "
        "`sum(i < j) …`."
    )


def bound_twice(letter: str) -> str:
    """What is said of a sum within another one over the same letter."""
    return (
        f"`{letter}` runs here already, as a sum takes all of the product behind it: choose "
        f"another letter, or end the first sum by brackets, `(sum({letter}) …) / …`."
    )


def read_below(text: str, span: Span) -> SyntaxNode:
    """The node of a name with an index in braces: `A_{ij}`, `A_{i,j}`, `W_{1}`."""
    base, _, below = text.rstrip("}").partition("_{")
    parts = [part.strip() for part in below.split(",")]
    if len(parts) == 1 and re.fullmatch(r"[\w:]+", parts[0]):
        return name_node(f"{base}_{parts[0]}", span)
    indices = {part: index_of(part) for part in parts if part != ":"}
    at = {part: typed_index(i, span) for part, i in indices.items() if i is not None}
    if not all(parts) or len(at) < len(indices):
        raise ParseError(
            "an index is a letter or a whole number, or what is added to one: `A_{ij}`, `A[i,j]`, "
            f"`{base}_{{i+1}}`.",
            span,
        )
    whole = name_node(base, beginning(span, base))
    return selected(whole, tuple([Selector(at.get(p), at.get(p)) for p in parts]), span)


def sums_among(nodes: Iterable[SyntaxNode]) -> tuple[list[Range], set[str]]:
    """The ranges of the sums among nodes, and all letters that sums have or may have."""
    ranges: list[Range] = []
    letters: set[str] = set()
    for node in nodes:
        if node.kind in ("binder", "bound"):
            ranges += node.value.ranges
            letters |= {*node.value.letters}
        elif (binder := summed_by(node)) is not None:
            letters |= {*binder.letters}
        elif node.kind in RUNNING:
            ranges.append(node.value)
            letters.add(node.value.letter)
        elif node.kind == "call" and node.value.name in BINDERS:
            given = (*node.args, *node.value.sizes)
            letters |= {a.value for a in given if a.kind == "name"}
    return ranges, letters


def summed_by(node: SyntaxNode, values: Container[str] = ()) -> Binder | None:
    """What `sum_ij` binds, where neither it nor `sum` is among the values; None of other nodes."""
    if node.kind != "name" or isinstance(node.value, Member) or node.value in values:
        return None
    typed = written_out(node.value)
    m = _SUMMED.fullmatch(typed) if "_" in typed else None
    if m is None or m["sign"] in values:
        return None
    return Binder(BINDERS[m["sign"]], tuple(m["letters"]))


def spine(root: SyntaxNode) -> list[SyntaxNode]:
    """The nodes of a product without brackets, from that of its first two factors on."""
    found = [root]
    while is_product(found[-1].args[0]):
        found.append(found[-1].args[0])
    return found[::-1]


def is_product(node: SyntaxNode) -> bool:
    """Whether a node is a product, or a quotient, without brackets around it."""
    return node.kind in PRODUCTS and not node.bracketed


def capital_of(name: str) -> str:
    """The name of the matrix whose rows `x_i` or `phi_i` are: `X`, `Phi`."""
    return name.upper() if len(name) == 1 else name.capitalize()


def parts_below(name: str) -> tuple[str, str]:
    """The name of which `h_i` may be an entry, and the index; both empty if it is none."""
    typed = "" if isinstance(name, Member) else written_out(name)
    m = _BELOW.fullmatch(typed) if "_" in typed else None
    return ("", "") if m is None else (m["base"], m["index"])


def base_below(name: str) -> str:
    return parts_below(name)[0]


def written_out(name: str) -> str:
    """A name with small letters below it written as an index: `xᵢ` as `x_i`."""
    if name.isascii():
        return name
    return _LOWERED.sub(lambda m: f"{m[1]}_{m[2].translate(_SUBSCRIPTS)}", name)


def beginning(span: Span, base: str) -> Span:
    return Span(span.start, span.start + len(base))


def selector_of(c: str, span: Span) -> Selector:
    if c == ":":
        return Selector()
    node = number_node(int(c), span) if c.isdigit() else name_node(c, span)
    return Selector(node, node)
