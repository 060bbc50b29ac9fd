"""NumPy, PyTorch and JAX: which of them a function is written for, how it is run on symbols, and
how on numbers. PyTorch and JAX are imported only for functions that use them.
"""

from __future__ import annotations

import builtins
import inspect
import sys
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, field
from functools import partial
from io import StringIO
from types import CodeType, FrameType, ModuleType
from typing import Any

import numpy as np

from ..core.dims import ONE
from ..core.errors import InputError, TraceError
from ..core.expr import Expr
from ..core.functions import Array
from ..core.named_tuples import NamedTuple
from . import arrays, meanings, symbolic, torch_meanings
from .array_terms import HIGHEST_RANK
from .arrays import Opaque, Traced
from .convolutions import BY_MODE
from .members import Recurrence, at_step, of_steps
from .source_places import SourceLine, innermost, refused_at
from .stand_ins import Symbols, flat, package, standing_in
from .symbolic import (
    Layout,
    NumpyArray,
    NumpySize,
    Symbolic,
    SymbolicSize,
    TorchSize,
    TorchTensor,
    Trace,
)
from .written_meanings import SPECIAL


class Followed(NamedTuple):
    """What a function computes, what it names on the way, and what it carries through loops."""

    value: Traced
    locals: Mapping[str, Traced]
    recurrences: Sequence[Recurrence] = ()

    @property
    def roots(self) -> list[Expr]:
        """All expressions of it."""
        steps = (e for r in self.recurrences for e in (r.first, r.step))
        return [self.value.body, *(x.body for x in self.locals.values()), *steps]


# Two runs with other sizes: what depends on them as numbers differs.
_PRIMES = (31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97, 101, 103, 107, 109, 113)


class ArrayLibrary(NamedTuple):
    """How functions of a library are run: on symbols (its value, and what it names on the way),
    and on numbers; and the gradients of a weighted sum of its values that the library finds
    itself, where code may give these another meaning without a trace."""

    follow: Callable[..., Followed]
    value: Callable[[Callable[..., Any], Mapping[str, Array]], Any]
    gradients: Callable[..., Mapping[str, Array]] | None = None


def library_of(f: Callable[..., Any]) -> str:
    """The library whose functions a function calls: `jax`, `torch`, or else `numpy`; of one that
    calls methods alone, the only library that its file imports."""
    called = _roots_called(f)
    if not called & _ROOTS.keys():
        space = getattr(inspect.unwrap(f), "__globals__", {}).values()
        called = {_root(x) for x in space if isinstance(x, ModuleType)}
        if len({_ROOTS[root] for root in called & _ROOTS.keys()}) > 1:
            names = {name for name, x in reached(f) if x is None} - vars(builtins).keys()
            return "torch" if names & _TENSORS else "numpy"
    found = {_ROOTS[root] for root in called & _ROOTS.keys()}
    return next((name for name in ("jax", "torch") if name in found), "numpy")


# Packages, and whose arrays they are for.
_ROOTS = {"jax": "jax", "jaxlib": "jax", "torch": "torch", "numpy": "numpy", "scipy": "numpy"}


# Methods that arrays of PyTorch have, and others not.
_TENSORS = {name for name in torch_meanings.TORCH if name not in meanings.NUMPY} | {"t", "dim"}


def _roots_called(f: Callable[..., Any]) -> set[str]:
    """The packages from which a function, and what it calls of the person's own, takes things."""
    roots = {_root(type(f))}
    for name, x in reached(f):
        kinds = (*type(x).__mro__, *(x.__mro__ if isinstance(x, type) else ()))
        annotations = getattr(x, "__annotations__", {}).values()
        roots |= {_root(name), *map(_root, (x, *kinds, *annotations))}
    return roots


def reached(f: Callable[..., Any]) -> Iterator[tuple[str, Any]]:
    """A function, and what it and the person's own functions that it calls look up, by its name;
    names of what is imported within them too."""
    yield "", f
    for g in _own_functions(f):
        space = _space(g)
        yield from ((name, space.get(name)) for name in sorted(_names_in(g.__code__)))


