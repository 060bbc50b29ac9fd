"""Generated code: every program is run, and compared with `evaluate`, with JAX, and with itself."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from fractions import Fraction
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from code_cases import CLOSE, DIMENSIONS, LIBRARIES, PLAIN, agree, case, key_of, library, wave
from code_problems import PROBLEMS
from hypothesis import assume, given
from hypothesis import strategies as st
from jax_values import value as value_in_jax
from paths import EXAMPLES
from strategies import SIZES, abstract_values, environment, examples, expressions
from thinned import thinned

import shapetrick
from shapetrick.api import read
from shapetrick.cli import main
from shapetrick.codegen.blocking import blocked
from shapetrick.codegen.chain_order import nominal
from shapetrick.codegen.from_expressions import TABLE as TRANSLATIONS
from shapetrick.codegen.identifiers import safe
from shapetrick.codegen.program import planned
from shapetrick.codegen.python import row_blocks as blocks
from shapetrick.codegen.python.callables import Generated, GeneratedFunction, compiled
from shapetrick.codegen.python.module import (
    FUNCTION,
    RULES,
    TARGETS,
    module,
    program_arguments,
)
from shapetrick.codegen.python.operations import is_spelled, of_function
from shapetrick.codegen.python.row_blocks import BlockLoop
from shapetrick.core.dims import ONE, SCALAR, Dim
from shapetrick.core.errors import OperandError, RequestError, ShapeError
from shapetrick.core.expr import Expr, add, call, number, symbol, times
from shapetrick.core.functions import TABLE
from shapetrick.core.returned import Returned
from shapetrick.numerics.evaluation import EvaluationTape as Evaluation
from shapetrick.targets import TARGETS as ALL_TARGETS

# ----------------------------------------------------------------------------- what is computed


@pytest.mark.parametrize("target", PLAIN)
@pytest.mark.parametrize("name", thinned(PROBLEMS, 5))
def test_all_requests_together(name: str, target: str) -> None:
    xp, one = library(target), case(name)
    function = one.problem.function(target)
    agree(function(**one.given(function.parameters, xp)), one.expected())


@pytest.mark.parametrize("name", PROBLEMS)
def test_blocks_of_rows(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks, "VECTORS", (1, 2))
    monkeypatch.setattr(blocks, "MATRICES", (1, 2))
    one = case(name)
    function = one.problem.function("numpy", blocks=True)
    for _ in range(2):  # what is kept between blocks must not be kept between calls
        agree(function(**one.given(function.parameters, np)), one.expected())


@pytest.mark.parametrize("name", PROBLEMS)
def test_gradients_are_those_of_jax(name: str) -> None:
    one = case(name)
    function = one.problem.function("numpy")
    found = function(**one.given(function.parameters, np))
    functions = {n: wave(jnp, n, 0) for n in one.problem.data.functions}
    for result in one.results:
        request = result.request
        if request.kind not in ("grad", "vjp") or request.symmetric:
            continue
        variable = request.wrt.name

        def value(x: Any, of: Expr = request.of, name: str = variable) -> Any:
            return value_in_jax(of, {**one.arrays, name: x}, DIMENSIONS, functions)

        _, pull = jax.vjp(value, one.arrays[variable])
        upstream = np.ones((1, 1))
        if request.direction is not None:
            upstream = one.arrays[request.direction.name]
        expected = pull(jnp.asarray(upstream))[0]
        mine = np.asarray(found[key_of(result)]).reshape(expected.shape)
        if "posdef" in request.wrt.attributes:  # of the entries, a symmetric part is seen
            expected, mine = expected + expected.T, mine + mine.T
        np.testing.assert_allclose(mine, expected, **CLOSE)


def program_of(expressions_: list[Expr], in_rows: bool) -> Generated | None:
    """The NumPy function of some expressions; in blocks of two rows, None if it can't be."""
    program = planned(
        [Returned(f"v{i}", f"v{i}", e) for i, e in enumerate(expressions_)], [], {}, is_spelled
    )
    body = None
    if in_rows:
        blocking = blocked([o.value for o in program.outputs], nominal(SIZES))
        if blocking is None:
            return None
        body = BlockLoop(program, blocking)
    entry = GeneratedFunction(FUNCTION, program_arguments(program), program.outputs)
    return Generated(module(program, "numpy", body=body), "numpy", [entry], False)


