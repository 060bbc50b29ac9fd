"""What was entered in a session, and what it means: statements, redefinitions, undo and redo.

Nothing here knows a terminal. The statements that stand are, at every moment, one problem that
can be read: what would make it unreadable is refused, and nothing is lost.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from copy import copy
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal, TypeVar

from ..core.errors import InputError, NameProblem, ParseError, Span, enumerated
from ..core.expr import Abstract, Expr, Name, Symbol
from ..core.problem import EqualityClaim, Problem, Request
from ..core.regexes import regex
from ..core.traversal import postorder
from ..language.expressions import read_expression
from ..language.reader import parse_expression, written
from ..language.shapes.errors import source
from ..language.shapes.words import vocabulary
from ..language.syntax.latex_places import has_latex
from ..language.syntax.lexer import Arities, Source
from ..language.syntax.parser import pieces
from ..language.syntax.parser import statement as parsed
from ..language.syntax.statement_lines import COMMENT, blanked, cleaned, elementwise
from ..language.syntax.text_functions import with_heads
from ..language.syntax.tree import (
    Asked,
    Declaration,
    Definition,
    Equality,
    FunctionDefinition,
    Solving,
    Statement,
    SyntaxNode,
)
from ..language.syntax.tree import postorder as walk
from ..language.syntax.unparser import BracketWriter
from ..language.vocabularies import vocabulary_of
from .continuation import Standing, extended, stand

StatementKind = Literal["declaration", "definition", "request", "comment"]

_FREE_NAMES = ("value", *(f"value{i}" for i in range(1, 1000)))  # for an expression alone
_LOOKS_LIKE_STATEMENT = regex(
    r"\s*(grad|vjp|jac|hess|jvp|hvp|check)\s|\s*\$*\s*\\nabla|[^()\[\]{}]*([:=]|\\in(?![a-z]))"
)


@dataclass(frozen=True, slots=True)
class Entry:
    """One statement, on one line, and the names that it gives a meaning to; `note` is the comment
    behind it. A comment on a line of its own is an entry too."""

    text: str
    kind: StatementKind
    names: tuple[str, ...] = ()
    note: str = ""

    @property
    def line(self) -> str:
        """As it stands in a file."""
        return f"{self.text}  {self.note}" if self.note else self.text


@dataclass(frozen=True, slots=True)
class State:
    """The statements that stand, in order, and the seed of the draws."""

    entries: tuple[Entry, ...] = ()
    seed: int = 0

    @property
    def text(self) -> str:
        """The statements as a problem's text."""
        return _text(self.entries)

    @property
    def statements(self) -> tuple[Entry, ...]:
        """The entries that aren't comments alone."""
        return tuple(entry for entry in self.entries if entry.kind != "comment")

    @property
    def problem(self) -> Problem:
        """What they mean; nothing is asked that wasn't typed."""
        return _stand(self.text).problem


@lru_cache(maxsize=64)
def _stand(text: str) -> Standing:
    return stand(text)


def _text(entries: Iterable[Entry]) -> str:
    return "".join([f"{entry.line}\n" for entry in entries])


@dataclass(frozen=True, slots=True)
class Entered:
    """What entering some statements did.

    `replaced` are names that had another meaning before, `dependents` the definitions that depend
    on them, `dropped` requests that no longer fit. `requests` are those that were typed now."""

    problem: Problem
    entries: tuple[Entry, ...]
    requests: tuple[Request, ...]
    equalities: tuple[EqualityClaim, ...] = ()
    replaced: tuple[str, ...] = ()
    dependents: tuple[str, ...] = ()
    dropped: tuple[str, ...] = ()
    assumptions: tuple[str, ...] = ()
    readings: tuple[str, ...] = ()

    @property
    def echoes(self) -> Iterator[str]:
        """What was defined in LaTeX, in the plain language."""
        for entry in self.entries:
            for name in entry.names if has_latex(entry.text) else ():
                if name in self.problem.definitions:
                    yield f"{name} = {self.problem.definitions[name].args[0]}"


@dataclass(frozen=True, slots=True)
class ParsedExpression:
    """How an expression alone was read: its value, and its text with all its brackets."""

    value: Expr
    text: str
    assumptions: tuple[str, ...]
    readings: tuple[str, ...]
    problem: Problem  # in which the names have their meanings


