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

TARGETS = ("numpy", "jax", "torch", "torch-function", "jax-vjp", "einsum", "dask", "octave", "cpp")


def code(
    problem: Problem,
    results: Sequence[Result],
    target: str,
    options: CodeOptions = PLAIN,
) -> str:
    """A module that computes the values and the gradients together, for any of TARGETS; see
    `codegen/python/export.py`. Raises RequestError."""
    from .codegen.matrices.export import LANGUAGES, code_in  # not before there is code to write
    from .codegen.python import export

    language = LANGUAGES.get(target)
    if language is not None:
        return code_in(language, problem, results, options)
    if target not in TARGETS:
        raise no_target(target, TARGETS)
    return export.code(problem, results, target, options)
