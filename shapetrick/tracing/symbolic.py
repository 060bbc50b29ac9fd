"""What a function is called with in the place of arrays: symbols, to which NumPy and PyTorch hand
their operations.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from inspect import Parameter, signature
from typing import Any, NoReturn

import numpy as np

from ..core import expr as ex
from ..core.dims import NOTHING, ONE, Dim
from ..core.errors import TraceError
from ..core.functions import Array
from . import arrays, class_labels, constants, extents, indexing
from .arrays import Traced
from .chosen_entries import chosen_entries, condition, put
from .meaning_kinds import Meaning
from .source_places import called_here
from .stand_ins import flat

# How the libraries call what the table of meanings calls otherwise.
_NAMES = {
    **{"dim": "axis", "dims": "axis", "dim1": "axis1", "dim2": "axis2"},
    **{"keepdim": "keepdims", "diagonal": "k", "a_min": "min", "a_max": "max"},
}
_PLACES = {
    **dict.fromkeys(("input", "self", "a", "x1", "A", "tensor", "m", "v", "arr", "array"), 0),
    **dict.fromkeys(("other", "b", "x2", "B", "mat2", "vec", "vec2", "exponent", "y"), 1),
}


Layout = tuple[int, tuple[int, ...], tuple[int, ...]]


def layout(array: Array) -> Layout:
    """What an array shares with its other views of the same shape and order."""
    return array.__array_interface__["data"][0], array.shape, array.strides


@dataclass(slots=True)
class Trace:
    """One run of a function: the sizes that its dimensions have where a number is wanted, and
    which of them were; `names` is the table of its library, `known` are arrays of numbers that
    stand for symbols, and `constants` the arguments by which nothing is derived."""

    sizes: Mapping[str, int]
    names: Mapping[str, Meaning]
    kind: Callable[[Trace, Traced], Symbolic]
    size_kind: Callable[[Trace, Dim], Symbolic]
    known: Mapping[Layout, Traced] = field(default_factory=dict)
    constants: Collection[str] = ()
    used: dict[int, Dim] = field(default_factory=dict)
    letters: int = 0  # for places along axes over which functions are mapped

    def size(self, dim: Dim) -> int:
        """The number that a dimension is in this run."""
        number = dim.size(self.sizes)
        self.used[number] = dim
        return number

    def new_letter(self) -> str:
        """A letter for the places along an axis, which nothing has."""
        self.letters += 1
        return f"_place{self.letters}"

    def dimension(self, number: int) -> Dim:
        """What a size of an array of numbers stands for."""
        named = next((name for name, size in self.sizes.items() if size == number), "")
        return self.used.get(number) or Dim.of(named or number)

    def wrapped(self, found: Any) -> Any:
        """What a function gives: arrays as symbols again."""
        match found:
            case Traced():
                return self.kind(self, found)
            case tuple() if hasattr(found, "_fields"):
                return type(found)(*map(self.wrapped, found))
            case tuple():
                return tuple(map(self.wrapped, found))
        return found

    def lifted(self, given: Any) -> Traced:
        """A symbol, a number, or an array of numbers in which something is known. Raises
        TraceError."""
        if isinstance(given, Symbolic):
            return given.value
        if isinstance(given, Traced):
            return given
        if isinstance(given, tuple | list):
            return indexing.stacked(tuple(map(self.lifted, given)))
        if isinstance(given, int | float | np.number | np.bool):
            return arrays.constant(given if isinstance(given, int | float) else given.item())
        shape = getattr(given, "shape", None)
        if shape is None:
            raise TraceError(f"a value of type {type(given).__name__} can't be followed.")
        array = np.asarray(given.detach() if hasattr(given, "detach") else given)
        found = self.known.get(layout(array))
        return found or constants.of_numbers(array, tuple(map(self.dimension, array.shape)))

    def symbol_of(self, x: Any, is_sure: bool = False) -> Symbolic | None:
        """What stands for an array of numbers, where that is known, or sure to be."""
        if is_sure:
            return self.kind(self, self.lifted(x))
        if not (isinstance(x, np.ndarray) or hasattr(x, "detach")) or not x.shape:
            return None
        found = self.known.get(layout(np.asarray(x.detach() if hasattr(x, "detach") else x)))
        return None if found is None else self.kind(self, found)

    def stopped(self, x: Traced, by: str) -> Traced:
        """An array through which no gradient passes. Raises TraceError where it would."""
        if arrays.depends_on(x) <= {*self.constants}:
            return x
        raise TraceError(STOPPED.format(by))

    def call(self, name: str, given: Sequence[Any], keywords: Mapping[str, Any]) -> Any:
        """What a function of the library gives. Raises TraceError."""
        meaning = self.names.get(name)
        if meaning is None:
            raise TraceError(f"`{name}` can't be followed: {self._advice(name)}")
        return self.wrapped(self._bound(name, meaning, given, keywords))

    def _advice(self, name: str) -> str:
        if name.endswith("_"):
            return "it writes into an array; write the value under a name of its own."
        return "write it by functions that are, or make its value an argument."

    def _bound(
        self, name: str, meaning: Meaning, given: Sequence[Any], keywords: Mapping[str, Any]
    ) -> Any:
        parameters = _parameters(meaning)
        names = list(parameters)
        named = {}
        for word, argument in keywords.items():
            target = _NAMES.get(word, word)
            if target not in parameters and word in _PLACES and _PLACES[word] < len(names):
                target = names[_PLACES[word]]
            if target in parameters:
                named[target] = argument
            elif not _is_idle(word, argument):
                raise TraceError(f"`{name}` is not followed with `{word}={argument!r}`.")
        try:
            bound = signature(meaning).bind(*given, **named)
        except TypeError:
            raise TraceError(f"`{name}` is not followed with these arguments.") from None
        for word, argument in bound.arguments.items():
            if parameters[word] == "Traced" or (
                parameters[word] == "Traced | None" and argument is not None
            ):
                bound.arguments[word] = self.lifted(argument)
            elif parameters[word] in ("*Traced", "Sequence[Traced]"):
                bound.arguments[word] = tuple(map(self.lifted, argument))
            elif parameters[word] == "Sequence[Sequence[Traced]]":
                rows = argument if isinstance(argument[0], list) else [argument]
                bound.arguments[word] = tuple(tuple(map(self.lifted, row)) for row in rows)
        return meaning(*bound.args, **bound.kwargs)


@cache
def _parameters(meaning: Meaning) -> dict[str, str]:
    """The annotations of a meaning's parameters; `*Traced` for any number of arrays."""
    found = {}
    for p in signature(meaning).parameters.values():
        found[p.name] = ("*" if p.kind is Parameter.VAR_POSITIONAL else "") + str(p.annotation)
    return found


