"""Derivatives as people write them: `∂J/∂W`, `dJ/dW`, `d/dW J`, `∇_W J`, and claims of them.

What is told is where the parts stand in a statement; the parser reads them.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from ..core.errors import Span
from ..core.problem import DerivativeKind
from .letters import NAME
from .statement_lines import outside, stripped

_PLACED = rf"{NAME}(?:\[[^\[\]]*\])?"  # with the place of an entry, `A[i,j]`
_WRT = rf"{_PLACED}(?:\s*,\s*{_PLACED})*"
# d/dW J; d J / d W and ∂J/∂W; dJ/dW; ∇_W J; ∇J. With `two`, a second derivative.
_TWO, _RAISED = r"(?P<two>²|\^\s*2)?", r"(?:²|\^\s*2)?"
_DERIVATIVES = tuple(
    re.compile(form, re.DOTALL)
    for form in (
        rf"(?P<d>[d∂])\s*/\s*(?P=d)\s*(?P<wrt>{_WRT})(?P<of>[\s(].*)",
        rf"d{_TWO}(?=[\s(])(?!\s*[=:,])(?P<of>.+)/\s*d\s*(?P<wrt>{_WRT}){_RAISED}",
        rf"∂{_TWO}(?P<of>.+)/\s*∂\s*(?P<wrt>{_WRT}){_RAISED}",
        rf"d{_TWO}(?P<of>[^\W\d]\w*)\s*/\s*d(?P<wrt>{_WRT}){_RAISED}",
        rf"∇{_TWO}\s*_\s*\{{?\s*(?P<wrt>{_WRT})\s*\}}?(?P<of>[\s(‖|⟨].*)",
        rf"∇{_TWO}(?P<of>(?!\s*_).+)(?P<wrt>)",
    )
)
_CLAIM = re.compile(r"check\s+(?=[d∂∇])")


class WrittenDerivative(NamedTuple):
    """Where a derivative says what it is of, by what, and what it equals; `leibniz` if its form
    fits what is no scalar too."""

    kind: DerivativeKind
    of: Span
    wrt: tuple[Span, ...]
    claim: Span | None
    leibniz: bool


def derivative(text: str, span: Span) -> WrittenDerivative | None:
    """The derivative that a statement is; None if it is none."""
    start, end = span
    check = _CLAIM.match(text, start, end)
    begin = start if check is None else check.end()
    if text[begin] not in "d∂∇":
        return None
    equals = next((at for at, sign in outside(text, Span(begin, end)) if sign == "="), None)
    if check is not None and equals is None:
        return None
    stop = end if equals is None else equals
    left = stripped(text, Span(begin, stop))
    m = next((m for m in (form.fullmatch(text, *left) for form in _DERIVATIVES) if m), None)
    if m is None:
        return None
    names = re.compile(_PLACED).finditer(text, *m.span("wrt"))
    kind: DerivativeKind = "hess" if m.groupdict().get("two") else "grad"
    return WrittenDerivative(
        kind,
        stripped(text, Span(*m.span("of"))),
        tuple(Span(*n.span()) for n in names),
        None if equals is None else stripped(text, Span(equals + 1, end)),
        kind == "grad" and text[begin] != "∇",
    )
