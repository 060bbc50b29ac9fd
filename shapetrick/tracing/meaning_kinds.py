"""Kinds of meanings that functions of libraries have, by the functions of our table."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import wraps
from inspect import isfunction
from typing import Any

from . import arrays
from .arrays import Traced

Meaning = Callable[..., Any]


def named_in(space: Mapping[str, Any]) -> Mapping[str, Meaning]:
    """The functions that a module defines, by their names, but for those that begin with `_`."""
    return {
        name: f
        for name, f in space.items()
        if isfunction(f) and f.__module__ == space["__name__"] and not name.startswith("_")
    }


def entrywise(name: str) -> Meaning:
    def meaning(x: Traced) -> Traced:
        return arrays.mapped(name, x)

    return meaning


def turned(meaning: Meaning) -> Meaning:
    def reverse(a: Traced, b: Traced) -> Any:
        return meaning(b, a)

    return reverse


def rooted(meaning: Meaning) -> Meaning:
    """The square root of what another function gives, of which it has the parameters."""

    @wraps(meaning)
    def root(*given: Any, **keywords: Any) -> Traced:
        return arrays.root(meaning(*given, **keywords))

    return root