class Session:
    """The statements of a session, with what came before and what was taken back."""

    def __init__(self, state: State | None = None) -> None:
        self.state = state or State()
        self._past: deque[State] = deque(maxlen=MOST_UNDONE)
        self._future: deque[State] = deque()
        self._read: tuple[State, Standing] | None = None  # what a state means

    def copy(self) -> Session:
        """The same statements and changes, to go on from apart."""
        other = copy(self)
        other._past, other._future = self._past.copy(), self._future.copy()
        return other

    @property
    def problem(self) -> Problem:
        """What stands now."""
        return self._standing.problem

    @property
    def _standing(self) -> Standing:
        if self._read is None or self._read[0] is not self.state:
            self._read = self.state, _stand(self.state.text)
        return self._read[1]

    def enter(self, text: str) -> Entered:
        """Take statements in, all or none. Raises InputError with its place in what was typed."""
        new = list(_entries(text, self._names, vocabulary_of(self.problem)))
        entries = tuple(entry for entry, _ in new)
        added = self._added(entries)
        return self._changed(new, text) if added is None else self._grown(entries, *added)

    def _added(self, new: tuple[Entry, ...]) -> tuple[State, Standing] | None:
        """The statements with others behind them, where that changes none of them."""
        asked = {entry.text for entry in new if entry.kind == "request"}
        if asked and not asked.isdisjoint([entry.text for entry in self.state.entries]):
            return None
        standing = extended(self._standing, _text(new))
        if standing is None:
            return None
        return replace(self.state, entries=(*self.state.entries, *new)), standing

    def _grown(self, new: tuple[Entry, ...], state: State, standing: Standing) -> Entered:
        """Take in what changes nothing."""
        before, problem = self.problem, standing.problem
        self.reset(state)
        self._read = state, standing
        return Entered(
            problem,
            new,
            problem.requests[len(before.requests) :],
            readings=problem.readings[len(before.readings) :],
        )

    def _changed(self, new: Sequence[tuple[Entry, int]], text: str) -> Entered:
        """Take in what may change what others mean."""
        before = self.problem
        trial = _with(self.state, [entry for entry, _ in new])
        dropped: tuple[str, ...] = ()
        try:
            problem = trial.problem
        except InputError as error:
            asked = {entry.text for entry, _ in new if entry.kind == "request"}
            loosened, dropped = _without_misfits(trial, asked)
            if not dropped:
                raise _relocated(error, trial, new, text) from None
            trial, problem = loosened, loosened.problem
        known = {*before.symbols, *before.definitions, *before.functions}
        texts = {entry.text for entry, _ in new}
        names = [name for entry, _ in new for name in entry.names]
        replaced = tuple(name for name in dict.fromkeys(names) if name in known)
        self.reset(trial)
        return Entered(
            problem,
            tuple(entry for entry, _ in new),
            tuple(_asked_now(trial, problem.requests, texts)),
            tuple(_asked_now(trial, problem.equalities, texts)),
            replaced,
            tuple(n for n in dependents(problem, replaced) if n not in names),
            dropped,
            tuple(a for a in problem.assumptions if a not in before.assumptions),
            tuple(r for r in problem.readings if r not in before.readings),
        )

    def _names(self) -> list[str]:
        """All that stands, as names that an expression may mention."""
        problem = self.problem
        values = [*problem.symbols.values(), *problem.definitions.values()]
        dims = [name for e in values for dim in e.shape for name in dim.names]
        return [*problem.symbols, *problem.definitions, *problem.functions, *dims]

    def forget(self, names: Sequence[str]) -> None:
        """Take statements out by the names that they give. Raises InputError if others need
        them."""
        known = {name for entry in self.state.entries for name in entry.names}
        for name in names:
            if name not in known:
                raise NameProblem(f"`{name}` was not entered.")
        kept = _without_names(self.state.entries, set(names))
        trial, _ = _without_misfits(replace(self.state, entries=kept), set())
        problem = trial.problem
        held = [n for n in dependents(self.problem, names) if n in problem.definitions]
        if held:
            too = "it" if len(held) == 1 else "them"
            raise NameProblem(f"{listed(held)} would be left without it: forget {too} too.")
        self.reset(trial)

    def undo(self) -> bool:
        """Take the last change back; false if there is none."""
        return self._move(self._past, self._future)

    def redo(self) -> bool:
        """Make a change again that was taken back."""
        return self._move(self._future, self._past)

    def _move(self, source_: deque[State], target: deque[State]) -> bool:
        if not source_:
            return False
        target.append(self.state)
        self.state = source_.pop()
        return True

    def reset(self, state: State) -> None:
        """Go on from another state; it can be undone."""
        if state != self.state:
            self._past.append(self.state)
            self._future.clear()
            self.state = state

    def read_expression(self, text: str) -> ParsedExpression:
        """An expression alone, in the names that stand; unknown ones are inferred as in a
        definition. Raises InputError with its place in what was typed."""
        plain = _on_one_line(text)
        words = vocabulary_of(self.problem)
        node = parse_expression(plain, words, self.problem.functions, self._names())
        taken = {*self.problem.symbols, *self.problem.definitions, *self.problem.functions}
        taken |= {part.value for part in walk(node) if part.kind == "name"}
        name = next(n for n in _FREE_NAMES if n not in taken)
        head = f"{name} = "
        body = plain
        if "$" in plain:  # around the whole definition
            head, body = f"${head}", f"{plain.replace('$', ' ')}$"
        entry = Entry(f"{head}{body}", "definition", (name,))
        before, added = self.problem, self._added((entry,))
        if added is not None:
            problem = added[1].problem
        else:
            trial = _with(self.state, [entry])
            try:
                problem = trial.problem
            except InputError as error:
                raise _shifted(error, trial, entry, len(head), text) from None
        return ParsedExpression(
            problem.definitions[name].args[0],
            BracketWriter(plain, node).write(node),
            tuple(a for a in problem.assumptions if a not in before.assumptions),
            tuple(r for r in problem.readings if r not in before.readings),
            problem,
        )

    def parts(self, text: str) -> list[tuple[str, Expr]]:
        """Every inner expression of an expression as typed, the whole last. Raises InputError."""
        problem, plain = self.read_expression(text).problem, _on_one_line(text)
        node = parse_expression(plain, vocabulary_of(problem), problem.functions, self._names())
        return list(self._parts(plain, node, problem))

    def _parts(self, text: str, node: SyntaxNode, problem: Problem) -> Iterator[tuple[str, Expr]]:
        """What of an expression has a value of its own, innermost first."""
        seen: set[str] = set()
        for part in walk(node):
            typed = source(text, part)
            if part.kind == "number" or typed in seen or len(seen) > MOST_PARTS:
                continue
            seen.add(typed)
            try:
                yield typed, read_expression(typed, problem)
            except InputError:  # its size comes from its surroundings
                continue


