"""Families as code: loops in NumPy, JAX and PyTorch agree with automatic differentiation."""

from __future__ import annotations

import re
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from networks import LENGTHS, NETWORKS, Values, bend, derived, jax, length_of, listed, text_of, wave
from thinned import thinned

from shapetrick.api import derive, read
from shapetrick.codegen.python.callables import compiled
from shapetrick.core.errors import OperandError, RequestError, ShapeError

jnp = jax.numpy

MLP = """
X : m x n[0];  Y : m x n[L]
W[l] : n[l-1] x n[l]   for l = 1..L
sigma : elementwise
Z[0] = X
Z[l] = sigma(Z[l-1] W[l])    for l = 1..L
J = norm(Z[L] - Y)^2 / (2 m)
"""


def waves(library: str, length: int) -> Values:
    """The functions of the examples, in a library's own arrays."""
    if library == "numpy":
        functions = [bend if i % 2 else wave for i in range(length)]
        return {
            "sigma": [partial(f, order=0) for f in functions],
            "sigma_prime": [partial(f, order=1) for f in functions],
        }
    np_like: Any = jnp
    if library == "torch":
        np_like = pytest.importorskip("torch")
    values = [np_like.tanh if i % 2 else np_like.sin for i in range(length)]
    slopes = [(lambda x: 1 - np_like.tanh(x) ** 2) if i % 2 else np_like.cos for i in range(length)]
    return {"sigma": values, "sigma_prime": slopes}


@pytest.mark.parametrize("library", ["numpy", "jax", "torch"])
@pytest.mark.parametrize("name", thinned(NETWORKS))
def test_loops_agree_with_jax(name: str, library: str) -> None:
    network, inputs = NETWORKS[name]
    if library == "torch":
        pytest.importorskip("torch")
    function = read(text_of(name)).function(library)
    keys = {f"grad J wrt {d.wrt}": d for d in derived(name)}
    for length in LENGTHS:
        values = inputs(np.random.default_rng(length), length)
        expected = jax.grad(network)(values, length)
        given = {**values, **waves(library, length), length_of(derived(name)[0]): length}
        found = function(**{key: given[key] for key in function.parameters})
        assert list(found) == ["J", *keys]
        np.testing.assert_allclose(found["J"], network(values, length), rtol=1e-10)
        for key, d in keys.items():
            base, _, index = d.wrt.partition("[")
            wanted = expected[base][0] if index == "0]" else expected[base]
            for mine, theirs in zip(listed(found[key]), listed(wanted), strict=True):
                np.testing.assert_allclose(mine, theirs, rtol=1e-8, atol=1e-10)


def test_torch_itself_agrees() -> None:
    torch = pytest.importorskip("torch")
    _, inputs = NETWORKS["lstm"]
    function = read(text_of("lstm")).function("torch")
    for length in LENGTHS:
        values = inputs(np.random.default_rng(length), length)
        given: Values = {
            name: [torch.tensor(a, requires_grad=True) for a in x]
            if isinstance(x, list)
            else torch.tensor(x, requires_grad=True)
            for name, x in values.items()
        }
        found = function(**given, T=length)
        value = found.pop("J")
        for key, gradient in found.items():
            base, _, index = key.split()[-1].partition("[")
            wrt = [given[base][0]] if index == "0]" else listed(given[base])
            theirs = torch.autograd.grad(value, wrt, retain_graph=True)
            for mine, other in zip(listed(gradient), theirs, strict=True):
                torch.testing.assert_close(mine, other, rtol=1e-8, atol=1e-10)


def test_the_code_is_what_a_lecture_writes() -> None:
    lines = [line.strip() for line in derive(MLP + "grad J wrt W[l]").code("numpy").splitlines()]
    start = lines.index("for l in range(1, L + 1):")
    assert lines[start : start + 13] == [
        "for l in range(1, L + 1):",
        "A[l] = Z[l - 1] @ W[l]",
        "Z[l] = sigma(A[l])",
        "t1 = Z[L] - Y",
        "J = np.vdot(t1, t1) / (2 * m)",
        "G = {}",
        "grad_J_W = {}",
        "G[L] = (Z[L] - Y) / m",
        "for l in range(L, 0, -1):",
        "s1 = G[l] * sigma_prime(A[l])",
        "G[l - 1] = s1 @ W[l].T",
        "grad_J_W[l] = Z[l - 1].T @ s1",
        "return J, [grad_J_W[i] for i in sorted(grad_J_W)]",
    ]