def _own_functions(f: Callable[..., Any]) -> Iterator[Any]:
    """A function, and those of the person's own that it calls."""
    seen, waiting = set(), [f]
    while waiting:
        g = waiting.pop()
        g = inspect.unwrap(g.func if isinstance(g, partial) else g)
        g = getattr(g, "forward", g)  # of a module of layers
        g = getattr(g, "__func__", g)
        code = getattr(g, "__code__", None)
        if not isinstance(code, CodeType) or code in seen or _root(g) in _ROOTS:
            continue
        seen.add(code)
        yield g
        for x in (_space(g).get(name) for name in sorted(_names_in(code))):
            kind = x if isinstance(x, type) else type(x)
            waiting += [x] if callable(x) and x is not kind else []
            if _root(kind) not in _ROOTS and kind.__module__ != "builtins":  # with methods
                waiting += [m for m in vars(kind).values() if inspect.isfunction(m)]


def _space(g: Any) -> dict[str, Any]:
    """What the names of a function mean."""
    return {**g.__globals__, **inspect.getclosurevars(g).nonlocals}


def _root(x: Any) -> str:
    """The package from which something is; of the text of an annotation, its first word."""
    return package(x.__name__ if isinstance(x, ModuleType) else x)


def _names_in(code: CodeType) -> set[str]:
    """The names that a function's code looks up, those of functions within it too."""
    inner = [_names_in(c) for c in code.co_consts if isinstance(c, CodeType)]
    return {*code.co_names, *code.co_freevars}.union(*inner)


# ------------------------------------------------------------------------- by symbolic arrays


def _by_symbols(
    names: Mapping[str, Any],
    array: type[Symbolic],
    size: type[SymbolicSize],
    symbols: Callable[[Trace], Symbols],
) -> Any:
    def follow(
        f: Callable[..., Any],
        given: Mapping[str, Traced],
        dims: Sequence[str],
        known: Mapping[Layout, Traced] | None = None,
        constants: Collection[str] = (),
    ) -> Followed:
        half = max(len(dims), 1)
        primes = _PRIMES if 2 * half <= len(_PRIMES) else range(31, 31 + 2 * half)
        first, second = (
            Trace(dict(zip(dims, sizes, strict=False)), names, array, size, known or {}, constants)
            for sizes in (primes, primes[half:])
        )
        found, sized = _run(f, given, first, symbols(first))
        if sized:
            again, _ = _run(f, given, second, symbols(second))
            if again.value.body is not found.value.body:
                raise TraceError(
                    "what this computes depends on a size as a number (as in `range(n)`): only "
                    "expressions in `X.shape[0]` are followed, and `ones`, `zeros`, `eye` of it."
                )
        return found

    return follow


def _run(
    f: Callable[..., Any], given: Mapping[str, Traced], trace: Trace, symbols: Symbols
) -> tuple[Followed, bool]:
    arguments = {name: trace.wrapped(value) for name, value in given.items()}
    with _watched(f) as run, _places(), _stood_in(f, symbols):
        value = _result(run, f(**arguments), trace)
    own = {  # a name that an argument has is another one here
        name + "2" * (name in given): x.value
        for name, x in run.names.items()
        if isinstance(x, Symbolic) and x is not arguments.get(name)
    }
    kept = {name: x for name, x in own.items() if _is_named(x)}
    return Followed(value, kept), bool(trace.used)


def _is_named(x: Traced) -> bool:
    """Whether the language has a name for such a value: matrices, and families of them."""
    return not isinstance(x, Opaque) and len(x.differing) <= HIGHEST_RANK >= len(x.slots)


@contextmanager
def _stood_in(f: Callable[..., Any], symbols: Symbols) -> Iterator[None]:
    """What f calls takes symbols, and what it prints of them is not shown."""
    own = [(g.__globals__, sorted(_names_in(g.__code__))) for g in _own_functions(f)]
    with standing_in(own, symbols), redirect_stdout(StringIO()):
        yield


