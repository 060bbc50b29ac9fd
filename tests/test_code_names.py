"""No name that a problem gives clashes with a name that generated code has of its own."""

from __future__ import annotations

import contextlib
import io
from typing import Any

import jax
import pytest
from code_cases import library

from shapetrick.api import read
from shapetrick.errors import InputError
from shapetrick.generated import compiled
from shapetrick.render.programs import TARGETS

jax.config.update("jax_enable_x64", True)

NAMES = (
    *("np", "jnp", "jax", "torch", "scipy", "math", "partial", "sys", "numpy"),
    *("Array", "Tensor", "NDArray", "Callable", "Any", "once_differentiable"),
    *("ctx", "self", "saved", "given", "members", "tensors", "cls", "forward", "backward"),
    *("lambda", "class", "def", "None", "match", "type", "import", "async"),
    *("max", "float", "range", "slice", "print", "tuple", "len", "int", "sorted", "next", "iter"),
    *("value_and_gradients", "self_test", "inputs", "results", "rng", "found", "wrong", "compare"),
    *("J_bar", "x_shape", "grad_J_x", "t1", "s1", "work1", "step", "start", "rows", "count"),
    *("i", "a", "g", "u", "v", "f_prime", "_x", "x_", "J_forward", "JFunction", "space"),
)
# In every role that a name can have, `{0}` stands for it.
PLACES = {
    "symbol": "{0} : n; W : n x n; J = norm(tanh(W {0}))^2; grad J wrt {0}, W",
    "scalar": "{0} : scalar; x : n; J = {0} norm(tanh({0} x))^2; grad J wrt {0}, x",
    "definition": "x : n; W : n x n; {0} = tanh(W x); J = {0}' {0} + sum({0}); grad J wrt x, W",
    "value": "x : n; W : n x n; {0} = norm(tanh(W x))^2; grad {0} wrt x, W",
    "dimension": "x : {0}; W : {0} x {0}; J = norm(tanh(W x))^2 / {0}; grad J wrt x, W",
    "function": "x : n; W : n x n; {0} : elementwise; J = norm({0}(W x))^2; grad J wrt x, W",
    "direction": "x : n; W : n x n; y = tanh(W x); vjp y with {0} wrt x",
    "member": """{0}[l] : n x n for l = 1..L; x : n; z[0] = x
        z[l] = tanh({0}[l] z[l-1]) for l = 1..L; J = norm(z[L])^2; grad J wrt {0}[l], x""",
    "defined member": """A : n x n; x : n; {0}[0] = x; {0}[l] = tanh(A {0}[l-1]) for l = 1..L
        J = norm({0}[L])^2; grad J wrt A, x""",
    "length": """A : n x n; x : n; z[0] = x; z[l] = tanh(A z[l-1]) for l = 1..{0}
        J = norm(z[{0}])^2; grad J wrt A, x""",
    "letter": """A[{0}] : n x n for {0} = 1..L; x : n; z[0] = x
        z[{0}] = tanh(A[{0}] z[{0}-1]) for {0} = 1..L; J = norm(z[L])^2; grad J wrt A[{0}], x""",
}
MODULES = {"numpy": ("jax", "torch"), "jax": ("torch",), "torch": ("jax",)}


def faults(text: str, target: str) -> str:
    """What is amiss of the module, or nothing. Raises InputError for a name that can't be so."""
    problem = read(text)
    try:
        source = problem.code(target, self_test=True)
        with contextlib.redirect_stdout(io.StringIO()) as said:
            wrong = compiled(source)["self_test"]()
    except InputError:
        raise
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    imported = [m for m in MODULES.get(target, ()) if f"import {m}" in source]
    return said.getvalue() if wrong else ", ".join(imported)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("target", TARGETS)
def test_no_name_clashes(target: str, place: str) -> None:
    library(target)
    found: dict[str, Any] = {}
    for name in NAMES:
        with contextlib.suppress(InputError):  # a word of the language
            found[name] = faults(PLACES[place].format(name), target)
    assert len(found) > len(NAMES) / 2
    assert {name: amiss for name, amiss in found.items() if amiss} == {}
