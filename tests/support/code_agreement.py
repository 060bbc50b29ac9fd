"""Whether the generated function of a derivative finds what its expressions say, in one word."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import jax
import numpy as np
from random_functions import SIZES

import shapetrick as st
from shapetrick.codegen.options import CodeOptions
from shapetrick.codegen.python import export
from shapetrick.codegen.python import row_blocks as blocks
from shapetrick.codegen.python.module import CodeTarget
from shapetrick.core.functions import Array
from shapetrick.numerics.evaluation import EvaluationTape
from shapetrick.numerics.sampling import draw

jax.config.update("jax_enable_x64", True)

DRAWS = 3
SLACK = 1e-8  # relative
ROUNDINGS = 4  # other ones: two errors may cancel in one
NEAR, STEADY = 1e-10, 1e-7  # where so small a step changes more, rounding is what one sees

COLUMNS = ("agrees", "not steady", "no rule", "differs", "raises", "refused")
FAULTS = ("differs", "raises", "refused")

Env = Mapping[str, Array]


@contextmanager
def small_blocks() -> Iterator[None]:
    """Blocks of two rows, so that there are several."""
    kept = blocks.VECTORS, blocks.MATRICES
    blocks.VECTORS = blocks.MATRICES = (1, 2)
    try:
        yield
    finally:
        blocks.VECTORS, blocks.MATRICES = kept


def word_of(derivation: st.Derivation, target: CodeTarget, blocks: bool = False) -> str:
    """One of COLUMNS: of the value and of the derivative, at the first draw at which these are
    steady."""
    problem = derivation.problem
    rule = target in ("torch-function", "jax-vjp")
    if rule and derivation.kind not in ("grad", "vjp"):
        return "no rule"
    request, wanted = derivation.result.request, [derivation.result.request.of]
    if not rule:
        wanted.append(derivation.gradient)
    try:
        function = export.function(problem, [derivation.result], target, CodeOptions(blocks=blocks))
    except st.ShapetrickError:
        return "refused"
    symbols = [*problem.symbols.values()]
    if request.direction is not None:
        symbols.append(request.direction)
    program = EvaluationTape(wanted)
    for seed in range(DRAWS):
        rng = np.random.default_rng(seed)
        at = {e.name: draw(e, SIZES, rng) for e in symbols}
        values = program.run(at, SIZES)
        near = program.run({name: x * (1 + NEAR) for name, x in at.items()}, SIZES)
        if not all(map(_is_steady, values, near)):
            continue
        rounded = [program.run(at, SIZES, rounding=rng) for _ in range(ROUNDINGS)]
        if not all(all(map(_is_sharp, values, others)) for others in rounded):
            continue
        try:
            given: dict[str, Any] = {**SIZES, **at}
            found = function(**{name: _in(target, given[name]) for name in function.parameters})
        except Exception:
            return "raises"
        pairs = zip(found.values(), values, strict=True)
        return "agrees" if all(_is_near(a, b) for a, b in pairs) else "differs"
    return "not steady"


def _in(target: CodeTarget, value: Any) -> Any:
    if "torch" in target and isinstance(value, np.ndarray):
        import torch

        return torch.as_tensor(value)
    return value


def _is_steady(value: Array, near: Array) -> bool:
    scale = np.abs(value).max()
    return bool(np.isfinite(value).all() and np.abs(near - value).max() <= STEADY * scale)


def _is_sharp(value: Array, rounded: Array) -> bool:
    """Whether other roundings on the way change it by less than what is compared."""
    return bool(np.abs(rounded - value).max() <= SLACK / 10 * np.abs(value).max())


def _is_near(found: Any, wanted: Array) -> bool:
    array = np.asarray(found, dtype=float)
    if array.size != wanted.size:
        return False
    off = np.abs(array.reshape(wanted.shape) - wanted).max()
    return bool(off <= SLACK * np.abs(wanted).max())
