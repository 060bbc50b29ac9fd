"""TABLE of the records of a derivation: each field under its key, both ways.

A field is written under its key, beside it what people read: the text of an expression under
another. `json_export` writes by these records, `json_import` reads by them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from math import inf, isinf
from operator import attrgetter, itemgetter
from typing import Any, get_args

from ..core.dims import Shape
from ..core.equations import EquationSides, EquationSystem, LinearEquation, LinearSystem
from ..core.errors import RequestError
from ..core.expr import Expr, symbol
from ..core.families import NO_FAMILIES, Families, MemberSystem, Segment
from ..core.indices import Range, parts
from ..core.named_tuples import NamedTuple
from ..core.problem import Problem, Request, RequestKind
from ..core.results import (
    Adjoint,
    Equation,
    Factor,
    Line,
    Recursion,
    Rejected,
    Result,
    Rewriting,
    Step,
    Validation,
    Verdict,
)
from ..language.printer import to_text
from ..numerics.adjoint_solvers import solution_of
from .json_nodes import (
    COUNT,
    FLAG,
    FRACTION,
    LENGTHS,
    NAME,
    NODE,
    NUMBER,
    RANGES,
    SHAPE,
    SIZES,
    SYMBOL,
    TEXT,
    Codec,
    JsonObject,
    SharedNodes,
    each,
    maybe,
    one_of,
)

_ALWAYS = object()  # a field that is written whatever it is


class Field(NamedTuple):
    """What a parameter is written as, under which key (its own name if none is given); what is
    written beside it for people; where it is `absent`, none of this is. It is taken from the
    attribute of its name, if nothing else is said."""

    name: str
    codec: Codec
    key: str = ""
    told: Mapping[str, Callable[[Any], Any]] = {}
    absent: Any = _ALWAYS
    take: Callable[[Any], Any] | None = None

    def written(self, x: Any, nodes: SharedNodes) -> JsonObject:
        value = getattr(x, self.name) if self.take is None else self.take(x)
        if value == self.absent:
            return {}
        told = {key: tell(value) for key, tell in self.told.items()}
        return {**told, self.key or self.name: self.codec.write(value, nodes)}

    def read(self, data: Mapping[str, Any], nodes: SharedNodes) -> Any:
        key = self.key or self.name
        if self.absent is not _ALWAYS and key not in data:
            return self.absent
        return self.codec.read(data[key], nodes)


def record(make: Callable[..., Any], *fields: Field) -> Codec:
    """That of what is made of these fields."""

    def write(x: Any, nodes: SharedNodes) -> JsonObject:
        return {key: value for f in fields for key, value in f.written(x, nodes).items()}

    return Codec(write, lambda data, nodes: make(**{f.name: f.read(data, nodes) for f in fields}))


def _pair(*fields: Field) -> Codec:
    placed = (f._replace(take=itemgetter(i)) for i, f in enumerate(fields))
    return record(lambda **own: tuple(own.values()), *placed)


def _by_name(value: Field) -> Codec:
    """That of mappings, as lists whose entries have a name."""
    pairs = each(_pair(Field("name", NAME), value))
    return Codec(
        lambda x, nodes: pairs.write(x.items(), nodes), lambda x, nodes: dict(pairs.read(x, nodes))
    )


def expanded(e: Expr | None) -> str | None:
    """None where its shared parts, written out, would never end."""
    try:
        return None if e is None else to_text(e)
    except RequestError:
        return None


def _texted(name: str, text: str = "", node: str = "node", **told: Callable[[Any], Any]) -> Field:
    """An expression: its node, and beside it its text."""
    return Field(name, NODE, node, {text or name: to_text, **told})


def _validation(exact: bool, order: float, **own: Any) -> Validation:
    return Validation(order=inf if exact else order, **own)


def _equation(
    name: str,
    shape: Shape,
    value: Expr | None,
    ranges: tuple[Range, ...],
    solved: LinearSystem | None,
) -> Equation:
    own = symbol(name, shape)
    if solved is not None:
        own = next(s for s in solved.symbols if s.name == name)
        value = solution_of(solved, own)
    if value is None or shape != value.shape:
        raise ValueError(f"`{name}` has another shape than its value")
    return Equation(own, value, ranges)


def _segment(name: str, shape: Shape, body: Expr | None, **own: Any) -> Segment:
    base, indices = parts(name)
    letters = {i.letter for i in indices}
    if not indices or any(over.letter not in letters for over in own["ranges"]):
        raise ValueError(f"`{name}` is no member of a family")
    if body is not None and body.shape != shape:
        raise ValueError(f"`{name}` has another shape than its value")
    return Segment(base, indices, shape=shape, body=body, **own)


def _families(
    lengths: tuple[str, ...], systems: tuple[MemberSystem, ...], **own: tuple[Segment, ...]
) -> Families:
    letters = {
        t for segments in own.values() for s in segments for r in s.ranges for t in r.letters
    }
    if letters != {*lengths} or len(lengths) != len(letters):
        raise ValueError("`lengths` are not the letters to which indices run")
    return Families(lengths=lengths, systems=systems, **own)


def _set(inner: Codec) -> Codec:
    return Codec(lambda x, _: sorted(x), lambda x, nodes: frozenset(each(inner).read(x, nodes)))


def _shape_of(e: Expr) -> list[str]:
    return [str(d) for d in e.shape]


_NAME_OF = attrgetter("name")
_TEXTS, _SYMBOLS = each(TEXT), each(SYMBOL)
_PADDED = Codec(
    lambda padded, _: [list(p) for p in padded],
    lambda x, nodes: tuple([(TEXT.read(b, nodes), COUNT.read(axis, nodes)) for b, axis in x]),
)

_VALIDATION = record(
    _validation,
    Field("verdict", one_of(get_args(Verdict))),
    Field("reason", TEXT),
    Field("max_relative_error", NUMBER),
    Field("order", NUMBER),
    Field("exact", FLAG, take=lambda v: isinf(v.order)),
    Field("zero", FLAG),
    Field("draws", COUNT),
    Field("sizes", each(SIZES)),
    Field("conditions", _TEXTS),
    Field("seed", COUNT),
)
_FACTOR = record(Factor, _texted("expression", "factor", shape=_shape_of), Field("origin", TEXT))
_REJECTED = record(
    Rejected,
    _texted("arrangement"),
    Field("error", NUMBER, "relative_error"),
    Field("reason", TEXT),
)
_LINE = record(
    Line,
    Field("coefficient", FRACTION),
    Field("factors", each(_FACTOR)),
    _texted("arrangement"),
    Field("fitting", COUNT),
    Field("all_counted", FLAG),
    Field("typed", COUNT),
    Field("rejected", each(_REJECTED)),
)
_STEP = record(
    Step,
    Field("of", TEXT),
    Field("wrt", TEXT),
    Field("label", TEXT),
    Field("shape", SHAPE),
    Field("lines", each(_LINE)),
    _texted("result"),
    Field("note", TEXT),
)
_REWRITING = record(
    Rewriting,
    Field("rule", TEXT),
    _texted("before", node="before_node"),
    _texted("after", node="after_node"),
)
_SIDES = (_texted("left", node="left_node"), _texted("right", node="right_node"))
_SYSTEM = record(
    EquationSystem,
    Field("unknowns", _SYMBOLS, "nodes", {"unknowns": lambda us: [u.name for u in us]}),
    Field("solver", TEXT),
    Field("arguments", each(NODE)),
    Field("equations", each(record(EquationSides, *_SIDES))),
)
_LINEAR = record(
    LinearEquation,
    Field("unknown", SYMBOL, "unknown_node", {"unknown": _NAME_OF}),
    *_SIDES,
    Field("entries", TEXT),
)
_DETERMINED = record(
    LinearSystem,
    Field("symbols", _SYMBOLS, "nodes", {"names": lambda symbols: [s.name for s in symbols]}),
    Field("equations", each(_LINEAR)),
)
_MULTIPLIER = _pair(
    _texted("residual", node="residual_node"), Field("name", NODE, "node", {"name": _NAME_OF})
)
_ADJOINT = record(
    Adjoint,
    Field("systems", each(_SYSTEM)),
    Field("weighted", each(_MULTIPLIER), "multipliers"),
    Field("equations", each(_LINEAR)),
    Field("differentials", each(_DETERMINED), absent=()),
)
_EQUATION = record(
    _equation,
    Field("name", NAME, take=attrgetter("symbol.name")),
    Field("shape", SHAPE, take=attrgetter("symbol.shape")),
    _texted("value")._replace(absent=None, take=lambda q: None if q.solved else q.value),
    Field("solved", _DETERMINED, "solves", absent=None),
    Field("ranges", RANGES, "for"),
)
_RECURSION = record(
    Recursion,
    Field("cotangents", each(_EQUATION), "backward"),
    Field("gradients", each(_EQUATION), "gradient"),
    Field("least", LENGTHS),
    Field("padded", _PADDED, absent=()),
    Field("left_out", each(_EQUATION), absent=()),
)
_SEGMENT = record(
    _segment,
    Field("name", NAME),
    Field("shape", SHAPE),
    Field("attributes", _set(TEXT)),
    Field("body", maybe(NODE), "node", {"value": expanded}),
    Field("ranges", RANGES, "for"),
    Field("padded", _set(COUNT), absent=frozenset()),
)
_MEMBER_SYSTEM = record(MemberSystem, Field("system", _SYSTEM), Field("ranges", RANGES, "for"))
_FAMILIES = record(
    _families,
    Field("lengths", _TEXTS),
    Field("segments", each(_SEGMENT), "members"),
    Field("functions", each(_SEGMENT)),
    Field("systems", each(_MEMBER_SYSTEM), absent=()),
)
PROBLEM = record(
    partial(Problem, requests=()),
    Field("text", TEXT),
    Field("symbols", _by_name(Field("node", SYMBOL, told={"shape": _shape_of}))),
    Field(
        "definitions", _by_name(Field("node", NODE, told={"value": lambda e: expanded(e.args[0])}))
    ),
    Field("functions", each(NAME)),
    Field("constants", _set(TEXT)),
    Field("unused", _TEXTS),
    Field("systems", each(_SYSTEM), absent=()),
    Field("families", _FAMILIES, absent=NO_FAMILIES),
)
REQUEST = record(
    Request,
    Field("kind", one_of(get_args(RequestKind))),
    Field("of_text", TEXT, "of"),
    Field("of", NODE, "of_node"),
    Field("wrt", SYMBOL, "wrt_node", {"wrt": _NAME_OF}),
    Field(
        "direction", maybe(SYMBOL), "with_node", {"with": lambda s: None if s is None else s.name}
    ),
    Field("symmetric", FLAG),
    Field("ranges", RANGES, "given", absent=()),
    Field("rows", SYMBOL, "rows_node", absent=None),
    Field("system", _SYSTEM, "solves", absent=None),
)
RESULT = record(
    lambda **own: partial(Result, **own),  # of a request, and of what is kept
    _texted("gradient", node="gradient_node", shape=_shape_of),
    Field("definitions", each(_pair(Field("name", TEXT), _texted("value")))),
    Field("validation", _VALIDATION),
    Field("steps", each(_STEP)),
    Field("rewritings", each(_REWRITING), "simplification"),
    Field("notes", _TEXTS),
    Field("shared", each(_pair(_texted("of"), Field("name", TEXT))), absent=()),
    Field("recursion", _RECURSION, absent=None),
    Field("adjoint", _ADJOINT, absent=None),
)
