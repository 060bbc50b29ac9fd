"""Problems from which code is generated, derived once, with values for all that occurs in them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from code_problems import PROBLEMS

from shapetrick.api import Problem, read
from shapetrick.codegen.python.export import known
from shapetrick.codegen.python.module import LIBRARIES
from shapetrick.core.expr import Expr
from shapetrick.core.functions import Array
from shapetrick.core.results import Result
from shapetrick.numerics.evaluation import EvaluationTape as Evaluation
from shapetrick.numerics.sampling import draw

jax.config.update("jax_enable_x64", True)

PLAIN = ("numpy", "jax", "torch")
DIMENSIONS = {"m": 5, "n": 3, "d": 4, "k": 2, "h": 6, "p": 3, "q": 2, "r": 2}
CLOSE = {"rtol": 1e-8, "atol": 1e-10}


def library(target: str) -> Any:
    """The target's array library; the test is skipped where it isn't there."""
    name = LIBRARIES[known(target)]
    return jnp if name == "jax" else pytest.importorskip(name, reason=f"{name} is not installed")


def wave(xp: Any, name: str, order: int) -> Callable[[Any], Any]:
    """A smooth function for an abstract one, or its derivative."""
    shift = len(name) + order * np.pi / 2
    return lambda x: xp.sin(x + shift)


@dataclass(frozen=True)
class Case:
    """A problem, its derivatives, and values for all that occurs in it."""

    problem: Problem
    results: tuple[Result, ...]
    arrays: Mapping[str, Array]

    @property
    def roots(self) -> dict[str, Expr]:
        """What the code computes, by its key."""
        values = {r.request.of_text: r.request.of for r in self.results}
        keyed = {key_of(r): r.gradient for r in self.results}
        return {**values, **keyed}

    def expected(self) -> dict[str, Array]:
        functions = {
            name: lambda x, order, name=name: wave(np, name, order)(x)
            for name in self.problem.data.functions
        }
        found = Evaluation([*self.roots.values()]).run(self.arrays, DIMENSIONS, functions)
        return dict(zip(self.roots, found, strict=True))

    def arguments(self, xp: Any) -> dict[str, Any]:
        """The arrays, and functions for the abstract ones."""
        waves = {
            f"{name}{suffix}": wave(xp, name, order)
            for name in self.problem.data.functions
            for order, suffix in enumerate(("", "_prime", "_second"))
        }
        return {**self.arrays, **waves}

    def given(self, parameters: Any, xp: Any) -> dict[str, Any]:
        """What a function with these parameters is called with."""
        arguments = {**DIMENSIONS, **self.arguments(xp)}
        return {name: arguments[name] for name in parameters}

    def rules_only(self) -> Case:
        """The requests that are backward rules; the test is skipped if there are none."""
        results = tuple(r for r in self.results if r.request.kind in ("grad", "vjp"))
        if not results:
            pytest.skip("no backward rule is asked for")
        return replace(self, results=results)


def key_of(result: Result) -> str:
    request = result.request
    return f"{request.kind} {request.of_text} wrt {request.wrt.name}"


@cache
def case(name: str) -> Case:
    problem = read(PROBLEMS[name])
    results = tuple(d.result for d in problem.derive())
    rng = np.random.default_rng(0)
    directions = [r.request.direction for r in results if r.request.direction is not None]
    symbols = dict.fromkeys([*problem.data.symbols.values(), *directions])
    arrays = {s.name: draw(s, DIMENSIONS, rng) for s in symbols}
    return Case(problem, results, arrays)


def agree(found: Mapping[str, Any], expected: Mapping[str, Array]) -> None:
    assert list(found) == list(expected)
    for key, wanted in expected.items():
        array = np.asarray(found[key])
        assert array.size == wanted.size, key
        np.testing.assert_allclose(array.reshape(wanted.shape), wanted, **CLOSE, err_msg=key)
