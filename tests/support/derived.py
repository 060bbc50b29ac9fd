"""Problems that several tests look at, each derived once for all tests of a process."""

from __future__ import annotations

from functools import cache

import shapetrick as st


@cache
def derivations(text: str) -> tuple[st.Derivation, ...]:
    """What a problem's requests give; the derivations keep their steps, too."""
    return tuple(st.read(text).derive())
