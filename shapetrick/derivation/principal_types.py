"""Principal types: for every side of a matrix a dimension and a unit, as general as the
operations allow.

A unit says how the entries scale when the rows (or columns) of the inputs are rescaled by a
diagonal matrix; it is an integer combination of unit variables, one for every side of every
occurrence. A contraction needs units that cancel, an element-wise product adds them, an inverse
swaps and negates them, a sum needs none. (Matrices with units: G. W. Hart, Multidimensional
Analysis, Springer 1995; units of measure as types: A. Kennedy, Programming Languages and
Dimensions, Cambridge 1996.)
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import count

from ..core.functions import Letters, Signature, SignatureSide, Units
from ..core.named_tuples import NamedTuple

Unit = tuple[tuple[int, int], ...]  # ((variable, exponent), …), sorted; () is none
NO_UNIT: Unit = ()


class Leg(NamedTuple):
    """One index of a factor: its principal dimension and its unit (None where the unit is
    unknown)."""

    dim: str
    unit: Unit | None


class Type(NamedTuple):
    """The legs of a matrix's rows and columns; a side of 1 has none, a fused one has several."""

    rows: tuple[Leg, ...]
    cols: tuple[Leg, ...]

    @property
    def legs(self) -> tuple[Leg, ...]:
        return self.rows + self.cols


def unit_sum(units: Iterable[Unit | None], sign: int = 1) -> Unit | None:
    """The unit of a product; unknown if one is."""
    total: dict[int, int] = {}
    for unit in units:
        if unit is None:
            return None
        for variable, k in unit:
            total[variable] = total.get(variable, 0) + sign * k
    return tuple(sorted((v, k) for v, k in total.items() if k))


def negated(unit: Unit | None) -> Unit | None:
    return unit_sum([unit], -1)


def dual(t: Type) -> Type:
    """The type of a cotangent: paired with the value, entry by entry, its units cancel."""
    return Type(
        tuple(Leg(leg.dim, negated(leg.unit)) for leg in t.rows),
        tuple(Leg(leg.dim, negated(leg.unit)) for leg in t.cols),
    )


def cancels(units: Sequence[Unit | None]) -> bool:
    """Whether the units of legs that are one index cancel; unknown ones always do."""
    total = unit_sum(units)
    return total is None or total == NO_UNIT


def falls_apart(units: Sequence[Unit | None]) -> bool:
    """Whether legs that are one index could be two: some of them cancel without the others.

    What cancels with the first needs one more for each variable that is left, of the opposite sign;
    so it is found one by one."""
    known = [unit for unit in units if unit is not None]
    if len(known) < len(units):
        return False
    holders: dict[tuple[int, bool], list[int]] = {}  # who has a variable, by its sign
    for i, unit in enumerate(known):
        for variable, k in unit:
            holders.setdefault((variable, k > 0), []).append(i)
    waiting: list[tuple[int, Unit]] = [(1, known[0])]  # the chosen ones as bits, and their sum
    seen = {1}
    while waiting:
        chosen, total = waiting.pop()
        if total == NO_UNIT:
            if chosen.bit_count() < len(known):
                return True
            continue
        variable, k = total[0]
        for i in holders.get((variable, k < 0), ()):
            more = chosen | 1 << i
            if more not in seen:
                seen.add(more)
                waiting.append((more, unit_sum([total, known[i]]) or NO_UNIT))
    return False


def without_units(t: Type) -> Type:
    return Type(
        tuple(Leg(leg.dim, None) for leg in t.rows), tuple(Leg(leg.dim, None) for leg in t.cols)
    )


def principal_types(
    signature: Signature, law: Units, ones: frozenset[str]
) -> tuple[tuple[Type, ...], Type]:
    """The most general types of a row's arguments and value; letters in `ones` are sides of 1."""
    fresh = count()

    def new() -> Unit:
        return ((next(fresh), 1),)

    def side(letters: Letters, units: dict[str, list[Unit | None]]) -> tuple[Leg, ...]:
        return tuple(Leg(c, units[c].pop(0)) for c in letters if c not in ones)

    def sides(value: SignatureSide, units: dict[str, list[Unit | None]]) -> Type:
        return Type(side(value[0], units), side(value[1], units))

    if law == "inverse" and not ones:
        return _inverse_types(signature)
    occurrences = [c for arg in signature.args for part in arg for c in part]
    in_value = [c for part in signature.value for c in part]
    units: dict[str, list[Unit | None]] = {}
    value_units: dict[str, list[Unit | None]] = {}
    for c in signature.letters:
        here: list[Unit | None] = [new() for _ in range(occurrences.count(c))]
        there: list[Unit | None] = [new() for _ in range(in_value.count(c))]
        if law == "unknown":
            here, there = [None] * len(here), [None] * len(there)
        elif law == "equal":  # what is spread over a side has no unit there
            spread = any(c not in (*arg[0], *arg[1]) for arg in signature.args)
            one = NO_UNIT if spread else new()
            here, there = [one] * len(here), [one] * len(there)
        elif law == "linear" and there:  # the value's units add up to those of the factors
            there[-1] = unit_sum([unit_sum(here), unit_sum(there[:-1], -1)])
        elif law == "linear":  # summed: the units cancel
            here[-1] = unit_sum(here[:-1], -1)
        units[c], value_units[c] = here, there
    args = tuple(sides(arg, units) for arg in signature.args)
    return args, sides(signature.value, value_units)


def _inverse_types(signature: Signature) -> tuple[tuple[Type, ...], Type]:
    """Of a×b the inverse is b×a, swapped and negated; that a and b are equal is not forced."""
    a, b = Leg("a", ((0, 1),)), Leg("b", ((1, 1),))
    x = Type((a,), (b,))
    y = Type((Leg("b", ((1, -1),)),), (Leg("a", ((0, -1),)),))
    return (x,), y if signature.value[0] else Type((), ())