_IDLE = frozenset(
    {"dtype", "device", "layout", "pin_memory", "requires_grad", "memory_format", "optimize",
     "order", "casting", "ndmin", "subok", "copy", "_stacklevel", "ignore_index", "driver",
     "inplace", "rounding_mode", "rcond", "rtol", "hermitian", "check_finite", "non_blocking",
     "like"}
)  # fmt: skip


def _is_idle(word: str, argument: Any) -> bool:
    """Whether a parameter says nothing about the value."""
    return argument is None or argument is False or word in _IDLE or word.startswith("_")


# What is said of code that wants values.
DECIDED = "this decides by a value, and only one branch could be followed: write it with `where`."
CONVERTED = (
    "this makes a number of an array, and what is done with that can't be followed: leave it an "
    "array (`np.sqrt` in the place of `math.sqrt`)."
)
STOPPED = "{} stops the gradient: give what is constant as an argument, and its shape as `… const`."
SIZED = (
    "this decides by a size or counts to it (`range`), and a size is a letter here: write "
    "operations on whole arrays, or give the size as a number (`x: 8`)."
)
COUNTED = (
    "`range` and `len` want a number, and a size is a letter here: write `.shape[0]` for it, and "
    "operations on whole arrays."
)


def _operator(name: str, turned: bool = False) -> Callable[[Any, Any], Any]:
    """Python's operator that is a function of the library; `turned` where the array stands behind
    it."""
    if turned:
        return lambda self, other: self._apply(name, other, self)
    return lambda self, other: self._apply(name, self, other)


