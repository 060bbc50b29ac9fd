"""What the names in a problem mean: symbols, dimensions, functions, definitions.

Comes after parsing, before shapes are inferred.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import field
from functools import partial
from itertools import chain

from ...core.dims import ONE, shape_text
from ...core.errors import NameProblem, ShapeError, Span
from ...core.expr import Expr
from ...core.greek import LETTERS
from ...core.indices import Member, base_of
from ...core.named_tuples import NamedTuple
from ...core.records import dataclass
from ...core.regexes import regex
from ...core.warnings import MOST_NAMED, nearest
from ..syntax.constants import CONSTANTS, IDENTITIES
from ..syntax.foreign_words import as_size, declared_in_words, factors_without_spaces, foreign_word
from ..syntax.letters import folded
from ..syntax.synonyms import OF_NUMBERS, advice, attribute_of
from ..syntax.tree import (
    ATTRIBUTES,
    KINDS,
    RUNNING,
    UPSTREAM,
    Asked,
    Declaration,
    Definition,
    Equality,
    FunctionDefinition,
    PlacedName,
    Solving,
    Statement,
    SyntaxNode,
    TypedDimension,
    TypedEquation,
    expressions_of,
    opened,
    postorder,
)
from ..syntax.tree import postorder as walk
from .words import is_word, table_words

_NUMBER = regex(r"_?\d+$")
_SUMS = ("sum", "Σ", "Sum", "prod", "max", "min", "mean")
_ENTRY = regex(r"\((\d+)\)")  # MATLAB's, of a name before it
_INDEX = regex(r"[ijklmnt]{1,3}|\d{1,2}|[A-Z]")
# A name with an index below it, as in index notation.
_INDEXED = regex(rf"(?P<base>.+)_[ijklmnt]{{1,3}}|(?P<sum>{'|'.join(_SUMS)})_.+")
# `D_x`, `grad_x`; `J_f`, `H_f`; `d` or `df`: signs of derivatives elsewhere.
_OPERATOR = regex(
    r"(?:d|D|nabla|grad|jac|hess|Jac|Hess)_(?P<by>.+)|[JH]_(?P<matrix>.+)|[dD](?P<of>.*)"
)
_NEXT_NAME = regex(r"[} \t]*([^\W\d]\w*)")
SHORT = 3  # a longer name is no factor of a dimension if it occurs only as such
_ALONE = dict.fromkeys(("elementwise", "natural"), ", and has no attributes")


class Declared(NamedTuple):
    """A symbol: its sides if they were given, its attributes, its place, and whether it is a column
    if no sides were given."""

    sides: tuple[TypedDimension, TypedDimension] | None
    attributes: tuple[str, ...]
    span: Span | None
    is_column: bool | None = None  # of what has no sides; None where its name's case tells

    @property
    def needs_square(self) -> bool:
        return any(ATTRIBUTES[a] for a in self.attributes)


@dataclass(slots=True)
class Scope:
    """The names of a problem; `ordered` are its definitions, each after those that it uses."""

    text: str
    symbols: dict[str, Declared] = field(default_factory=dict)
    functions: dict[str, Span | None] = field(default_factory=dict)
    dims: dict[str, Span | None] = field(default_factory=dict)
    definitions: dict[str, Definition] = field(default_factory=dict)
    ordered: list[Definition] = field(default_factory=list)
    systems: list[Declaration] = field(default_factory=list)  # unknowns with their equations
    solvings: list[Solving] = field(default_factory=list)  # equations that are to be solved
    assumed: list[str] = field(default_factory=list)  # symbols that nobody declared
    unused: tuple[str, ...] = ()  # symbols and functions that no expression contains
    texts: dict[str, Span] = field(default_factory=dict)  # functions that are defined

    @property
    def bodies(self) -> dict[str, SyntaxNode]:
        """What the definitions say, each after those that it uses."""
        return {d.name.name: d.body for d in self.ordered}

    @property
    def equations(self) -> list[TypedEquation]:
        """Those that determine unknowns, and those that are to be solved."""
        determining = [e for system in self.systems for e in system.equations]
        return [*determining, *(e for solving in self.solvings for e in solving.equations)]

    def is_value(self, name: str) -> bool:
        """Whether a name is a symbol or a definition."""
        return name in self.symbols or name in self.definitions

    def is_known(self, name: str) -> bool:
        """Whether a name has a meaning as an expression."""
        return self.is_value(name) or name in self.dims or name in IDENTITIES or name in CONSTANTS

    def place(self, name: str) -> Span | None:
        """Where a value or a function gets its name, if one has it."""
        if name in self.definitions:
            return self.definitions[name].name.span
        if name in self.texts:
            return self.texts[name]
        return self.symbols[name].span if name in self.symbols else self.functions.get(name)

    def error(self, message: str, span: Span | None) -> NameProblem:
        return NameProblem(message, span, self.text)


def gather(
    text: str, statements: Sequence[Statement], known: Scope | None = None, complete: bool = False
) -> Scope:
    """The names that a problem's statements declare and define, added to those that are known;
    where these are `complete`, a name that none uses tells of a slip. Raises NameProblem,
    ShapeError."""
    scope = known or Scope(text)
    for statement in statements:
        if isinstance(statement, Declaration):
            for part in statement.parts:
                if statement.solver is None:
                    _declare(scope, part)
                else:
                    _declare_solved(scope, part)
            if statement.equations:
                scope.systems.append(statement)
        elif isinstance(statement, Definition):
            _take(scope, statement.name)
            scope.definitions[statement.name.name] = statement
        elif isinstance(statement, Solving):
            scope.solvings.append(statement)
        elif isinstance(statement, FunctionDefinition) and not statement.value:
            if statement.name.name not in scope.texts:
                _take(scope, statement.name)
            scope.texts[statement.name.name] = statement.name.span
    _check_tails(scope, statements)
    roots = [d.body for d in scope.definitions.values()]
    roots += [s.of for s in statements if isinstance(s, Asked)]
    roots += [side for s in statements if isinstance(s, Equality) for side in (s.left, s.right)]
    roots += equation_sides(scope)
    for root in roots:
        _collect_sizes(scope, opened(root))
        take_exponents(scope, opened(root))
    for name, used in scope.dims.items():
        place = scope.place(name)
        if place is not None:
            where = "" if used is None else f" in line {used.line_of(text)}"
            raise scope.error(
                f"`{name}` is a dimension{where}, so it can't be a value: choose another name.",
                place,
            )
    scope.ordered += [scope.definitions[name] for name in _dependency_order(scope)]
    if complete:
        scope.unused = unused(scope, statements)
    unknown = [
        (node, node is root) for root in roots for node in unknown_names(scope, opened(root))
    ]
    beside = {node.value for node, _ in unknown}
    beside |= {name for s in statements if isinstance(s, Asked) for name, _ in s.wrt}
    for node, alone in unknown:
        _assume(scope, node, alone, beside)
    return scope


def known_scope(
    text: str, names: Iterable[str], functions: Iterable[str], dims: dict[str, Span | None]
) -> Scope:
    """The scope of names whose values are known, shapes and all."""
    known = dict.fromkeys(names, Declared(None, (), None))
    return Scope(text, known, dict.fromkeys(functions), dims)


def standing_scope(text: str, values: Mapping[str, Expr]) -> Scope:
    """The scope of names of such shapes."""
    scope = Scope(text)
    for name, value in values.items():
        rows, cols = (TypedDimension(d, ()) for d in value.shape)
        scope.symbols[name] = Declared((rows, cols), (), None)
    return scope


def equation_sides(scope: Scope) -> Iterator[SyntaxNode]:
    for sides in scope.equations:
        yield from sides


def unused(scope: Scope, statements: Sequence[Statement]) -> tuple[str, ...]:
    """What is declared, and in no expression, claim or direction; of families, no member."""
    asked = [s for s in statements if isinstance(s, Asked)]
    used = {base_of(s.direction.name) for s in asked if s.direction is not None}
    used |= {s.name.name for s in statements if isinstance(s, FunctionDefinition) and s.called}
    roots = chain.from_iterable(map(expressions_of, statements))
    for node in chain.from_iterable(map(opened, roots)):
        if node.kind == "name":
            used.add(base_of(node.value))
        elif node.kind == "abstract":
            used.add(base_of(node.value[0]))
        elif node.opened is not None:
            used.add(node.value.name)
    named = (*scope.symbols, *scope.functions, *scope.texts)
    return tuple(name for name in named if base_of(name) not in used)


def _declare(scope: Scope, declaration: Declaration) -> None:
    sides = declaration.sides
    for name, span in declaration.words:
        if name not in ATTRIBUTES and name not in KINDS:
            raise scope.error(_unknown_attribute(name), span)
    words = [name for name, _ in declaration.words]
    kinds = [name for name in words if name in KINDS]
    if len(kinds) + (sides is not None) > 1 or ({*kinds} & {*_ALONE} and len(words) > 1):
        raise scope.error(
            f"`{kinds[0]}` stands in the place of a shape{_ALONE.get(kinds[0], '')}.",
            declaration.span,
        )
    if sides is None and not words:
        raise scope.error("a declaration gives a shape: `X : m x n`.", declaration.span)
    if "scalar" in kinds:
        sides = (TypedDimension(ONE, ()), TypedDimension(ONE, ()))
    attributes = tuple(name for name in words if name in ATTRIBUTES)
    if sides is not None:
        _check_sides(scope, sides, attributes, declaration.span)
    for named in declaration.names:
        if "natural" in kinds and named.name in scope.dims and not scope.place(named.name):
            continue
        _take(scope, named)
        if "natural" in kinds:
            scope.dims[named.name] = named.span
        elif "elementwise" in kinds:
            if is_word(named.name):
                raise scope.error(
                    f"`{named.name}` is a function of the language: choose another name.",
                    named.span,
                )
            scope.functions[named.name] = named.span
        else:
            scope.symbols[named.name] = Declared(sides, attributes, named.span)


def _declare_solved(scope: Scope, unknown: Declaration) -> None:
    """Declare what a function of the library gives: its equations tell the shape."""
    (named,) = unknown.names
    words = [name for name, _ in unknown.words]
    sides = (TypedDimension(ONE, ()), TypedDimension(ONE, ())) if "scalar" in words else None
    attributes = tuple(name for name in words if name in ATTRIBUTES)
    _take(scope, named)
    scope.symbols[named.name] = Declared(sides, attributes, named.span, "column" in words)


def _check_sides(
    scope: Scope,
    sides: tuple[TypedDimension, TypedDimension],
    attributes: tuple[str, ...],
    span: Span,
) -> None:
    for side in sides:
        alone = len(side.names) == 1 and ONE not in (s.dim for s in sides)
        for name, place in side.names:
            ends = side.tail == (name, place)
            said = as_size(base_of(name), ends) if ends or not alone else ""
            if said:
                raise scope.error(said, place)
        if side.dim.integer == 0 or not side.dim.is_eventually_natural:
            said = f"a dimension is at least 1, which nothing tells of `{side.dim}`."
            raise ShapeError(said, span, scope.text)
        for name, place in side.names:
            _check_dimension(scope, name, place, len(side.names) > 1)
            scope.dims.setdefault(name, place)
    square = [a for a in attributes if ATTRIBUTES[a]]
    if square and sides[0].dim != sides[1].dim:
        shape = shape_text((sides[0].dim, sides[1].dim))
        raise ShapeError(f"what is {square[0]} is square, not {shape}.", span, scope.text)


def _check_dimension(scope: Scope, name: str, place: Span, has_others: bool) -> None:
    """Refuse `m x sqrt(n)`, which would be a product of dimensions."""
    if is_word(name) and (has_others or _is_called(scope, place)):
        said = f"`{name}` is no function of dimensions: "
    elif _is_called(scope, place):
        said = f"there are no functions of dimensions: for the product write `{name} (…)`, else "
    else:
        return
    raise scope.error(f"{said}give this dimension a name of its own, `X : m x k`.", place)


def _is_called(scope: Scope, place: Span) -> bool:
    return folded(scope.text[place.end : place.end + 1]) == "("


def _unknown_attribute(name: str) -> str:
    meant = attribute_of(name) or nearest(name, (*ATTRIBUTES, *KINDS))
    advice = (
        f"Did you mean `{meant}`?"
        if meant
        else (
            "A matrix is `A : n x n`, and behind that stand its attributes, such as "
            f"{', '.join(ATTRIBUTES)}."
        )
    )
    return f"`{name}` is not an attribute. {advice}"


def _take(scope: Scope, named: PlacedName) -> None:
    """Check that a name is free."""
    place = scope.place(named.name)
    if place is not None:
        word = "defined" if named.name in scope.definitions else "declared"
        raise scope.error(
            f"`{named.name}` is already {word} in line {place.line_of(scope.text)}: choose another "
            "name.",
            named.span,
        )


def _check_tails(scope: Scope, statements: Iterable[Statement]) -> None:
    """Refuse `A : n x n symetric`, which would be a product of dimensions."""
    tails = []
    elsewhere = set()
    for s in statements:
        parts = s.parts if isinstance(s, Declaration) else ()
        for side in (side for part in parts for side in part.sides or ()):
            tails += [side.tail] if side.tail else []
            elsewhere |= {name for name, span in side.names if (name, span) != side.tail}
    for name, span in tails:
        slip = len(name) > SHORT or nearest(name, ATTRIBUTES) or attribute_of(name)
        if name not in elsewhere and slip:
            raise scope.error(_unknown_attribute(name), span)


def _collect_sizes(scope: Scope, nodes: Iterable[SyntaxNode]) -> None:
    """Names that occur as a size, `eye(k)`, are dimensions."""
    for node in nodes:
        if node.kind == "call":
            for size in node.value.sizes:
                for part in walk(size):
                    if part.kind == "name" and not scope.is_value(part.value):
                        scope.dims.setdefault(part.value, part.span)


def take_exponents(scope: Scope, nodes: Iterable[SyntaxNode]) -> None:
    """Names that nobody declared are natural numbers as exponents of a square matrix, and so are
    those over which sums of powers run. Raises NameProblem for a conjugate transpose."""
    for part in letters_in_exponents(nodes, partial(_is_square, scope)):
        if not scope.is_known(part.value):
            if part.value == HERMITIAN:
                raise scope.error(
                    "of real numbers the conjugate transpose is the transpose, `A'`; a number is "
                    "declared, `H : natural`.",
                    part.span,
                )
            scope.dims[part.value] = part.span


def _is_square(scope: Scope, base: SyntaxNode) -> bool:
    """Whether all that is in a base is declared square, and no scalar."""
    names = [scope.symbols.get(n.value) for n in walk(base) if n.kind == "name"]
    sides = [s.sides for s in names if s is not None and s.sides is not None]
    return (
        bool(sides)
        and len(sides) == len(names)
        and all(rows.dim == cols.dim != ONE for rows, cols in sides)
    )


def _dependency_order(scope: Scope) -> Iterator[str]:
    """The definitions, each after those it uses, else in the order of the text."""
    defined = scope.definitions
    uses = {
        name: [n.value for n in opened(d.body) if n.kind == "name" and n.value in defined]
        for name, d in defined.items()
    }
    done: set[str] = set()
    for first in defined:
        path, rest = [first], [iter(uses[first])]
        if first in done:
            continue
        open_names = {first}
        while path:
            name = next((n for n in rest[-1] if n not in done), None)
            if name is None:
                done.add(path[-1])
                open_names.discard(path[-1])
                yield path.pop()
                rest.pop()
            elif name in open_names:
                cycle = " → ".join([*path[path.index(name) :], name])
                raise scope.error(
                    f"`{name}` is defined by itself: {cycle}.", defined[name].name.span
                )
            else:
                path.append(name)
                open_names.add(name)
                rest.append(iter(uses[name]))


def unknown_names(scope: Scope, nodes: Iterable[SyntaxNode]) -> Iterator[SyntaxNode]:
    """Name nodes without a meaning. Raises NameProblem for a misused function's name."""
    for node in nodes:
        if node.kind == "name":
            name = node.value
            if scope.is_known(name):
                continue
            if name in scope.texts:
                raise scope.error(
                    f"`{name}` is a function, and a value only where all its arguments are "
                    f"declared: write `{name}(…)`, or declare them.",
                    node.span,
                )
            if is_word(name) or name in scope.functions:
                line = re.split(r"[\n;]", scope.text[: node.span.end])[-1]
                said = declared_in_words(line) or f"`{name}` is a function: write `{name}(…)`."
                raise scope.error(said, node.span)
            yield node
        elif node.kind == "call" and not node.opened and scope.is_value(node.value.name):
            name = node.value.name
            raise scope.error(
                f"`{name}` is a function, and declared as a value here: write `{name} * (…)` for "
                "the product, or give the value another name.",
                node.span,
            )


