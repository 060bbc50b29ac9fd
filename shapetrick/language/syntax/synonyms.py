"""TABLE: what other tools and books call our functions, and which functions the language lacks.

Asked where a name before a bracket is unknown. A function is named only if it means the same.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from functools import cache

from ...core.functions import NAMES
from ...core.regexes import regex
from .equation_library import TABLE as BY_EQUATIONS

_CALL = regex(r"(\w+)\(([A-Za-z, ]+)\)")
SHORTEST = 6  # letters of a name of which one may have been left out

# What is written here, and what it is called elsewhere. Names that differ in case alone are not
# listed.
TABLE: tuple[tuple[str, str], ...] = (
    ("det(A)", "determinant"),
    ("logdet(A)", "log_det logabsdet lndet slogdet"),
    ("inv(A)", "inverse invert matrixinverse"),
    ("adj(A)", "adjugate"),
    ("expm(A)", "matrix_exp matrix_exponential"),
    ("A'", "transposed"),
    ("A B", "matmul mm bmm mv multi_dot mtimes"),
    ("A .* B", "multiply mul hadamard times elementwise_product"),
    ("A ./ B", "divide div true_divide"),
    ("A + B", "add plus"),
    ("A - B", "subtract sub minus"),
    ("-A", "negative neg negate"),
    ("A .^ p", "power pow float_power"),
    ("A^k", "matrix_power"),
    ("A > B", "greater gt"),
    ("A < B", "less lt"),
    ("A", "positive real conj conjugate"),
    ("[A, B]", "column_stack"),
    ("[A; B]", "vstack concatenate concat cat"),
    ("1 ./ A", "reciprocal"),
    ("duplicate(n)", "duplication duplication_matrix dup"),
    ("eliminate(n)", "elimination elimination_matrix elim"),
    ("kron(A, B)", "kronecker kronecker_product"),
    ("a b'", "ger"),
    ("A' B", "crossprod"),
    ("A B'", "tcrossprod"),
    ("sum(A, axis=1)", "rowsums"),
    ("sum(A, axis=0)", "colsums"),
    ("mean(A, axis=1)", "rowmeans"),
    ("mean(A, axis=0)", "colmeans"),
    ("sum(x.^2)", "sumsq sum_of_squares sumabs2"),
    ("dot(a, b)", "vdot inner_product"),
    ("vec(A)", "vectorize"),
    ("sum(A)", "reduce_sum"),
    ("mean(A)", "average avg reduce_mean"),
    ("max(A)", "amax reduce_max"),
    ("min(A)", "amin reduce_min"),
    ("maximum(a, b)", "fmax"),
    ("minimum(a, b)", "fmin"),
    ("sqrt(x)", "squareroot"),
    ("square(x)", "sqr abs2"),
    ("abs(x)", "absolute fabs"),
    ("sign(x)", "sgn signum"),
    ("step(x)", "heaviside"),
    ("exp(log(2) x)", "exp2"),
    ("log2(x)", "log_2"),
    ("log10(x)", "log_10 lg"),
    ("tan(x)", "tg"),
    ("1 ./ tan(x)", "cot cotan"),
    ("1 ./ cos(x)", "sec"),
    ("1 ./ sin(x)", "csc"),
    ("lgamma(x)", "loggamma gamma_ln"),
    ("Phi(x)", "ndtr normcdf"),
    ("sigmoid(x)", "expit logistic_sigmoid"),
    ("-softplus(-x)", "logsigmoid log_sigmoid"),
    ("relu(x)", "rectifier"),
    ("minimum(relu(x), 6)", "relu6"),
    ("leaky_relu(x)", "lrelu leakyrelu"),
    ("log_softmax(A, axis=1)", "logsoftmax"),
    ("softmax(-x)", "softmin"),
    ("logsumexp(A)", "lse log_sum_exp"),
    ("clip(x, a, b)", "clamp"),
    ("sum((a - b).^2)", "sse squared_error"),
    ("mean((a - b).^2)", "mse_loss"),
    ("mean(abs(a - b))", "mae l1_loss"),
    ("var(A)", "variance"),
    ("std(A)", "stdev"),
    ("cosine(x, y)", "cosine_similarity"),
    ("pinv(A)", "pseudoinverse"),
    ("layer_norm(X)", "layernorm"),
    ("norm(x)", "l2norm l2_norm norm_fro frobenius frobenius_norm"),
    ("norm1(x)", "l1norm l1_norm"),
)  # fmt: skip

# An attribute, and how books say it.
_ATTRIBUTES = {
    "symmetric": ("sym", "symm"),
    "posdef": ("positive definite", "symmetric positive definite", "definite", "spd", "psd"),
    "lower": ("lower triangular",),
    "upper": ("upper triangular",),
    "nonneg": ("nonnegative", "non negative"),
    "orthogonal": ("orthonormal", "unitary"),
    "onehot": ("one hot",),
    "const": ("constant",),
}

# Functions elsewhere that are no element-wise functions, and that the language lacks.
_LACKING = """
    argmax argmin argsort batch_norm block_diag bmat chol cholesky cholesky_solve cond conv conv1d
    conv2d convolve corr corrcoef correlate cosm cross cumprod diff dropout eig eigen eigenvalues
    eigh eigvals eigvalsh einsum fft flatten fliplr flipud fold gather glu gradient group_norm
    hankel hessian hilbert hstack ifft integral integrate interp irfft jacobian khatri_rao kl_div
    logm lstsq lu lyapunov matrix_rank max_pool median mode multi_head_attention nnz normalize null
    nullspace orth percentile polyfit polyval product qr quantile rank ravel repeat reshape rfft
    riccati rms_norm roll rot90 rref schur select sinm solve_triangular sort spectral_norm sqrtm
    squeeze stack svd svdvals sylvester take tanm tensordot tile toeplitz topk trapz tril triu
    unfold vander
