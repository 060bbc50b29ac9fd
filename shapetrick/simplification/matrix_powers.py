"""Powers of one matrix that stand beside each other, as one: `A^k A` as `A^(k+1)`."""

from __future__ import annotations

from ..core.dims import NOTHING, ONE, Dim
from ..core.expr import WRITTEN_OUT, Expr, PowerSum, matmul, powers
from ..core.structure import is_inverse
from .networks import Networks


def powers_joined(networks: Networks, e: Expr) -> Expr | None:
    """A product with each run of powers of one matrix, and of its inverse, as one power; a power of
    a power. An exponent that may be negative stays as it is: such a `PowerSum` is zero."""
    if isinstance(e, PowerSum):
        base, degree = _power(e)
        inner, times = _power(base)
        known = base is not inner and len(e.args) == 1 and _is_natural(times)
        return powers(inner, degree=times * degree) if known and _is_natural(degree) else None
    if not any(isinstance(a, PowerSum) for a in e.args) and len(e.args) <= WRITTEN_OUT:
        return None
    runs: list[tuple[Expr, Dim]] = []
    for a in e.args:
        base, degree = _power(a)
        last, before = runs[-1] if runs else (None, NOTHING)
        both = _is_natural(degree) and _is_natural(before)
        if both and base is last:
            runs[-1] = base, before + degree
        elif both and last is not None and (base is _inverted(last) or last is _inverted(base)):
            runs.pop()
            if _is_natural(before - degree):
                runs.append((last, before - degree))
            elif _is_natural(degree - before):
                runs.append((base, degree - before))
            else:
                runs += (last, before), (base, degree)
        else:
            runs.append((base, degree))
    found = matmul(*(b if degree == ONE else powers(b, degree=degree) for b, degree in runs))
    return found if found is not e else None


def _power(e: Expr) -> tuple[Expr, Dim]:
    """The matrix and the exponent of which it is the power."""
    if isinstance(e, PowerSum) and len(e.args) == 1:
        return e.args[0], e.degree
    return e, ONE


def _inverted(e: Expr) -> Expr | None:
    """Of what it is the inverse."""
    return e.args[0] if is_inverse(e) else None


def _is_natural(exponent: Dim) -> bool:
    """Whether it is not negative, whatever its letters are, 0 too."""
    return all(k >= 0 for _, k in exponent.terms)
