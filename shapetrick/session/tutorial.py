"""CHAPTERS of `:tutorial`: ten minutes on a linear regression and a layer of a network, by hand."""

from __future__ import annotations

from ..core.named_tuples import NamedTuple
from ..core.problem import Problem, Request
from ..language.elaboration import read


class Chapter(NamedTuple):
    """What is said before a derivation by hand, the problem, and what is asked of it."""

    title: str
    said: tuple[str, ...]
    given: str
    ask: str

    @property
    def problem(self) -> Problem:
        """The problem with its one request."""
        return read(f"{self.given}\n{self.ask}")

    @property
    def request(self) -> Request:
        """What is asked."""
        (request,) = self.problem.requests
        return request


CHAPTERS = (
    Chapter(
        "1. Linear regression",
        (
            "The trick has two halves. First treat everything as a scalar: (x θ - y)^2 has the "
            "derivative 2 (x θ - y) · x. Then turn and reorder the factors until their shapes give "
            "the shape of what you differentiate by: the gradient by θ has the shape of θ.",
            "Below are the factors of that scalar line, drawn to scale. A transpose is `X'`, a "
            "matrix product `X y`, a product entry by entry `X .* Y`. Which arrangement of them is "
            "(n+1)×1? Type it, with the numbers in front: 2 / (2 m) is 1 / m. A wrong line tells "
            "you what is right about it; :hint helps, :next shows it, :stop leaves.",
        ),
        "X : m x n+1; θ : n+1; y : m; J = norm(X θ - y)^2 / (2 m)",
        "grad J wrt θ",
    ),
    Chapter(
        "2. One layer, by its weights",
        (
            "The layer Z = sigma(X W) is somewhere in a network. What comes from above, the "
            "gradient of the loss by Z, is G. As scalars: G · sigma'(x w) · x.",
            "sigma works entry by entry, so its derivative D stands beside G entry by entry: one "
            "of the products is `.*`. The shape of W decides the rest.",
        ),
        "X : m x d; W : d x k; sigma : elementwise; Z = sigma(X W)",
        "vjp Z wrt W",
    ),
    Chapter(
        "3. The same layer, by what is below it",
        (
            "Backpropagation hands G on: now by Z itself, the input of the next layer. The line "
            "is G · sigma'(z w) · w: only the last factor is another one.",
        ),
        "Z : m x d; W : d x k; sigma : elementwise; Y = sigma(Z W)",
        "vjp Y wrt Z",
    ),
    Chapter(
        "4. Where shapes are not enough",
        (
            "The trick is practical, not rigorous. Here every matrix is n×n, so that any order and "
            "any transposes fit; the numbers say which arrangement is the gradient. Try `A X B` "
            "for the first line, and :candidates, which lists what fits and why it is wrong.",
        ),
        "A, B, X : n x n; J = tr(X' A X B)",
        "grad J wrt X",
    ),
)
CLOSING = (
    "That is all of it: calculus stays scalar, shapes decide the rest, numbers confirm. `:derive` "
    "does the same for a problem of your own, :quiz asks you, and `check grad J wrt W = …` judges "
    "what you found on paper."
)
