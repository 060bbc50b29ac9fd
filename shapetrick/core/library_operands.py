"""What NumPy's and PyTorch's functions do with an expression, and what Python asks of
values: the language's function of that name, or what to write.

`core/expr.py` says how the functions are put together.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, NoReturn

from .errors import OperandError
from .functions import NAMES, TABLE

BuildOperator = Callable[..., Any]
# What libraries call the operators of entries, and their matrix product.
OPERATORS = {
    **dict.fromkeys(("add",), "add"),
    **dict.fromkeys(("subtract", "sub"), "subtract"),
    **dict.fromkeys(("multiply", "mul"), "times"),
    **dict.fromkeys(("divide", "true_divide", "div"), "divide"),
    **dict.fromkeys(("matmul", "mm", "mv"), "matmul"),
    **dict.fromkeys(("negative", "neg"), "negate"),
    **dict.fromkeys(("power", "float_power", "pow"), "power"),
}


class LibraryOperand:
    """An expression among the operands of other libraries."""

    __slots__ = ()
    operators: ClassVar[Mapping[str, BuildOperator]] = {}  # by our names; with `call` and `operand`

    def __array_ufunc__(self, ufunc: Any, method: str, *given: Any, **options: Any) -> Any:
        """NumPy's functions of every entry, and its operators."""
        name = ufunc.__name__ if method == "__call__" else f"{ufunc.__name__}.{method}"
        return self._applied("numpy", name, given, options)

    @classmethod
    def __torch_function__(
        cls, function: Any, _: Any, given: Sequence[Any] = (), options: Any = None
    ) -> Any:
        """Likewise PyTorch's."""
        return cls._applied("torch", function.__name__.strip("_"), given, options or {})

    @classmethod
    def _applied(
        cls, library: str, name: str, given: Sequence[Any], options: Mapping[str, Any]
    ) -> Any:
        operators = cls.operators
        key = _key(name)
        if name in OPERATORS and not options:
            return operators[OPERATORS[name]](*map(operators["operand"], given))
        if key is not None and TABLE[key].elementwise and not options:
            return operators["call"](key, *map(operators["operand"], given))
        if key is not None:
            raise OperandError(f"{library}'s `{name}` takes arrays: write `st.{key}(…)`.")
        raise OperandError(
            f"{library}'s `{name}` takes arrays: of expressions there are `st.sum(…)` and others, "
            "which `shapetrick functions` lists."
        )

    def __array__(self, *_: Any, **__: Any) -> NoReturn:
        raise OperandError(
            "an expression is no array: `evaluate` it on arrays, or write `st.norm(…)` or so."
        )

    def __bool__(self) -> NoReturn:
        raise OperandError(
            "an expression is neither true nor false; `==` tells whether two are the same."
        )

    def __iter__(self) -> NoReturn:
        raise OperandError("an expression is not a sequence: it has a shape, but no values.")

    def __getitem__(self, _: Any) -> NoReturn:
        raise OperandError(
            "an expression has no entries to take: multiply by a declared vector, as in `e.T @ x`."
        )

    def __getattr__(self, name: str) -> NoReturn:
        """What is asked for as of an array, `X.sum()`, is a function."""
        key = _key(name)
        hint = "" if key is None else f": write `st.{key}(…)`"
        raise AttributeError(f"an expression has no {name!r}{hint}.", name=name, obj=self)


def _key(name: str) -> str | None:
    """The row that a library's function is, by our name for it or by NumPy's."""
    found = (row.name for row in TABLE.values() if row.numpy == name)
    return NAMES.get(name) or next(found, None)
