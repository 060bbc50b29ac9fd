"""Meanings that are written as lines of the language, against the libraries' own values."""

from __future__ import annotations

from inspect import Parameter

import numpy as np
import pytest

from shapetrick.core import expr as ex
from shapetrick.core.dims import ONE, Dim
from shapetrick.numerics.evaluation import EvaluationTape
from shapetrick.tracing.arrays import Traced
from shapetrick.tracing.written_meanings import ENTRYWISE, LAYERS, SPECIAL, WrittenMeaning

ROWS, COLS = Dim.of("m"), Dim.of("n")


def _values(meaning: WrittenMeaning) -> tuple[list[np.ndarray], np.ndarray]:
    """Positive arguments at random, matrices but for weights, and what the line gives of them."""
    parameters = meaning.__signature__.parameters.values()
    names = [p.name for p in parameters if p.default is Parameter.empty]
    env, given = {}, []
    for k, name in enumerate(names):
        env[name] = np.random.default_rng(k).uniform(
            0.1, 0.9, (2, 1) if name == "weight" else (3, 2)
        )
        shape, sides = ((COLS,), (COLS, ONE)) if name == "weight" else ((ROWS, COLS),) * 2
        given.append(Traced(ex.symbol(name, sides), shape))
    tape = EvaluationTape([meaning(*given).e])
    return [x.squeeze() for x in env.values()], tape.run(env, {"m": 3, "n": 2})[0]


@pytest.mark.parametrize("name", LAYERS)
def test_lines_of_layers_are_pytorchs(name: str) -> None:
    torch = pytest.importorskip("torch")
    function = getattr(torch.nn.functional, name, None) or getattr(torch, name)
    arrays, ours = _values(LAYERS[name])
    np.testing.assert_allclose(ours, function(*map(torch.tensor, arrays)), rtol=1e-12)


@pytest.mark.parametrize("name", [*SPECIAL, *ENTRYWISE])
def test_other_lines_are_numpys_and_scipys(name: str) -> None:
    special = pytest.importorskip("scipy.special")
    function = getattr(np, name, None) or getattr(special, name)
    arrays, ours = _values({**SPECIAL, **ENTRYWISE}[name])
    np.testing.assert_allclose(ours, function(*arrays), rtol=1e-9)