def refuse_members(text: str, nodes: Iterable[SyntaxNode]) -> None:
    """Refuse sums over members, and functions that are one, where there are none."""
    for node in nodes:
        if node.kind == "abstract" and base_of(node.value[0]) != node.value[0]:
            base = base_of(node.value[0])
            raise NameProblem(
                f"`{node.value[0]}` is a member of a family that is not declared: write `{base}`, "
                f"or declare `{base}[l] : elementwise for l = 1..L`.",
                node.span,
                text,
            )
        if node.kind in RUNNING and not runs_over_exponent(node):
            letter = node.value.letter
            raise NameProblem(
                f"nothing in this sum has the index `{letter}`, as `x[{letter}]` has it: declare "
                f"what differs from term to term, `x[{letter}] : n for {node.value}`; of equal "
                "terms write how many there are as a factor.",
                node.span,
                text,
            )


def _assume(scope: Scope, node: SyntaxNode, alone: bool, beside: Collection[str]) -> None:
    """Take an undeclared name, `alone` or in an expression `beside` others, for a symbol, unless it
    looks like a mistake."""
    if node.value not in scope.symbols:
        complaint = complain(scope, node, certain=False, beside=beside)
        if complaint is None and not alone:  # as in `grad J wrt X`
            complaint = _slip(scope, node)
        if complaint is not None:
            raise complaint
        scope.assumed.append(node.value)
        scope.symbols[node.value] = Declared(None, (), None)