def _result(run: Run, result: Any, trace: Trace) -> Traced:
    if isinstance(result, tuple | list | dict) or result is None:
        message = f"the function gives a {type(result).__name__}: return one array, or a number."
        raise TraceError(message) if run.end is None else run.end.refusal(message)
    found = trace.lifted(result)
    try:
        assert found.body is not None
    except TraceError as error:
        raise error if run.end is None else run.end.refusal(error.message) from None
    return found


@contextmanager
def _places() -> Iterator[None]:
    """Errors on the way get the place in the person's own code."""
    try:
        yield
    except Exception as error:
        if isinstance(error, InputError):
            message = error.message
        else:
            kind, said = type(error).__name__, str(error).partition("\n")[0]
            kind = "InconclusiveDimensionOperation" if "_DimExpr" in said else kind
            message = _JAX_SAYS.get(kind, f"this can't be followed with symbols: {kind}: {said}")
        if isinstance(error, InputError) and error.span is not None:
            raise
        place = innermost(error.__traceback__)
        raise refused_at(place, message, error) from None


# What JAX raises where code wants values of its own symbols.
_JAX_SAYS = {
    "TracerBoolConversionError": symbolic.DECIDED,
    "InconclusiveDimensionOperation": symbolic.SIZED,
    **dict.fromkeys(
        ("ConcretizationTypeError", "TracerArrayConversionError", "TracerIntegerConversionError"),
        symbolic.CONVERTED,
    ),
}


@dataclass(slots=True)
class Run:
    """What a function's own names stand for when it returns, and where it does."""

    names: dict[str, Any] = field(default_factory=dict)
    end: SourceLine | None = None


@contextmanager
def _watched(f: Callable[..., Any]) -> Iterator[Run]:
    """The run of a function."""
    code = getattr(inspect.unwrap(f), "__code__", None)
    found = Run()

    def watch(frame: FrameType, event: str, _: Any) -> None:
        if event == "return" and frame.f_code is code:
            found.names.update(frame.f_locals)
            found.end = SourceLine(frame.f_code.co_filename, frame.f_lineno)

    before = sys.getprofile()
    sys.setprofile(watch)
    try:
        yield found
    finally:
        sys.setprofile(before)


def _symbols(trace: Trace, makers: Collection[Any], numbers: Any, **own: Any) -> Symbols:
    """Those of symbolic arrays, of which some may be the number that `float` is asked for."""
    return Symbols(
        holds=lambda x: isinstance(x, Symbolic),
        is_size=lambda x: isinstance(x, SymbolicSize),
        is_number=lambda x: isinstance(x, numbers) and not x.ndim,
        apply=_applied,
        applied=lambda x: x in makers or (package(x) in _OF_NUMBERS and not isinstance(x, _ASKING)),
        symbol_of=trace.symbol_of,
        **own,
    )


def _numpy_symbols(trace: Trace) -> Symbols:
    of_lists = {np.sum, np.mean, np.prod, np.max, np.min}
    return _symbols(
        trace,
        {np.array, np.asarray, np.asanyarray, np.ascontiguousarray, np.linspace} | of_lists,
        Symbolic,
        sized={np.arange, np.tri},
        identities={np.eye, np.identity, np.zeros, np.ones},
        instead={
            np.vectorize: lambda f, *_: f,  # which is followed of whole arrays
            np.apply_along_axis: partial(_along_rows, trace),
        },
    )


def _along_rows(trace: Trace, f: Callable[..., Any], axis: int, x: Any, *given: Any) -> Any:
    """As `apply_along_axis`, of a matrix: the function of each row or column."""
    if trace.lifted(x).rank != HIGHEST_RANK:
        raise TraceError("`apply_along_axis` is followed of a matrix alone.")
    other = ~axis  # counted from the other end
    return _mapped_over(trace, lambda row: f(row, *given), other, other)(x)


def _torch_symbols(trace: Trace) -> Symbols:
    import torch

    return _symbols(
        trace,
        {torch.tensor, torch.as_tensor, torch.linspace},
        SymbolicSize,
        sized={torch.full, torch.arange},
        identities={torch.eye, torch.zeros, torch.ones},
        instead={torch.vmap: partial(_mapped_over, trace)},
    )


