"""The chain rule: from the root to one variable, every occurrence on its own, the terms added.

Nodes that depend on the variable are visited from the root down; each hands the cotangent of its
value on to its arguments by the operation's rule (`derivation/vjp_rules.py`). This is reverse
accumulation, the vector–Jacobian product of A. Griewank and A. Walther, Evaluating Derivatives,
SIAM 2008, with expressions in place of numbers. The rules turned round go from the variable up to
the root, and give a directional derivative.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Sequence

from ..algebra.extraction import spell
from ..algebra.index_terms import Term, opened, turned
from ..core.errors import DerivationError
from ..core.expr import Expr, Name, add, symbol, zeros
from ..core.traversal import postorder
from .local_derivatives import LocalDerivative, views
from .power_sums import is_series, summed
from .vjp_rules import arranged_terms

LONGEST = 16  # summands or factors of a cotangent that is handed on as it is


HandOn = Callable[[Expr, Expr], Expr]  # of a node and its cotangent: what is handed on


def active_nodes(root: Expr, *variables: Expr) -> list[Expr]:
    """The nodes that depend on the variables, arguments before the nodes that use them."""
    active: dict[Expr, None] = {}
    wanted = set(variables)
    for e in postorder([root]):
        if e in wanted or not active.keys().isdisjoint(e.args):
            active[e] = None
    return list(active)


def upstream_of(value: Expr) -> Expr:
    """The upstream gradient that is going to be taken out again."""
    return symbol("#upstream", value.shape)


def cotangents(
    root: Expr, wrt: Expr, upstream: Expr, step: Callable[[Expr], Expr] | None = None
) -> dict[Expr, Expr]:
    """The cotangent of every node that depends on the variable; that of the variable itself is the
    gradient.

    A layer may hand on all that was handed to it with a summand or a factor more. Where that gets
    long, each definition hands on its `step(cotangent)`, of which the next layers see the name
    alone: else the work would grow with the square of the layers.

    Raises DerivationError where an operation's derivative has no arrangement."""
    active = active_nodes(root, wrt)
    if not active:
        return {wrt: zeros(*wrt.shape)}
    found: dict[Expr, Expr] = {}
    for e, cotangent in _accumulated(active, upstream):
        if step is not None and e is not wrt and len(cotangent.args) > LONGEST:
            return dict(_accumulated(active, upstream, _at_definitions(step, wrt)))
        found[e] = cotangent
    return found


def _at_definitions(step: Callable[[Expr], Expr], wrt: Expr) -> HandOn:
    return lambda e, c: step(c) if isinstance(e, Name) and e is not wrt else c


def joint_cotangents(
    root: Expr, variables: Sequence[Expr], upstream: Expr, hand_on: HandOn
) -> dict[Expr, Expr]:
    """The gradients by several variables, from one pass: what each node on the way hands on is told
    by `hand_on`.

    Raises DerivationError where an operation's derivative has no arrangement."""
    active = active_nodes(root, *variables)
    found = dict(_accumulated(active, upstream, hand_on)) if active else {}
    return {x: found.get(x, zeros(*x.shape)) for x in variables}


def _accumulated(
    active: Sequence[Expr], upstream: Expr, hand_on: HandOn = lambda e, cotangent: cotangent
) -> Iterator[tuple[Expr, Expr]]:
    """The nodes from the root down, each with its cotangent as it is handed on."""
    root = active[-1]
    contributions: dict[Expr, dict[int, list[Expr]]] = {e: {} for e in active}
    contributions[root][0] = [upstream]
    places = _places(root, contributions)
    for e in reversed(active):
        parts = [part for _, found in sorted(contributions[e].items()) for part in found]
        cotangent = add(*parts) if parts else zeros(*e.shape)
        cotangent = hand_on(e, cotangent)
        yield e, cotangent
        if not parts:
            continue
        for position, argument in enumerate(e.args):
            if argument in contributions:
                place = places[e, position]
                contributions[argument][place] = _hand_down(e, position, contributions, cotangent)


