"""The rule of one operation: its scalar derivative, arranged by the search and confirmed by
numbers.

For an operation at a pattern of types (which sides are 1, which law its units follow) the factors
are the cotangent `G` of the value and the factors of the scalar derivative; the target is the
argument. The search proposes arrangements, first those whose principal shapes and units match,
then those whose principal shapes match, then for square arguments those whose shapes match; a
least-squares fit to finite differences picks the ones that add up to the derivative. What was
found is remembered for every later use of the operation at that pattern, and for the rows of the
table a wheel has it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from typing import Any

from ..algebra.index_terms import Edge, Term, tidy
from ..core.built import built
from ..core.dims import Dim, shape_text
from ..core.errors import DerivationError, ShapeError
from ..core.expr import UNIT, Expr, Power
from ..core.functions import TABLE, Function
from ..core.lazy_logging import log
from ..core.named_tuples import NamedTuple
from ..core.structure import data_of
from . import ties
from .arrangements import count_arrangements
from .fitting import MOST_CANDIDATES, Arranged, Proposals, fit, letters_of, trials_for
from .local_derivatives import (
    LocalDerivative,
    Pattern,
    instantiate,
    pattern_of,
    patterns_of,
    read_derivative,
    scalar_derivative,
)
from .principal_types import Leg, Type, dual, principal_types, unit_sum, without_units


class VjpRule(NamedTuple):
    """The vector–Jacobian product of an operation by one argument: a sum of arranged products."""

    terms: tuple[Arranged, ...]


_rules: dict[Pattern, VjpRule] = {}


def rule_for(view: LocalDerivative) -> VjpRule:
    """The rule of an operation by one argument, searched at its first use.

    Raises DerivationError if no sum of arrangements has the values that finite differences give."""
    pattern = pattern_of(view)
    rule = _rules.get(pattern)
    if rule is None:
        rule = _rules[pattern] = _built(pattern) or _search(pattern)
        for one in rule.terms:
            log("debug", __name__, "%s: arrangements tried: %d", pattern.row.name, one.tried)
    return rule


def _built(pattern: Pattern) -> VjpRule | None:
    """The rule that was found when the package was built, of a row of the table."""
    row, *rest = pattern
    found = built("rules", row.name) if TABLE.get(row.name) is row else None
    return found and found.get(tuple(rest))


def rules_to_build(rows: Iterable[Function]) -> dict[tuple[str, str], dict[Any, VjpRule]]:
    """The rules of rows of the table, by their names and the rest of their patterns. What has no
    rule is refused where it is used; without SciPy the rows whose values need it are left out."""
    found: dict[tuple[str, str], dict[Any, VjpRule]] = {}
    for row in rows:
        for pattern in patterns_of(row):
            with suppress(DerivationError, ShapeError, ModuleNotFoundError):
                found.setdefault(("rules", row.name), {})[tuple(pattern[1:])] = _search(pattern)
    return found


def forget() -> None:
    """Drop what was found: a function that other derivatives may mention has been replaced."""
    _rules.clear()
    ties.forget()
    read_derivative.cache_clear()


def _search(pattern: Pattern) -> VjpRule:
    view = pattern.example()
    products = scalar_derivative(view)
    templates = [tuple(instantiate(f, view) for f in p.factors) for p in products]
    trials = trials_for(pattern, view, templates)
    error: float | None = None
    for stage in _stages(pattern, view, templates):
        proposals = [Proposals(types, pairs) for types, pairs in stage]
        if any(len(p.arrangements) > MOST_CANDIDATES for p in proposals):
            continue
        found, miss = fit(products, proposals, trials)
        error = miss if error is None else min(error, miss)
        if found is not None:
            return VjpRule(found)
    raise DerivationError(_refusal(pattern, view, error))


def _refusal(pattern: Pattern, view: LocalDerivative, error: float | None) -> str:
    row, text = pattern.row, pattern.row.derivative[view.position]
    if error is None:
        return (
            f"the scalar derivative of `{row.name}` ({text}) has more than "
            f"{MOST_CANDIDATES} arrangements, too many to try."
        )
    shapes = ", ".join(shape_text(a.shape) for a in view.args)
    return (
        f"no arrangement of the scalar derivative of `{row.name}` ({text}) "
        f"has the values that finite differences give (argument {shapes}; the nearest is off by a "
        f"relative {error:.2g}): either the scalar derivative is wrong, or transposes, products, "
        f"sums and diagonals of its factors can't express the gradient."
    )


Stage = list[tuple[list[Type], bool]]


def _stages(
    pattern: Pattern, view: LocalDerivative, templates: Sequence[tuple[Expr, ...]]
) -> Iterator[Stage]:
    """Types for every product, from the strictest to the loosest."""
    argument, value = pattern.types()
    upstream, target = dual(value), dual(argument)
    typed = [_factor_types(pattern, view, fs, argument, value) for fs in templates]
    if all(t is not None for t in typed):
        yield [([upstream, *(t or ()), target], False) for t in typed]
    plain = [
        [without_units(upstream), *_plain_types(pattern, view, fs), without_units(target)]
        for fs in templates
    ]
    if pattern.row.units == "unknown":
        yield [(types, True) for types in plain]
    if all(count_arrangements(types[:-1], types[-1]) <= MOST_CANDIDATES for types in plain):
        yield [(types, False) for types in plain]


def _plain_types(pattern: Pattern, view: LocalDerivative, factors: Sequence[Expr]) -> list[Type]:
    """The factors' types by dimension alone."""
    swapped = pattern.row.units == "inverse"
    types = []
    for f in factors:
        rows, cols = (
            tuple(Leg(c, None) for c in letters if c not in pattern.ones)
            for letters in letters_of(f, view, pattern.signature)
        )
        if swapped and rows and cols:  # every factor of these is an inverse: b×a of an a×b
            rows, cols = (Leg("b", None),), (Leg("a", None),)
        types.append(Type(rows, cols))
    return types


