"""Rows in blocks: what can be computed for some rows at a time, so that it stays in the cache.

A dimension can be taken in blocks if everything that has it as an axis is computed row by row,
and all else comes before (it doesn't depend on the rows) or after (it is made of sums over the
rows). Then the large arrays between input and gradient are never whole, and an input is read from
memory once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from math import prod

from ..core.dims import Dim
from ..core.functions import TABLE
from ..core.records import dataclass
from ..core.traversal import postorder
from .ir import ArrayOperation, Value


class Phase(Enum):
    """When a value is computed."""

    BEFORE = 0
    INSIDE = 1  # row by row; the axis is in `Blocking.axes`
    SUMMED = 2  # a sum over the rows, complete after the loop
    AFTER = 3


@dataclass(frozen=True, slots=True)
class Blocking:
    """The dimension that is taken in blocks, when each value is computed, and of those inside the
    loop the axis that has the rows."""

    dim: Dim
    phases: Mapping[Value, Phase]
    axes: Mapping[Value, int]

    def inside(self, v: Value) -> bool:
        return self.phases[v] is Phase.INSIDE


def blocked(roots: Sequence[Value], sizes: Callable[[Dim], int]) -> Blocking | None:
    """The blocking by the dimension that most entries are computed for; None if none can be taken
    so."""
    found = []
    for dim in _candidates(roots):
        blocking = _Analysis(dim).run(roots)
        if blocking is not None:
            inside = (v for v in blocking.phases if blocking.inside(v) and v.op not in _VIEWS)
            found.append((sum(prod(map(sizes, v.shape)) for v in inside), blocking))
    return max(found, key=lambda pair: pair[0])[1] if found else None


def blocked_by(roots: Sequence[Value], dim: Dim) -> Blocking | None:
    """The blocking by a dimension; None if it can't be taken so."""
    return _Analysis(dim).run(roots)


_VIEWS: frozenset[ArrayOperation] = frozenset({"transpose", "lift"})


def _candidates(roots: Sequence[Value]) -> list[Dim]:
    """The dimensions that axes have, in order of appearance."""
    dims = dict.fromkeys(d for v in postorder(roots) for d in v.shape)
    return [d for d in dims if d.integer is None]


class _Illegal(Exception):
    """A value needs all rows before it can be computed for one."""


class _Analysis:
    """The phases of a plan, for one dimension."""

    def __init__(self, dim: Dim) -> None:
        self._dim = dim
        self._phases: dict[Value, Phase] = {}
        self._axes: dict[Value, int] = {}

    def run(self, roots: Sequence[Value]) -> Blocking | None:
        try:
            for v in postorder(roots):
                self._phases[v] = self._phase(v)
        except _Illegal:
            return None
        made = [v for v, phase in self._phases.items() if phase is Phase.INSIDE and v.args]
        if Phase.SUMMED not in self._phases.values() or not made:
            return None
        return Blocking(self._dim, self._phases, self._axes)

    def _phase(self, v: Value) -> Phase:
        own = [i for i, d in enumerate(v.shape) if d is self._dim]
        inside = [a for a in v.args if self._phases[a] is Phase.INSIDE]
        late = any(self._phases[a] in (Phase.SUMMED, Phase.AFTER) for a in v.args)
        if len(own) > 1 or (late and (inside or own or v.op == "linear_solution")):
            raise _Illegal
        if not inside:
            if late:
                return Phase.AFTER
            if not own:
                return Phase.BEFORE
            if v.op not in ("input", "ones", "spread"):
                raise _Illegal
            return self._row_by_row(v, own)
        if v.op in _SUMS:
            return self._summed(v, own)
        if v.op == "matmul":
            return self._product(v, own)
        if (
            (own and v.op in _PER_ROW)
            or v.op in _ROW_BY_ROW
            or (v.op == "function" and TABLE[v.data].elementwise)
        ):
            return self._row_by_row(v, own)
        raise _Illegal

    def _row_by_row(self, v: Value, own: Sequence[int]) -> Phase:
        if not own:
            raise _Illegal
        self._axes[v] = own[0]
        return Phase.INSIDE

    def _summed(self, v: Value, own: Sequence[int]) -> Phase:
        """A sum of entries: over the rows, or of each row."""
        return self._row_by_row(v, own) if own else Phase.SUMMED

    def _product(self, v: Value, own: Sequence[int]) -> Phase:
        """Rows times a matrix, or a product over the rows."""
        a, _ = v.args
        over_rows = a.shape[-1] is self._dim
        if over_rows == bool(own):
            raise _Illegal
        return Phase.SUMMED if over_rows else self._row_by_row(v, own)


# Of each row; over the rows there is no sum to make.
_PER_ROW: frozenset[ArrayOperation] = frozenset({"max", "min", "prod"})
_SUMS: frozenset[ArrayOperation] = frozenset(
    {"sum", "inner", "row_dots", "column_dots", "trace_of_product"}
)
_ROW_BY_ROW: frozenset[ArrayOperation] = frozenset(
    {"add", "mul", "power", "root", "abstract", "equal", "transpose", "lift", "outer", "spread"}
)


def frontier(blocking: Blocking, roots: Sequence[Value]) -> list[Value]:
    """What the loop needs of before it, in order."""
    looped = [v for v in postorder(roots) if blocking.phases[v] in (Phase.INSIDE, Phase.SUMMED)]
    needed = (a for v in looped for a in v.args if blocking.phases[a] is Phase.BEFORE)
    return list(dict.fromkeys(needed))


def results(blocking: Blocking, roots: Sequence[Value]) -> list[Value]:
    """What the loop leaves, sums and rows of roots: what is soon complete comes first, so that
    what it was made of makes room."""
    found = [
        v
        for v in postorder(roots)
        if blocking.phases[v] is Phase.SUMMED or (blocking.inside(v) and v.args and v in roots)
    ]
    made = {v: sum(blocking.inside(a) for a in postorder([v])) for v in found}
    return sorted(found, key=lambda v: made[v])
