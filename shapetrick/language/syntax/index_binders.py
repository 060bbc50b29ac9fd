"""Index notation as typed: what binds a letter takes the product behind it, `x_i` is an entry.

The parser reads `sum(i) x[i]` as a product of a call and a name; that `i` is a letter is known once
the names are. What comes out has nodes of the kinds `selected` and `bound` (a `Binder`).
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import field, replace
from typing import Any, Literal, NamedTuple

from ...core.errors import NameProblem, ParseError, RequestError, Span
from ...core.functions import TABLE
from ...core.indices import Index, Member, Range, base_of, index_of, parts, range_of, ranges_of
from ...core.records import dataclass
from .lexer import normal
from .selections import Selector, plain_of, typed_index
from .tree import (
    RUNNING,
    Asked,
    Declaration,
    Definition,
    PlacedName,
    Statement,
    SyntaxNode,
    call_node,
    folded,
    name_node,
    number_node,
    postorder,
    values_named,
    with_args,
)

_PRODUCTS = ("*", ".*", "/", "./", "⊗")
# What binds letters, by how it is written before an index below it or in brackets.
BINDERS: Mapping[str, str] = {
    **{name: name for name in ("sum", "mean", "max", "min", "prod")},
    "Σ": "sum", "∑": "sum", "Sum": "sum", "Sigma": "sum", "Π": "prod", "∏": "prod",
}  # fmt: skip
DELTAS = ("δ", "delta")
_BELOW = re.compile(r"(?P<base>.+?)_(?P<index>[a-zα-ω]{1,2}|\d{1,2}|[a-z]\d|\d[a-z]|[a-z]:|:[a-z])")
_SUMMED = re.compile(rf"(?P<sign>{'|'.join(BINDERS)})_(?P<letters>[a-zα-ω]{{1,3}})")
Comparison = Literal["", "≠", "<", ">", "≤", "≥"]
_COMPARED: Mapping[str, Comparison] = {
    **{"≠": "≠", "!=": "≠", "<": "<", ">": ">", "≤": "≤", "<=": "≤", "≥": "≥", ">=": "≥"},
}
_PAIR = re.compile(rf"(\w+)\s*({'|'.join(sorted(_COMPARED, key=len, reverse=True))})\s*(\w+)")
_ORDERED = re.compile(r"1\s*(?:≤|<=)\s*(\w+)\s*(<=|≤|<)\s*(\w+)\s*(?:≤|<=)\s*([\w+\- ]+)")
_SIGN = re.compile(rf"(?:{'|'.join(BINDERS)})\s*_?")
_SUBSCRIPTS = str.maketrans("ᵢⱼₖₗₘₙₚᵣₛₜ₀₁₂₃₄₅₆₇₈₉", "ijklmnprst0123456789")
_LOWERED = re.compile(r"([^\W\d_]+?|[∑∏])([ᵢⱼₖₗₘₙₚᵣₛₜ₀-₉]+)")


class Binder(NamedTuple):
    """What binds letters: a reduction's name, the letters, the ranges that were given for some,
    how two letters compare, and which of these are bound here (None until that is known)."""

    function: str
    letters: tuple[str, ...]
    summed: tuple[str, ...] | None = None
    ranges: tuple[Range, ...] = ()
    compared: Comparison = ""

    @property
    def own(self) -> tuple[str, ...]:
        """The letters that are bound here."""
        return self.letters if self.summed is None else self.summed


class EntryHead(NamedTuple):
    """The letters of what is defined by its entries, and the range that is given for one."""

    letters: tuple[str, ...] = ()
    over: Range | None = None


class IndexBuilder:
    """What the parser calls for the terminals of index notation."""

    def below(self, c: list[Any]) -> SyntaxNode:
        return read_below(normal(c[0]), Span(c[0].start_pos or 0, c[0].end_pos or 0))

    def below_group(self, c: list[Any]) -> SyntaxNode:
        node, index = c
        span = Span(index.start_pos or 0, index.end_pos or 0)
        inner = index.strip("_{} ")
        if inner == "+":  # the positive part
            return call_node("relu", (node,), node.span | span)
        parts = inner.split(",") if "," in inner else [*inner]
        at = tuple(_selector(part.strip(), span) for part in parts)
        return SyntaxNode("selected", (node,), at, node.span | span)

    def binder(self, c: list[Any]) -> SyntaxNode:
        return read_binder(c[0], Span(c[0].start_pos or 0, c[0].end_pos or 0))


def read_binder(text: str, span: Span) -> SyntaxNode:
    """The node of what binds letters, as it is typed: `∑_{i=1}^{n}`, `sum(i ≠ j)`. Raises
    ParseError."""
    m = _SIGN.match(text)
    assert m is not None
    inner = text[m.end() :].translate(_SUBSCRIPTS)
    below, _, above = inner.strip().removeprefix("_").partition("^")
    below, above = below.strip(" {}()"), above.strip(" {}")
    function = BINDERS[m.group().rstrip("_ ")]
    pair, ordered = _PAIR.fullmatch(below), _ORDERED.fullmatch(below)
    if ordered is not None and not above:
        over = range_of(ordered[3], "1", ordered[4].strip())
        given = () if over is None else (over,)
        both = Binder(function, (ordered[1], ordered[3]), None, given, _COMPARED[ordered[2]])
        return SyntaxNode("binder", (), both, span)
    if pair is not None and not above:
        compared = _COMPARED[pair[2]]
        return SyntaxNode(
            "binder", (), Binder(function, (pair[1], pair[3]), None, (), compared), span
        )
    whole = None if above else ranges_of(below)
    if whole is not None:
        running = tuple(over.letter for over in whole)
        return SyntaxNode("binder", (), Binder(function, running, None, whole), span)
    letters: list[str] = []
    ranges: list[Range] = []
    for part in below.split(","):
        letter, equals, ends = (word.strip() for word in part.partition("="))
        first, _, last = (word.strip() for word in f"{ends}..{above}".partition(".."))
        last = last.removesuffix("..").strip()
        over = range_of(letter, first, last) if equals else None
        words = [letter] if equals or not letter.isalpha() else [*letter]
        if not all(word.isidentifier() for word in words) or (equals and over is None):
            raise ParseError(
                "a sum over indices is `sum(i) …`, `sum(i, j) …`, `sum(i = 1..n) …`, "
                "`sum(i ≠ j) …` or `sum(i < j) …`.",
                span,
            )
        letters += words
        ranges += [over] if over else []
    return SyntaxNode("binder", (), Binder(function, tuple(letters), None, tuple(ranges)), span)


def read_below(text: str, span: Span) -> SyntaxNode:
    """The node of a name with an index in braces: `A_{ij}`, `A_{i,j}`, `W_{1}`."""
    base, _, below = text.rstrip("}").partition("_{")
    parts = [part.strip() for part in below.split(",")]
    if len(parts) == 1 and re.fullmatch(r"[\w:]+", parts[0]):
        return name_node(f"{base}_{parts[0]}", span)
    indices = [index_of(part) for part in parts if part != ":"]
    if not all(parts) or any(i is None or (i.letter and i.offset) for i in indices):
        raise ParseError("an index is a letter or a whole number: `A_{ij}`, `A[i,j]`.", span)
    whole = name_node(base, _begin(span, base))
    return SyntaxNode("selected", (whole,), tuple(_selector(p, span) for p in parts), span)


def defined_by_entries(
    statements: Sequence[Statement],
) -> tuple[list[Statement], dict[str, EntryHead]]:
    """The statements with `Y[i,k] = …` as definitions of matrices, and the letters of each. Raises
    ParseError."""
    heads: dict[str, EntryHead] = {}
    found: list[Statement] = []
    plain = plain_of(statements)
    families = {
        base
        for s in statements
        for base, indices in (parts(name) for name, _ in values_named(s))
        if indices and (isinstance(s, Declaration) or _is_member(s, indices))
    }
    given = [s for s in statements if isinstance(s, (Declaration, Definition))]
    families |= _families_by_families(given, families)
    ends = {letter for s in given for r in s.ranges for letter in r.letters}
    for statement in statements:
        s = statement
        if isinstance(s, Definition) and isinstance(s.name.name, Member):
            base, indices = s.name.name.base, s.name.name.indices
            letters = _letters_of(s.name.name)
            different = len(set(letters)) == len(indices) and "" not in letters
            if different and not ends & {*letters} and _is_by_entries(s, letters, families):
                if len(s.ranges) > 1:
                    raise ParseError(
                        f"`{base}` is one matrix, of which all entries are defined at once: leave "
                        "out `for …`, or declare what its right side uses as families.",
                        s.name.span,
                    )
                heads[base] = EntryHead(letters, next(iter(s.ranges), None))
                s = replace(s, name=PlacedName(base, s.name.span), ranges=())
        elif isinstance(s, Definition):
            s = _defined_below(s, plain, heads)
        elif isinstance(s, Asked):
            s = _by_entries(s, plain)
        found.append(s)
    return found, heads


def _is_member(s: Statement, indices: Sequence[Index]) -> bool:
    """Whether a definition with indices is that of one member, as a recurrence's start is."""
    return not isinstance(s, Asked) and any(not i.letter or i.offset for i in indices)


