"""Functions that are defined in text, and what their calls open to.

A call keeps its place and its arguments as typed; beside them it gets a copy of the right side,
whose shapes are inferred anew from those of the arguments. A function of indices, `f(i) = sum(j)
A[i,j] x[j]`, is a column by its entries, which are called `f(i)` as well as `f[i]`.
"""

from __future__ import annotations

from collections.abc import Collection, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import field, replace

from ...core.budget import Bound
from ...core.errors import CallError, NameProblem, ParseError
from ...core.indices import Index, Member, member, name_of, parts
from ...core.records import dataclass
from ...core.regexes import regex
from .index_binders import base_below, beginning, parts_below
from .lexer import MANY, Arities, normal
from .selections import Selector, selected
from .statement_lines import declared_names
from .syntax_errors import no_derivative, no_keyword, no_prime
from .tree import (
    PRIME,
    Asked,
    Definition,
    FunctionDefinition,
    FunctionParameter,
    OpenedCall,
    PlacedName,
    Statement,
    SyntaxNode,
    folded,
    name_node,
    postorder,
    transformed,
    values_named,
    with_args,
    with_expressions,
)


def with_functions_of_indices(statements: Sequence[Statement]) -> list[Statement]:
    """The statements, with definitions by entries in the place of functions of indices."""
    functions = [s for s in statements if isinstance(s, FunctionDefinition)]
    known = {name for s in statements for name, _ in values_named(s)} if functions else set()
    made = {f.name.name: f for f in functions if _is_of_indices(f, known)}
    return [_by_entries(s, made) for s in statements] if made else list(statements)


def _is_of_indices(f: FunctionDefinition, known: Collection[str]) -> bool:
    """Whether each argument is a letter that is an index, and nothing else, in the right side."""
    letters = {p.name.name for p in f.parameters if len(p.name.name) == 1 and p.default is None}
    nodes = list(postorder(f.body))
    values = {n.value for n in nodes if n.kind == "name"}
    if len(letters) < len(f.parameters) or f.entries or letters & {*known, *values}:
        return False
    return letters <= {letter for node in nodes for letter in _indices(node, known)}


def _indices(node: SyntaxNode, known: Collection[str]) -> Iterator[str]:
    """The letters that stand in a node as indices: `A[i,j]`, `x_i`."""
    if node.kind == "selected":
        for bound in (e for selector in node.value for e in selector.bounds):
            yield from (n.value for n in postorder(bound) if n.kind == "name")
    elif node.kind == "name" and isinstance(node.value, Member):
        yield from (letter for index in parts(node.value)[1] for letter in index.letters)
    elif node.kind == "name" and node.value not in known:
        yield from parts_below(node.value)[1]


def _by_entries(s: Statement, made: Mapping[str, FunctionDefinition]) -> Statement:
    """A statement with entries in the place of calls of the functions."""

    def called(node: SyntaxNode) -> SyntaxNode:
        if node.kind != "call" or node.value.name not in made:
            return node
        at = tuple(Selector(index, index) for index in (*node.args, *node.value.sizes))
        base = name_node(node.value.name, beginning(node.span, node.value.name))
        return selected(base, at, node.span)

    s = with_expressions(s, lambda e: transformed(e, called))
    if not isinstance(s, FunctionDefinition):
        return s
    body = transformed(s.body, called)
    if s.name.name not in made:
        return s if body is s.body else replace(s, body=body)
    letters = tuple(Index(p.name.name) for p in s.parameters)
    return Definition(PlacedName(name_of(s.name.name, letters), s.name.span), body, s.span)


MOST_NESTED = 50  # functions that call each other in a row
OPENED = Bound(100_000, "operations")  # of all right sides that the calls in a text open to
_NO_NAMES = ("check", "solve", "simplify", "evaluate")
_HEAD = regex(
    r"(?:^|(?<=[;\n]))[^\S\n]*(?P<name>[^\W\d][\w\u0300-\u036f]*)[^\S\n]*\([^()\n;]*\)"
    r"(?:_\w+|_\{[^{}\n]*\}|\[[^\[\]\n]*\])?[^\S\n]*(?::?=|[≔≡])(?!=)"
)

Overloads = Mapping[int | None, FunctionDefinition]  # by axis