def complain(
    scope: Scope, node: SyntaxNode, certain: bool, beside: Collection[str] = ()
) -> NameProblem | None:
    """What is wrong with an undeclared name, `beside` others; unless `certain`, None where it may
    be meant."""
    name = node.value
    said = next(_complaints(scope, node, beside), "")
    if certain and not said:
        said = f"`{name}` is not declared: `{name} : scalar`, or with its shape, `{name} : m x n`."
    return scope.error(said, node.span) if said else None


def _complaints(scope: Scope, node: SyntaxNode, beside: Collection[str]) -> Iterator[str]:
    """What may be said of it, the likeliest first."""
    name = node.value
    if name.startswith(UPSTREAM + "("):
        of = name[len(UPSTREAM) + 1 : -1]
        request = f"`vjp {of} wrt …`"
        yield f"`{name}` is the upstream gradient of {request}, and there is no such request."
    if _is_operator(scope, node, beside):
        yield (
            f"`{name}` is not declared. A derivative has a line of its own, `∂f/∂x` or `jac f wrt "
            "x`, or brackets as a value, `(grad f wrt x)`."
        )
    if name.startswith("T") and scope.text[: node.span.start].rstrip(" {").endswith("^"):
        rest = _apart(name[1:], {*scope.symbols, *scope.definitions}) or name[1:]
        yield f"`{name}` is one name: behind a transpose stands a space, `x^T {rest}`."
    if isinstance(name, Member):
        yield (
            f"`{name}` is a member of a family that is not declared: `{name.base}[l] : m x n for "
            "l = 1..L`."
        )
    if name.startswith("_") and scope.text[: node.span.start].endswith("|"):
        yield "a norm with an index has two bars: `‖x‖_1`, or `norm1(x)`."
    letter, _, size = name.partition("_")
    if letter in IDENTITIES and size:
        yield f"`{name}` is not declared: write `eye({size})`."
    if twin := _twin(scope, name):
        yield f"`{name}` is not declared, and `{twin}` is: write `{twin}`, or declare both."
    yield from filter(None, [foreign_word(name, scope.text, node.span)])
    if scope.text[node.span.end : node.span.end + 1] == "(":
        entry = _ENTRY.match(scope.text, node.span.end)
        if entry and name not in OF_NUMBERS:
            yield f"`{name}` is not declared: an entry of `{name} : n` is `{name}[{entry[1]}]`."
        said = advice(name, [*table_words(), *scope.functions])
        yield f"`{name}` is neither a function nor declared. {said}"
    known = {*scope.symbols, *scope.definitions, *scope.dims}
    parts = run_together(name, known), factors_without_spaces(name, {*known, *beside})
    yield from filter(None, parts)
    meant = nearest(name, known) or _variant(scope, name)
    if meant is not None:
        number = name.removeprefix(meant)
        meant = f"{meant}[{number}]" if number.isdecimal() and _is_column(scope, meant) else meant
        yield (
            f"`{name}` is not declared. Did you mean `{meant}`? If it is new, declare it: "
            f"`{name} : scalar`, or its shape."
        )


