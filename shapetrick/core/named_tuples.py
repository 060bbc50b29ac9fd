"""Named tuples that are made quickly. `typing.NamedTuple` compiles each field's annotation when a
module is imported, which for a hundred classes was a thirtieth of a cold start.

Here annotations stay as they were typed. Type checkers see the standard class.
"""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Iterable
from reprlib import Repr
from typing import TYPE_CHECKING, Any

_SHORT = Repr()
_SHORT.maxstring, _SHORT.maxother, _SHORT.maxtuple, _SHORT.maxdict = 60, 60, 3, 3


def in_short(x: object, names: Iterable[str]) -> str:
    """The `repr` of a record with these fields, a long value cut in its middle."""
    shown = (f"{name}={_SHORT.repr(getattr(x, name))}" for name in names)
    return f"{type(x).__qualname__}({', '.join(shown)})"


if TYPE_CHECKING:
    from typing import NamedTuple as NamedTuple
else:

    class _Maker(type):
        """Makes a named tuple of what a class says: its fields, their defaults, its methods."""

        def __new__(cls, name: str, _: tuple[type, ...], said: dict[str, Any]) -> type:
            fields = said.get("__annotations__", {})
            defaults = [said[field] for field in fields if field in said]
            made = namedtuple(name, fields, defaults=defaults, module=said["__module__"])
            made.__repr__ = lambda self: in_short(self, self._fields)
            for key in said.keys() - fields.keys() - {"__module__"}:
                setattr(made, key, said[key])
            return made

    NamedTuple = type.__new__(_Maker, "NamedTuple", (), {})
