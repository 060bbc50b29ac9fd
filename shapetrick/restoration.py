"""A derivation read back from plain data, the inverse of `render/data.py`.

Every node is built anew by its constructor, so that what doesn't fit together is refused; what a
verdict says is taken as it stands.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from math import inf, nan
from typing import Any, TypeVar, get_args

from . import expr as ex
from .dims import Dim, Shape
from .errors import InputError, ShapeError
from .expr import Expr
from .functions import TABLE
from .problem import Kind, Problem, Request
from .render.data import VERSION
from .results import Factor, Line, Rejected, Result, Rewriting, Step, Validation, Verdict

T = TypeVar("T")


def from_dict(data: Mapping[str, Any]) -> tuple[Problem, Result]:
    """The problem and the result of which `data` was made. Raises InputError."""
    if not isinstance(data, Mapping) or data.get("version") != VERSION:
        raise InputError(f"this is no derivation of version {VERSION} of the schema.")
    if "recursion" in data:
        raise InputError("recurrences are not read back: derive them anew from the problem's text.")
    try:
        return _Restoration(data).restored()
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as problem:
        raise InputError(f"this is no derivation as the schema has it: {problem}") from None
    except ShapeError as problem:
        raise InputError(f"an expression in this derivation doesn't fit: {problem}") from None


class _Restoration:
    """One derivation on its way back."""

    def __init__(self, data: Mapping[str, Any]) -> None:
        self._data = data
        self._nodes: list[Expr] = []
        for entry in data["nodes"]:
            self._nodes.append(_node(entry, [self._nodes[i] for i in _indices(entry["args"])]))

    def restored(self) -> tuple[Problem, Result]:
        data = self._data
        request = self._request()
        problem = self._problem(request)
        gradient = self._at(data["gradient_node"])
        names = {e.data.name if e.op == "symbol" else e.data: e for e in self._values(gradient)}
        return problem, Result(
            request=request,
            steps=tuple(map(self._step, data["steps"])),
            gradient=gradient,
            expanded=ex.expand_names(gradient),
            definitions=tuple((d["name"], self._at(d["node"])) for d in data["definitions"]),
            kept=tuple(names[text] for text in data["kept"]),
            rewritings=tuple(
                Rewriting(r["rule"], self._at(r["before_node"]), self._at(r["after_node"]))
                for r in data["simplification"]
            ),
            validation=_validation(data["validation"]),
            notes=tuple(data["notes"]),
        )

    def _at(self, index: Any) -> Expr:
        (checked,) = _indices([index])
        return self._nodes[checked]

    def _values(self, gradient: Expr) -> list[Expr]:
        return [e for e in ex.postorder([gradient]) if e.op in ("symbol", "name")]

    def _request(self) -> Request:
        data = self._data
        direction = None if data["with_node"] is None else self._at(data["with_node"])
        wrt = self._at(data["wrt_node"])
        if wrt.op != "symbol":
            raise ValueError("`wrt` is no symbol")
        return Request(
            _one_of(get_args(Kind), data["kind"]),
            self._at(data["of_node"]),
            data["of"],
            wrt,
            direction,
            data["symmetric"],
        )

    def _problem(self, request: Request) -> Problem:
        data = self._data["problem"]
        return Problem(
            data["text"],
            {s["name"]: self._at(s["node"]) for s in data["symbols"]},
            {d["name"]: self._at(d["node"]) for d in data["definitions"]},
            (request,),
            tuple(data["functions"]),
            tuple(self._data["assumptions"]),
            tuple(self._data["readings"]),
            frozenset(data["constants"]),
        )

    def _step(self, data: Mapping[str, Any]) -> Step:
        return Step(
            data["of"],
            data["wrt"],
            data["label"],
            _shape(data["shape"]),
            tuple(map(self._line, data["lines"])),
            self._at(data["node"]),
            data["note"],
        )

    def _line(self, data: Mapping[str, Any]) -> Line:
        return Line(
            _fraction(data["coefficient"]),
            tuple(Factor(self._at(f["node"]), f["origin"]) for f in data["factors"]),
            self._at(data["node"]),
            data["fitting"],
            data["all_counted"],
            data["typed"],
            tuple(
                Rejected(self._at(r["node"]), _number(r["relative_error"]), r["reason"])
                for r in data["rejected"]
            ),
        )


def _node(data: Mapping[str, Any], args: Sequence[Expr]) -> Expr:
    """The node of an entry, as its constructor makes it."""
    op, shape = data["op"], _shape(data["shape"])
    if op in _LEAVES:
        found = _LEAVES[op](data, shape)
    elif op == "name":
        found = ex.named(data["name"], *args)
    elif op == "abstract":
        found = ex.abstract(data["name"], data["order"], *args)
    elif op in TABLE:
        found = ex.call(op, *args, data=_extra(data))
    else:
        raise InputError(f"`{op}` is no function here: add it with `function` first.")
    if found.shape != shape:
        raise ShapeError(f"`{op}` is {'×'.join(data['shape'])} in it, and not by its arguments.")
    # the constructors may flatten a product in another way: the node is as it was
    return ex.node(op, tuple(args), found.data, shape) if args and found.op == op else found


_LEAVES: Mapping[str, Callable[[Mapping[str, Any], Shape], Expr]] = {
    "number": lambda d, _: ex.number(_constant(d["value"])),
    "symbol": lambda d, shape: ex.symbol(d["name"], shape, d["attributes"]),
    "dimension": lambda d, _: ex.dimension(_dim(d["name"])),
    "constant": lambda d, _: ex.constant(d["name"]),
    "ones": lambda _, shape: ex.ones(*shape),
    "zeros": lambda _, shape: ex.zeros(*shape),
    "eye": lambda _, shape: ex.eye(shape[0]),
    "commute": lambda d, _: ex.commute(*map(_dim, d["sizes"])),
}


def _constant(value: Any) -> ex.Number:
    return _fraction(value) if isinstance(value, str) else float(value)


def _fraction(text: str) -> Fraction:
    if len(text) > 2 * ex.MOST_BITS or not re.fullmatch(r"-?\d+(/\d+)?", text):
        raise ValueError("a number is not a fraction")
    return Fraction(text)


def _extra(data: Mapping[str, Any]) -> Any:
    return tuple(map(_dim, data["sizes"])) if "sizes" in data else data.get("axis")


def _indices(values: Sequence[Any]) -> Sequence[int]:
    if not all(type(i) is int and i >= 0 for i in values):
        raise ValueError("a node is no index")
    return values


def _shape(texts: Sequence[str]) -> Shape:
    rows, cols = map(_dim, texts)
    return rows, cols


def _dim(text: str) -> Dim:
    """A dimension as it prints: a sum of products, `2 n m-1`."""
    if not re.fullmatch(r"-?[^+-]+([+-][^+-]+)*", text):
        raise ValueError(f"{text!r} is no dimension")
    total = Dim(())
    for sign, product in re.findall(r"([+-]?)([^+-]+)", text):
        term = Dim.of(-1 if sign == "-" else 1)
        for word in product.split():
            if not word.isdecimal() and not word.isidentifier():
                raise ValueError(f"{text!r} is no dimension")
            term = term * Dim.of(int(word) if word.isdecimal() else word)
        total = total + term
    return total


def _validation(data: Mapping[str, Any]) -> Validation:
    return Validation(
        _one_of(get_args(Verdict), data["verdict"]),
        data["reason"],
        _number(data["max_relative_error"]),
        inf if data["exact"] else _number(data["order"]),
        data["draws"],
        tuple(dict(sizes) for sizes in data["sizes"]),
        data["seed"],
        tuple(data["conditions"]),
        data["zero"],
    )


def _number(value: float | None) -> float:
    return nan if value is None else float(value)


def _one_of(values: Sequence[T], value: Any) -> T:
    if value not in values:
        raise ValueError(f"{value!r} is none of {', '.join(map(str, values))}")
    found: T = value
    return found