def run_together(name: str, known: Container[str]) -> str:
    """What is said of a name that is two known ones without a space; empty for others."""
    product = _apart(name, known)
    said = f"`{name}` is one name, and not declared: write `{product}` for the product."
    return said if product else ""


def _apart(name: str, known: Container[str]) -> str:
    """The product of two known names that a name is without the space; empty for others."""
    cuts = (k for k in range(1, len(name)) if name[:k] in known and name[k:] in known)
    return next((f"{name[:k]} {name[k:]}" for k in cuts), "")


def _is_column(scope: Scope, name: str) -> bool:
    sides = scope.symbols[name].sides if name in scope.symbols else None
    return sides is not None and sides[1].dim == ONE != sides[0].dim


def _variant(scope: Scope, name: str) -> str | None:
    """What is declared or defined and differs from a name by case, by a digit, or by one letter of
    three: other names than those that are merely alike."""
    known = [*(n for n, d in scope.symbols.items() if d.span is not None), *scope.definitions]
    if not _has_declarations(scope) or _entry_of(scope, name):
        return None
    alike = (other for other in known if differ_slightly(name, other))
    return min(alike, key=lambda other: not name.startswith(other), default=None)


def _slip(scope: Scope, node: SyntaxNode) -> NameProblem | None:
    """What makes an undeclared name of a problem with declarations likely to be a slip."""
    if not _has_declarations(scope):
        return None
    name, said = node.value, ""
    indexed = _INDEXED.fullmatch(name)
    entry = _entry_of(scope, name)
    if entry:
        turned = f"the transpose of `{entry}` is `{entry}'`, and " * name.endswith("_T")
        said = f", and {turned}entries of `{entry}` are written in brackets, `{entry}[i,j]` or "
        said += f"`{entry}[i]`."
    elif indexed is not None:
        base = indexed["base"] or indexed["sum"]
        instead = f"a family is declared, `{base}[i] : d for i = 1..n`."
        if base in _SUMS:
            instead = "write `sum(…)` of a matrix, or `sum(i = 1..n) …` of a family's members."
        said = f", and an index below it is not read: {instead}"
    elif scope.unused:
        names = ", ".join(f"`{n}`" for n in scope.unused[:MOST_NAMED])
        is_are = "is" if len(scope.unused) == 1 else "are"
        said = f", while {names} {is_are} declared and in no expression: is one of these meant?"
    if not said:
        return None
    new = f"If it is new, declare it: `{name} : scalar`, or its shape."
    return scope.error(f"`{name}` is not declared{said} {new}", node.span)