@pytest.mark.parametrize("in_rows", [False, True], ids=["plain", "blocks"])
@examples(100)
@given(roots=st.lists(expressions(), min_size=1, max_size=3))
def test_any_expressions(roots: list[Expr], in_rows: bool) -> None:
    env = environment()
    functions = abstract_values()
    wanted = Evaluation(roots).run(env, SIZES, functions)
    near = {name: x * (1 + 1e-12) for name, x in env.items()}
    shaken = Evaluation(roots).run(near, SIZES, functions)
    for a, b in zip(wanted, shaken, strict=True):  # where rounding decides, nothing can be compared
        assume(np.isfinite(a).all() and np.allclose(a, b, rtol=1e-9, atol=1e-9))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(blocks, "VECTORS", (1, 2))
        patch.setattr(blocks, "MATRICES", (1, 2))
        function = program_of(roots, in_rows)
    if function is None:
        return
    values: dict[str, Any] = {**SIZES, **env}
    for name, f in functions.items():
        for order, suffix in enumerate(("", "_prime", "_second")):
            values[f"{name}{suffix}"] = lambda x, f=f, order=order: f(x, order)
    with np.errstate(all="ignore"):
        found = function(**{name: values[name] for name in function.parameters})
    for array, value in zip(found.values(), wanted, strict=True):
        mine = np.asarray(array).reshape(value.shape)
        np.testing.assert_allclose(mine, value, rtol=1e-7, atol=1e-9)


# -------------------------------------------------------------------------- how it is computed


@pytest.mark.parametrize(
    ("problem", "there", "not_there"),
    [
        ("A: n x n; b: n; vjp (inv(A) b) wrt b", r"lu_solve\(lu_A, G, trans=1\)", r"inv|eye"),
        ("A: n x n posdef; b: n; J = b' inv(A) b + logdet(A); grad J wrt A", "cholesky", "g.inv"),
        ("A: n x n; b: n; J = b' inv(A) b + logdet(A); grad J wrt b", "lu_factor", "inv|slogdet"),
        ("X: m x d; s: scalar positive; y: d; vjp (inv(X' X + s I) y) wrt y", "cho_solve", "inv"),
        (
            "C: p x n; M: n x n posdef; R: p x p posdef; v: p; S = C M C' + R\n"
            "J = v' inv(S) v + logdet(S); grad J wrt v", "cho_solve", "lu_",
        ),
        ("A, B: n x n posdef; b: n; J = b' inv(A .* B) b; grad J wrt b", "cho_solve", "lu_"),
        ("D: n x n diagonal positive; b: n; J = b' inv(D) b; grad J wrt b", "cho_solve", "lu_"),
        ("A: n x n posdef; b: n; J = b' inv(A - 2 I) b + logdet(A - 2 I); grad J wrt b", "lu_",
         "chol"),
        ("u: n; v: n; w: n; vjp (u v' w) wrt u", "v @ w", "outer"),
        ("A: n x n; B: n x n; J = tr(A B); grad J wrt A", "einsum", "@|trace"),
        ("A: m x n; B: m x n; J = tr(A' B); grad J wrt A", r"np\.vdot\(A, B\)", "@|trace"),
        ("A: n x n; x: n; y: n; vjp (diag(x) A y) wrt y", r"x \* ", "diag"),
        ("A: m x k; B: k x n; J = sum(A B); grad J wrt A", r"np\.sum\(B, axis=1\)", "A @ B"),
        ("A: m x n; B: p x q; X: q x n; vjp (kron(A, B) vec(X)) wrt X", "@", "kron"),
        ("u: m; v: n; A: m x n; vjp ((u v') .* A) wrt A", r"u\[:, None\]", "outer"),
        ("A: n x n; x: n; vjp (A A A x) wrt x", r"A @ \(A @ \(A @ x\)\)", "A @ A"),
        ("X: m x n; J = sum(softplus(X)); grad J wrt X", "log1p", "logaddexp"),
        ("X: m x n; J = sum(logsumexp(X, axis=1)); grad J wrt X", r"np.max\(X, axis=1\)", "logsum"),
        ("A: m x n; B: m x n; vjp sum(A .* B, axis=1) wrt A", "einsum", "np.sum"),
    ],
)  # fmt: skip
def test_what_is_cheap_is_taken(problem: str, there: str, not_there: str) -> None:
    text = read(problem).code("numpy")
    body = text[text.rindex('"""') :]
    assert re.search(there, body), body
    assert not re.search(not_there, body), body


