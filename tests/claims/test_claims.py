"""Claims: what is right, what is wrong and where, and what mends it."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from itertools import islice

import pytest
from paths import ROOT
from thinned import thinned

import shapetrick as st
from shapetrick.claims.diagnosis import Mistake, described
from shapetrick.claims.fragments import distributed
from shapetrick.claims.mutations import TABLE_OF_MUTATIONS
from shapetrick.claims.repair import Repairer, distance
from shapetrick.claims.side_conditions import reshaped
from shapetrick.claims.variants import values_at
from shapetrick.cli import main
from shapetrick.core import expr as ex
from shapetrick.core.dims import Dim
from shapetrick.core.errors import InputError
from shapetrick.core.expr import Expr
from shapetrick.language.elaboration import read
from shapetrick.language.expressions import read_expression
from shapetrick.render.claims import changes
from shapetrick.validation.checker import checker_of

PROBLEMS = tomllib.loads((ROOT / "benchmarks" / "problems.toml").read_text("utf-8"))["problem"]
LEAST_SQUARES = "X: m x d; w: d; y: m; J = norm(X w - y)^2 / (2 m); check grad J wrt w = "
QUADRATIC = "A: n x n; x: n; J = x' A x; check grad J wrt x = "
LAYER = "X: m x n; W: n x k; b: 1 x k; Z = tanh(X W + b); check vjp Z with G wrt "
ABSTRACT = "W: m x n; x: n; sigma: elementwise; Z = W x; A = sigma(Z); check vjp A with G wrt W = "
TRACE = "X: n x n; A: n x n; J = tr(A X); check grad J wrt X = "
RIGHT = [
    LEAST_SQUARES + "X' (X w - y) / m",
    LEAST_SQUARES + "(-(y' - w' X') X / m)'",
    LEAST_SQUARES + "1/m * (X' * X * w - X' * y)",
    LEAST_SQUARES.replace("grad", "hess") + "X' X / m",
    QUADRATIC + "(A' + A) x",
    QUADRATIC + "A x + (x' A)'",
    LAYER + "b = sum(G .* (1 - Z.^2), axis=0)",
    "A: m x n; X: n x p; B: p x q; check jac (A X B) wrt X = B' ⊗ A",
    "X: n x n symmetric; A: n x n; J = tr(A X); check grad J wrt X symmetric = (A + A') / 2",
    "X: m x n; J = sum(relu(X)); check grad J wrt X = step(X)",
    "X: n x n; J = tr(X); check grad J wrt X = I",
]
# A claim, its mend, and what the diagnosis says.
WRONG = [
    (LEAST_SQUARES + "X (X w - y) / m", "X' (X w - y) / m", "a transpose is missing: `X'`"),
    (LEAST_SQUARES + "2 X' (X w - y) / m", "X' (X w - y) / m", "right but for a factor 2"),
    (LEAST_SQUARES + "X' (X w - y)", "X' (X w - y) / m", "right but for a factor m"),
    (LEAST_SQUARES + "X' (X w - y) / 3", "X' (X w - y) / m", "right but for a factor m/3"),
    (LEAST_SQUARES + "X' (X w + y) / m", "X' (X w - y) / m", "the wrong sign"),
    (LEAST_SQUARES + "X'@(y-X@w)/m", "-X'@(y-X@w)/m", "right but for the sign"),
    (LEAST_SQUARES + "X' X w / m", "X' X w / m - X' y / m", "a term is missing"),
    (LEAST_SQUARES + "X' (X w - y) / m + w", "X' (X w - y) / m", "a term too many"),
    (LEAST_SQUARES + "(X w - y)' X / m", "((X w - y)' X / m)'", "up to transposition"),
    (LEAST_SQUARES.replace("grad", "hess") + "X X' / m", "X' X / m", "in the wrong order"),
    (LEAST_SQUARES.replace("grad", "hess") + "2 X' X", "X' X / m", "right but for a factor 2 m"),
    ("x : n; J = sum(leaky_relu(x)); check grad J wrt x = step(x) + 0.1 (1 - step(x))",
     "step(x) + 1/100 (1 - step(x))", "a numeric factor is wrong: `1/100`, not `0.1`"),
    ("x : n; J = sum(log(1 + 3 x.^2)); check grad J wrt x = 6 x ./ (1 + 2 x.^2)",
     "6 x ./ (1 + 3 x.^2)", "a numeric factor is wrong: `3`, not `2`"),
    (QUADRATIC + "A x", "A x + A' x", "a term is missing"),
    (QUADRATIC + "2 A x", "(A + A') x", "right only where A is symmetric"),
    (LAYER + "W = X' G", "X' (G .* (1 - Z.^2))", "the derivative of `tanh(X W + b)` is missing"),
    (LAYER + "W = X' (1 - Z.^2)", "X' ((1 - Z.^2) .* G)", "the upstream gradient is missing"),
    (LAYER + "W = X' G (1 - Z.^2)", "X' (G .* (1 - Z.^2))", "the wrong kind of product"),
    (LAYER + "b = G .* (1 - Z.^2)", "sum(G .* (1 - Z.^2), axis=0)", "a sum is missing"),
    (LAYER + "b = sum(G .* (1 - Z.^2), axis=1)", "sum(G .* (1 - Z.^2), axis=0)", "wrong axis"),
    (ABSTRACT + "(G .* sigma'(A)) x'", "(G .* sigma'(Z)) x'", "the wrong argument"),
    (ABSTRACT + "(G .* sigma(Z)) x'", "(G .* sigma'(Z)) x'", "the wrong function"),
    ("X: n x n; J = logdet(X); check grad J wrt X = inv(X)", "inv(X)'", "up to transposition"),
    ("X: n x n; J = logdet(X); check grad J wrt X = X'", "inv(X)'", "exponent or inverse"),
    ("X: n x n; J = logdet(X); check grad J wrt X = (X^-2)'", "(X^-1)'", "exponent or inverse"),
    ("X, Y: m x n; J = norm(X - Y); check grad J wrt X = (X - Y) / norm(X - Y)^2",
     "(X - Y) / norm(X - Y)", "exponent or inverse"),
    (TRACE + "A + A' - diag(diag(A))", "A'", "free entries of a symmetric matrix"),
    (TRACE.replace("wrt X", "wrt X symmetric") + "A + A' - diag(diag(A))", "(A + A') / 2",
     "free entries of a symmetric matrix"),
    ("S: n x n posdef; check grad logdet(S) wrt S = 2 inv(S) - diag(diag(inv(S)))", "inv(S)",
     "free entries of a symmetric matrix"),
    ("S: n x n symmetric; check grad tr(S^2) wrt S = 4 S - 2 diag(diag(S))", "2 S",
     "free entries of a symmetric matrix"),
    ("A: m x n; X: n x p; B: p x q; check jac (A X B) wrt X = kron(A, B')", "kron(B', A)",
     "stacked row by row"),
    ("z, y: n; J = -dot(y, log(softmax(z))); check grad J wrt z = softmax(z) - y",
     "sum(y) softmax(z) - y", "right only where y sums to 1"),
    ("X: m x n; J = sum(X) / m; check grad J wrt X = ones(m, n) / n", "ones(m, n) / m",
     "right but for a factor m/n"),
    ("X: m x n; J = sum(abs(X)); check grad J wrt X = ones(m, n)", "sign(X)",
     "right only where the entries of X are positive"),
    ("A: m x n; X: n x m; J = tr(A X) + sum(X) m; check grad J wrt X = A' + n", "A' + m",
     "right only where m = n"),
    ("X: m x d; W: d x k; check jvp (tanh(X W)) wrt W with V = (1 - tanh(X W).^2) .* X V",
     "(1 - tanh(X W).^2) .* (X V)", "the wrong grouping"),
]  # fmt: skip


@pytest.mark.parametrize("text", RIGHT)
def test_right_in_whatever_spelling(text: str) -> None:
    found = st.check(text)
    assert found.right, found
    assert (found.verdict, found.diagnosis, found.suggestion) == ("right", "", None)
    assert found.error < 1e-8
    assert found.where is None


@pytest.mark.parametrize(("text", "mend", "said"), WRONG)
def test_wrong_is_mended_and_named(text: str, mend: str, said: str) -> None:
    found = st.check(text)
    assert not found.right
    assert said in found.diagnosis
    assert found.suggestion == mend
    assert found.error > 0.01
    head, _, _ = text.rpartition(" = ")
    assert st.check(f"{head} = {found.suggestion}").right
    assert found.where is not None
    span = found.where.span
    typed = text[span.start : span.end]
    assert found.where.text in (typed, typed[1:-1])


RELU_NET = (
    "x : N x D; y : N x K; w : D x H; v : H x K; J = sum((relu(x w) v - y).^2); "
    "check grad J wrt w = "
)
SQUARES = "M : n x m; U : n x r; V : m x r; E = sum((M - U V').^2); check grad E wrt U = "
GAUSS = (
    "S : d x d posdef; X : n x d; l = -n/2 logdet(S) - 1/2 tr(inv(S) X' X); check grad l wrt S = "
)
NORM_BACKWARD = (  # of layer normalisation, where T stands for C in two definitions
    "x : T x C; w : 1 x C; dY : T x C; eps : scalar positive const; mu = mean(x, axis=1); "
    "rstd = 1 ./ sqrt(mean((x - mu).^2, axis=1) + eps); out = (x - mu) .* rstd .* w; "
    "dg = dY .* w; ds = sum(dg .* x, axis=1); db = sum(dg, axis=1); "
    "tb = (db .* mu - ds) .* rstd.^3 / T; tc = -tb .* mu - db .* rstd / T; "
    "check vjp out with dY wrt x = rstd .* dg + tb .* x + tc"
)
# A claim, what its diagnosis says, and what it must not say.
DIAGNOSED = [
    (RELU_NET + "x' (2 (relu(x w) v - y) v')", "the derivative of `relu(x w)` is missing", "where"),
    ("X : m x d; w : d; J = norm1(X w); check grad J wrt w = X' ones(m)", "is missing", "where"),
    (GAUSS + "-n/2 inv(S) + 1/2 S^-2 X' X", "the factors are in the wrong order: "
     "`1/2 S^-1 X' X S^-1`, not `1/2 S^-2 X' X`", "orthogonal"),
    (SQUARES + "-2 M V + 2 U .* sum(V.^2, axis=0)", "a part is wrong: `2 U V' V`, not "
     "`2 U .* sum(V.^2, axis=0)`", "too many"),
    ("x : N x D; w : D x M; y = x w; check vjp y with g wrt x = g x'", "`w`, not `x`", "no small"),
    ("A : n x m; J = norm(sum(A, axis=1))^2 / 2; check grad J wrt A = mean(A, axis=1) ones(1, m)",
     "right but for a factor 1/m: `sum(A, axis=1)`, not `mean(A, axis=1)`", "numeric"),
    (NORM_BACKWARD, "right only where T = C; in `tb`, a numeric factor is wrong: `C`, not `T`; in "
     "`tc`, a numeric factor is wrong: `C`, not `T`", "no small"),
    ("Y, Z : k x m; J = -sum(Y .* log(softmax(Z, axis=0))); "
     "check grad J wrt Z = softmax(Z, axis=0) - Y", "right only where each column of Y sums to 1",
     "row"),
    ("Y : k x m onehot; Z : k x m; J = -sum(Y .* log(softmax(Z, axis=0))); "
     "check grad J wrt Z = softmax(Z, axis=0) - Y",
     "each column of Y sums to 1 (`onehot` says that of its rows)", "each row"),
    ("A, B : n x n; x : n; J = x' A x + x' B x; check grad J wrt x = 2 A x + 2 B x",
     "right only where A and B are symmetric", "where A is"),
    ("x : n; A : n x n; J = sum(leaky_relu(A x)); check grad J wrt x = A' step(A x)",
     "the wrong function: `leaky_step(A x)`, not `step(A x)`", "no small"),
    ("x : n; J = sum((x - mean(x)).^2) / (n - 1); check grad J wrt x = 2 (x - mean(x)) / n",
     "right but for a factor (n - 1)/n: `n - 1`, not `n`", "term"),
    ("X : m x n; J = sum(X.^2) / (m n - 1); check grad J wrt X = 2 X / (m n)",
     "right but for a factor (m n - 1)/(m n): `m n - 1`, not `m n`", "term"),
    ("X : m x d; w : d; y : m; r = X w + y; J = norm(X w - y)^2 / 2; check grad J wrt w = X' r",
     "in `r`, the wrong sign: `X w - y`, not `X w + y`", "part"),
    ("X : n x d; W : d x k; s : elementwise; check vjp (s(X W)) with G wrt W = G s'(X W) X",
     "all factors are there; only the arrangement is open: `X' (G .* s'(X W))`", "no small"),
    ("A : m x n; X : n x p; B : p x q; J = norm(A X B)^2; check grad J wrt X = 2 A B A X B",
     "only the arrangement is open", "no small"),
    (TRACE + "A + A' - A .* I", "`A'`, not `A + A' - A .* I`", "A I"),
    (TRACE + "1.0000001 A'", "right but for a factor 1 + 1e-07, which is no simple number", "1:"),
    (TRACE + "A' + 1e-8 A", "right but for a relative error of", "factor 1"),
    ("x : n; J = sum(minimum(x, 3)); check grad J wrt x = ones(n)",
     "right at some inputs only, and wrong at others", "0e+00"),
    ("x : n; J = sum(exp(30 x)); check grad J wrt x = 30 exp(30 x) + 1",
     "wrong at others: `30 exp(30 x)`", "relative error"),
    ("A : n x n; J = sum(A .* A'); check grad J wrt A = A + A'", "the gradient is `2 A'`",
     "too many"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "said", "unsaid"), DIAGNOSED)
def test_diagnoses(text: str, said: str, unsaid: str) -> None:
    found = st.check(text)
    assert found.verdict == "wrong"
    assert said in found.diagnosis
    assert unsaid not in found.diagnosis
    head, _, _ = text.rpartition(" = ")
    assert st.check(f"{head} = {found.suggestion}").right


@pytest.mark.parametrize("m", ["", "m", "n", "k", "m n", "(n - 1)"])
@pytest.mark.parametrize("number", ["2", "12", "1/3", "20/k"])
def test_a_factor_holds_at_other_sizes(m: str, number: str) -> None:
    """What is told is the factor, not another one that is the same at the sizes drawn."""
    found = st.check(f"X : m x n; Y : n x k; J = sum(X Y); check grad J wrt X = ({number}) {m} "
                     "ones(m, 1) sum(Y, axis=1)'")  # fmt: skip
    factor = found.diagnosis.partition("right but for a factor ")[2].partition(":")[0]
    claimed = st.check(f"X : m x n; Y : n x k; J = sum(X Y); check grad J wrt X = ({number}) {m} "
                       f"ones(m, 1) sum(Y, axis=1)' / ({factor.partition(';')[0]})")  # fmt: skip
    assert factor
    assert claimed.right


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("number", ["1e-200", "1e-300", "1e150", "1e300"])
def test_large_and_small_claims_warn_of_nothing(number: str) -> None:
    for claim in (f"{number} x", f"x + {number}", f"{number} x.^2"):
        assert not st.check(f"x : n; J = x' x; check grad J wrt x = {claim}").right


def test_a_slip_in_a_definition_has_its_place() -> None:
    text = (
        "X : m x d; w : d; y : m; r = X w + y; J = norm(X w - y)^2 / 2; check grad J wrt w = X' r"
    )
    found = st.check(text)
    assert found.where is not None
    assert text[found.where.span.start : found.where.span.end] == "X w + y"
    assert found.where.span.start == text.index("X w + y")
    assert not found.mended


def test_shapes_that_do_not_fit_are_explained() -> None:
    found = st.check(LEAST_SQUARES + "X (X w - y) / m")
    assert found.error == float("inf")
    assert found.validation is None
    assert found.curve is None
    assert "its shapes don't fit: X (m×d) times (X w - y) (m×1)" in found.diagnosis


def test_no_small_change() -> None:
    sines = "X: m x n; J = sum(sin(X)); check grad J wrt X = "
    found = st.check(sines + "cos(X) + X.^2 - exp(X) + tan(X) - X / 3")
    assert not found.mended
    assert found.suggestion == "cos(X)"
    assert "they part at `X.^2`" in found.diagnosis
    assert found.where is not None
    assert found.where.text == "X.^2"


@pytest.mark.parametrize(
    ("given", "claimed", "instead"),
    [
        ("J = mean(X .* X)", "2 X", "`2 X / m / n`, not `2 X`"),
        ("J = sum(X .* X)", "2 X / m / n", "`2 X`, not `2 X / m / n`"),
        ("J = sum(X .* X)", "2.0000001 X", "`2`, not `2.0000001`"),
        ("J = sum(exp(X)) / n", "3 exp(X)", "`exp(X) / n`, not `3 exp(X)`"),
        ("J = 1 / (1 + sum(X .* X))", "-2 X / (1 + sum(X .* X))", "`(1 + sum(X .* X))^2`, not"),
        ("J = 3 sum(X .* X)", "3 X", "`6 X`, not `3 X`"),
    ],
)
def test_a_slip_that_two_changes_mend_is_told_as_one(
    given: str, claimed: str, instead: str
) -> None:
    found = st.check(f"X : m x n; {given}; check grad J wrt X = {claimed}")
    assert instead in found.diagnosis
    assert len(found.judgement.slips) == 1


def test_two_slips() -> None:
    found = st.check(LEAST_SQUARES + "X' (X w + y)")
    assert found.suggestion == "X' (X w - y) / m"
    assert [slip.name for slip in found.judgement.slips] == ["sign", "numeric factor"]
    lam = LEAST_SQUARES.replace("w: d;", "w: d; lam: scalar;").replace(
        "/ (2 m)", "/ (2 m) + lam/2 w' w"
    )
    found = st.check(lam + "X' (X w + y) / m - lam w")
    assert found.suggestion == "X' (X w - y) / m + lam w"


@pytest.mark.parametrize("scale", ["1e-8", "1e8"])
def test_scales(scale: str) -> None:
    text = LEAST_SQUARES.replace("norm(X w - y)^2", f"{scale} norm(X w - y)^2")
    assert st.check(f"{text}{scale} X' (X w - y) / m").right
    wrong = st.check(f"{text}1.001 {scale} X' (X w - y) / m")
    assert wrong.verdict == "wrong"
    assert wrong.error == pytest.approx(0.001, rel=0.01)


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        ("X, A: n x n; J = tr(A); check grad J wrt X = zeros(n, n)", "right"),
        ("X, A: n x n; J = tr(A); check grad J wrt X = X - X", "right"),
        ("X, A: n x n; J = tr(A); check grad J wrt X = 1e-9 A", "wrong"),
        ("x: 1; J = x^2; check grad J wrt x = 2 x", "right"),
        ("x: 1; J = x^2; check grad J wrt x = x", "wrong"),
        ("X: 3 x 3; J = tr(X' X); check grad J wrt X = 2 X", "right"),
        ("X: 3 x 3; J = tr(X' X); check grad J wrt X = 2 X'", "wrong"),
        ("X: 1 x 1; A: 1 x 1; J = tr(A X); check grad J wrt X = A'", "right"),
        ("X: m x n; J = sum(relu(X)); check grad J wrt X = ones(m, n)", "wrong"),
        ("x: n; J = sum(abs(x)); check grad J wrt x = x ./ abs(x)", "right"),
        ("x: n; J = sum(maximum(x, 0)); check grad J wrt x = maximum(x, 0) ./ x", "right"),
        ("Z: m x n; H = relu(Z); J = sum(H); check grad J wrt Z = H ./ H", "wrong"),
        ("X: n x n; J = norm(inv(X - X)); check grad J wrt X = X", "unchecked"),
        ("x: n; J = sum(log(x - x - 1)); check grad J wrt x = x", "unchecked"),
    ],
)
def test_verdicts_at_the_edges(text: str, verdict: str) -> None:
    found = st.check(text)
    assert found.verdict == verdict
    assert found.diagnosis or verdict == "right"


def test_a_dimension_that_is_a_number_at_the_draws() -> None:
    """Sizes differ from draw to draw: no number passes for a dimension."""
    for k in range(2, 8):
        assert not st.check(f"{LEAST_SQUARES}X' (X w - y) / {k}").right
        assert not st.check(f"x: n; J = mean(x); check grad J wrt x = ones(n) / {k}").right


def test_several_claims_in_order() -> None:
    problem = st.read(LEAST_SQUARES + "X' (X w - y) / m; grad J wrt X; check grad J wrt X = w")
    assert [found.right for found in problem.check()] == [True, False]
    with pytest.raises(st.RequestError, match="one claim"):
        st.check(problem.data.text)
    with pytest.raises(st.RequestError, match="one claim"):
        st.check("x: n; J = x' x; grad J wrt x")


def test_comments_and_lines_within_a_claim() -> None:
    found = st.check("X: n x n; J = tr(X' X)\ncheck grad J wrt X = 2 (  # twice\n X'\n)")
    assert found.suggestion == "2 X"
    assert found.claim == "2 ( X' )"


def test_long_claims() -> None:
    nested = "(" * 3000 + "X' (X w + y) / m" + ")" * 3000
    assert (st.check(LEAST_SQUARES + nested).suggestion or "").count("(") == 3001
    summed = st.check("w: d; J = norm(w)^2; check grad J wrt w = " + " + ".join(["w"] * 3000))
    assert "right but for a factor 1500" in summed.diagnosis


def test_same_seed_same_result() -> None:
    for text, *_ in WRONG[:6]:
        assert st.check(text, seed=3).to_dict() == st.check(text, seed=3).to_dict()


def test_data_is_json() -> None:
    for text, *_ in WRONG[:3]:
        data = st.check(text).to_dict()
        assert json.loads(json.dumps(data, allow_nan=False)) == data
        assert not data["right"]


def test_curve_and_picture() -> None:
    right, wrong = (st.check(LEAST_SQUARES + c) for c in ("X' (X w - y) / m", "X' (X w - y)"))
    assert right.curve is not None
    assert wrong.curve is not None
    assert 1.9 < right.curve.order < 2.1
    assert 0.9 < wrong.curve.order < 1.1
    assert min(right.curve.errors) < 1e-9 < 1e-2 < min(wrong.curve.errors)
    pytest.importorskip("matplotlib")
    assert len(right.plot().axes[0].lines) == 2


# ---------------------------------------------------------------------------- the command line


def test_text_with_the_change_marked(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "-e", LEAST_SQUARES + "X (X w + y) / m"]) == 1
    out, err = capsys.readouterr()
    assert not err
    assert (
        out
        == """\