def _is_operator(scope: Scope, node: SyntaxNode, beside: Container[str]) -> bool:
    """Whether an undeclared name looks like a derivative's sign: `D_x`, `grad_x` (of a name
    `beside` it, too), `J_f`, or `df` and `D f` of something defined."""
    m = _OPERATOR.fullmatch(node.value)
    if m is None:
        return False
    after = _NEXT_NAME.match(scope.text, node.span.end)
    made = {*scope.definitions, *scope.texts}
    by, of = m["by"], m["matrix"] or m["of"] or (after[1] if after else "")
    is_word = len(node.value) > len(by or "") + 2
    return by in scope.symbols or (by or of) in made or (is_word and by in beside)


def _twin(scope: Scope, name: str) -> str | None:
    """What is declared and is the same letter written out, or in Greek: `sigma` for `σ`."""
    from ..latex.names import look_of  # only for a name that nobody declared

    symbols = (n for n, d in scope.symbols.items() if d.span is not None)
    known = (*symbols, *scope.definitions, *scope.functions)
    return next((n for n in known if n != name and look_of(n) == look_of(name)), None)


def _entry_of(scope: Scope, name: str) -> str:
    """The declared name of which this one looks like an entry, `A_11`; empty if there is none."""
    base, _, index = name.rpartition("_")
    declared = base in scope.symbols and scope.symbols[base].span is not None
    return base if declared and _INDEX.fullmatch(index) else ""


