"""Formulas and derivations in LaTeX and Markdown: what is written, and that it compiles."""

from __future__ import annotations

import io
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from derived import derivations
from effort import calls
from matplotlib import mathtext
from paths import ROOT
from samples import PROBLEM, UNCHECKED, WRONG, backward_rule, linear_regression, long_sum
from thinned import thinned

import shapetrick as st
from shapetrick.cli import main
from shapetrick.core import expr as ex
from shapetrick.core.dims import Dim
from shapetrick.core.functions import OPERATORS, TABLE
from shapetrick.core.results import Result
from shapetrick.render.article import (
    ArticlePart,
    derivation_parts,
    document,
    latex,
    markdown,
    problem_parts,
)
from shapetrick.render.document import STEPS, answer_formula
from shapetrick.render.latex import Latex, alike, equation, identifier, notation_for, to_latex
from shapetrick.render.mathml import to_mathml

EXAMPLES = sorted((ROOT / "examples").glob("*.st"))
DECLARED = """
A, B : n x n; X, Y : m x n; x : n; y : m; W1 : n x k; theta : n; λ, s : scalar; sigma : elementwise
T_, K__a, a_1_ : n x n
"""

FORMULAS = [
    # products: scalars in one fraction in front, brackets only where needed
    ("X' (X theta - y) / m", r"\frac{1}{m} X^{\top} (X \theta - y)"),
    ("3 s X / (2 m)", r"\frac{3 s}{2 m} X"),
    ("s / 2", r"\frac{s}{2}"),
    ("2/3 X", r"\frac{2}{3} X"),
    ("-X / 2", r"-\frac{1}{2} X"),
    ("0.99 X", "0.99 X"),
    ("2 3.5 s", "7 s"),
    ("X .* Y ./ (X + 1)", r"X \odot Y \oslash (X + 1)"),
    ("(X .* Y) A", r"(X \odot Y) A"),
    ("A (X' X / m + B)", r"A \left(\frac{1}{m} X^{\top} X + B\right)"),
    ("T_ K__a a_1_", r"\mathit{T\_} \, \mathit{K\_\_a} \, \mathit{a\_1\_}"),
    # powers
    ("inv(A)' x", r"A^{-\top} x"),
    ("inv(A + B)", "(A + B)^{-1}"),
    ("A^3", "A^{3}"),
    ("inv(A)^2", "(A^{-1})^{2}"),
    ("A'.^2", r"(A^{\top})^{\circ 2}"),
    ("s^2 (x' x)^2", r"s^{2} (x^{\top} x)^{2}"),
    ("(s / 2)^2", r"\left(\frac{s}{2}\right)^{2}"),
    ("sqrt(s)", r"\sqrt{s}"),
    # functions
    ("norm(X)^2", r"\left\|X\right\|^{2}"),
    ("norm1(x)", r"\left\|x\right\|_1"),
    ("dot(x, A x)", r"\left\langle x, A x\right\rangle"),
    ("logdet(A + B)", r"\log\left|\det(A + B)\right|"),
    ("tr(A) s", r"\mathrm{tr}(A) s"),
    ("softmax(X, axis=1)", r"\mathrm{softmax}(X,\, \mathrm{axis}=1)"),
    ("kron(A, A B)", r"A \otimes (A B)"),
    ("exp(x' x / 2)", r"\exp\left(\frac{x^{\top} x}{2}\right)"),
    ("sigma(X W1)", r"\sigma(X W_{1})"),
    ("sigma'(X W1)", r"\sigma'(X W_{1})"),
    ("leaky_relu(X)", r"\mathrm{leaky\_relu}(X)"),
    # constants
    ("ones(1, m) X", r"{\mathbf{1}_{m}^{\top}} X"),
    ("X ones(n)", r"X {\mathbf{1}_{n}}"),
    ("zeros(m, n) + X", r"{\mathbf{0}_{m \times n}} + X"),
    ("A - 2 I", "A - 2 I"),
    ("tr(eye(n))", r"\mathrm{tr}({I_{n}})"),
    ("2 pi s", r"2 \pi s"),
    ("commute(m, n) vec(X)", r"{\mathbf{K}_{m, n}} \, \mathrm{vec}(X)"),
]