CASES = {
    "letters that differ": (
        "x : n; P, Q : n x n; B[0] = x; A[s] = tanh(P B[s-1]) for s = 1..T\n"
        "B[t] = Q A[t] for t = 1..T; J = norm(B[T])^2; grad J wrt P, x",
        {"x": (3, 1), "P": (3, 3), "Q": (3, 3)},
    ),
    "a member between the steps": (
        "x : n; P, Q : n x n; B[0] = x; A[l] = P B[l-1] for l = 1..L; B[1] = 2 A[1]\n"
        "B[l] = Q A[l] + A[l-1] for l = 2..L; J = norm(B[L])^2; grad J wrt P, x",
        {"x": (3, 1), "P": (3, 3), "Q": (3, 3)},
    ),
    "a sum within": (
        "h[0] : n; A : n x n; h[t] = tanh(A h[t-1]) for t = 1..T\n"
        "J = log(sum(t = 1..T) norm(h[t])^2); grad J wrt A, h[0]",
        {"h": [(3, 1)], "A": (3, 3)},
    ),
    "two lengths": (
        "x : n; A, B : n x n; z[0] = x; z[l] = tanh(A z[l-1]) for l = 1..L; q[0] = z[L]\n"
        "q[k] = tanh(B q[k-1]) for k = 1..K; J = sum(q[K]); grad J wrt A, B, x",
        {"x": (3, 1), "A": (3, 3), "B": (3, 3)},
    ),
    "two values": (
        "x : n; A : n x n; z[0] = x; z[l] = tanh(A z[l-1]) for l = 1..L\n"
        "J = sum(z[L]); K = norm(z[L])^2; grad J wrt A; grad K wrt A, x",
        {"x": (3, 1), "A": (3, 3)},
    ),
    "two steps back": (
        "x[0], x[1] : n; A, B : n x n; x[t] = tanh(A x[t-1] + B x[t-2]) for t = 2..T\n"
        "J = norm(x[T])^2; grad J wrt A, B, x[0], x[1]",
        {"x": [(3, 1), (3, 1)], "A": (3, 3), "B": (3, 3)},
    ),
    "sizes of members": (
        "X : m x n[0]; W[l] : n[l-1] x n[l] for l = 1..L; Z[0] = X\n"
        "Z[l] = tanh(Z[l-1] W[l]) for l = 1..L; J = sum(Z[L]); grad J wrt W[l], X",
        {"X": (2, 3), "W": [(3, 4), (4, 2), (2, 5), (5, 3)]},
    ),
    "the number of a step": (
        "X : m x n; W[l] : n x n for l = 1..L; Z[0] = X\n"
        "Z[l] = Z[l-1] + tanh(Z[l-1] W[l]) / (l L) for l = 1..L; J = norm(Z[L])^2; grad J wrt W[l]",
        {"X": (2, 3), "W": [(3, 3)] * 4},
    ),
    "an index from zero": (
        "X : m x n[0]; W[l] : n[l] x n[l+1] for l = 0..L-1; s[l] : elementwise for l = 0..L-1\n"
        "Z[0] = X; Z[l+1] = s[l](Z[l] W[l]) for l = 0..L-1; J = norm(Z[L])^2; grad J wrt W[l], X",
        {"X": (2, 3), "W": [(3, 4), (4, 2), (2, 5), (5, 3)]},
    ),
    "an upstream": (
        "X : m x n; W[l] : n x n for l = 1..L; Z[0] = X\n"
        "Z[l] = tanh(Z[l-1] W[l]) for l = 1..L; vjp Z[L] wrt W[l], X",
        {"X": (2, 3), "W": [(3, 3)] * 4, "bar(Z[L])": (2, 3)},
    ),
    "definitions between": (
        "X : m x n; W[l] : n x n for l = 1..L; w : n; Z[0] = X\n"
        "Z[l] = tanh(Z[l-1] W[l]) for l = 1..L; p = Z[L] w; q = p .* p; J = sum(q)^2\n"
        "grad J wrt W[l], w, X",
        {"X": (2, 3), "W": [(3, 3)] * 4, "w": (3, 1)},
    ),
    "a size that a sum tells": (
        "X : m x n+1; A : n+1 x n+1; Z[0] = X; Z[l] = tanh(Z[l-1] A) / n for l = 1..L\n"
        "J = norm(Z[L])^2; grad J wrt A, X",
        {"X": (2, 4), "A": (4, 4)},
    ),
    "members of two shapes": (
        "X : m x n; W[1] : n x k; W[l] : k x k for l = 2..L; Z[1] = tanh(X W[1]) / k\n"
        "Z[l] = tanh(Z[l-1] W[l]) / k for l = 2..L; J = norm(Z[L])^2; grad J wrt W[1], X",
        {"X": (4, 3), "W": [(3, 2), (2, 2), (2, 2), (2, 2)]},
    ),
    "a scalar recurrence": (
        "a : scalar; x[0] : scalar; x[t] = a x[t-1] (1 - x[t-1]) for t = 1..T; J = x[T]\n"
        "grad J wrt a, x[0]",
        {"a": (1, 1), "x": [(1, 1)]},
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_loops_agree_with_what_was_validated(case: str) -> None:
    text, shapes = CASES[case]
    problem = read(text)
    rng = np.random.default_rng(0)
    lengths = dict.fromkeys(problem.data.families.lengths, 4)
    given: Values = {
        name: [rng.normal(size=s) for s in shape]
        if isinstance(shape, list)
        else rng.normal(size=shape)
        for name, shape in shapes.items()
    }
    functions = {"s": [wave, bend, wave, bend]}
    called = {"s": [partial(f, order=0) for f in functions["s"]]}
    called["s_prime"] = [partial(f, order=1) for f in functions["s"]]
    own = problem.function("numpy")
    found = own(**{k: v for k, v in {**given, **called, **lengths}.items() if k in own.parameters})
    for d in problem.derive():
        assert d.verified, d.validation
        expected = listed(d.evaluate(given, functions, **lengths))
        key = f"{d.kind} {d.of} wrt {d.wrt}"
        for mine, other in zip(listed(found[key]), expected, strict=True):
            np.testing.assert_allclose(mine, other, rtol=1e-10, atol=1e-13)
        alone = d.function("numpy")
        again = alone(
            **{k: v for k, v in {**given, **called, **lengths}.items() if k in alone.parameters}
        )
        for mine, other in zip(listed(again), expected, strict=True):
            np.testing.assert_allclose(mine, other, rtol=1e-10, atol=1e-13)


def test_a_size_that_no_shape_tells_is_asked_for() -> None:
    text = "v : m n; Z[0] = unvec(v, m, n); Z[l] = tanh(Z[l-1]) / m for l = 1..L\n"
    problem = read(text + "J = norm(Z[L])^2; grad J wrt v")
    v = np.linspace(0.1, 1.5, 6)
    found = problem.function("numpy")(v=v, L=2, m=2)
    (derivation,) = problem.derive()
    expected = derivation.evaluate({"v": v.reshape(-1, 1)}, L=2, m=2, n=3)
    np.testing.assert_allclose(found["grad J wrt v"].reshape(-1, 1), expected, rtol=1e-10)
    assert compiled(problem.code("numpy", self_test=True))["self_test"]() == 0


RNN = """
X[t] : m x d for t = 1..T; Y : m x k; H[0] : m x k; W : d x k; U : k x k; b : 1 x k
H[t] = tanh(X[t] W + H[t-1] U + b) for t = 1..T
J = norm(H[T] - Y)^2; grad J wrt W, b, X[t]
"""


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"U": (2, 3)}, "U has shape (2, 3), not k×k with k = 2"),
        ({"Y": (4, 2, 2)}, "Y has shape (4, 2, 2), not m×k"),
        ({"Y": (4,)}, "Y has shape (4,), not m×k"),
        ({"b": (3,)}, "b has shape (3,), not 1×k with k = 2"),
        ({"X": [(4, 3), (4, 3)]}, "X has 2 members, not T = 3"),
        ({"X": [(4, 3), (4, 3), (5, 3)]}, "X[3] has shape (5, 3), not m×d with m = 4, d = 3"),
        ({"H": [(3, 2)]}, "H[0] has shape (3, 2), not m×k with m = 4, k = 2"),
        ({"H": []}, "H has 0 members, not 1"),
    ],
)
@pytest.mark.parametrize("library", ["numpy", "jax"])
def test_what_does_not_fit_is_told_by_its_name(library: str, wrong: Values, told: str) -> None:
    function = compiled(read(RNN).code(library))["value_and_gradients"]
    shapes: Values = {"X": [(4, 3)] * 3, "Y": (4, 2), "H": [(4, 2)], "W": (3, 2), "U": (2, 2)}
    ones = np.ones if library == "numpy" else jnp.ones
    given = {
        name: [*map(ones, shape)] if isinstance(shape, list) else ones(shape)
        for name, shape in {**shapes, "b": (2,), **wrong}.items()
    }
    with pytest.raises(AssertionError, match=re.escape(told)):
        function(**given, T=3)


