r"""TABLE: macros that are operators and functions, and what to write for those not read."""

from __future__ import annotations

from collections.abc import Iterable

from ...core.greek import LETTERS
from ...core.warnings import nearest
from .names import ACCENTS

OPERATORS = {
    r"\odot": ".*", r"\circ": ".*", r"\otimes": "⊗", r"\oslash": "./", r"\cdot": "·",
    r"\times": "*", "*": "*", r"\bullet": "*", "/": "/", r"\div": "/",
}  # fmt: skip
FUNCTIONS = {
    r"\log": "log", r"\ln": "log", r"\exp": "exp", r"\det": "det", r"\max": "max", r"\min": "min",
    r"\sin": "sin", r"\cos": "cos", r"\tan": "tan", r"\arcsin": "asin", r"\arccos": "acos",
    r"\arctan": "atan", r"\sinh": "sinh", r"\cosh": "cosh", r"\tanh": "tanh", r"\Tr": "tr",
    r"\trace": "tr", r"\sgn": "sign",
}  # fmt: skip
_KNOWN = frozenset(OPERATORS) | frozenset(FUNCTIONS) | frozenset(ACCENTS) | {
    rf"\{name}"
    for name in (
        *LETTERS, "frac", "sqrt", "sum", "top", "partial", "nabla", "left", "right", "mathbf",
        "mathrm", "mathbb", "mathcal", "boldsymbol", "operatorname", "text", "vec", "lVert",
        "rVert", "Vert", "langle", "rangle", "in", "begin", "end", "quad",
    )
}  # fmt: skip

# What stands for something that is not read, and what is written instead.
_INSTEAD = {
    "!": r"a factorial is `\Gamma(n + 1)`",
    r"\over": r"write `\frac{…}{…}`",
    r"\leftarrow": "an update is no definition: write its right side, or `w_1 = …`",
    **dict.fromkeys(
        (r"\to", r"\rightarrow"),
        "the argument is declared, `x \\in \\mathbb{R}^n`, and the function defined, `f(x) = …`",
    ),
    r"\dots": "what goes on is a sum with its index, `\\sum_{i=1}^{n} x_i`; dots stand in ranges, "
    "as in a family's declaration, `x_i \\in \\mathbb{R}^d, i = 1, \\dots, n`",
    r"\gets": "an update is no definition: write its right side, or `w_1 = …`",
    **dict.fromkeys(
        (r"\min", r"\arg", r"\sup", r"\inf"),
        "write what is minimized as a definition, `J = …`, and ask for `\\nabla_w J`",
    ),
    **dict.fromkeys(
        (r"\int", r"\lim", r"\prod", r"\binom", r"\lfloor", r"\lceil", r"\infty"),
        "the language has no such thing",
    ),
    **dict.fromkeys(
        (r"\sim", r"\approx", r"\propto", r"\simeq", r"\le", r"\leq", r"\ge", r"\geq", r"\mapsto"),
        "a formula declares with `\\in`, or defines with `=`",
    ),
}


def unread(macro: str, functions: Iterable[str]) -> tuple[str, bool]:
    """What is said behind `… is not read` of a macro, and whether its argument is told with it."""
    if macro in _INSTEAD:
        return f": {_INSTEAD[macro]}.", False
    known = {*(name[1:] for name in _KNOWN), *functions}
    meant = None if macro[1:] in known else nearest(macro[1:], known)
    return (".", True) if meant is None else (f". Did you mean `\\{meant}`?", False)
