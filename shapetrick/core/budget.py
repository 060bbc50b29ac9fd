"""The budget of a request: how much of each kind of work is taken on, and the refusal of more.

All of it is counted (characters, statements, bytes), never timed, so that what is refused on one
machine is refused on all; and it is counted before it is done. A search that ends early and is
right nevertheless has its bound beside it (`MOST_…`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from .dims import Shape
from .errors import BudgetError
from .named_tuples import NamedTuple

BYTES = 8  # of a number


class Bound(NamedTuple):
    """At most so many `units` are taken on."""

    most: int
    units: str

    def admit(self, count: int, what: str, instead: str) -> None:
        """Refuse what would take more. Raises BudgetError: what it is, how much, what to ask."""
        if count > self.most:
            raise BudgetError(
                f"{what} takes {_told(count)} {self.units}, and at most {_told(self.most)} are "
                f"taken on: {instead}"
            )


TEXT = Bound(1_000_000, "characters")  # of a problem
STATEMENTS = Bound(20_000, "statements")  # in it
ARRAYS = Bound(4 * 10**9, "bytes")  # of the arrays of one evaluation, together
MEMBERS = Bound(100_000, "expressions")  # of families that are written out
TRIED = Bound(250_000_000, "bytes")  # of those of one trial of generated code, or of its self-test


def numbers_in(shapes: Iterable[Shape], sizes: Mapping[str, int]) -> int:
    """How many numbers arrays of these shapes hold together."""
    counted = (shapes if isinstance(shapes, Counter) else Counter(shapes)).items()
    return sum(n * rows.size(sizes) * cols.size(sizes) for (rows, cols), n in counted)


def _told(count: int) -> str:
    """A count in three digits, as people say it."""
    for power, word in ((15, ""), (12, "trillion"), (9, "billion"), (6, "million")):
        if count >= 10**power:
            return f"{count / 10**power:.3g} {word}" if word else f"10^{len(str(count)) - 1}"
    return f"{count:,}"
