"""What is in the language, what isn't, and how what is in it is grouped."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from effort import calls
from hypothesis import example, given, settings
from hypothesis import strategies as st

from shapetrick.core.dims import Dim
from shapetrick.core.errors import ParseError, ShapetrickError
from shapetrick.core.expr import number, symbol
from shapetrick.core.indices import Index, parts, written
from shapetrick.language.elaboration import read
from shapetrick.language.expressions import parse_scalar, read_expression
from shapetrick.language.shapes.words import vocabulary
from shapetrick.language.syntax import parser as parsing
from shapetrick.language.syntax.parser import parse, parse_expression
from shapetrick.language.syntax.tree import Asked, Declaration, Definition, SyntaxNode, postorder

WORDS = vocabulary()


def grouped(text: str) -> str:
    """The expression with every operation in brackets."""
    done: dict[SyntaxNode, str] = {}
    for node in postorder(parse_expression(text, WORDS, {"f", "sigma"})):
        args = [done[a] for a in node.args]
        match node.kind:
            case "number" | "name":
                done[node] = str(node.value)
            case "neg":
                done[node] = f"(-{args[0]})"
            case "'":
                done[node] = f"({args[0]}')"
            case "call":
                name, axis, sizes, _ = node.value
                axis_text = [] if axis is None else [f"axis={axis}"]
                rest = [f"size {len(sizes)}"] if sizes else []
                done[node] = f"{name}({', '.join([*args, *rest, *axis_text])})"
            case "abstract":
                name, order = node.value
                done[node] = name + "'" * order + f"({args[0]})"
            case _:
                done[node] = f"({args[0]} {node.kind} {args[1]})"
    return done[node]


GROUPS = [
    ("a - b - c", "((a - b) - c)"),
    ("a + b * c", "(a + (b * c))"),
    ("a / b / c", "((a / b) / c)"),
    ("1/2 m", "((1 / 2) * m)"),
    ("A X ./ B", "((A * X) ./ B)"),
    ("G .* X W", "((G .* X) * W)"),
    ("A B .* C", "((A * B) .* C)"),
    ("A ⊗ B C", "((A ⊗ B) * C)"),
    ("A ⊙ B ∘ C ⊘ D", "(((A .* B) .* C) ./ D)"),
    ("A @ B · C", "((A * B) * C)"),
    ("-x^2", "(-(x ^ 2))"),
    ("-A B'", "((-A) * (B'))"),
    ("a - -b", "(a - (-b))"),
    ("a −b", "(a - b)"),
    ("B*-inv(X)", "(B * (-inv(X)))"),
    ("+x", "x"),
    ("2^-x'", "((2 ^ (-x))')"),
    ("X^-1'", "((X ^ (-1))')"),
    ("X^-1 Y", "((X ^ (-1)) * Y)"),
    ("x**2", "(x ^ 2)"),
    ("x.^2.*y", "((x .^ 2) .* y)"),
    ("2.*A", "(2 .* A)"),
    ("(x^2)^3", "((x ^ 2) ^ 3)"),
    ("A'^2", "((A') ^ 2)"),
    ("A''", "((A')')"),
    ("A.T B^T Cᵀ D’", "((((A') * (B')) * (C')) * (D'))"),
    ("A^T_1", "(A ^ T_1)"),
    ("Aᵀᵀ", "((A')')"),
    ("2X w", "((2 * X) * w)"),
    ("2 (X + 1) (Y)", "((2 * (X + 1)) * Y)"),
    ("X (A + B)'", "(X * ((A + B)'))"),
    ("Z / X (A + B)", "((Z / X) * (A + B))"),
    ("X / exp (A + B)'", "(X / (exp((A + B))'))"),
    ("exp(x)^2", "(exp(x) ^ 2)"),
    ("f (x) y", "(f(x) * y)"),
    ("sigma''(Z)'", "(sigma''(Z)')"),
    ("f' (x)", "f'(x)"),
    ("f x", "(f * x)"),
    ("sum(X, axis=1)", "sum(X, axis=1)"),
    ("sum (X,axis = 0)", "sum(X, axis=0)"),
    ("sum(X, 1)", "sum(X, size 1)"),
    ("ones(m, n + 1)", "ones(size 2)"),
    ("unvec(v, m, n)", "unvec(v, size 2)"),
    ("bar(Z)", "bar(Z)"),
    ("θ Z₁ W_1", "((θ * Z₁) * W_1)"),
    ("e\N{COMBINING ACUTE ACCENT}", "\N{LATIN SMALL LETTER E WITH ACUTE}"),
    ("0.5", "1/2"),
    ("1e-3", "1/1000"),
    ("2e", "(2 * e)"),
]


@pytest.mark.parametrize(("text", "expected"), GROUPS, ids=[t for t, _ in GROUPS])
def test_grouping(text: str, expected: str) -> None:
    assert grouped(text) == expected


SHAPES = [
    ("m x d", "m", "d"),
    ("m×d", "m", "d"),
    ("(m, d)", "m", "d"),
    ("[m, d]", "m", "d"),
    ("[m x d]", "m", "d"),
    ("R^{m x d}", "m", "d"),
    ("ℝ^{m×d}", "m", "d"),
    ("ℝ", "1", "1"),
    ("R^{m}", "m", "1"),
    ("R^n", "n", "1"),
    ("ℝ^(n+1)", "n+1", "1"),
    ("R^(m x d)", "m", "d"),
    ("[m]", "m", "1"),
    ("d", "d", "1"),
    ("1 x n", "1", "n"),
    ("3x4", "3", "4"),
    ("mxd", "m", "d"),
    ("nx1", "n", "1"),
    ("10xd", "10", "d"),
    ("R^mxd", "m", "d"),
    ("ℝ^m x d", "m", "d"),
    ("idx", "idx", "1"),
    ("nx", "nx", "1"),
    ("n+1", "n+1", "1"),
    ("2 n x m n", "2 n", "m n"),
    ("2n", "2 n", "1"),
    ("m x (n + 1)", "m", "n+1"),
    ("2 (n + 1) x n", "2 n+2", "n"),
    ("n+m-1", "m+n-1", "1"),
    ("n-1 x 2 - 1", "n-1", "1"),
    ("R^{n - (2 - 1)}", "n-1", "1"),
    ("x x x", "x", "x"),
]


@pytest.mark.parametrize(("text", "rows", "cols"), SHAPES, ids=[s[0] for s in SHAPES])
@pytest.mark.parametrize("attributes", ["", " positive", ", nonneg, const"])
def test_shapes_are_typed_in_many_ways(text: str, rows: str, cols: str, attributes: str) -> None:
    (declaration,) = parse(f"X, Y : {text}{attributes}", WORDS)
    assert isinstance(declaration, Declaration) and declaration.sides is not None
    assert [str(side.dim) for side in declaration.sides] == [rows, cols]
    assert [name for name, _ in declaration.names] == ["X", "Y"]
    assert [name for name, _ in declaration.words] == attributes.replace(",", "").split()


@pytest.mark.parametrize("sign", [" ∈ ", " in ", "∈"])
def test_a_set_declares_as_a_colon_does(sign: str) -> None:
    for text in (f"X{sign}R^{{m x d}}", f"w : n, X{sign}ℝ^(m x d) positive"):
        *_, declared = parse(text, WORDS)
        assert isinstance(declared, Declaration) and declared.sides is not None
        assert [str(side.dim) for side in declared.sides] == ["m", "d"]
        assert [name for name, _ in declared.names] == ["X"]


REQUESTS = [
    ("grad J wrt w", "grad J [w]"),
    ("grad (x' A x) wrt x, A", "grad (x' A x) [x A]"),
    ("grad J wrt A symmetric", "grad J [A] symmetric"),
    ("vjp Z with G wrt W, b", "vjp Z [W b] G"),
    ("vjp A X wrt X", "vjp A X [X]"),
    ("jvp Z wrt W with V", "jvp Z [W] V"),
    ("check hess J wrt w = X' X", "hess J [w] = X' X"),
    ("d J / d W", "grad J [W]"),
    ("d (x' A x)/d x, A", "grad (x' A x) [x A]"),
    ("d a / b / dW", "grad a / b [W]"),
    ("d/dW J", "grad J [W]"),
    ("d / d x (x' A x)", "grad (x' A x) [x]"),
    ("jac d wrt d", "jac d [d]"),
]


@pytest.mark.parametrize(("text", "expected"), REQUESTS, ids=[t for t, _ in REQUESTS])
def test_requests(text: str, expected: str) -> None:
    (asked,) = parse(text, WORDS)
    assert isinstance(asked, Asked)
    parts = [asked.kind, text[asked.of.span.start : asked.of.span.end]]
    parts.append("[" + " ".join(n for n, _ in asked.wrt) + "]")
    parts += [asked.direction.name] if asked.direction else []
    parts += ["symmetric"] if asked.symmetric else []
    parts += ["= " + text[asked.claim.span.start : asked.claim.span.end]] if asked.claim else []
    assert " ".join(parts) == expected


@pytest.mark.parametrize(
    "text",
    [
        "d = 2",
        "d : n",
        "d, e : n",
        "grad = 2",
        "check : n",
        "J = d / d",
        "J = (a +  # a comment\n b)",
        "\r\nX : n\r\n\r\n",
        "# nothing",
        "",
    ],
)
def test_accepted(text: str) -> None:
    assert not any(isinstance(s, Asked) for s in parse(text, WORDS))


REFUSED = [
    "x^2^3", "x^2.^3", "f(", "(", ")", "(]", "()", "a b)", "a +", "* a", "a ** ", "a,b", "'", "1.",
    ".5", "a..b", "a ? b", "a = b", "a wrt b", "with", "sum(a, axis=2)", "sum(axis=1, a)",
    "bar(a + b)", "a\0", "a\u200bb", "\ud800", "[a]", "{a}", "W[l", "1e999", "9" * 500, "a×b",
]  # fmt: skip


@pytest.mark.parametrize("text", REFUSED, ids=ascii)
def test_refused(text: str) -> None:
    with pytest.raises(ParseError):
        parse_expression(text, WORDS, {"f"})


@pytest.mark.parametrize(
    "text",
    [
        "J = X for l = 1..3 * 4",
        "check grad J wrt x = 3 for l = 1..2 , 4",
        "grad J wrt X symmetric X",
        "X : n for l = 1..L = 2",
    ],
)
def test_nothing_follows_the_end_of_a_statement(text: str) -> None:
    with pytest.raises(ParseError):
        parse(text, WORDS)


@pytest.mark.parametrize(
    ("typed", "read_as"),
    [
        ("1..L", "l = 1..L"),
        ("L..1", "l = 1..L"),
        (" 0 .. T-1 ", "l = 0..T-1"),
        ("t - 1..t + 2", "l = t-1..t+2"),
        ("-1..3", "l = -1..3"),
        ("T−1..1", "l = 1..T-1"),
    ],
)
def test_ranges(typed: str, read_as: str) -> None:
    """A range after `for` or a comma, and the same one in a sum."""
    for before in (" for", ","):
        (defined,) = parse(f"x[l] = 3{before} l = {typed}", WORDS)
        assert isinstance(defined, Definition) and written(defined.ranges) == read_as
    node = parse_expression(f"2 sum( l={typed}) x[ l − 1 ]' y[l+10] z[0]", WORDS)
    (summed,) = (n for n in postorder(node) if n.kind == "running")
    assert str(summed.value) == read_as
    names = [n.value for n in postorder(node) if n.kind == "name"]
    assert names == ["x[l-1]", "y[l+10]", "z[0]"]
    assert [parts(name) for name in names] == [
        ("x", (Index("l", -1),)), ("y", (Index("l", 10),)), ("z", (Index("", 0),))
    ]  # fmt: skip


@pytest.mark.parametrize("index", ["", "l l", "2 2", "l*2", "l-", "+", "2 l k", "1.5", "[l]"])
def test_what_is_no_index_is_refused_where_it_stands(index: str) -> None:
    for text in (f"x[{index}] : n", f"X : n[{index}] x m", f"x[{index}] = 3",
                 f"grad J wrt x[{index}]"):  # fmt: skip
        with pytest.raises(ParseError, match=r"an index is a letter") as refused:
            parse(text, WORDS)
        assert refused.value.span is not None
        assert text[slice(*refused.value.span)] in (f"x[{index}]", f"n[{index}]")


@pytest.mark.parametrize("ends", ["1..2 2", "1..", "..L", "1..L..T", "1..L)", "1..L, 2", "k*2..L"])
def test_what_is_no_range_is_refused(ends: str) -> None:
    for text in (f"x[l] = 3 for l = {ends}", f"J = sum(l = {ends}) x[l]"):
        with pytest.raises(ParseError):
            parse(text, WORDS)


def test_words_of_ranges_are_free_names() -> None:
    parse("for = 3; x = for for\nJ = sum(x, axis=0) + for", WORDS)
    parse("J = sum(A, axis=0) sum(l = 1..L) x[l]; for : n x n symmetric", WORDS)


def test_a_declaration_may_follow_the_use() -> None:
    problem = read("J = sum(s(x))\ngrad J wrt x\ns : elementwise\nx : n")
    assert problem.functions == ("s",)
    assert problem.requests[0].of.args[0].args[0].op == "abstract"


def test_scalar_texts_are_read_with_given_names() -> None:
    x, y = symbol("x", (Dim.of(1), Dim.of(1))), symbol("y", (Dim.of(1), Dim.of(1)))
    assert parse_scalar("-y inv(x)", {"x": x, "y": y}).shape == x.shape
    assert parse_scalar("3/4 - 0.25", {}) is not None
    assert parse_scalar("1/2", {}) is number(1) * number(1) / number(2)
    with pytest.raises(ShapetrickError):
        parse_scalar("x + z", {"x": x})


# ------------------------------------------------------------------------ what nobody foresees


@pytest.mark.parametrize(
    "body",
    [
        "(" * 10_000 + "x" + ")" * 10_000,
        "sin(" * 5_000 + "x" + ")" * 5_000,
        "x + " * 7_000 + "x",
        "x^(" * 7_000 + "x" + ")" * 7_000,
        "-" * 20_000 + "x",
        "x" + "'" * 20_000,
        "X*" * 14_000 + "X",
        "x" * 1_000_000,
        "(" * 1_000_000,
        " " * 1_000_000 + "x",
    ],
    ids=lambda body: body[:6],
)
def test_no_length_or_depth_is_too_much(body: str) -> None:
    def attempt() -> None:
        with suppress(ShapetrickError):
            read(f"x : scalar; X : n x n\nJ = tr({body})")

    assert calls(attempt) < 3_000_000


@pytest.mark.parametrize(
    "text",
    [
        "X : " + "9" * 5_000,
        "X : " + "9999999 " * 3_000,
        "X : " + " ".join(f"(a{i} + b{i})" for i in range(60)),
        "A : n x n; J = tr(" + "A ⊗ " * 5_000 + "A)",
        "J = tr(eye(" + "9" * 299 + "))",
        "J = tr(eye(" + "n " * 10_000 + "n))",
        "x : scalar; J = ((9^64)^64)^64 x",
        "x : scalar; J = 1e300 * 1e300 x",
        "A : n x n; J = tr(((((A^64)^64)^64)^64)^64)",
    ],
    ids=lambda text: text[:24],
)
def test_what_would_not_fit_in_memory_is_refused(text: str) -> None:
    def attempt() -> None:
        with pytest.raises(ShapetrickError):
            read(text)

    assert calls(attempt) < 3_000_000


def test_time_is_linear_in_the_statements() -> None:
    def effort(count: int) -> int:
        lines = [f"Z{i} = tanh(Z{i - 1} W) + 2 Z{i - 1}" for i in range(1, count)]
        text = "\n".join(["X : m x d; W : d x d", "Z0 = X W", *lines, f"J = sum(Z{count - 1})"])
        return calls(lambda: read(text))

    effort(1_000)  # what is remembered of names is for both
    assert effort(1_000) < 2.1 * effort(500)


PIECES = [
    "X", "x", "A", "lam", "m", "n", "I", "e", "2", "0.5", "(", ")", "[", "]", "{", "}", "+", "-",
    "*", "/", ".*", "./", "^", ".^", "'", ".T", "^T", " ", "\n", ";", ":", "=", ",", "#", "⊗",
    "wrt ", "grad ", "vjp ", "jac ", "check ", "with ", "d ", "x ", "symmetric", "elementwise",
    "scalar", "sum(", "tr(", "diag(", "softmax(", "eye(", "unvec(", "vector(", "maximum(",
    "axis=1", "bar(", "f", "²", "\0", "\ud800", "…",
]  # fmt: skip
PROBLEM = "X, A : m x n; x : n; y : m; S : n x n posdef; lam : scalar; f : elementwise\n"


@settings(deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=12).map("".join), st.booleans())
@example("J = tr(kron(I, X))", True)
@example("grad (vec(X)' (A ⊗ (c a')) vec(X)) wrt X", False)
@example("d/d", True)
def test_random_pieces_raise_only_our_errors(text: str, declared: bool) -> None:
    for whole in (text, "J = " + text, f"grad ({text}) wrt x"):
        try:
            read(PROBLEM + whole if declared else whole)
        except ShapetrickError as error:
            assert_for_people(str(error))


@settings(deadline=None)
@given(st.text(max_size=40))
def test_random_text_raises_only_our_errors(text: str) -> None:
    try:
        read(text)
        read_expression(text, read(PROBLEM))
    except ShapetrickError as error:
        assert_for_people(str(error))


TEXTS = [
    "X : m x d; w : d; y : m\nZ = X w - y\nJ = norm(Z)^2 / (2 m)\ngrad J wrt w",
    "f : elementwise; A : n x n posdef\nJ = tr(f'(A) inv(A)) # so\ncheck grad J wrt A = I",
    "grad (x' A x + b' x) wrt x",
    "W : n x n; b : 1 x n\nP = softmax(W + b, axis=1)\nvjp P with G wrt W, b",
]


@settings(deadline=None)
@given(st.sampled_from(TEXTS), st.data())
def test_mutated_problems_raise_only_our_errors(text: str, data: st.DataObject) -> None:
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(text)))
        length = data.draw(st.integers(0, 3))
        text = text[:at] + data.draw(st.sampled_from(["", *PIECES])) + text[at + length :]
    try:
        read(text)
    except ShapetrickError as error:
        assert_for_people(str(error))


def assert_for_people(message: str) -> None:
    """No name from inside the parser or the inference."""
    for inner in ("RPAR", "LPAR", "$END", "Token", "_WRT", "KIND", "None", "?1", "Node("):
        assert inner not in message


# ---------------------------------------------------------------------------- the tables' cache


def test_tables_are_kept_for_the_user_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    code = "from shapetrick.language.syntax.parser import parse; print(len(parse('x : n', {})))"
    for _ in range(2):  # written, then used
        assert _python(code) == "1"
    folder = tmp_path / "shapetrick"
    (kept,) = folder.iterdir()
    assert folder.stat().st_mode & 0o077 == 0
    kept.write_bytes(b"spoilt")
    assert _python(code) == "1"
    assert kept.read_bytes() != b"spoilt"


def _python(code: str) -> str:
    root = str(Path(parsing.__file__).parents[2])
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": root},
    )
    assert not done.stderr
    return done.stdout.strip()
