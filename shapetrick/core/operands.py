"""What Python's operators, and other libraries' functions, do with an expression: what the language
writes with that sign, or reads as that call; for the others TABLES of what to write.

`core/expr.py` says how the operators are put together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, ClassVar, Generic, NoReturn, TypeVar

from .dims import shape_text
from .errors import NameProblem, OperandError, ParseError, ShapeError
from .functions import NAMES, TABLE

ExprT = TypeVar("ExprT")  # an expression, which stands above
_NO_VALUES = (
    "an expression has no values, but a `shape`: `evaluate` it on arrays, write `st.exp(…)` or so "
    "for its function, or give SymPy's functions `st.to_sympy(…)`."
)
_NO_SEQUENCE = (
    "an expression is not a sequence: it has a shape, but no values; `st.sum(e)` adds its entries."
)
_TEXTS = " That is said of texts, as `st.derive` reads them."
# What is said of the operators and functions of Python, and of libraries, that there are none of.
_REFUSED = (
    (
        "__bool__",
        "an expression is neither true nor false; `==` tells whether two are the same, "
        "`st.maximum(a, b)` is the larger one, and `st.where(A > B, X, Y)` chooses.",
    ),
    (
        "__ge__ __le__ ge le greater_equal less_equal",
        "`A > B` and `A < B` compare, 1 where it holds and else 0: for what is not less write "
        "`1 - (A < B)`.",
    ),
    (
        "__and__ __rand__ __or__ __ror__ __invert__ logical_and logical_or logical_not bitwise_and "
        "bitwise_or bitwise_not invert",
        "masks are numbers, 1 where they hold: both hold in `M.hadamard(N)`, one does in "
        "`st.maximum(M, N)`, and `1 - M` is the other one.",
    ),
    ("__xor__ __rxor__ bitwise_xor", "a power is `A**2`, of the entries `st.power(A, 2)`."),
    (
        "__lshift__ __rlshift__ __rshift__ __rrshift__ left_shift right_shift",
        "an expression has no bits to shift: `a * 2**k` is a power's multiple.",
    ),
    (
        "__floordiv__ __rfloordiv__ __mod__ __rmod__ __divmod__ __rdivmod__ __round__ __trunc__ "
        "__floor__ __ceil__ floor_divide remainder mod fmod divmod round around rint trunc floor "
        "ceil fix",
        "an expression is not rounded, nor divided with a remainder: `a / c` divides by a scalar.",
    ),
    ("__reversed__ __contains__", _NO_SEQUENCE),
    (
        "__getitem__ __setitem__ __delitem__",
        "an expression has no entries to take: multiply by a declared vector, as in `e.T @ x`; in "
        "a text `X[1, :]` is the first row.",
    ),
    (
        "__call__",
        "an expression is no function: a product is `A @ x`, its value `st.evaluate(e, …)`.",
    ),
    ("__array__ __len__ __index__ __bytes__", _NO_VALUES),
)
# What is written for attributes of arrays, and for functions that are operators here.
_MEANT = (
    ("dot matmul mm mv bmm inner vdot multi_dot", "`A @ x`"),
    ("multiply mul", "`A.hadamard(B)`"),
    ("t transpose mT H mH swapaxes permute", "`A.T`"),
    ("inverse I", "`st.inv(A)`"),
    ("solve", "`st.inv(A) @ b`"),
    ("matrix_power", "`A**k`"),
    ("reciprocal", "`st.power(A, -1)`"),
    ("shape ndim size", "`A.shape`"),
    ("ones_like full_like", "`st.ones(*A.shape)`"),
    ("zeros_like", "`st.zeros(*A.shape)`"),
    ("backward diff grad", "`st.grad(e, x)`"),
    ("hess hessian", "`st.hess(e, x)`"),
    ("jac jacobian", "`st.jac(e, x)`"),
    ("simplify", "`st.simplify(e)`"),
    ("item tolist numpy eval evalf evaluate subs detach dtype", "`st.evaluate(e, …)`"),
)


def _by_name(table: Sequence[tuple[str, str]]) -> dict[str, str]:
    return {name: said for names, said in table for name in names.split()}


_SAID, _WRITTEN = _by_name(_REFUSED), _by_name(_MEANT)


class Operand(Generic[ExprT]):
    """An expression among the operands of Python and of other libraries."""

    __slots__ = ()
    operators: ClassVar[Mapping[str, Callable[..., Any]]] = {}  # what makes which node
    is_written: ClassVar[Callable[[str], bool]]  # whether the language makes it of others
    reads: ClassVar[Callable[..., Any]]  # what a call means in a text

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

    def __pow__(self, exponent: Any, modulo: None = None) -> ExprT:
        found = self._made("whole_power", self, exponent)
        return found if modulo is None else found % modulo  # which is refused

    def __rpow__(self, base: Any) -> ExprT:
        return self._made("whole_power", base, self)

    def __abs__(self) -> ExprT:
        return self._called("abs", self)

    def __gt__(self, other: Any) -> ExprT:
        return self._exceeding(self, other)

    def __lt__(self, other: Any) -> ExprT:
        return self._exceeding(other, self)

    @classmethod
    def _exceeding(cls, more: Any, less: Any) -> ExprT:
        """A mask, as `>` is in the language: `st.where(X > Y, X, Y)`."""
        is_zero = cls._made("operand", less) is cls._made("operand", 0)
        return cls._called("step", more if is_zero else cls._made("subtract", more, less))

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
        name: str = ufunc.__name__
        if name in ("equal", "not_equal"):  # of a number of NumPy's and an expression
            return (given[0] is given[1]) is (name == "equal")
        if method != "__call__":
            raise OperandError(f"`np.{name}.{method}` takes arrays{_instead('')}.")
        return self._read(f"np.{name}", given, options)

    def __array_function__(
        self, function: Any, _: Any, given: Sequence[Any], options: Mapping[str, Any]
    ) -> Any:
        """Its other functions, `np.trace(X)`."""
        return self._read(f"np.{function.__name__}", given, options)

    @classmethod
    def __torch_function__(
        cls, function: Any, _: Any, given: Sequence[Any] = (), options: Any = None
    ) -> Any:
        """Likewise PyTorch's, which pass on what they are not given."""
        is_told = {k: x is not None and x is not False for k, x in (options or {}).items()}
        told = {k: options[k] for k in is_told if is_told[k] and not k.startswith("_")}
        name = function.__name__.strip("_").removeprefix("linalg_")
        return cls._read(f"torch.{name}", given, told)

    @classmethod
    def _read(cls, called: str, given: Sequence[Any], options: Mapping[str, Any]) -> ExprT:
        """What the call means in a text. Raises InputError."""
        try:
            found: ExprT = cls.reads(called, given, options)
        except (ParseError, NameProblem) as error:
            name = called.rpartition(".")[2]
            instead = _instead(name, "")
            said = f"`{called}` is not read so{instead}." if instead else error.message + _TEXTS
            raise OperandError(_SAID.get(name, said)) from None
        return found

    def __iter__(self) -> Iterator[NoReturn]:
        """Refused at the first: whoever asks by `iter` whether to make an array hears of that."""
        raise OperandError(_NO_SEQUENCE)
        yield

    def __float__(self) -> NoReturn:
        """What `math.sin` asks for, and SymPy of what isn't its own, whose `==` then goes on."""
        from sympy import SympifyError

        class NoNumber(OperandError, SympifyError):  # type: ignore[misc]  # SymPy has no types
            """Of both libraries."""

        raise NoNumber(_NO_VALUES)

    __int__ = __float__

    def _sympyrepr(self, _: Any) -> str:
        """How SymPy's `srepr` shows what isn't its own."""
        return repr(self)

    def __format__(self, form: str) -> str:
        try:
            return format(str(self), form)
        except ValueError:  # of numbers
            raise OperandError(_NO_VALUES) from None

    def __getattr__(self, name: str) -> NoReturn:
        """What is asked for as of an array, `X.sum()`, is a function."""
        hint = "" if name.startswith("_") else _instead(name)
        raise AttributeError(f"an expression has no {name!r}{hint}.", name=name, obj=self)


def _refusing(said: str) -> Callable[..., NoReturn]:
    def refused(*_: Any, **__: Any) -> NoReturn:
        raise OperandError(said)

    return refused


for _name, _said in _SAID.items():
    if _name.startswith("__"):
        setattr(Operand, _name, _refusing(_said))


def _instead(name: str, otherwise: str = ": `shapetrick functions` lists what there is") -> str:
    """What to write for a library's function."""
    found = NAMES.get(name) or next((row.name for row in TABLE.values() if row.numpy == name), name)
    if name in _WRITTEN:
        return f": write {_WRITTEN[name]}"
    is_there = found in TABLE or Operand.is_written(found)
    return f": write `st.{found}(…)`" if is_there else otherwise
