"""Data classes that are made quickly. The standard library's `dataclass` compiles five or six
methods for each class when its module is imported, which was a tenth of a cold start.

Here one is compiled, `__init__`, when the first object is made; the others are shared. `fields` and
`replace` of `dataclasses` are for these classes as well, and type checkers see the standard
decorator.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from .named_tuples import in_short

if TYPE_CHECKING:
    from dataclasses import dataclass as dataclass
else:

    def dataclass(*, init=True, repr=True, eq=True, frozen=False, slots=False, weakref_slot=False):
        """What makes a data class of a class, with those of the methods that it has not itself."""

        def made(cls):
            own = {*vars(cls)}
            with_fields = dataclasses.dataclass(
                init=False, repr=False, eq=False, slots=slots, weakref_slot=weakref_slot
            )
            cls = with_fields(cls)
            methods = {}
            if init:
                methods["__init__"] = _made_at_first(cls, frozen)
            if repr:
                methods["__repr__"] = _repr
            if eq:
                values = _values(cls)
                methods["__eq__"] = _equal(values)
                methods["__hash__"] = _hash(values) if frozen else None
            if frozen:
                methods.update(__setattr__=_refuse, __delattr__=_refuse)
            if frozen and slots:
                methods.update(__getstate__=_state, __setstate__=_restore)
            for name, method in methods.items():
                if name not in own:
                    setattr(cls, name, method)
            return cls

        return made


def _made_at_first(cls: Any, frozen: bool) -> Callable[..., None]:
    """An `__init__` that puts the compiled one in its place."""

    def __init__(self: Any, *given: Any, **named: Any) -> None:
        cls.__init__ = init = _init(cls, frozen)
        init(self, *given, **named)

    return __init__


def _init(cls: type, frozen: bool) -> Callable[..., None]:
    """What sets the fields, one after the other, and calls `__post_init__` if there is one."""
    parameters, lines = ["self"], []
    known: dict[str, Any] = {"_set": object.__setattr__, "_MADE": object()}
    for f in dataclasses.fields(cls):
        value, default = f.name, f"_default_{f.name}"
        if f.default_factory is not dataclasses.MISSING:
            known[default] = f.default_factory
            value = f"{default}() if {f.name} is _MADE else {f.name}" if f.init else f"{default}()"
            parameters += [f"{f.name}=_MADE"] if f.init else []
        elif f.default is not dataclasses.MISSING:
            known[default] = f.default
            value = f.name if f.init else default
            parameters += [f"{f.name}={default}"] if f.init else []
        else:
            parameters.append(f.name)
        lines.append(f"_set(self, {f.name!r}, {value})" if frozen else f"self.{f.name} = {value}")
    if hasattr(cls, "__post_init__"):
        lines.append("self.__post_init__()")
    exec(f"def __init__({', '.join(parameters)}):\n " + "\n ".join(lines or ["pass"]), known)
    init: Callable[..., None] = known["__init__"]
    init.__qualname__ = f"{cls.__qualname__}.__init__"
    init.__module__ = cls.__module__
    return init


def _values(cls: type) -> Callable[[Any], tuple[Any, ...]]:
    """What gives the values of an object's fields that are compared."""
    names = [f.name for f in dataclasses.fields(cls) if f.compare]
    if len(names) > 1:
        return attrgetter(*names)
    return lambda x: tuple([getattr(x, name) for name in names])


def _equal(values: Callable[[Any], tuple[Any, ...]]) -> Callable[[Any, object], bool]:
    def __eq__(self: Any, other: object) -> bool:
        return values(self) == values(other) if type(other) is type(self) else NotImplemented

    return __eq__


def _hash(values: Callable[[Any], tuple[Any, ...]]) -> Callable[[Any], int]:
    def __hash__(self: Any) -> int:
        return hash(values(self))

    return __hash__


def _repr(self: Any) -> str:
    return in_short(self, (f.name for f in dataclasses.fields(self) if f.repr))


def _refuse(_: Any, name: str, value: Any = None) -> None:
    raise dataclasses.FrozenInstanceError(f"cannot change the field {name!r}")


def _state(self: Any) -> list[Any]:
    return [getattr(self, f.name) for f in dataclasses.fields(self)]


def _restore(self: Any, state: list[Any]) -> None:
    for f, value in zip(dataclasses.fields(self), state, strict=True):
        object.__setattr__(self, f.name, value)
