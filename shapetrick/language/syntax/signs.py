r"""Signs that are calls in the syntax, `|A|`, `\|x\|_2`, `e^{x}`, `\sigma(x)`: their names, and how
each is typed around what it holds.

Which function of the table one is, is told once shapes are known.
"""

from __future__ import annotations

from collections.abc import Mapping

BARS, LOG_BARS, NORM, TWO_NORM = "|·|", "log|·|", "‖·‖", "‖·‖_2"
EXPONENTIAL, SIGMOID, TRACE, GAMMA = "e^·", "σ", "tr ·", "Γ"
# How each is typed around what it holds.
TYPED_SIGNS: Mapping[str, str] = {
    BARS: "|{}|",
    LOG_BARS: "log|{}|",
    NORM: "‖{}‖",
    TWO_NORM: "norm({})",
    EXPONENTIAL: "exp({})",
    SIGMOID: "sigmoid({})",
    TRACE: "tr({})",
    GAMMA: "exp(lgamma({}))",
}
# A norm by what stands below it, and what is written for those that are none here.
NORMS = {
    "": NORM, "F": "norm", "mathrm{F}": "norm", "1": "norm1", "₁": "norm1", "2": TWO_NORM,
    "₂": TWO_NORM,
}  # fmt: skip
_NORMS_INSTEAD = {
    ("*", "nuc"): "the nuclear norm is `sum(s)` behind a line `U, s, V = svd(A)`",
    ("∞", "infty", "inf"): "the largest entry of a column is `max(abs(x))`",
    ("2,1", "21"): "the sum of the columns' norms is `sum(sqrt(sum(A.^2, axis=0)))`",
    ("0",): "the number of entries that are not 0 has no derivative",
}


def no_norm(below: str) -> str:
    """What is said of a norm with something else below it."""
    below = below.replace("star", "*")
    said = next((said for words, said in _NORMS_INSTEAD.items() if below in words), None)
    if said is None and below[:1].isupper():
        said = f"that of a positive definite matrix is `sqrt(x' {below} x)`"
    return f"a norm with the index `{below}` is not read: {said or 'write `norm(x, p)`'}."
