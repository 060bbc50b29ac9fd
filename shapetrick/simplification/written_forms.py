"""Forms that people write out, as functions before something is derived: `1 ./ (1 + exp(-x))` is
`sigmoid(x)`, whose derivative a textbook writes by its value.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from ..algebra.symmetry import Symmetry
from ..core.cost import length
from ..core.expr import Call, Expr, Name
from ..core.functions import TABLE
from ..core.results import Rewriting
from ..core.traversal import postorder, remembered, transform
from .identities import IDENTITIES, SMALLER
from .rewriting import Rewriter, Rows

OF_A_MATRIX = 8  # times what an argument of `inv`, `det` or `logdet` counts elsewhere
_WRITTEN = [row.left for row in (*IDENTITIES, *SMALLER) if row.written]
_CALLED = {frozenset(re.findall(r"(\w+)\(", left)) for left in _WRITTEN}


def with_functions(
    roots: Sequence[Expr],
) -> tuple[list[Expr], Mapping[Expr, Expr], Sequence[Rewriting]]:
    """The expressions with functions in place of the forms that are written out; the definitions
    in them that this changes, and forms that are as short, as they were by what they are; and the
    steps."""
    occurring = {e.op for e in postorder(roots)}
    if not any(called <= occurring for called in _CALLED):
        return list(roots), {}, ()
    sizes: dict[Expr, int] = {}
    done: dict[Expr, Expr] = {}

    def size(e: Expr) -> int:
        """How many operations, names and numbers: `relu(x)` is less than `maximum(x, 0)`; for a
        function of a square matrix, so much the more as its argument is large."""
        return remembered(sizes, e, measured)

    def measured(e: Expr) -> int:
        inside = 0 if isinstance(e, Name) else sum(sizes[a] for a in e.args)
        row = TABLE.get(e.op)
        return 1 + inside * (OF_A_MATRIX if row is not None and row.units == "inverse" else 1)

    rewriter = Rewriter(Symmetry(), size, Rows.WRITTEN)

    def changed(e: Expr) -> Expr:
        return e if isinstance(e, Name) else rewriter.rewrite(e)

    found = [transform(root, changed, done) for root in roots]
    typed = {
        new: old
        for old, new in done.items()
        if new is not old and new not in done and (isinstance(old, Name) or _is_as_short(old, new))
    }
    return found, typed, rewriter.log


def _is_as_short(typed: Expr, function: Expr) -> bool:
    """Whether a person who typed a form sees it again: `maximum(x, 0)`, and not `relu(x)`."""
    return isinstance(typed, Call) and length(typed) <= length(function)