def _mapped_over(
    trace: Trace, f: Callable[..., Any], in_dims: Any = 0, out_dims: int = 0, **_: Any
) -> Callable[..., Any]:
    """As `vmap`: the function of what arrays have along an axis, for all of its places at once."""

    def called(*given: Any) -> Any:
        axes = in_dims if isinstance(in_dims, tuple) else (in_dims,) * len(given)
        letter = trace.new_letter()
        count, values = ONE, list(given)
        for k, (x, axis) in enumerate(zip(given, axes, strict=True)):
            if axis is not None:
                whole = trace.lifted(x)
                others = [*range(whole.rank)]
                front = others.pop(axis)
                count = whole.shape[front]
                moved = arrays.permuted(whole, [front, *others])
                values[k] = trace.wrapped(at_step(moved, count, letter))
        found = of_steps(trace.lifted(f(*values)), count, letter)
        order = [*range(1, found.rank)]
        order.insert(out_dims % found.rank, 0)
        return trace.wrapped(arrays.permuted(found, order))

    return called


def _jax_symbols() -> Symbols:
    import jax
    from jax import export

    own = {jax.numpy.convolve: _convolved_by_jax}

    def is_size(x: Any) -> bool:
        return export.is_symbolic_dim(x)

    def apply(function: Any, given: Sequence[Any], keywords: Mapping[str, Any]) -> Any:
        """As JAX's own function, and a whole one: a jaxpr of its name."""
        if function in own:
            return own[function](*given, **keywords)
        name = function.__name__
        found = getattr(jax.scipy.special, name, None) or getattr(jax.numpy, name, None)
        if found is None:
            raise TraceError(f"`{name}` can't be followed: JAX has no such function.")
        return jax.jit(found)(*given, **keywords) if name in SPECIAL else found(*given, **keywords)

    def applied(x: Any) -> bool:
        of_numbers = package(x) in (*_OF_NUMBERS, "numpy") and not isinstance(x, type)
        is_whole = package(x) == "jax" and getattr(x, "__name__", "") in SPECIAL
        return of_numbers or is_whole or x in own

    return Symbols(
        holds=lambda x: isinstance(x, jax.core.Tracer) or is_size(x),
        is_size=is_size,
        is_number=is_size,
        apply=apply,
        applied=applied,
    )


def _convolved_by_jax(x: Any, kernel: Any, mode: str = "full", **_: Any) -> Any:
    """As `convolve`, whose code compares lengths: a jaxpr of its name and of the result's shape."""
    import jax

    size, width, name = x.shape[0], kernel.shape[0], f"convolve_{mode}"
    if name not in BY_MODE:
        raise TraceError(f"the mode {mode!r} isn't followed.")
    length = {"full": size + width - 1, "valid": size - width + 1}.get(mode, size)

    def whole(_x: Any, _kernel: Any) -> Any:
        return jax.numpy.zeros(length)

    whole.__name__ = name
    return jax.jit(whole)(x, kernel)


_OF_NUMBERS = ("math", "scipy")  # packages whose functions hand nothing over to symbols,
_ASKING = (np.ufunc, type)  # but for these


def _applied(function: Any, given: Sequence[Any], keywords: Mapping[str, Any]) -> Any:
    symbol: Symbolic = next(
        x for x in flat([*given, *keywords.values()]) if isinstance(x, Symbolic)
    )
    name = function.__name__
    owner = getattr(getattr(function, "__self__", None), "name", package(function))
    qualified = f"{owner}.{name}"  # of a distribution, or of a package
    return symbol.run.call(qualified if qualified in symbol.run.names else name, given, keywords)


# ------------------------------------------------------------------------------- on numbers


def _numpy_value(f: Callable[..., Any], given: Mapping[str, Array]) -> Any:
    with np.errstate(all="ignore"):
        return f(**{name: x.copy() if x.ndim else x.item() for name, x in given.items()})


