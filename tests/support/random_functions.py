"""Random functions to differentiate, as text, from few symbols: products of equal arrays, rows
beside columns and repeated parts are frequent.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from shapetrick.core.problem import DerivativeKind

DECLARED = (
    "x, a, b : n; c : m; p : 1 x n; A, B : n x n; S : n x n symmetric; U, V : m x n; s, t : scalar"
)
KINDS: tuple[DerivativeKind, ...] = ("jac", "hess", "grad", "vjp", "hvp", "jvp")
WEIGHTS = (0.3, 0.3, 0.14, 0.1, 0.1, 0.06)
OF_SCALARS = ("hess", "grad", "hvp")
SIZES = {"m": 3, "n": 4}

Shape = tuple[str, str]
SCALAR: Shape = ("1", "1")
_SIDES = ("m", "n", "1")
_SYMBOLS: dict[Shape, tuple[str, ...]] = {
    ("n", "1"): ("x", "x", "a", "b"),
    ("m", "1"): ("c",),
    ("1", "n"): ("p",),
    ("n", "n"): ("A", "A", "B", "S"),
    ("m", "n"): ("U", "U", "V"),
    SCALAR: ("s", "t"),
}
_ENTRYWISE = (
    "tanh({})", "sin({})", "exp(tanh({}))", "sigmoid({})", "softplus({})", "relu({})", "abs({})",
    "sqrt(1 + ({}).^2)", "log(2 + sin({}))", "({}).^2", "({}).^3", "1 ./ (2 + cos({}))", "silu({})",
)  # fmt: skip
_ALONG = ("softmax", "log_softmax")
_REDUCED = ("sum", "mean", "logsumexp", "max", "min")


def random_problem(seed: int, depth: int = 3) -> str:
    """A text with one request; what it asks for may be refused."""
    return _Writer(np.random.default_rng([seed, 7]), depth).problem()


class _Writer:
    """Writes one problem; `defined` are the names that stand for parts."""

    def __init__(self, rng: np.random.Generator, depth: int) -> None:
        self._rng, self._depth = rng, depth
        self._defined: dict[Shape, list[str]] = {}

    def problem(self) -> str:
        kind = self._rng.choice(KINDS, p=WEIGHTS)
        lines = [DECLARED]
        for name in ("Z", "W")[: self._rng.integers(0, 3)]:
            shape = self._shape()
            lines.append(f"{name} = {self._expression(shape, self._depth - 1)}")
            self._defined.setdefault(shape, []).append(name)
        shape = SCALAR if kind in OF_SCALARS else self._shape()
        lines.append(f"f = {self._expression(shape, self._depth)}")
        variable = self._pick(["x", "x", "A", "U", "S", "a", "s", "p"])
        direction = " with D" if kind in ("vjp", "hvp", "jvp") else ""
        return "\n".join([*lines, f"{kind} f wrt {variable}{direction}"])

    def _pick(self, among: Sequence[Any]) -> Any:
        return among[int(self._rng.integers(len(among)))]

    def _shape(self) -> Shape:
        return self._pick([SCALAR, *_SYMBOLS, ("n", "m"), ("1", "m")])

    def _expression(self, shape: Shape, depth: int) -> str:
        if depth <= 0:
            return self._leaf(shape)
        build: Callable[[Shape, int], str | None] = self._pick(_BUILDERS).__get__(self)
        return build(shape, depth - 1) or self._leaf(shape)

    def _leaf(self, shape: Shape) -> str:
        rows, cols = shape
        leaves = [*_SYMBOLS.get(shape, ()), *self._defined.get(shape, ()) * 3]
        if shape != SCALAR:
            leaves += [f"{name}'" for name in _SYMBOLS.get((cols, rows), ())]
            leaves += [f"{name}'" for name in self._defined.get((cols, rows), ())]
        else:
            leaves += ["2", "n", "(x' a)", "(x' x)", "norm(x)"]
        if rows == cols != "1":
            leaves += ["I", "diag(x)"]
        if "1" not in shape:
            left = {"n": "x", "m": "c"}[rows]
            right = {"n": "a'", "m": "c'"}[cols]
            leaves.append(f"({left} {right})")
        return self._pick(leaves or [f"ones({rows}, {cols})"])

    # ---- operations

    def _sum(self, shape: Shape, depth: int) -> str:
        sign = self._pick(["+", "-"])
        return f"({self._expression(shape, depth)} {sign} {self._narrow(shape, depth)})"

    def _product(self, shape: Shape, depth: int) -> str:
        return f"({self._expression(shape, depth)} .* {self._narrow(shape, depth)})"

    def _quotient(self, shape: Shape, depth: int) -> str:
        return f"({self._expression(shape, depth)} ./ (2 + tanh({self._narrow(shape, depth)})))"

    def _multiple(self, shape: Shape, depth: int) -> str:
        factor = self._pick(["2", "-1/2", "s", "m", self._leaf(SCALAR)])
        return f"({factor} {self._expression(shape, depth)})"

    def _narrow(self, shape: Shape, depth: int) -> str:
        """An operand that broadcasts to the shape."""
        rows, cols = (d if self._rng.random() < 0.7 else "1" for d in shape)
        return self._expression((rows, cols), depth)

    def _matmul(self, shape: Shape, depth: int) -> str:
        inside = [self._pick(_SIDES) for _ in range(self._rng.integers(1, 3))]
        sides = [shape[0], *inside, shape[1]]
        pairs = itertools.pairwise(sides)
        return f"({' '.join(f'({self._expression(pair, depth)})' for pair in pairs)})"

    def _entrywise(self, shape: Shape, depth: int) -> str:
        return self._pick(_ENTRYWISE).format(self._expression(shape, depth))

    def _maximum(self, shape: Shape, depth: int) -> str:
        name = self._pick(["maximum", "minimum"])
        return f"{name}({self._expression(shape, depth)}, {self._narrow(shape, depth)})"

    def _along(self, shape: Shape, depth: int) -> str:
        axis = "" if "1" in shape else f", axis={self._rng.integers(2)}"
        return f"{self._pick(_ALONG)}({self._expression(shape, depth)}{axis})"

    def _reduced(self, shape: Shape, depth: int) -> str | None:
        name, side = self._pick(_REDUCED), self._pick(["m", "n"])
        if shape == SCALAR:
            inside = self._pick([(side, "1"), ("1", side), ("m", "n"), ("n", "n")])
            return f"{name}({self._expression(inside, depth)})"
        if "1" not in shape:
            return None
        axis = int(shape[1] == "1")
        inside = (shape[0], side) if axis else (side, shape[1])
        return f"{name}({self._expression(inside, depth)}, axis={axis})"

    def _of_matrix(self, shape: Shape, depth: int) -> str | None:
        if shape != SCALAR:
            return None
        a = self._expression(("n", "n"), depth)
        names = ("tr({})", "norm({})^2", "norm({})", "sum(diag({}))", "logdet(tanh({}) + 6 I)")
        return self._pick(names).format(a)

    def _inverse(self, shape: Shape, depth: int) -> str | None:
        if shape[0] != "n":
            return None
        return f"(inv(sin({self._expression(('n', 'n'), depth)}) + 6 I) ({self._leaf(shape)}))"

    def _transpose(self, shape: Shape, depth: int) -> str:
        return f"({self._expression(shape[::-1], depth)})'"

    def _diagonal(self, shape: Shape, depth: int) -> str | None:
        rows, cols = shape
        if rows == cols != "1":
            return f"diag({self._expression((rows, '1'), depth)})"
        if cols == "1" and rows != "1":
            return f"diag({self._expression((rows, rows), depth)})"
        return None

    def _stacked(self, shape: Shape, depth: int) -> str | None:
        rows, cols = shape
        if "1" in shape:
            return None
        if self._rng.random() < 0.5:
            return f"unvec(vec({self._expression(shape, depth)}), {rows}, {cols})"
        parts = [self._expression((rows, "1"), depth), self._expression(("1", cols), depth)]
        return f"kron({', '.join(parts)})"

    def _power(self, shape: Shape, depth: int) -> str | None:
        if shape[0] != shape[1]:
            return None
        return f"({self._expression(shape, depth)})^{self._rng.integers(2, 4)}"


_BUILDERS = (
    *(_Writer._sum, _Writer._product, _Writer._matmul, _Writer._entrywise) * 2,
    *(_Writer._quotient, _Writer._multiple, _Writer._maximum, _Writer._along, _Writer._reduced) * 2,
    *(_Writer._of_matrix, _Writer._of_matrix, _Writer._inverse, _Writer._transpose),
    *(_Writer._diagonal, _Writer._stacked, _Writer._power),
)
