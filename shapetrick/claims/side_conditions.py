"""Side conditions: under what a wrong claim would be right, found by trying it.

An input may have an attribute that nobody declared, two dimensions may be equal, or the layout may
be another one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import combinations

import numpy as np

from ..core import expr as ex
from ..core.dims import ONE, SCALAR, Dim
from ..core.expr import Expr, Symbol
from ..core.problem import Request
from ..core.traversal import redimensioned, symbols_of
from ..language.shapes.lowering import Lowering
from ..language.syntax.tree import ATTRIBUTES
from ..numerics.sampling import PLAIN, Profile
from .comparison import agree
from .repair import Repairer
from .variants import ClaimVariant, Drawn, drawn_anew, values_at

# What is tried of a symbol, the weaker first, and in what words it is said.
_SAID = {
    "nonneg": "the entries of {} are positive",
    "symmetric": "{} is symmetric",
    "simplex": "{} sums to 1",
    "columns": "each column of {} sums to 1",
    "orthogonal": "{} is orthogonal",
    "diagonal": "{} is diagonal",
}
_OF_ROWS = "each row of {} sums to 1"
_IMPLIED = {"symmetric": {"posdef", "diagonal"}, "nonneg": {"positive", "unit", "simplex"},
            "simplex": {"onehot"}, "orthogonal": {"posdef"}}  # fmt: skip
_BY_ROWS = ("simplex", "onehot")  # of a matrix, and given up where its columns are meant
TOGETHER = "symmetric"  # tried of two symbols at once
MOST_SYMBOLS = 6  # of which two are tried
MOST_DIMS = 6
DRAWS = 3  # at each assignment of sizes: a proviso is no lucky draw
LUCKY_DRAWS = 8  # likewise, for all the inputs
POSITIVE = Profile(sign=1)
SEED = 1


class SideConditions:
    """What would have to hold for the claim of a mender to be right."""

    def __init__(self, repairer: Repairer, request: Request, answer: Expr) -> None:
        self._repairer = repairer
        self._request = request
        self._answer = answer
        self._claim = repairer.draft.expression(repairer.root)

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
            may_have = [s for s in symbols if _may_have(s, attribute)]
            for symbol in may_have:
                if self._holds_given([symbol], attribute):
                    of_rows = attribute == "simplex" and ONE not in symbol.shape
                    yield (_OF_ROWS if of_rows else words).format(symbol.name) + (
                        _remark(symbol, attribute)
                    )
            if attribute == TOGETHER:
                for pair in combinations(may_have[:MOST_SYMBOLS], 2):
                    if self._holds_given(pair, attribute):
                        yield f"{pair[0].name} and {pair[1].name} are {attribute}"

    def _holds_given(self, symbols: Sequence[Symbol], attribute: str) -> bool:
        """Whether the claim is right wherever these symbols have the attribute."""
        rng = np.random.default_rng(SEED)
        given = [_with_attribute(s, attribute) for s in symbols]
        return all(
            self._holds(_with_values(drawn, given, attribute, rng))
            for drawn in self._repairer.draws
            for _ in range(DRAWS)
        )

    def _holds(self, drawn: Drawn) -> bool:
        assert self._claim is not None
        return self._outcome(self._claim, self._answer, drawn) is True

    @staticmethod
    def _outcome(claim: Expr, answer: Expr, drawn: Drawn) -> bool | None:
        """Whether both agree at a draw; None where that can't be told."""
        value, right = values_at([claim, answer], drawn)
        if right is None or not right.any():
            return None
        return agree(value, right)

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
            found = self._holds_at(claim, answer, PLAIN)
            if found or (found is None and self._holds_at(claim, answer, POSITIVE)):
                yield f"{kept} = {gone}"

    def _holds_at(self, claim: Expr, answer: Expr, profile: Profile) -> bool | None:
        """Whether the claim is right at all draws of the inputs at their new shapes, or None if the
        answer has no value at any: where signs differ, a logarithm has none."""
        rng = np.random.default_rng(SEED)
        symbols = [*dict.fromkeys([*symbols_of(claim), *symbols_of(answer)])]
        outcomes = [
            self._outcome(claim, answer, drawn_anew(symbols, drawn, rng, profile))
            for drawn in self._repairer.draws
            for _ in range(LUCKY_DRAWS)
        ]
        return None if True not in outcomes and False not in outcomes else False not in outcomes

    def _claimed(self, dims: Mapping[str, Dim]) -> Expr | None:
        """The claim where some dimensions are others: read anew if its shapes didn't fit."""
        if self._claim is not None:
            return reshaped([self._claim], dims)[0]
        lowering = self._repairer.lowering
        known = lowering.values
        values = dict(zip(known, reshaped(list(known.values()), dims), strict=True))
        changed = Lowering(values, lowering.inference, lowering.text)
        root = self._repairer.root
        return ClaimVariant(lowering.text, root, changed).expression(root)


def _may_have(symbol: Symbol, attribute: str) -> bool:
    own = symbol.attributes
    if attribute == "columns":
        return ONE not in symbol.shape and own <= {*_BY_ROWS, "const", "nonneg"}
    if attribute in own or own & _IMPLIED.get(attribute, set()):
        return False
    if symbol.shape == SCALAR and attribute != "nonneg":
        return False
    return not ATTRIBUTES[attribute] or symbol.shape[0] == symbol.shape[1]


def _with_attribute(symbol: Symbol, attribute: str) -> Symbol:
    """The symbol with one more attribute; of columns, the transposed one with that of rows."""
    name, shape, own = symbol.name, symbol.shape, symbol.attributes
    if attribute == "columns":
        kept = {a for a in own if a not in _BY_ROWS}
        return ex.symbol(name, shape[::-1], {*kept, "simplex"})
    return ex.symbol(name, shape, {*own, attribute})


def _with_values(
    drawn: Drawn, symbols: Sequence[Symbol], attribute: str, rng: np.random.Generator
) -> Drawn:
    """The draw with other values of these symbols."""
    sizes, at = drawn_anew(symbols, drawn, rng)
    if attribute == "columns":
        turned = {s.name: at.env[s.name].T for s in symbols}
        at = replace(at, env={**at.env, **turned})
    return sizes, at


def _remark(symbol: Symbol, attribute: str) -> str:
    """Which declared attribute says something else."""
    said = [a for a in _BY_ROWS if a in symbol.attributes]
    return f" (`{said[0]}` says that of its rows)" if attribute == "columns" and said else ""


def reshaped(roots: Sequence[Expr], dims: Mapping[str, Dim]) -> list[Expr]:
    """The expressions where some dimensions are others. Raises ShapeError if that doesn't fit."""
    return redimensioned(roots, lambda dim: dim.substitute(dims))
