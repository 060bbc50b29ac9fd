"""What Python's operators, and NumPy's and PyTorch's functions, do with an expression: what the
language writes with that sign or name, or what to write.

`core/expr.py` says how the functions are put together.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Generic, NoReturn, TypeVar

from .dims import shape_text
from .errors import OperandError, ShapeError
from .functions import NAMES, TABLE

ExprT = TypeVar("ExprT")  # an expression, which stands above
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


class Operand(Generic[ExprT]):
    """An expression among the operands of Python and of other libraries."""

    __slots__ = ()
    operators: ClassVar[Mapping[str, Callable[..., Any]]] = {}  # what makes which node
    is_written: ClassVar[Callable[[str], bool]]  # whether the language makes it of others

    @classmethod
    def _made(cls, name: str, *given: Any) -> ExprT:
        found: ExprT = cls.operators[name](*map(cls.operators["operand"], given))
        return found

    @classmethod
    def _called(cls, function: str, *given: Any) -> ExprT:
        found: ExprT = cls.operators["call"](function, *map(cls.operators["operand"], given))
        return found

    # ---- operators: what the language writes with the same sign, where Python's users agree on it

    @property
    def T(self) -> ExprT:
        """The transpose."""
        return self._made("transpose", self)

    def hadamard(self, other: Any) -> ExprT:
        """The element-wise product, `.*` in the language; broadcasts."""
        return self._made("times", self, other)

    def __add__(self, other: Any) -> ExprT:
        return self._made("add", self, other)

    def __radd__(self, other: Any) -> ExprT:
        """A sum; what Python's `sum` begins with, 0, is no term."""
        is_start = type(other) is int and other == 0
        return self._made("operand", self) if is_start else self._made("add", other, self)

    def __sub__(self, other: Any) -> ExprT:
        return self._made("subtract", self, other)

    def __rsub__(self, other: Any) -> ExprT:
        return self._made("subtract", other, self)

    def __neg__(self) -> ExprT:
        return self._made("negate", self)

    def __pos__(self) -> ExprT:
        return self._made("operand", self)

    def __matmul__(self, other: Any) -> ExprT:
        return self._made("matmul", self, other)

    def __rmatmul__(self, other: Any) -> ExprT:
        return self._made("matmul", other, self)

    def __mul__(self, other: Any) -> ExprT:
        return self._scaled(self, other)

    def __rmul__(self, other: Any) -> ExprT:
        return self._scaled(other, self)

    def __truediv__(self, other: Any) -> ExprT:
        return self._quotient(self, other)

    def __rtruediv__(self, other: Any) -> ExprT:
        return self._quotient(other, self)

    def __pow__(self, exponent: Any) -> ExprT:
        return self._made("whole_power", self, exponent)

    def __rpow__(self, base: Any) -> ExprT:
        return self._made("whole_power", base, self)

    def __abs__(self) -> ExprT:
        return self._called("abs", self)

    def __gt__(self, other: Any) -> ExprT:
        """A mask, as `>` is in the language: `st.where(X > Y, X, Y)`."""
        return self._called("step", self - other)

    def __lt__(self, other: Any) -> ExprT:
        return self._called("step", other - self)

    @classmethod
    def _scaled(cls, left: Any, right: Any) -> ExprT:
        a, b = map(cls.operators["operand"], (left, right))
        if not a.is_scalar and not b.is_scalar:
            raise ShapeError(
                f"`*` of {shape_text(a.shape)} and {shape_text(b.shape)} could mean two things: "
                "write `A @ B` for the matrix product, `A.hadamard(B)` for the product of the "
                "entries."
            )
        return cls._made("matmul", a, b)

    @classmethod
    def _quotient(cls, above: Any, below: Any) -> ExprT:
        divisor = cls.operators["operand"](below)
        if not divisor.is_scalar:
            raise ShapeError(
                f"`/` divides by a scalar, not by {shape_text(divisor.shape)}: `st.power(B, -1)` "
                "is one over every entry, for `A.hadamard(…)`, and `st.inv(B)` the inverse matrix."
            )
        return cls._made("divide", above, divisor)

    # ---- other libraries

    def __array_ufunc__(self, ufunc: Any, method: str, *given: Any, **options: Any) -> Any:
        """NumPy's functions of every entry, and its operators."""
        name = ufunc.__name__ if method == "__call__" else f"{ufunc.__name__}.{method}"
        return self._applied("numpy", name, given, options)

    def __array_function__(
        self, function: Any, _: Any, given: Sequence[Any], options: Mapping[str, Any]
    ) -> Any:
        """Its other functions, `np.trace(X)`, which are told what to write."""
        return self._applied("numpy", function.__name__, given, options)

    @classmethod
    def __torch_function__(
        cls, function: Any, _: Any, given: Sequence[Any] = (), options: Any = None
    ) -> Any:
        """Likewise PyTorch's."""
        name = function.__name__.strip("_").removeprefix("linalg_")
        return cls._applied("torch", name, given, options or {})

    @classmethod
    def _applied(
        cls, library: str, name: str, given: Sequence[Any], options: Mapping[str, Any]
    ) -> Any:
        key = _key(name)
        if name in OPERATORS and not options:
            return cls._made(OPERATORS[name], *given)
        if key is not None and TABLE[key].elementwise and not options:
            return cls._called(key, *given)
        raise OperandError(f"{library}'s `{name}` takes arrays{_instead(name)}.")

    def __array__(self, *_: Any, **__: Any) -> NoReturn:
        raise OperandError(_NO_VALUES)

    def __float__(self) -> NoReturn:
        """What `math.sin` asks for, and SymPy of what isn't its own, whose `==` then goes on."""
        from sympy import SympifyError

        class NoNumber(OperandError, SympifyError):  # type: ignore[misc]  # SymPy has no types
            """Of both libraries."""

        raise NoNumber(_NO_VALUES)

    __int__ = __float__

    def __format__(self, form: str) -> str:
        return format(str(self), form)

    def __bool__(self) -> NoReturn:
        raise OperandError(
            "an expression is neither true nor false; `==` tells whether two are the same."
        )

    def __iter__(self) -> NoReturn:
        raise OperandError("an expression is not a sequence: it has a shape, but no values.")

    def __getitem__(self, _: Any) -> NoReturn:
        raise OperandError(
            "an expression has no entries to take: multiply by a declared vector, as in `e.T @ x`; "
            "in a text `X[1, :]` is the first row."
        )

    def __getattr__(self, name: str) -> NoReturn:
        """What is asked for as of an array, `X.sum()`, is a function."""
        hint = "" if name.startswith("_") else _instead(name)
        raise AttributeError(f"an expression has no {name!r}{hint}.", name=name, obj=self)


_NO_VALUES = (
    "an expression has no values: `evaluate` it on arrays, write `st.exp(…)` or so for its "
    "function, or give SymPy's functions `st.to_sympy(…)`."
)


def _instead(name: str) -> str:
    """What to write for a library's function."""
    found = _key(name) or (name if Operand.is_written(name) else None)
    return f": write `st.{found}(…)`" if found else ": `shapetrick functions` lists what there is"


def _key(name: str) -> str | None:
    """The row that a library's function is, by our name for it or by NumPy's."""
    found = (row.name for row in TABLE.values() if row.numpy == name)
    return NAMES.get(name) or next(found, None)
