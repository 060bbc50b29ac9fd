"""Nothing silent: what is warned of, what is refused as a likely slip, and expressions alone."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

import shapetrick as st
from shapetrick.cli import main
from shapetrick.core.errors import InputError

ABSENT = "X : m x d; w : d; v : d; J = norm(X v)^2; grad J wrt w"

FAMILY = """X, Y : m x n; W[l] : n x n for l = 1..L
Z[0] = X; Z[l] = tanh(Z[l-1] W[l]) for l = 1..L; J = norm(Z[L] - Y)^2"""

WARNED = [
    (ABSENT, ["`w` does not occur in `J`: the gradient is zero. Did you mean `v`?"]),
    ("X : n x d; W : d x k; B : n x k; f = sum(X W); grad f wrt B",
     ["`B` does not occur in `f`: the gradient is zero. It contains `X`, `W`."]),
    ("X : n x d; W : d x k; b : 1 x k; grad sum(X W) wrt W",
     ["`b` is declared, and nothing uses it."]),
    ("sigma : elementwise; x : n; grad norm(x)^2 wrt x",
     ["`sigma` is declared, and nothing uses it."]),
    ("X : n x d; grad norm(X w)^2 wrt w", ["`w` is not declared: taken as d×1."]),
    ("X : n x d; w : d; grad norm(X w)^2 wrt w", []),
    ("C, S : d x d; L = -N/2 (logdet(C) + tr(C S)); dL/dC",
     ["`N` is not declared: taken as a scalar."]),
    ("w : d; L = sum(exp(w)) + C / 2 w' w; ∂L/∂w", ["`C` is not declared: taken as a scalar."]),
    ("x : n; f = x' B x; ∂f/∂x", ["`B` is not declared: taken as n×n."]),
    ("d/dX (2 X)", ["`X` is not declared: taken as n×m."]),
    ("d/dx (A x)", ["`A` is not declared: taken as n×m.", "`x` is not declared: taken as m×1."]),
    ("A : n x n; x, y, G : n; vjp A x with G wrt y",
     ["`y` does not occur in `A x`: the gradient is zero. Did you mean `x`?"]),
    ("x : n; c : scalar; J = dot(x, x); check grad J wrt x = 2 c x", []),
    ("sigma, σ : scalar; grad sigma^2 σ wrt σ", ["`sigma` and `σ` are two names here."]),
    ("x̂, é : n; grad x̂' é wrt x̂", []),
    ("z : n; p = softmax(z, axis=1); grad sum(p.^2) wrt z",
     ["`softmax(z, axis=1)`: along axis 1 of n×1 is one entry; "
      "a column has its entries along axis 0."]),
    ("W : k x d; x : d; y : k; grad cross_entropy(W x, y) wrt W",
     ["`log_softmax(W x, axis=1)`: along axis 1 of k×1 is one entry; "
      "a column has its entries along axis 0."]),
    ("r : 1 x n; grad log(sum(exp(r), axis=1)) wrt r", []),
    ("z : n; grad max(z, axis=0) wrt z", []),
    (FAMILY + "; grad J wrt W[l]", []),
    (FAMILY + "; V[l] : n x n for l = 1..L; b : m; grad J wrt W[l]",
     ["`V[l]` is declared, and nothing uses it.", "`b` is declared, and nothing uses it."]),
    (FAMILY + "; U[l] : n x n for l = 1..L; grad J wrt U[l]",
     ["`U[l]` does not occur in `J`: the gradient is zero. Did you mean `W[l]`?"]),
    (FAMILY + "; b : m x 1; grad J wrt b",
     ["`b` does not occur in `J`: the gradient is zero. It contains `Y`, `X`, `W[l]`."]),
]  # fmt: skip

# Undeclared names in problems with declarations, and what is named as meant.
SLIPS = [
    ("X : m x d; w, v : d; y : m; J = norm(X w - Y)^2; grad J wrt w", "Did you mean `y`?"),
    ("X : m x d; W1 : d x k; J = sum(X W2); grad J wrt W1", "Did you mean `W1`?"),
    ("X : m x d; wts : d; J = norm(X wta)^2; grad J wrt X", "Did you mean `wts`?"),
    ("X : m x d; w : d; J = norm(X v)^2; grad J wrt X", "is `w` declared"),
    ("lam, s : scalar; grad λ s wrt s", "write `lam`"),
    ("X : m x n; y : m; f = sum(X_T y); grad f wrt y", "the transpose of `X` is `X'`"),
    ("W : n x n; x : n; f = norm(W_Q x); grad f wrt x", "entries of `W` are written in brackets"),
    ("A : n x n; x : n; f = x_i A_ij x_j; grad f wrt x", "nothing binds the index `i`"),
    (
        "q : n; s = exp(q' k_j) / sum_j exp(q' k_j); grad s wrt q",
        "columns `k_j` rows of `K : m x n`",
    ),
    ("q : n; s = exp(q' k_j); grad s wrt q", "index below it is not read"),
]

ALONE = [
    ("x' A x", "x", "(A + A') x"),
    ("A, X : n x n; tr(A X)", "X", "A'"),
    (r"x^\top A x", "x", "(A + A') x"),
    (r"$\|y - X\beta\|^2 + \lambda \|\beta\|_2^2$", "y", "2 (y - X beta)"),
    (r"$\log\det A$", "A", "inv(A)'"),
    ("S : n x n posdef const; x : n; x' S x / 2", "x", "S x"),
]


@pytest.mark.parametrize(("text", "warnings"), WARNED)
def test_what_is_warned_of(text: str, warnings: list[str]) -> None:
    d = st.derive(text)
    assert list(d.warnings) == warnings
    data = json.loads(json.dumps(d.to_dict()))
    assert data["warnings"] == warnings
    assert list(st.from_dict(data).warnings) == warnings


@pytest.mark.parametrize(("text", "meant"), SLIPS)
def test_likely_slips_are_refused(text: str, meant: str) -> None:
    with pytest.raises(InputError) as raised:
        st.read(text)
    if meant.startswith("is `"):
        assert "`w` is declared and in no expression" in str(raised.value)
    else:
        assert meant in str(raised.value)


@pytest.mark.parametrize(
    "text",
    [
        "X : m x d; grad norm(X w)^2 wrt w",
        ABSENT,
        FAMILY + "; U[l] : n x n for l = 1..L; grad J wrt U[l]",
    ],
)
def test_strict_refuses_what_is_warned_of(text: str) -> None:
    st.read(text)
    with pytest.raises(InputError) as refused:
        st.read(text, strict=True)
    assert "write `w : d`" in refused.value.message or "does not occur" in refused.value.message


def test_a_zero_has_no_green_tick(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["derive", "-e", ABSENT]) == 0
    told = capsys.readouterr().out
    assert told.strip().startswith("warning    `w` does not occur in `J`")
    assert "✓" not in told
    assert main(["derive", "--quiet", "-e", ABSENT]) == 0
    told, warned = capsys.readouterr()
    assert told == "∂J/∂w = zeros(d)\n"
    assert warned == f"shapetrick: warning: {WARNED[0][1][0]}\n"


def test_checks_and_code_warn_too(capsys: pytest.CaptureFixture[str]) -> None:
    claim = ABSENT.replace("grad", "check grad") + " = zeros(d)"
    assert main(["check", "-e", claim]) == 0
    assert capsys.readouterr().out.strip().startswith(f"warning    {WARNED[0][1][0]}"[:40])
    (found,) = st.read(claim).check()
    assert list(found.warnings) == found.to_dict()["warnings"] == WARNED[0][1]
    assert main(["code", "-e", f"{ABSENT}; c : scalar"]) == 0
    told, warned = capsys.readouterr()
    assert "def " in told
    assert warned.splitlines() == [
        f"shapetrick: warning: {WARNED[0][1][0]}",
        "shapetrick: warning: `c` is declared, and nothing uses it.",
    ]


def test_a_session_warns_too() -> None:
    command = [sys.executable, "-m", "shapetrick", "repl"]
    typed = ABSENT.replace("; ", "\n") + "\n"
    out = subprocess.run(command, input=typed, capture_output=True, text=True, check=True).stdout
    assert WARNED[0][1][0][:40] in out


@pytest.mark.parametrize(("text", "wrt", "gradient"), ALONE)
def test_an_expression_alone_is_a_problem(text: str, wrt: str, gradient: str) -> None:
    d = st.derive(text, wrt=wrt)
    assert d.verified
    assert str(d.gradient) == gradient


@pytest.mark.parametrize(
    "text",
    ["A : n x n; A x + y", "2", "grad x", "gard J wrt X", "X[l] : n x n for l = 1..L; norm(X[1])"],
)
def test_what_is_no_problem_alone(text: str) -> None:
    with pytest.raises(InputError):
        st.read(text)


def test_an_expression_alone_is_asked_by_the_names_that_are_given(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["derive", "--quiet", "-e", "A : n x n; x' A x", "--wrt", "x"]) == 0
    assert capsys.readouterr().out == "∂(x' A x)/∂x = (A + A') x\n"
    assert main(["derive", "-e", "A : n x n; x' A x", "--wrt", "z"]) == 2
