"""Results put together by hand, for tests of what is shown."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

from shapetrick.core import expr as ex
from shapetrick.core.dims import ONE, Dim
from shapetrick.core.expr import Expr
from shapetrick.core.problem import Problem, Request
from shapetrick.core.results import Factor, Line, Rejected, Result, Rewriting, Step, Validation

M, N, H = Dim.of("m"), Dim.of("n"), Dim.of("h")
X = ex.symbol("X", (M, N + ONE))
THETA = ex.symbol("θ", (N + ONE, ONE))
Y = ex.symbol("y", (M, ONE))
RESIDUAL = ex.subtract(ex.matmul(X, THETA), Y)
PER_EXAMPLE = ex.power(ex.dimension(M), ex.MINUS)
GRADIENT = ex.times(ex.matmul(ex.transpose(X), RESIDUAL), PER_EXAMPLE)
HALF = ex.times(ex.number(Fraction(1, 2)), GRADIENT)
LOSS = ex.named("J", ex.times(ex.matmul(ex.transpose(RESIDUAL), RESIDUAL), PER_EXAMPLE))

VERIFIED = Validation(
    "verified", "", 2.6e-13, 1.9999, 4, ({"n": 2, "m": 4}, {"m": 3, "n": 4}), seed=0
)
WRONG = replace(VERIFIED, verdict="wrong", reason="entry (1, 2) is 0.3, not 0.6", order=1.0)
UNCHECKED = Validation(
    "unchecked", "no point in the domain of log was found", float("nan"), float("nan"), 0, (), 7
)

LINE = Line(
    coefficient=Fraction(1, 2),
    factors=(
        Factor(PER_EXAMPLE, "the mean"),
        Factor(RESIDUAL, "the square"),
        Factor(X, "X θ by θ"),
    ),
    arrangement=GRADIENT,
    fitting=12,
    all_counted=True,
    typed=1,
    rejected=(Rejected(ex.matmul(ex.transpose(X), Y), 1.23, "its units do not cancel"),),
)
STEP = Step("J", "θ", "∂J/∂θ", THETA.shape, (LINE,), GRADIENT)


def linear_regression(validation: Validation = VERIFIED) -> Result:
    """The gradient of a least-squares loss."""
    return Result(
        request=Request("grad", LOSS, "J", THETA),
        steps=(STEP,),
        gradient=GRADIENT,
        definitions=(),
        kept=(X, THETA, Y),
        rewritings=(Rewriting("like terms collected", ex.add(HALF, HALF), GRADIENT),),
        validation=validation,
    )


def backward_rule() -> Result:
    """The backward rule of a layer, with a definition and a forward value that is kept."""
    inputs, weights = ex.symbol("A", (M, N)), ex.symbol("W", (N, H))
    upstream = ex.symbol("bar(Z)", (M, H))
    hidden = ex.named("Z", ex.call("tanh", ex.matmul(inputs, weights)))
    inner = ex.subtract(ex.UNIT, ex.power(hidden, ex.number(2)))
    gradient = ex.matmul(ex.transpose(inputs), ex.times(upstream, inner))
    return Result(
        request=Request("vjp", hidden, "Z", weights, upstream),
        steps=(),
        gradient=gradient,
        definitions=(("Z", hidden.args[0]),),
        kept=(inputs, hidden),
        rewritings=(),
        validation=replace(VERIFIED, order=float("inf"), conditions=("m ≥ n",)),
        notes=("1 - tanh² is written with Z",),
    )


def long_sum() -> Result:
    """A gradient that no line holds, of two lines of factors."""
    lines = (replace(LINE, coefficient=Fraction(-3)), replace(LINE, coefficient=Fraction(1)))
    terms: list[Expr] = [ex.times(ex.number(k), GRADIENT) for k in range(2, 9)]
    result = replace(linear_regression(), steps=(replace(STEP, lines=lines),))
    return replace(result, gradient=ex.add(*terms))


PROBLEM = Problem(
    "", {}, {}, (), (), ("A is n×n", "x is n×1"), ("`A X ./ B` was read as `(A X) ./ B`",)
)
