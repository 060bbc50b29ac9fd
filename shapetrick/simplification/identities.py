"""The table of identities, in our own language: the left side in fewer words on the right.

The letters are declared as in a problem: their shapes and attributes are the side condition. A
letter stands for any expression of a fitting shape (a side of 1 fits a dimension's name too) that
has the attributes, equal letters for equal expressions. A row is used only where it makes an
expression shorter, or as short and plainer (`Rewriter.cost`). What follows from the linear
operations alone needs no row: such expressions are equal as networks (`algebra/index_terms.py`).
"""

from __future__ import annotations

import re

from ..core.named_tuples import NamedTuple


class Identity(NamedTuple):
    """A row: its name in a derivation, both sides, and the letters' declarations.

    A row that is `last` is for answers: what is derived further, or added up, keeps its left side,
    which has more in common with other terms. One that is `written` has a form on its left that
    people write out, which is replaced before something is derived too. One that is `stable` keeps
    digits, and is used for evaluation and code too."""

    name: str
    left: str
    right: str
    letters: str
    last: bool = False
    written: bool = False
    stable: bool = False


def _along(name: str, left: str, right: str, written: bool = False) -> list[Identity]:
    """A row for a column and for a row as a whole, and for both axes of a matrix.

    `{axis}` stands for what a call says of the axis, `{one}` for ones in the place of the sums.
    """
    places = (
        ("", "1", "X, Z : n x 1; y : scalar"),
        ("", "1", "X, Z : 1 x n; y : scalar"),
        (", axis=0", "ones(1, n)", "X, Z : m x n; y : 1 x n"),
        (", axis=1", "ones(m)", "X, Z : m x n; y : m x 1"),
    )
    return [
        Identity(
            name,
            left.format(axis=axis),
            right.format(axis=axis, one=one),
            letters,
            written=written,
        )
        for axis, one, letters in places
    ]


def _both_sizes(
    name: str, left: str, right: str, of_y: str = "", last: bool = False
) -> list[Identity]:
    """A row whose y is a matrix like x, or a scalar beside it; `of_y` is its attribute."""
    return [
        Identity(name, left, right, f"x : m x n; y : {shape} {of_y}", last=last)
        for shape in ("m x n", "1 x 1")
    ]


_SQUARE = "A, B : n x n"
_PAIR = "A : m x m; B : n x n"
_ANY = "x : m x n"
_TWO = "x, y : m x n"
_RANK_ONE = "u, v : n; s : scalar"

