"""What was found when the package was built: a wheel has it as data, so that a first answer
searches nothing. Where there is no such data all is found when it is used.
"""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

PLACE = "shapetrick/core/built.pickle"  # in a wheel


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
        data = Path(__file__).with_name(Path(PLACE).name).read_bytes()
    except OSError:
        return {}
    kept: Mapping[tuple[str, str], bytes] = pickle.loads(data)
    return kept
