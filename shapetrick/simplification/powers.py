"""Powers to one exponent as the power of a product or quotient: `x.^2 ./ y.^2` as `(x ./ y).^2`."""

from __future__ import annotations

from ..algebra.monomials import Product, exponent_parts, multiply_exponents
from ..core.cost import length
from ..core.expr import MINUS, Expr, Name, Number, Power, Real, Times, power, rebuild
from ..core.traversal import remembered


def with_equal_powers(e: Expr, known: dict[Expr, Expr]) -> Expr:
    """The expression with powers to one exponent, or to that and its negative, as the power of a
    product or quotient, where that is shorter; of powers to a number only quotients are."""

    def written(x: Expr) -> Expr:
        if isinstance(x, Name):
            return x
        new = rebuild(x, [known[a] for a in x.args])
        return _together(new) if isinstance(new, Times) else new

    return remembered(known, e, written, into_names=False)


def _together(e: Expr) -> Expr:
    groups: dict[tuple[frozenset[Expr], Real], tuple[Expr, list[tuple[Expr, bool]]]] = {}
    others = []
    for a in e.args:
        if not isinstance(a, Power) or not _may_join(a.args[1]):
            others.append(a)
            continue
        exponent, opposite = a.args[1], multiply_exponents(MINUS, a.args[1])
        below = exponent_parts(opposite) in groups
        key = exponent_parts(opposite if below else exponent)
        groups.setdefault(key, (exponent, []))[1].append((a.args[0], below))
    for exponent, bases in groups.values():
        opposite = multiply_exponents(MINUS, exponent)
        turned = next((below for base, below in bases if not base.is_scalar), False)
        quotient = Product.of(*(power(b, MINUS) if k is not turned else b for b, k in bases))
        balanced = len(bases) == 2 * sum(below for _, below in bases)
        if len(bases) > 1 and (balanced or not isinstance(exponent, Number)):
            others.append(power(quotient.expression(), opposite if turned else exponent))
        else:
            others += [power(b, opposite if below else exponent) for b, below in bases]
    found = Product.of(*others).expression()
    return found if found.shape == e.shape and length(found) < length(e) else e


def _may_join(exponent: Expr) -> bool:
    if not isinstance(exponent, Number):
        return True
    return exponent.value > 1 or exponent.value < -1
