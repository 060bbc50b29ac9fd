"""A derivation read back from plain data, the inverse of `interop/json_export.py`.

Every node is built anew by its constructor, so that what doesn't fit together is refused. A verdict
is taken as it stands where the fingerprint says that it is about this gradient, else it is none: to
validate every derivation anew would make reading as slow as deriving.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from fractions import Fraction
from math import inf, nan
from typing import Any, TypeVar, get_args

from ..core import expr as ex
from ..core.dims import Dim, Shape
from ..core.equations import EquationSides, EquationSystem, LinearEquation, LinearSystem
from ..core.errors import InputError, ShapeError
from ..core.exact_powers import MOST_BITS
from ..core.expr import Expr, Name, Symbol
from ..core.families import NO_FAMILIES, Families, MemberSystem, Segment
from ..core.functions import TABLE
from ..core.indices import Range, base_of, parts, ranges_of, read_name
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
from ..core.traversal import postorder
from ..numerics.adjoint_solvers import solution_of
from .json_export import VERSION, fingerprint

T = TypeVar("T")
_MALFORMED = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)
CHANGED = "this derivation was changed since it was validated: derive it anew"


def from_dict(data: Mapping[str, Any]) -> tuple[Problem, Result]:
    """The problem and the result of which `data` was made. Raises InputError."""
    if not isinstance(data, Mapping) or data.get("version") != VERSION:
        raise InputError(f"this is no derivation of version {VERSION} of the schema.")
    try:
        return _Restoration(data).restored()
    except _MALFORMED as problem:
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
        recursion = self._recursion(gradient, problem)
        return problem, Result(
            request=request,
            steps=tuple(map(self._step, data["steps"])),
            gradient=gradient,
            definitions=tuple((_text(d["name"]), self._at(d["node"])) for d in data["definitions"]),
            kept=tuple(self._kept(gradient)),
            rewritings=tuple(
                Rewriting(_text(r["rule"]), self._at(r["before_node"]), self._at(r["after_node"]))
                for r in data["simplification"]
            ),
            validation=self._validation(),
            notes=_texts(data["notes"]),
            recursion=recursion,
            adjoint=self._adjoint(),
            shared=tuple((self._at(d["node"]), _text(d["name"])) for d in data.get("shared", [])),
        )

    def _validation(self) -> Validation:
        data = self._data
        found = _validation(data["validation"])
        if data.get("fingerprint") == fingerprint(data):
            return found
        return Validation("unchecked", CHANGED, nan, nan, 0, (), found.seed)

    def _at(self, index: Any) -> Expr:
        (checked,) = _indices([index])
        return self._nodes[checked]

    def _kept(self, gradient: Expr) -> Iterable[Expr]:
        """Names that the gradient uses; of families, also what is made on the way to a member."""
        if "recursion" in self._data:
            return map(self._at, self._data["recursion"]["kept"])
        values = [e for e in postorder([gradient]) if isinstance(e, (Symbol, Name))]
        names = {e.name: e for e in values}
        return [names[text] for text in self._data["kept"]]

    def _recursion(self, gradient: Expr, problem: Problem) -> Recursion | None:
        """The equations of a problem with families, which all such have."""
        if problem.has_families != ("recursion" in self._data):
            raise ValueError("a recurrence and `families` go together")
        if not problem.has_families:
            return None
        data = self._data["recursion"]
        equations = tuple(map(self._equation, data["gradient"]))
        if not equations or equations[0].value is not gradient:
            raise ValueError("the gradient is not that of the recurrence")
        least = {letter: _count(data["least"][letter], 1) for letter in problem.families.lengths}
        if len(least) != len(data["least"]):
            raise ValueError("`least` has other letters than `lengths`")
        padded = tuple((_text(base), _count(axis, 0)) for base, axis in data.get("padded", []))
        return Recursion(tuple(map(self._equation, data["backward"])), equations, least, padded)

    def _adjoint(self) -> Adjoint | None:
        if "adjoint" not in self._data:
            return None
        data = self._data["adjoint"]
        return Adjoint(
            tuple(map(self._system, data["systems"])),
            tuple((self._at(m["residual_node"]), self._at(m["node"])) for m in data["multipliers"]),
            tuple(map(self._linear, data["equations"])),
            tuple(map(self._determined, data.get("differentials", []))),
        )

    def _determined(self, data: Mapping[str, Any]) -> LinearSystem:
        symbols = tuple(map(self._symbol, data["nodes"]))
        return LinearSystem(symbols, tuple(map(self._linear, data["equations"])))

    def _linear(self, data: Mapping[str, Any]) -> LinearEquation:
        return LinearEquation(
            self._symbol(data["unknown_node"]),
            self._at(data["left_node"]),
            self._at(data["right_node"]),
            _text(data["entries"]),
        )

    def _system(self, data: Mapping[str, Any]) -> EquationSystem:
        return EquationSystem(
            tuple(map(self._symbol, data["nodes"])),
            tuple(
                EquationSides(self._at(e["left_node"]), self._at(e["right_node"]))
                for e in data["equations"]
            ),
            _text(data["solver"]),
            tuple(map(self._at, data["arguments"])),
        )

    def _equation(self, data: Mapping[str, Any]) -> Equation:
        symbol = ex.symbol(_name(data["name"]), _shape(data["shape"]))
        if "solves" in data:
            linear = self._determined(data["solves"])
            symbol = next(s for s in linear.symbols if s.name == symbol.name)
            return Equation(symbol, solution_of(linear, symbol), _ranges(data["for"]))
        value = self._at(data["node"])
        if symbol.shape != value.shape:
            raise ValueError(f"`{symbol.name}` has another shape than its value")
        return Equation(symbol, value, _ranges(data["for"]))

    def _families(self, data: Mapping[str, Any]) -> Families:
        lengths = _texts(data["lengths"])
        members = tuple(map(self._segment, data["members"]))
        functions = tuple(map(self._segment, data["functions"]))
        letters = {t for s in (*members, *functions) for r in s.ranges for t in r.letters}
        if letters != set(lengths) or len(lengths) != len(letters):
            raise ValueError("`lengths` are not the letters to which indices run")
        systems = (
            MemberSystem(self._system(x["system"]), _ranges(x["for"]))
            for x in data.get("systems", [])
        )
        return Families(members, lengths, functions, tuple(systems))

    def _segment(self, data: Mapping[str, Any]) -> Segment:
        base, indices = parts(_name(data["name"]))
        shape, ranges = _shape(data["shape"]), _ranges(data["for"])
        body = None if data["node"] is None else self._at(data["node"])
        letters = {i.letter for i in indices}
        if not indices or any(over.letter not in letters for over in ranges):
            raise ValueError(f"`{data['name']}` is no member of a family")
        if body is not None and body.shape != shape:
            raise ValueError(f"`{data['name']}` has another shape than its value")
        attributes = frozenset(_texts(data["attributes"]))
        padded = frozenset(_count(axis, 0) for axis in data.get("padded", []))
        return Segment(base, indices, ranges, shape, body, attributes, padded=padded)

    def _request(self) -> Request:
        data = self._data
        direction = None if data["with_node"] is None else self._symbol(data["with_node"])
        wrt = self._symbol(data["wrt_node"])
        kind = _one_of(get_args(RequestKind), data["kind"])
        if (direction is not None) != (kind in ("vjp", "jvp", "hvp")):
            raise ValueError(f"`with` is not for `{kind}`, or missing")
        system = self._system(data["solves"]) if "solves" in data else None
        if (system is not None) != (kind == "solve") or (
            system is not None and wrt not in system.unknowns
        ):
            raise ValueError("`solves` has the equations of `solve`, and of nothing else")
        return Request(
            kind,
            self._at(data["of_node"]),
            _text(data["of"]),
            wrt,
            direction,
            _flag(data["symmetric"]),
            system=system,
            ranges=_ranges(data.get("given")),
            rows=self._symbol(data["rows_node"]) if "rows_node" in data else None,
        )

    def _problem(self, request: Request) -> Problem:
        data = self._data["problem"]
        return Problem(
            _text(data["text"]),
            {_name(s["name"]): self._symbol(s["node"]) for s in data["symbols"]},
            {_name(d["name"]): self._at(d["node"]) for d in data["definitions"]},
            (request,),
            tuple(map(read_name, _texts(data["functions"]))),
            _texts(self._data["assumptions"]),
            _texts(self._data["readings"]),
            frozenset(_texts(data["constants"])),
            self._families(data["families"]) if "families" in data else NO_FAMILIES,
            systems=tuple(map(self._system, data.get("systems", []))),
            unused=_texts(data.get("unused", [])),
        )

    def _symbol(self, index: Any) -> Symbol:
        found = self._at(index)
        if not isinstance(found, Symbol):
            raise ValueError("a symbol of the problem is none")
        return found

    def _step(self, data: Mapping[str, Any]) -> Step:
        return Step(
            _text(data["of"]),
            _text(data["wrt"]),
            _text(data["label"]),
            _shape(data["shape"]),
            tuple(map(self._line, data["lines"])),
            self._at(data["node"]),
            _text(data["note"]),
        )

    def _line(self, data: Mapping[str, Any]) -> Line:
        return Line(
            _fraction(data["coefficient"]),
            tuple(Factor(self._at(f["node"]), _text(f["origin"])) for f in data["factors"]),
            self._at(data["node"]),
            _count(data["fitting"]),
            _flag(data["all_counted"]),
            _count(data["typed"]),
            tuple(
                Rejected(self._at(r["node"]), _number(r["relative_error"]), _text(r["reason"]))
                for r in data["rejected"]
            ),
        )


def _node(data: Mapping[str, Any], args: Sequence[Expr]) -> Expr:
    """The node of an entry, as its constructor makes it."""
    op, shape = data["op"], _shape(data["shape"])
    if op in _LEAVES:
        found = _LEAVES[op](data, shape)
    elif op == "name":
        found = ex.named(_name(data["name"]), *args)
    elif op == "total":
        (summed,) = args
        found = ex.total(summed, _over(data["over"]), _one_of(ex.FOLDS, data.get("fold", ex.SUM)))
    elif op == "abstract":
        found = ex.abstract(_name(data["name"]), _count(data["order"]), *args)
    elif op == "powers":
        found = ex.powers(*args, degree=_extra(data)[0])
    elif op in TABLE:
        found = ex.call(op, *args, data=_extra(data))
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
    "symbol": lambda d, shape: ex.symbol(_name(d["name"]), shape, _texts(d["attributes"])),
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


def _over(text: str) -> Range:
    (over,) = _ranges(text)
    return over


def _texts(values: Sequence[str]) -> tuple[str, ...]:
    if not isinstance(values, Sequence) or isinstance(values, str):
        raise ValueError(f"{values!r} is no list")
    return tuple(map(_text, values))


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{value!r} is no text")
    return value


def _name(value: Any) -> str:
    return read_name(_text(value))


def _flag(value: Any) -> bool:
    if type(value) is not bool:
        raise ValueError(f"{value!r} is neither true nor false")
    return value


def _count(value: Any, least: int = 0) -> int:
    if type(value) is not int or value < least:
        raise ValueError(f"{value!r} is no count")
    return value


def _sizes(data: Mapping[str, Any]) -> Mapping[str, int]:
    return {_text(name): _count(size, 0) for name, size in data.items()}


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


def _validation(data: Mapping[str, Any]) -> Validation:
    return Validation(
        _one_of(get_args(Verdict), data["verdict"]),
        _text(data["reason"]),
        _number(data["max_relative_error"]),
        inf if _flag(data["exact"]) else _number(data["order"]),
        _count(data["draws"]),
        tuple(_sizes(sizes) for sizes in data["sizes"]),
        _count(data["seed"]),
        _texts(data["conditions"]),
        _flag(data["zero"]),
    )


def _number(value: float | None) -> float:
    return nan if value is None else float(value)


def _one_of(values: Sequence[T], value: Any) -> T:
    if value not in values:
        raise ValueError(f"{value!r} is none of {', '.join(map(str, values))}")
    found: T = value
    return found
