"""What was found when the package was built: a wheel has it as data, so that a first answer
searches nothing. Where there is no such data all is found when it is used.
"""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from functools import cache
from typing import Any

from .files import came_along

_PLACE = "core", "built.pickle"  # in the package
PLACE = "/".join(("shapetrick", *_PLACE))  # in a wheel


@cache
def built(kind: str, key: str) -> Any:
    """What was found of that kind for the key; None where nothing was."""
    found = _kept().get((kind, key))
    return None if found is None else pickle.loads(found)


def packed(found: Mapping[tuple[str, str], Any]) -> bytes:
    """What was found, by kinds and keys, as data of which a start reads what it uses."""
    return pickle.dumps({key: pickle.dumps(value) for key, value in found.items()})


@cache
def _kept() -> Mapping[tuple[str, str], bytes]:
    try:
        kept: Mapping[tuple[str, str], bytes] = pickle.loads(came_along(*_PLACE))
    except OSError:
        return {}
    return kept