class Vocabulary(dict[str, int]):
    """The names that are functions before a bracket, and how many arguments come before sizes;
    `texts` are those that are defined in text, `library` those that come along, and `valued` those
    that are values too."""

    def __init__(
        self,
        words: Mapping[str, int],
        library: Mapping[str, Overloads],
        texts: Mapping[str, Overloads] | None = None,
        values: Iterable[str] = (),
    ) -> None:
        super().__init__(words)
        self.library = library
        self.texts = dict(texts or {})
        self.valued = frozenset(values)

    def overloads(
        self, name: str, count: int, inside: FunctionDefinition | None
    ) -> Overloads | None:
        """What a call with so many arguments is in a text, or inside a function: the library knows
        only its own. It may define what a function of the table is of more arguments."""
        if name.endswith(PRIME):
            return self.library.get(name)
        if name in self.texts and (inside is None or inside.name.name in self.texts):
            return self.texts[name]
        known = self.get(name, MANY)
        if name not in self or (known != MANY and count <= known):
            return None
        return self.library.get(name)


def head_places(text: str) -> Iterator[tuple[str, int]]:
    """The names that a text defines as functions, and where."""
    for m in _HEAD.finditer(text) if "(" in text else ():
        name = normal(m["name"])
        if name not in _NO_NAMES:
            yield name, m.start("name")


def heads(text: str) -> set[str]:
    """The names that a text defines as functions."""
    return {name for name, _ in head_places(text)}


def with_heads(text: str, functions: Arities) -> Arities:
    """The functions that are known in a text: with those that it defines, and without those of the
    library whose names it gives to values."""
    own = heads(text)
    library = functions.library if isinstance(functions, Vocabulary) else {}
    named = [n for n in library if n in text and functions.get(n) == MANY and n not in own]
    hidden = declared_names(text).intersection(named) if named else ()
    if not own and not hidden:
        return functions
    words = {n: before for n, before in functions.items() if n not in hidden}
    words.update(dict.fromkeys(own, MANY))
    if isinstance(functions, Vocabulary):
        return Vocabulary(words, library, functions.texts, functions.valued)
    return Vocabulary(words, library)


def opened_statements(
    text: str, statements: Sequence[Statement], functions: Arities
) -> list[Statement]:
    """The statements with their calls opened; a function of declared names alone is a value too.
    Raises InputError."""
    statements = with_functions_of_indices(statements)
    found = [replace(s, text=text) if isinstance(s, FunctionDefinition) else s for s in statements]
    own: dict[str, dict[int | None, FunctionDefinition]] = {}
    for s in found:
        if isinstance(s, FunctionDefinition):
            _check_definition(s)
            if own.setdefault(s.name.name, {}).setdefault(s.axis, s) is not s:
                raise NameProblem(f"`{s.name.name}` is already defined.", s.name.span)
    known = {name for s in found for name, _ in values_named(s)}
    for s in (s for s in found if isinstance(s, Asked) and s.of.kind == "name"):
        whole = own.get(s.of.value, {}).get(None)
        arguments = {p.name.name for p in whole.parameters} if whole is not None else set()
        known |= arguments if arguments & {name for name, _ in s.wrt} else set()  # `∂L/∂W` of L(W)
    values = {n for n, fs in own.items() if None in fs and _is_value(fs[None], known)}
    vocabulary = functions
    if isinstance(functions, Vocabulary):
        texts, values = {**functions.texts, **own}, {*functions.valued, *values}
        vocabulary = Vocabulary(functions, functions.library, texts, values)
    opening = _Opening(vocabulary)
    made: list[Statement] = []
    for s in found:
        if not isinstance(s, FunctionDefinition):
            made.append(with_expressions(s, opening.of))
            continue
        is_value = s.name.name in values and s.axis is None
        made.append(replace(s, value=is_value))
        body = opening.of(s.body, s)
        if is_value:
            letters = map(Index, s.entries)
            name = PlacedName(name_of(s.name.name, tuple(letters)), s.name.span)
            made.append(Definition(name, body, s.span))
        elif s.entries:
            names = ", ".join(f"`{p.name.name}`" for p in s.parameters)
            raise NameProblem(
                f"`{s.name.name}` is given by its entries, and so one value: declare {names}, of "
                "which it is.",
                s.name.span,
            )
    return made