"""
LACKING = frozenset(_LACKING.split())
# What makes arrays of numbers elsewhere.
_OF_NUMBERS = """
    arange array asarray empty full linspace rand randint randn random standard_normal tensor
"""
OF_NUMBERS = frozenset(_OF_NUMBERS.split())


@cache
def _elsewhere() -> dict[str, str]:
    return {name: ours for ours, names in TABLE for name in names.split()}


def spelt(name: str, known: Collection[str]) -> str | None:
    """What is written here for a function that is called so elsewhere, or differs in case alone."""
    ours = {k.lower(): k for k in sorted(known)}.get(name.lower())
    if ours is not None and (ours.islower() or not name.islower()):  # `phi` is not `Phi`
        return f"{ours}(…)"
    return _elsewhere().get(name) or _elsewhere().get(name.lower())


def same_function(name: str) -> tuple[str, int] | None:
    """The function of the table that is called so elsewhere, and how many arguments it takes."""
    m = _CALL.fullmatch(_elsewhere().get(name, ""))
    return (m[1], m[2].count(",") + 1) if m is not None and m[1] in NAMES else None


def same_formula(name: str) -> str | None:
    """What that function is elsewhere, where it is none of ours: a formula in its arguments."""
    found = _elsewhere().get(name, "")
    return None if _CALL.fullmatch(found) else found


def attribute_of(words: str) -> str | None:
    """The attribute that books call so; case and hyphens don't count."""
    simple = " ".join(re.sub(r"[-_]", " ", words.lower()).split())
    return next((ours for ours, others in _ATTRIBUTES.items() if simple in others), None)


def advice(name: str, known: Collection[str], arguments: int = 1, typed: str = "") -> str:
    """What is said behind `name is no function`, which was `typed` perhaps in LaTeX: what to write
    instead, if that is known."""
    found = spelt(name, known)
    if found is not None:
        return f"Write `{found}`."
    if name in BY_EQUATIONS:
        row = BY_EQUATIONS[name]
        return (
            f"It is defined by equations, in a line of its own: `{row.line(name)}`; of members "
            f"these are written, each name with its index: `{row.written}`."
        )
    if name in OF_NUMBERS:
        return "Arrays have no numbers here: one is declared by its sizes, `X : m x n` or `x : 3`."
    meant = slip_of(name, known)
    if meant is not None:
        return f"Did you mean `{meant}`?"
    if name.lower() in LACKING or arguments > 1:
        return "The language has no such function: `shapetrick functions` lists those it has."
    return (
        f"Write `{typed or name} * (…)` for a product; a function of your own that acts on each "
        f"entry is declared, `{name} : elementwise`."
    )


def slip_of(name: str, known: Collection[str]) -> str | None:
    """The function that was mistyped: a letter inside it is left out or doubled, or two neighbours
    are swapped. Other letters make another function: `expm`, `sqrtm`, `asinh`, `erfc`."""
    if name.lower() in LACKING:
        return None
    return next((k for k in sorted(known) if name in _mistyped(k)), None)


@cache
def _mistyped(word: str) -> frozenset[str]:
    swapped = {word[:i] + word[i + 1] + word[i] + word[i + 2 :] for i in range(len(word) - 1)}
    doubled = {word[:i] + word[i] + word[i:] for i in range(1, len(word)) if word[i].isalpha()}
    inside = range(1, len(word) - 1) if len(word) >= SHORTEST else ()
    return frozenset(swapped | doubled | {word[:i] + word[i + 1 :] for i in inside}) - {word}