class Symbolic:
    """An array of symbols: Python's operators, and the methods of the library by its table."""

    __slots__ = ("run", "value")
    __hash__ = object.__hash__

    def __init__(self, run: Trace, value: Traced) -> None:
        self.run = run
        self.value = value

    def _apply(self, name: str, *given: Any, **keywords: Any) -> Any:
        return self.run.call(name, given, keywords)

    # ------------------------------------------------------------------------------ what it is

    @property
    def shape(self) -> tuple[Any, ...]:
        return tuple(self._size(d) for d in self.value.shape)

    def _size(self, d: Dim) -> Any:
        return d.integer if d.integer is not None else self.run.size_kind(self.run, d)

    @property
    def ndim(self) -> int:
        return self.value.rank

    @property
    def T(self) -> Any:
        return self.run.wrapped(arrays.transpose(self.value))

    @property
    def mT(self) -> Any:
        return self.run.wrapped(arrays.turned(self.value))

    def _entries(self) -> Any:
        return self._size(arrays.size(self.value.shape))

    # ------------------------------------------------------------------------------- operators

    __add__, __radd__ = _operator("add"), _operator("add", turned=True)
    __sub__, __rsub__ = _operator("subtract"), _operator("subtract", turned=True)
    __mul__, __rmul__ = _operator("multiply"), _operator("multiply", turned=True)
    __truediv__, __rtruediv__ = _operator("divide"), _operator("divide", turned=True)
    __pow__, __rpow__ = _operator("power"), _operator("power", turned=True)
    __matmul__, __rmatmul__ = _operator("matmul"), _operator("matmul", turned=True)
    __gt__, __lt__ = _operator("greater"), _operator("less")
    __ge__, __le__ = _operator("greater_equal"), _operator("less_equal")
    __eq__, __ne__ = _operator("equal"), _operator("not_equal")
    __and__, __or__ = _operator("logical_and"), _operator("logical_or")

    def __neg__(self) -> Any:
        return self._apply("negative", self)

    def __pos__(self) -> Any:
        return self

    def __abs__(self) -> Any:
        return self._apply("abs", self)

    def __invert__(self) -> Any:
        return self._apply("logical_not", self)

    def __getitem__(self, key: Any) -> Any:
        keys = key if isinstance(key, tuple) else (key,)
        found = chosen_entries(self.value, keys, self.run.lifted)
        found = found or class_labels.chosen(self.value, keys, self.run.lifted)
        return self.run.wrapped(found or indexing.indexed(self.value, keys))

    def __getattr__(self, name: str) -> Any:
        """A method of the library."""
        if name.startswith("__") or name == "dim":
            raise AttributeError(name)
        if name not in self.run.names and not name.endswith("_"):
            raise TraceError(f"`.{name}` can't be followed: {self.run._advice(name)}")
        return lambda *given, **keywords: self._apply(name, self, *given, **keywords)

    # ---------------------------------------------------------------------- what isn't followed

    def __bool__(self) -> NoReturn:
        raise TraceError(DECIDED)

    def __float__(self) -> Any:
        raise TraceError(CONVERTED)

    __int__ = __complex__ = __round__ = __float__

    def __index__(self) -> int:
        raise TraceError(CONVERTED)

    def tolist(self) -> NoReturn:
        raise TraceError(CONVERTED)

    def numpy(self) -> NoReturn:
        raise TraceError("the array leaves PyTorch here: it can't be followed any further.")

    def __array__(self, *_: Any, **__: Any) -> Any:
        raise TraceError(
            "this makes an array of numbers of its argument, and can't be followed: write it by "
            "operations on whole arrays."
        )

    def __len__(self) -> int:
        if not self.ndim or (count := self.value.shape[0].integer) is None:
            raise TraceError(COUNTED)
        return count

    def __iter__(self) -> Iterator[Any]:
        count = self.value.shape[0].integer if self.ndim else None
        if count is None or count > indexing.MOST_PARTS:
            raise TraceError(
                "a loop over the entries or rows isn't followed where their number is a letter: "
                "write it by operations on whole arrays."
            )
        return iter([self[k] for k in range(count)])

    def __format__(self, _: str) -> str:
        return str(self.value.e)  # of what is printed on the way

    def __setitem__(self, key: Any, new: Any) -> None:
        """The array that it is from now on. That others share its entries is not followed, and
        seen when values are compared."""
        keys = key if isinstance(key, tuple) else (key,)
        by = self.run.lifted(new)
        mask = condition(self.value, keys, self.run.lifted)
        found = None if mask is None else put(self.value, by, mask)
        found = found or class_labels.written(self.value, keys, by, self.run.lifted)
        self.value = found or indexing.written(self.value, keys, by)