@pytest.mark.parametrize(("shape", "axes"), [("", ()), (": 2", (2,)), (": 2 x 3", (2, 3))])
def test_an_array_of_members_is_a_list_of_them(shape: str, axes: tuple[int, ...]) -> None:
    """Whatever the rank of a member is, the gradients come back as a list."""
    text = f"x[t] {shape or ': scalar'} for t = 1..T; h[1] = x[1]\n"
    text += "h[t] = tanh(h[t-1]) .* x[t] for t = 2..T; J = sum(h[T].^2); grad J wrt x[t]"
    function = read(text).function("numpy")
    x = np.random.default_rng(0).normal(size=(3, *axes))
    one, other = (function(x=given, T=3)["grad J wrt x[t]"] for given in (x, list(x)))
    assert isinstance(one, list)
    np.testing.assert_array_equal(np.reshape(one, x.shape), np.reshape(other, x.shape))


def test_what_is_given_wrongly_is_refused() -> None:
    function = derive(MLP + "grad J wrt W[l]").function("numpy")
    x, y, w = np.ones((2, 3)), np.ones((2, 3)), [np.ones((3, 3))]
    functions: Values = {"sigma": np.tanh, "sigma_prime": np.cos}
    with pytest.raises(OperandError, match="`W` is a family"):
        function(X=x, Y=y, W=3.0, L=1, **functions)
    with pytest.raises(OperandError, match="`V` is no argument"):
        function(X=x, Y=y, W=w, V=w, L=1, **functions)
    with pytest.raises(ShapeError, match=r"`W\[l\]` is"):
        function(X=x, Y=y, W=[np.ones(3)], L=1, **functions)


