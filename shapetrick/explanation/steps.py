"""The derivation as on paper: one scalar line from a named quantity to the next, its factors
arranged.

`derivation/chain_rule.py` works operation by operation; a person writes one line from one named
quantity to another, `∂J/∂Z2 · sigma'(Z1 W2) · W2`, and arranges all its factors at once. The lines
here are composed of the rules of the single operations: legs that one rule gives to the next become
one, and so do their principal dimensions and units. What else would fit the declared shapes is
listed with its error.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import field, replace
from fractions import Fraction

from ..algebra.extraction import spell
from ..algebra.index_terms import opened
from ..algebra.monomials import Product
from ..core.dims import Shape
from ..core.expr import UNIT, Expr, Name, Symbol, Transpose, add, number, symbol, times, zeros
from ..core.problem import Request, called
from ..core.records import dataclass
from ..core.results import Factor, Line, Step
from ..derivation.chain_rule import active_nodes
from ..derivation.fitting import Arranged
from ..derivation.local_derivatives import LocalDerivative, instantiate, views
from ..derivation.vjp_rules import arrange, rule_for
from ..simplification.simplifier import Simplifier
from .lookalikes import ComposedLine, LineFactor, look_alikes

Text = Callable[[Expr], str]


@dataclass(frozen=True, slots=True)
class _StepWriter:
    """A line on its way down: what was multiplied so far, and the types along the path."""

    coefficient: Fraction
    factors: tuple[Factor, ...]
    arrangement: Expr  # of the factors, without the coefficient
    path: ComposedLine


@dataclass(slots=True)
class _Quantity:
    """A named or shared quantity: its cotangent's name, and the lines that lead to it."""

    node: Expr
    title: str
    cotangent: Symbol
    lines: list[_StepWriter] = field(default_factory=list)


