"""A Python function as a problem: it is run on symbols, and what it computes is written in the
language, and compared with the function's own values.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from ..core import expr as ex
from ..core.dims import ONE, Extent
from ..core.errors import InputError, RequestError, TraceError
from ..core.expr import Expr, Symbol
from ..core.functions import Array
from ..core.problem import Problem
from ..core.traversal import postorder, substitute
from ..language.elaboration import read
from ..language.printer import to_text
from ..language.shapes.words import vocabulary
from ..language.syntax.parser import parse
from ..language.syntax.tree import Declaration
from ..language.vocabularies import is_name
from ..numerics.evaluation import EvaluationTape
from ..numerics.sampling import Profile, assignments, dims_of, draw, generator
from ..simplification.written_forms import with_functions
from . import arrays
from .arrays import Traced
from .libraries import LIBRARIES, Followed, library_of
from .places import SourceLine

_ONE_AXIS = re.compile(r"(?:x|×|,|\\times)\s*1\b")
PROFILES = (Profile(), Profile(sign=1), Profile(0.3), Profile(0.3, 1), Profile(boosted=False))
CLOSE = 1e-8  # relative: a reading is right to that
VALUE_NAMES = {True: ("J", "f", "loss"), False: ("Y", "F", "value")}  # of a scalar, or not


class ShapedParameter(NamedTuple):
    """An argument of a function: its symbol, and its shape as an array."""

    symbol: Symbol
    shape: Extent
    classes: bool = False  # whose numbers it is, where its symbol is one-hot

    def given(self, array: Array) -> Array:
        """A matrix as the array that the function takes."""
        if self.classes:
            return np.asarray(array.argmax(axis=1))
        return array.reshape([n for n, _ in zip(array.shape, self.shape, strict=False)])


def read_function(f: Callable[..., Any], shapes: Mapping[str, str] | str) -> Problem:
    """The problem that a function is, asked for its gradient by all of its arguments that aren't
    `const`, or for its backward rule if it gives an array. Raises InputError with the place in the
    function."""
    head = declarations(shapes)
    _check_axes(f, head)
    declared = read(head, complete=False)
    parameters = shaped_parameters(f, head, declared)
    asked = [name for name in declared.symbols if name not in declared.constants]
    if not asked:
        raise RequestError("all arguments are `const`: there is nothing to derive by.")
    followed = follow(f, parameters)
    numbered = _numbered(followed, parameters)
    if numbered:
        parameters = {**parameters, **numbered}
        asked = [name for name in asked if name not in numbered]
        head = _declared_one_hot(head, numbered)
        declared = read(head, complete=False)

    def written(followed: Followed) -> Problem:
        names = ProblemText(declared, parameters.values())
        text, body = names.written(followed)
        request = f"{'grad' if body.is_scalar else 'vjp'} {names.value} wrt {', '.join(asked)}"
        problem = read(f"{head}\n{text}\n{request}")
        confirm(f, parameters, problem.definitions[names.value])
        said = [f"`{_called(f)}` as {'; '.join(text.splitlines())}"]
        said += [f"`{name}` numbers classes: it is the one-hot matrix here." for name in numbered]
        return replace(problem, readings=tuple(said))

    try:
        return written(followed)
    except InputError:  # a local name that means something in the language
        return written(followed._replace(locals={}))


def declarations(shapes: Mapping[str, str] | str) -> str:
    """The shapes as a text of declarations, one a line."""
    if isinstance(shapes, str):
        return "\n".join(part.strip() for part in re.split(r"[;\n]", shapes) if part.strip())
    for name, shape in shapes.items():
        if not isinstance(shape, str):
            raise InputError(
                f'the shape of `{name}` is a text such as "m x d", not a {type(shape).__name__}.'
            )
    return "\n".join(f"{name} : {shape}" for name, shape in shapes.items())


def _numbered(
    followed: Followed, parameters: Mapping[str, ShapedParameter]
) -> dict[str, ShapedParameter]:
    """The arguments that are the numbers of classes. Raises TraceError for one that is a value
    too."""
    roots = [followed.value.e, *(x.e for x in followed.locals.values())]
    symbols = [e for e in postorder(roots) if isinstance(e, Symbol) and e.name in parameters]
    found = {
        e.name: ShapedParameter(e, parameters[e.name].shape, classes=True)
        for e in symbols
        if e is not parameters[e.name].symbol
    }
    for e in symbols:
        if e.name in found and e is not found[e.name].symbol:
            raise TraceError(f"`{e.name}` numbers classes in one place, and is a value in another.")
    return found


def _declared_one_hot(head: str, numbered: Mapping[str, ShapedParameter]) -> str:
    """The declarations with the matrices of classes in the place of their numbers."""
    lines = []
    for line in head.splitlines():
        names, colon, shape = line.partition(":")
        kept = [n for n in map(str.strip, names.split(",")) if n not in numbered]
        lines += [f"{', '.join(kept)} {colon}{shape}"] if kept else []
    for name, p in numbered.items():
        rows, count = p.symbol.shape
        lines.append(f"{name} : ({rows}) x ({count}) onehot")
    return "\n".join(lines)


def _check_axes(f: Callable[..., Any], head: str) -> None:
    """Refuse an argument of more than two axes, at the function. Raises TraceError."""
    for line in head.splitlines():
        name, _, shape = line.partition(":")
        sides = re.split(r"\s+x\s+|×|,", shape.strip(" ()[]"))
        if len(sides) <= arrays.HIGHEST_RANK:
            continue
        message = (
            f"`{name.strip()}` has {len(sides)} axes, and arrays of at most "
            f"{arrays.HIGHEST_RANK} are followed: give the function of one member, "
            f"`{name.strip()}: {' x '.join(sides[-2:])}`; in the language a batch is a family, "
            f"`{name.strip()}[i] : {' x '.join(sides[-2:])} for i = 1..{sides[0]}`, with "
            f"`sum(i = 1..{sides[0]}) …`."
        )
        code = getattr(inspect.unwrap(f), "__code__", None)
        if code is None:
            raise TraceError(message)
        raise SourceLine(code.co_filename, code.co_firstlineno).refusal(message)


def _called(f: Callable[..., Any]) -> str:
    return str(getattr(f, "__name__", type(f).__name__))


# ----------------------------------------------------------------------------------- parameters


def shaped_parameters(
    f: Callable[..., Any], head: str, declared: Problem
) -> dict[str, ShapedParameter]:
    """The function's arguments that have a shape. Raises InputError where one lacks it."""
    try:
        signature = inspect.signature(f)
    except (TypeError, ValueError):
        raise TraceError(f"`{_called(f)}` has no signature that Python can tell.") from None
    ranks = {}
    for statement in parse(head, vocabulary()):
        if not isinstance(statement, Declaration):
            raise InputError('shapes are declarations and nothing else: "X: m x d; w: d".')
        typed = head[statement.span.start : statement.span.end].partition(":")[2]
        scalar = "scalar" in [word.name for word in statement.words]
        for name, _ in statement.names:
            wide = declared.symbols[name].shape[1] != ONE if name in declared.symbols else False
            ranks[name] = 0 if scalar else 2 if wide or _ONE_AXIS.search(typed) else 1
    if declared.has_families or declared.functions:
        raise InputError("the shapes of a function's arguments have no indices, and no functions.")
    found = {}
    for name, parameter in signature.parameters.items():
        if name in declared.symbols:
            symbol = declared.symbols[name]
            found[name] = ShapedParameter(symbol, symbol.shape[: ranks[name]])
        elif parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD) and (
            parameter.default is parameter.empty
        ):
            raise InputError(
                f'`{_called(f)}` takes `{name}`, whose shape is not given: write {name}="m x n", '
                f'{name}="m" for one axis, or {name}="scalar".'
            )
    for name in declared.symbols:
        if name not in found:
            takes = ", ".join(f"`{p}`" for p in signature.parameters) or "nothing"
            raise InputError(f"`{_called(f)}` takes no `{name}`: it takes {takes}.")
    return found


