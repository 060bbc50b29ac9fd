"""Functions for JAX: their jaxprs, with symbolic dimensions, in arrays over our expressions.

Functions that JAX has as one, such as `inv`, are known by the name of their jaxpr where that can't
be followed inside: that a function is read rightly, its values tell.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from math import isfinite, isinf, isnan
from typing import Any

import jax
import numpy as np
from jax import export

from ..core import expr as ex
from ..core.dims import NOTHING, ONE, Dim, Extent
from ..core.errors import InputError, TraceError
from ..core.expr import Expr, Symbol
from ..core.traversal import postorder
from ..numerics.evaluation import EvaluationTape
from ..numerics.sampling import dims_of
from ..simplification.written_forms import with_functions
from . import arrays, meanings, parts, torch_meanings
from .arrays import Traced, constant
from .contractions import einsum
from .places import innermost

LARGE = 1009  # a size at which comparisons of sizes are decided
_WORDS = frozenset(["mod", "floordiv", "max", "min"])  # of JAX's language of sizes
_TERM = re.compile(r"(?P<sign>[+-]?)\s*(?P<factors>[^+-]+)")


@dataclass(frozen=True, slots=True)
class Counted:
    """The numbers 0, 1, 2, … along an axis, which become I where two axes are compared."""

    shape: Extent
    axis: int


def follow(f: Callable[..., Any], given: Mapping[str, Traced], dims: Sequence[str]) -> Traced:
    """What a function computes. Raises TraceError."""
    known = {_spelled(name, k): name for k, name in enumerate(dims)}
    symbols = export.symbolic_shape(",".join(known)) if known else ()
    sizes: dict[str, Any] = dict(zip(dims, symbols, strict=True))
    with jax.enable_x64(True):
        arguments = [
            jax.ShapeDtypeStruct(  # type: ignore[no-untyped-call]
                tuple(_size(d, sizes) for d in x.shape), np.dtype(float)
            )
            for x in given.values()
        ]

        def called(*values: Any) -> Any:
            return f(**dict(zip(given, values, strict=True)))

        made = jax.make_jaxpr(called)(*arguments)
    if len(made.jaxpr.outvars) != 1:
        raise TraceError("the function gives several arrays: return one array, or a number.")
    reader = Reader(known)
    (found,) = reader.run(made.jaxpr, made.consts, list(given.values()))
    return reader.finished(reader.lifted(found))


def _spelled(name: str, k: int) -> str:
    """A name that JAX takes for a dimension, the same where it can be."""
    plain = name.isascii() and name.isidentifier() and name not in _WORDS
    return name if plain else f"dimension_{k}"


def _size(d: Dim, sizes: Mapping[str, Any]) -> Any:
    total: Any = 0
    for names, k in d.terms:
        term: Any = k
        for name in names:
            term = term * sizes[name]
        total = total + term
    return total


class Reader:
    """Reads the equations of jaxprs, one after the other."""

    def __init__(self, dims: Mapping[str, str]) -> None:
        self._dims = dims  # JAX's names, and ours
        self._stopped: dict[Expr, InputError] = {}
        self._at: Any = None  # the equation that is read

    def run(self, jaxpr: Any, consts: Sequence[Any], given: Sequence[Any]) -> list[Any]:
        """The values of a jaxpr's results."""
        known: dict[Any, Any] = dict(zip(jaxpr.constvars, consts, strict=True))
        known.update(zip(jaxpr.invars, given, strict=True))

        def read(v: Any) -> Any:
            return v.val if hasattr(v, "val") else known[v]

        for equation in jaxpr.eqns:
            try:
                found = self._equation(equation, [read(v) for v in equation.invars])
            except InputError as error:
                place = _place_of(equation)
                if place is None or error.span is not None:
                    raise
                raise place.refusal(error.message) from None
            known.update(zip(equation.outvars, found, strict=False))
        return [read(v) for v in jaxpr.outvars]

    def _equation(self, equation: Any, given: Sequence[Any]) -> Sequence[Any]:
        name, params = equation.primitive.name, equation.params
        inner = params.get("jaxpr") or params.get("call_jaxpr")
        if inner is not None and "branches" not in params:
            whole = WHOLE.get(str(params.get("name", "")))
            if whole is not None:
                found = whole(*map(self.lifted, given))
                return found if isinstance(found, tuple) else (found,)
            closed = hasattr(inner, "consts")
            if name == "scan":
                return self._scanned(params, inner, given)
            if name in LOOPS:
                raise TraceError(UNROLLED.format(name))
            return self.run(inner.jaxpr if closed else inner, inner.consts if closed else (), given)
        self._at = equation
        if name in COMPARISONS:
            return (self._compared(name, *given),)
        special = getattr(self, f"_{name}", None)
        if special is not None:
            return (special(params, *given),)
        if name not in PRIMITIVES:
            raise TraceError(f"JAX's `{name}` can't be followed: write it by functions that are.")
        return (PRIMITIVES[name](params, *map(self.lifted, given)),)

    def _scanned(
        self, params: Mapping[str, Any], inner: Any, given: Sequence[Any]
    ) -> Sequence[Any]:
        """A loop of a number of steps, one after the other. Raises TraceError for other loops."""
        length = params["length"]
        if not isinstance(length, int) or length > MOST_STEPS:
            raise TraceError(UNROLLED.format("scan"))
        consts, carried = params["num_consts"], params["num_carry"]
        fixed, state = given[:consts], list(given[consts : consts + carried])
        along = [self.lifted(x) for x in given[consts + carried :]]
        rows: list[Sequence[Any]] = [()] * length
        for t in reversed(range(length)) if params["reverse"] else range(length):
            step = [parts.indexed(x, (t,)) for x in along]
            found = self.run(inner.jaxpr, inner.consts, [*fixed, *state, *step])
            state, rows[t] = found[:carried], found[carried:]
        return [*state, *(self._stacked(each) for each in zip(*rows, strict=True))]

    def _stacked(self, values: Sequence[Any]) -> Traced:
        """What the steps of a loop give, as one array."""
        each = [self.lifted(x) for x in values]
        if each[0].rank:
            return parts.stacked(each)
        return parts.joined([arrays.reshape(x, (ONE,)) for x in each], 0)

    def lifted(self, x: Any) -> Traced:
        """A value that has an expression."""
        if isinstance(x, Traced):
            return x
        if isinstance(x, Counted):
            if len(x.shape) == 1:
                return arrays.counting(x.shape[0])
            raise TraceError("`arange` along one of two axes can't be followed: give an argument.")
        array = np.asarray(x)
        if array.ndim == 0:
            return constant(array.item())
        if array.size and (array == array.reshape(-1)[0]).all():
            found = constant(array.reshape(-1)[0].item())
            return arrays.value(found.e, tuple(map(Dim.of, array.shape)))
        raise TraceError(
            "an array of numbers which is no argument can't be followed, but for ones, zeros and "
            "I: make it an argument, and give its shape."
        )

    def finished(self, x: Traced) -> Traced:
        """The result, where nothing of it depends on a stopped gradient."""
        ((e,), _, _) = with_functions([x.e])
        for part in postorder([e]):
            if part in self._stopped:
                raise self._stopped[part]
        return Traced(e, x.shape)

    # ---------------------------------------------------------- primitives that need more

    def _dim(self, size: Any) -> Dim:
        """A dimension of JAX's."""
        if isinstance(size, int | np.integer):
            return Dim.of(int(size))
        total = Dim(())
        for match in _TERM.finditer(str(size).replace(" ", "")):
            term = Dim.of(1)
            for factor in match["factors"].split("*"):
                base, _, times = factor.partition("^")
                if base not in self._dims and not base.isdecimal():
                    raise TraceError(f"a size `{size}` can't be followed.")
                part = Dim.of(int(base)) if base.isdecimal() else Dim.of(self._dims[base])
                for _ in range(int(times or 1)):
                    term = term * part
            total = total - term if match["sign"] == "-" else total + term
        return total

    def _shape(self, sizes: Sequence[Any]) -> Extent:
        return tuple(map(self._dim, sizes))

    def _dim_as_value(self, params: Mapping[str, Any]) -> Traced:
        return Traced(ex.dimension(self._dim(params["dim"])), ())

    def _iota(self, params: Mapping[str, Any]) -> Counted:
        return Counted(self._shape(params["shape"]), params["dimension"])

    def _stop_gradient(self, _: Any, x: Any) -> Any:
        given = self.lifted(x)
        shape = (ONE, ONE) if not given.rank else given.e.shape
        message = "the gradient is stopped here: give what is constant as an argument."
        place = _place_of(self._at)
        stopped = ex.symbol(f"stopped {len(self._stopped)}", shape, ())
        self._stopped[stopped] = TraceError(message) if place is None else place.refusal(message)
        return Traced(stopped, given.shape)

    def _convert_element_type(self, _: Any, x: Any) -> Any:
        return x

    _copy = _copy_p = _reduce_precision = _optimization_barrier = _convert_element_type

    def _broadcast_in_dim(self, params: Mapping[str, Any], x: Any, *_: Any) -> Any:
        if isinstance(x, Counted):
            return Counted(self._shape(params["shape"]), params["broadcast_dimensions"][x.axis])
        if isinstance(x, bool | np.bool) or (_is_number(x) and not isfinite(x)):
            return x
        given, shape = self.lifted(x), self._shape(params["shape"])
        places = params["broadcast_dimensions"]
        if given.rank == 1 and len(shape) == 2 and places[0] == 1:
            return arrays.value(ex.transpose(given.e), shape)
        return Traced(arrays.value(given.e, shape).e, shape, given.is_mask)

    def _reshape(self, params: Mapping[str, Any], x: Any, *_: Any) -> Traced:
        return arrays.reshape(self.lifted(x), self._shape(params["new_sizes"]))

    def _gather(self, params: Mapping[str, Any], x: Any, start: Any) -> Traced:
        """Of what `gather` does, a slice that begins at a place."""
        given, numbers = self.lifted(x), params["dimension_numbers"]
        if len(numbers.start_index_map) != 1 or numbers.operand_batching_dims:
            raise TraceError(PARTS)
        starts = [NOTHING for _ in given.shape]
        starts[numbers.start_index_map[0]] = self._place(start)
        found = self._cut(given, starts, params["slice_sizes"])
        dropped = numbers.collapsed_slice_dims
        kept = tuple(d for k, d in enumerate(found.shape) if k not in dropped)
        return arrays.reshape(found, kept)

    def _dynamic_slice(self, params: Mapping[str, Any], x: Any, *starts: Any) -> Traced:
        places = [self._place(s) for s in starts[: self.lifted(x).rank]]
        return self._cut(self.lifted(x), places, params["slice_sizes"])

    def _slice(self, params: Mapping[str, Any], x: Any) -> Traced:
        if params["strides"] is not None and set(params["strides"]) != {1}:
            raise TraceError(PARTS)
        starts, limits = (self._shape(params[f"{end}_indices"]) for end in ("start", "limit"))
        return parts.cut(self.lifted(x), list(zip(starts, limits, strict=True)))

    def _cut(self, x: Traced, starts: Sequence[Dim], sizes: Sequence[Any]) -> Traced:
        ends = [s + d for s, d in zip(starts, self._shape(sizes), strict=True)]
        return parts.cut(x, list(zip(starts, ends, strict=True)))

    def _place(self, start: Any) -> Dim:
        """The place that a number or a size says. Raises TraceError for what is computed."""
        found: dict[Expr, Dim] = {}
        root = self.lifted(start).e
        for e in postorder([root]):
            match e:
                case ex.Number(value=k) if k == int(k):
                    found[e] = Dim.of(int(k))
                case ex.Dimension():
                    found[e] = Dim.of(e.name)
                case ex.Add():
                    found[e] = sum((found[a] for a in e.args), NOTHING)
                case ex.Times():
                    found[e] = reduce(Dim.__mul__, (found[a] for a in e.args))
                case _:
                    raise TraceError(PARTS)
        return found[root]

    def _squeeze(self, params: Mapping[str, Any], x: Any) -> Traced:
        given = self.lifted(x)
        kept = [d for k, d in enumerate(given.shape) if k not in params["dimensions"]]
        return arrays.reshape(given, tuple(kept))

    def _add(self, _: Any, a: Any, b: Any) -> Any:
        if isinstance(a, Counted) and not isinstance(b, Counted | Traced) and b == 0:
            return a
        return arrays.add(self.lifted(a), self.lifted(b))

    _add_any = _add

    def _max(self, _: Any, a: Any, b: Any) -> Any:
        return self._extreme("maximum", -1, a, b)

    def _min(self, _: Any, a: Any, b: Any) -> Any:
        return self._extreme("minimum", 1, a, b)

    def _extreme(self, name: str, idle: int, a: Any, b: Any) -> Any:
        """Of an infinite number and something, that."""
        for one, other in ((a, b), (b, a)):
            if _is_number(one) and isinf(one) and one * idle > 0:
                return other
        return arrays.mapped(name, self.lifted(a), self.lifted(b))

    def _is_finite(self, _: Any, x: Any) -> Any:
        return True

    def _eq(self, _: Any, a: Any, b: Any) -> Any:
        if isinstance(a, Counted) and isinstance(b, Counted) and a.axis != b.axis:
            rows, cols = arrays.broadcast(*(Traced(ex.UNIT, x.shape) for x in (a, b)))
            if rows == cols:
                return Traced(ex.eye(rows), (rows, cols), is_mask=True)
        raise TraceError("`==` of arrays isn't followed: of comparisons `>` and `<` are.")

    def _ne(self, _: Any, a: Any, b: Any) -> Any:
        if a is b:  # whether it is no number
            return False
        raise TraceError("`!=` of arrays isn't followed: of comparisons `>` and `<` are.")

    def _compared(self, name: str, a: Any, b: Any) -> Any:
        """A comparison; of sizes alone it is decided, for large ones."""
        decided, followed = COMPARISONS[name]
        both = self.lifted(a), self.lifted(b)
        roots = [x.e for x in both]
        if not any(isinstance(e, Symbol) for e in postorder(roots)):
            sizes = {name: LARGE for d in dims_of(roots) for name in d.names}
            x, y = EvaluationTape(roots).run({}, sizes)
            return bool(decided(x.item(), y.item())) if x.size == y.size == 1 else followed(*both)
        return followed(*both)

    def _and(self, _: Any, a: Any, b: Any) -> Any:
        if isinstance(a, bool) or isinstance(b, bool):
            return (b if a else False) if isinstance(a, bool) else (a if b else False)
        return arrays.masked(self.lifted(a) * self.lifted(b))

    def _not(self, _: Any, a: Any) -> Any:
        return not a if isinstance(a, bool) else arrays.negated(self.lifted(a))

    def _or(self, _: Any, a: Any, b: Any) -> Any:
        return self._not(_, self._and(_, self._not(_, a), self._not(_, b)))

    def _select_n(self, _: Any, which: Any, *cases: Any) -> Any:
        if len(cases) != 2:
            raise TraceError("a choice of more than two isn't followed.")
        if isinstance(which, bool | np.bool):
            return cases[int(which)]
        if any(_is_number(c) and isnan(c) for c in cases):
            raise TraceError("a choice that may give nan isn't followed.")
        return arrays.choose(self.lifted(which), self.lifted(cases[1]), self.lifted(cases[0]))


