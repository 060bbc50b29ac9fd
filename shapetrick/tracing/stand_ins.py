"""While a function is run on symbols, what it calls by name that takes numbers alone (`math.sqrt`,
`len`, SciPy's functions) is stood in for by what takes symbols too.

Only the names of the person's own modules are bound otherwise, and only for the time of the run.
"""

from __future__ import annotations

import builtins
import math
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import reduce, wraps
from operator import index, mul
from types import ModuleType
from typing import Any

import numpy as np

from ..core.named_tuples import NamedTuple

StandIn = Callable[..., Any]
PACKAGES = frozenset({"math", "numpy", "scipy", "torch", "jax"})  # whose functions may be


class Symbols(NamedTuple):
    """What a library's symbols are: how to know one, and one that is a size; which of them may be
    the number that `float` is asked for; what a function does with them; of which
    functions that is asked; which functions are given numbers for sizes, and which of them make
    I, whose rows may be looked up; the symbol that an array stands for, or None; and what is called
    in the place of functions of functions."""

    holds: Callable[[Any], bool]
    is_size: Callable[[Any], bool]
    is_number: Callable[[Any], bool]
    apply: Callable[[Any, Sequence[Any], Mapping[str, Any]], Any]
    applied: Callable[[Any], bool]
    sized: Collection[Any] = ()
    identities: Collection[Any] = ()
    symbol_of: Callable[..., Any] = lambda _: None
    instead: Mapping[Any, StandIn] = {}


@contextmanager
def standing_in(functions: Iterable[tuple[Any, Sequence[str]]], symbols: Symbols) -> Iterator[None]:
    """The names that functions look up in their modules, bound to what takes symbols."""
    bindings = _Bindings(symbols)
    with ExitStack() as stack:
        for space, looked_up in functions:
            found = {name: bindings.bound(space, name) for name in looked_up}
            changed = {name: x for name, x in found.items() if x is not None}
            stack.enter_context(_rebound(space, changed))
        yield


@contextmanager
def _rebound(space: dict[str, Any], changed: Mapping[str, Any]) -> Iterator[None]:
    """Names of a module bound otherwise, for a while."""
    before = {name: space[name] for name in changed if name in space}
    space.update(changed)
    try:
        yield
    finally:
        for name in changed:
            space.pop(name, None)
        space.update(before)


class _Bindings:
    """What a name is bound to in the place of what it means."""

    def __init__(self, symbols: Symbols) -> None:
        self._symbols = symbols
        self._own = {
            len: self._length,
            math.prod: _product,
            float: _numeric(float, symbols.is_number),
            int: _numeric(int, symbols.is_size),
            sum: self._reducing(sum, axis=0),
            max: self._reducing(max),
            min: self._reducing(min),
            **symbols.instead,
        }

    def bound(self, space: Mapping[str, Any], name: str) -> Any:
        """The stand-in for a name of a module, or None."""
        if name not in space:
            return self._own.get(getattr(builtins, name, None))
        return self.of(space[name])

    def of(self, x: Any) -> Any:
        """The stand-in for a value, or None."""
        if isinstance(x, ModuleType):
            return _View(x, self) if package(x.__name__) in PACKAGES else None
        if not isinstance(x, Hashable) or not callable(x):
            return self._symbols.symbol_of(x)
        if x in self._own:
            return self._own[x]
        if x in self._symbols.sized or x in self._symbols.identities:
            return self._of_numbers(x)
        if not self._symbols.applied(x):
            return None
        has_methods = not hasattr(x, "__name__")  # such as a distribution of SciPy's
        return _View(x, self) if has_methods else self._of_symbols(x)

    def _of_numbers(self, function: Callable[..., Any]) -> StandIn:
        def number(x: Any) -> Any:
            if isinstance(x, tuple | list):
                return tuple(map(number, x))
            return index(x) if self._symbols.is_size(x) else x

        @wraps(function)
        def called(*given: Any, **keywords: Any) -> Any:
            found = function(*map(number, given), **{k: number(x) for k, x in keywords.items()})
            is_identity = function in self._symbols.identities
            return self._symbols.symbol_of(found, True) if is_identity else found

        return called

    def _of_symbols(self, function: Callable[..., Any]) -> StandIn:
        @wraps(function)
        def called(*given: Any, **keywords: Any) -> Any:
            if any(map(self._symbols.holds, flat([*given, *keywords.values()]))):
                return self._symbols.apply(function, given, keywords)
            return function(*given, **keywords)

        return called

    def _reducing(self, function: Callable[..., Any], **keywords: Any) -> StandIn:
        """Python's reduction of an array along its first axis."""

        @wraps(function)
        def called(*given: Any, **further: Any) -> Any:
            if len(given) == 1 and not further and self._symbols.holds(given[0]):
                return self._symbols.apply(function, given, keywords)
            return function(*given, **further)

        return called

    def _length(self, x: Any) -> Any:
        return x.shape[0] if self._symbols.holds(x) and x.shape else len(x)


class _View:
    """A module, or an object with methods, with stand-ins for its functions."""

    def __init__(self, of: Any, bindings: _Bindings) -> None:
        self._of, self._bindings = of, bindings

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._of, name)
        instead = self._bindings.of(found)
        return found if instead is None else instead


def _numeric(of: type, leaves: Callable[[Any], bool]) -> type:
    """A type of numbers that leaves symbols as they are where it is called with one."""

    class Numeric(type):
        def __call__(cls, *given: Any) -> Any:
            return given[0] if given and leaves(given[0]) else of(*given)

        def __instancecheck__(cls, x: object) -> bool:
            return isinstance(x, of)

    return Numeric(of.__name__, (of,), {"dtype": np.dtype(of)})


def _product(sizes: Any, /, *, start: Any = 1) -> Any:
    return reduce(mul, sizes, start)


def flat(given: Iterable[Any]) -> Iterator[Any]:
    """Arguments, and those in lists and tuples among them."""
    for x in given:
        if isinstance(x, tuple | list):
            yield from flat(x)
        else:
            yield x


def package(x: Any) -> str:
    """The package in which something is defined; of the name of a module, its first word."""
    name = x if isinstance(x, str) else getattr(x, "__module__", None) or ""
    return str(name).partition(".")[0]