# ------------------------------------------------------------------------------- running it


def follow(f: Callable[..., Any], parameters: Mapping[str, ShapedParameter]) -> Followed:
    """What a function computes of symbols. Raises TraceError with the place in it."""
    library = LIBRARIES[library_of(f)]
    dims = dict.fromkeys(name for p in parameters.values() for d in p.shape for name in d.names)
    given = {name: Traced(p.symbol, p.shape) for name, p in parameters.items()}
    return library.follow(f, given, list(dims))


# -------------------------------------------------------------------------------- as a text


class ProblemText:
    """The names that a function's values have in the language."""

    def __init__(self, declared: Problem, parameters: Iterable[ShapedParameter]) -> None:
        self._taken = {*declared.symbols, *vocabulary()}
        self._taken.update(name for p in parameters for d in p.symbol.shape for name in d.names)
        self._named: dict[Expr, Expr] = {}
        self.value = ""

    def written(self, followed: Followed) -> tuple[str, Expr]:
        """Definitions in the language, a line for each, and the last one's value."""
        roots = [arrays.spread(followed.value), *(value.e for value in followed.locals.values())]
        (body, *values), _, _ = with_functions(roots)
        free = next((n for n in VALUE_NAMES[body.is_scalar] if n not in self._taken), "result")
        self.value = free
        self._taken.add(free)
        parts: dict[str, Expr] = {}
        inside = set(postorder([body]))
        for name, e in zip(followed.locals, values, strict=True):
            known = e is body or not e.args or e in parts.values() or name in self._taken
            if e in inside and not known and is_name(name):
                parts[name] = e
        lines: list[str] = []
        for e in postorder([body]):
            for name in (n for n, part in parts.items() if part is e):
                lines.append(f"{name} = {self.text(e)}")
                self._named[e] = ex.named(name, e)
        lines.append(f"{free} = {self.text(body)}")
        return "\n".join(lines), body

    def text(self, e: Expr) -> str:
        """An expression with the names of what is defined in it."""
        return to_text(substitute(e, {x: name for x, name in self._named.items() if x is not e}))


