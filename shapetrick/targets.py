"""The code of a derivation for every target: of an array library in Python, or of a language of
matrices."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from .codegen.options import PLAIN, no_target
from .codegen.options import CodeOptions as CodeOptions

if TYPE_CHECKING:
    from .core.problem import Problem
    from .core.results import Result

OF_MATRICES = ("octave", "cpp")
TARGETS = ("numpy", "jax", "torch", "torch-function", "jax-vjp", "einsum", "dask", *OF_MATRICES)


def code(
    problem: Problem,
    results: Sequence[Result],
    target: str,
    options: CodeOptions = PLAIN,
) -> str:
    """A module that computes the values and the gradients together, for any of TARGETS; see
    `codegen/python/export.py`. Raises RequestError."""
    if target not in TARGETS:
        raise no_target(target, TARGETS)
    from .core.results import asked_once  # the engine, where there is something to write

    results = asked_once(results)
    if target in OF_MATRICES:
        from .codegen.matrices.export import LANGUAGES, code_in  # a writer where it is asked for

        return code_in(LANGUAGES[target], problem, results, options)
    from .codegen.python import export

    return export.code(problem, results, target, options)
