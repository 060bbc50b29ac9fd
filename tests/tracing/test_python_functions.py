"""Python functions as problems, against automatic differentiation of the functions themselves."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import jax
import jax_functions
import numpy as np
import numpy_functions
import pytest
import torch
import torch_functions

import shapetrick as st
from shapetrick.numerics.sampling import draw
from shapetrick.tracing.functions import shaped_parameters

CLOSE = 1e-6


def _cases(module: ModuleType) -> list[Any]:
    return list(_found(module))


def _found(module: ModuleType) -> Iterator[Any]:
    for name, f in vars(module).items():
        if callable(f) and getattr(f, "__module__", "") == module.__name__:
            first = inspect.getsource(inspect.unwrap(f)).partition("):")[2].splitlines()[0]
            if '"' in first:
                yield pytest.param(f, first.split('"')[1], id=name)


def _drawn(f: Any, shapes: str, start: int) -> dict[str, np.ndarray]:
    """Arguments at sizes that are all different, and others for another start."""
    rng = np.random.default_rng(start)
    parameters = shaped_parameters(f, shapes)
    dims = dict.fromkeys(n for p in parameters.values() for d in p.shape for n in d.names)
    sizes = {name: start + k for k, name in enumerate(dims)}
    return {n: p.given(draw(p.symbol, sizes, rng)) for n, p in parameters.items()}


def _agrees(f: Any, shapes: str, reference: Any) -> None:
    """All gradients, evaluated and as functions of the arrays that f takes, at two sizes."""
    problem = st.read(f, shapes=shapes)
    derived = problem.derive()
    for start in (2, 4):
        given = _drawn(f, shapes, start)
        upstream = {}
        direction = derived[0].result.request.direction
        if direction is not None:
            shape = np.shape(reference.value(f, given))
            upstream = {direction.name: np.cos(np.arange(np.prod(shape))).reshape(shape)}
        weights = next(iter(upstream.values()), np.array(1.0))
        wanted = reference.gradients(f, given, [d.wrt for d in derived], weights)
        for d in derived:
            found = np.asarray(d.function("numpy")(**given, **upstream))
            assert d.verified, f"{d.wrt}: {d.validation}"
            assert found.shape == np.shape(given[d.wrt])
            np.testing.assert_allclose(found, wanted[d.wrt], rtol=CLOSE, atol=CLOSE)


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


class Torch:
    @staticmethod
    def value(f: Any, given: Any) -> Any:
        return f(**{name: torch.tensor(x) for name, x in given.items()}).numpy()

    @staticmethod
    def gradients(f: Any, given: Any, names: list[str], weights: Any) -> Any:
        tensors = {name: torch.tensor(x) for name, x in given.items()}
        for name in names:
            tensors[name].requires_grad_()
        (f(**tensors) * torch.tensor(weights)).sum().backward()
        return {name: tensors[name].grad for name in names}


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


@pytest.mark.parametrize(("f", "shapes"), _cases(numpy_functions))
def test_functions_for_numpy(f: Any, shapes: str) -> None:
    _agrees(f, shapes, Differences)


@pytest.mark.parametrize(("f", "shapes"), _cases(torch_functions))
def test_functions_for_torch(f: Any, shapes: str) -> None:
    _agrees(f, shapes, Torch)


@pytest.mark.parametrize(("f", "shapes"), _cases(jax_functions))
def test_functions_for_jax(f: Any, shapes: str) -> None:
    _agrees(f, shapes, Jax)


def test_there_are_many_of_them() -> None:
    for module in (numpy_functions, torch_functions, jax_functions):
        assert len(_cases(module)) >= 20
