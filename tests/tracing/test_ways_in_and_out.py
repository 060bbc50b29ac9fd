"""Functions on the command line and in Python: how they are given, read, and given back."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import nn
from paths import ROOT

import shapetrick as st
from shapetrick.cli import main

SHAPES = "X: m x d; w: d; y: m"
LOSS = """
import numpy as np
from helper import residual

print("loaded")


def loss(X, w, y):
    r = residual(X, w, y)
    return r @ r / (2 * X.shape[0])


def branching(x):
    if x.sum() > 0:
        return x.sum()
    return x @ x


RATE = 3
"""
HELPER = """
def residual(X, w, y):
    return X @ w - y
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "helper.py").write_text(HELPER, encoding="utf-8")
    path = tmp_path / "loss.py"
    path.write_text(LOSS, encoding="utf-8")
    return path


def test_a_function_in_a_file_is_derived(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["derive", f"{file}:loss", "--shapes", SHAPES, "--wrt", "w", "--quiet"]) == 0
    out, err = capsys.readouterr()
    assert out == "∂J/∂w = X' r / m\n"
    assert "loaded" in err  # what a file prints is no answer


def test_what_was_read_is_said_first(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([f"{file}:loss", "--shapes", SHAPES, "--wrt", "w"]) == 0
    label, _, text = capsys.readouterr().out.splitlines()[0].strip().partition(" ")
    assert (label, text.strip()) == ("read", "`loss` as r = X w - y; J = r' r / (2 m)")


def test_in_all_formats(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    call = ["derive", f"{file}:loss", "--shapes", SHAPES, "--wrt", "w", "--format"]
    for form in ("json", "latex", "markdown", "html"):
        assert main([*call, form]) == 0
        out = capsys.readouterr().out
        assert out
        if form == "json":
            assert json.loads(out)["readings"] == ["`loss` as r = X w - y; J = r' r / (2 m)"]


def test_code_for_a_function(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["code", f"{file}:loss", "--shapes", "X: m x d const; w: d; y: m const"]) == 0
    space: dict[str, Any] = {}
    exec(capsys.readouterr().out, space)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (["{}:branching", "--shapes", "x: n"], "loss.py:14:8: this decides by a value"),
        (["{}:loss"], "give the shapes of its arguments: --shapes"),
        (["{}:los", "--shapes", SHAPES], "has no function `los`: did you mean `loss`?"),
        (["{}:RATE", "--shapes", SHAPES], "`RATE` in"),
        (["{}:loss", "--shapes", "X: m x d; w: d"], "takes `y`, whose shape is not given"),
        (["{}:loss", "--shapes", "X: m x d; w: m; y: m"], "fit only where d = m"),
        (["missing.py:loss", "--shapes", SHAPES], "no such Python file"),
        (["{}", "--shapes", SHAPES], "goes with a function in a Python file"),
        (["{}:loss", "--shapes", "X: m x ("], "line 1"),
    ],
)
def test_refusals_have_their_place(
    file: Path, call: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["derive", *(word.format(file) for word in call)]) == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "said"),
    [("def f(:\n", "line 1"), ("x = 1\n1/0\n", "ZeroDivisionError"), ("import nothing_like_it\n",
      "ModuleNotFoundError")],
)  # fmt: skip
def test_files_that_fail_are_refused(
    tmp_path: Path, text: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "broken.py"
    path.write_text(text, encoding="utf-8")
    assert main(["derive", f"{path}:f", "--shapes", "x: n"]) == 2
    assert said in capsys.readouterr().err


# ------------------------------------------------------------------------------------- the way back


def logistic(X: Any, w: Any, b: Any, y: Any) -> Any:
    return np.log1p(np.exp(-y * (X @ w + b))).sum()


def test_one_axis_stays_one_axis() -> None:
    rng = np.random.default_rng(2)
    given = {"X": rng.normal(size=(5, 3)), "w": rng.normal(size=3), "b": 0.3,
             "y": rng.normal(size=5)}  # fmt: skip
    for name, shape in (("w", (3,)), ("X", (5, 3)), ("y", (5,)), ("b", ())):
        d = st.derive(logistic, X="m x d", w="d", b="scalar", y="m", wrt=name)
        assert np.shape(d.function("numpy")(**given)) == shape
    column = st.derive(lambda x: (x.T @ x).sum(), x="n x 1", wrt="x").function("numpy")
    assert column(x=np.ones((4, 1))).shape == (4, 1)
    wide = st.derive(lambda X, w, y: np.sum((X @ w - y) ** 2), X="m x d", w="d x 1", y="m", wrt="w")
    assert str(wide.problem.readings[0]).endswith("J = sum((X w - y').^2)")


def test_shapes_are_given_in_three_ways() -> None:
    def f(X: Any, w: Any) -> Any:
        return np.tanh(X @ w).sum()

    by_name = st.derive(f, X="m x d", w="d", wrt="w")
    for shapes in ({"X": "m x d", "w": "d"}, "X: m x d; w: d", "X : m×d\nw : d"):
        assert st.derive(f, shapes=shapes, wrt="w").gradient is by_name.gradient
    with pytest.raises(st.InputError, match="by names, or all of them"):
        st.derive(f, shapes="X: m x d", w="d", wrt="w")


def test_names_of_parameters_that_the_call_has_too() -> None:
    def f(seed: Any, shapes: Any) -> Any:
        return np.dot(seed, shapes)

    d = st.derive(f, shapes={"seed": "n", "shapes": "n"}, wrt="seed")
    assert str(d.gradient) == "shapes"


def test_defaults_are_kept_and_words_of_the_language_are_names() -> None:
    def f(x: Any, y: Any, rate: float = 0.5) -> Any:
        exp = np.exp(x)
        return rate * (exp @ y)

    d = st.derive(f, x="n", y="n", wrt="x")
    assert str(d.gradient) == "y .* exp(x) / 2"


def by_index(Z: Any, y: Any) -> Any:
    return -np.log(np.exp(Z)[np.arange(len(y)), y]).sum()


def by_rows(Z: Any, y: Any) -> Any:
    return np.tanh(Z[y]).sum()


def by_columns(Z: Any, y: Any) -> Any:
    return (np.take(Z, y, axis=1) ** 3).sum() + np.take_along_axis(Z, y[:, None], 1).sum()


def jax_by_index(Z: Any, y: Any) -> Any:
    return -nn.log_softmax(Z)[jnp.arange(Z.shape[0]), y].mean()


def jax_along(Z: Any, y: Any) -> Any:
    return jnp.exp(jnp.take_along_axis(Z, y[:, None], axis=1)).sum()


def jax_rows(Z: Any, y: Any) -> Any:
    return jnp.tanh(Z[y]).sum() + (nn.one_hot(y, Z.shape[1]) * Z).sum()


@pytest.mark.parametrize("f", [by_index, by_rows, by_columns, jax_by_index, jax_along, jax_rows])
def test_classes_are_given_by_their_numbers(f: Any) -> None:
    """By f itself, and by the gradient's function."""
    square = f in (by_columns, jax_rows)
    d = st.derive(f, Z="n x n" if square else "n x k", y="n", wrt="Z")
    rng = np.random.default_rng(3)
    z, y = rng.normal(size=(4, 4)) if square else rng.normal(size=(4, 3)), np.array([2, 0, 1, 1])
    flat = [e.ravel() for e in np.eye(z.size).reshape(-1, *z.shape)]
    with jax.enable_x64(True):
        ahead, behind = ([float(f(jnp.asarray(z + s * e.reshape(z.shape)), jnp.asarray(y)))
                          if f.__name__.startswith("jax") else f(z + s * e.reshape(z.shape), y)
                          for e in flat] for s in (1e-5, -1e-5))  # fmt: skip
    wanted = (np.array(ahead) - np.array(behind)).reshape(z.shape) / 2e-5
    np.testing.assert_allclose(d.function("numpy")(Z=z, y=y), wanted, atol=1e-8)


@pytest.mark.parametrize("shape", ["k", "1 x k"])
def test_a_one_hot_vector_is_no_list_of_numbers(shape: str) -> None:
    d = st.derive(f"z : {shape}; y : {shape} onehot; J = sum(exp(z) .* y)", wrt="z")
    z, y = np.array([0.5, -1.0, 2.0]), np.array([0.0, 1.0, 0.0])
    np.testing.assert_allclose(d.function("numpy")(z=z, y=y), np.exp(z) * y)


@pytest.mark.parametrize("numbers", [[0, 3], [-1, 0], [0.5, 1.0]])
def test_what_numbers_no_class_is_refused(numbers: list[float]) -> None:
    d = st.derive("Z : n x k; Y : n x k onehot; J = sum(exp(Z) .* Y)", wrt="Z")
    with pytest.raises(st.OperandError, match="`Y` have whole numbers from 0 to 2"):
        d.function("numpy")(Z=np.ones((2, 3)), Y=np.array(numbers))


DATA, TARGETS = np.linspace(-1, 2, 12).reshape(4, 3), np.array([1.0, -1.0, 2.0, 0.5])


def fitted(w: Any) -> Any:
    return np.mean((DATA @ w - TARGETS) ** 2)


@pytest.mark.parametrize("shapes", [{"w": "3"}, {"w": "d", "DATA": "m x d", "TARGETS": "m"}])
def test_arrays_from_around_a_function_keep_their_values(shapes: Any) -> None:
    d = st.derive(fitted, shapes=shapes, wrt="w")
    w = np.array([0.5, 1.0, -2.0])
    wanted = DATA.T @ (DATA @ w - TARGETS) / 2
    np.testing.assert_allclose(d.function("numpy")(w=w), wanted)
    np.testing.assert_allclose(d.evaluate({"w": w}).ravel(), wanted)
    assert str(d.gradient).startswith(("2 DATA' (DATA w", "DATA' (DATA w - TARGETS) / 2"))


KERNELS = np.sin(np.arange(24.0)).reshape(4, 2, 3)


def through_kernels(x: Any) -> Any:
    return np.tanh(np.einsum("kij,j->ki", KERNELS, x)).sum()


@pytest.mark.parametrize("shape", ["k x m x n const", "4 x m x n", "k x 2 x n"])
def test_arrays_of_three_axes_are_taken_from_around_with_their_shape(shape: str) -> None:
    d = st.derive(through_kernels, x="n", KERNELS=shape, wrt="x")
    x = np.array([0.5, 1.0, -2.0])
    slopes = 1 - np.tanh(np.einsum("kij,j->ki", KERNELS, x)) ** 2
    np.testing.assert_allclose(d.function("numpy")(x=x), np.einsum("kij,ki->j", KERNELS, slopes))
    with pytest.raises(st.InputError, match="give the shape of one that has a name"):
        st.derive(through_kernels, x="3", wrt="x")


def heads(X: Any, W: Any) -> Any:
    return np.tanh((X @ W).reshape(X.shape[0], -1, 2)).sum(axis=2)


def test_an_axis_that_is_taken_apart_is_given_as_one() -> None:
    d = st.derive(heads, X="n x d", W="d x (h 2)", wrt="W")
    rng = np.random.default_rng(5)
    X, W, G = rng.normal(size=(4, 3)), rng.normal(size=(3, 6)), rng.normal(size=(4, 3))
    wanted = X.T @ (np.repeat(G, 2, axis=1) * (1 - np.tanh(X @ W) ** 2))
    np.testing.assert_allclose(d.function("numpy")(X=X, W=W, G=G), wanted)
    with pytest.raises(st.ShapeError, match="`W` is"):
        d.function("numpy")(X=X, W=W[:, :5], G=G)
    loose = st.derive(lambda X, W: heads(X, W).sum(), X="n x d", W="d x (2 h)", wrt="W")
    assert loose.function("numpy")(X=X, W=W).shape == W.shape


@pytest.mark.parametrize(
    ("shapes", "said"),
    [
        ({"w": "d"}, "fit only where 3 = d"),
        ({"w": "d", "DATA": "m", "TARGETS": "m"}, "has the shape"),
        ({"w": "d", "DATA": "m x m", "TARGETS": "m"}, "`m` is 4, and 3 in `DATA`"),
    ],
)
def test_shapes_of_such_arrays_have_to_fit(shapes: Any, said: str) -> None:
    with pytest.raises(st.InputError, match=said):
        st.derive(fitted, shapes=shapes, wrt="w")


def test_a_module_of_layers_is_derived_by_its_parameters() -> None:
    torch = pytest.importorskip("torch")
    net = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.Tanh()).double()
    x = torch.linspace(-1, 1, 12).reshape(4, 3).double()
    net(x).sum().backward()

    def total(x: Any) -> Any:
        return net(x).sum()

    for name, parameter in net.named_parameters():
        d = st.derive(total, x="n x 3 const", wrt=f"net_{name.replace('.', '_')}")
        found = d.function("torch")(x=x)
        torch.testing.assert_close(found.reshape(parameter.shape), parameter.grad)


