"""No name that a problem gives clashes with a name that generated code has of its own."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable, Collection, Sequence
from typing import Any

import jax
import pytest
from code_cases import library

from shapetrick.api import read
from shapetrick.codegen.python.callables import compiled
from shapetrick.codegen.python.module import IN_LETTERS, TARGETS
from shapetrick.core.errors import InputError

jax.config.update("jax_enable_x64", True)

NAMES = (
    *("np", "jnp", "jax", "torch", "scipy", "math", "partial", "sys", "numpy"),
    *("Array", "Tensor", "NDArray", "Callable", "Any", "once_differentiable"),
    *("ctx", "self", "saved", "given", "members", "tensors", "cls", "forward", "backward"),
    *("lambda", "class", "None", "match", "type", "import", "float", "range", "slice", "len"),
    *("value_and_gradients", "self_test", "inputs", "results", "rng", "found", "wrong", "compare"),
    *("J_bar", "x_shape", "grad_J_x", "t1", "s1", "work1", "step", "start", "rows", "count"),
    *("i", "a", "g", "u", "v", "f_prime", "x_", "J_forward", "JFunction", "space"),
)
OF_LOOPS = (
    *("i", "a", "g", "given", "members", "tensors", "ctx", "saved", "self", "s1", "t1"),
    *("np", "torch", "Tensor", "J_bar", "grad_J_x", "sorted", "lambda", "in_lists"),
)


def joined(template: str, names: Sequence[str], by: str = "; ") -> str:
    """The template for each name, `{0}`, and its number, `{1}`."""
    return by.join(template.format(name, k) for k, name in enumerate(names, 2))


# A problem in which all of some names have a role.
ROLES: dict[str, Callable[[Sequence[str]], str]] = {
    "symbols": lambda names: (
        f"""{joined("{0}", names, ", ")} : n
        J = {joined("norm(tanh({1} {0}))^2", names, " + ")}
        grad J wrt {joined("{0}", names, ", ")}"""
    ),
    "scalars": lambda names: (
        f"""{joined("{0}", names, ", ")} : scalar; x_1 : n
        J = {joined("norm(tanh({0} x_1))^2", names, " + ")}
        grad J wrt x_1, {joined("{0}", names, ", ")}"""
    ),
    "definitions": lambda names: (
        f"""x_1 : n; {joined("{0} = tanh({1} x_1)", names)}
        J = {joined("norm({0})^2 + sum({0})", names, " + ")}; grad J wrt x_1"""
    ),
    "values": lambda names: (
        f"""x_1 : n; {joined("{0} = norm(tanh({1} x_1))^2", names)}
        {joined("grad {0} wrt x_1", names)}"""
    ),
    "dimensions": lambda names: (
        f"""{joined("x_{1} : {0}", names)}
        J = {joined("norm(tanh(x_{1}))^2 / {0}", names, " + ")}; grad J wrt x_2, x_3"""
    ),
    "functions": lambda names: (
        f"""x_1 : n; {joined("{0} : elementwise", names)}
        J = {joined("norm({0}(x_1))^2", names, " + ")}; grad J wrt x_1"""
    ),
    "directions": lambda names: (
        f"""x_1 : n; {joined("y_{1} = tanh({1} x_1)", names)}
        {joined("vjp y_{1} with {0} wrt x_1", names)}"""
    ),
}
ROLES_IN_LOOPS: dict[str, Callable[[Sequence[str]], str]] = {
    "members": lambda names: (
        f"""x : n; {joined("{0}[l] : n x n for l = 1..L", names)}; z[0] = x
        z[l] = tanh({joined("{0}[l] z[l-1]", names, " + ")} / 9) for l = 1..L
        J = norm(z[L])^2; grad J wrt x, {joined("{0}[l]", names, ", ")}"""
    ),
    "symbols": lambda names: (
        f"""x, {joined("{0}", names, ", ")} : n; z[0] = x
        z[l] = tanh(z[l-1] + {joined("{0}", names, " + ")}) / 9 for l = 1..L
        J = norm(z[L])^2; grad J wrt x, {joined("{0}", names, ", ")}"""
    ),
    "definitions": lambda names: (
        f"""A : n x n; x : n; {joined("{0} = tanh({1} x)", names)}
        z[0] = x; z[l] = tanh(A z[l-1] + {joined("{0}", names, " + ")}) / 9 for l = 1..L
        J = norm(z[L])^2; grad J wrt A, x"""
    ),
    "functions": lambda names: (
        f"""x : n; {joined("{0} : elementwise", names)}; z[0] = x
        z[l] = {joined("{0}(z[l-1])", names, " + ")} / 9 for l = 1..L
        J = norm(z[L])^2; grad J wrt x"""
    ),
}
MODULES = {"numpy": ("jax", "torch"), "jax": ("torch",), "torch": ("jax",)}


def allowed(role: Callable[[Sequence[str]], str], names: Sequence[str]) -> list[str]:
    """The names that can have the role in the language."""
    found = []
    for name in names:
        with contextlib.suppress(InputError):
            read(role([name, "other"]))
            found.append(name)
    return found


OF_FAMILIES = [t for t in TARGETS if t != IN_LETTERS]


def each(
    roles: Collection[str], quick: Collection[str], targets: Sequence[str] = TARGETS
) -> list[Any]:
    """Every target with every role; where a framework compiles, only some are quick."""
    return [
        pytest.param(t, r, marks=[pytest.mark.slow] if t != "numpy" and r not in quick else [])
        for t in targets
        for r in roles
    ]


def check(target: str, role: Callable[[Sequence[str]], str], names: Sequence[str]) -> None:
    library(target)
    chosen = allowed(role, names)
    assert len(chosen) > len(names) / 2
    source = read(role(chosen)).code(target, self_test=True)
    assert not [m for m in MODULES.get(target, ()) if f"import {m}" in source]
    with contextlib.redirect_stdout(io.StringIO()) as said:
        wrong = compiled(source)["self_test"]()
    assert not wrong, said.getvalue()


@pytest.mark.parametrize(("target", "role"), each(ROLES, ["symbols"]))
def test_no_name_clashes(target: str, role: str) -> None:
    for names in (NAMES[k::5] for k in range(5)):
        check(target, ROLES[role], names)


@pytest.mark.parametrize(("target", "role"), each(ROLES_IN_LOOPS, (), OF_FAMILIES))
def test_no_name_clashes_in_loops(target: str, role: str) -> None:
    for names in (OF_LOOPS[::3], OF_LOOPS[1::3], OF_LOOPS[2::3]):
        check(target, ROLES_IN_LOOPS[role], names)