def _is_number(x: Any) -> bool:
    return isinstance(x, int | float | np.number) or (isinstance(x, np.ndarray) and not x.ndim)


def _place_of(equation: Any) -> Any:
    traceback = getattr(equation.source_info, "traceback", None)
    return None if traceback is None else innermost(traceback.as_python_traceback())


# --------------------------------------------------------------------------------- the tables

_ENTRYWISE = {
    **{name: name for name in ("exp", "log", "log1p", "expm1", "tanh", "sin", "cos", "tan")},
    **{name: name for name in ("asin", "acos", "atan", "sinh", "cosh", "sqrt", "abs", "sign")},
    **{"logistic": "sigmoid", "erf": "erf", "square": "square"},
}


def _mapped(name: str) -> Callable[..., Traced]:
    return lambda _, x: arrays.mapped(name, x)


def _reduced(name: str) -> Callable[..., Traced]:
    return lambda params, x: arrays.reduce(name, x, tuple(params["axes"]))


def _dot_general(params: Mapping[str, Any], a: Traced, b: Traced) -> Traced:
    (left, right), (left_batch, right_batch) = params["dimension_numbers"]
    letters = iter("abcdefgh")
    first = [next(letters) for _ in a.shape]
    second = ["" for _ in b.shape]
    for i, j in (*zip(left, right, strict=True), *zip(left_batch, right_batch, strict=True)):
        second[j] = first[i]
    second = [c or next(letters) for c in second]
    result = [first[i] for i in left_batch]
    result += [c for i, c in enumerate(first) if i not in (*left, *left_batch)]
    result += [c for j, c in enumerate(second) if j not in (*right, *right_batch)]
    return einsum(f"{''.join(first)},{''.join(second)}->{''.join(result)}", a, b)