# -------------------------------------------------------------------------- is it read right?


def confirm(f: Callable[..., Any], parameters: Mapping[str, ShapedParameter], e: Expr) -> None:
    """Compare an expression with the function that it was read from, at two sizes. Raises
    TraceError where their values differ, or can't be compared."""
    library = LIBRARIES[library_of(f)]
    symbols = [p.symbol for p in parameters.values()]
    tape = EvaluationTape([e])
    compared = 0
    trouble = "it has no finite value where it was tried"
    tried = assignments(dims_of([e, *symbols]), generator(0, 1), frozenset())
    for k, sizes in enumerate(tried):
        for profile in PROFILES:
            rng = generator(0, k)
            drawn = {s.name: draw(s, sizes, rng, profile) for s in symbols}
            try:
                given = {name: p.given(drawn[name]) for name, p in parameters.items()}
                theirs = library.value(f, given)
            except Exception as error:
                trouble = f"it fails itself: {type(error).__name__}: {error}"
                continue
            ours = tape.run(drawn, sizes)[0]
            wanted = np.asarray(theirs, dtype=float)
            if not np.isfinite(wanted).all():
                continue
            _compare(f, ours, wanted)
            compared += 1
            break
        if compared == 2:
            return
    raise TraceError(f"`{_called(f)}` can't be compared with what it was read as: {trouble}.")


def _compare(f: Callable[..., Any], ours: Array, theirs: Array) -> None:
    scale = max(1.0, float(np.abs(theirs).max(initial=0.0)))
    if ours.size != theirs.size or not np.allclose(
        ours.reshape(theirs.shape), theirs, rtol=CLOSE, atol=CLOSE * scale
    ):
        raise TraceError(
            f"`{_called(f)}` has other values than what it was read as: it does something which "
            "operations on whole arrays don't show, such as writing into its arguments."
        )
