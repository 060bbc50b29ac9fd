"""Expressions built in Python: symbols, dimensions, the functions of the table, and requests.

What is built is what the same text means: `st.norm(X @ w - y)` and `norm(X w - y)` are one node.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from .api import Derivation
from .api import Problem as Asked
from .core import expr as ex
from .core.dims import ONE, Dim, shape_text
from .core.equations import EquationSides, EquationSystem
from .core.errors import InputError, NameProblem, OperandError, RequestError, ShapeError
from .core.expr import Abstract, Expr, Name, Symbol, operand
from .core.free_names import free_name
from .core.functions import NAMES, TABLE, Function
from .core.letter_exponents import dimension_of
from .core.problem import DerivativeKind, Problem, Request
from .core.traversal import postorder, symbols_of
from .language import elaboration, expressions, vocabularies
from .language.shapes.inference import sizes_wanted
from .language.shapes.structured_calls import CALLS
from .language.shapes.words import vocabulary
from .language.syntax.constants import SIZED
from .language.syntax.parser import parse
from .language.syntax.tree import DIRECTED, OF_SCALARS, UPSTREAM, Declaration

# ----------------------------------------------------------------------------------------- leaves


@dataclass(frozen=True, slots=True)
class Elementwise:
    """A declared element-wise function: `sigma(A)`, and its derivatives `sigma(A, order=1)`."""

    name: str

    def __call__(self, x: Any, order: int = 0) -> Expr:
        return ex.abstract(self.name, order, operand(x))


def symbols(text: str) -> Any:
    """What `text` declares, in its order; a single one is returned bare.

    >>> X, w, y = st.symbols("X: m x d; w: d; y: m")
    >>> (X @ w - y).shape, X.T @ (X @ w - y) / 2
    ((m, 1), X' (X w - y) / 2)

    Raises InputError."""
    if not isinstance(text, str):
        raise OperandError(f"declarations are a text, not {type(text).__name__}: 'X: m x d; w: d'.")
    names = all(word.isidentifier() for word in text.replace(",", " ").split())
    statements = [] if names else parse(text, vocabulary())
    declared = [d for d in statements if isinstance(d, Declaration)]
    if not declared or len(declared) < len(statements):
        raise InputError(
            "`symbols` takes declarations and nothing else, each with its sizes: `X: m x d; w: d`."
        )
    problem = elaboration.read(text)
    found = [
        problem.symbols[name] if name in problem.symbols else Elementwise(name)
        for declaration in declared
        for name, _ in declaration.names
    ]
    return found[0] if len(found) == 1 else tuple(found)


def define(name: str, e: Any) -> Expr:
    """The expression under a name: it prints as its name, and a derivation has a line for it.

    >>> x = st.symbols("x: n")
    >>> r = st.define("r", x - st.mean(x))
    >>> st.grad(st.norm(r) ** 2, x).gradient
    2 r
    """
    return ex.named(checked_name(name), operand(e))


def checked_name(name: str) -> str:
    """The name. Raises NameProblem if the language can't give it to a value."""
    if not vocabularies.is_name(name):
        raise NameProblem(f"`{name}` is not a name in the language.")
    return name


def dim(size: Any) -> Expr:
    """A dimension as a scalar: `dim("m")`, `dim("n + 1")`.

    >>> st.mean(st.symbols("x: n")) * st.dim("n")
    mean(x) n
    """
    return ex.dimension(dimension(size))


def dimension(size: Any) -> Dim:
    """The dimension that a name, a number, a side of a shape, or an expression of these is."""
    if isinstance(size, Dim):
        return size
    if isinstance(size, str):
        return _read_dimension(size)
    found = dimension_of(operand(size))
    if found is None or not found.terms or any(k < 0 for _, k in found.terms):
        raise _no_dimension(size)
    return found


def _read_dimension(text: str) -> Dim:
    try:
        (statement,) = parse(f"x : {text}", vocabulary())
    except (InputError, ValueError):
        raise _no_dimension(text) from None
    if isinstance(statement, Declaration) and statement.sides and not statement.words:
        rows, cols = (side.dim for side in statement.sides)
        if cols == ONE and rows.integer != 0:
            return rows
    raise _no_dimension(text)


def from_text(name: str) -> Callable[..., Expr]:
    """A function that the language makes of others as a function in Python: numbers may be given
    by keyword, and a number of places is a whole number or a dimension's text."""
    row = CALLS.get(name)

    def function(*args: Any, axis: int | None = None, **numbers: float) -> Expr:
        most = len(args) if row is None else row.arity
        given = [*map(operand, args[:most]), *map(dimension, args[most:])]
        options = {**({} if axis is None else {"axis": axis}), **numbers}
        return expressions.read_call(name, given, options)

    function.__name__ = function.__qualname__ = name
    library = vocabulary().library
    function.__doc__ = next(iter(library[name].values())).written if row is None else row.help
    return function


def _no_dimension(size: Any) -> OperandError:
    return OperandError(
        f"`{size}` is no dimension: that is a name, a positive whole number, or a sum or product "
        "of them."
    )


# -------------------------------------------------------------------------------------- functions


def applied(name: str) -> Callable[..., Expr]:
    """The function of that name, or the constant that takes sizes, as a function in Python."""

    def constant(*sizes: Any) -> Expr:
        counts, build = SIZED[name]
        if len(sizes) not in counts:
            wanted = " or ".join(map(str, counts)) + " size" + "s" * (counts[-1] > 1)
            raise ShapeError(f"`{name}` takes {wanted}, not {len(sizes)}.")
        return build(*map(dimension, sizes))

    def function(*args: Any, axis: int | None = None) -> Expr:
        return _apply(TABLE[NAMES[name]], args, axis)

    if name not in SIZED and name not in NAMES:
        return from_text(name)
    made = constant if name in SIZED else function
    made.__name__ = made.__qualname__ = name
    made.__doc__ = SIZED[name][1].__doc__ if name in SIZED else _told(name, TABLE[NAMES[name]])
    return made


def _told(name: str, row: Function) -> str:
    derivative = ", ".join(filter(None, row.derivative))
    return (
        f"{row.help}; its derivative, as of scalars: {derivative}.\n\n"
        f"`shapetrick functions {name}` shows the rule that is found for it, and an example."
    )


def _apply(row: Function, args: tuple[Any, ...], axis: int | None) -> Expr:
    sizes = sizes_wanted(row)
    if row.takes_axis and axis is None and len(args) == row.arity + 1:
        args, axis = args[:-1], args[-1]
    if len(args) != row.arity + sizes:
        raise row.miscounted(len(args), f" and {sizes} sizes" if sizes else "")
    if axis is not None and not row.takes_axis:
        raise ShapeError(f"`{row.name}` takes no axis.")
    axis = 1 if axis == -1 else axis  # the last one, as NumPy counts
    if axis not in (None, 0, 1):
        raise ShapeError("an axis is 0 (down the columns) or 1 (along the rows).")
    data = tuple(map(dimension, args[row.arity :])) if sizes else axis
    return ex.call(row.name, *map(operand, args[: row.arity]), data=data)


# --------------------------------------------------------------------------------------- requests


def grad(of: Any, wrt: Expr, *, symmetric: bool = False, seed: int = 0) -> Derivation:
    """The gradient of a scalar, of the variable's own shape.

    >>> X, w, y = st.symbols("X: m x d; w: d; y: m")
    >>> st.grad(st.norm(X @ w - y) ** 2, w).gradient
    2 X' (X w - y)
    """
    return _derive("grad", of, wrt, symmetric=symmetric, seed=seed)


def vjp(of: Any, wrt: Expr, upstream: Any = None, *, seed: int = 0) -> Derivation:
    """The backward rule, for an upstream gradient of `of`'s shape: a symbol, or a name for one.

    >>> X, W = st.symbols("X: m x d; W: d x k")
    >>> st.vjp(st.tanh(X @ W), W, "G").gradient
    X' (G .* (1 - tanh(X W).^2))
    """
    return _derive("vjp", of, wrt, upstream, seed=seed)


def jac(of: Any, wrt: Expr, *, seed: int = 0) -> Derivation:
    """The Jacobian; of a matrix or by a matrix in the convention of `vec`.

    >>> A, x = st.symbols("A: m x n; x: n")
    >>> st.jac(st.exp(A @ x), x).gradient
    diag(exp(A x)) A
    """
    return _derive("jac", of, wrt, seed=seed)


def hess(of: Any, wrt: Expr, *, symmetric: bool = False, seed: int = 0) -> Derivation:
    """The Hessian of a scalar.

    >>> A, x = st.symbols("A: n x n; x: n")
    >>> st.hess(x.T @ A @ x, x).gradient
    A + A'
    """
    return _derive("hess", of, wrt, symmetric=symmetric, seed=seed)


def hvp(of: Any, wrt: Expr, direction: Any = None, *, seed: int = 0) -> Derivation:
    """The Hessian of a scalar times a direction, of the variable's shape.

    >>> A, x, v = st.symbols("A: n x n; x: n; v: n")
    >>> st.hvp(x.T @ A @ x, x, v).gradient
    (A + A') v
    """
    return _derive("hvp", of, wrt, direction, seed=seed)


def jvp(of: Any, wrt: Expr, direction: Any = None, *, seed: int = 0) -> Derivation:
    """The derivative along a direction, of `of`'s shape.

    >>> A, x, v = st.symbols("A: m x n; x: n; v: n")
    >>> st.jvp(A @ x, x, v).gradient
    A v
    """
    return _derive("jvp", of, wrt, direction, seed=seed)


def solve(equations: Any, unknown: Expr, *others: Expr, seed: int = 0) -> Derivation:
    """What a symbol is where an expression is zero (or all of a list), the others being unknown
    too.

    >>> X, w, y = st.symbols("X: m x d; w: d; y: m")
    >>> st.solve(st.grad(st.norm(X @ w - y) ** 2, w).gradient, w).gradient
    inv(X' X) X' y
    """
    given = equations if isinstance(equations, (list, tuple)) else [equations]
    if not given:
        raise RequestError("there is no equation: give what is zero, or a list of such.")
    sides = tuple(EquationSides(operand(e), ex.ZERO) for e in given)
    unknowns = tuple(_check("vjp", sides[0].left, x, False) for x in (unknown, *others))
    of = next((side.left for side in sides if unknown in symbols_of(side.left)), None)
    if of is None:
        raise RequestError(f"`{unknown}` is in none of the equations.")
    text = ", ".join(f"{_text(side.left)} = 0" for side in sides)
    system = EquationSystem(unknowns, sides)
    request = Request("solve", of, text, unknowns[0], system=system)
    (derivation,) = Asked(_problem(request, system.residuals)).derive(seed)
    return derivation


def _derive(
    kind: DerivativeKind,
    of: Any,
    wrt: Expr,
    along: Any = None,
    *,
    symmetric: bool = False,
    seed: int,
) -> Derivation:
    of = operand(of)
    variable = _check(kind, of, wrt, symmetric)
    direction = None
    if kind in DIRECTED:
        direction = _direction(kind, of, of if kind == "vjp" else wrt, along)
    request = Request(kind, of, _text(of), variable, direction, symmetric)
    (derivation,) = Asked(_problem(request)).derive(seed)
    return derivation


def _check(kind: DerivativeKind, of: Expr, wrt: Any, symmetric: bool) -> Symbol:
    if not isinstance(wrt, Expr):
        raise OperandError(
            f"a derivative is by a symbol that `symbols` made, not by {wrt!r}, which is of type "
            f"{type(wrt).__name__}."
        )
    if not isinstance(wrt, Symbol):
        raise RequestError(f"there is a derivative by a declared symbol, not by `{_text(wrt)}`.")
    if kind in OF_SCALARS and not of.is_scalar:
        raise RequestError(
            f"`{kind}` is of a scalar, and `{_text(of)}` is {shape_text(of.shape)}: `vjp` gives "
            "the backward rule, `jac` all the derivatives."
        )
    if symmetric and wrt.shape[0] != wrt.shape[1]:
        raise RequestError(
            f"`{wrt}` is {shape_text(wrt.shape)}: only a square matrix is symmetric."
        )
    return wrt


def _text(of: Expr) -> str:
    """How a derivation writes what it is of."""
    try:
        return str(of)
    except RequestError:  # millions of characters
        return "the expression"


def _direction(kind: DerivativeKind, of: Expr, like: Expr, given: Any) -> Symbol:
    """The symbol that stands for the upstream gradient, or for the direction."""
    if isinstance(given, Expr):
        if not isinstance(given, Symbol) or given.shape != like.shape:
            raise ShapeError(
                f"`{given}` is {shape_text(given.shape)}: a symbol of shape "
                f"{shape_text(like.shape)} is needed here."
            )
        return given
    if given is None and kind == "vjp" and isinstance(of, Name):
        return ex.symbol(f"{UPSTREAM}({of.name})", like.shape)
    if given is None:
        given = free_name(DIRECTED[kind], _names([of]))
    if not isinstance(given, str):
        raise RequestError("the direction of a derivative is a symbol, or a name for one.")
    return ex.symbol(checked_name(given), like.shape)


def _names(roots: list[Expr]) -> dict[str, Symbol | Name]:
    """The symbols and definitions by name, arguments first; raises NameProblem for one of two."""
    found: dict[str, Symbol | Name] = {}
    for e in postorder(roots):
        if not isinstance(e, (Symbol, Name)):
            continue
        if found.setdefault(e.name, e) is not e:
            raise NameProblem(
                f"two different things are called `{e.name}` here: "
                f"{_described(found[e.name])}, and {_described(e)}."
            )
    return found


def _described(e: Symbol | Name) -> str:
    if isinstance(e, Name):
        return f"`{e.args[0]}`"
    words = [shape_text(e.shape), *sorted(e.attributes)]
    return f"a symbol, {' '.join(words)}"


def _problem(request: Request, others: Sequence[Expr] = ()) -> Problem:
    """The problem that has this request alone; `others` are expressions that belong to it."""
    roots = [e for e in (request.of, request.wrt, request.direction, *others) if e is not None]
    named = _names(roots)
    functions = {e.name: None for e in postorder(roots) if isinstance(e, Abstract)}
    dims = {name for e in postorder(roots) for side in e.shape for name in side.names}
    for name in sorted({*named, *functions} & dims):
        raise NameProblem(f"`{name}` is a dimension and a value: give one of them another name.")
    return Problem(
        text="",
        symbols={name: e for name, e in named.items() if isinstance(e, Symbol)},
        definitions={name: e for name, e in named.items() if isinstance(e, Name)},
        requests=(request,),
        functions=tuple(functions),
    )