def _running_sum(params: Mapping[str, Any], x: Traced) -> Traced:
    if not params["reverse"]:
        return parts.accumulated(x, params["axis"])
    turned = parts.accumulated(parts.flipped(x, params["axis"]), params["axis"])
    return parts.flipped(turned, params["axis"])


def _with_parameter(meaning: Callable[..., Traced]) -> Callable[..., Traced]:
    """A function with a number as its second argument."""

    def whole(x: Traced, *given: Traced) -> Traced:
        return meaning(x, *(float(ex.value_of(g.e)) for g in given))

    return whole


PRIMITIVES: Mapping[str, Callable[..., Traced]] = {
    **{name: _mapped(ours) for name, ours in _ENTRYWISE.items()},
    **{f"reduce_{name}": _reduced(name) for name in ("sum", "max", "min")},
    "neg": lambda _, x: -x,
    "sub": lambda _, a, b: a - b,
    "mul": lambda _, a, b: a * b,
    "div": lambda _, a, b: a / b,
    "pow": lambda _, a, b: a**b,
    "integer_pow": lambda params, x: x ** params["y"],
    "exp2": lambda _, x: constant(2) ** x,
    "rsqrt": lambda _, x: arrays.root(x) ** -1,
    "erfc": lambda _, x: 1 - arrays.mapped("erf", x),
    "cumsum": _running_sum,
    "rev": lambda params, x: parts.flipped(x, tuple(params["dimensions"])),
    "concatenate": lambda params, *xs: parts.joined(xs, params["dimension"]),
    "transpose": lambda params, x: arrays.permuted(x, params["permutation"]),
    "dot_general": _dot_general,
}
COMPARISONS: Mapping[str, tuple[Callable[[Any, Any], Any], Callable[[Traced, Traced], Traced]]] = {
    "gt": (operator.gt, arrays.greater),
    "lt": (operator.lt, meanings.less),
    "ge": (operator.ge, meanings.not_less),
    "le": (operator.le, meanings.not_greater),
}
# What jaxprs of JAX's own functions are called.
WHOLE: Mapping[str, Callable[..., Any]] = {
    **{name: meanings.NUMPY[name] for name in ("inv", "det", "slogdet", "solve", "trace")},
    **{"diagonal": meanings.NUMPY["diag"], "_diag": meanings.NUMPY["diag"]},
    "silu": torch_meanings.TORCH["silu"],
    **{name: _with_parameter(torch_meanings.TORCH[name]) for name in ("elu", "leaky_relu")},
}
PARTS = (
    "of an array's parts, slices with a step of 1 and entries at a number are followed: write "
    "others by whole arrays."
)
LOOPS = frozenset({"scan", "while"})
MOST_STEPS = 64  # of a loop that is followed
UNROLLED = (
    f"`{{}}` is followed over at most {MOST_STEPS} steps, whose number is no letter: write it by "
    "whole arrays, or its steps as a family in the language, `h[t] = tanh(h[t-1] + x[t]) for t = "
    "1..T`."
)
