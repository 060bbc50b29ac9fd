"""Slips in the definitions that a claim uses and that are not part of what is differentiated.

Small changes are tried in them as in a claim itself: one, or two whose effects add up.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import islice

from ..core import expr as ex
from ..core.expr import Expr, Name
from ..core.named_tuples import NamedTuple
from ..core.problem import Problem, Request
from ..core.traversal import postorder, substitute
from ..language.claim_reading import read_definition
from .comparison import agree, distance
from .diagnosis import Mistake
from .repair import MOST_VERIFIED, SMALL, Repairer, adding_up
from .variants import Change, ClaimVariant, values_at, values_of

MOST_DEFINITIONS = 12
MOST_TRIED = 3000  # changes


class _DefinitionChange(NamedTuple):
    """A change of a definition, what the definition is then, and the whole claim."""

    draft: ClaimVariant
    change: Change
    named: Name
    body: Expr
    claim: Expr


class Intermediates:
    """The definitions of a claim's own, where the value of the claim has the right shape."""

    def __init__(self, problem: Problem, request: Request, claim: Expr, repairer: Repairer) -> None:
        self._problem = problem
        self._request = request
        self._claim = claim
        self._repairer = repairer

    def slips(self) -> tuple[Mistake, ...]:
        """One or two slips without which the claim is right; none if they were not found."""
        trials = list(islice(self._trials(), MOST_TRIED))
        if not trials:
            return ()
        own = values_at([self._claim], self._repairer.draws[0])[0]
        right = self._repairer.rights[0]
        values = values_of([t.claim for t in trials], self._repairer.draws[0])
        fitting = [
            t for t, v in zip(trials, values, strict=True) if right is not None and agree(v, right)
        ]
        for trial in sorted(fitting, key=_size)[:MOST_VERIFIED]:
            if self._repairer.validation_of(trial.claim) is not None:
                return (self._slip(trial),)
        if own is None or right is None:
            return ()
        effects = {
            i: (v - own).ravel()
            for i, v in enumerate(values)
            if v is not None and v.shape == own.shape and (v != own).any()
        }
        for i, j in islice(adding_up(effects, (right - own).ravel()), MOST_VERIFIED):
            first, second = trials[i], trials[j]
            if self._repairer.validation_of(self._both(first, second)) is not None:
                return self._slip(first), self._slip(second)
        return ()

    def _trials(self) -> Iterator[_DefinitionChange]:
        """Every small change of a definition."""
        parts = self._repairer.parts()
        for name, named in self._definitions().items():
            node, lowering = read_definition(self._problem, self._request, name)
            draft = ClaimVariant(lowering.text, node, lowering)
            inner = replace(parts, shape=draft.shape, pieces=(), terms=())
            for change in draft.changes(SMALL, inner):
                e = draft.changed(change.place, change.new)
                if e is not None and e.shape == named.shape:
                    claim = substitute(self._claim, {named: ex.named(name, e)})
                    yield _DefinitionChange(draft, change, named, e, claim)

    def _definitions(self) -> Mapping[str, Name]:
        """The definitions that the claim uses of its own, in the order of the text."""
        used = {e for e in postorder([self._claim]) if isinstance(e, Name)}
        used -= set(postorder([self._request.of]))
        found = {e.name: e for e in self._problem.definitions.values() if isinstance(e, Name)}
        typed = found.keys() - self._problem.cotangents
        found = {name: e for name, e in found.items() if e in used and name in typed}
        return dict(islice(found.items(), MOST_DEFINITIONS))

    def _both(self, first: _DefinitionChange, second: _DefinitionChange) -> Expr:
        """The claim with both changes: the later definition may use the earlier one."""
        order = list(self._problem.definitions.values())
        claim = self._claim
        for t in sorted((first, second), key=lambda t: order.index(t.named), reverse=True):
            claim = substitute(claim, {t.named: ex.named(t.named.name, t.body)})
        return claim

    def _slip(self, trial: _DefinitionChange) -> Mistake:
        change, write = trial.change, trial.draft.unparser.write
        old, new = " ".join(write(change.place.node).split()), " ".join(write(change.new).split())
        span = change.place.node.span
        return Mistake(change.mutation.name, span, old, new, within=trial.named.name)


def _size(trial: _DefinitionChange) -> int:
    write = trial.draft.unparser.write
    return distance(write(trial.change.place.node), write(trial.change.new))