def _factor_types(
    pattern: Pattern, view: LocalDerivative, factors: Sequence[Expr], argument: Type, value: Type
) -> list[Type] | None:
    """The factors' types with units: an argument's and the value's are known, and the last factor
    has what is missing: the unit of the value over that of the argument."""
    if pattern.row.units == "unknown":
        return None
    args, _ = principal_types(pattern.signature, pattern.row.units, pattern.ones)
    known = {view.value: value, **dict(zip(view.args, args, strict=True))}
    if pattern.row.units == "inverse" and argument.legs:
        a, b = argument.rows[0], argument.cols[0]
        inverse = Type(dual(argument).cols, dual(argument).rows)
        assert (a.dim, b.dim) == ("a", "b")
        return [inverse if not f.is_scalar else Type((), ()) for f in factors]
    if pattern.row.units in ("linear", "equal"):
        return [known[f] if f in known else Type((), ()) for f in factors]
    return _elementwise_types(factors, known, argument, value)


def _elementwise_types(
    factors: Sequence[Expr], known: dict[Expr, Type], argument: Type, value: Type
) -> list[Type] | None:
    plain = [f for f in factors if not f.is_scalar]
    if not plain:
        return [Type((), ()) for _ in factors] if not argument.legs and not value.legs else None
    types: list[Type] = []
    total: dict[str, list[Any]] = {leg.dim: [leg.unit] for leg in value.legs}
    for leg in argument.legs:
        total.setdefault(leg.dim, []).append(unit_sum([leg.unit], -1))
    for f in factors:
        if f.is_scalar:
            types.append(Type((), ()))
        elif f is not plain[-1] or (
            sum(f is g for g in plain) > 1 and len(types) < len(factors) - 1
        ):
            if f not in known:
                return None
            types.append(known[f])
            for leg in known[f].legs:
                total.setdefault(leg.dim, []).append(unit_sum([leg.unit], -1))
        else:
            rows, cols = (
                tuple(Leg(c, unit_sum(total.get(c, []))) for names, _ in d.terms for c in names)
                for d in f.shape
            )
            types.append(Type(rows, cols))
    return types


# ------------------------------------------------------------------------------------- using it


def arranged_terms(view: LocalDerivative, upstream: Expr) -> list[Term]:
    """The rule at work: the cotangent of the view's argument as terms, from that of its value."""
    return [
        arrange(found, [upstream, *(instantiate(f, view) for f in found.factors)], view)
        for found in rule_for(view).terms
    ]


def arrange(found: Arranged, factors: Sequence[Expr], view: LocalDerivative) -> Term:
    """An arrangement of factors as a term of the argument's shape."""
    bound = _bound(view)
    dims = {n: bound[letter] for n, letter in found.letters.items()}
    *sides, (open_rows, open_cols) = found.sides
    edges, scalars = [], []
    for f, (rows, cols) in zip(factors, sides, strict=True):
        if rows or cols:
            edges.append(Edge(f, rows, cols))
        else:
            base, exponent = f.args if isinstance(f, Power) else (f, UNIT)
            scalars.append((base, exponent))
    return tidy(Term(found.coefficient, tuple(scalars), tuple(edges), dims, open_rows, open_cols))


def _bound(view: LocalDerivative) -> dict[str, Dim]:
    """The dimensions at hand of the letters in the types."""
    if not view.row.signatures:
        return dict(zip("rc", view.value.shape, strict=True))
    _, dims = view.row.signature_for(view.args, data_of(view.value))
    rows, cols = view.argument.shape
    if view.row.units == "inverse":
        return {"a": rows, "b": cols}
    return dims