@pytest.mark.parametrize(("text", "expected"), FORMULAS, ids=[text for text, _ in FORMULAS])
def test_formula(text: str, expected: str) -> None:
    body = st.read(f"{DECLARED}\nvalue = {text}; grad sum(X) wrt X").data.definitions["value"]
    assert to_latex(body.args[0]) == expected
    renders(expected)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("W", "W"),
        ("W1", "W_{1}"),
        ("W_1", "W_{1}"),
        ("Z₁", "Z_{1}"),
        ("x_ij", r"x_{\mathrm{ij}}"),
        ("A_1_2", "A_{1,2}"),
        ("x_train", r"x_{\mathrm{train}}"),
        ("y_hat", r"\hat{y}"),
        ("w_tilde_2", r"\tilde{w}_{2}"),
        ("θ", r"\theta"),
        ("theta_0", r"\theta_{0}"),
        ("lam", r"\lambda"),
        ("loss", r"\mathit{loss}"),
        ("ж", r"\text{ж}"),
        ("bar(Z)", r"\bar{Z}"),
        ("bar(W1)", r"\overline{W_{1}}"),
        ("∂J/∂W1", r"\frac{\partial J}{\partial W_{1}}"),
    ],
)
def test_name(name: str, expected: str) -> None:
    assert Latex().name(name) == expected


def test_members_have_their_index_below() -> None:
    d = st.derive(
        "Z[0] : m x n[0]; W[l] : n[l-1] x n[l] for l = 1..L; s : elementwise\n"
        "Z[l] = s(Z[l-1] W[l]) for l = 1..L; J = sum(Z[L]); grad J wrt W[l]"
    )
    value = r"Z_{l-1}^{\top} (G_{l} \odot s'(Z_{l-1} W_{l}))"
    assert d.latex() == rf"\frac{{\partial J}}{{\partial W_{{l}}}} = {value}"


def test_conditions_of_ranges_are_told() -> None:
    pooled = st.derive(
        "X[r] : 1 x c for r = 0..2 P-1; S[p] = max(q = 0..1) X[2 p+q] for p = 0..P-1\n"
        "J = sum(p = 0..P-1) norm(S[p])^2; grad J wrt X[r]"
    )
    assert r"\sum_{p = 0,\; 0 \leq r-2 p \leq 1}^{P-1} G_{p}" in pooled.latex()
    assert "<mo>≤</mo>" in to_mathml(pooled.latex())
    blocks = st.derive(
        "w[i] : n for i = 1..N; y[i,j] = w[i]' w[j] for i = 1..N, j = 1..N; jac y[i,j] wrt w[k]"
    )
    written = markdown(derivation_parts([blocks.result], blocks.problem))
    assert r"j = 1, \dots, N,\; 1 \leq i \leq j-1" in written


def test_names_that_look_alike_are_told_apart() -> None:
    assert alike(["Z1", "Z_1", "sigma", "σ", "Z1", "X"]) == {"Z1", "Z_1", "sigma", "σ"}
    one, other = (ex.symbol(name, (Dim.of("m"), Dim.of("m"))) for name in ("Z1", "Z_1"))
    assert to_latex(ex.matmul(one, other)) == r"\mathtt{Z1} \, \mathtt{Z\_1}"
    assert identifier("Z1") == identifier("Z_1")


def test_labels_of_expressions_are_formulas() -> None:
    (d,) = st.read("X : m x d; w : d; y : m; J = sum(log(X w - y)) / m; grad J wrt w").derive()
    notation = notation_for(d.problem, d.result.request)
    label = r"\frac{\partial J}{\partial (X w - y)}"
    assert re.sub("[\1\2]", lambda c: "()"[c[0] == "\2"], notation.label("∂J/∂(X w - y)")) == label
    assert notation.label("bar(w) through X w") == r"\bar{w} \text{ through } X w"
    assert notation.label("∂/∂W") == r"\frac{\partial }{\partial W}"
    assert notation.label("∂Z/∂W along V") == r"\frac{\partial Z}{\partial W}[V]"


# ------------------------------------------------------------------------------------- it renders


def renders(formula: str) -> None:
    """matplotlib's own small TeX reads it (it has no command for two of ours, and no matrices: the
    blocks of one are read on their own)."""
    plain = formula.replace(r"\left\|", r"\left\Vert ").replace(r"\right\|", r"\right\Vert ")
    plain = re.sub(r"\\(begin|end)\{bmatrix\}|&|\\\\", r"\\;", plain)
    mathtext.math_to_image(f"${plain}$", io.BytesIO(), dpi=20, format="png")