def _defined_below(s: Definition, plain: set[str], heads: dict[str, EntryHead]) -> Definition:
    """`q_i = sum(j) A_ij x_j` as a definition of `q`, where its right side has the index `i`."""
    m = _BELOW.fullmatch(_written_out(s.name.name))
    if m is None or not m["index"].isalpha() or m["base"] in plain:
        return s
    letters = tuple(m["index"])
    nodes = list(postorder(s.body))
    if len(set(letters)) < len(letters) or not all(_mentions(nodes, t, plain) for t in letters):
        return s
    heads[m["base"]] = EntryHead(letters)
    return replace(s, name=PlacedName(m["base"], s.name.span))


def _mentions(nodes: Sequence[SyntaxNode], letter: str, plain: set[str]) -> bool:
    """Whether an entry of a matrix has an index."""
    for node in nodes:
        if node.kind == "selected" and any(
            letter == n.value for t in node.value for n in _names(t)
        ):
            return True
        if node.kind == "name" and isinstance(node.value, Member):
            if letter in _member_letters(node) and node.value.base in plain:
                return True
        elif node.kind == "name" and node.value not in plain:
            m = _BELOW.fullmatch(_written_out(node.value))
            if m is not None and letter in m["index"]:
                return m["base"] in plain or m["base"].upper() in plain
    return False


