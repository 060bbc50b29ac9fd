"""Problems that several tests look at, each derived once for all tests of a process, and the
recurrences of derivations as text."""

from __future__ import annotations

from functools import cache

import shapetrick as st
from shapetrick.core.indices import written


@cache
def derivations(text: str) -> tuple[st.Derivation, ...]:
    """What a problem's requests give; the derivations keep their steps, too."""
    return tuple(st.read(text).derive())


def equations(d: st.Derivation) -> list[str]:
    """The recurrences as printed."""
    recursion = d.result.recursion
    assert recursion is not None
    return [
        f"{q.symbol} = {q.value}" + (f"  for {written(q.ranges)}" if q.ranges else "")
        for q in recursion.equations
    ]