def test_a_length_is_that_of_the_list_of_members() -> None:
    function = derive(MLP + "grad J wrt W[l]").function("numpy")
    x, y, w = np.ones((2, 3)), np.ones((2, 3)), [np.eye(3) / 2, np.eye(3)]
    functions: Values = {"sigma": np.tanh, "sigma_prime": lambda x: 1 - np.tanh(x) ** 2}
    told, read_off = (function(X=x, Y=y, W=w, **functions, **given) for given in ({"L": 2}, {}))
    np.testing.assert_array_equal(read_off, told)


@pytest.mark.parametrize("name", NETWORKS)
def test_jax_takes_the_rule(name: str) -> None:
    network, inputs = NETWORKS[name]
    function = read(text_of(name)).function("jax-vjp")
    length_name = length_of(derived(name)[0])
    asked = list(dict.fromkeys(d.wrt.partition("[")[0] for d in derived(name)))
    for length in (1, 3):
        values = inputs(np.random.default_rng(length), length)
        given = {**values, **waves("jax", length), length_name: length}
        given = {key: given[key] for key in function.parameters}

        def value(variables: Values, given: Values = given) -> Any:
            return jnp.sin(function(**{**given, **variables})["J"])

        start = {key: jax.tree_util.tree_map(jnp.asarray, values[key]) for key in asked}
        found, expected = jax.grad(value)(start), jax.grad(network)(values, length)
        scale = np.cos(network(values, length))
        for key in asked:
            for mine, theirs in zip(listed(found[key]), listed(expected[key]), strict=True):
                np.testing.assert_allclose(mine, scale * theirs, rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("name", NETWORKS)
def test_torch_takes_the_rule(name: str) -> None:
    torch = pytest.importorskip("torch")
    network, inputs = NETWORKS[name]
    function = read(text_of(name)).function("torch-function")
    length_name = length_of(derived(name)[0])
    asked = list(dict.fromkeys(d.wrt.partition("[")[0] for d in derived(name)))
    for length in (1, 3):
        values = inputs(np.random.default_rng(length), length)
        given = {**values, **waves("torch", length), length_name: length}
        for key in asked:
            tensors = [torch.tensor(a, requires_grad=True) for a in listed(values[key])]
            given[key] = tensors if isinstance(values[key], list) else tensors[0]
        value = torch.sin(function(**{key: given[key] for key in function.parameters})["J"])
        value.backward()
        expected = jax.grad(network)(values, length)
        scale = np.cos(network(values, length))
        for key in asked:
            for mine, theirs in zip(listed(given[key]), listed(expected[key]), strict=True):
                np.testing.assert_allclose(mine.grad, scale * theirs, rtol=1e-8, atol=1e-10)


def test_a_rule_with_an_upstream() -> None:
    text = "X : m x n; W[l] : n x n for l = 1..L; Z[0] = X; Z[l] = tanh(Z[l-1] W[l]) for l = 1..L\n"
    function = read(text + "vjp Z[L] wrt W[l], X").function("jax-vjp")
    rng = np.random.default_rng(0)
    x, w = rng.normal(size=(2, 3)), [rng.normal(size=(3, 3)) for _ in range(3)]

    def plain(x: Any, w: Any) -> Any:
        for one in w:
            x = jnp.tanh(x @ one)
        return x

    def derived_rule(x: Any, w: Any) -> Any:
        return function(X=x, W=w, L=3)["Z[L]"]

    for f, g in zip(jax.vjp(plain, x, w), jax.vjp(derived_rule, x, w), strict=True):
        if callable(f):
            up = rng.normal(size=(2, 3))
            leaves = (jax.tree_util.tree_leaves(h(up)) for h in (f, g))
            for one, other in zip(*leaves, strict=True):
                np.testing.assert_allclose(one, other, rtol=1e-10)
        else:
            np.testing.assert_allclose(f, g, rtol=1e-12)


def test_what_nobody_derived_is_no_zero() -> None:
    torch = pytest.importorskip("torch")
    function = derive(MLP + "grad J wrt W[l]").function("torch-function")
    w = [torch.ones((3, 3), dtype=torch.float64)]
    x = torch.ones((2, 3), dtype=torch.float64)
    given: Values = {"sigma": torch.tanh, "sigma_prime": torch.cos, "L": 1}
    function(X=x, Y=x, W=w, **given)
    value = function(X=x.requires_grad_(), Y=torch.ones_like(x), W=w, **given)
    with pytest.raises(NotImplementedError, match="derived by X"):
        value.backward()
    function = derive(MLP + "grad J wrt X").function("torch-function")
    function(X=x, Y=torch.ones_like(x), W=w, **given).backward()
    w[0].requires_grad_()
    value = function(X=x, Y=torch.ones_like(x), W=w, **given)
    with pytest.raises(NotImplementedError, match="derived by Y, W"):
        value.backward()


def test_torch_tells_lists_apart_that_have_a_gradient() -> None:
    """Of two families one has a gradient: only where the other wants one is it refused."""
    torch = pytest.importorskip("torch")
    text = "X : m x n; V[l], W[l] : n x n for l = 1..L; Z[0] = X; J = norm(Z[L])^2\n"
    text += "Z[l] = tanh(Z[l-1] V[l]) W[l] for l = 1..L; grad J wrt W[l], X"
    function = read(text).function("torch-function")
    x, *v = (torch.ones((2, 2), dtype=torch.float64, requires_grad=i == 0) for i in range(3))
    w = [torch.eye(2, dtype=torch.float64, requires_grad=True) for _ in range(2)]
    function(X=x, V=v, W=w, L=2)["J"].backward()
    assert all(one.grad is not None for one in (x, *w))
    value = function(X=x, V=[v[0], v[1].requires_grad_()], W=w, L=2)["J"]
    with pytest.raises(NotImplementedError, match="derived by V"):
        value.backward()


# ---------------------------------------------------------------------------------- the self-test


BACK = re.compile(r"\b(G\w*\[[lt] - 1\] = )")  # a step of the loop backward


def run(source: str, path: Path) -> subprocess.CompletedProcess[str]:
    script = path / "loops.py"
    script.write_text(source, encoding="utf-8")
    return subprocess.run([sys.executable, script], capture_output=True, text=True, check=False)


@pytest.mark.parametrize("name", NETWORKS)
def test_loops_test_themselves(name: str, tmp_path: Path) -> None:
    source = read(text_of(name)).code("numpy", self_test=True)
    spoilt = re.sub(BACK, r"\1-1.0 * ", source, count=1)
    assert spoilt != source
    right = run(source, tmp_path)
    assert right.returncode == 0, right.stdout + right.stderr
    lines = right.stdout.splitlines()
    for d in derived(name):
        base, _, index = d.wrt.partition("[")
        own = [line for line in lines if re.match(rf"grad J wrt {base}\b", line)]
        assert len(own) == (3 if index in ("l]", "t]") else 1)
    wrong = run(spoilt, tmp_path)
    assert wrong.returncode == 1, wrong.stderr
    assert ": WRONG, off by" in wrong.stdout


TESTED = {
    **{case: text for case, (text, _) in CASES.items()},
    "a value with a name of the test": (
        "x[0] : n; A : n x n; x[t] = tanh(A x[t-1]) for t = 1..T; v = norm(x[T])^2\n"
        "grad v wrt A, x[0]"
    ),
    "members alone": (
        "X : m x n; W[l] : n x n for l = 1..L; Z[0] = X\n"
        "Z[l] = tanh(Z[l-1] W[l]) for l = 1..L; J = sum(Z[L]); grad J wrt W[1], W[L]"
    ),
    "a length that is a number": (
        "x[0] : n; A : n x n; x[t] = tanh(A x[t-1]) for t = 1..4; J = norm(x[4])^2\n"
        "grad J wrt A, x[0]"
    ),
}


@pytest.mark.parametrize("case", TESTED)
def test_other_loops_test_themselves(case: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert compiled(read(TESTED[case]).code("numpy", self_test=True))["self_test"]() == 0
    assert ": ok, off by" in capsys.readouterr().out


@pytest.mark.parametrize("target", ["jax-vjp", "torch-function"])
def test_values_without_a_name_are_tested_each(target: str) -> None:
    if "torch" in target:
        pytest.importorskip("torch")
    text = "x[0] : n; A : n x n; x[t] = tanh(A x[t-1]) for t = 1..T\n"
    text += "grad sum(x[T]) wrt A; grad norm(x[T])^2 wrt A"
    source = read(text).code(target, self_test=True)
    assert compiled(source)["self_test"]() == 0
    steps = list(BACK.finditer(source))
    assert len(steps) == 2
    for step in steps:
        spoilt = f"{source[: step.end()]}-1.0 * {source[step.end() :]}"
        assert compiled(spoilt)["self_test"]() == 1


@pytest.mark.parametrize("target", ["jax", "torch", "jax-vjp", "torch-function"])
@pytest.mark.parametrize("case", ["deep_mlp", "an upstream", "two values"])
def test_each_target_tests_itself(
    case: str, target: str, capsys: pytest.CaptureFixture[str]
) -> None:
    if "torch" in target:
        pytest.importorskip("torch")
    text = TESTED[case] if case in TESTED else text_of(case)
    source = read(text).code(target, self_test=True)
    assert compiled(source)["self_test"]() == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines
    assert all(": ok, off by" in line for line in lines)
    spoilt = re.sub(BACK, r"\1-1.0 * ", source, count=1)
    assert compiled(spoilt)["self_test"]() > 0


def test_what_is_not_written() -> None:
    with pytest.raises(RequestError, match="all members of `W`"):
        derive(MLP + "grad J wrt W[1]").code("jax-vjp")
    with pytest.raises(RequestError, match="takes no rows apart"):
        derive(MLP + "grad J wrt W[l]").code("numpy", blocks=True)
    with pytest.raises(RequestError, match=r"`Z\[0\]` is computed: a self-test moves inputs"):
        derive(MLP + "grad J wrt Z[l]").code("numpy", self_test=True)
    two = read(MLP + "vjp Z[L] wrt W[l] with P; vjp Z[L] wrt X with Q")
    with pytest.raises(RequestError, match="one upstream gradient"):
        two.code("jax-vjp")


def test_two_values_are_two_rules() -> None:
    two = read(MLP + "K = sum(Z[L]); grad J wrt W[l]; grad K wrt W[l]")
    assert two.code("jax-vjp").count("defvjp") == 2
    function, plain = two.function("jax-vjp"), two.function("numpy")
    rng = np.random.default_rng(0)
    given: Values = {"X": rng.normal(size=(2, 3)), "Y": rng.normal(size=(2, 3)), "L": 2}
    weights = [rng.normal(size=(3, 3)) for _ in range(2)]
    expected = plain(W=weights, **given, sigma=np.sin, sigma_prime=np.cos)
    for value in "JK":

        def of(w: Any, value: str = value) -> Any:
            return function(W=w, **given, sigma=jnp.sin, sigma_prime=jnp.cos)[value]

        np.testing.assert_allclose(of(weights), expected[value], rtol=1e-10)
        found = jax.grad(of)([jnp.asarray(w) for w in weights])
        for mine, theirs in zip(found, expected[f"grad {value} wrt W[l]"], strict=True):
            np.testing.assert_allclose(mine, theirs, rtol=1e-10)