MOST_PARTS = 40
MOST_UNDONE = 1000  # changes


def is_expression(text: str) -> bool:
    """Whether a text is an expression alone, or is nearer to one than to a statement."""
    try:
        list(_entries(text))
    except InputError:
        return not _LOOKS_LIKE_STATEMENT.match(text)
    return False


def dependents(problem: Problem, names: Sequence[str]) -> list[str]:
    """The definitions that depend on some names, directly or through others."""
    if not names:
        return []
    found = []
    for name, definition in problem.definitions.items():
        used = set()
        for e in postorder([definition.args[0]]):
            if isinstance(e, (Symbol, Name, Abstract)):
                used.add(e.name)
        if used & set(names) and name not in names:
            found.append(name)
    return found


def listed(names: Sequence[str], last: str = "and") -> str:
    """`A`, `B` and `C`."""
    return enumerated([f"`{name}`" for name in names], last) if names else ""


# ---------------------------------------------------------------------------------- statements


def _on_one_line(text: str) -> str:
    """The text without comments and line ends, every place where it was."""
    return re.sub(r"\s", " ", blanked(text))


def _entries(
    text: str, names: Callable[[], Sequence[str]] = tuple, known: Arities | None = None
) -> Iterator[tuple[Entry, int]]:
    """The statements of a text, and where each begins; `names()` stand already, which is asked for
    LaTeX alone, and functions that are `known`. Raises ParseError."""
    if has_latex(text):
        for at, shown, statements in written(text, vocabulary(), names()):
            yield _made(_on_one_line(shown), statements), at.start - shown.startswith("$")
        return
    flat = _on_one_line(text)
    functions = with_heads(text, known or vocabulary())
    spans = pieces(text)
    comments = list(COMMENT.finditer(text))
    for i, span in enumerate(spans):
        while comments and comments[0].start() < span.start:
            alone = comments.pop(0)
            yield Entry(alone.group().strip(), "comment"), alone.start()
        end = f"{text}\n".index("\n", span.end)
        end = min(end, *(s.start for s in spans[i + 1 : i + 2]), len(text))
        notes = [c.group().strip() for c in comments if c.start() < end]
        del comments[: len(notes)]
        yield replace(_entry(text, flat, span, functions), note=" ".join(notes)), span.start
    for alone in comments:
        yield Entry(alone.group().strip(), "comment"), alone.start()


def _entry(text: str, flat: str, span: Span, functions: Arities) -> Entry:
    """The statement that stands there. Raises ParseError."""
    piece = flat[span.start : span.end]
    try:
        clean = cleaned(piece, functions)
        source_ = Source(clean, Span(0, len(piece)), functions, elementwise(clean))
        statement = parsed(source_)
    except ParseError as error:
        if error.span is None:
            raise
        at = Span(error.span.start + span.start, error.span.end + span.start)
        raise ParseError(error.message, at, text) from None
    return _made(piece, [statement])


