"""Tables of which a quick run takes a part, and the full run all."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest


def thinned(rows: Iterable[Any], every: int = 3) -> list[Any]:
    """The rows as parameters of a test; all but the first of so many are marked slow."""
    return [
        pytest.param(row, marks=[pytest.mark.slow] if i % every else [])
        for i, row in enumerate(rows)
    ]