def opened_expression(node: SyntaxNode, functions: Arities) -> SyntaxNode:
    """The expression with its calls opened. Raises InputError."""
    return _Opening(functions).of(node)


def _is_value(f: FunctionDefinition, known: Iterable[str]) -> bool:
    return all(p.default is None and p.name.name in known for p in f.parameters)


def _check_definition(f: FunctionDefinition) -> None:
    """Refuse what a head can't be."""
    names = [p.name.name for p in f.parameters]
    for p in f.parameters:
        if names.count(p.name.name) > 1:
            raise NameProblem(f"`{p.name.name}` is given twice.", p.name.span)


def _renamed(f: FunctionDefinition, node: SyntaxNode) -> SyntaxNode | None:
    """The right side of a function that takes entries of its arguments, with the names that a call
    gives in the place of these; None if it takes none. Raises CallError."""
    given = dict(zip((p.name.name for p in f.parameters), node.args, strict=False))
    entries = {e: _entry_of(e, given) for e in postorder(f.body) if e.kind == "name"}
    if not any(entries.values()):
        return None
    if not all(a.kind == "name" for a in given.values()) or len(given) < len(f.parameters):
        raise CallError(
            f"`{f.name.name}` takes entries of its arguments, so that these are names here: name "
            "what is given in a line of its own.",
            node.span,
        )

    def renamed(e: SyntaxNode, args: tuple[SyntaxNode, ...]) -> SyntaxNode:
        base = entries.get(e) or (e.value if e.kind == "name" else None)
        if base not in given:
            return replace(e, args=args)
        name, span = given[base].value, given[base].span
        if isinstance(e.value, Member):
            return name_node(member(name, *e.value.indices), span)
        return name_node(name + e.value.removeprefix(base), span)

    return replace(folded(f.body, renamed), span=node.span, bracketed=True)


def _entry_of(node: SyntaxNode, names: Container[str]) -> str:
    """The name of which a node is an entry, `x[i]` or `x_i`; empty if that is none of these."""
    base = node.value.base if isinstance(node.value, Member) else base_below(node.value)
    return base if base in names else ""