def _by_entries(s: Asked, plain: set[str]) -> Asked:
    """`check ∂f/∂A[i,j] = …` as a claim of the whole, by its entries. Raises RequestError for an
    entry of which nothing is claimed."""
    for name, span in s.wrt:
        base, letters = _entry_of(name, plain)
        if not base:
            continue
        distinct = len({*letters}) == len(letters) and "" not in letters
        if s.claim is None or len(s.wrt) > 1 or not distinct:
            raise RequestError(
                f"`{base}` is one matrix or column: its derivative is asked for as a whole, by "
                f"`{base}`; a claim may be by entries, `check ∂f/∂{base}[i] = …`.",
                span,
            )
        return replace(s, wrt=(PlacedName(base, span),), entries=letters)
    return s


def _entry_of(name: str, plain: set[str]) -> tuple[str, tuple[str, ...]]:
    """The matrix or column of an entry, `A[i,j]` or `A_ij`, and its letters; empty for no entry."""
    if isinstance(name, Member):
        letters = tuple("" if i.offset else i.letter for i in name.indices)
        return (name.base, letters) if name.base in plain else ("", ())
    m = None if name in plain else _BELOW.fullmatch(_written_out(name))
    if m is None or m["base"] not in plain or not m["index"].isalpha():
        return "", ()
    return m["base"], tuple(m["index"])


def base_below(name: str) -> str:
    """The name of which `h_i` is an entry, if it is one; else empty."""
    m = None if isinstance(name, Member) else _BELOW.fullmatch(_written_out(name))
    return "" if m is None else str(m["base"])


def _letters_of(name: Member) -> tuple[str, ...]:
    return tuple(i.letter for i in name.indices if not i.offset)


def _families_by_families(
    statements: Iterable[Declaration | Definition], families: set[str]
) -> set[str]:
    """The families that are defined by members of families, in whatever order."""
    found = set(families)
    members = [
        (s, s.name.name)
        for s in statements
        if isinstance(s, Definition) and isinstance(s.name.name, Member)
    ]
    while True:
        more = {n.base for s, n in members if not _is_by_entries(s, _letters_of(n), found)}
        if more <= found:
            return found
        found |= more