@contextmanager
def _double_by_default() -> Iterator[None]:
    """Tensors that a function makes have the precision of its arguments."""
    import torch

    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


@contextmanager
def _without_validation() -> Iterator[None]:
    """Distributions take parameters of which nothing is known."""
    from torch.distributions import Distribution

    before = Distribution._validate_args
    Distribution.set_default_validate_args(False)
    try:
        yield
    finally:
        Distribution.set_default_validate_args(before)


@contextmanager
def _in_double() -> Iterator[None]:
    """Tensors that a function has, such as a module's weights, meet its arguments in their
    precision, too."""
    import torch
    from torch.overrides import TorchFunctionMode

    def is_single(x: Any) -> bool:
        return isinstance(x, torch.Tensor) and x.dtype == torch.float32

    def doubled(x: Any) -> Any:
        return x.double() if is_single(x) else x

    def called(mode: Any, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        named = kwargs or {}
        try:
            found = function(*args, **named)
            x = args[0] if args and is_single(found) else None  # cast, it keeps its digits
            if isinstance(x, torch.Tensor) and x.dtype == torch.float64:
                return x if x.shape == found.shape else doubled(found)
            return doubled(found)
        except RuntimeError:  # two precisions in a matrix product, say
            if not any(map(is_single, [*args, *named.values()])):
                raise
            again = {name: doubled(x) for name, x in named.items()}
            return function(*map(doubled, args), **again)

    # made by `type`: without PyTorch a type checker sees no class to derive one from
    in_double = type("InDouble", (TorchFunctionMode,), {"__torch_function__": called})
    with _double_by_default(), in_double():
        yield


@_in_double()
def _torch_value(f: Callable[..., Any], given: Mapping[str, Array]) -> Any:
    import torch

    found = f(**_tensors(given))
    return found.detach() if isinstance(found, torch.Tensor) else found


def _tensors(given: Mapping[str, Array]) -> dict[str, Any]:
    import torch

    kinds = {"i": torch.long, "f": torch.float64}
    return {name: torch.tensor(x, dtype=kinds[x.dtype.kind]) for name, x in given.items()}


@_in_double()
def _torch_gradients(
    f: Callable[..., Any], given: Mapping[str, Array], asked: Collection[str], weights: Array
) -> Mapping[str, Array]:
    import torch

    tensors = _tensors(given)
    leaves = {name: tensors[name].requires_grad_() for name in asked}
    value = torch.as_tensor(f(**{name: x.clone() for name, x in tensors.items()}))
    total = (value * torch.tensor(weights)).sum()
    if not total.requires_grad:
        return {name: np.zeros(x.shape) for name, x in leaves.items()}
    found = torch.autograd.grad(total, [*leaves.values()], materialize_grads=True)
    return {name: x.numpy() for name, x in zip(leaves, found, strict=True)}


def _jax_value(f: Callable[..., Any], given: Mapping[str, Array]) -> Any:
    import jax

    with jax.enable_x64(True):
        return np.asarray(jax.jit(f)(**given))  # compiled as one: sooner than piece by piece


def _jax_follow(
    f: Callable[..., Any],
    given: Mapping[str, Traced],
    dims: Sequence[str],
    known: Mapping[Layout, Traced] | None = None,
    constants: Collection[str] = (),
) -> Followed:
    from .jaxprs import follow

    with _places(), _stood_in(f, _jax_symbols()):
        value, recurrences = follow(f, given, dims, known or {}, constants)
        return Followed(value, {}, recurrences)


LIBRARIES: Mapping[str, ArrayLibrary] = {
    "numpy": ArrayLibrary(
        _by_symbols(meanings.NUMPY, NumpyArray, NumpySize, _numpy_symbols), _numpy_value
    ),
    "torch": ArrayLibrary(
        _double_by_default()(
            _without_validation()(
                _by_symbols(torch_meanings.TORCH, TorchTensor, TorchSize, _torch_symbols)
            )
        ),
        _torch_value,
        _torch_gradients,
    ),
    "jax": ArrayLibrary(_jax_follow, _jax_value),
}