def test_the_code_of_a_plain_problem_imports_what_it_needs() -> None:
    lines = [
        "import sys, shapetrick as st",
        "st.read(\"A: n x n; x: n; J = x' A x; grad J wrt x\").code('numpy')",
        "print(*(m for m in sys.modules if m.startswith('shapetrick.')))",
    ]
    run = [sys.executable, "-c", "\n".join(lines)]
    loaded = subprocess.run(run, capture_output=True, text=True, check=True).stdout.split()
    own = {name.rpartition(".")[2] for name in loaded if "codegen" in name}
    others = "family_plans loops arrays member_arrays custom_rules row_blocks inplace"
    assert "function_plans" in own
    assert not own & {*others.split(), "self_test", "self_test_draws", "solutions", "einsums"}
    assert "shapetrick.families.unrolling" not in loaded


def test_a_factorisation_is_made_once() -> None:
    text = read(PROBLEMS["one factorisation"]).code("numpy")
    assert text.count("lu_factor") == 1
    text = read(PROBLEMS["gaussian"]).code("numpy")
    assert text.count("cholesky") == 1


def test_sizes_decide_in_which_order_products_are_taken() -> None:
    problem = read("A: m x n; B: n x k; C: k x p; vjp (A B C) wrt A")
    narrow = problem.code("numpy", sizes={"m": 2, "n": 100, "k": 100, "p": 100})
    wide = problem.code("numpy", sizes={"m": 100, "n": 100, "k": 100, "p": 2})
    assert "value = A @ B @ C" in narrow
    assert "t1 = B @ C" in wide


@pytest.mark.parametrize("target", PLAIN)
def test_nothing_overflows(target: str) -> None:
    xp = library(target)
    text = """z: n; S: m x n; A: n x n; J = sum(softplus(z)) + sum(sigmoid(z)) + logsumexp(z)
        K = sum(logsumexp(S, axis=1)); L = logdet(A); vjp softmax(S, axis=1) wrt S
        grad J wrt z; grad K wrt S; grad L wrt A"""
    z = np.array([-2e3, 0.0, 2e3])
    arrays = {"z": z, "S": np.stack([z, -z]), "A": 1e-150 * np.eye(3), "G": np.ones((2, 3))}
    function = read(text).function(target)
    with np.errstate(over="raise", divide="raise", invalid="raise"):
        found = function(**{name: xp.asarray(x) for name, x in arrays.items()})
    assert all(np.isfinite(np.asarray(x)).all() for x in found.values())
    np.testing.assert_allclose(float(found["J"]), 2e3 + np.log(2) + 1.5 + 2e3)
    np.testing.assert_allclose(float(found["K"]), 4e3)
    np.testing.assert_allclose(float(found["L"]), 3 * np.log(1e-150))


def test_an_exponential_is_taken_once() -> None:
    text = read(PROBLEMS["softmax"]).code("numpy")
    assert text.count("np.exp(") == 1


@pytest.mark.parametrize("depth", [100, 10_000])
def test_deep_expressions_are_cut_into_lines(depth: int) -> None:
    x = symbol("x", (Dim.of("n"), ONE))
    e = x
    for _ in range(depth):
        e = call("tanh", add(e, x))
    function = program_of([e], in_rows=False)
    assert function is not None
    assert max(len(line) for line in function.source.splitlines()) < 120
    assert function(x=np.ones(3))["v0"].shape == (3,)


# ------------------------------------------------------------------------------ names and shapes


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("θ", "θ"), ("ϕ", "φ"), ("Z₁", "Z1"), ("bar(Z)", "Z_bar"), ("lambda", "lambda_"),
        ("print", "print_"), ("__import__", "import__"), ("match", "match_"), ("x1", "x1"),
    ],
)  # fmt: skip
def test_names_are_safe(name: str, expected: str) -> None:
    assert safe(name) == expected