def _is_by_entries(s: Definition, letters: Sequence[str], families: set[str]) -> bool:
    """Whether the right side has no member of a family with one of the letters, and, where there is
    a range, an entry with it."""
    found = False
    for node in postorder(s.body):
        if node.kind == "selected":
            mentioned = any(n.value in letters for t in node.value for n in _names(t))
            if mentioned and node.args[0].value in (*families, base_of(s.name.name)):
                return False
            found |= mentioned
        elif node.kind in ("name", "abstract") and _member_letters(node) & {*letters}:
            name = node.value[0] if node.kind == "abstract" else node.value
            if name.base in families or name.base == base_of(s.name.name):
                return False
            found = True
    return found or not s.ranges


def has_indices(expressions: Iterable[SyntaxNode], plain: Container[str]) -> bool:
    """Whether something in them may be index notation, of the names that are no families."""
    for node in (n for root in expressions for n in postorder(root)):
        match node.kind:
            case "binder" | "bound":
                return True
            case "selected":
                if any(n.kind == "name" for s in node.value for n in _names(s)):
                    return True
            case "name" if not isinstance(node.value, Member):
                if node.value not in plain and _may_have_index(node.value, plain):
                    return True
    return False


def _may_have_index(name: str, plain: Container[str]) -> bool:
    if "_" not in name and not _LOWERED.search(name):
        return False
    written = _written_out(name)
    m = _BELOW.fullmatch(written)
    if m is not None and (m["base"] in plain or m["base"].upper() in plain):
        return True
    return bool(_SUMMED.fullmatch(written)) or (m is not None and m["base"] in DELTAS)


@dataclass(slots=True)
class IndexNames:
    """The names of a problem: those of values (plain ones and families') and of dimensions."""

    values: set[str]
    families: set[str] = field(default_factory=set)
    dims: set[str] = field(default_factory=set)

    def is_letter(self, name: str) -> bool:
        """Whether a name has no other meaning."""
        return not {name} & (self.values | self.families | self.dims)


