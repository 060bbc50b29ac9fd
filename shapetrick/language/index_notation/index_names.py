"""The names of a problem, which tell the letters that a text may bind from what has a meaning."""

from __future__ import annotations

from dataclasses import field

from ...core.indices import Range
from ...core.records import dataclass


@dataclass(slots=True)
class IndexNames:
    """The names of a problem: those of values (plain ones and families') and of dimensions."""

    values: set[str]
    families: set[str] = field(default_factory=set)
    dims: set[str] = field(default_factory=set)
    sides: dict[str, tuple[str, str]] = field(default_factory=dict)  # of declared matrices
    axes: dict[tuple[str, int], list[Range | None]] = field(default_factory=dict)  # of families
    symmetric: set[str] = field(default_factory=set)  # declared as such

    def is_letter(self, name: str) -> bool:
        """Whether a name has no other meaning."""
        return not {name} & (self.values | self.families | self.dims)