def test_nothing_of_the_text_is_run() -> None:
    text = (
        'x: n  # """ + __import__("os").abort() + """\nJ = norm(  # \\" \'\'\'\n x)^2\ngrad J wrt x'
    )
    for target in TARGETS:
        tree = ast.parse(read(text).code(target))
        assert not any(
            isinstance(node, ast.Name) and node.id == "__import__" for node in ast.walk(tree)
        )


ASKED = [
    "x : n; E = x' x; grad E wrt x",
    "x[t] : n for t = 1..T; E = sum(t) x[t]' x[t]; grad E wrt x[t]",
]


@pytest.mark.parametrize("text", ASKED)
@pytest.mark.parametrize("target", ALL_TARGETS)
def test_what_is_asked_again_is_computed_once(target: str, text: str) -> None:
    request = text.rpartition("; ")[2]
    try:
        once = read(text).code(target)
    except RequestError:
        return  # there is no such code of members
    for again in (request, f"check {request} = 2 x{'[t]' if '[t]' in text else ''}"):
        told = read(f"{text}; {again}").code(target)
        assert _code(told) == _code(once)


def _code(module: str) -> list[str]:
    """Its lines but for those that are the problem's."""
    return [line for line in module.splitlines() if "grad E wrt x" not in line or "return" in line]


def test_a_name_may_be_any_that_python_or_the_code_uses() -> None:
    words = ["rows", "step", "count", "work1", "t1", "np", "math", "inputs", "results", "slope"]
    text = "; ".join(f"{w}: m x n" for w in words)
    text += f"; J = norm({' + '.join(words)})^2; grad J wrt {', '.join(words)}"
    problem = read(text)
    for in_rows in (False, True):
        source = problem.code("numpy", self_test=True, blocks=in_rows)
        assert compiled(source)["self_test"]() == 0
    arrays = {w: np.full((2, 3), i + 1.0) for i, w in enumerate(words)}
    np.testing.assert_allclose(problem.function("numpy")(**arrays)["grad J wrt np"], 2 * 55)


def test_vectors_may_have_one_axis() -> None:
    d = shapetrick.derive(PROBLEMS["linear regression"].replace(", X", ""))
    f = d.function("numpy")
    X, w, y = np.arange(6.0).reshape(3, 2), np.ones(2), np.ones(3)
    flat, column = f(X=X, w=w, y=y), f(X=X, w=w[:, None], y=y[:, None])
    assert flat.shape == (2,)
    assert column.shape == (2, 1)
    np.testing.assert_allclose(flat, X.T @ (X @ w - y) / 3)
    np.testing.assert_allclose(column[:, 0], flat)
    np.testing.assert_allclose(f(X=X.astype(int), w=[1, 1], y=[1, 1, 1]), flat)
    jvp = shapetrick.derive("A: m x n; x: n; jvp (A x) wrt x with V").function("numpy")
    assert jvp(A=X, x=w, V=w).shape == (3,)
    assert jvp(A=X, x=w[:, None], V=w[:, None]).shape == (3, 1)


@pytest.mark.parametrize("target", PLAIN)
def test_shapes_are_checked_in_the_words_of_the_problem(target: str) -> None:
    library(target)
    f = read("X: m x d; w: d; J = norm(X w)^2; grad J wrt w").function(target)
    with pytest.raises(ShapeError, match=r"w has shape .*3.*, not d×1 with d = 2"):
        f(X=np.ones((4, 2)), w=np.ones(3))
    with pytest.raises(ShapeError, match=r"`X` is m×d: not an array of shape \(4,\)"):
        f(X=np.ones(4), w=np.ones(3))
    with pytest.raises(ShapeError, match=r"shape \(\): a scalar is declared, `w : scalar`"):
        f(X=np.ones((4, 2)), w=1.0)


def test_arguments_are_checked() -> None:
    f = read("x: n; J = norm(x)^2; grad J wrt x").function("numpy")
    with pytest.raises(OperandError, match="`x` has no value"):
        f()
    with pytest.raises(OperandError, match="`y` is no argument"):
        f(x=[1.0], y=2)
    with pytest.raises(OperandError, match=r"by their names: write `f\(x=…\)`"):
        f([1.0])
    with pytest.raises(OperandError, match="not real numbers"):
        f(x=["a"])
    with pytest.raises(OperandError, match="no array of numbers"):
        f(x=[[1], [1, 2]])