@pytest.mark.parametrize("name", sorted({*TABLE} - OPERATORS - {"transpose", "unvec"}))
def test_every_function_renders(name: str) -> None:
    n = Dim.of("n")
    arguments = [ex.symbol(c, (n, n)) for c in "AB"][: TABLE[name].arity]
    axis = 1 if TABLE[name].vector_without_axis else None
    formula = to_latex(ex.call(name, *arguments, data=axis))
    renders(formula)
    balanced(formula)


@pytest.mark.parametrize("path", thinned(EXAMPLES), ids=lambda path: path.stem)
def test_all_gradients_of_the_examples_render(path: Path) -> None:
    for d in derivations(path.read_text(encoding="utf-8")):
        renders(d.latex())
        assert d._repr_latex_() == rf"$\displaystyle {d.latex()}$"


def test_an_expression_shows_itself_in_a_notebook() -> None:
    x = st.symbols("x : n")
    assert (x.T @ x)._repr_latex_() == r"$\displaystyle x^{\top} x$"


def balanced(text: str) -> None:
    """Braces, left and right, and environments come in pairs."""
    plain = re.sub(r"\\[{}\\]", "", text)
    assert plain.count("{") == plain.count("}")
    assert len(re.findall(r"\\left\b", text)) == len(re.findall(r"\\right\b", text))
    opened: list[str] = []
    for word, environment in re.findall(r"\\(begin|end)\{(\w+\*?)\}", text):
        if word == "begin":
            opened.append(environment)
        else:
            assert opened.pop() == environment
    assert not opened


def test_deep_expressions_take_linear_time() -> None:
    def effort(depth: int) -> int:
        e = ex.symbol("X", (Dim.of("n"), Dim.of("n")))
        for _ in range(depth):
            e = ex.call("tanh", ex.add(e, ex.UNIT))
        return calls(lambda: balanced(to_latex(e)))

    effort(100)
    assert effort(10_000) < 11 * effort(1_000)


# ------------------------------------------------------------------------------------ derivations

HOSTILE = r"""
# \end{document} \input{/etc/passwd} %BODY% $x$ ```math & # ~ ^ _ { } <script> "quoted" | ✓ 数学 😀
X : m x n
w_in, ж : n
J = norm(X (w_in + ж))^2 / 2
grad J wrt w_in, ж
"""


def parts_of(text: str) -> Iterator[ArticlePart]:
    first, *_ = derived = derivations(text)
    yield from problem_parts(first.problem)
    for d in derived:
        yield from derivation_parts([replace(d.result, steps=d.steps)], d.problem, STEPS)


TEXTS = {path.stem: path.read_text(encoding="utf-8") for path in EXAMPLES}
TEXTS["hostile"] = HOSTILE
TEXTS["second"] = "A : n x n; x : n; J = (x' A x)^2; hess J wrt x; jac (A x) wrt x; hvp J wrt x"
TEXTS["long"] = (
    "A, B, C, D : n x n\n"
    "J = tr(A inv(B) C inv(D) A' inv(C) B A C D) + tr(A B C D A B C D) + sum(exp(A B C) .* D)\n"
    "grad J wrt A, B"
)
TEXTS["without a space"] = (
    "a, T_, y : n; eigenvalues : k; U, Kold : n x k\n"
    "grad 0.5*(a.*y)'*U*diag(eigenvalues)*U'*(a.*y)-sum(a)+norm(T_)+2*sum(eigenvalues)"
    "+norm2(Kold-U*diag(eigenvalues)) wrt eigenvalues"
)


@pytest.mark.parametrize("text", thinned(TEXTS.values()), ids=TEXTS)
def test_derivation_is_balanced(text: str) -> None:
    balanced(latex(parts_of(text)))
    balanced(document(parts_of(text)))


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="there is no pdflatex here")
@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_document_compiles(text: str, tmp_path: Path) -> None:
    (tmp_path / "a.tex").write_text(document(parts_of(text)), encoding="utf-8")
    call = ["pdflatex", "-halt-on-error", "-interaction=nonstopmode", "-no-shell-escape", "a.tex"]
    done = subprocess.run(call, cwd=tmp_path, capture_output=True, check=False)
    log = done.stdout.decode("utf-8", "replace")
    assert done.returncode == 0, log[-3000:]
    wide = [float(points) for points in re.findall(r"Overfull \\hbox \(([\d.]+)pt", log)]
    assert max(wide, default=0) < 20, log


