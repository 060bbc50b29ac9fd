"""Modules of Python functions with their shapes, and the comparison of each with a reference."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import shapetrick as st
from shapetrick.tracing.parameters import ShapedParameter

CLOSE = 1e-6


def cases(module: ModuleType) -> list[Any]:
    return list(_found(module))


def _found(module: ModuleType) -> Iterator[Any]:
    for name, f in vars(module).items():
        if callable(f) and getattr(f, "__module__", "") == module.__name__:
            first = inspect.getsource(inspect.unwrap(f)).partition("):")[2].splitlines()[0]
            if '"' in first:
                yield pytest.param(f, first.split('"')[1], id=name)


def _drawn(problem: st.Problem, f: Any, start: int) -> tuple[dict[str, np.ndarray], dict[str, int]]:
    """Arguments at sizes that are all different, and others for another start, and these sizes;
    numbers of classes where they are read as such."""
    rng = np.random.default_rng(start)
    data = problem.data
    parameters = {}
    for name in inspect.signature(f).parameters:
        symbol = next((e for e in data.symbols.values() if e.base == name), None)
        if symbol is not None:
            numbered = any(said.startswith(f"`{name}` numbers classes") for said in data.readings)
            ranges = data.families.of(name)[0].ranges if symbol.indices else ()
            axes = data.member_axes[name]
            parameters[name] = ShapedParameter(symbol, axes, classes=numbered, ranges=ranges)
    dims = dict.fromkeys(n for p in parameters.values() for d in p.shape for n in d.names)
    sizes = {name: start + k for k, name in enumerate(dims)}
    return {name: p.given(p.drawn(sizes, rng), sizes) for name, p in parameters.items()}, sizes


def agrees(f: Any, shapes: str, reference: Any) -> None:
    """All gradients, evaluated and as functions of the arrays that f takes, at two sizes."""
    problem = st.read(f, shapes=shapes)
    derived = problem.derive()
    asked = {d.wrt.partition("[")[0]: (d, d.function("numpy")) for d in derived}
    for start in (2, 4):
        given, sizes = _drawn(problem, f, start)
        lengths = {name: sizes[name] for name in problem.data.families.lengths}
        upstream = {}
        shape = np.shape(reference.value(f, given))
        if shape:
            direction = derived[0].result.request.direction
            name = "G" if direction is None else direction.name
            upstream = {name: np.cos(np.arange(np.prod(shape))).reshape(shape)}
        weights = next(iter(upstream.values()), np.array(1.0))
        wanted = reference.gradients(f, given, [*asked], weights)
        for name, (d, function) in asked.items():
            found = np.asarray(function(**{**lengths, **given, **upstream}))
            assert d.verified, f"{d.wrt}: {d.validation}"
            assert name not in given or found.shape == np.shape(given[name])
            np.testing.assert_allclose(found, wanted[name], rtol=CLOSE, atol=CLOSE)


def refused_at_its_line(f: Any, shapes: str) -> None:
    """The message points at the line of `f` whose comment has a word of it."""
    path = Path(inspect.getsourcefile(f) or "")
    with pytest.raises(st.InputError) as caught:
        st.read(f, shapes=shapes)
    error = caught.value
    assert error.span is not None and error.text is not None
    line = path.read_text(encoding="utf-8").splitlines()[error.span.line_of(error.text) - 1]
    word = line.rpartition("# ")[2]
    assert "# " in line and word in str(error).partition("\n")[2]
    assert f"{path.name}, line" in str(error)
