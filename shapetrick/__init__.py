"""shapetrick: matrix gradients by the shape trick, derived as on paper and checked by numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .core.errors import (
    BudgetError,
    CodeError,
    DerivationError,
    InferenceError,
    InputError,
    NameProblem,
    OperandError,
    ParseError,
    RequestError,
    ShapeError,
    ShapetrickError,
    TimeLimitError,
    TraceError,
)

if TYPE_CHECKING:
    from .api import Derivation, Problem, check, derive, evaluate, from_dict, read, simplify
    from .builders import define, dim, grad, hess, hvp, jac, jvp, solve, symbols, vjp
    from .checks import Check, EqualityCheck
    from .core.expr import Expr
    from .custom_functions import function
    from .gradient_checks import GradientCheck, assert_gradient, check_gradient
    from .interop.sympy_export import to_sympy
    from .interop.sympy_import import from_sympy

__all__ = [
    "BudgetError",
    "Check",
    "CodeError",
    "Derivation",
    "DerivationError",
    "EqualityCheck",
    "Expr",
    "GradientCheck",
    "InferenceError",
    "InputError",
    "NameProblem",
    "OperandError",
    "ParseError",
    "Problem",
    "RequestError",
    "ShapeError",
    "ShapetrickError",
    "TimeLimitError",
    "TraceError",
    "assert_gradient",
    "check",
    "check_gradient",
    "define",
    "derive",
    "dim",
    "evaluate",
    "from_dict",
    "from_sympy",
    "function",
    "grad",
    "hess",
    "hvp",
    "jac",
    "jvp",
    "read",
    "simplify",
    "solve",
    "symbols",
    "to_sympy",
    "vjp",
]

_CONSTANTS = ("e", "pi")
_SIZED = ("commute", "duplicate", "eliminate", "eye", "ones", "zeros")
_HOMES = {
    "api": (
        *("Derivation", "Problem", "check", "derive", "evaluate"),
        *("from_dict", "read", "simplify"),
    ),
    "checks": ("Check", "EqualityCheck"),
    "core.expr": ("Expr",),
    "custom_functions": ("function",),
    "gradient_checks": ("GradientCheck", "assert_gradient", "check_gradient"),
    "interop.sympy_export": ("to_sympy",),
    "notebook": ("load_ipython_extension",),
    "builders": ("define", "dim", "grad", "hess", "hvp", "jac", "jvp", "solve", "symbols", "vjp"),
    "interop.sympy_import": ("from_sympy",),
}


def __getattr__(name: str) -> Any:
    """The engine is imported when it is first used, so that `shapetrick --help` answers at once.

    Every function of the language is one here too: `st.norm`, `st.sum`, `st.eye`, `st.pi`."""
    from importlib import import_module

    for home, names in _HOMES.items():
        if name in names:
            return getattr(import_module(f"{__name__}.{home}"), name)
    if name == "__version__":
        return import_module(f"{__name__}.core.version").VERSION
    # A submodule that is being imported is asked for here first: only the table is looked at.
    if name in _CONSTANTS:
        return import_module(f"{__name__}.core.expr").constant(name)
    if name in import_module(f"{__name__}.core.functions").NAMES or name in _SIZED:
        return import_module(f"{__name__}.builders").applied(name)
    meant = ""
    is_module = import_module("importlib.util").find_spec(f"{__name__}.{name}") is not None
    if not name.startswith("_") and not is_module:
        builders = import_module(f"{__name__}.builders")
        if builders.Expr.is_written(name):
            return builders.applied(name)
        if near := import_module(f"{__name__}.core.warnings").nearest(name, __dir__()):
            meant = f". Did you mean `st.{near}`?"
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}{meant}", name=name)


def __dir__() -> list[str]:
    """What can be completed: all functions of the language too."""
    from .core.functions import NAMES
    from .language.shapes.structured_calls import CALLS
    from .language.shapes.words import vocabulary

    defined = {*NAMES, *CALLS, *vocabulary().library}
    return sorted({*__all__, *_CONSTANTS, *_SIZED, *defined, "__version__"})