def test_a_size_that_no_shape_tells_is_asked_for() -> None:
    f = read("v: m n; X = unvec(v, m, n); J = norm(X X')^2; grad J wrt v").function("numpy")
    assert set(f.parameters) == {"v", "m"} or set(f.parameters) == {"v", "n"}


@pytest.mark.parametrize("target", TARGETS)
def test_a_gradient_by_what_a_value_does_not_depend_on_is_zero(target: str) -> None:
    library(target)
    text = "x: m; y: m; J = norm(y); grad J wrt x"
    gradient = shapetrick.derive(text).function(target)
    found = gradient(x=np.ones((3, 1)), y=np.ones(3))
    expected = np.sqrt(3) if target in RULES else np.zeros((3, 1))
    np.testing.assert_allclose(np.asarray(found), expected, rtol=1e-6)
    assert read(text).function(target).parameters == ("x", "y")


def test_a_size_may_occur_in_the_value_alone() -> None:
    gradient = shapetrick.derive("x, y: k; t: scalar; J = x' y; grad J wrt t").function("numpy")
    assert gradient(t=1.0) == 0


def test_what_a_gradient_does_not_need_may_be_given() -> None:
    gradient = shapetrick.derive("c: n; w: n; J = c' w; grad J wrt w").function("numpy")
    assert gradient.parameters == ("c",)
    assert gradient(c=np.ones(3), w=np.ones((3, 1))).shape == (3, 1)
    with pytest.raises(OperandError, match="`v` is no argument"):
        gradient(c=np.ones(3), v=np.ones(3))


def test_a_users_own_function_is_passed_in() -> None:
    shapetrick.function("cube", numpy=lambda x: x**3, derivative="3 x.^2")
    problem = read("X: m x n; J = sum(cube(X)); grad J wrt X")
    X = np.arange(6.0).reshape(2, 3)
    np.testing.assert_allclose(problem.function("numpy")(X=X)["J"], np.sum(X**3))
    assert "cube: Callable[..., Array]" in problem.code("numpy")
    with pytest.raises(RequestError, match="your own function"):
        problem.code("numpy", self_test=True)


# ----------------------------------------------------------------------------------- evaluation


def test_expressions_are_evaluated_at_arrays() -> None:
    X, w = shapetrick.symbols("X: m x d; w: d")
    A, v = np.arange(6.0).reshape(3, 2), np.array([1.0, 2.0])
    e = shapetrick.norm(X @ w) ** 2 / shapetrick.dim("m")
    np.testing.assert_allclose(shapetrick.evaluate(e, {"X": A, "w": v}), np.sum((A @ v) ** 2) / 3)
    np.testing.assert_allclose(shapetrick.evaluate(e, X=A, w=v), np.sum((A @ v) ** 2) / 3)
    np.testing.assert_allclose(shapetrick.evaluate(shapetrick.ones("n"), n=2), [[1], [1]])
    with pytest.raises(ShapeError, match="d = 2"):
        shapetrick.evaluate(e, {"X": A, "w": [1.0, 2.0, 3.0]})
    with pytest.raises(OperandError, match="`w` has no value"):
        shapetrick.evaluate(e, {"X": A})
    with pytest.raises(OperandError, match="`n=…`"):
        shapetrick.evaluate(shapetrick.ones("n"), {})


# ------------------------------------------------------------------------------ the command line


