"""Index notation in a problem's statements: each is read into matrix notation, and that is said.

Comes after parsing, before names are gathered. Only texts with indices get here; what the names of
entries are is known from declarations, and from definitions in the order in which they are used.
Calls of what has indices are open then: `f(x[i])` is the right side of a function of the text, or
what a function that takes entries, such as `where`, is of these.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, MutableSet, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from graphlib import CycleError, TopologicalSorter

from ...core.dims import ONE, shape_text
from ...core.errors import InputError, NameProblem
from ...core.indices import Member, base_of
from ..shapes.errors import Expectation, explain, source
from ..shapes.inference import Inference, Misfit, Undetermined
from ..shapes.structured_calls import CALLS, StructuredCall
from ..shapes.words import vocabulary
from ..syntax.constants import CONSTANTS, IDENTITIES
from ..syntax.index_binders import base_below, capital_of
from ..syntax.member_ranges import axes_of, running_letters
from ..syntax.parser import parse_expression
from ..syntax.tree import (
    ATTRIBUTES,
    OWN_TRANSPOSE,
    Asked,
    Declaration,
    Definition,
    FunctionDefinition,
    PlacedName,
    Statement,
    SyntaxNode,
    folded,
    nodes_of,
    postorder,
    transformed,
    values_named,
    with_expressions,
)
from ..syntax.unparser import Unparser
from .bound_letters import BoundReader
from .class_labels import declared_one_hot, with_classes
from .entry_definitions import EntryHead
from .index_scope import IndexNames
from .positions import with_positions
from .ranges import with_slices
from .reader import IndexReader


def with_calls_open(
    root: SyntaxNode, has_letters: Callable[[SyntaxNode], bool], called: MutableSet[str]
) -> SyntaxNode:
    """The expression with such calls open; `has_letters` tells an entry with an index, and the
    functions that were `called` are taken in."""
    holding: set[SyntaxNode] = set()

    def opened(node: SyntaxNode) -> SyntaxNode:
        if not (has_letters(node) or not holding.isdisjoint(node.args)):
            return node
        if node.kind == "call" and node.opened is not None:
            called.add(node.value.name)
            given = dict(zip(node.opened.parameters, node.args, strict=True))
            node = _right_side(node, node.opened.root, given, called)
        elif (row := _row_by_entries(node)) is not None:
            right, letters = _by_entries(row.by_entries)
            given = {letter: node.args["abc".index(letter.value)] for letter in letters}
            node = _right_side(node, right, given, called)
        holding.add(node)
        return node

    return transformed(root, opened)


def _row_by_entries(node: SyntaxNode) -> StructuredCall | None:
    """The function that a call is of, where it takes entries and has all its arguments."""
    row = CALLS.get(node.value.name) if node.kind == "call" else None
    return row if row is not None and row.by_entries and len(node.args) == row.arity else None


@cache
def _by_entries(text: str) -> tuple[SyntaxNode, tuple[SyntaxNode, ...]]:
    """What such a function is of the letters a, b, c, and where these stand."""
    root = parse_expression(text, vocabulary(), names="abc")
    return root, tuple(node for node in postorder(root) if node.kind == "name")


def _right_side(
    call: SyntaxNode,
    right: SyntaxNode,
    given: Mapping[SyntaxNode, SyntaxNode],
    called: MutableSet[str],
) -> SyntaxNode:
    """A right side with the arguments in their places, all where the call stands."""
    placed: set[SyntaxNode] = set()

    def copied(node: SyntaxNode, args: tuple[SyntaxNode, ...]) -> SyntaxNode:
        if node in given:
            placed.add(new := _copy(given[node]))
            return new
        return replace(node, args=args, span=call.span)

    root = replace(folded(right, copied), bracketed=True)
    return with_calls_open(root, placed.__contains__, called)


def _copy(root: SyntaxNode) -> SyntaxNode:
    """The same in nodes of its own: a side of a row has other letters in another place."""
    return replace(folded(root, lambda node, args: replace(node, args=args)), bracketed=True)


PLAIN = EntryHead()  # of what is not defined by its entries


@dataclass(slots=True)
class IndexNotation:
    """The statements of a problem, read into matrix notation by their `reader`."""

    text: str
    statements: Sequence[Statement]
    inference: Inference
    heads: Mapping[str, EntryHead] = field(default_factory=dict)
    reader: IndexReader = field(init=False)
    misfit: InputError | None = None  # of the first definition whose shapes don't fit

    def __post_init__(self) -> None:
        defined = {s.name.name for s in self.statements if isinstance(s, Definition)}
        known = known_names(self.statements)
        self.reader = IndexReader(self.text, known, self.inference, defined=defined)

    def read(self) -> list[Statement]:
        """The statements in matrix notation. Raises InputError."""
        reader = self.reader
        self._declare(reader.known)
        found: dict[int, Statement] = {}
        for k in self._order():
            try:
                found[k] = self._statement(self.statements[k])
            except InputError as error:  # what has no shape may have led to it
                raise self.misfit or error from None
        for s in self.statements:
            if isinstance(s, Asked):
                reader.mentioned.update((n.name, n.span) for n in s.wrt)
        for name, count in reader.classes.items():
            if name in reader.mentioned:
                raise NameProblem(
                    f"`{name}` has the numbers of classes, as an index of others, and is a value "
                    "here: give one of them another name.",
                    reader.mentioned[name],
                )
            rows = shape_text(self.inference.unifier.shape(self.inference.shapes[name]))
            reader.said.append(
                f"`{name}` has the numbers of {count} classes: it is read as the matrix that has "
                f"1 at each row's class, {rows}."
            )
        made = [found[k] for k in range(len(self.statements))]
        for k, s in enumerate(made):
            if isinstance(s, FunctionDefinition) and s.name.name in reader.called:
                made[k] = replace(s, called=True)
        return list(declared_one_hot(made, reader.classes))

    def _statement(self, s: Statement) -> Statement:
        reader, known = self.reader, self.reader.known
        run = frozenset(running_letters(s))
        if isinstance(s, Asked) and s.claim is not None:
            letters = s.entries or self._letters(s, s.claim)
            claim = in_matrix_notation(s.claim, reader, EntryHead(letters, run=run))
            if letters[1:] == ("",) and self._is_turned(claim, s.wrt[0].name):  # of columns
                letters = letters[::-1]
                claim = in_matrix_notation(s.claim, reader, EntryHead(letters, run=run))
            of = in_matrix_notation(s.of, reader)
            return replace(s, of=of, claim=claim, entries=letters)
        if not isinstance(s, Definition):
            own = EntryHead(run=run)
            return with_expressions(s, lambda e: in_matrix_notation(e, reader, own))
        head = self.heads.get(s.name.name, PLAIN)._replace(run=run)
        self._check_heads(head.letters, s)
        body = in_matrix_notation(s.body, reader, head, s)
        name = whole_name(s, head, body, reader)
        if name != s.name.name:
            known.values ^= {s.name.name, name}
        self._infer(name, body)
        return s if body is s.body else replace(s, name=PlacedName(name, s.name.span), body=body)

    def _is_turned(self, node: SyntaxNode, name: str) -> bool:
        """Whether only the transpose of an expression has the shape of a name."""
        rows, cols = self.inference.unifier.shape(self.inference.shapes[name])
        found = self.inference.unifier.shape(self.inference.add(node))
        return found == (cols, rows) != (rows, cols)

    def _letters(self, s: Asked, claim: SyntaxNode) -> tuple[str, ...]:
        """The index that nothing binds in a claim on the derivative by a column: it is by
        entries."""
        shape = self.inference.shapes.get(s.wrt[0].name) if len(s.wrt) == 1 else None
        if shape is None or self.inference.unifier.shape(shape)[1] != ONE:
            return ()
        return BoundReader(self.reader.known).loose(claim)[:1]

    def _check_heads(self, heads: Sequence[str], s: Definition) -> None:
        for letter in heads:
            if not self.reader.known.is_letter(letter):
                raise NameProblem(
                    f"`{letter}` has a meaning already, so that it can't be an index here: choose "
                    "another letter.",
                    s.name.span,
                )

    def _declare(self, known: IndexNames) -> None:
        """Give the names their shapes, unknown ones where none are given."""
        shapes, fresh = self.inference.shapes, self.inference.unifier.fresh
        declared = [s for s in self.statements if isinstance(s, Declaration)]
        for s in (part for whole in declared for part in whole.parts):
            words = [word for word, _ in s.words]
            for name, _ in s.names:
                if isinstance(name, Member) or "elementwise" in words:
                    continue
                if s.sides is not None:
                    shapes[name] = s.sides[0].dim, s.sides[1].dim
                elif "scalar" in words:
                    shapes[name] = ONE, ONE
                else:
                    rows = fresh()
                    square = any(ATTRIBUTES.get(word) for word in words)
                    shapes[name] = rows, rows if square else fresh()
        meant = (*CONSTANTS, *IDENTITIES)
        for node in nodes_of(self.statements):
            if node.kind == "name" and node.value not in (*shapes, *meant, *known.dims):
                shapes[node.value] = fresh(), fresh()

    def _infer(self, name: str, body: SyntaxNode) -> None:
        """The shape of what is defined, as far as its body tells; what doesn't fit is said where
        all shapes are inferred."""
        if isinstance(name, Member):
            return
        trial = self.inference.trial()
        try:
            trial.add(body)
        except Misfit as misfit:
            whole = [Expectation(body, False)]
            self.misfit = self.misfit or explain(misfit, self.text, trial, whole, ())
            return
        except (Undetermined, InputError):
            return
        self.inference.shapes[name] = self.inference.add(body)

    def _order(self) -> list[int]:
        """The statements, each after the definitions that it uses."""
        places = {
            s.name.name: k for k, s in enumerate(self.statements) if isinstance(s, Definition)
        }
        uses = {
            k: [
                places[base]
                for node in nodes_of([s])
                if node.kind == "name"
                for base in {base_of(node.value), base_below(node.value)} & places.keys()
            ]
            for k, s in enumerate(self.statements)
        }
        try:
            return list(TopologicalSorter(uses).static_order())
        except CycleError:  # which is said where names are gathered
            return list(uses)


def in_matrix_notation(
    node: SyntaxNode,
    reader: IndexReader,
    head: EntryHead = PLAIN,
    definition: Definition | None = None,
) -> SyntaxNode:
    """An expression in matrix notation; what it is read as is added to what the reader has said.
    Raises InputError."""
    text, said = reader.text, reader.said
    binding = BoundReader(reader.known)
    whole = binding.bound(node, head.letters, head.run)
    bound = with_slices(whole, reader.known, head.over)
    bound = with_positions(bound, head.letters, reader)
    opened = with_calls_open(bound, reader.has_letters, reader.called)
    reader.mentioned.update((n.value, n.span) for n in postorder(opened) if n.kind == "name")
    found = reader.translated(with_classes(opened, reader), head)
    if found is node:
        return node
    said += [reading for reading in binding.said if reading not in said]
    written = Unparser(text, node).write(found)
    typed = source(text, node)
    if head.letters and definition is not None:
        typed = text[definition.name.span.start : node.span.end]
        written = f"{whole_name(definition, head, found, reader)} = {written}"
    if typed != written:
        said.append(f"`{' '.join(typed.split())}` is read as `{written}`.")
    return replace(found, span=node.span)


def whole_name(s: Definition, head: EntryHead, body: SyntaxNode, reader: IndexReader) -> str:
    """The name of what is defined by its entries; where `h_i` is a column, that of the matrix whose
    rows these are. Raises NameProblem."""
    name = s.name.name
    if not head.may_have_rows or not name.islower() or reader.shape(body)[1] == ONE:
        return name
    if capital_of(name) in reader.known.values:
        raise NameProblem(
            f"this is a column for each `{head.letters[0]}`, and `{capital_of(name)}`, the matrix "
            "whose rows they would be, is something else here: choose another name.",
            s.name.span,
        )
    return capital_of(name)


def known_names(statements: Iterable[Statement]) -> IndexNames:
    """The names that statements give to values and to dimensions."""
    known = IndexNames(set())
    for s in statements:
        if isinstance(s, Asked):
            if s.direction is not None:
                known.values.add(s.direction.name)
            continue
        if not isinstance(s, (Declaration, Definition)):
            continue
        for name, _ in values_named(s):
            (known.families if isinstance(name, Member) else known.values).add(base_of(name))
        for part in s.parts if isinstance(s, Declaration) else ():
            known.dims.update(name for side in part.sides or () for name, _ in side.names)
            names = [name for name, _ in part.names]
            if part.sides is not None:
                rows, cols = str(part.sides[0].dim), str(part.sides[1].dim)
                known.sides.update((str(name), (rows, cols)) for name in names)
                if rows == cols and OWN_TRANSPOSE & {word for word, _ in part.words}:
                    known.symmetric.update(names)
                else:
                    known.symmetric.difference_update(names)
        for axis, over in axes_of(s):
            known.axes.setdefault(axis, []).append(over)
        own = {r.letter for r in s.ranges}
        known.dims.update(t for r in s.ranges for t in r.letters if t not in own)
    for node in nodes_of(statements):
        if node.kind == "call" and node.value.sizes and not node.args:
            parts = (n for size in node.value.sizes for n in postorder(size))
            sizes = {n.value for n in parts if n.kind == "name"}
            known.dims |= sizes - known.values
    return known
