"""Powers to one exponent as the power of a product or quotient: `x.^2 ./ y.^2` as `(x ./ y).^2`."""

from __future__ import annotations

from ..algebra.monomials import Product, exponent_parts, multiply_exponents
from ..core.cost import length
from ..core.expr import MINUS, Expr, Name, Number, Power, Real, Times, power, rebuild
from ..core.traversal import postorder, remembered


def with_equal_powers(e: Expr, known: dict[Expr, Expr]) -> Expr:
    """The expression with powers to one exponent, or to that and its negative, as the power of a
    product or quotient, where that is shorter. Of powers to a number only quotients are, and
    products of what is no letter: `x.^2 .* y.^2` is kept."""
    if not any(map(_has_powers, postorder([e], into=lambda x: not isinstance(x, Name)))):
        return e

    def written(x: Expr) -> Expr:
        if isinstance(x, Name):
            return x
        new = rebuild(x, [known[a] for a in x.args])
        return _together(new) if _has_powers(new) else new

    return remembered(known, e, written, into_names=False)


def _has_powers(e: Expr) -> bool:
    """Whether it is a product of several powers that may be joined."""
    if not isinstance(e, Times) or len(e.args) < 2:
        return False
    return sum(isinstance(a, Power) and _may_join(_read(a)[1]) for a in e.args) > 1


def _read(e: Expr) -> tuple[Expr, Expr]:
    """A power's base and exponent; one below the fraction line is that of an inverse."""
    base, exponent = e.args
    if exponent is MINUS and isinstance(base, Power):
        return base.args[0], multiply_exponents(MINUS, base.args[1])
    return base, exponent


def _together(e: Expr) -> Expr:
    groups: dict[tuple[frozenset[Expr], Real], tuple[Expr, list[tuple[Expr, bool]]]] = {}
    others = []
    for a in e.args:
        if not isinstance(a, Power) or not _may_join(_read(a)[1]):
            others.append(a)
            continue
        base, exponent = _read(a)
        opposite = multiply_exponents(MINUS, exponent)
        below = exponent_parts(opposite) in groups
        key = exponent_parts(opposite if below else exponent)
        groups.setdefault(key, (exponent, []))[1].append((base, below))
    for exponent, bases in groups.values():
        opposite = multiply_exponents(MINUS, exponent)
        if isinstance(exponent, Number):
            turned = exponent.value < 0
        else:
            turned = next((below for base, below in bases if not base.is_scalar), False)
        quotient = Product.of(*(power(b, MINUS) if k is not turned else b for b, k in bases))
        balanced = len(bases) == 2 * sum(below for _, below in bases)
        composite = all(not below and b.args and not isinstance(b, Name) for b, below in bases)
        joined = balanced or composite or not isinstance(exponent, Number)
        if len(bases) > 1 and joined:
            others.append(power(quotient.expression(), opposite if turned else exponent))
        else:
            others += [power(b, opposite if below else exponent) for b, below in bases]
    found = Product.of(*others).expression()
    return found if found.shape == e.shape and length(found) < length(e) else e


def _may_join(exponent: Expr) -> bool:
    if not isinstance(exponent, Number):
        return True
    return exponent.value > 1 or exponent.value < -1