def test_weights_of_single_precision_meet_what_is_given() -> None:
    torch = pytest.importorskip("torch")
    layer = torch.nn.Linear(3, 2)

    def total(x: Any) -> Any:
        return (layer(x) * torch.tensor(0.3)).square().sum()

    x = torch.linspace(-1, 1, 12).reshape(4, 3).requires_grad_()
    total(x).backward()
    found = st.derive(total, x="n x 3", wrt="x").function("torch")(x=x.detach())
    torch.testing.assert_close(found, x.grad)


@pytest.mark.parametrize(
    ("f", "text"),
    [
        (lambda x: np.log(np.sum(np.exp(x))), "logsumexp(x)"),
        (lambda x: x.max() + np.log(np.exp(x - x.max()).sum()), "logsumexp(x)"),
        (lambda x: np.sqrt((x**2).sum()), "norm(x)"),
        (lambda x: np.sqrt(x @ x), "norm(x)"),
        (lambda x: np.sum(x * (x > 0)), "sum(relu(x))"),
        (lambda x: np.sum(1 / (1 + np.exp(-x))), "sum(sigmoid(x))"),
        (lambda x: np.sum(np.exp(x) / (1 + np.exp(x))), "sum(sigmoid(x))"),
        (lambda x: np.sum(np.logaddexp(0, x)), "sum(softplus(x))"),
        (lambda x: jnp.sum(jax.nn.relu(x)), "sum(relu(x))"),
    ],
)
def test_what_is_written_out_is_recognised(f: Any, text: str) -> None:
    assert st.read(f, x="n").data.text.splitlines()[1] == f"J = {text}"


def test_no_library_is_imported_without_need() -> None:
    code = (
        "import sys, shapetrick as st\n"
        "import numpy as np\n"
        "print(st.derive(lambda x: np.exp(x).sum(), x='n').gradient)\n"
        "print({'jax', 'torch', 'sympy'} & sys.modules.keys())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert done.stdout == "exp(x)\nset()\n"
