"""Python functions as problems, against automatic differentiation of the functions themselves."""

from __future__ import annotations

from typing import Any

import jax
import jax_functions
import numpy as np
import numpy_functions
import pytest
from traced_functions import agrees, cases


class Jax:
    @staticmethod
    def value(f: Any, given: Any) -> Any:
        with jax.enable_x64(True):
            return np.asarray(jax.jit(f)(**given))

    @staticmethod
    def gradients(f: Any, given: Any, names: list[str], weights: Any) -> Any:
        def weighed(chosen: Any) -> Any:
            return jax.numpy.sum(f(**{**given, **chosen}) * weights)

        with jax.enable_x64(True):
            return jax.jit(jax.grad(weighed))({name: given[name] for name in names})


class Differences:
    """Of NumPy's functions: central differences, extrapolated."""

    @staticmethod
    def value(f: Any, given: Any) -> Any:
        return f(**given)

    @staticmethod
    def gradients(f: Any, given: Any, names: list[str], weights: Any) -> Any:
        return {name: Differences._gradient(f, given, name, weights) for name in names}

    @staticmethod
    def _gradient(f: Any, given: Any, wrt: str, weights: Any) -> Any:
        x = np.asarray(given[wrt], dtype=float)
        found = np.zeros(x.shape)
        for index in np.ndindex(x.shape):
            step = np.zeros(x.shape)
            step[index] = 1e-3

            def slope(k: float, step: Any = step) -> float:
                ahead, behind = (f(**{**given, wrt: x + s * step}) for s in (k, -k))
                return float(np.sum((ahead - behind) * weights)) / (2e-3 * k)

            found[index] = (slope(2) - 20 * slope(1) + 64 * slope(0.5)) / 45
        return found


@pytest.mark.parametrize(("f", "shapes"), cases(numpy_functions))
def test_functions_for_numpy(f: Any, shapes: str) -> None:
    agrees(f, shapes, Differences)


@pytest.mark.parametrize(("f", "shapes"), cases(jax_functions))
def test_functions_for_jax(f: Any, shapes: str) -> None:
    agrees(f, shapes, Jax)


def test_there_are_many_of_them() -> None:
    for module in (numpy_functions, jax_functions):
        assert len(cases(module)) >= 20