@dataclass(slots=True)
class _Opening:
    """Opens the calls of a text, as many as are taken on."""

    functions: Arities
    count: int = 0
    inside: list[FunctionDefinition] = field(default_factory=list)

    def of(self, root: SyntaxNode, inside: FunctionDefinition | None = None) -> SyntaxNode:
        """The tree with its calls opened; the same one where it has none."""
        self.inside = [] if inside is None else [inside]
        return self._copied(root, None)

    def _copied(self, root: SyntaxNode, put: Mapping[str, SyntaxNode] | None) -> SyntaxNode:
        """The tree with its calls opened, and with what is `put` in place of names: then every
        node is new, as the same one may have another shape elsewhere."""

        def copied(node: SyntaxNode, args: tuple[SyntaxNode, ...]) -> SyntaxNode:
            if put is not None and node.kind == "name" and node.value in put:
                return put[node.value]
            if put is not None and node.kind in ("+", "-") and _is_absent(args[-1], put):
                return args[0]
            new = with_args(node, args) if put is None else replace(node, args=args)
            if node.juxtaposed:
                self._refuse_prime(node)
            if node.kind == "call":
                if put is not None and node.value.sizes:
                    sizes = tuple(self._copied(size, put) for size in node.value.sizes)
                    new = replace(new, value=node.value._replace(sizes=sizes))
                new = self._opened(new)
            self.count += put is not None
            return new

        found = folded(root, copied)
        OPENED.admit(self.count, "opening these calls", "name the values of some of them.")
        return found

    def _refuse_prime(self, node: SyntaxNode) -> None:
        """Refuse `f'(x)` of a function of the text: no transpose, but its derivative. Raises
        ParseError."""
        called, argument = node.args
        texts = self.functions.texts if isinstance(self.functions, Vocabulary) else {}
        if called.kind == "'" and argument.bracketed:
            while called.kind == "'":
                (called,) = called.args
            if called.kind == "name" and called.value in texts:
                raise ParseError(no_prime(f"{called.value}(x)"), node.span)

    def _opened(self, node: SyntaxNode) -> SyntaxNode:
        """A call with what it stands for, if its function is defined in text."""
        name, axis, sizes, keywords = node.value
        inside = self.inside[-1] if self.inside else None
        count = len(node.args) + len(sizes)
        words = self.functions
        overloads = words.overloads(name, count, inside) if isinstance(words, Vocabulary) else None
        if overloads is None:
            if name.endswith(PRIME):
                raise NameProblem(no_derivative(name), node.span)
            if keywords:
                raise ParseError(no_keyword(keywords[0].typed), keywords[0].span)
            return node
        if sizes:
            more = [self._copied(size, None) for size in sizes]
            node = replace(node, args=(*node.args, *more), value=node.value._replace(sizes=()))
        function = overloads.get(axis)
        if function is None:
            takes = "no axis" if axis is not None else "an axis: `axis=0` or `axis=1`"
            raise CallError(f"`{name}` takes {takes}.", node.span)
        if function in self.inside:
            around = self.inside[self.inside.index(function) :]
            cycle = " → ".join([*(f.name.name for f in around), name])
            raise NameProblem(f"`{name}` is defined by itself: {cycle}.", node.span)
        if len(self.inside) > MOST_NESTED:
            raise NameProblem(
                f"more than {MOST_NESTED} functions call each other here: name a value in between.",
                node.span,
            )
        if self._is_value(function, node):
            return replace(node, kind="name", args=(), value=name)
        if function.entries:
            raise CallError(
                f"`{name}` is given by its entries, and so one value: it is called as in its head.",
                node.span,
            )
        inline = _renamed(function, node)
        if inline is not None:
            return self._copied(inline, None)
        parameters, put = self._given(function, node)
        self.inside.append(function)
        root = self._copied(function.body, put)
        self.inside.pop()
        return replace(node, opened=OpenedCall(root, parameters, function))

    def _is_value(self, function: FunctionDefinition, node: SyntaxNode) -> bool:
        """Whether a call is of the declared names that its function is of: its value."""
        name = function.name.name
        if not isinstance(self.functions, Vocabulary) or name not in self.functions.valued:
            return False
        wanted = [p.name.name for p in function.parameters]
        return function.axis is None and wanted == [
            a.value if a.kind == "name" else None for a in node.args
        ]

    def _given(
        self, function: FunctionDefinition, node: SyntaxNode
    ) -> tuple[tuple[SyntaxNode, ...], dict[str, SyntaxNode]]:
        """The leaves that stand for a call's arguments, and what each name of the head stands
        for."""
        name = function.name.name
        keywords = {k.word: k for k in node.value.keywords}
        parameters = [SyntaxNode("parameter", (), p, p.name.span) for p in function.parameters][
            : len(node.args)
        ]
        put: dict[str, SyntaxNode] = {p.value.name.name: p for p in parameters}
        for p in function.parameters[len(parameters) :]:
            keyword = keywords.pop(p.name.name, None)
            if keyword is not None:
                put[p.name.name] = keyword.value
            elif p.default is not None:
                put[p.name.name] = SyntaxNode("number", (), p.default, p.name.span)
        if len(put) < len(function.parameters) or len(node.args) > len(function.parameters):
            raise CallError(
                f"`{name}` takes {_listed(function.parameters)}, not {len(node.args)} "
                f"argument{'s' if len(node.args) != 1 else ''}.",
                node.span,
            )
        for keyword in keywords.values():
            raise CallError(f"`{name}` takes {_listed(function.parameters)}.", keyword.span)
        for parameter in parameters:
            for k, side in enumerate(parameter.value.sides):
                if isinstance(side, str):
                    at = SyntaxNode("side", (parameter,), k, parameter.span)
                    put.setdefault(side, at)
        return tuple(parameters), put


def _is_absent(node: SyntaxNode, put: Mapping[str, SyntaxNode]) -> bool:
    """Whether a term is a parameter whose default is zero, and nothing else was given."""
    return node.kind == "number" and node.value == 0 and any(node is e for e in put.values())


def _listed(parameters: Sequence[FunctionParameter]) -> str:
    """`(x, ddof = 0)`."""
    words = [
        p.name.name if p.default is None else f"{p.name.name} = {p.default}" for p in parameters
    ]
    return f"({', '.join(words)})"
