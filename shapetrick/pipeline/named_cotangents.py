"""What the names of cotangents in claims stand for: what the gradients that are asked for share
has the name there that it has in their derivation, the rest is found by how names are made."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

from ..core.expr import Expr, Name, named, symbol
from ..core.greek import other_spelling
from ..core.problem import Problem, Request
from ..core.structure import unnamed
from ..core.traversal import substitute, symbols_of
from ..derivation.chain_rule import active_nodes
from ..language.cotangent_names import CotangentName, Meant, taken_apart
from ..simplification.simplifier import Simplifier
from .derivatives_as_values import derived
from .joint_gradients import groups, shared_names
from .requests import derive


def cotangents_named(problem: Problem, names: Sequence[str]) -> Mapping[str, Meant]:
    """The definitions that names stand for, those nearer to what is differentiated first, or the
    names of what they could be the cotangents of."""
    found: dict[str, Expr] = {}
    several: dict[str, list[str]] = {}
    for group in groups([*{r.key: r for r in problem.requests}.values()]):
        first = group[0]
        if first.kind not in ("grad", "vjp") or problem.systems_of(first.of):
            continue
        way = _Way(problem, group, [*found])
        open_names = [n for n in names if n not in found]
        several |= {n: owners for n in open_names if len(owners := way.owners(n)) > 1}
        for name, node in way.places(open_names):
            found[name] = _value(problem, first, name, node, [*found.values()])
    return {**several, **found}


class _Way:
    """The nodes from what is differentiated down to what it is made of, by the names of
    cotangents."""

    def __init__(
        self, problem: Problem, requests: Sequence[Request], taken: Collection[str]
    ) -> None:
        of = requests[0].of
        self._inputs = [x for x in symbols_of(of) if x is not requests[0].direction]
        self._nodes = active_nodes(of, *self._inputs)
        self._owners = [e for e in self._nodes if isinstance(e, Name) and e is not of]
        self._shared = shared_names(problem, requests, taken)

    def places(self, names: Sequence[str]) -> Iterator[tuple[str, Expr]]:
        """The nodes that names are the cotangents of, in the order of the backward pass."""
        order = {e: i for i, e in enumerate(self._nodes)}
        found = {name: node for name in names if (node := self._place(name)) is not None}
        yield from sorted(found.items(), key=lambda item: -order[item[1]])

    def owners(self, name: str) -> list[str]:
        """What a name could be the cotangent of, each of another value."""
        return [owner for owner, _ in self._fitting(name).values()]

    def _place(self, name: str) -> Expr | None:
        for spelling in (name, other_spelling(name)):
            if spelling in self._shared:
                return self._shared[spelling]
        fitting = [e for _, e in self._fitting(name).values()]
        return fitting[0] if len(fitting) == 1 else None

    def _fitting(self, name: str) -> Mapping[Expr, tuple[str, Expr]]:
        """By the value: what has the name, and what stands there."""
        meant = taken_apart(name)
        assert meant is not None
        owners = [e for e in self._owners if _fits(meant, e.name)]
        if meant.place == "within":
            return {unnamed(e): (o.name, e) for o in owners for e in [_within(o)]}
        inputs = [x for x in self._inputs if x.name == meant.name]
        return {unnamed(e): (e.name, e) for e in (*owners, *inputs)}


def _fits(meant: CotangentName, name: str) -> bool:
    if meant.name:
        return name in (meant.name, other_spelling(meant.name))
    return bool(meant.number) and name.rstrip("0123456789") + meant.number == name


def _within(definition: Expr) -> Expr:
    """What the functions around a definition's value are applied to."""
    (e,) = definition.args
    while len(e.args) == 1 and not isinstance(e, Name):
        (e,) = e.args
    return e


def _value(
    problem: Problem, request: Request, name: str, node: Expr, known: Sequence[Expr]
) -> Expr:
    """The cotangent of a node, in terms of those that are known."""
    place = symbol("#value", node.shape)
    of = substitute(request.of, {node: place})
    value = substitute(
        derived(derive, request.derivative, of, place, request.direction), {place: node}
    )
    simplifier = Simplifier([*problem.definitions.values(), *known], [request.of, *known])
    return named(name, simplifier.answer(simplifier(value)))
