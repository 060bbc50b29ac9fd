"""Gradients of one thing by several variables, derived together: a cotangent that several of them
use is named once, `δ2` for that of `Z1 W2` in `Z2 = sigma(Z1 W2)`, `G2` for that of `Z2`.

A name stands where that makes all the gradients with the definitions shorter, the body of a name
counted once; else each gradient is what it is alone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Hashable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from itertools import groupby

from ..core.cost import length
from ..core.expr import UNIT, Expr, Name, named
from ..core.functions import NAMES
from ..core.greek import other_spelling
from ..core.problem import Problem, Request
from ..core.regexes import regex
from ..core.results import Result
from ..core.traversal import expand_names, postorder, substitute
from ..derivation.chain_rule import active_nodes, joint_cotangents
from ..simplification.simplifier import Simplifier
from ..simplification.subexpressions import LEAST_SAVING
from .requests import (
    WORDS,
    concluded,
    derivative_of,
    derive,
    log_verdict,
    not_yet_checked,
    taken_in,
    to_derive,
    written,
)

CLEARLY = 2  # times as long without the names: then they are not simplified alone to compare
MOST_ROUNDS = 8
_NUMBERED = regex(r"\d+$")


def groups(requests: Sequence[Request]) -> list[list[Request]]:
    """The requests in order, those that follow each other and may share cotangents together."""
    return [list(group) for _, group in groupby(requests, key=_shared_by)]


def _shared_by(request: Request) -> Hashable:
    if request.kind not in ("grad", "vjp") or request.symmetric or request.claim is not None:
        return id(request)
    return request.kind, request.of, request.direction


def derive_together(
    problem: Problem, requests: Sequence[Request], seed: int = 0, taken: Collection[str] = ()
) -> list[Result]:
    """The derivatives that requests of one group ask for; names that are `taken` stand for
    something else.

    Raises DerivationError where no arrangement expresses one."""
    problem = problem if any(r.claim for r in requests) else problem.as_typed()
    if not _may_share(problem, requests):
        return [derive(problem, request, seed) for request in requests]
    from ..validation.joint import check_together  # one variable alone needs none of it

    found = _JointGradients(problem, requests, taken)
    if found.names:
        shared = tuple((node, name) for name, node in found.names.items())
        results = [
            replace(
                concluded(problem, request, gradient, found.simplifier, seed, not_yet_checked),
                shared=shared,
            )
            for request, gradient in zip(requests, found.gradients, strict=True)
        ]
    else:
        results = [derive(problem, request, seed, not_yet_checked) for request in requests]
    verdicts = check_together(problem, requests, [r.gradient for r in results], seed)
    pairs = zip(results, verdicts, strict=True)
    results = [replace(r, validation=v, prepared=None) for r, v in pairs]  # steps are made together
    for result in results:
        log_verdict(result)
    return results


def shared_names(
    problem: Problem, requests: Sequence[Request], taken: Collection[str] = ()
) -> Mapping[str, Expr]:
    """The names of what requests of one group share, each with the node whose cotangent it is."""
    if not _may_share(problem, requests):
        return {}
    return _JointGradients(problem, requests, taken).names


def _may_share(problem: Problem, requests: Sequence[Request]) -> bool:
    if len({request.wrt for request in requests}) < 2 or problem.has_families:
        return False
    return not problem.systems_of(requests[0].of)


class _JointGradients:
    """The gradients of requests with the names of what they share, and of which nodes these names
    are the cotangents; no names where each alone is as short."""

    def __init__(
        self, problem: Problem, requests: Sequence[Request], taken: Collection[str]
    ) -> None:
        self._problem, self._requests = problem, requests
        self._taken = {*taken, *taken_in(problem), *WORDS, *NAMES}
        asked, self.simplifier, restored, replaced = to_derive(problem, requests[0])
        self._of, self._variables = asked.of, [request.wrt for request in requests]
        self.names: dict[str, Expr] = {}
        self._bodies: dict[str, Expr] = {}
        self.gradients: list[Expr] = []
        if restored or replaced:  # written-out forms are put back one gradient at a time
            return
        self._active = active_nodes(self._of, *self._variables)
        on_the_way = set(self._active)
        self._uses = {e: sum(a in on_the_way for a in e.args) for e in self._active}
        if max(self._uses.values(), default=0) < 2:
            return
        upstream = UNIT if asked.direction is None or asked.kind == "grad" else asked.direction
        found = joint_cotangents(self._of, self._variables, upstream, self._handed_on)
        self.gradients = [self.simplifier(found[x]) for x in self._variables]
        self._inline_what_is_used_once()
        if not self._bodies or not self._is_shorter():
            self.names = {}

    # -------------------------------------------------------------------------------- the names

    def _handed_on(self, e: Expr, cotangent: Expr) -> Expr:
        """What a node hands on: where it does so to several, a name for its cotangent."""
        if self._uses[e] < 2 or e in self._variables:
            return cotangent
        body = self.simplifier.answer(self.simplifier(cotangent))
        if not body.args or isinstance(body, Name):
            return body
        name = next(name for name in self._candidates(e) if self._is_free(name))
        self.names[name] = e
        self._bodies[name] = named(name, body)
        return self._bodies[name]

    def _candidates(self, e: Expr) -> Iterator[str]:
        """Names for the cotangent of a node, as the field writes them: `δ2` for that of what is
        within `Z2`, `G2` for that of `Z2` itself."""
        owner = self._owners.get(e, "")
        definition = self._problem.definitions.get(owner)
        letter = "G" if definition is not None and definition.args[0] is e else "δ"
        number = _NUMBERED.search(owner)
        yield letter + number.group() if number else letter
        if owner:
            yield f"{letter}_{owner}"
        yield from (f"{letter}_{k}" for k in range(1, len(self._active) + len(self._taken) + 2))

    @cached_property
    def _owners(self) -> Mapping[Expr, str]:
        """The definitions that nodes stand in."""
        return {
            e: name
            for name, definition in reversed([*self._problem.definitions.items()])
            for e in postorder(definition.args, into=lambda e: not isinstance(e, Name))
        }

    def _is_free(self, name: str) -> bool:
        return {name, other_spelling(name)}.isdisjoint({*self._taken, *self._bodies})

    def _inline_what_is_used_once(self) -> None:
        """Put the bodies back of names that save too little."""
        for _ in range(MOST_ROUNDS):
            roots = [*self.gradients, *(body.args[0] for body in self._bodies.values())]
            uses = Counter(
                a
                for root in roots
                for e in postorder([root], into=lambda e: not isinstance(e, Name))
                for a in (() if isinstance(e, Name) else e.args)
            )
            uses.update(roots)
            idle = {
                name
                for name, body in self._bodies.items()
                if (uses[body] - 1) * length(body.args[0]) < LEAST_SAVING
            }
            if not idle:
                return
            new: dict[Expr, Expr] = {}
            for name, body in [*self._bodies.items()]:
                inner = self.simplifier(substitute(body.args[0], new))
                if name in idle:
                    new[body] = inner
                    del self._bodies[name], self.names[name]
                else:
                    new[body] = self._bodies[name] = named(name, inner)
            self.gradients = [self.simplifier(substitute(g, new)) for g in self.gradients]

    def _is_shorter(self) -> bool:
        """Whether the names make the whole shorter than the gradients by themselves."""
        together = [written(self._problem, g, self.simplifier) for g in self.gradients]
        bare: dict[Expr, Expr] = {}
        opened = [expand_names(g, self._bodies, bare) for g in self.gradients]
        if sum(map(length, opened)) > CLEARLY * self._total(together):
            return True
        alone = []
        for request in self._requests:
            simplifier = Simplifier(self._problem.definitions.values(), [request.of])
            gradient = derivative_of(request, simplifier)
            alone.append(written(self._problem, gradient, simplifier))
        return self._total(together) < self._total(alone)

    def _total(self, gradients: Sequence[Expr]) -> int:
        """How long gradients are, with the definitions that are introduced, each once."""
        own = self._problem.definitions
        introduced = {e for e in postorder(gradients) if isinstance(e, Name) and e.name not in own}
        return sum(map(length, gradients)) + sum(length(e.args[0]) for e in introduced)