def _of_sizes(
    name: str, of: Callable[[Dim, Dim], Dim], turned: bool = False
) -> Callable[[Any, Any], Any]:
    """Likewise of sizes: of two whole ones it is one."""
    otherwise = _operator(name, turned)

    def combined(self: SymbolicSize, other: Any) -> Any:
        whole = self._whole(other)
        if whole is None:
            return otherwise(self, other)
        return self._size(of(whole, self.dim) if turned else of(self.dim, whole))

    return combined


def _remainder(total: Dim, known: Dim) -> Dim:
    """What is left of a size that is divided: nothing. Raises TraceError for others."""
    extents.quotient(total, known)
    return NOTHING


class SymbolicSize(Symbolic):
    """A dimension as a number: `X.shape[0]`."""

    __slots__ = ("dim",)
    __hash__ = object.__hash__

    def __init__(self, run: Trace, dim: Dim) -> None:
        super().__init__(run, Traced(ex.dimension(dim), ()))
        self.dim = dim

    def _whole(self, other: Any) -> Dim | None:
        """Another whole size."""
        if isinstance(other, SymbolicSize):
            return other.dim
        return Dim.of(other) if isinstance(other, int) and not isinstance(other, bool) else None

    __add__, __radd__ = _of_sizes("add", Dim.__add__), _of_sizes("add", Dim.__add__, turned=True)
    __sub__ = _of_sizes("subtract", Dim.__sub__)
    __rsub__ = _of_sizes("subtract", Dim.__sub__, turned=True)
    __mul__ = _of_sizes("multiply", Dim.__mul__)
    __rmul__ = _of_sizes("multiply", Dim.__mul__, turned=True)

    __floordiv__ = _of_sizes("floor_divide", extents.quotient)
    __rfloordiv__ = _of_sizes("floor_divide", extents.quotient, turned=True)
    __mod__ = _of_sizes("remainder", _remainder)

    def __eq__(self, other: object) -> bool:
        return self._whole(other) == self.dim

    def __ne__(self, other: object) -> bool:
        return self._whole(other) != self.dim

    def __gt__(self, other: Any) -> Any:
        return self._is_larger(other, 1)

    def __ge__(self, other: Any) -> Any:
        return self._is_larger(other, 2)

    def __lt__(self, other: Any) -> Any:
        return not self._is_larger(other, 2)

    def __le__(self, other: Any) -> Any:
        return not self._is_larger(other, 1)

    def _is_larger(self, other: Any, below: int) -> bool:
        """Whether a size is larger than a number that is smaller than all sizes."""
        if isinstance(other, int) and other < below:
            return True
        raise TraceError("this decides by a size: what holds at every size is followed alone.")

    def __truediv__(self, other: Any) -> Any:
        return self if isinstance(other, int) and other == 1 else super().__truediv__(other)

    def __index__(self) -> int:
        if called_here(sys._getframe(1)).startswith("range"):
            raise TraceError(COUNTED)
        return self.run.size(self.dim)


