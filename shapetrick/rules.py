"""The rule of one operation: its scalar derivative, arranged by the search and confirmed by numbers.

For an operation at a pattern of types (which sides are 1, which law its units follow) the factors are
the cotangent `G` of the value and the factors of the scalar derivative; the target is the argument.
The search proposes arrangements, first those whose principal shapes and units match, then those whose
principal shapes match, then for square arguments those whose shapes match; a least-squares fit to finite
differences picks the ones that add up to the derivative. What was found is remembered for every later
use of the operation at that pattern.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from itertools import islice
from typing import Any

import numpy as np

from .arrangement import Arrangement, arrangements, count_arrangements, einsum
from .dims import ONE, Dim, shape_text
from .elaboration import parse_scalar
from .errors import DerivationError
from .evaluation import Program
from .expr import (
    SCALAR,
    UNIT,
    Expr,
    abstract,
    call,
    dimension,
    matmul,
    node,
    postorder,
    rebuild,
    symbol,
    times,
    zeros,
)
from .functions import TABLE, Array, Function, Side, Signature
from .network import Edge, Term, tidy
from .sampling import abstract_functions
from .units import Leg, Type, dual, principal_types, unit_sum, without_units

TOLERANCE = 1e-6  # of a fit to finite differences, relative to the largest entry
MOST_CANDIDATES = 1000
MOST_CHOICES = 4000
DRAWS = 3
NAMES = ("a", "b")


@dataclass(frozen=True, slots=True)
class View:
    """One argument of an operation, the operation seen as one of at most two arguments."""

    row: Function
    args: tuple[Expr, ...]
    value: Expr
    position: int

    @property
    def argument(self) -> Expr:
        return self.args[self.position]


@dataclass(frozen=True, slots=True)
class Product:
    """A term of a scalar derivative: a number times factors, templates in x, y (or a, b, y) and k."""

    coefficient: Fraction
    factors: tuple[Expr, ...]


@dataclass(frozen=True, slots=True)
class Arranged:
    """A product and the arrangement of (G, factors…) that stands; `types` are those of G, of the
    factors and of the target, `tried` how many arrangements were proposed."""

    coefficient: Fraction
    factors: tuple[Expr, ...]
    types: tuple[Type, ...]
    arrangement: Arrangement
    tried: int


@dataclass(frozen=True, slots=True)
class Rule:
    """The vector–Jacobian product of an operation by one argument, as a sum of arranged products."""

    terms: tuple[Arranged, ...]


def views(e: Expr, position: int, singly: bool = False) -> list[View]:
    """The operation as a chain of views, the outermost first: `P A S` is P times (A times S). With
    `singly`, the factors of a product are taken off one at a time."""
    if e.op == "matmul":
        return list(_product_views(e, position, singly))
    if e.op == "times":
        rest = times(*e.args[:position], *e.args[position + 1 :])
        return [View(TABLE["times"], (e.args[position], rest), e, 0)]
    if e.op == "add":
        rest = zeros(*e.shape)  # what else is added doesn't matter, but its shape does
        return [View(TABLE["add"], (e.args[position], rest), e, 0)]
    row = ABSTRACT if e.op == "abstract" else TABLE[e.op]
    return [View(row, e.args, e, position)]


def _product_views(e: Expr, position: int, singly: bool) -> Iterator[View]:
    row, value = TABLE["matmul"], e
    start, end = 0, len(e.args)
    while start < position:
        cut = start + 1 if singly else position
        rest = matmul(*e.args[cut:end])
        yield View(row, (matmul(*e.args[start:cut]), rest), value, 1)
        start, value = cut, rest
    while end > position + 1:
        cut = end - 1 if singly else position + 1
        rest = matmul(*e.args[start:cut])
        yield View(row, (rest, matmul(*e.args[cut:end])), value, 0)
        end, value = cut, rest


def _no_value(*_: Any) -> Array:
    raise NotImplementedError("an abstract function has a value only where one is bound to it")


# A declared element-wise function: its derivative is that of the next order, whatever its name.
ABSTRACT = Function("abstract", _no_value, ("",), (), "elementwise", (-2, 2))


# ------------------------------------------------------------------------- the scalar derivative

_X, _Y, _K = (symbol(name, SCALAR) for name in "xyk")
_OPERANDS = tuple(symbol(name, SCALAR) for name in NAMES)


def scalar_derivative(view: View) -> tuple[Product, ...]:
    """The scalar derivative by the view's argument as a sum of products. Of an element-wise function
    the whole derivative is one factor."""
    if view.row is ABSTRACT:
        name, order = view.value.data
        return (Product(Fraction(1), (abstract(name, order + 1, _X),)),)
    return _read_derivative(view.row, view.position)


@cache
def _read_derivative(row: Function, position: int) -> tuple[Product, ...]:
    text = row.derivative[position]
    names = {"y": _Y, "k": _K, **({"x": _X} if row.arity == 1 else dict(zip(NAMES, _OPERANDS)))}
    derivative = parse_scalar(text, names)
    if row.elementwise:
        zero = derivative.op == "number" and derivative.data == 0
        if derivative.op == "number":
            return () if zero else (Product(derivative.data, ()),)
        return (Product(Fraction(1), (derivative,)),)
    products = []
    for part in derivative.args if derivative.op == "add" else (derivative,):
        factors = part.args if part.op == "times" else (part,)
        coefficient = Fraction(1)
        rest: list[Expr] = []
        for f in factors:
            if f.op == "number":
                coefficient *= f.data
            elif f.op == "power" and f.args[1].op == "number" and f.args[1].data in (2, 3, 4):
                rest += [f.args[0]] * int(f.args[1].data)
            else:
                rest.append(f)
        if coefficient:
            products.append(Product(coefficient, tuple(rest)))
    return _gathered(products)


def _gathered(products: Sequence[Product]) -> tuple[Product, ...]:
    """`x x + x x + x x` as 3 times `x x`; opposite signs are apart, since they may not cancel."""
    totals: dict[tuple[bool, tuple[Expr, ...]], Fraction] = {}
    for p in products:
        key = p.coefficient > 0, p.factors
        totals[key] = totals.get(key, Fraction(0)) + p.coefficient
    return tuple(Product(total, factors) for (_, factors), total in totals.items())


def instantiate(template: Expr, view: View) -> Expr:
    """A factor of the scalar derivative with the operation's arguments and value put in."""
    new: dict[Expr, Expr] = {_Y: view.value, _K: _count(view)}
    new |= {_X: view.args[0]} if view.row.arity == 1 else dict(zip(_OPERANDS, view.args))
    for e in postorder([template]):
        if e in new:
            continue
        if e.args and e.op in TABLE and TABLE[e.op].takes_axis:
            axis = view.value.data if e.data is None else e.data
            new[e] = call(e.op, *(new[a] for a in e.args), data=axis)
        else:
            new[e] = rebuild(e, [new[a] for a in e.args])
    return new[template]


