"""Derivatives as values: mixed blocks, penalties on gradients and third orders, beside JAX."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax_values import value

import shapetrick as st
from shapetrick.core.errors import ShapetrickError
from shapetrick.language.elaboration import read

jax.config.update("jax_enable_x64", True)

DECLARED = "A : n x n; B : n x k; S : n x n posdef; x, u, v : n; y : k; X : n x k; s : scalar"
SIZES = {"n": 3, "k": 2}
OF = (
    "(x' A x + x' B y)^2",
    "logsumexp(A x + B y)",
    "norm(x) norm(y) + x' inv(S) B y",
)
Gradient = Callable[[Any, Any], Any]
# What is asked, and the same in JAX: of the gradient g by x, at x and y, along u and v.
ASKED: dict[str, Callable[[Gradient, Any, Any, Any, Any], Any]] = {
    "g = grad J wrt x; jac g wrt y": lambda g, x, y, u, v: jax.jacobian(g, 1)(x, y),
    "P = (norm((grad J wrt x)) - 1)^2; grad P wrt y": lambda g, x, y, u, v: jax.grad(
        lambda y: (jnp.linalg.norm(g(x, y)) - 1) ** 2
    )(y),
    "P = dot((grad J wrt x), u); grad P wrt y": lambda g, x, y, u, v: jax.grad(
        lambda y: g(x, y) @ u
    )(y),
    "H = hess J wrt x; grad tr(H) wrt y": lambda g, x, y, u, v: jax.grad(
        lambda y: jnp.trace(jax.jacobian(g, 0)(x, y))
    )(y),
    "q = hvp J wrt x with u; vjp q with v wrt x": lambda g, x, y, u, v: jax.grad(
        lambda x: v @ jax.jacobian(g, 0)(x, y) @ u
    )(x),
}


def point() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    shapes = {"A": (3, 3), "B": (3, 2), "x": (3, 1), "u": (3, 1), "v": (3, 1), "y": (2, 1),
              "X": (3, 2), "s": (1, 1)}  # fmt: skip
    env = {name: rng.normal(size=shape) for name, shape in shapes.items()}
    return {**env, "S": env["A"] @ env["A"].T + np.eye(3)}


@pytest.mark.parametrize("asked", ASKED)
@pytest.mark.parametrize("of", OF)
def test_second_orders_are_those_of_jax(of: str, asked: str) -> None:
    (found,) = st.read(f"{DECLARED}; J = {of}; {asked}").derive()
    assert found.verified
    env = point()
    scalar = read(f"{DECLARED}; J = {of}", complete=False).definitions["J"]

    def f(x: Any, y: Any) -> Any:
        at = {**env, "x": x.reshape(3, 1), "y": y.reshape(2, 1)}
        return value(scalar, at, SIZES, {}).reshape(())

    x, y, u, v = (jnp.array(env[name].ravel()) for name in "xyuv")
    wanted = np.asarray(ASKED[asked](jax.grad(f, 0), x, y, u, v))
    ours = np.asarray(found.evaluate(env, **SIZES)).reshape(wanted.shape)
    np.testing.assert_allclose(ours, wanted, rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize(
    ("attribute", "of"),
    [("symmetric", "x' S x"), ("posdef", "logdet(S + x x')"), ("diagonal", "norm(S x)^2")],
)
def test_attributes_of_what_is_differentiated_by_later_do_not_simplify(
    attribute: str, of: str
) -> None:
    """Of independent entries the mixed block is what it is for any matrix."""
    asked = f"x : n; J = {of}; hess J wrt x, S"
    _, block, _ = st.read(f"S : n x n {attribute}; {asked}").derive()
    _, free, _ = st.read(f"S : n x n; {asked}").derive()
    env = {"S": np.diag([1.0, 2, 3]) if attribute == "diagonal" else point()["S"], "x": [1, 2, 3]}
    assert block.verified
    np.testing.assert_allclose(block.evaluate(env), free.evaluate(env), atol=1e-12)


def test_a_hessian_by_several_names_has_a_derivation_for_each_block() -> None:
    text = "A : m x n; x : m; y : n; J = x' A y + x' x y' y; hess J wrt x, y"
    assert [str(d.gradient) for d in st.read(text).derive()] == [
        "2 (y' y) I", "A + 4 x y'", "2 (x' x) I",
    ]  # fmt: skip


def test_third_orders_by_naming() -> None:
    text = "x : n; J = sum(x.^4); g = grad J wrt x; h = grad sum(g) wrt x; jac h wrt x"
    assert str(st.derive(text).gradient) == "24 diag(x)"


def test_a_derivative_of_a_symmetric_matrix_is_of_independent_entries() -> None:
    text = (
        "S : n x n symmetric; A : n x n; J = tr(S A S); g = grad J wrt S; K = tr(g A); grad K wrt A"
    )
    found = st.derive(text)
    assert found.verified


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x : n; g = grad x wrt x", "`grad` is of a scalar"),
        ("x : n; J = x' x; g = hvp J wrt x", "a value is along something"),
        ("x : n; y : k; J = x' x; g = hvp J wrt x with y", "the shape of its other side"),
        ("x : n; J = x' x; g = grad J wrt x with x", "goes along nothing"),
        ("x : n; J = x' x; g = grad x' x wrt J", "by a declared name"),
    ],
)
def test_what_is_refused(text: str, said: str) -> None:
    with pytest.raises(ShapetrickError, match=said):
        read(text, complete=False)


LINEAR = "A : n x n; b : n; x : n where A x = b; J = x' x; "


@pytest.mark.parametrize(
    "text",
    [
        LINEAR + "g = grad J wrt b; vjp g wrt A",
        LINEAR + "H = jac x wrt b; K = norm(H)^2; grad K wrt A",
        LINEAR + "V : n x n; y = jvp x wrt A with V; K = norm(y)^2; grad K wrt b",
        "X : m x d; y : m; lam : scalar positive; L = norm(X w - y)^2 + lam norm(w)^2; "
        "w : d where (grad L wrt w) = 0; J = norm(w)^2; grad J wrt lam",
    ],
)
def test_derivatives_go_through_equations(text: str) -> None:
    d = st.derive(text)
    assert d.verified and not d.validation.zero


def test_mixed_blocks_go_through_equations() -> None:
    found = st.read(LINEAR + "hess J wrt A, b").derive()
    assert [d.kind for d in found] == ["hess", "jac", "hess"]
    assert all(d.verified and not d.validation.zero for d in found)


@pytest.mark.parametrize(
    ("declared", "of", "by"),
    [
        ("A, Q : n x n; Y : n x n where A Y + Y A' = Q; J = norm(Y)^2; ", "J", "Q"),
        ("A : n x n; v : n, lam : scalar where A v = lam v, v' v = 1; ", "lam", "A"),
    ],
)
def test_what_has_no_closed_form_is_refused_with_what_to_write(
    declared: str, of: str, by: str
) -> None:
    with pytest.raises(st.DerivationError, match="no closed form") as refused:
        st.read(f"{declared}K = norm((grad {of} wrt {by}))^2; grad K wrt A")
    equations, value = str(refused.value).split("`")[3::2]
    assert st.derive(f"{declared}{equations}; K = norm({value})^2; grad K wrt A").verified
