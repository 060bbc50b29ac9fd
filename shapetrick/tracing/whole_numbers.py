"""Arrays of whole numbers in jaxprs: counted along an axis, the numbers of classes, and places."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..core.dims import Extent
from .arrays import Traced


@dataclass(frozen=True, slots=True)
class Counted:
    """The numbers 0, 1, 2, … along an axis, and what is added: I and triangles, where two axes are
    compared."""

    shape: Extent
    axis: int
    offset: int = 0


@dataclass(frozen=True, slots=True)
class Numbered:
    """An argument of whole numbers, those of classes; moved, where something is added."""

    x: Traced
    shape: Extent
    is_moved: bool = False


@dataclass(frozen=True, slots=True)
class Places:
    """Where entries are: a number for each axis."""

    columns: tuple[Any, ...]
