"""Names of a problem as names in Python: letters stay, what Python reads otherwise is changed."""

from __future__ import annotations

import builtins
import keyword
import re
import unicodedata
from collections.abc import Iterable

from ..core.free_names import free_name, numbered_names
from ..core.regexes import regex

_UPSTREAM = regex(r"bar\(([\w\[\]+-]+)\)")


def safe(name: str) -> str:
    """The nearest identifier: `bar(Z)` is Z_bar, `lambda` is lambda_; Python reads ϕ as φ."""
    name = unicodedata.normalize("NFKC", _UPSTREAM.sub(r"\1_bar", name))
    name = re.sub(r"\W", "_", name).lstrip("_") or "x"
    if not name[0].isidentifier():
        name = f"x{name}"
    clashes = keyword.iskeyword(name) or keyword.issoftkeyword(name) or hasattr(builtins, name)
    return f"{name}_" if clashes else name


class Identifiers:
    """Hands out identifiers, each once."""

    def __init__(self, taken: Iterable[str] = ()) -> None:
        self._taken = set(taken)

    def take(self, wanted: str) -> str:
        """An identifier as near to the name as is free."""
        name = free_name(safe(wanted), self._taken, 2, "_")
        self._taken.add(name)
        return name

    def number(self, stem: str) -> str:
        """The first free one of `t1`, `t2`, …"""
        return self.take(next(n for n in numbered_names(stem) if n not in self._taken))