def _count(view: View) -> Expr:
    """How many entries of the argument go into one of the value."""
    size = UNIT
    for inner, outer in zip(view.argument.shape, view.value.shape, strict=True):
        size = times(size, dimension(inner)) if outer == ONE else size
    return size


# ------------------------------------------------------------------------------------- patterns


@dataclass(frozen=True, slots=True)
class Pattern:
    """What a rule depends on: the row, the signature with the letters that are 1, the axis (or the
    order of an abstract function), and by which argument."""

    row: Function
    signature: Signature
    ones: frozenset[str]
    data: Any
    position: int

    def example(self) -> View:
        """The operation on symbols whose dimensions are the signature's letters."""

        def dim(letters: tuple[str, ...]) -> Dim:
            size = ONE
            for c in letters:
                size = size if c in self.ones else size * Dim.of(c)
            return size

        def shape(side: Side) -> tuple[Dim, Dim]:
            return dim(side[0]), dim(side[1])

        args = tuple(symbol(f"#{i}", shape(s)) for i, s in enumerate(self.signature.args))
        data = tuple(dim((c,)) for c in "mn") if self.data == "sizes" else self.data
        value = node(self.row.name, args, data, shape(self.signature.value))
        return View(self.row, args, value, self.position)

    def types(self) -> tuple[Type, Type]:
        """The principal types of the argument and of the value."""
        args, value = principal_types(self.signature, self.row.units, self.ones)
        return args[self.position], value


def pattern_of(view: View) -> Pattern:
    """The pattern of an operation: of a broadcasting one, by which sides are 1."""

    def sides(e: Expr) -> Side:
        rows, cols = e.shape
        return (() if rows == ONE else ("r",)), (() if cols == ONE else ("c",))

    data = view.value.data
    if view.row.signatures:
        signature, dims = view.row.signature_for(view.args, data)
        ones = frozenset(c for c, d in dims.items() if d == ONE)
        kind = "sizes" if isinstance(data, tuple) else data
        return Pattern(view.row, signature, ones, kind, view.position)
    signature = Signature(tuple(sides(a) for a in view.args), sides(view.value))
    return Pattern(view.row, signature, frozenset(), data, view.position)