class NumpyArray(Symbolic):
    """An array that NumPy's functions hand over to."""

    __slots__ = ()
    __hash__ = object.__hash__

    @property
    def size(self) -> Any:
        return self._entries()

    @property
    def dtype(self) -> Any:
        return np.dtype(float)

    def __array_ufunc__(self, ufunc: Any, method: str, *given: Any, **keywords: Any) -> Any:
        if method == "reduce" and ufunc.__name__ in _REDUCED:
            return self._apply(_REDUCED[ufunc.__name__], *given, **{"axis": 0, **keywords})
        if method == "outer":
            a, b = (self.run.lifted(x) for x in given)
            column = arrays.reshape(a, (*a.shape, *(ONE for _ in b.shape)))
            return self._apply(ufunc.__name__, column, b, **keywords)
        if method != "__call__":
            raise TraceError(f"`{ufunc.__name__}.{method}` can't be followed.")
        if keywords.get("out") is not None:
            raise TraceError("`out=` writes into an array: give the value a name of its own.")
        return self._apply(ufunc.__name__, *given, **keywords)

    def __array_function__(
        self, function: Any, _: Any, given: Sequence[Any], keywords: Mapping[str, Any]
    ) -> Any:
        if keywords.get("out") is not None:
            raise TraceError("`out=` writes into an array: give the value a name of its own.")
        if function.__name__ == "shape":
            return given[0].shape
        if function.__name__ in ("size", "ndim") and len(given) == 1:
            return getattr(given[0], function.__name__)
        return self._apply(function.__name__, *given, **keywords)


_REDUCED = {"add": "sum", "maximum": "max", "minimum": "min"}


class NumpySize(SymbolicSize):
    """A size that NumPy's functions hand over to."""

    __slots__ = ()
    __hash__ = object.__hash__
    __array_ufunc__ = NumpyArray.__array_ufunc__
    __array_function__ = NumpyArray.__array_function__


class TorchTensor(Symbolic):
    """An array that PyTorch's functions hand over to."""

    __slots__ = ()
    __hash__ = object.__hash__

    def size(self, axis: int | None = None) -> Any:
        return self.shape if axis is None else self.shape[axis]

    def dim(self) -> int:
        return self.value.rank

    def numel(self) -> Any:
        return self._entries()

    def item(self) -> NoReturn:
        raise TraceError("`item` stops the gradient: leave it a tensor.")

    def detach(self) -> Any:
        return self.run.wrapped(self.run.stopped(self.value, "`detach`"))

    def __getattr__(self, name: str) -> Any:
        """A method; one such as `add_` makes the array what that without `_` gives."""
        if name.startswith("_") or not name.endswith("_") or name[:-1] not in self.run.names:
            return super().__getattr__(name)

        def written(*given: Any, **keywords: Any) -> Any:
            found = self.run.lifted(self._apply(name[:-1], self, *given, **keywords))
            self.value = arrays.spread_over(found, self.value.shape)
            return self

        return written

    def _apply(self, name: str, *given: Any, **keywords: Any) -> Any:
        from torch import is_grad_enabled

        if not is_grad_enabled():
            for x in flat([*given, *keywords.values()]):
                if isinstance(x, Symbolic):
                    self.run.stopped(x.value, "`no_grad`, or a `Function` with its own `backward`,")
        return super()._apply(name, *given, **keywords)

    @property
    def dtype(self) -> Any:
        from torch import float64

        return float64

    @property
    def device(self) -> Any:
        from torch import device

        return device("cpu")

    @classmethod
    def __torch_function__(
        cls, function: Any, _: Any, given: Sequence[Any] = (), keywords: Any = None
    ) -> Any:
        called = flat([*given, *(keywords or {}).values()])
        symbolic = next(x for x in called if isinstance(x, Symbolic))
        name = _TORCH_NAMES.get(function.__name__, function.__name__)
        if name not in symbolic.run.names:  # without the module that it is from
            name = name.removeprefix("special_").removeprefix("linalg_")
        return symbolic._apply(name, *given, **(keywords or {}))


class TorchSize(SymbolicSize):
    """A size that PyTorch's functions hand over to."""

    __slots__ = ()
    __hash__ = object.__hash__
    __torch_function__ = TorchTensor.__torch_function__


# PyTorch's names that its table of meanings has otherwise.
_TORCH_NAMES = {
    **{"__rsub__": "rsub", "__rdiv__": "rdiv", "__rtruediv__": "rdiv", "__rpow__": "rpow"},
    **{"__rmatmul__": "matmul", "absolute": "abs", "log_sigmoid": "logsigmoid"},
}
