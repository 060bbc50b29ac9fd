"""Provisos: under what a wrong claim would be right, found by trying it.

An input may have an attribute that nobody declared, two dimensions may be equal, or the layout may
be another one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import combinations

import numpy as np

from . import expr as ex
from .agreement import agree
from .dims import ONE, SCALAR, Dim
from .drafts import Draft, Drawn, values_at
from .expr import Expr, postorder, symbols_of
from .lowering import Lowering
from .mending import Mender
from .problem import Request
from .sampling import PLAIN, Profile, draw
from .surface import ATTRIBUTES

# What is tried of a symbol, the weaker first, and in what words it is said.
_SAID = {
    "nonneg": "the entries of {} are positive",
    "symmetric": "{} is symmetric",
    "simplex": "{} sums to 1",
    "orthogonal": "{} is orthogonal",
    "diagonal": "{} is diagonal",
}
_OF_ROWS = "each row of {} sums to 1"
_IMPLIED = {"symmetric": {"posdef", "diagonal"}, "nonneg": {"positive", "unit", "simplex"},
            "simplex": {"onehot"}}  # fmt: skip
MOST_DIMS = 6
SEED = 1


class Provisos:
    """What would have to hold for the claim of a mender to be right."""

    def __init__(self, mender: Mender, request: Request, answer: Expr) -> None:
        self._mender = mender
        self._request = request
        self._answer = answer
        self._claim = mender.draft.expression(mender.root)

    def found(self) -> str | None:
        """The weakest that was found, in words: `A is symmetric`."""
        return next(self._attributes(), None) or next(self._equal_dimensions(), None)

    # ------------------------------------------------------------------------------ attributes

    def _attributes(self) -> Iterator[str]:
        claim, answer = self._claim, self._answer
        if claim is None or claim.shape != answer.shape:
            return
        symbols = dict.fromkeys([*symbols_of(answer), *symbols_of(claim)])
        symbols.pop(self._request.direction, None)  # type: ignore[arg-type]
        for attribute, words in _SAID.items():
            for symbol in symbols:
                if _may_have(symbol, attribute) and all(
                    self._holds(claim, answer, _drawn_anew(symbol, attribute, drawn))
                    for drawn in self._mender.draws
                ):
                    of_rows = attribute == "simplex" and ONE not in symbol.shape
                    yield (_OF_ROWS if of_rows else words).format(symbol.data.name)

    def _holds(self, claim: Expr, answer: Expr, drawn: Drawn) -> bool:
        value, right = values_at([claim, answer], drawn)
        return right is not None and bool(right.any()) and agree(value, right)

    # ------------------------------------------------------------------------------ dimensions

    def _equal_dimensions(self) -> Iterator[str]:
        """`m = d`: the claim is then written with the same dimension twice."""
        dims = {n: None for s in symbols_of(self._request.of) for d in s.shape for n in d.names}
        names = list(dims)[:MOST_DIMS]
        for kept, gone in combinations(names, 2):
            dims_now = {gone: Dim.of(kept)}
            claim, (answer,) = self._claimed(dims_now), reshaped([self._answer], dims_now)
            if claim is None or claim.shape != answer.shape:
                continue
            if all(
                any(self._holds(claim, answer, d) for d in _resized(claim, answer, drawn))
                for drawn in self._mender.draws
            ):
                yield f"{kept} = {gone}"

    def _claimed(self, dims: Mapping[str, Dim]) -> Expr | None:
        """The claim where some dimensions are others: read anew if its shapes didn't fit."""
        if self._claim is not None:
            return reshaped([self._claim], dims)[0]
        lowering = self._mender.lowering
        known = lowering.values
        values = dict(zip(known, reshaped(list(known.values()), dims), strict=True))
        changed = Lowering(values, lowering.inference, lowering.text)
        root = self._mender.root
        return Draft(lowering.text, root, changed).expression(root)


def _may_have(symbol: Expr, attribute: str) -> bool:
    own = symbol.data.attributes
    if attribute in own or own & _IMPLIED.get(attribute, set()):
        return False
    if symbol.shape == SCALAR and attribute != "nonneg":
        return False
    return not ATTRIBUTES[attribute] or symbol.shape[0] == symbol.shape[1]


def _drawn_anew(symbol: Expr, attribute: str, drawn: Drawn) -> Drawn:
    """The draw with one input having one more attribute."""
    sizes, at = drawn
    name = symbol.data.name
    with_it = ex.symbol(name, symbol.shape, {*symbol.data.attributes, attribute})
    value = draw(with_it, sizes, np.random.default_rng(SEED), PLAIN)
    return sizes, replace(at, env={**at.env, name: value})


def _resized(claim: Expr, answer: Expr, drawn: Drawn) -> Iterator[Drawn]:
    """Draws of the inputs at their new shapes: of any sign, and positive."""
    sizes, at = drawn
    symbols = dict.fromkeys([*symbols_of(claim), *symbols_of(answer)])
    for profile in (PLAIN, Profile(sign=1)):
        rng = np.random.default_rng(SEED)
        env = {s.data.name: draw(s, sizes, rng, profile) for s in symbols}
        yield sizes, replace(at, env=env)


def reshaped(roots: Sequence[Expr], dims: Mapping[str, Dim]) -> list[Expr]:
    """The expressions where some dimensions are others. Raises ShapeError if that doesn't fit."""
    new: dict[Expr, Expr] = {}
    for e in postorder(roots):
        rows, cols = (d.substitute(dims) for d in e.shape)
        match e.op:
            case "symbol":
                new[e] = ex.symbol(e.data.name, (rows, cols), e.data.attributes)
            case "dimension":
                new[e] = ex.dimension(Dim.of(e.data).substitute(dims))
            case "ones":
                new[e] = ex.ones(rows, cols)
            case "zeros":
                new[e] = ex.zeros(rows, cols)
            case "eye":
                new[e] = ex.eye(rows)
            case "commute":
                new[e] = ex.commute(*(d.substitute(dims) for d in e.data))
            case "unvec":
                sides = tuple(d.substitute(dims) for d in e.data)
                new[e] = ex.call("unvec", new[e.args[0]], data=sides)
            case _:
                new[e] = ex.rebuild(e, [new[a] for a in e.args])
    return [new[root] for root in roots]
