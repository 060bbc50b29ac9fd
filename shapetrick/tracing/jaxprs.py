"""Functions for JAX: their jaxprs, with symbolic dimensions, in arrays over our expressions.

Functions that JAX has as one, such as `inv`, are known by the name of their jaxpr where that can't
be followed inside: that a function is read rightly, its values tell.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
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
from ..core.indices import Index, Range
from ..core.regexes import regex
from ..core.traversal import postorder, substitute
from ..numerics.evaluation import EvaluationTape
from ..numerics.sampling import dims_of
from ..simplification.written_forms import with_functions
from . import (
    arrays,
    axis_functions,
    class_labels,
    constants,
    convolutions,
    indexing,
    meanings,
    torch_meanings,
)
from .array_terms import index
from .arrays import Traced, constant
from .contractions import einsum
from .members import Recurrence, at_step, of_steps
from .source_places import innermost, is_library, refused_at
from .symbolic import STOPPED, Layout, layout
from .whole_numbers import Counted, Numbered, Places
from .written_meanings import SPECIAL

LARGE = 1009  # a size at which comparisons of sizes are decided
_WORDS = frozenset(["mod", "floordiv", "max", "min"])  # of JAX's language of sizes
_TERM = regex(r"(?P<sign>[+-]?)\s*(?P<factors>[^+-]+)")


def follow(
    f: Callable[..., Any],
    given: Mapping[str, Traced],
    dims: Sequence[str],
    known: Mapping[Layout, Traced],
    constants: Collection[str] = (),
) -> tuple[Traced, Sequence[Recurrence]]:
    """What a function computes, and what it carries through loops. Raises TraceError."""
    names = {_spelled(name, k): name for k, name in enumerate(dims)}
    large = [f"{name} >= {MOST_STEPS}" for name in names]  # so that the ends of slices are known
    symbols = export.symbolic_shape(",".join(names), constraints=large) if names else ()
    sizes: dict[str, Any] = dict(zip(dims, symbols, strict=True))

    def called(*values: Any) -> Any:
        return f(**dict(zip(given, values, strict=True)))

    made, whole = _jaxpr(called, given, sizes)
    if len(made.jaxpr.outvars) != 1:
        raise TraceError("the function gives several arrays: return one array, or a number.")
    reader = Reader(names, known, {*given, *dims}, constants)
    values = [Numbered(x, x.shape) if name == whole else x for name, x in given.items()]
    (found,) = reader.run(made.jaxpr, made.consts, values)
    return reader.finished(reader.lifted(found)), reader.recurrences


def _jaxpr(
    called: Callable[..., Any], given: Mapping[str, Traced], sizes: Mapping[str, Any]
) -> tuple[Any, str]:
    """The jaxpr of a function of real numbers, but for one argument where that must be of whole
    ones; and which that is."""
    refused: Exception | None = None
    for whole in ("", *(name for name, x in given.items() if x.rank == 1)):
        arguments = [
            jax.ShapeDtypeStruct(  # type: ignore[no-untyped-call]
                tuple(_size(d, sizes) for d in x.shape), np.dtype(int if name == whole else float)
            )
            for name, x in given.items()
        ]
        try:
            with jax.enable_x64(True):
                return jax.make_jaxpr(called)(*arguments), whole
        except TypeError as error:
            refused = refused or error
            if "integer" not in str(error):
                raise
    assert refused is not None
    raise refused


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

    def __init__(
        self,
        dims: Mapping[str, str],
        known: Mapping[Layout, Traced],
        taken: set[str],
        constants: Collection[str],
    ) -> None:
        self._dims = dims  # JAX's names, and ours
        self._known = known  # arrays from around the function
        self._taken = taken  # names
        self._constants = {*constants}  # arguments by which nothing is derived
        self.recurrences: list[Recurrence] = []
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
                raise refused_at(place, error.message, error) from None
            known.update(zip(equation.outvars, found, strict=False))
        return [read(v) for v in jaxpr.outvars]

    def _equation(self, equation: Any, given: Sequence[Any]) -> Sequence[Any]:
        name, params = equation.primitive.name, equation.params
        inner = params.get("jaxpr") or params.get("call_jaxpr")
        if name == "cond":
            return self._branched(params["branches"], *given)
        if name == "while":
            raise TraceError(UNROLLED.format(name))
        if inner is not None:
            has_own = name.startswith("custom")
            called = _with_own_gradient(name, inner) if has_own else params.get("name", "")
            whole = WHOLE.get(str(called))
            if whole is not None:
                found = whole(*map(self.lifted, given))
                return found if isinstance(found, tuple) else (found,)
            closed = hasattr(inner, "consts")
            if name == "scan":
                return self._scanned(params, inner, given)
            return self.run(inner.jaxpr if closed else inner, inner.consts if closed else (), given)
        if name == "split":
            return indexing.divided(
                self.lifted(*given), self._shape(params["sizes"]), params["axis"]
            )
        self._at = equation
        if name in COMPARISONS:
            return (self._compared(name, *given),)
        special = getattr(self, f"_{name.replace('-', '_')}", None)
        if special is not None:
            return (special(params, *given),)
        if name not in PRIMITIVES:
            raise TraceError(f"JAX's `{name}` can't be followed: write it by functions that are.")
        return (PRIMITIVES[name](params, *map(self.lifted, given)),)

    def _branched(self, branches: Sequence[Any], which: Any, *given: Any) -> Sequence[Any]:
        """One of two ways, or a choice between what both give."""
        if _is_number(which) or _is_truth(which):
            return self.run(branches[int(which)].jaxpr, branches[int(which)].consts, given)
        if len(branches) != 2 or not self.lifted(which).is_mask:
            raise TraceError("`cond` is followed by a comparison, and `switch` by a number.")
        ways = [self.run(way.jaxpr, way.consts, given) for way in branches]
        return [self._select_n({}, which, *each) for each in zip(*ways, strict=True)]

    def _scanned(
        self, params: Mapping[str, Any], inner: Any, given: Sequence[Any]
    ) -> Sequence[Any]:
        """A loop of a number of steps, one after the other. Raises TraceError for other loops."""
        length = params["length"]
        if "ft_in" in params:  # since JAX 0.12: constants, what is carried, and along what it goes
            consts, carried, _ = (len(each.vals) for each in params["ft_in"].unpack())
        else:
            consts, carried = params["num_consts"], params["num_carry"]
        fixed, state = given[:consts], list(given[consts : consts + carried])
        along = [self.lifted(x) for x in given[consts + carried :]]
        if not isinstance(length, int):
            return self._repeated(params, inner, fixed, state, along)
        if length > MOST_STEPS:
            raise TraceError(UNROLLED.format("scan"))
        rows: list[Sequence[Any]] = [()] * length
        for t in reversed(range(length)) if params["reverse"] else range(length):
            step = [indexing.indexed(x, (t,)) for x in along]
            found = self.run(inner.jaxpr, inner.consts, [*fixed, *state, *step])
            state, rows[t] = found[:carried], found[carried:]
        return [*state, *(self._stacked(each) for each in zip(*rows, strict=True))]

    def _repeated(
        self,
        params: Mapping[str, Any],
        inner: Any,
        fixed: Sequence[Any],
        state: Sequence[Any],
        along: Sequence[Traced],
    ) -> Sequence[Any]:
        """A loop whose number of steps is a letter: what it carries are families."""
        count, letter = self._dim(params["length"]), f"_step{len(self.recurrences)}"
        firsts = [self.lifted(x) for x in state]
        shapes = [x.shape for x in firsts]
        over = Range(letter, Index("", 1), index(count))
        carried = [
            Recurrence(self._name(), over, e, e, params["reverse"])
            for e in (x.whole for x in firsts)
        ]
        before = [
            Traced(r.at(r.around(letter)[0]), shape)
            for r, shape in zip(carried, shapes, strict=True)
        ]
        members = [at_step(x, count, letter) for x in along]
        found = self.run(inner.jaxpr, inner.consts, [*fixed, *before, *members])
        here: dict[Expr, Expr] = {}
        for r, x in zip(carried, found, strict=False):
            step = self.lifted(x).whole
            self.recurrences.append(r._replace(step=step))
            here[step] = r.at(r.around(letter)[1])
        rows = (
            arrays.rewritten(self.lifted(x), lambda e: substitute(e, here))
            for x in found[len(carried) :]
        )
        ends = [Traced(r.at(r.ends[1]), shape) for r, shape in zip(carried, shapes, strict=True)]
        return [*ends, *(of_steps(x, count, letter) for x in rows)]

    def _name(self) -> str:
        """A name for what a loop carries."""
        tried = ("h", "c", "s", *(f"h_{k}" for k in range(1, 99)))
        name = next(x for x in tried if x not in self._taken)
        self._taken.add(name)
        return name

    def _stacked(self, values: Sequence[Any]) -> Traced:
        """What the steps of a loop give, as one array."""
        return indexing.stacked([self.lifted(x) for x in values])

    def lifted(self, x: Any) -> Traced:
        """A value that has an expression."""
        if isinstance(x, Traced):
            return x
        if isinstance(x, Counted):
            along = arrays.counting(x.shape[x.axis]) + x.offset
            own = tuple(d if k == x.axis else ONE for k, d in enumerate(x.shape))
            return arrays.spread_over(arrays.reshape(along, own), x.shape)
        if isinstance(x, Numbered) and not x.is_moved:
            return arrays.reshape(x.x, x.shape)
        if isinstance(x, Numbered | Places):
            raise TraceError("of the numbers of classes, what is computed can't be followed.")
        array = np.asarray(x)
        if array.ndim == 0:
            return constant(array.item())
        found = self._known.get(layout(array))
        return found or constants.of_numbers(array, tuple(map(Dim.of, array.shape)))

    def finished(self, x: Traced) -> Traced:
        """The result, where nothing of it depends on a stopped gradient."""
        steps = [e for r in self.recurrences for e in (r.first, r.step)]
        ((e, *steps), _, _) = with_functions([x.body, *steps])
        for part in postorder([e, *steps]):
            if part in self._stopped:
                raise self._stopped[part]
        pairs = zip(self.recurrences, steps[::2], steps[1::2], strict=True)
        self.recurrences = [r._replace(first=first, step=step) for r, first, step in pairs]
        return arrays.with_body(x, e)

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
        if arrays.depends_on(self.lifted(x)) <= self._constants:
            return x
        message = STOPPED.format("`stop_gradient`")
        place = _place_of(self._at)
        error = TraceError(message) if place is None else place.refusal(message)

        def stopped(e: Expr) -> Expr:
            instead = ex.symbol(f"stopped {len(self._stopped)}", e.shape, ())
            self._stopped[instead] = error
            return instead

        return arrays.rewritten(self.lifted(x), stopped)

    def _convert_element_type(self, _: Any, x: Any) -> Any:
        return x

    _copy = _copy_p = _reduce_precision = _optimization_barrier = _convert_element_type

    def _broadcast_in_dim(self, params: Mapping[str, Any], x: Any, *_: Any) -> Any:
        if isinstance(x, Counted):
            axis = params["broadcast_dimensions"][x.axis]
            return Counted(self._shape(params["shape"]), axis, x.offset)
        if isinstance(x, Numbered):
            return replace(x, shape=self._shape(params["shape"]))
        if _is_truth(x) or (_is_number(x) and not isfinite(x)):
            return x
        given, shape = self.lifted(x), self._shape(params["shape"])
        places = params["broadcast_dimensions"]
        own = dict(zip(places, given.shape, strict=True))
        placed = arrays.reshape(given, tuple(own.get(k, ONE) for k in range(len(shape))))
        return arrays.spread_over(placed, shape)

    def _reshape(self, params: Mapping[str, Any], x: Any, *_: Any) -> Any:
        if isinstance(x, Numbered):
            return replace(x, shape=self._shape(params["new_sizes"]))
        return arrays.reshape(self.lifted(x), self._shape(params["new_sizes"]))

    def _gather(self, params: Mapping[str, Any], x: Any, start: Any) -> Traced:
        """Of what `gather` does, a slice that begins at a place, and entries or rows that are
        numbered."""
        if isinstance(start, Numbered | Places):
            found = self._numbered(params["dimension_numbers"], self.lifted(x), start)
            return arrays.reshape(found, self._shape(self._at.outvars[0].aval.shape))
        given, numbers = self.lifted(x), params["dimension_numbers"]
        if len(numbers.start_index_map) != 1 or numbers.operand_batching_dims:
            raise TraceError(PARTS)
        starts = [NOTHING for _ in given.shape]
        starts[numbers.start_index_map[0]] = self._place(start)
        found = self._cut(given, starts, params["slice_sizes"])
        dropped = numbers.collapsed_slice_dims
        kept = tuple(d for k, d in enumerate(found.shape) if k not in dropped)
        return arrays.reshape(found, kept)

    def _numbered(self, numbers: Any, x: Traced, start: Numbered | Places) -> Traced:
        """Rows or columns by the numbers of classes, or an entry of each row."""
        if isinstance(start, Numbered):
            if start.is_moved:
                raise TraceError(PARTS)
            if not numbers.operand_batching_dims:
                return class_labels.rows(x, start.x, numbers.start_index_map[0])
            return class_labels.along_rows(x, arrays.reshape(start.x, (x.shape[0], ONE)), 1)
        counted, picked = start.columns
        if not arrays.counts(arrays.ravel(self.lifted(counted))):
            raise TraceError(PARTS)
        column = arrays.reshape(self.lifted(picked), (x.shape[0], ONE))
        return class_labels.along_rows(x, column, 1)

    def _scatter(self, params: Mapping[str, Any], x: Any, start: Any, new: Any) -> Traced:
        """An array with other entries from a place of one axis on."""
        return indexing.replaced(*self._window(params, x, start, new))

    def _scatter_add(self, params: Mapping[str, Any], x: Any, start: Any, new: Any) -> Traced:
        given, ends, part = self._window(params, x, start, new)
        return indexing.replaced(given, ends, indexing.cut(given, ends) + part)

    def _window(
        self, params: Mapping[str, Any], x: Any, start: Any, new: Any
    ) -> tuple[Traced, Sequence[tuple[Dim, Dim]], Traced]:
        """An array, where its entries are written, and those that are. Raises TraceError."""
        given, numbers, part = self.lifted(x), params["dimension_numbers"], self.lifted(new)
        if len(numbers.scatter_dims_to_operand_dims) != 1:
            raise TraceError(PARTS)
        (k,), first = numbers.scatter_dims_to_operand_dims, self._place(start)
        wide = iter(part.shape)
        sizes = [
            ONE if i in numbers.inserted_window_dims else next(wide) for i in range(given.rank)
        ]
        ends = [(NOTHING, d) for d in sizes]
        ends[k] = first, first + sizes[k]
        return given, ends, arrays.reshape(part, tuple(sizes))

    def _dynamic_update_slice(self, _: Mapping[str, Any], x: Any, new: Any, *starts: Any) -> Traced:
        given, part = self.lifted(x), self.lifted(new)
        places = [self._place(s) for s in starts]
        ends = [(a, a + d) for a, d in zip(places, part.shape, strict=True)]
        return indexing.replaced(given, ends, part)

    def _concatenate(self, params: Mapping[str, Any], *xs: Any) -> Any:
        if any(isinstance(x, Numbered) for x in xs):
            return Places(xs)
        return indexing.joined([self.lifted(x) for x in xs], params["dimension"])

    def _pad(self, params: Mapping[str, Any], x: Any, by: Any) -> Traced:
        config = params["padding_config"]
        if any(within for *_, within in config):
            raise TraceError("`pad` between entries isn't followed.")
        widths = [(int(before), int(behind)) for before, behind, _ in config]
        return indexing.padded(self.lifted(x), widths, self.lifted(by))

    def _conv_general_dilated(self, params: Mapping[str, Any], x: Any, kernel: Any) -> Traced:
        of_x, of_kernel, of_result = params["dimension_numbers"]
        if {*params["lhs_dilation"]} != {1} or params["batch_group_count"] != 1:
            raise TraceError("a convolution of an array with gaps isn't followed.")
        zeros = [(self._dim(before), self._dim(behind)) for before, behind in params["padding"]]
        along = convolutions.each_axis(params["window_strides"], zeros, params["rhs_dilation"])
        found = convolutions.correlated(
            arrays.permuted(self.lifted(x), of_x),
            arrays.permuted(self.lifted(kernel), of_kernel),
            along,
            self._dim(params["feature_group_count"]),
        )
        return arrays.permuted(found, [of_result.index(k) for k in range(found.rank)])

    def _dynamic_slice(self, params: Mapping[str, Any], x: Any, *starts: Any) -> Traced:
        places = [self._place(s) for s in starts[: self.lifted(x).rank]]
        return self._cut(self.lifted(x), places, params["slice_sizes"])

    def _slice(self, params: Mapping[str, Any], x: Any) -> Traced:
        if params["strides"] is not None and set(params["strides"]) != {1}:
            raise TraceError(PARTS)
        starts, limits = (self._shape(params[f"{end}_indices"]) for end in ("start", "limit"))
        return indexing.cut(self.lifted(x), list(zip(starts, limits, strict=True)))

    def _cut(self, x: Traced, starts: Sequence[Dim], sizes: Sequence[Any]) -> Traced:
        ends = [s + d for s, d in zip(starts, self._shape(sizes), strict=True)]
        return indexing.cut(x, list(zip(starts, ends, strict=True)))

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
        if isinstance(a, Numbered):
            return replace(a, is_moved=True)
        if isinstance(a, Counted) and _is_number(b) and int(b) == b:
            return replace(a, offset=a.offset + int(b))
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
        if any(_is_number(x) and isinf(x) for x in (a, b)):  # which no value is
            return False
        if isinstance(a, Counted) and not isinstance(b, Counted):
            a, b = b, a
        classes_last = isinstance(b, Counted) and not b.offset and b.axis == len(b.shape) - 1
        if classes_last and not isinstance(a, Counted):
            given = self.lifted(a)
            given = arrays.reshape(given, given.shape[:1]) if given.rank == 2 else given
            return arrays.masked(class_labels.one_hot(given, b.shape[b.axis]))
        return meanings.equal(self.lifted(a), self.lifted(b))

    def _ne(self, _: Any, a: Any, b: Any) -> Any:
        if a is b:  # whether it is no number
            return False
        return self._not(_, self._eq(_, a, b))

    def _compared(self, name: str, a: Any, b: Any) -> Any:
        """A comparison; of sizes alone it is decided, for large ones."""
        decided, followed = COMPARISONS[name]
        if isinstance(a, Numbered):  # whether it counts from behind
            return False
        both = self.lifted(a), self.lifted(b)
        if isinstance(a, Counted) and isinstance(b, Counted):
            return constants.compared(decided, *both)
        roots = [x.e for x in both]
        if not any(isinstance(e, Symbol) for e in postorder(roots)):
            sizes = {name: LARGE for d in dims_of(roots) for name in d.names}
            found = decided(*EvaluationTape(roots).run({}, sizes))
            return bool(found.flat[0]) if (found == found.flat[0]).all() else followed(*both)
        return followed(*both)

    def _and(self, _: Any, a: Any, b: Any) -> Any:
        if _is_truth(a) or _is_truth(b):
            return (b if a else False) if _is_truth(a) else (a if b else False)
        return arrays.masked(self.lifted(a) * self.lifted(b))

    def _not(self, _: Any, a: Any) -> Any:
        return not a if _is_truth(a) else arrays.negated(self.lifted(a))

    def _or(self, _: Any, a: Any, b: Any) -> Any:
        return self._not(_, self._and(_, self._not(_, a), self._not(_, b)))

    def _select_n(self, _: Any, which: Any, *cases: Any) -> Any:
        if len(cases) != 2:
            raise TraceError("a choice of more than two isn't followed.")
        if _is_truth(which):
            return cases[int(which)]
        if all(map(_is_truth, cases)):
            mask = self.lifted(which)
            return mask if cases[1] else arrays.negated(mask)
        if any(_is_number(c) and isnan(c) for c in cases):
            raise TraceError("a choice that may give nan isn't followed.")
        return arrays.choose(self.lifted(which), self.lifted(cases[1]), self.lifted(cases[0]))


def _is_number(x: Any) -> bool:
    return isinstance(x, int | float | np.number) or (isinstance(x, np.ndarray) and not x.ndim)


def _is_truth(x: Any) -> bool:
    kind = getattr(getattr(x, "dtype", None), "kind", "")
    return isinstance(x, bool) or (kind == "b" and np.ndim(x) == 0)


def _with_own_gradient(name: str, inner: Any) -> str:
    """What JAX's function is called whose gradient is given. Raises TraceError for a person's own
    one, whose gradient may be another than that of its value."""
    about = getattr(getattr(inner, "jaxpr", inner), "debug_info", None)
    called, _, place = str(getattr(about, "func_src_info", "")).partition(" at ")
    if not is_library(place.rpartition(":")[0]):
        raise TraceError(
            f"`{called}` has a gradient of its own ({name.removesuffix('_call')}), which need not "
            "be that of its value: call what it computes without that rule."
        )
    return called


def _place_of(equation: Any) -> Any:
    traceback = getattr(equation.source_info, "traceback", None)
    return None if traceback is None else innermost(traceback.as_python_traceback())


# --------------------------------------------------------------------------------- the tables

_NAMES = {  # of primitives without parameters, and of what they are of NumPy's
    **{"neg": "negative", "sub": "subtract", "mul": "multiply", "div": "divide", "pow": "power"},
    **{"exp2": "exp2", "logistic": "sigmoid", "atan2": "atan2", "cholesky": "cholesky"},
    **{name: name for name in meanings.SAME},
}


def _as_numpys(name: str) -> Callable[..., Traced]:
    return lambda _, *given: meanings.COMMON[name](*given)


def _reduced(name: str) -> Callable[..., Traced]:
    return lambda params, x: axis_functions.reduce(name, x, tuple(map(int, params["axes"])))


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


def _in_windows(name: str) -> Callable[..., Traced]:
    def windows(params: Mapping[str, Any], x: Traced) -> Traced:
        if {*params["base_dilation"]} != {1}:
            raise TraceError("windows of an array with gaps aren't followed.")
        zeros = [(Dim.of(before), Dim.of(behind)) for before, behind in params["padding"]]
        along = convolutions.each_axis(params["window_strides"], zeros, params["window_dilation"])
        return convolutions.pooled(name, x, [*map(Dim.of, params["window_dimensions"])], along)

    return windows


def _running_sum(params: Mapping[str, Any], x: Traced) -> Traced:
    if not params["reverse"]:
        return indexing.accumulated(x, params["axis"])
    turned = indexing.accumulated(indexing.flipped(x, params["axis"]), params["axis"])
    return indexing.flipped(turned, params["axis"])


def _solved_triangle(params: Mapping[str, Any], a: Traced, b: Traced) -> Traced:
    if params["unit_diagonal"]:
        raise TraceError("`solve_triangular` is followed of a whole triangle.")
    turned, left = params["transpose_a"], params["left_side"]
    triangle = indexing.lower_triangle(a) if params["lower"] else indexing.upper_triangle(a)
    triangle = arrays.transpose(triangle) if turned is left else triangle
    found = axis_functions.solve(triangle, b if left else arrays.transpose(b))
    return found if left else arrays.transpose(found)


def _with_parameter(meaning: Callable[..., Traced]) -> Callable[..., Traced]:
    """A function with a number as its second argument."""

    def whole(x: Traced, *given: Traced) -> Traced:
        return meaning(x, *(float(ex.value_of(g.e)) for g in given))

    return whole


PRIMITIVES: Mapping[str, Callable[..., Traced]] = {
    **{name: _as_numpys(numpys) for name, numpys in _NAMES.items()},
    **{f"reduce_{name}": _reduced(name) for name in ("sum", "max", "min", "prod")},
    **{f"reduce_window_{name}": _in_windows(name) for name in ("sum", "max")},
    "integer_pow": lambda params, x: x ** params["y"],
    "one_minus_square": lambda _, x: constant(1) - x**2,
    "rsqrt": lambda _, x: arrays.root(x) ** -1,
    "triangular_solve": _solved_triangle,
    "cumsum": _running_sum,
    "rev": lambda params, x: indexing.flipped(x, tuple(params["dimensions"])),
    "transpose": lambda params, x: arrays.permuted(x, params["permutation"]),
    "dot_general": _dot_general,
}
COMPARISONS: Mapping[str, tuple[Callable[[Any, Any], Any], Callable[[Traced, Traced], Traced]]] = {
    "gt": (operator.gt, arrays.greater),
    "lt": (operator.lt, meanings.less),
    "ge": (operator.ge, meanings.greater_equal),
    "le": (operator.le, meanings.less_equal),
}
# What jaxprs of JAX's own functions are called.
WHOLE: Mapping[str, Callable[..., Any]] = {
    **{name: meanings.NUMPY[name] for name in ("inv", "det", "slogdet", "solve", "trace")},
    **{"diagonal": meanings.NUMPY["diag"], "_diag": meanings.NUMPY["diag"]},
    **{name: meanings.NUMPY[name] for name in ("cholesky", "qr", "eigh")},
    **SPECIAL,
    **convolutions.BY_MODE,
    "silu": torch_meanings.TORCH["silu"],
    **{name: _with_parameter(torch_meanings.TORCH[name]) for name in ("elu", "leaky_relu")},
}
PARTS = (
    "of an array's parts, slices with a step of 1 and entries at a number are followed: write "
    "others by whole arrays."
)
MOST_STEPS = 64  # of a loop that is followed
UNROLLED = (
    f"`{{}}` is followed over at most {MOST_STEPS} steps, whose number is no letter: write it by "
    "whole arrays, or its steps as a family in the language, `h[t] = tanh(h[t-1] + x[t]) for t = "
    "1..T`."
)