def test_scalar_line_has_shapes_under_its_factors() -> None:
    text = latex(derivation_parts([linear_regression()], PROBLEM))
    assert (
        r"\frac{\partial J}{\partial \theta} &= \frac{1}{2} \cdot "
        r"\underbrace{\frac{1}{m}}_{1 \times 1} \cdot \underbrace{(X \theta - y)}_{m \times 1} "
        r"\cdot \underbrace{X}_{m \times (n+1)} \;\to\; (n+1) \times 1"
    ) in text
    assert r"&\rightsquigarrow \frac{1}{m} X^{\top} (X \theta - y) \qquad \text{1 of 12" in text
    assert "its units do not cancel" not in text
    assert "its units do not cancel" in latex(
        derivation_parts([linear_regression()], PROBLEM, STEPS)
    )


def test_long_equations_are_broken() -> None:
    text = latex(derivation_parts([long_sum()], PROBLEM))
    assert re.search(r"\\\\\n +& \\quad \{\} \+ \\frac\{\d\}\{m\} X", text)


@pytest.mark.parametrize("validation", [WRONG, UNCHECKED])
def test_what_is_not_verified_does_not_look_so(validation: object) -> None:
    result: Result = linear_regression(validation)  # type: ignore[arg-type]
    notation = notation_for(PROBLEM, result.request)
    formula = " ".join(equation(answer_formula(result), notation))
    assert r"\overset{?}{=}" in formula
    renders(formula)
    for text in (
        latex(derivation_parts([result], PROBLEM)),
        markdown(derivation_parts([result], PROBLEM)),
    ):
        assert r"\overset{?}{=}" in text
        assert "verified" not in text


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("x : n; J = x' x; hess J wrt x", r"\frac{\partial^{2} J}{\partial x^{2}} = "),
        ("x : n; J = x' x; hvp J wrt x with V", r"\frac{\partial^{2} J}{\partial x^{2}}[V] = "),
        ("A : n x n; x : n; jac (A x) wrt x", r"\frac{\partial (A x)}{\partial x} = "),
        ("A : n x n; x : n; jvp A x wrt x with V", r"\frac{\partial (A x)}{\partial x}[V] = "),
        ("A : n x n; x : n; vjp A x wrt x", r"\bar{x} = "),
    ],
)
def test_what_was_asked_for_stands_on_the_left(text: str, left: str) -> None:
    assert st.derive(text).latex().startswith(left)


def test_markdown_is_what_github_renders() -> None:
    text = markdown(derivation_parts([backward_rule()], PROBLEM))
    assert text.startswith("### vjp Z with bar(Z) wrt W\n\n```math\n\\begin{aligned}\n")
    assert "\\operatorname" not in text  # which GitHub refuses
    fences = re.findall("^`{3,}", markdown(parts_of(HOSTILE)), re.MULTILINE)
    assert fences[0] == "````"
    assert fences.count("````") == 2


def test_text_in_markdown_is_no_markup() -> None:
    note = "<script>alert(1)</script> *a* _b_ [c](d) `e` $f$ &lt;"
    text = markdown(derivation_parts([replace(linear_regression(), notes=(note,))], PROBLEM))
    shown = next(line for line in text.splitlines() if line.startswith("Note"))
    around, quoted = shown.split("`e`")  # what a note quotes is code
    assert not re.search(r"(?<!\\)[<>*_\[\]`$&]", around + quoted)


# ---------------------------------------------------------------------------------- command line


def test_formats(capsys: pytest.CaptureFixture[str]) -> None:
    text = "x, y : n; J = (x - y)' (x - y); grad J wrt x, y"
    for options, displays in (([], 1), (["--separate"], 2)):
        assert main(["derive", "--format", "latex", "--quiet", *options, "-e", text]) == 0
        assert capsys.readouterr().out.count(r"\begin{align*}") == displays
    assert main(["derive", "--format", "latex", "--standalone", "-e", text]) == 0
    assert capsys.readouterr().out.startswith(r"\documentclass")
    assert main(["derive", "--format", "markdown", "--wrt", "y", "-e", text]) == 0
    assert capsys.readouterr().out.count("### ") == 1
    assert main(["derive", "--standalone", "-e", text]) == 2
    assert "goes with `--format latex`" in capsys.readouterr().err