def _made(piece: str, statements: Sequence[Statement]) -> Entry:
    match statements[0]:
        case Declaration(names=names):
            return Entry(piece, "declaration", tuple(n.name for n in names))
        case Definition(name=name) | FunctionDefinition(name=name):
            return Entry(piece, "definition", (name.name,))
        case Asked() | Equality() | Solving():
            return Entry(piece, "request")


def _with(state: State, new: Sequence[Entry]) -> State:
    """The statements with others put in the place of those that give the same names. A text that
    gives a name twice keeps both: the reader says so."""
    entries = state.entries
    names = {name for entry in new for name in entry.names}
    texts = {entry.text for entry in entries if entry.kind == "request"}
    added = [e for e in new if e.text not in texts]
    stand_in = {}  # what takes the place of an entry that loses all its names
    for i, entry in enumerate(entries):
        successor = next((e for e in added if set(e.names) & set(entry.names)), None)
        if successor is not None and set(entry.names) <= names:
            stand_in[i] = successor
            added.remove(successor)
    kept: list[Entry] = []
    for i, entry in enumerate(entries):
        kept += [stand_in[i]] if i in stand_in else _without_names([entry], names)
    return replace(state, entries=(*kept, *added))


def _without_names(entries: Sequence[Entry], names: set[str]) -> tuple[Entry, ...]:
    """The statements that give other names; `Z, W : m x n` without `W` is `Z : m x n`."""
    kept = []
    for entry in entries:
        left = tuple(name for name in entry.names if name not in names)
        if left == entry.names:
            kept.append(entry)
        elif left:
            said = entry.text[entry.text.index(":") :]
            kept.append(Entry(f"{', '.join(left)} {said}", entry.kind, left))
    return tuple(kept)


def _without_misfits(state: State, wanted: set[str]) -> tuple[State, tuple[str, ...]]:
    """The state without those older requests that no longer fit, and what they were. Nothing is
    dropped if that doesn't help."""
    older = [e for e in state.entries if e.kind == "request" and e.text not in wanted]
    kept = replace(state, entries=tuple(e for e in state.entries if e not in older))
    if not _fits(kept):
        return state, ()
    dropped = []
    for request in older:
        more = [*(e for e in kept.entries if e in older), request]
        trial = replace(
            state, entries=tuple(e for e in state.entries if e not in older or e in more)
        )
        if _fits(trial):
            kept = trial
        else:
            dropped.append(request.text)
    return kept, tuple(dropped)


def _fits(state: State) -> bool:
    try:
        _ = state.problem
    except InputError:
        return False
    return True


Claimed = TypeVar("Claimed", Request, EqualityClaim)


def _asked_now(state: State, found: Iterable[Claimed], texts: set[str]) -> Iterator[Claimed]:
    """The requests, or the equalities, that come from some of the statements."""
    for request in found:
        assert request.span is not None
        index = state.text.count("\n", 0, request.span.start)
        if state.entries[index].text in texts:
            yield request


# ------------------------------------------------------------------------------ places of errors


def _relocated(
    error: InputError, state: State, new: Sequence[tuple[Entry, int]], typed: str
) -> InputError:
    """The error with its place in what was typed, if it is there."""
    place = _place(error, state)
    if place is None:
        return error
    entry, span = place
    for candidate, start in new:
        if candidate == entry:
            at = Span(span.start + start, span.end + start)
            return type(error)(error.message, at, typed)
    names = listed([name for e, _ in new for name in e.names])
    who = f"with {names} changed, this" if names else "with that, this"
    message = (
        f"{error.message}\n{who} would no longer fit: nothing was changed. Type what changes with "
        "it on the same line, after a `;`."
    )
    return type(error)(message, span, entry.text)


def _shifted(error: InputError, state: State, entry: Entry, offset: int, typed: str) -> InputError:
    place = _place(error, state)
    if place is None or place[0] != entry:
        return error
    start, end = place[1].start - offset, place[1].end - offset
    return type(error)(error.message, Span(max(start, 0), max(end, 1)), typed)


def _place(error: InputError, state: State) -> tuple[Entry, Span] | None:
    """The statement that an error is in, and where in it."""
    if error.span is None or error.text != state.text:
        return None
    begin = error.text.rfind("\n", 0, error.span.start) + 1
    index = error.text.count("\n", 0, begin)
    if index >= len(state.entries):
        return None
    return state.entries[index], Span(error.span.start - begin, error.span.end - begin)