IDENTITIES: tuple[Identity, ...] = (
    # ------------------------------------------------------------------------------- inverses
    Identity("inverse of an inverse", "inv(inv(A))", "A", "A : n x n"),
    Identity("inverse of a transpose", "inv(A')", "inv(A)'", "A : n x n"),
    Identity("inverse of a multiple", "inv(s A)", "inv(A) / s", "A : n x n; s : scalar"),
    Identity("inverse of a multiple", "s inv(s A + B)", "inv(A + B / s)",
             "A, B : n x n; s : scalar", last=True),
    Identity("inverse of a multiple", "s inv(s A + B) C", "inv(A + B / s) C",
             "A, B : n x n; C : n x k; s : scalar", last=True),
    Identity("inverse of a multiple", "s C inv(s A + B)", "C inv(A + B / s)",
             "A, B : n x n; C : k x n; s : scalar", last=True),
    Identity("inverse of an orthogonal matrix", "inv(Q)", "Q'", "Q : n x n orthogonal"),
    Identity("inverse of a product", "inv(inv(A) B)", "inv(B) A", _SQUARE),
    Identity("inverse of a product", "inv(A inv(B))", "B inv(A)", _SQUARE),
    Identity("a matrix and its inverse", "inv(A) A", "eye(n)", "A : n x n"),
    Identity("a matrix and its inverse", "A inv(A)", "eye(n)", "A : n x n"),
    Identity("inverse of a product", "B inv(A B)", "inv(A)", _SQUARE),
    Identity("inverse of a product", "inv(A B) A", "inv(B)", _SQUARE),
    Identity("inverse of a diagonal", "inv(diag(v)) A", "A ./ v", "A : n x k; v : n"),
    Identity("sum of diagonals", "s eye(n) + t diag(v)", "diag(s + t v)",
             "v : n; s, t : scalar", last=True),
    Identity("inverse of a diagonal", "diag(inv(diag(v)))", "1 ./ v", "v : n"),
    Identity("resolvents", "inv(A) inv(inv(A) + inv(B))", "inv(A + B) B", _SQUARE),
    Identity("resolvents", "inv(inv(A) + inv(B)) inv(A)", "B inv(A + B)", _SQUARE),
    Identity("resolvents", "inv(A) inv(inv(A) + inv(B))^2 inv(A)", "inv(A + B) B^2 inv(A + B)",
             _SQUARE),
    Identity("resolvents", "inv(A) inv(eye(n) + inv(A))", "inv(eye(n) + A)", "A : n x n"),
    Identity("resolvents", "inv(eye(n) + inv(A)) inv(A)", "inv(eye(n) + A)", "A : n x n"),
    Identity("resolvents", "inv(A + B) A inv(B)", "inv(B) - inv(A + B)", _SQUARE),
    Identity("resolvents", "inv(B) A inv(A + B)", "inv(B) - inv(A + B)", _SQUARE),
    Identity("resolvents", "inv(A) (eye(n) - inv(eye(n) + A))", "inv(eye(n) + A)", "A : n x n"),
    Identity("resolvents", "eye(n) - A inv(A + B)", "B inv(A + B)", _SQUARE),
    Identity("resolvents", "eye(n) - inv(A + B) A", "inv(A + B) B", _SQUARE),
    Identity("resolvents", "inv(A + B) (A - B) - eye(n)", "-2 inv(A + B) B", _SQUARE),
    Identity("resolvents", "inv(A + B) (A - B) + eye(n)", "2 inv(A + B) A", _SQUARE),
    Identity("resolvents", "(A - B) inv(A + B) - eye(n)", "-2 B inv(A + B)", _SQUARE),
    Identity("resolvents", "(A - B) inv(A + B) + eye(n)", "2 A inv(A + B)", _SQUARE),
    Identity("orthogonal", "Q' Q", "eye(n)", "Q : n x n orthogonal"),
    Identity("orthogonal", "Q Q'", "eye(n)", "Q : n x n orthogonal"),
    # J. Sherman and W. J. Morrison, Annals of Mathematical Statistics 21 (1950)
    Identity("Sherman–Morrison", "inv(eye(n) + s u v') u", "u / (1 + s v' u)", _RANK_ONE),
    Identity("Sherman–Morrison", "v' inv(eye(n) + s u v')", "v' / (1 + s v' u)", _RANK_ONE),
    Identity("Sherman–Morrison", "x - s (v' inv(A + s u v') u) x", "x / (1 + s v' inv(A) u)",
             "A : n x n; x : m x k; " + _RANK_ONE),
    Identity("Sherman–Morrison", "inv(A + s u v') u / (1 + s v' inv(A) u)",
             "inv(A) u / (1 + s v' inv(A) u)^2", "A : n x n; " + _RANK_ONE),
    Identity("Sherman–Morrison", "v' inv(A + s u v') / (1 + s v' inv(A) u)",
             "v' inv(A) / (1 + s v' inv(A) u)^2", "A : n x n; " + _RANK_ONE),
    # ---------------------------------------------------------------------------- determinants
    Identity("determinant of I + u v'", "det(eye(n) + s u v')", "1 + s v' u", _RANK_ONE),
    Identity("determinant of A + u v'", "det(A + s u v') inv(A + s u v') u", "det(A) inv(A) u",
             "A : n x n; " + _RANK_ONE),
    Identity("determinant of A + u v'", "det(A + s u v') (v' inv(A + s u v'))",
             "det(A) (v' inv(A))", "A : n x n; " + _RANK_ONE),
    Identity("determinant of a transpose", "det(A')", "det(A)", "A : n x n"),
    Identity("determinant of a transpose", "logdet(A')", "logdet(A)", "A : n x n"),
    Identity("determinant of an inverse", "det(inv(A))", "1 / det(A)", "A : n x n"),
    Identity("determinant of an inverse", "logdet(inv(A))", "-logdet(A)", "A : n x n"),
    Identity("determinant of an orthogonal matrix", "abs(det(Q))", "1", "Q : n x n orthogonal"),
    Identity("positive determinant", "abs(det(S))", "det(S)", "S : n x n posdef"),
    Identity("log of a determinant", "log(det(A))", "logdet(A)", "A : n x n"),
    Identity("log of a determinant", "log(abs(det(A)))", "logdet(A)", "A : n x n"),
    Identity("adjugate", "adj(A) / det(A)", "inv(A)", "A : n x n"),
    Identity("adjugate", "det(A) inv(A)", "adj(A)", "A : n x n", last=True),
    Identity("adjugate of a transpose", "adj(A')", "adj(A)'", "A : n x n"),
    # ---------------------------------------------------------------------------- exp and log
    Identity("exp of a log", "exp(log(x))", "x", _ANY),
    Identity("log of an exp", "log(exp(x))", "x", _ANY, stable=True),
    Identity("log of an exp", "log(e.^x)", "x", _ANY),
    Identity("log of a number", "log(e)", "1", _ANY),
    Identity("log of a number", "log(1)", "0", _ANY),
    Identity("exp of a number", "exp(1)", "e", _ANY),
    Identity("product of exps", "exp(x) .* exp(y)", "exp(x + y)", _TWO, stable=True),
    Identity("quotient of exps", "exp(x) ./ exp(y)", "exp(x - y)", _TWO, stable=True),
    Identity("exp of a log", "exp(log1p(x))", "1 + x", _ANY),
    Identity("log of an exp", "log1p(expm1(x))", "x", _ANY),
    Identity("sigmoid", "exp(x) ./ (1 + exp(x))", "sigmoid(x)", _ANY, written=True),
    Identity("sigmoid", "1 ./ (1 + exp(-x))", "sigmoid(x)", _ANY, written=True),
    Identity("sigmoid", "exp(-x) .* sigmoid(x)", "sigmoid(-x)", _ANY, written=True),
    Identity("sigmoid of -x", "1 - sigmoid(x)", "sigmoid(-x)", _ANY, stable=True),
    Identity("quotient of exps", "exp(-x) ./ (1 - exp(-x))", "1 ./ (exp(x) - 1)", _ANY),
    Identity("quotient of exps", "exp(x) ./ (exp(x) - 1)", "1 ./ (1 - exp(-x))", _ANY),
    Identity("sigmoid of -x", "sigmoid(x) + sigmoid(-x)", "ones(m, n)", _ANY),
    Identity("softplus", "log(1 + exp(x))", "softplus(x)", _ANY, written=True),
    Identity("softplus", "log1p(exp(x))", "softplus(x)", _ANY, written=True),
    Identity("log of a quotient", "log(x) - log(y)", "log(x ./ y)", _TWO, last=True),
    *_along("softmax", "exp(X) ./ sum(exp(X){axis})", "softmax(X{axis})", written=True),
    *_along("softmax", "sum(Z .* exp(X){axis}) ./ sum(exp(X){axis})",
            "sum(Z .* softmax(X{axis}){axis})", written=True),
    Identity("softmax", "(exp(x)' B) / sum(exp(x))", "softmax(x)' B", "x : n; B : n x k",
             written=True),
    Identity("softmax", "(exp(X) B) ./ sum(exp(X), axis=1)", "softmax(X, axis=1) B",
             "X : m x n; B : n x k", written=True),
    *_along("softmax", "exp(log_softmax(X{axis}))", "softmax(X{axis})"),
    *_along("logsumexp", "log(sum(exp(X){axis}))", "logsumexp(X{axis})", written=True),
    *_along("log of softmax", "log(softmax(X{axis}))", "log_softmax(X{axis})", written=True),
    *_along("log of softmax", "X - logsumexp(X{axis})", "log_softmax(X{axis})", written=True),
    *_along("shifted entries", "softmax(X - y{axis})", "softmax(X{axis})", written=True),
    *_along("shifted entries", "log_softmax(X - y{axis})", "log_softmax(X{axis})", written=True),
    *_along("shifted entries", "logsumexp(X - y{axis}) + y", "logsumexp(X{axis})", written=True),
    Identity("shifted entries", "logsumexp(X - y', axis=0)' + y", "logsumexp(X, axis=0)'",
             "X : m x n; y : n", written=True),
    # ---------------------------------------------------------------------- sines and cosines
    Identity("sin² + cos²", "sin(x).^2 + cos(x).^2", "ones(m, n)", _ANY),
    Identity("sin² + cos²", "1 - sin(x).^2", "cos(x).^2", _ANY),
    Identity("sin² + cos²", "1 - cos(x).^2", "sin(x).^2", _ANY),
    Identity("cosh² - sinh²", "cosh(x).^2 - sinh(x).^2", "ones(m, n)", _ANY),
    Identity("cosh² - sinh²", "1 + sinh(x).^2", "cosh(x).^2", _ANY),
    Identity("cosh² - sinh²", "cosh(x).^2 - 1", "sinh(x).^2", _ANY),
    Identity("double angle", "sin(x) .* cos(x)", "sin(2 x) / 2", _ANY),
    Identity("double angle", "cos(x).^2 - sin(x).^2", "cos(2 x)", _ANY),
    Identity("half angle", "sin(x) ./ (1 + cos(x))", "tan(x / 2)", _ANY, written=True),
    Identity("half angle", "(1 - cos(x)) ./ sin(x)", "tan(x / 2)", _ANY, written=True),
    Identity("half angle", "sinh(x) ./ (1 + cosh(x))", "tanh(x / 2)", _ANY, written=True),
    Identity("half angle", "(cosh(x) - 1) ./ sinh(x)", "tanh(x / 2)", _ANY, written=True),
    Identity("tan", "sin(x) ./ cos(x)", "tan(x)", _ANY),
    Identity("tan", "cos(x) .* tan(x)", "sin(x)", _ANY),
    Identity("tanh", "sinh(x) ./ cosh(x)", "tanh(x)", _ANY, stable=True),
    Identity("tanh", "cosh(x) .* tanh(x)", "sinh(x)", _ANY),
    Identity("tanh", "(exp(x) - exp(-x)) ./ (exp(x) + exp(-x))", "tanh(x)", _ANY,
             written=True),
    Identity("tanh", "(exp(x) - 1) .* sigmoid(-x)", "tanh(x / 2)", _ANY, written=True),
    Identity("tanh", "(1 - exp(-x)) .* sigmoid(x)", "tanh(x / 2)", _ANY, written=True),
    Identity("tanh", "2 sigmoid(x) - 1", "tanh(x / 2)", _ANY),
    Identity("tanh", "1 - 2 sigmoid(-x)", "tanh(x / 2)", _ANY),
    Identity("inverse function", "sin(asin(x))", "x", _ANY),
    Identity("inverse function", "cos(acos(x))", "x", _ANY),
    Identity("inverse function", "tan(atan(x))", "x", _ANY),
    Identity("one less", "x + (1 - x) .* y", "y + x .* (1 - y)", _TWO),
    # ---------------------------------------------------------------------------------- roots
    Identity("quotient of powers", "x.^(y - 1) ./ x.^y", "1 ./ x", _TWO),
    Identity("square root", "x.^(1/2)", "sqrt(x)", _ANY),
    Identity("square", "square(x)", "x.^2", _ANY),
    Identity("square of a root", "sqrt(x).^2", "x", _ANY),
    Identity("power of a root", "sqrt(x).^3", "x.^(3/2)", _ANY, last=True),
    Identity("square root", "x ./ sqrt(x)", "sqrt(x)", _ANY),
    *_both_sizes("quotient of roots", "y ./ sqrt(x .* y)", "sqrt(y ./ x)", "nonneg", last=True),
    *_both_sizes("quotient of roots", "sqrt(x .* y) ./ y", "sqrt(x ./ y)", "nonneg", last=True),
    Identity("outer product of powers", "(1 ./ x) (1 ./ y)", "1 ./ (x y)", "x : m; y : 1 x n"),
    Identity("product of roots", "sqrt(x) .* sqrt(y)", "sqrt(x .* y)", _TWO),
    Identity("quotient of roots", "sqrt(x) ./ sqrt(y)", "sqrt(x ./ y)", _TWO),
    Identity("root of a square", "sqrt(x.^2)", "abs(x)", _ANY),
    Identity("norm", "sqrt(x' x)", "norm(x)", "x : n", written=True),
    Identity("norm", "sqrt(sum(X.^2))", "norm(X)", "X : m x n", written=True),
    Identity("norm", "sqrt(tr(X' X))", "norm(X)", "X : m x n", written=True),
    Identity("norm of a scalar", "norm(s)", "s", "s : scalar nonneg", written=True),
    Identity("norm", "x' x", "norm(x)^2", "x : n", last=True),
    Identity("norm", "(x' x) / norm(x)", "norm(x)", "x : n"),
    Identity("norm", "sum(X.^2) / norm(X)", "norm(X)", "X : m x n"),
    Identity("norm", "norm(X')", "norm(X)", "X : m x n"),
    Identity("norm", "norm(-X)", "norm(X)", "X : m x n"),
    Identity("norm", "norm(Q X)", "norm(X)", "Q : m x m orthogonal; X : m x n"),
    Identity("one denominator", "(x + y) ./ x", "1 + y ./ x", _TWO, last=True),
    # ---------------------------------------------------------------------------------- signs
    Identity("absolute value", "abs(x)", "x", _ANY + " nonneg", written=True),
    Identity("absolute value", "abs(x).^2", "x.^2", _ANY),
    Identity("absolute value", "x .* sign(x)", "abs(x)", _ANY),
    Identity("sign", "abs(x) ./ x", "sign(x)", _ANY),
    Identity("sign", "x ./ abs(x)", "sign(x)", _ANY),
    Identity("sign", "x .* sign(x) ./ abs(x)", "ones(m, n)", _ANY),
    Identity("sign", "sign(x) ./ abs(x)", "1 ./ x", _ANY),
    Identity("sign", "x .* sign(x).^2", "x", _ANY),
    Identity("sign", "abs(x) .* sign(x)", "x", _ANY),
    Identity("sign", "sign(x)", "ones(m, n)", _ANY + " positive"),
    *_both_sizes("sign", "sign(x).^2 .* step(abs(x) - y)", "step(abs(x) - y)", "nonneg"),
    *_both_sizes("absolute value", "(abs(x) + y) .* sign(x)", "x + y .* sign(x)"),
    *_both_sizes("clipped", "minimum(abs(x), y) .* sign(x)", "minimum(maximum(x, -y), y)",
                 "nonneg", last=True),
    *_both_sizes("clipped", "minimum(y, abs(x)) .* sign(x)", "minimum(maximum(x, -y), y)",
                 "nonneg", last=True),
    Identity("relu", "x .* step(x)", "relu(x)", _ANY, written=True),
    Identity("relu", "maximum(x, 0)", "relu(x)", _ANY, written=True),
    Identity("softplus", "relu(x) + softplus(-abs(x))", "softplus(x)", _ANY, written=True),
    Identity("relu", "relu(x) .* step(x)", "relu(x)", _ANY),
    Identity("relu", "relu(x)", "x", _ANY + " nonneg"),
    Identity("step", "step(x).^2", "step(x)", _ANY),
    Identity("step", "step(relu(x))", "step(x)", _ANY),
    Identity("step", "step(step(x))", "step(x)", _ANY),
    Identity("step", "step(x)", "ones(m, n)", _ANY + " positive"),
    Identity("step of what is never positive", "step(x - relu(x))", "zeros(m, n)", _ANY),
    Identity("step of what is never positive", "step(minimum(x, y) - x)", "zeros(m, n)", _TWO),
    Identity("step of what is never positive", "step(minimum(x, y) - y)", "zeros(m, n)", _TWO),
    Identity("step of what is never positive", "step(x - maximum(x, y))", "zeros(m, n)", _TWO),
    Identity("step of what is never positive", "step(y - maximum(x, y))", "zeros(m, n)", _TWO),
    # ------------------------------------------------------------------------- larger, smaller
    Identity("the larger of equal ones", "maximum(x, x)", "x", _ANY),
    Identity("the smaller of equal ones", "minimum(x, x)", "x", _ANY),
    Identity("relu", "maximum(relu(x), x)", "relu(x)", _ANY),
    Identity("relu", "minimum(relu(x), x)", "x", _ANY),
    Identity("absorption", "maximum(minimum(x, y), x)", "x", _TWO),
    Identity("absorption", "minimum(maximum(x, y), x)", "x", _TWO),
    *_along("shares add up to 1", "sum(ismax(X{axis}){axis})", "{one}"),
    *_along("shares add up to 1", "sum(ismin(X{axis}){axis})", "{one}"),
    # ----------------------------------------------------------------------- sums and averages
    Identity("mean", "(x' y) / n", "mean(x .* y)", "x, y : n", last=True),
    Identity("mean", "sum(X) / m / n", "mean(X)", "X : m x n"),
    Identity("mean", "sum(X, axis=0) / m", "mean(X, axis=0)", "X : m x n"),
    Identity("mean", "sum(X, axis=1) / n", "mean(X, axis=1)", "X : m x n"),
    Identity("sum", "mean(X) m n", "sum(X)", "X : m x n"),
    Identity("sum", "mean(X, axis=0) m", "sum(X, axis=0)", "X : m x n"),
    Identity("sum", "mean(X, axis=1) n", "sum(X, axis=1)", "X : m x n"),
    Identity("mean", "(x y') / n", "mean(x .* y)", "x, y : 1 x n", last=True),
    Identity("mean", "(X y') / n", "mean(X .* y, axis=1)", "X : m x n; y : 1 x n", last=True),
    Identity("mean", "(B sum(X, axis=1)) / n", "B mean(X, axis=1)", "X : m x n; B : k x m"),
    Identity("mean", "(sum(X, axis=0) B) / m", "mean(X, axis=0) B", "X : m x n; B : n x k"),
    Identity("sum of a transpose", "sum(X')", "sum(X)", "X : m x n"),
    Identity("sum of logs", "sum(log(x)) - n log(s)", "sum(log(x / s))",
             "x : n; s : scalar positive", last=True),
    Identity("common factor", "s sum(x) + x' y", "x' (s + y)", "x, y : n; s : scalar", last=True),
    Identity("common factor", "s sum(x) - x' y", "x' (s - y)", "x, y : n; s : scalar", last=True),
    Identity("norm1", "sum(abs(X))", "norm1(X)", "X : m x n"),
    Identity("norm1", "norm1(X)", "sum(X)", "X : m x n nonneg"),
    *_along("softmax sums to 1", "sum(softmax(X{axis}){axis})", "{one}"),
    Identity("softmax sums to 1", "sum(softmax(X, axis=0))", "n", "X : m x n"),
    Identity("softmax sums to 1", "sum(softmax(X, axis=1))", "m", "X : m x n"),
    Identity("simplex sums to 1", "sum(p)", "1", "p : n x 1 simplex"),
    Identity("simplex sums to 1", "sum(p)", "1", "p : 1 x n simplex"),
    Identity("simplex sums to 1", "sum(P, axis=1)", "ones(m)", "P : m x n simplex"),
    Identity("simplex sums to 1", "sum(P)", "m", "P : m x n simplex"),
    Identity("one-hot sums to 1", "sum(p)", "1", "p : n x 1 onehot"),
    Identity("one-hot sums to 1", "sum(p)", "1", "p : 1 x n onehot"),
    Identity("one-hot sums to 1", "sum(P, axis=1)", "ones(m)", "P : m x n onehot"),
    Identity("one-hot sums to 1", "sum(P)", "m", "P : m x n onehot"),
    Identity("one-hot", "p / (p' x)", "p ./ x", "p : n x 1 onehot; x : n"),
    Identity("one-hot", "p / (p x')", "p ./ x", "p : 1 x n onehot; x : 1 x n"),
    Identity("one-hot", "p ./ sum(p .* x, axis=1)", "p ./ x", "p : m x n onehot; x : m x n"),
    Identity("one-hot", "p.^2", "p", "p : n x 1 onehot"),
    Identity("one-hot", "p.^2", "p", "p : 1 x n onehot"),
    Identity("one-hot", "p.^2", "p", "p : m x n onehot"),
)  # fmt: skip