@dataclass(slots=True)
class BoundReader:
    """One expression, read for what binds letters. `said` are the readings to be told."""

    known: IndexNames
    text: str
    said: list[str] = field(default_factory=list)
    held: dict[SyntaxNode, frozenset[str]] = field(default_factory=dict)  # indices not bound

    def bound(self, root: SyntaxNode, heads: Iterable[str] = ()) -> SyntaxNode:
        """The expression with `bound` and `selected` nodes; `heads` are letters of what is defined.

        Raises NameProblem."""
        found = self._marked(root)
        self._check_bound(found, frozenset(heads))
        return self._scoped(found, frozenset(heads))

    def loose(self, root: SyntaxNode) -> tuple[str, ...]:
        """The letters that nothing binds, in order. Raises NameProblem."""
        return tuple(dict.fromkeys(letter for letter, _ in self.unbound(self._marked(root))))

    def _marked(self, root: SyntaxNode) -> SyntaxNode:
        """The expression with the nodes of what binds letters, and of entries."""
        nodes = list(postorder(root))
        inner = {n.args[0] for n in nodes if n.kind in _PRODUCTS and _is_chain(n.args[0])}
        done: dict[SyntaxNode, SyntaxNode] = {}
        for node in nodes:
            if node in inner:
                continue
            if node.kind in _PRODUCTS:
                done[node] = self._chain(node, done)
            elif node.kind == "name":
                done[node] = self._entry(node)
            else:
                args = tuple([done[a] for a in node.args])
                done[node] = with_args(node, args)
                if node.kind == "selected":
                    done[node] = self._with_classes(done[node])
                elif node.kind == "running":
                    done[node] = self._running(done[node])
                elif node.kind == "bound" and self._binds(node.value, args[0], node.span):
                    done[node] = self._decided(node.value, args[0], node.span)
                elif node.kind == "bound":
                    letter = node.value.letters[0]
                    raise NameProblem(
                        f"nothing in this has the index `{letter}`: what it runs over are entries "
                        f"of what is declared, `x[{letter}]`.",
                        node.span,
                        self.text,
                    )
            self._hold(done[node])
        for node in postorder(done[root]):
            letter = self._binds_nothing(node)
            if letter:
                raise NameProblem(
                    f"nothing behind this has the index `{letter}`: what is summed stands behind "
                    f"the sum, `sum({letter}) x[{letter}]`, with a declared `x`.",
                    node.span,
                    self.text,
                )
        return done[root]

    def unbound(self, root: SyntaxNode) -> Iterator[tuple[str, SyntaxNode]]:
        """Each letter that nothing binds, and the entry that has it."""
        stack = [(root, frozenset[str]())]
        while stack:
            node, scope = stack.pop()
            if node.kind == "bound":
                for letter in node.value.letters:
                    if letter not in (*node.value.own, *scope):
                        yield letter, node
                scope |= {*node.value.own}
            elif node.kind in RUNNING:
                scope |= {node.value.letter}
            elif node.kind == "selected":
                alone = [s for s in node.value if s.is_one]
                for name in (n.value for s in alone for n in _names(s)):
                    if self.known.is_letter(name) and name not in scope:
                        yield name, node
            stack += [(a, scope) for a in reversed(node.args)]

    def _check_bound(self, root: SyntaxNode, heads: frozenset[str]) -> None:
        """Refuse a letter that nothing binds."""
        for letter, node in self.unbound(root):
            if letter not in heads:
                raise self._unbound(letter, node.span, bool(heads))

    def _unbound(self, letter: str, span: Span, has_heads: bool) -> NameProblem:
        if base_below(letter) or isinstance(letter, Member):
            base = letter.base if isinstance(letter, Member) else base_below(letter)
            return NameProblem(
                f"an index that has one itself is the number of a class: declare `{base} : n`, a "
                f"column of these.",
                span,
                self.text,
            )
        other = (
            "give the left side this index."
            if has_heads
            else f"define a column by its entries, `v[{letter}] = …`."
        )
        return NameProblem(
            f"nothing binds the index `{letter}`: write `sum({letter}) …` for a sum over it, or "
            f"{other}",
            span,
            self.text,
        )

    def _binds_nothing(self, node: SyntaxNode) -> str:
        """The letter of what binds letters, and has no product that holds them."""
        if node.kind == "binder":
            return str(node.value.letters[0])
        if node.kind != "name" or not self.known.is_letter(node.value):
            return ""
        m = _SUMMED.fullmatch(_written_out(node.value))
        return m["letters"][0] if m is not None and m["sign"] not in self.known.values else ""

    def _hold(self, node: SyntaxNode) -> None:
        """Find the indices in a node that nothing in it binds."""
        found = frozenset[str]().union(*(self.held[a] for a in node.args))
        if node.kind == "selected":
            found |= {n.value for s in node.value for n in _names(s)}
        elif node.kind == "name" and isinstance(node.value, Member):
            found |= _member_letters(node)
        elif node.kind == "bound" and not (node.value.compared and node.value.summed is None):
            found = (found | {*node.value.letters}) - {*node.value.own}
        elif node.kind in RUNNING:
            found -= {node.value.letter}
        self.held[node] = found

    # ---- entries

    def _entry(self, node: SyntaxNode) -> SyntaxNode:
        """`x_i` where `x` is declared and `x_i` is not; `x_i` beside `X` alone is a row of it."""
        name = node.value
        if isinstance(name, Member) or not self.known.is_letter(name):
            return node
        m = _BELOW.fullmatch(_written_out(name))
        if m is None:
            return node
        base, index = m["base"], m["index"]
        if self.known.values & {*index}:
            return node
        if base in self.known.values or base in DELTAS:
            at = tuple(_selector(c, node.span) for c in index)
            whole = name_node(base, _begin(node.span, base))
            self.held[whole] = frozenset()
            return SyntaxNode("selected", (whole,), at, node.span)
        capital = base.upper()
        if len(index) == 1 and base.islower() and capital in self.known.values:
            self.said.append(f"`{name}` is read as `{capital}[{index},:]'`, a row as a column.")
            whole = name_node(capital, _begin(node.span, base))
            row = SyntaxNode(
                "selected", (whole,), (_selector(index, node.span), Selector()), node.span
            )
            self.held[whole] = frozenset()
            self._hold(row)
            return SyntaxNode("'", (row,), None, node.span)
        return node

    def _with_classes(self, node: SyntaxNode) -> SyntaxNode:
        """`Z[i,y_i]` with the entry `y[i]` as an index: the number of a class."""
        selectors = tuple(map(self._with_class, node.value))
        return node if selectors == node.value else replace(node, value=selectors)

    def _with_class(self, selector: Selector) -> Selector:
        name = selector.first.value if selector.is_one and selector.first is not None else None
        found = self._class(name) if isinstance(name, str) else None
        if found is None or selector.first is None:
            return selector
        (base, letter), span = found, selector.first.span
        whole, at = name_node(base, span), _selector(letter, span)
        entry = SyntaxNode("selected", (whole,), (at,), span)
        return Selector(entry, entry)

    def _class(self, name: str) -> tuple[str, str] | None:
        """The column and the letter of `y_i`, an entry of what is declared; None of others."""
        if isinstance(name, Member):
            letters = _letters_of(name)
            fits = name.base in self.known.values and len(letters) == len(name.indices) == 1
            return (name.base, letters[0]) if fits and letters[0] else None
        m = _BELOW.fullmatch(_written_out(name)) if self.known.is_letter(name) else None
        if m is None or m["base"] not in self.known.values or not self.known.is_letter(m["index"]):
            return None
        return (m["base"], m["index"]) if len(m["index"]) == 1 and m["index"].isalpha() else None

    # ---- what binds

    def _running(self, node: SyntaxNode) -> SyntaxNode:
        """`sum(i = 1..n) x[i]` over entries; over members it stays."""
        (body,), over = node.args, node.value
        members = any(
            n.kind in ("name", "abstract") and over.letter in _member_letters(n)
            for n in postorder(body)
        )
        if members or over.letter not in self.held[body]:
            return node
        self._check_free(over.letter, node.span)
        return self._decided(Binder("sum", (over.letter,), None, (over,)), body, node.span)

    def _decided(self, binder: Binder, body: SyntaxNode, span: Span) -> SyntaxNode:
        """What binds letters in entries: a range that ends at another index compares the two, and
        of two that are compared, one that the body lacks is bound outside."""
        binder, body = self._without_class(binder, body, span)
        node = body
        for over in reversed(binder.ranges):
            related = self._related(over) if not binder.compared else None
            if related is not None:
                inner = related._replace(function=binder.function)
                node = SyntaxNode("bound", (node,), inner, span)
                self._hold(node)
                letters = tuple(s for s in binder.letters if s != over.letter)
                ranges = tuple(r for r in binder.ranges if r is not over)
                binder = binder._replace(letters=letters, ranges=ranges)
        if binder.compared and binder.summed is None:
            present = tuple(s for s in binder.letters if s in self.held[body])
            binder = binder._replace(summed=present if len(present) == 1 else None)
        if binder.letters:
            node = SyntaxNode("bound", (node,), binder, span)
            self._hold(node)
        return node

    def _without_class(
        self, binder: Binder, body: SyntaxNode, span: Span
    ) -> tuple[Binder, SyntaxNode]:
        """`sum(j ≠ y_i)` as the sum over j of what is 0 for the class. Raises NameProblem."""
        name = next((s for s in binder.letters if binder.compared and self._class(s)), None)
        if name is None:
            return binder, body
        others = tuple(s for s in binder.letters if s != name)
        if binder.compared != "≠" or binder.function != "sum" or len(others) != 1:
            raise NameProblem(
                f"with the class `{name}` a sum is over the other ones, `sum(j ≠ {name}) …`.",
                span,
                self.text,
            )
        at = tuple(Selector(n, n) for n in (name_node(name, span), name_node(others[0], span)))
        is_class = self._with_classes(SyntaxNode("selected", (name_node("δ", span),), at, span))
        other = SyntaxNode("-", (number_node(1, span), is_class), None, span, True)
        rest = SyntaxNode("*", (other, replace(body, bracketed=True)), None, span)
        for node in (*is_class.args, is_class, other.args[0], other, rest.args[1], rest):
            self._hold(node)
        return Binder(binder.function, others, None, binder.ranges), rest

    def _related(self, over: Range) -> Binder | None:
        """`j = 1..i` as `j ≤ i`, and `j = i+1..n` as `j > i`; None for others."""
        first, last, own = over.first, over.last, (over.letter,)
        if first == Index("", 1) and self._is_index(last, over) and last.offset in (0, -1):
            sign: Comparison = "<" if last.offset else "≤"
            return Binder("", (over.letter, last.letter), own, (), sign)
        if self._is_index(first, over) and first.offset in (0, 1):
            whole = over._replace(first=Index("", 1))
            return Binder(
                "", (over.letter, first.letter), own, (whole,), ">" if first.offset else "≥"
            )
        return None

    def _is_index(self, index: Index, over: Range) -> bool:
        letter = index.letter
        return bool(letter) and letter != over.letter and self.known.is_letter(letter)

    def _chain(self, root: SyntaxNode, done: Mapping[SyntaxNode, SyntaxNode]) -> SyntaxNode:
        """A product, in which what binds takes all that follows it."""
        spine = [root]
        while _is_chain(spine[-1].args[0]):
            spine.append(spine[-1].args[0])
        spine.reverse()
        first = done[spine[0].args[0]]
        items = [(spine[0], first), *((n, done[n.args[1]]) for n in spine)]
        same = first is spine[0].args[0] and all(done[n.args[1]] is n.args[1] for n in spine)
        for k in range(len(items) - 2, -1, -1):
            taken = self._binder(items, k)
            if taken is None:
                continue
            binder, skipped, negative = taken
            body = self._folded(items[k + skipped :], items[k + skipped][1])
            if not self._binds(binder, body, items[k][1].span):
                continue
            node = self._reduced(binder, body, items[k][1].span | body.span)
            if negative:
                node = SyntaxNode("neg", (node,), None, node.span)
                self._hold(node)
            items[k:] = [(items[k][0], node)]
            same = False
        if same:
            for n in spine:
                self._hold(n)
            return root
        if len(items) == 1:
            return replace(items[0][1], bracketed=root.bracketed)
        return replace(self._folded(items, items[0][1]), bracketed=root.bracketed)

    def _reduced(self, binder: Binder, body: SyntaxNode, span: Span) -> SyntaxNode:
        """What binds letters, with what it binds them in; over members a sum, or a mean. Raises
        RequestError."""
        nodes = [n for n in postorder(body) if n.kind in ("name", "abstract")]
        letters = {t for n in nodes for t in _member_letters(n)}
        if not binder.ranges or not letters.issuperset(binder.letters):
            return self._decided(binder, body, span)
        if len(binder.ranges) < len(binder.letters):
            raise RequestError(
                f"over members a range is said for each letter: `{binder.function}(b = 1..B) …`.",
                span,
                self.text,
            )
        divides = TABLE[binder.function].averages
        kind = next((k for k, fold in RUNNING.items() if fold == binder.function), "running")
        node = body
        for over in reversed([r.rising for r in binder.ranges]):
            node = SyntaxNode(kind, (node,), over, span)
            self._hold(node)
        for over in binder.ranges if divides else ():
            count = over.rising.last.minus(over.rising.first).plus(1)
            node = SyntaxNode(
                "/", (node, replace(typed_index(count, span), bracketed=True)), None, span
            )
            for part in postorder(node.args[1]):
                self._hold(part)
            self._hold(node)
        return node

    def _folded(
        self, items: Sequence[tuple[SyntaxNode, SyntaxNode]], first: SyntaxNode
    ) -> SyntaxNode:
        node = first
        for operator, right in items[1:]:
            node = replace(
                operator, args=(node, right), span=node.span | right.span, bracketed=False
            )
            self._hold(node)
        return node

    def _binder(
        self, items: Sequence[tuple[SyntaxNode, SyntaxNode]], k: int
    ) -> tuple[Binder, int, bool] | None:
        """What binds letters at a place of a product, how many items it is, and its sign."""
        node = items[k][1]
        negative = node.kind == "neg" and not node.bracketed
        node = node.args[0] if negative else node
        binder, skipped = None, 1
        if node.kind == "call" and not node.bracketed and node.value.name in BINDERS:
            names = (*node.args, *node.value.sizes)
            if node.value.axis is None and all(a.kind == "name" for a in names):
                letters = tuple(str(a.value) for a in names)
                binder = Binder(BINDERS[node.value.name], letters)
        elif node.kind == "binder":
            binder = node.value
        elif node.kind == "name" and not isinstance(node.value, Member):
            m = _SUMMED.fullmatch(_written_out(node.value))
            if m is not None and not {m["sign"], node.value} & self.known.values:
                binder = Binder(BINDERS[m["sign"]], tuple(m["letters"]))
            following = items[k + 1][1] if k + 1 < len(items) else None
            called = following is not None and following.bracketed and following.kind == "name"
            if node.value in BINDERS and self.known.is_letter(node.value) and called:
                assert following is not None
                binder, skipped = Binder(BINDERS[node.value], (following.value,)), 2
        if binder is None or k + skipped >= len(items):
            return None
        if items[k + skipped][0].kind != "*" or not items[k + skipped][0].juxtaposed:
            return None
        return binder, skipped, negative

    def _binds(self, binder: Binder, body: SyntaxNode, span: Span) -> bool:
        """Whether the body holds the letters as indices. Raises NameProblem."""
        missing = [s for s in binder.letters if s not in self.held[body]]
        missing = [s for s in missing if s not in {t for r in binder.ranges for t in r.letters}]
        if len(missing) == len(binder.letters):
            return False
        for letter in binder.letters:
            self._check_free(letter, span)
        if missing and not binder.compared:
            raise NameProblem(
                f"nothing behind this sum has the index `{missing[0]}`: all its terms are equal. "
                "Write how many there are as a factor.",
                span,
                self.text,
            )
        return True

    def _check_free(self, letter: str, span: Span) -> None:
        if not self.known.is_letter(letter):
            what = "a dimension" if letter in self.known.dims else "declared"
            raise NameProblem(
                f"`{letter}` is {what} here, so that it can't be the letter of a sum: choose "
                "another letter for the index.",
                span,
                self.text,
            )

    def _scoped(self, root: SyntaxNode, heads: frozenset[str]) -> SyntaxNode:
        """Of `sum(i ≠ j)`, the letters that are not bound further out are what it binds."""
        nodes = list(postorder(root))
        if not any(n.kind == "bound" and n.value.compared for n in nodes):
            return root
        binders: dict[SyntaxNode, Binder] = {}
        stack = [(root, heads)]
        while stack:
            node, scope = stack.pop()
            if node.kind == "bound":
                letters = tuple(s for s in node.value.own if s not in scope)
                binders[node] = node.value._replace(summed=letters)
                scope |= {*letters}
            stack += [(a, scope) for a in node.args]

        def scoped(node: SyntaxNode, args: tuple[SyntaxNode, ...]) -> SyntaxNode:
            new = replace(node, args=args, value=binders.get(node, node.value))
            self._hold(new)
            return new

        return folded(root, scoped)


def _written_out(name: str) -> str:
    """A name with small letters below it written as an index: `xᵢ` as `x_i`."""
    return _LOWERED.sub(lambda m: f"{m[1]}_{m[2].translate(_SUBSCRIPTS)}", name)


def _is_chain(node: SyntaxNode) -> bool:
    return node.kind in _PRODUCTS and not node.bracketed


def _member_letters(node: SyntaxNode) -> set[str]:
    name = node.value[0] if node.kind == "abstract" else node.value
    return {t for i in name.indices for t in i.terms} if isinstance(name, Member) else set()


def _begin(span: Span, base: str) -> Span:
    return Span(span.start, span.start + len(base))


def _selector(c: str, span: Span) -> Selector:
    if c == ":":
        return Selector()
    node = number_node(int(c), span) if c.isdigit() else name_node(c, span)
    return Selector(node, node)


def _names(selector: Selector) -> list[SyntaxNode]:
    """The names in a selector; of an entry that is a class, its index."""
    found: list[SyntaxNode] = []
    waiting = list(selector.bounds)
    while waiting:
        node = waiting.pop(0)
        if node.kind == "name":
            found.append(node)
        inner = (b for s in node.value for b in s.bounds) if node.kind == "selected" else node.args
        waiting += inner
    return found
