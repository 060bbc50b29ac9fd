"""What people write out for want of a function, or for exact digits, as the function that it is:
softmax and logsumexp with the largest entry taken off first, relu, softplus, norm.

These are equal for all values, so that gradients are too. They are recognised before anything is
derived: what is subtracted for exact digits has no part in the answer.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, MutableMapping
from fractions import Fraction

from ..core import expr as ex
from ..core.dims import ONE
from ..core.expr import Add, Call, Data, Expr, MatMul, Number, Power, Symbol, Times
from ..core.functions import TABLE
from ..core.traversal import postorder, remembered

STOPPED = "stopped"  # the attribute of a symbol that stands for a value without a gradient
_HALF = Fraction(1, 2)


def recognised(e: Expr, memo: MutableMapping[Expr, Expr]) -> Expr:
    """The expression with the functions that are written out in it; by the memo."""

    def find(e: Expr) -> Expr:
        e = ex.rebuild(e, [memo[a] for a in e.args])
        found = _recognised(e)
        while found is not None:
            e, found = found, _recognised(found)
        return e

    return remembered(memo, e, find)


def _recognised(e: Expr) -> Expr | None:
    match e:
        case Add():
            return _sum(e)
        case Times():
            return _product(e)
        case Power():
            return _power(e)
        case Call():
            return _call(e)
    return None


def _of(e: Expr, name: str) -> Expr | None:
    """The argument of a call of that function."""
    return e.args[0] if isinstance(e, Call) and e.function == name else None


# ------------------------------------------------------------------------------------- calls


def _call(e: Call) -> Expr | None:
    (x, *others) = e.args
    match e.function:
        case "log":
            return _log(x)
        case "log1p":
            exponent = _of(x, "exp")
            return None if exponent is None else ex.call("softplus", exponent)
        case "maximum":
            a, b = sorted((x, *others), key=lambda a: a is ex.ZERO)
            return ex.call("relu", a) if b is ex.ZERO else None
        case "sqrt":
            return _root(x)
        case "abs":
            return x if _is_positive(x) else _without_sign(x)
    return None


def _is_positive(x: Expr) -> bool:
    inner = _of(x, "sum")
    row = TABLE.get((x if inner is None else inner).op)
    return row is not None and row.within[0] >= 0


def _without_sign(x: Expr) -> Expr | None:
    """The absolute value of -u is that of u."""
    if isinstance(x, Times) and x.args[0] is ex.MINUS:
        return ex.call("abs", ex.times(*x.args[1:]))
    return None


def _log(x: Expr) -> Expr | None:
    inner = _of(x, "softmax")
    if inner is not None:
        return ex.call("log_softmax", inner, data=ex.data_of(x))
    summed = _of(x, "sum")
    exponent = None if summed is None else _of(summed, "exp")
    if exponent is not None and _is_vector(exponent, ex.data_of(x)):
        rest, taken = _shifted(exponent, ex.data_of(x))
        return ex.add(ex.call("logsumexp", rest, data=ex.data_of(x)), *taken)
    exponent = _with_one(x)
    return None if exponent is None else ex.call("softplus", exponent)


def _with_one(x: Expr) -> Expr | None:
    """The u of 1 + exp(u)."""
    if isinstance(x, Add) and len(x.args) == 2 and ex.UNIT in x.args:
        return _of(next(a for a in x.args if a is not ex.UNIT), "exp")
    return None


def _is_vector(x: Expr, axis: Data) -> bool:
    return axis is not None or (ONE in x.shape and not x.is_scalar)


def _shifted(x: Expr, axis: Data) -> tuple[Expr, tuple[Expr, ...]]:
    """The exponents without what is the same for all of them and was taken off for exact digits:
    largest entries, and values without a gradient; and what was taken off."""
    taken = tuple(t for t in _terms(x) if _is_even(t, axis) and any(_extremes(t)))
    rest = [t for t in _terms(x) if t not in taken]
    return (ex.add(*rest), taken) if rest and ex.add(*rest).shape == x.shape else (x, ())


def _terms(x: Expr) -> tuple[Expr, ...]:
    return x.args if isinstance(x, Add) else (x,)


def _is_even(t: Expr, axis: Data) -> bool:
    return t.is_scalar if axis is None else t.shape[1 if axis else 0] == ONE


def _extremes(t: Expr) -> Iterator[bool]:
    for e in postorder([t]):
        yield isinstance(e, Symbol) and STOPPED in e.attributes
        yield _of(e, "max") is not None or _of(e, "min") is not None


def _root(x: Expr) -> Expr | None:
    """The square root of a sum of squares."""
    summed = _of(x, "sum") if ex.data_of(x) is None else None
    if isinstance(summed, Power) and summed.args[1] is ex.number(2):
        return ex.call("norm", summed.args[0])
    if summed is not None and _of(summed, "square") is not None:
        return ex.call("norm", summed.args[0])
    if isinstance(summed, Times) and len(summed.args) == 2 and len(set(summed.args)) == 1:
        return ex.call("norm", summed.args[0])
    if isinstance(x, MatMul) and len(x.args) == 2 and x.is_scalar:
        a, b = x.args
        return ex.call("norm", b) if ex.transpose(a) is b else None
    return None


# ---------------------------------------------------------------------------- powers, products


def _power(e: Power) -> Expr | None:
    base, exponent = e.args
    value = exponent.value if isinstance(exponent, Number) else None
    if value == _HALF:
        return ex.call("sqrt", base)
    if value == -_HALF:
        return ex.power(ex.call("sqrt", base), ex.MINUS)
    inner = _with_one(base) if value == -1 else None
    return None if inner is None else ex.call("sigmoid", ex.negate(inner))


def _product(e: Times) -> Expr | None:
    for a in e.args:
        rest = list(e.args)
        rest.remove(a)
        exponent = _of(a, "exp")
        if exponent is not None:
            for b in rest:
                found = _quotient(exponent, a, b)
                if found is not None:
                    rest.remove(b)
                    return ex.times(found, *rest)
        stepped = _of(a, "step")
        if stepped is not None and stepped in rest:
            rest.remove(stepped)
            return ex.times(ex.call("relu", stepped), *rest)
    return None


def _quotient(exponent: Expr, a: Expr, b: Expr) -> Expr | None:
    """exp(u) over its sum, or over 1 + exp(u)."""
    if isinstance(b, Power) and b.args[1] is ex.MINUS:
        below = b.args[0]
        axis = ex.data_of(below)
        if _of(below, "sum") is a and _is_vector(exponent, axis):
            return ex.call("softmax", _shifted(exponent, axis)[0], data=axis)
    inner = _of(b, "sigmoid")
    if inner is not None and ex.negate(inner) is exponent:
        return ex.call("sigmoid", exponent)
    return None


# -------------------------------------------------------------------------------------- sums


def _sum(e: Add) -> Expr | None:
    nonzero = tuple(t for t in e.args if t is not ex.ZERO)
    if len(nonzero) < len(e.args):
        return ex.add(*nonzero) if nonzero else ex.ZERO
    opened = [t for arg in e.args for t in _opened(arg)]
    counts = Counter(opened)
    for t in opened:
        opposite = ex.negate(t)
        both = min(counts[t], counts[opposite])
        if both and t is not opposite and ex.add(*opened).shape == _shape(opened, t, opposite):
            counts.subtract({t: both, opposite: both})
    terms = list(counts.elements())
    if len(terms) < len(opened):
        return ex.add(*terms) if terms else ex.zeros(*e.shape)
    for find in (_log_softmax, _softplus):
        found = find(terms)
        if found is not None:
            return found
    return ex.add(*opened) if len(opened) > len(e.args) else None


def _opened(arg: Expr) -> tuple[Expr, ...]:
    """The terms of a negated sum that has a logsumexp in it."""
    if isinstance(arg, Times) and len(arg.args) == 2 and arg.args[0] is ex.MINUS:
        inner = arg.args[1]
        if isinstance(inner, Add) and any(_of(t, "logsumexp") is not None for t in inner.args):
            return tuple(ex.negate(t) for t in inner.args)
    return (arg,)


def _shape(terms: list[Expr], *without: Expr) -> object:
    rest = [t for t in terms if t not in without]
    return ex.add(*rest).shape if rest else ex.add(*terms).shape


def _log_softmax(terms: list[Expr]) -> Expr | None:
    for t in terms:
        negated = ex.negate(t)
        x = _of(negated, "logsumexp")
        if x is not None and all(part in terms for part in _terms(x)):
            rest = [part for part in terms if part is not t and part not in _terms(x)]
            return ex.add(ex.call("log_softmax", x, data=ex.data_of(negated)), *rest)
    return None


def _softplus(terms: list[Expr]) -> Expr | None:
    """relu(u) + softplus(-|u|)."""
    for t in terms:
        x = _of(t, "relu")
        if x is None:
            continue
        for size in (ex.call("abs", x), ex.call("abs", ex.negate(x))):
            tail = ex.call("softplus", ex.negate(size))
            if tail in terms:
                return ex.add(ex.call("softplus", x), *(r for r in terms if r not in (t, tail)))
    return None