# --------------------------------------------------------------------------------- the search


@dataclass(frozen=True, slots=True)
class _Trial:
    """Numbers to fit: for one draw the values of every product's factors, and the true Jacobian."""

    factors: tuple[tuple[Array, ...], ...]
    sizes: dict[str, int]
    jacobian: Array  # axes: value's legs, argument's legs


_rules: dict[Pattern, Rule] = {}


def rule_for(view: View) -> Rule:
    """The rule of an operation by one argument, searched at its first use.

    Raises DerivationError if no sum of arrangements has the values that finite differences give."""
    pattern = pattern_of(view)
    rule = _rules.get(pattern)
    if rule is None:
        rule = _rules[pattern] = _search(pattern)
    return rule


def forget() -> None:
    """Drop what was found: a function that other derivatives may mention has been replaced."""
    _rules.clear()
    _read_derivative.cache_clear()


def _search(pattern: Pattern) -> Rule:
    view = pattern.example()
    products = scalar_derivative(view)
    templates = [tuple(instantiate(f, view) for f in p.factors) for p in products]
    trials = _trials(pattern, view, templates)
    error: float | None = None
    for stage in _stages(pattern, view, templates):
        proposals = [_Proposals(types, pairs) for types, pairs in stage]
        if any(len(p.arrangements) > MOST_CANDIDATES for p in proposals):
            continue
        found, miss = _fit(products, proposals, trials)
        error = miss if error is None else min(error, miss)
        if found is not None:
            return Rule(found)
    raise DerivationError(_refusal(pattern, view, error))


def _refusal(pattern: Pattern, view: View, error: float | None) -> str:
    row = pattern.row
    if error is None:
        return (
            f"the scalar derivative of `{row.name}` ({row.derivative[view.position]}) has more than "
            f"{MOST_CANDIDATES} arrangements, too many to try."
        )
    shapes = ", ".join(shape_text(a.shape) for a in view.args)
    return (
        f"no arrangement of the scalar derivative of `{row.name}` ({row.derivative[view.position]}) "
        f"has the values that finite differences give (argument {shapes}; the nearest is off by a "
        f"relative {error:.2g}): either the scalar derivative is wrong, or transposes, products, "
        f"sums and diagonals of its factors can't express the gradient."
    )


class _Proposals:
    """The arrangements of one product under types for G, its factors and the target."""

    def __init__(self, types: Sequence[Type], pairs: bool) -> None:
        self.types = tuple(types)
        found = arrangements(types[:-1], types[-1], pairs)
        self.arrangements = list(islice(found, MOST_CANDIDATES + 1))


Stage = list[tuple[list[Type], bool]]