# Functions of a product in those of its factors: longer, but of smaller matrices. They are used
# before something is derived alone.
SMALLER: tuple[Identity, ...] = (
    Identity("Kronecker product", "inv(kron(A, B))", "kron(inv(A), inv(B))", _PAIR, written=True),
    Identity("Kronecker product", "det(kron(A, B))", "det(A)^n det(B)^m", _PAIR, written=True),
    Identity("Kronecker product", "logdet(kron(A, B))", "n logdet(A) + m logdet(B)", _PAIR,
             written=True),
    Identity("determinant of a product", "logdet(A B)", "logdet(A) + logdet(B)", _SQUARE,
             written=True),
    Identity("determinant of a product", "logdet(A B C)", "logdet(A) + logdet(B) + logdet(C)",
             "A, B, C : n x n", written=True),
    Identity("determinant of a diagonal", "logdet(diag(x))", "sum(log(abs(x)))", "x : n",
             written=True),
)  # fmt: skip

# Forms in which values keep their digits and stay finite, for evaluation and code alike: beside the
# forms that are written out, and rows above that are `stable`, these.
_MAXIMUM = "maximum(x, y)"
_SHARES = (  # weighed shares, and the rest of the whole
    ("y' softmax(x)", "(1 - y)' softmax(x)", "x, y : n"),
    *((f"sum(y .* softmax(x, {axis}), {axis})", f"sum((1 - y) .* softmax(x, {axis}), {axis})",
       _TWO) for axis in ("axis=0", "axis=1")),
)  # fmt: skip
STABLE: tuple[Identity, ...] = (
    Identity("log1p", "log(1 + x)", "log1p(x)", _ANY),
    Identity("expm1", "exp(x) - 1", "expm1(x)", _ANY),
    Identity("expm1", "1 - exp(x)", "-expm1(x)", _ANY),
    Identity("log of a sigmoid", "log(sigmoid(x))", "-softplus(-x)", _ANY),
    Identity("sigmoid of -x", "1 - sigmoid(x).^2", "sigmoid(-x) .* (1 + sigmoid(x))", _ANY),
    *(Identity("softmax sums to 1", left.format(s, r), right.format(s, r), letters)
      for s, r, letters in _SHARES
      for left, right in (
          ("1 - {0}", "{1}"),
          ("(y ./ ({0}) - 1) ./ ({1})", "y ./ ({0}) - (1 - y) ./ ({1})"),
          ("(1 - y ./ ({0})) ./ ({1})", "(1 - y) ./ ({1}) - y ./ ({0})"),
      )),
    Identity("tanh", "1 - tanh(x).^2", "4 sigmoid(2 x) .* sigmoid(-2 x)", _ANY),
    Identity("tanh", "1 + tanh(x)", "2 sigmoid(2 x)", _ANY),
    Identity("tanh", "1 - tanh(x)", "2 sigmoid(-2 x)", _ANY),
    Identity("tanh", "expm1(x) .* sigmoid(-x)", "tanh(x / 2)", _ANY),
    Identity("half angle", "1 - cos(x)", "2 sin(x / 2).^2", _ANY),
    Identity("root near 1", "sqrt(1 + x) - 1", "x ./ (1 + sqrt(1 + x))", _ANY),
    Identity("logs of cosh", "log(cosh(x))", "abs(x) + softplus(-2 abs(x)) - log(2)", _ANY),
    Identity("log of expm1", "log(expm1(x))", "x + log(-expm1(-x))", _ANY + " positive"),
    Identity("log of a difference", "log(sigmoid(x) - sigmoid(y))",
             "log(tanh((x - y) / 2)) + softplus(y - x) - softplus(-x) - softplus(y)", _TWO),
    Identity("log of two exps", "log(exp(x) + exp(y))",
             f"{_MAXIMUM} + softplus(-abs(x - y))", _TWO),
)  # fmt: skip

ROOT = next(
    found[1]
    for row in IDENTITIES
    if row.right == "x" and (found := re.fullmatch(r"(\w+)\(x\)\.\^2", row.left))
)  # the function whose square is its argument
LOGARITHM, EXPONENTIAL = next(
    found.groups()
    for row in IDENTITIES
    if row.right == "x" and row.stable and (found := re.fullmatch(r"(\w+)\((\w+)\(x\)\)", row.left))
)  # a function and its inverse
LOGARITHMS = {LOGARITHM} | {
    found[1]
    for row in STABLE
    if (found := re.fullmatch(r"(\w+)\(x\)", row.right)) and row.left == f"{LOGARITHM}(1 + x)"
}  # and that of one more
ONE_LESS = next(
    row.right.partition("(")[0] for row in STABLE if row.left == f"{EXPONENTIAL}(x) - 1"
)  # the exponential less one
COMPLEMENTED = next(
    found[1]
    for row in IDENTITIES
    if row.right == "ones(m, n)" and (found := re.fullmatch(r"(\w+)\(x\) \+ \1\(-x\)", row.left))
)  # the function that is one less its value at the opposite argument