check grad J wrt w

  claim      X (X w + y) / m
                    ^

  ✗ WRONG    its shapes don't fit: X (m×d) times (X w + y) (m×1) is not a matrix
             product: the inner dimensions are d and m; a transpose is missing:
             `X'`, not `X`; the wrong sign: `X w - y`, not `X w + y`

  instead    X' (X w - y) / m
              ^      ^
"""
    )


def test_the_readme_shows_what_happens(capsys: pytest.CaptureFixture[str]) -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    _, problem, _, shown, *_ = readme.split("## Is my gradient right?")[1].split("```")
    assert main(["check", "-e", problem]) == 1
    assert capsys.readouterr().out == shown.removeprefix("\n")


def test_examples_hold() -> None:
    assert main(["check", str(ROOT / "examples" / "claims.st")]) == 0


def test_exit_status(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "-e", LEAST_SQUARES + "X' (X w - y) / m"]) == 0
    assert "✓ right" in capsys.readouterr().out
    assert main(["check", "-e", "x: n; J = x' x; grad J wrt x"]) == 2
    assert "nothing is claimed" in capsys.readouterr().err
    assert main(["check", "-e", LEAST_SQUARES + "X' (X v - y) / m"]) == 2
    assert "`v` is not declared" in capsys.readouterr().err


def test_json_and_plot(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--format", "json", "-e", LEAST_SQUARES + "X (X w - y) / m"]) == 1
    data = json.loads(capsys.readouterr().out)
    assert (data["suggestion"], data["error"]) == ("X' (X w - y) / m", None)
    assert main(["check", "--plot", "-e", LEAST_SQUARES + "X' (X w - y) / m"]) == 0
    assert "○ Taylor remainder, of order 2.00" in capsys.readouterr().out


def test_changes_are_marked_word_by_word() -> None:
    old, new = "X (X w - y) / m", "X' (X w + y) / m"
    gone, come = changes(old, new)
    assert [old[r.start : r.stop] for r in gone] == ["-"]
    assert [new[r.start : r.stop] for r in come] == ["'", "+"]


# ------------------------------------------------------------------------------------ the parts


def _repairer(problem: dict[str, str]) -> tuple[Repairer, Expr]:
    *lines, last = problem["text"].strip().splitlines()
    answer = " ".join(problem["answer"].split())
    read_ = read("\n".join([*lines, f"check {last.strip()} = {answer}"]))
    request = read_.requests[0]
    assert request.claim is not None
    assert request.claim.value is not None
    value = request.claim.value
    return Repairer(read_, request, value, checker_of(read_, request, [value], 0, True)), value


@pytest.mark.parametrize("problem", thinned(PROBLEMS[::12], 2), ids=lambda p: p["id"])
def test_a_changed_claim_reads_back(problem: dict[str, str]) -> None:
    """The text of a change has the value of its expression, for every row of the table."""
    repairer, _ = _repairer(problem)
    parts = repairer.parts()
    *lines, last = problem["text"].strip().splitlines()
    text = "\n".join([*lines, last])
    for row in TABLE_OF_MUTATIONS:
        changes = repairer.draft.changes([row], parts)
        for change in islice(changes, 0, None, 1 if row.rank == 1 else 9):
            e = repairer.draft.changed(change.place, change.new)
            if e is None:
                continue
            typed = repairer.draft.text(change.place, change.new)
            try:
                again = read_expression(typed, read(text), shape=e.shape)
            except InputError as error:  # a name or size that nothing tells
                pytest.fail(f"{row.name}: {typed}: {error}")
            a, b = values_at([e, again], repairer.draws[0])
            if a is not None and b is not None:
                assert a == pytest.approx(b, rel=1e-9, abs=1e-12), f"{row.name}: {typed}"


def test_every_row_is_undone_by_rows_of_the_table() -> None:
    names = [row.name for row in TABLE_OF_MUTATIONS]
    assert len(set(names)) == len(names)
    assert [row.rank for row in TABLE_OF_MUTATIONS] == sorted(r.rank for r in TABLE_OF_MUTATIONS)
    for row in TABLE_OF_MUTATIONS:
        assert set(row.undone_by) <= set(names)
        assert described(Mistake(row.name, None, "A", "A'"))  # type: ignore[arg-type]


def test_distance_counts_words() -> None:
    assert distance("2 X' w", "X' w") == 1
    assert distance("A x", "A x + A' x") == 4
    assert distance("A", "A") == 0


def test_products_are_multiplied_out() -> None:
    n = Dim.of("n")
    a, b, x = ex.symbol("A", (n, n)), ex.symbol("B", (n, n)), ex.symbol("x", (n, Dim.of(1)))
    terms = distributed(ex.matmul(ex.add(a, b), x))
    assert terms == [ex.matmul(a, x), ex.matmul(b, x)]


def test_dimensions_replaced() -> None:
    m, n = Dim.of("m"), Dim.of("n")
    x = ex.symbol("X", (m, n))
    e = ex.times(ex.dimension(m), ex.add(x, ex.ones(m, n)))
    assert str(reshaped([e], {"m": n})[0]) == "n (X + ones(n, n))"


@pytest.mark.slow
def test_a_share_of_the_benchmark() -> None:
    """Spoilt claims are refused and mended, respelt answers accepted."""
    call = [sys.executable, str(ROOT / "benchmarks" / "claims.py"), "--share", "0.02"]
    done = subprocess.run(call, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