def _stages(
    pattern: Pattern, view: View, templates: Sequence[tuple[Expr, ...]]
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


def _letters(e: Expr, view: View, signature: Signature) -> Side:
    """The letters of a factor's sides, in the order in which fused ones are stacked."""
    for known, side in zip((view.value, *view.args), (signature.value, *signature.args)):
        if e is known:
            return side
    rows, cols = (tuple(c for names, _ in d.terms for c in names) for d in e.shape)
    return rows, cols


def _plain_types(pattern: Pattern, view: View, factors: Sequence[Expr]) -> list[Type]:
    """The factors' types by dimension alone."""
    swapped = pattern.row.units == "inverse"
    types = []
    for f in factors:
        rows, cols = (
            tuple(Leg(c, None) for c in letters if c not in pattern.ones)
            for letters in _letters(f, view, pattern.signature)
        )
        if swapped and rows and cols:  # every factor of these is an inverse: b×a of an a×b
            rows, cols = (Leg("b", None),), (Leg("a", None),)
        types.append(Type(rows, cols))
    return types


def _factor_types(
    pattern: Pattern, view: View, factors: Sequence[Expr], argument: Type, value: Type
) -> list[Type] | None:
    """The factors' types with units: an argument's and the value's are known, and the last factor
    has what is missing: the unit of the value over that of the argument."""
    if pattern.row.units == "unknown":
        return None
    args, _ = principal_types(pattern.signature, pattern.row.units, pattern.ones)
    known = {view.value: value, **dict(zip(view.args, args, strict=True))}
    if pattern.row.units == "inverse":
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
        elif f is not plain[-1] or (sum(f is g for g in plain) > 1 and len(types) < len(factors) - 1):
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


# -------------------------------------------------------------------------------- the numbers


def _trials(
    pattern: Pattern, view: View, templates: Sequence[tuple[Expr, ...]]
) -> list[_Trial]:
    """Draws of the argument at pairwise distinct sizes; larger ones where no units tell arrangements
    apart, since at small sizes there are relations between them."""
    letters = [c for c in pattern.signature.letters if c not in pattern.ones]
    several = (5, 4) if pattern.row.units == "unknown" else (3, 2, 4, 5)
    sizes = dict(zip(letters, several, strict=False))
    return [_trial(pattern, view, templates, sizes, seed) for seed in range(DRAWS)]


def _trial(
    pattern: Pattern,
    view: View,
    templates: Sequence[tuple[Expr, ...]],
    sizes: dict[str, int],
    seed: int,
) -> _Trial:
    rng = np.random.default_rng([seed, 1])
    low, high = view.row.drawn_from
    functions = abstract_functions([view.value.data[0]], rng) if view.row is ABSTRACT else None
    program = Program([view.value], sizes)

    def leg_sizes(e: Expr) -> list[int]:
        sides = _letters(e, view, pattern.signature)
        return [sizes[c] for letters in sides for c in letters if c not in pattern.ones]

    for _ in range(100):
        env = {
            a.data.name: rng.uniform(low, high, [d.size(sizes) for d in a.shape])
            for a in view.args
        }
        jacobian = _jacobian(program, env, view.argument.data.name, functions)
        if jacobian is not None:
            break
    else:
        raise DerivationError(
            f"`{view.row.name}` has no finite value on the arguments that were drawn."
        )
    factors = []
    for fs in templates:
        values = Program(list(fs), sizes).run(env, functions) if fs else []
        factors.append(
            tuple(v.reshape(leg_sizes(f)) for v, f in zip(values, fs, strict=True))
        )
    legs = leg_sizes(view.value) + leg_sizes(view.argument)
    return _Trial(tuple(factors), sizes, jacobian.reshape(legs))


def _jacobian(
    program: Program, env: dict[str, Array], name: str, functions: Any
) -> Array | None:
    """Entries of the value by entries of one input, by central differences of order six; None where a
    probe crosses a kink or leaves the domain. (B. Fornberg, Math. Comp. 51, 1988, table 1.)"""
    x = env[name]
    h = 0.004 * max(1.0, float(np.max(np.abs(x))))
    steps = np.array([1, -1, 2, -2, 3, -3]) * h
    weights = np.array([45, -45, -9, 9, 1, -1]) / (60 * h)
    directions = np.eye(x.size).reshape(x.size, *x.shape)
    probes = x + (steps[:, None, None, None] * directions).reshape(-1, *x.shape)
    branches: list[Array] = []
    (values,) = program.run({**env, name: probes}, functions, branches)
    if values.ndim < 3:  # it does not depend on this input
        values = np.broadcast_to(values, (len(probes), *values.shape))
    smooth = all(np.all(b == b.reshape(-1, *b.shape[-2:])[0]) for b in branches)
    if not smooth or not np.all(np.isfinite(values)):
        return None
    values = values.reshape(6, x.size, -1)
    return np.einsum("s,sxv->vx", weights, values)


def _candidate_values(
    candidate: Arrangement, factors: tuple[Array, ...], trial: _Trial, value_rank: int
) -> Array:
    """The Jacobian that an arrangement of (G, factors…) stands for: G's legs are left open."""
    operands: list[Any] = []
    at = value_rank
    for array in factors:
        operands += [array, list(candidate.blocks[at : at + array.ndim])]
        at += array.ndim
    out = [*candidate.blocks[:value_rank], *candidate.blocks[at:]]
    sizes = dict(zip(out, trial.jacobian.shape, strict=True))
    for k in range(0, len(operands), 2):
        sizes.update(zip(operands[k + 1], operands[k].shape, strict=True))
    return einsum(operands, out, sizes)


def _fit(
    products: Sequence[Product], proposals: Sequence[_Proposals], trials: Sequence[_Trial]
) -> tuple[tuple[Arranged, ...] | None, float]:
    """The arrangements, with coefficients that add up to each product's own, whose values fit."""
    truth = np.concatenate([t.jacobian.ravel() for t in trials])
    scale = float(np.max(np.abs(truth))) or 1.0
    columns: list[list[tuple[Array, Arrangement]]] = []
    for i, proposal in enumerate(proposals):
        rank = len(proposal.types[0].legs)
        seen: set[bytes] = set()
        columns.append([])
        for candidate in proposal.arrangements:
            column = np.concatenate(
                [_candidate_values(candidate, t.factors[i], t, rank).ravel() for t in trials]
            )
            mark = np.round(column / scale, 9).tobytes()
            if mark not in seen:  # equal values are one candidate: the first is kept
                seen.add(mark)
                columns[-1].append((column, candidate))
    if not all(columns):
        return None, np.inf
    shares, error = _one_each(products, columns, truth)
    if error / scale > TOLERANCE and products:
        shares, miss = _shared_out(products, columns, truth)
        error = min(error, miss)
    if error / scale > TOLERANCE:
        return None, error / scale
    terms = [
        Arranged(c, products[i].factors, proposals[i].types, a, len(proposals[i].arrangements))
        for i, c, a in shares
    ]
    return tuple(terms), error / scale


Columns = Sequence[Sequence[tuple[Array, Arrangement]]]
Shares = list[tuple[int, Fraction, Arrangement]]  # (which product, coefficient, arrangement)


def _one_each(products: Sequence[Product], columns: Columns, truth: Array) -> tuple[Shares, float]:
    """The best choice of one arrangement for each product, with the product's own coefficient."""
    best: tuple[Shares, float] = ([], np.inf)
    for choice in islice(itertools.product(*columns), MOST_CHOICES):
        total = sum(
            float(p.coefficient) * column for p, (column, _) in zip(products, choice, strict=True)
        )
        error = float(np.max(np.abs(total - truth)))
        if error < best[1]:
            shares = [(i, p.coefficient, choice[i][1]) for i, p in enumerate(products)]
            best = (shares, error)
    return best


def _shared_out(
    products: Sequence[Product], columns: Columns, truth: Array
) -> tuple[Shares, float]:
    """Coefficients of all arrangements by least squares, those of a product adding up to its own."""
    owners = [(i, a) for i, proposal in enumerate(columns) for _, a in proposal]
    matrix = np.stack([column for proposal in columns for column, _ in proposal], axis=1)
    scale = float(np.max(np.abs(truth))) or 1.0
    totals = np.array([[float(owner == i) for owner, _ in owners] for i in range(len(products))])
    wanted = np.array([float(p.coefficient) for p in products])
    system = np.concatenate([matrix / scale, totals])
    right = np.concatenate([truth / scale, wanted])
    # The normal equations are much smaller, and what they lose in digits is rounded off below.
    solution, *_ = np.linalg.lstsq(system.T @ system, system.T @ right, rcond=None)
    exact = [Fraction(float(c)).limit_denominator(60) for c in solution]
    shares = [(i, c, a) for (i, a), c in zip(owners, exact, strict=True) if c]
    for k, p in enumerate(products):
        if sum(c for i, c, _ in shares if i == k) != p.coefficient:
            return [], np.inf
    return shares, float(np.max(np.abs(matrix @ np.array([float(c) for c in exact]) - truth)))


# ------------------------------------------------------------------------------------- using it


def arranged_terms(view: View, upstream: Expr) -> list[Term]:
    """The rule at work: the cotangent of the view's argument as terms, from that of its value."""
    return [
        arrange(found, [upstream, *(instantiate(f, view) for f in found.factors)], view)
        for found in rule_for(view).terms
    ]


def arrange(found: Arranged, factors: Sequence[Expr], view: View) -> Term:
    """An arrangement of factors as a term of the argument's shape."""
    bound = _bound(view)
    blocks = iter(found.arrangement.blocks)
    dims: dict[int, Dim] = {}

    def take(legs: tuple[Leg, ...]) -> tuple[int, ...]:
        nodes = tuple(next(blocks) for _ in legs)
        dims.update((n, bound[leg.dim]) for n, leg in zip(nodes, legs, strict=True))
        return nodes

    edges, scalars = [], []
    for f, t in zip(factors, found.types, strict=False):
        rows, cols = take(t.rows), take(t.cols)
        if rows or cols:
            edges.append(Edge(f, rows, cols))
        else:
            base, exponent = f.args if f.op == "power" else (f, UNIT)
            scalars.append((base, exponent))
    target = found.types[-1]
    rows, cols = take(target.rows), take(target.cols)
    return tidy(Term(found.coefficient, tuple(scalars), tuple(edges), dims, rows, cols))


def _bound(view: View) -> dict[str, Dim]:
    """The dimensions at hand of the letters in the types."""
    if not view.row.signatures:
        return dict(zip("rc", view.value.shape, strict=True))
    _, dims = view.row.signature_for(view.args, view.value.data)
    rows, cols = view.argument.shape
    if view.row.units == "inverse":
        return {"a": rows, "b": cols}
    return dims