class Paper:
    """The steps of one request, or of those by several `variables` together; `text` writes
    expressions into names such as ∂J/∂(X w - y), and the cotangents of `shared` nodes have names of
    their own."""

    def __init__(
        self,
        request: Request,
        simplifier: Simplifier,
        text: Text,
        shared: Mapping[Expr, str] | None = None,
        variables: Sequence[Expr] = (),
    ) -> None:
        self._shared = shared or {}
        self._variables = variables or (request.wrt,)
        self._request = request
        self._simplify = simplifier
        self._named = simplifier.named
        self._text: Text = lambda e: text(simplifier.named(e))
        self._active = active_nodes(request.of, *self._variables)
        self._depends = set(self._active)
        self._stops = self._find_stops()

    def steps(self) -> tuple[Step, ...]:
        """The steps, from the root to the variable."""
        return self.steps_to_each()[0]

    def steps_to_each(self) -> list[tuple[Step, ...]]:
        """The steps to each variable; what variables share is made once."""
        made = self._made()
        ways = (set(active_nodes(self._request.of, x)) for x in self._variables)
        return [tuple(step for e, step in made.items() if e in way) for way in ways]

    def _made(self) -> dict[Expr, Step]:
        """The steps by their quantities, from the root down."""
        quantities = {e: self._quantity(e) for e in self._stops}
        steps: dict[Expr, Step] = {}
        for e in reversed(self._active):
            quantity = quantities.get(e)
            if quantity is None:
                continue
            quantity.lines = self._merged(quantity.lines)
            if e is not self._request.of and not self._is_inlined(quantity):
                steps[e] = self._step(quantity)
            for start in self._starts(quantity):
                for target, line in self._walk(e, start):
                    quantities[target].lines.append(line)
        return steps

    # -------------------------------------------------------------------------- quantities

    def _find_stops(self) -> dict[Expr, None]:
        """Where lines end: the root, the variable, definitions, what is used twice, and the
        argument of an operation whose derivative is a sum. A transpose is no end: what uses it
        uses its argument."""
        uses: dict[Expr, int] = dict.fromkeys(self._active, 0)
        stops = dict.fromkeys([self._request.of, *self._variables])
        for e in reversed(self._active):
            several = not isinstance(e, Name) and any(
                len(rule_for(v).terms) > 1
                for i, a in enumerate(e.args)
                if a in uses
                for v in views(e, i, uses)
            )
            times_used = uses[e] if isinstance(e, Transpose) else 1
            for a in e.args:
                if a in uses:
                    uses[a] += times_used
                    if several or (uses[a] > 1 and not isinstance(a, Transpose)):
                        stops[a] = None
            if isinstance(e, Name):
                stops[e] = None
        stops |= dict.fromkeys(self._shared)
        ends = {self._request.of, *self._variables, *self._shared}
        for e in [e for e in stops if isinstance(e, Name)]:
            if e.args[0] in self._shared:  # its cotangent has a name already
                if e not in ends:
                    del stops[e]
            elif e.args[0] in stops and uses.get(e.args[0]) == 1:
                del stops[e.args[0]]
        return {e: None for e in self._active if e in stops}

    def _quantity(self, e: Expr) -> _Quantity:
        text = self._text(e)
        title = text if isinstance(e, (Name, Symbol)) else f"({text})"
        root = self._request.direction
        if e is self._request.of and root is not None:
            return _Quantity(e, title, root)
        if e in self._shared:
            label = self._shared[e]
        elif root is not None:
            label = f"bar({text})" if isinstance(e, (Name, Symbol)) else f"bar{title}"
        else:
            label = f"∂{called(self._request.of_text)}/∂{title}"
        return _Quantity(e, title, symbol(label, e.shape))

    def _is_inlined(self, quantity: _Quantity) -> bool:
        """A quantity without a name to which one line leads is no step: the line goes on through
        it."""
        e = quantity.node
        named = isinstance(e, (Name, Symbol)) or e in self._shared
        return not named and len(quantity.lines) == 1

    def _starts(self, quantity: _Quantity) -> list[_StepWriter]:
        e = quantity.node
        if e is self._request.of and self._request.direction is None:
            return [_StepWriter(Fraction(1), (), number(1), ComposedLine())]
        if e is not self._request.of and self._is_inlined(quantity):
            return list(quantity.lines)
        origin = (
            "the upstream gradient" if e is self._request.of else f"from above, at {quantity.title}"
        )
        factor = Factor(quantity.cotangent, origin)
        path = ComposedLine((LineFactor(quantity.cotangent),))
        return [_StepWriter(Fraction(1), (factor,), quantity.cotangent, path)]

    # -------------------------------------------------------------------------------- lines

    def _walk(self, root: Expr, start: _StepWriter) -> Iterator[tuple[Expr, _StepWriter]]:
        """The lines from a quantity to the next ones below it."""
        stack = [(root, start)]
        while stack:
            e, draft = stack.pop()
            for position, argument in reversed(list(enumerate(e.args))):
                if argument not in self._depends:
                    continue
                for below in self._through(e, position, draft):
                    if argument in self._stops:
                        yield argument, below
                    else:
                        stack.append((argument, below))

    def _through(self, e: Expr, position: int, draft: _StepWriter) -> list[_StepWriter]:
        if isinstance(e, Name):
            return [draft]
        drafts = [draft]
        for view in views(e, position, self._depends, singly=True):
            drafts = [
                self._extended(d, view, found) for d in drafts for found in rule_for(view).terms
            ]
        return drafts

    def _extended(self, draft: _StepWriter, view: LocalDerivative, found: Arranged) -> _StepWriter:
        parts = [instantiate(f, view) for f in found.factors]
        plain = replace(found, coefficient=Fraction(1))
        term = arrange(plain, [draft.arrangement, *parts], view)
        spelled = spell(term)
        if spelled is None:
            several = [s for t in opened(term, draft.arrangement) if (s := spell(t)) is not None]
            spelled = add(*several) if several else zeros(*view.argument.shape)
        origin = f"from {self._text(view.value)}, by {self._text(view.argument)}"
        factors = [Factor(self._simplify(_untransposed(p)), origin) for p in parts]
        return _StepWriter(
            draft.coefficient * found.coefficient,
            (*draft.factors, *factors),
            spelled,
            draft.path.extended(found, parts, view.argument),
        )

    # -------------------------------------------------------------------------------- steps

    def _step(self, quantity: _Quantity) -> Step:
        e = quantity.node
        lines = tuple(self._line(draft, e.shape) for draft in quantity.lines)
        parts = [line.arrangement for line in lines] or [zeros(*e.shape)]
        result = self._simplify(add(*parts))
        label = str(quantity.cotangent.name)
        return Step(self._request.of_text, quantity.title, label, e.shape, lines, result)

    def _line(self, draft: _StepWriter, shape: Shape) -> Line:
        found = look_alikes(draft.path, shape, self._text, self._simplify.is_symmetric)
        arrangement = self._simplify(times(number(draft.coefficient), draft.arrangement))
        rejected = (replace(r, arrangement=self._named(r.arrangement)) for r in found.rejected)
        alike = found._replace(rejected=tuple(rejected))
        return Line(draft.coefficient, _cancelled(draft.factors), arrangement, *alike)

    def _merged(self, drafts: Sequence[_StepWriter]) -> list[_StepWriter]:
        """Lines with the same factors and one arrangement as one: `R + R` is `2 R`, as in
        calculus."""
        groups: dict[Expr, _StepWriter] = {}
        for draft in drafts:
            key = self._simplify(draft.arrangement)
            first = groups.get(key)
            if first is None:
                groups[key] = draft
            else:
                groups[key] = replace(first, coefficient=first.coefficient + draft.coefficient)
        return [draft for draft in groups.values() if draft.coefficient]


def _cancelled(factors: Sequence[Factor]) -> tuple[Factor, ...]:
    """The factors without the scalars that cancel: `2 norm(r)` and `1 / norm(r)` are 2."""
    left = list(factors)
    for factor in factors:
        powers = Product.of(factor.expression) if factor.expression.is_scalar else Product()
        if powers.coefficient != 1 or len(powers.factors) != 1 or powers.factors[0][1] >= 0:
            continue
        base, exponent = powers.factors[0]
        for i, other in enumerate(left):
            if other.expression.is_scalar:
                product = Product.of(other.expression)
                if dict(product.factors).get(base, 0) + exponent >= 0:
                    product = product.times(powers)
                    left[i] = Factor(product.expression(), f"{other.origin}; {factor.origin}")
                    left.remove(factor)
                    break
    return tuple(f for f in left if f.expression != UNIT or len(left) == 1)


def _untransposed(e: Expr) -> Expr:
    return e.args[0] if isinstance(e, Transpose) else e
