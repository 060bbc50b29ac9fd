"""Expressions as plain data: each node once, and how the parts of one are written and read.

A codec writes a value as what JSON can hold, and reads it back: what is none is refused. Every node
is built anew by its constructor, so that what doesn't fit together is refused, too.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from typing import Any, get_args

from ..core import expr as ex
from ..core.dims import Dim, Shape
from ..core.errors import InputError, ShapeError
from ..core.exact_powers import MOST_BITS
from ..core.expr import Abstract, Call, Constant, Dimension, Expr, Name, Number, Structured, Symbol
from ..core.functions import TABLE
from ..core.indices import Range, base_of, ranges_of, read_name, written
from ..core.named_tuples import NamedTuple
from ..core.structure import sizes_of
from ..core.traversal import postorder

JsonObject = dict[str, Any]


class SharedNodes:
    """Every node once, after those that it uses, from when it is first mentioned; or those of such
    a table."""

    def __init__(self, table: Sequence[Mapping[str, Any]] = ()) -> None:
        self.table: list[Mapping[str, Any]] = []
        self._index: dict[Expr, int] = {}
        self._nodes: list[Expr] = []
        for entry in table:
            self._nodes.append(_node(entry, [self.at(i) for i in entry["args"]]))

    def __getitem__(self, e: Expr) -> int:
        for new in postorder([e], lambda a: a not in self._index):
            if new not in self._index:
                self._index[new] = len(self.table)
                args = [self._index[a] for a in new.args]
                node = {"op": new.op, "args": args, "shape": SHAPE.write(new.shape, self)}
                self.table.append({**node, **_payload(new)})
        return self._index[e]

    def at(self, index: Any) -> Expr:
        return self._nodes[_count(index)]

    def symbol(self, index: Any) -> Symbol:
        found = self.at(index)
        if not isinstance(found, Symbol):
            raise ValueError("a symbol of the problem is none")
        return found


class Codec(NamedTuple):
    """How a value is written, and read back."""

    write: Callable[[Any, SharedNodes], Any]
    read: Callable[[Any, SharedNodes], Any]


def codec(read: Callable[[Any], Any], write: Callable[[Any], Any] = lambda x: x) -> Codec:
    """That of values without nodes."""
    return Codec(lambda x, _: write(x), lambda x, _: read(x))


def one_of(values: Sequence[Any]) -> Codec:
    return codec(lambda x: _one_of(values, x))


def maybe(inner: Codec) -> Codec:
    """None, too."""
    return Codec(
        lambda x, nodes: None if x is None else inner.write(x, nodes),
        lambda x, nodes: None if x is None else inner.read(x, nodes),
    )


def each(inner: Codec) -> Codec:
    """A tuple of such values."""
    return Codec(
        lambda xs, nodes: [inner.write(x, nodes) for x in xs],
        lambda xs, nodes: tuple([inner.read(x, nodes) for x in _listed(xs)]),
    )


def finite(x: float) -> float | None:
    return float(x) if math.isfinite(x) else None


def _listed(values: Any) -> Sequence[Any]:
    if not isinstance(values, Sequence) or isinstance(values, str):
        raise ValueError(f"{values!r} is no list")
    return values


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{value!r} is no text")
    return value


def _flag(value: Any) -> bool:
    if type(value) is not bool:
        raise ValueError(f"{value!r} is neither true nor false")
    return value


def _count(value: Any, least: int = 0) -> int:
    if type(value) is not int or value < least:
        raise ValueError(f"{value!r} is no count")
    return value


def _one_of(values: Sequence[Any], value: Any) -> Any:
    if value not in values:
        raise ValueError(f"{value!r} is none of {', '.join(map(str, values))}")
    return value


def _fraction(text: str) -> Fraction:
    if len(text) > 2 * MOST_BITS or not re.fullmatch(r"-?\d+(/\d+)?", text):
        raise ValueError("a number is not a fraction")
    return Fraction(text)


def _ranges(text: str | None) -> tuple[Range, ...]:
    """Ranges as they print: `b = 1..B, l = L..1`."""
    found = () if text is None else ranges_of(text)
    if found is None:
        raise ValueError(f"{text!r} is no range of an index")
    return found


def _counts(data: Mapping[str, Any], least: int) -> Mapping[str, int]:
    return {_text(name): _count(size, least) for name, size in data.items()}


def _sorted(sizes: Mapping[str, int]) -> Mapping[str, int]:
    return dict(sorted(sizes.items()))


def _dim(text: str) -> Dim:
    """A dimension as it prints: a sum of products, `2 n m-1`, of members' too, `2 n[l-1]`, or
    divided, `n (n+1) / 2`."""
    divided = re.fullmatch(r"(?:([^()/]*) )?\((.*)\) / (\d+)", text)
    if divided:
        shared, inner, divisor = divided.groups()
        found = (_dim(shared or "1") * _dim(inner)).over(int(divisor))
        if found is None:
            raise ValueError(f"{text!r} is no dimension")
        return found
    product_of = r"(?:[^+\-\[\]]|\[[^\[\]]*\])+"
    if not re.fullmatch(rf"-?{product_of}([+-]{product_of})*", text):
        raise ValueError(f"{text!r} is no dimension")
    total = Dim(())
    for sign, product in re.findall(rf"([+-]?)({product_of})", text):
        term = Dim.of(-1 if sign == "-" else 1)
        for word in product.split():
            name = read_name(word)
            if not word.isdecimal() and not base_of(name).isidentifier():
                raise ValueError(f"{text!r} is no dimension")
            term = term * Dim.of(int(word) if word.isdecimal() else name)
        total = total + term
    return total


def _shape(texts: Sequence[str]) -> Shape:
    rows, cols = map(_dim, texts)
    return rows, cols


TEXT, FLAG, COUNT = codec(_text), codec(_flag), codec(_count)
NAME = codec(lambda x: read_name(_text(x)))
FRACTION = codec(_fraction, str)
NUMBER = codec(lambda x: math.nan if x is None else float(x), finite)
SHAPE = codec(_shape, lambda shape: [str(d) for d in shape])
RANGES = codec(_ranges, lambda ranges: written(ranges) or None)
SIZES = codec(lambda x: _counts(x, 0), _sorted)
LENGTHS = codec(lambda x: _counts(x, 1), _sorted)
NODE = Codec(lambda e, nodes: nodes[e], lambda i, nodes: nodes.at(i))
SYMBOL = Codec(NODE.write, lambda i, nodes: nodes.symbol(i))


def _payload(e: Expr) -> JsonObject:
    """What a node has beside its arguments."""
    match e:
        case Number(value=Fraction()):
            return {"value": str(e.value)}
        case Number():
            return {"value": e.value}
        case Symbol():
            return {"name": e.name, "attributes": sorted(e.attributes)}
        case Dimension() | Constant() | Name():
            return {"name": e.name}
        case Abstract():
            return {"name": e.name, "order": e.order}
        case ex.Total():
            return {"over": str(e.over), **({} if e.fold == ex.SUM else {"fold": e.fold})}
        case Structured():
            return {"pattern": e.pattern, "offset": str(e.offset)}
        case Call(data=int()):
            return {"axis": e.data}
    return {"sizes": [str(dim) for dim in sizes_of(e)]} if sizes_of(e) else {}


def _node(data: Mapping[str, Any], args: Sequence[Expr]) -> Expr:
    """The node of an entry, as its constructor makes it."""
    op, shape = data["op"], _shape(data["shape"])
    extra: Any = tuple(map(_dim, data["sizes"])) if "sizes" in data else data.get("axis")
    if op in _LEAVES:
        found = _LEAVES[op](data, shape)
    elif op == "name":
        found = ex.named(read_name(_text(data["name"])), *args)
    elif op == "total":
        (summed,), (over,) = args, _ranges(data["over"])
        found = ex.total(summed, over, _one_of(ex.FOLDS, data.get("fold", ex.SUM)))
    elif op == "abstract":
        found = ex.abstract(read_name(_text(data["name"])), _count(data["order"]), *args)
    elif op == "powers":
        found = ex.powers(*args, degree=extra[0])
    elif op in TABLE:
        found = ex.call(op, *args, data=extra)
    else:
        raise InputError(f"`{op}` is no function here: add it with `function` first.")
    if found.shape != shape:
        raise ShapeError(f"`{op}` is {'×'.join(data['shape'])} in it, and not by its arguments.")
    # the constructors may flatten a product in another way: the node is as it was
    if not args or found.op != op:
        return found
    return ex.node(type(found), tuple(args), shape, *found.payload)


_LEAVES: Mapping[str, Callable[[Mapping[str, Any], Shape], Expr]] = {
    "number": lambda d, _: ex.number(_constant(d["value"])),
    "symbol": lambda d, shape: ex.symbol(
        read_name(_text(d["name"])), shape, tuple(map(_text, _listed(d["attributes"])))
    ),
    "dimension": lambda d, _: ex.dimension(_dim(d["name"])),
    "constant": lambda d, _: ex.constant(_text(d["name"])),
    "ones": lambda _, shape: ex.ones(*shape),
    "zeros": lambda _, shape: ex.zeros(*shape),
    "eye": lambda _, shape: ex.eye(shape[0]),
    **dict.fromkeys(ex.OF_VECTORS, lambda d, _: ex.OF_VECTORS[d["op"]](*map(_dim, d["sizes"]))),
    "structured": lambda d, shape: ex.structured(
        _one_of(get_args(ex.StructureKind), d["pattern"]), *shape, _dim(d["offset"])
    ),
}


def _constant(value: Any) -> ex.Real:
    return _fraction(value) if isinstance(value, str) else float(value)
