"""Arrays that a function takes from around it, by their names: those of its module, of its own
object, and the parameters of modules of layers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from ..core.functions import Array
from ..core.named_tuples import NamedTuple
from ..language.vocabularies import is_name
from .libraries import reached
from .symbolic import Layout, layout

DEEPEST = 3  # lists of lists in which arrays are looked for


class Captured(NamedTuple):
    """An array from around a function; a parameter is there to be derived by."""

    array: Array
    is_parameter: bool = False


def captured_arrays(f: Callable[..., Any], taken: set[str]) -> dict[str, Captured]:
    """The arrays that a function may look up, with names in the language, each once."""
    found: dict[str, Captured] = {}
    seen: set[Layout] = set()
    for name, x in _values(f):
        for path, one in _arrays(name, x):
            key = layout(one.array)
            if key in seen or one.array.size < 2:
                continue
            word = path.replace(".", "_")
            if is_name(word) and word not in taken and word not in found:
                seen.add(key)
                found[word] = one
    return found


def _values(f: Callable[..., Any]) -> Iterator[tuple[str, Any]]:
    """What a function looks up, and what its own object has."""
    for name, x in reached(f):
        if x is f or not name:
            owner = getattr(x, "__self__", x)
            if hasattr(owner, "named_parameters"):
                yield "", owner
            elif hasattr(owner, "__dict__") and not hasattr(owner, "__code__"):
                yield from vars(owner).items()
        else:
            yield name, x


def _arrays(name: str, x: Any, depth: int = 0) -> Iterator[tuple[str, Captured]]:
    """The arrays in a value, with a path to each."""
    if isinstance(x, type):
        return
    if hasattr(x, "named_parameters"):
        for word, parameter in x.named_parameters():
            yield from _arrays(f"{name}.{word}" if name else word, parameter)
        for word, buffer in x.named_buffers():
            yield from _arrays(f"{name}.{word}" if name else word, buffer)
    elif isinstance(x, list | tuple | dict) and depth < DEEPEST:
        items = x.items() if isinstance(x, Mapping) else enumerate(x)
        for key, one in items:
            yield from _arrays(f"{name}.{key}", one, depth + 1)
    elif hasattr(x, "shape") and hasattr(x, "__array__"):
        array = np.asarray(x.detach() if hasattr(x, "detach") else x)
        if array.dtype.kind in "biuf":
            yield name, Captured(array, bool(getattr(x, "requires_grad", False)))