def test_the_command_writes_a_module(capsys: pytest.CaptureFixture[str]) -> None:
    file = str(EXAMPLES / "softmax_regression.st")
    assert main(["code", file, "--self-test", "--sizes", "m=1000,d=20,k=3", "--blocks"]) == 0
    assert compiled(capsys.readouterr().out)["self_test"]() == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["-e", "x: n"], "nothing is asked for"),
        (["-e", "x: n; jac (2 x) wrt x", "--target", "jax-vjp"], "no backward rule"),
        (["-e", "x: n; J = norm(x); grad J wrt x", "--sizes", "m=3"], "no dimension `m`"),
        (["-e", "x: n; J = norm(x); grad J wrt x", "--target", "jax", "--blocks"], "target numpy"),
    ],
)
def test_what_the_command_refuses(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["code", *arguments]) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("command", ["code", "derive"])
@pytest.mark.parametrize("sizes", ["m", "m=0", "m=x", "=3", "m=1,,"])
def test_the_command_says_what_sizes_look_like(
    command: str, sizes: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main([command, "-e", "x: n; J = norm(x); grad J wrt x", "--sizes", sizes])
    assert "is no size: write m=128,n[0]=784" in capsys.readouterr().err


# -------------------------------------------------------------------------------------- the table


OWN = {name: row for name, row in TABLE.items() if row.help != "the user's own"}


@pytest.mark.parametrize("name", OWN)
def test_every_function_has_code(name: str) -> None:
    spelled = of_function(name)
    assert name in TRANSLATIONS or spelled is not None
    if name not in TRANSLATIONS and spelled is not None:  # of numbers that are no arrays, too
        assert "np." not in spelled.python


@pytest.mark.parametrize("target", PLAIN)
@pytest.mark.parametrize("name", [n for n, row in OWN.items() if row.elementwise])
def test_functions_keep_their_digits(name: str, target: str) -> None:
    """Of small and large arguments of both signs: relative to the value, so that none cancels."""
    xp, row = library(target), TABLE[name]
    sizes = np.logspace(-9, 3, 49)
    grid = np.concatenate([-sizes, sizes])
    args = [grid, np.roll(grid, 7)][: row.arity]
    with np.errstate(all="ignore"):
        finite = np.isfinite(row.value(*args, None))
    columns = {c: x[finite, None] for c, x in zip("ab", args, strict=False)}
    found = function_of(call(name, *(symbol(c, COLUMN) for c in columns)), target)(
        **{c: xp.asarray(x) for c, x in columns.items()}
    )
    expected = row.value(*columns.values(), None)
    np.testing.assert_allclose(np.asarray(found).reshape(-1, 1), expected, rtol=1e-12, atol=1e-300)


@pytest.mark.parametrize("target", PLAIN)
@pytest.mark.parametrize("name", ["lgamma", "digamma", "trigamma", "hurwitz"])
def test_far_out_no_function_takes_long(name: str, target: str) -> None:
    """SciPy's and PyTorch's zeta take a step for each number below 0, JAX's are wrong there."""
    x = np.array([[-1e12 - 0.5], [-9.3], [2.5], [1e12]])
    args = [np.full(x.shape, 3.0), x][-TABLE[name].arity :]
    columns = dict(zip("ab", args, strict=False))
    arrays = library(target)
    function = function_of(call(name, *(symbol(c, COLUMN) for c in columns)), target)
    found = np.asarray(function(**{c: arrays.asarray(a) for c, a in columns.items()}))
    expected = TABLE[name].value(*args, None).ravel()
    there = np.isfinite(expected) & np.isfinite(found.ravel())
    assert there[2:].all()
    np.testing.assert_allclose(found.ravel()[there], expected[there], rtol=1e-9)


COLUMN = (Dim.of("n"), ONE)


def function_of(root: Expr, target: str) -> Generated:
    """The generated function that returns an expression's value."""
    program = planned([Returned("v", "v", root)], [], {}, is_spelled)
    entry = GeneratedFunction(FUNCTION, program_arguments(program), program.outputs)
    return Generated(module(program, LIBRARIES[target]), LIBRARIES[target], [entry], True)


@pytest.mark.parametrize("target", PLAIN)
@pytest.mark.parametrize("name", [n for n, row in OWN.items() if row.elementwise])
def test_functions_of_numbers_alone(name: str, target: str) -> None:
    """Sizes and constants are numbers, for which no array function is called."""
    xp, row = library(target), TABLE[name]
    low, high = (Fraction(str(x)) for x in row.drawn_from)
    args = [number((3 * low + high) / 4), number((low + 2 * high) / 3)][: row.arity]
    root = times(symbol("s", SCALAR), call(name, *args))
    expected = Evaluation([root]).run({"s": np.ones((1, 1))}, {})[0][0, 0]
    found = function_of(root, target)(s=xp.asarray(1.0))
    np.testing.assert_allclose(float(found), expected, rtol=1e-6)