def _has_declarations(scope: Scope) -> bool:
    return bool(scope.functions) or any(d.span is not None for d in scope.symbols.values())


def differ_slightly(a: str, b: str) -> bool:
    """Whether two names differ by case, by a number behind them, or by one letter of several."""
    if _NUMBER.sub("", a).casefold() == _NUMBER.sub("", b).casefold():
        return True
    differing = [x + y for x, y in zip(a, b, strict=False) if x != y]
    by_a_letter = len(a) == len(b) >= SHORT and len(differing) == 1 and differing[0].isalpha()
    return by_a_letter and not {a, b} <= LETTERS | {"lam"}


HERMITIAN = "H"  # raised, what a conjugate transpose is called


def letters_in_exponents(
    nodes: Iterable[SyntaxNode], is_square: Callable[[SyntaxNode], bool]
) -> Iterator[SyntaxNode]:
    """The names in exponents of what is square, and those over which a sum runs."""
    for node in nodes:
        if node.kind == "^" and is_square(node.args[0]):
            yield from _names(node.args[1])
        elif runs_over_exponent(node):
            yield from (n for n in exponents_below(node) if n.value in node.value.letters)
            yield from (n for n in exponents_below(node) if n.value == node.value.letter)


def runs_over_exponent(node: SyntaxNode) -> bool:
    """Whether it is a sum of which the letter stands in an exponent."""
    if node.kind != "running":
        return False
    return any(n.value == node.value.letter for n in exponents_below(node))


def exponents_below(root: SyntaxNode) -> Iterator[SyntaxNode]:
    """The names in all exponents within an expression."""
    for node in postorder(root):
        if node.kind == "^":
            yield from _names(node.args[1])


def _names(root: SyntaxNode) -> Iterator[SyntaxNode]:
    return (n for n in postorder(root) if n.kind == "name")