def _places(root: Expr, active: Container[Expr]) -> dict[tuple[Expr, int], int]:
    """Where the arguments of nodes are written, as one reads from the root on: what is written
    first is the first summand."""
    found: dict[tuple[Expr, int], int] = {}
    entered: set[Expr] = set()
    stack = [(root, (root, -1))]
    while stack:
        e, place = stack.pop()
        found[place] = len(found)
        if e in active and e not in entered:
            entered.add(e)
            stack.extend((a, (e, i)) for i, a in reversed([*enumerate(e.args)]))
    return found


def tangent(root: Expr, wrt: Expr, direction: Expr, step: Callable[[Expr], Expr]) -> Expr:
    """The directional derivative of the root, along a direction of the variable's shape. A
    definition hands on what gets long as its `step(tangent)`, as it does with a cotangent.

    Raises DerivationError where an operation's derivative has no arrangement."""
    active = active_nodes(root, wrt)
    found = {wrt: direction}
    for e in active:
        if e is not wrt:
            parts = [
                part
                for position, argument in enumerate(e.args)
                if argument in found
                for part in _hand_up(e, position, found, found[argument])
            ]
            found[e] = add(*parts) if parts else zeros(*e.shape)
        if isinstance(e, Name) and len(found[e].args) > LONGEST:
            found[e] = step(found[e])
    return found[root] if active else zeros(*root.shape)


def _hand_up(e: Expr, position: int, active: Container[Expr], tangent: Expr) -> list[Expr]:
    """What an operation gets of the tangent of one argument: its rules, turned round."""
    if isinstance(e, Name):
        return [tangent]
    if is_series(e):
        place = upstream_of(e.args[position])
        parts = _turned_round(e, position, active, place)
        return [summed(e, position, part, {place: tangent}) for part in parts]
    return _turned_round(e, position, active, tangent)


def _turned_round(e: Expr, position: int, active: Container[Expr], tangent: Expr) -> list[Expr]:
    contributions = [tangent]
    for view in reversed(views(e, position, active)):
        upstream = upstream_of(view.value)
        contributions = [
            part
            for c in contributions
            for term in arranged_terms(view, upstream)
            for part in _spelled(_forward(term, upstream, c), view, c)
        ]
    return contributions


def _forward(term: Term, upstream: Expr, tangent: Expr) -> Term:
    """The rule turned round: an arrangement has its upstream once, as a factor of its own."""
    found = turned(term, upstream, tangent)
    assert found is not None
    return found


def _hand_down(e: Expr, position: int, active: Container[Expr], cotangent: Expr) -> list[Expr]:
    """What an operation contributes to the cotangent of one argument, given that of its value."""
    if isinstance(e, Name):
        return [cotangent]
    if is_series(e):
        place = upstream_of(e)
        parts = _through_all(e, position, active, place)
        return [summed(e, position, part, {place: cotangent}) for part in parts]
    return _through_all(e, position, active, cotangent)


def _through_all(e: Expr, position: int, active: Container[Expr], cotangent: Expr) -> list[Expr]:
    contributions = [cotangent]
    for view in views(e, position, active):
        contributions = [part for c in contributions for part in _through(view, c)]
    return contributions


def _through(view: LocalDerivative, cotangent: Expr) -> list[Expr]:
    return [
        part for term in arranged_terms(view, cotangent) for part in _spelled(term, view, cotangent)
    ]


def _spelled(term: Term, view: LocalDerivative, cotangent: Expr) -> list[Expr]:
    spelled = spell(term)
    if spelled is not None:
        return [spelled]
    # The cotangent may itself be a product whose parts fit where it doesn't as a whole.
    parts = [spell(t) for t in opened(term, cotangent)]
    found = [p for p in parts if p is not None]
    if len(found) < len(parts):
        raise DerivationError(
            f"the gradient of `{view.row.name}` needs more than two indices at once here: it has "
            f"no form in matrix products, element-wise products and sums."
        )
    return found
