"""What letters bind: a sum takes the product behind it, `x_i` is an entry.

The parser reads `sum(i) x[i]` as a product of a call and a name; that `i` is a letter is known once
the names are. What comes out has nodes of the kinds `selected` and `bound` (a `Binder`).
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from ...core.errors import NameProblem, RequestError, Span
from ...core.functions import TABLE
from ...core.indices import Index, Member, Range
from ..syntax.index_binders import (
    BINDERS,
    DELTAS,
    PRODUCTS,
    Binder,
    ComparisonSign,
    beginning,
    below,
    bound_twice,
    capital_of,
    is_product,
    parts_below,
    selector_of,
    spine,
    summed_by,
    sums_among,
)
from ..syntax.member_ranges import letters_of_members, member_letters, member_of, range_of
from ..syntax.selections import Selector, typed_index
from ..syntax.tree import (
    RUNNING,
    SyntaxNode,
    folded,
    name_node,
    number_node,
    postorder,
    transformed,
    with_args,
)
from .entry_definitions import names_in
from .index_scope import IndexNames
from .positions import POSITION

_REVERSED: Mapping[ComparisonSign, ComparisonSign] = {
    "<": ">", ">": "<", "≤": "≥", "≥": "≤", "≠": "≠",
}  # fmt: skip
_KINDS = {fold: kind for kind, fold in RUNNING.items()}


@dataclass(slots=True)
class BoundReader:
    """One expression, read for what binds letters. `said` are the readings to be told."""

    known: IndexNames
    said: list[str] = field(default_factory=list)
    _open: dict[SyntaxNode, frozenset[str]] = field(default_factory=dict)  # indices not bound
    ranges: dict[str, set[str]] = field(default_factory=dict)  # of sums, by their letters

    def bound(
        self, root: SyntaxNode, heads: Iterable[str] = (), run: frozenset[str] = frozenset()
    ) -> SyntaxNode:
        """The expression with `bound` and `selected` nodes; `heads` are letters of what is defined
        by its entries, and others `run` over members. Raises NameProblem."""
        found, own = self._marked(root), frozenset(heads)
        self._check_bound(found, own, run)
        return self._scoped(self._with_positions(found, own), own | run)

    def loose(self, root: SyntaxNode) -> tuple[str, ...]:
        """The letters that nothing binds, in order. Raises NameProblem."""
        return tuple(dict.fromkeys(letter for letter, _ in self.unbound(self._marked(root))))

    def _marked(self, root: SyntaxNode) -> SyntaxNode:
        """The expression with the nodes of what binds letters, and of entries."""
        nodes = list(postorder(root))
        inner = {n.args[0] for n in nodes if n.kind in PRODUCTS and is_product(n.args[0])}
        done: dict[SyntaxNode, SyntaxNode] = {}
        for over in sums_among(nodes)[0]:
            self.ranges.setdefault(over.letter, set()).add(f"{over.first}..{over.last}")
        for node in nodes:
            if node in inner:
                continue
            if node.kind in PRODUCTS:
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
                    done[node] = self._reduced(node.value, args[0], node.span)
                elif node.kind == "bound":
                    letter = node.value.letters[0]
                    raise NameProblem(
                        f"nothing in this has the index `{letter}`: what it runs over are entries "
                        f"of what is declared, `x[{letter}]`.",
                        node.span,
                    )
        bound = {t for n in postorder(done[root]) if n.kind == "bound" for t in n.value.own}
        for node in postorder(done[root]):
            letter = self._binds_nothing(node, bound)
            if letter:
                raise NameProblem(
                    f"nothing behind this has the index `{letter}`: what is summed stands "
                    f"behind the sum, `sum({letter}) x[{letter}]`, with a declared `x`.",
                    node.span,
                )
        return done[root]

    def _refuse_undeclared_entries(self, root: SyntaxNode, letters: Sequence[str]) -> None:
        """Refuse what would be entries with these letters of names that nobody declared."""
        for name, span in ((n.value, n.span) for n in postorder(root) if n.kind == "name"):
            base, index = parts_below(name)
            new = base and base not in BINDERS and all(map(self.known.is_letter, (name, base)))
            if not new or not any(letter in index for letter in letters):
                continue
            said = f"`{base}` is not declared: numbers `{name}` are entries of `{base} : "
            if len(index) == 1:
                rows = capital_of(base)
                raise NameProblem(f"{said}n`, columns `{name}` rows of `{rows} : m x n`.", span)
            raise NameProblem(f"{said}m x n`.", span)

    def _scopes(
        self, root: SyntaxNode, outside: frozenset[str]
    ) -> Iterator[tuple[SyntaxNode, frozenset[str], tuple[str, ...]]]:
        """Each node, the letters that are bound around it, and those that it binds."""
        stack = [(root, outside)]
        while stack:
            node, scope = stack.pop()
            letters = node.value.own if node.kind == "bound" else ()
            letters = (node.value.letter,) if node.kind in RUNNING else letters
            own = tuple(letter for letter in letters if letter not in scope)
            yield node, scope, own
            inner = scope.union(own) if own else scope
            stack += [(a, inner) for a in reversed(node.args)]

    def unbound(
        self, root: SyntaxNode, outside: frozenset[str] = frozenset()
    ) -> Iterator[tuple[str, SyntaxNode]]:
        """Each letter that nothing binds, and the entry that has it."""
        for node, scope, own in self._scopes(root, outside):
            if node.kind == "bound":
                yield from ((t, node) for t in node.value.letters if t not in scope.union(own))
            elif node.kind == "selected":
                alone = [s for s in node.value if s.is_one]
                for name in (n.value for s in alone for n in names_in(s)):
                    if self.known.is_letter(name) and name not in scope:
                        yield name, node

    def _check_bound(self, root: SyntaxNode, heads: frozenset[str], run: frozenset[str]) -> None:
        """Refuse a letter that nothing binds, but for those that run in what letters are compared
        with."""
        for letter, node in self.unbound(root, heads):
            if node.kind == "bound" and letter in run:
                continue
            if node.kind == "bound" and node.value.compared:
                sizes = ", ".join(f"`{name}`" for name in sorted(self.known.dims)) or "none yet"
                raise NameProblem(
                    f"`{letter}` is neither a declared size ({sizes}) nor the index of a sum "
                    "around this one: a range ends at one of these.",
                    node.span,
                )
            raise self._unbound(letter, node.span, bool(heads))

    def _with_positions(self, root: SyntaxNode, heads: frozenset[str]) -> SyntaxNode:
        """The expression with its indices that are values told apart. Raises NameProblem."""
        scoped = self._scopes(root, heads)
        places = dict.fromkeys(n for n, s, _ in scoped if n.kind == "name" and n.value in s)
        running = {n.value.letter for n in postorder(root) if places and n.kind in RUNNING}
        running |= letters_of_members(root) if places else set()
        for node in places:
            if node.value in running:
                raise NameProblem(
                    f"`{node.value}` is the index of members, which is no value here: declare a "
                    f"family of the numbers, `q[{node.value}] : scalar const for …`.",
                    node.span,
                )

        def position(node: SyntaxNode) -> SyntaxNode:
            return replace(node, kind=POSITION) if node in places else node

        return transformed(root, position) if places else root

    def _unbound(self, letter: str, span: Span, has_heads: bool) -> NameProblem:
        entry = below(letter)
        if entry is not None:
            return NameProblem(
                "an index that has one itself is the number of a class: declare "
                f"`{entry.base} : n`, a column of these.",
                span,
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
        )

    def _binds_nothing(self, node: SyntaxNode, bound: Container[str]) -> str:
        """The letter of what binds letters, and has no product that holds them; `bound` are those
        that others bind."""
        if node.kind == "binder":
            return str(node.value.letters[0])
        if node.kind == "call" and node.value.name in BINDERS and len(node.args) == 1:
            (only,) = node.args
            return only.value if only.kind == "name" and only.value in bound else ""
        if node.kind != "name" or not self.known.is_letter(node.value):
            return ""
        summed = summed_by(node, self.known.values)
        return summed.letters[0] if summed is not None else ""

    def _held(self, root: SyntaxNode) -> frozenset[str]:
        """The indices in an expression that nothing in it binds."""
        waiting = [root]
        while waiting:
            missing = [a for a in waiting[-1].args if a not in self._open]
            if missing:
                waiting += missing
            else:
                node = waiting.pop()
                self._open[node] = self._indices(node)
        return self._open[root]

    def _indices(self, node: SyntaxNode) -> frozenset[str]:
        found = frozenset[str]().union(*(self._open[a] for a in node.args))
        if node.kind == "selected":
            found |= {n.value for s in node.value for n in names_in(s)}
        elif node.kind == "name" and isinstance(node.value, Member):
            found |= member_letters(node)
        elif node.kind == "bound" and not (node.value.compared and node.value.summed is None):
            found = (found | {*node.value.letters}) - {*node.value.own}
        elif node.kind in RUNNING:
            found -= {node.value.letter}
        return found

    # ---- entries

    def _entry(self, node: SyntaxNode) -> SyntaxNode:
        """`x_i` where `x` is declared and `x_i` is not; `x_i` beside `X` alone is a row of it as a
        column, or a column where the range of its sum is that of the columns."""
        name = node.value
        if isinstance(name, Member) or not self.known.is_letter(name):
            return node
        base, index = parts_below(name)
        if not base or self.known.values & {*index}:
            return node
        if base in self.known.values or base in DELTAS:
            at = tuple(selector_of(c, node.span) for c in index)
            whole = name_node(base, beginning(node.span, base))
            return SyntaxNode("selected", (whole,), at, node.span)
        capital = capital_of(base)
        if len(index) > 1 or not base.islower() or capital not in self.known.values:
            return node
        whole, one = name_node(capital, beginning(node.span, base)), selector_of(index, node.span)
        rows, cols = self.known.sides.get(capital, ("", ""))
        if rows != cols and self.ranges.get(index) == {f"1..{cols}"}:
            self.said.append(
                f"`{name}` is read as `{capital}[:,{index}]`, by the range of its sum."
            )
            return SyntaxNode("selected", (whole,), (Selector(), one), node.span)
        self.said.append(f"`{name}` is read as `{capital}[{index},:]'`, a row as a column.")
        row = SyntaxNode("selected", (whole,), (one, Selector()), node.span)
        return SyntaxNode("'", (row,), None, node.span)

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
        whole, at = name_node(base, span), selector_of(letter, span)
        entry = SyntaxNode("selected", (whole,), (at,), span)
        return Selector(entry, entry)

    def _class(self, name: str) -> tuple[str, str] | None:
        """The column and the letter of `y_i`, an entry of what is declared; None of others."""
        found = below(name) if self.known.is_letter(name) else None
        if found is None or found.base not in self.known.values or len(found.indices) > 1:
            return None
        ((letter, offset, _),) = found.indices
        return (found.base, letter) if letter and not offset else None

    # ---- what binds

    def _running(self, node: SyntaxNode) -> SyntaxNode:
        """`sum(i = 1..n) x[i]` over entries; over members it stays."""
        (body,), over = node.args, node.value
        self._refuse_undeclared_entries(body, over.letter)
        if over.letter in letters_of_members(body) or over.letter not in self._held(body):
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
                letters = tuple(s for s in binder.letters if s != over.letter)
                ranges = tuple(r for r in binder.ranges if r is not over)
                binder = binder._replace(letters=letters, ranges=ranges)
        if binder.compared and binder.summed is None:
            present = tuple(s for s in binder.letters if s in self._held(body))
            binder = binder._replace(summed=present if len(present) == 1 else None)
        return SyntaxNode("bound", (node,), binder, span) if binder.letters else node

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
                f"with the class `{name}` a sum is over the other ones, `sum(j ≠ {name}) …`.", span
            )
        at = tuple(Selector(n, n) for n in (name_node(name, span), name_node(others[0], span)))
        is_class = self._with_classes(SyntaxNode("selected", (name_node("δ", span),), at, span))
        other = SyntaxNode("-", (number_node(1, span), is_class), None, span, True)
        rest = SyntaxNode("*", (other, replace(body, bracketed=True)), None, span)
        return Binder(binder.function, others, None, binder.ranges), rest

    def _related(self, over: Range) -> Binder | None:
        """`j = 1..i` as `j ≤ i`, and `j = i+1..n` as `j > i`; None for others."""
        first, last, own = over.first, over.last, (over.letter,)
        if first == Index("", 1) and self._is_index(last, over) and last.offset in (0, -1):
            sign: ComparisonSign = "<" if last.offset else "≤"
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
        nodes = spine(root)
        first = done[nodes[0].args[0]]
        items = [(nodes[0], first), *((n, done[n.args[1]]) for n in nodes)]
        same = first is nodes[0].args[0] and all(done[n.args[1]] is n.args[1] for n in nodes)
        for k in range(len(items) - 2, -1, -1):
            taken = self._binder(items, k)
            if taken is None:
                continue
            binder, skipped, negative = taken
            body = self._folded(items[k + skipped :], items[k + skipped][1])
            if not self._binds(binder, body, items[k][1].span):
                continue
            node = self._reduced(binder, body, items[k][1].span | body.span)
            node = SyntaxNode("neg", (node,), None, node.span) if negative else node
            items[k:] = [(items[k][0], node)]
            same = False
        if same:
            return root
        if len(items) == 1:
            return replace(items[0][1], bracketed=root.bracketed)
        return replace(self._folded(items, items[0][1]), bracketed=root.bracketed)

    def _reduced(self, binder: Binder, body: SyntaxNode, span: Span) -> SyntaxNode:
        """What binds letters, with what it binds them in; over members a sum, or a mean. Raises
        RequestError."""
        if binder.compared or not letters_of_members(body).issuperset(binder.letters):
            return self._decided(binder, body, span)
        given = {over.letter for over in binder.ranges}
        found = [range_of(t, body, self.known.axes) for t in binder.letters if t not in given]
        known = tuple([over for over in found if over is not None])
        binder = binder._replace(ranges=(*binder.ranges, *known))
        if len(binder.ranges) < len(binder.letters):
            self._refuse_undeclared(body, span)
            raise RequestError(
                f"over members a range is said for each letter: `{binder.function}(b = 1..B) …`.",
                span,
            )
        divides = TABLE[binder.function].averages
        kind = _KINDS.get(binder.function, "running")
        node = body
        for over in reversed([r.rising for r in binder.ranges]):
            node = SyntaxNode(kind, (node,), over, span)
        for over in binder.ranges if divides else ():
            count = over.rising.last.minus(over.rising.first).plus(1)
            divisor = replace(typed_index(count, span), bracketed=True)
            node = SyntaxNode("/", (node, divisor), None, span)
        return node

    def _refuse_undeclared(self, body: SyntaxNode, span: Span) -> None:
        """Refuse members that are declared without a range, or not at all, with the sides of what
        stands beside them."""
        last: dict[object, str] = {}
        for node in postorder(body):
            if node.kind == "selected":
                sides = self.known.sides.get(node.args[0].value, ())
                placed = zip(node.value, sides, strict=False)
                last.update((at.first.value, side) for at, side in placed if at.is_one)
        names = filter(None, map(member_of, postorder(body)))
        for name in (n for n in names if not any(self.known.axes.get((n.base, 0), ()))):
            letters = [t for i in name.indices for t in i.terms]
            over = ", ".join(f"{t} = 1..{last.get(t, t.upper())}" for t in letters)
            raise NameProblem(
                f"`{name}` is declared with its range: `{name} : scalar for {over}`, or with a "
                f"shape, `{name} : k for {over}`.",
                span,
            )

    def _folded(
        self, items: Sequence[tuple[SyntaxNode, SyntaxNode]], first: SyntaxNode
    ) -> SyntaxNode:
        node = first
        for operator, right in items[1:]:
            span = node.span | right.span
            node = replace(operator, args=(node, right), span=span, bracketed=False)
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
            binder = summed_by(node, self.known.values)
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
        missing = [s for s in binder.letters if s not in self._held(body)]
        missing = [s for s in missing if s not in {t for r in binder.ranges for t in r.letters}]
        self._refuse_undeclared_entries(body, binder.letters)
        if len(missing) == len(binder.letters):
            return False
        for k, letter in enumerate(binder.letters):
            self._check_free(letter, span)
            if letter in binder.letters[:k]:
                raise NameProblem(
                    f"`{letter}` stands twice in what this sum runs over: choose another letter.",
                    span,
                )
        if missing and not binder.compared:
            raise NameProblem(
                f"nothing behind this sum has the index `{missing[0]}`: all its terms are equal. "
                "Write how many there are as a factor.",
                span,
            )
        return True

    def _check_free(self, letter: str, span: Span) -> None:
        if not self.known.is_letter(letter):
            what = "a dimension" if letter in self.known.dims else "declared"
            raise NameProblem(
                f"`{letter}` is {what} here, so that it can't be the letter of a sum: choose "
                "another letter for the index.",
                span,
            )

    def _scoped(self, root: SyntaxNode, heads: frozenset[str]) -> SyntaxNode:
        """Of `sum(i ≠ j)`, the letters that are not bound further out are what it binds."""
        if not any(n.kind == "bound" and n.value.compared for n in postorder(root)):
            return root
        binders: dict[SyntaxNode, Binder] = {}
        for node, _, own in self._scopes(root, heads):
            if node.kind == "bound":
                if not own:
                    raise NameProblem(bound_twice(node.value.letters[0]), node.span)
                binders[node] = node.value._replace(summed=own)

        def scoped(node: SyntaxNode, args: tuple[SyntaxNode, ...]) -> SyntaxNode:
            new = replace(node, args=args, value=binders.get(node, node.value))
            if node.kind == "bound" and new.value.compared:
                new = self._over_pairs(new)
            return new

        return folded(root, scoped)

    def _over_pairs(self, node: SyntaxNode) -> SyntaxNode:
        """`sum(i < j)`, `max(s ≤ t)` over members of one family: a letter runs behind the other, or
        before it."""
        binder, (body,) = node.value, node.args
        given = {over.letter: over for over in binder.ranges}
        found = [given.get(t) or range_of(t, body, self.known.axes) for t in binder.letters]
        ranges = {over.ends for over in found if over is not None}
        of_entries = letters_of_members(body).isdisjoint(binder.letters)
        is_one = binder.function == "sum" or binder.compared != "≠"
        if len(ranges) != 1 or of_entries or binder.function not in _KINDS or not is_one:
            return node
        kind = _KINDS[binder.function]
        (ends,) = ranges
        first, second = (Range(letter, *ends) for letter in binder.letters)
        sign = binder.compared
        if second.letter not in binder.own:  # bound further out
            first, second, sign = second, first, _REVERSED[sign]
        at, (low, high) = Index(first.letter), first.rising.ends
        behind = (at.plus(sign != "≤"), high) if sign in ("<", "≤", "≠") else None
        before = (low, at.plus(-(sign != "≥"))) if sign in (">", "≥", "≠") else None
        parts = []
        for ends in (before, behind):
            if ends is not None:
                over = Range(second.letter, *ends)
                parts.append(SyntaxNode(kind, (body,), over, node.span, bracketed=True))
        whole = parts[0]
        if len(parts) == 2:
            whole = SyntaxNode("+", tuple(parts), None, node.span, bracketed=True)
        if first.letter in binder.own:
            whole = SyntaxNode(kind, (whole,), first, node.span)
        return whole
