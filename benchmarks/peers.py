"""The same derivatives by SymPy and by tensorgrad: our expressions in theirs, and what they answer.

A question is a request's forward expression in the peer's objects; the answer its derivative: of
a matrix with an upstream G, that of the scalar tr(G' F), and of a gradient once more for a Hessian.
tensorgrad need not be installed (`pip install tensorgrad`).
"""

from __future__ import annotations

import operator
import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from fractions import Fraction
from functools import reduce
from types import FrameType
from typing import Any

import sympy as sp

from shapetrick.core.dims import ONE, Dim, Shape
from shapetrick.core.errors import ShapetrickError
from shapetrick.core.expr import Expr, call, exact, matmul, transpose, value_of
from shapetrick.core.problem import Request
from shapetrick.core.structure import data_of
from shapetrick.core.traversal import postorder
from shapetrick.interop.sympy_export import to_sympy

try:
    import tensorgrad as tg
    import tensorgrad.functions as tf
except ImportError:
    tg = None

Array = Any  # a tensor of tensorgrad, or an expression of SymPy


class Inexpressible(Exception):
    """A peer has no expression of this value."""


class NoAnswer(Exception):
    """A peer gave none: it raised, it left a derivative standing, or its time was up."""


class _Late(BaseException):
    """Not an Exception: the peers catch those."""


def scalar_of(request: Request) -> Expr:
    """What is differentiated: the expression, or with an upstream its product with that."""
    if request.kind != "vjp" or request.direction is None:
        return request.of
    product = matmul(transpose(request.direction), request.of)
    return product if product.is_scalar else call("tr", product)


@contextmanager
def limited(seconds: float) -> Iterator[None]:
    """Raises NoAnswer when the wall time is up, and for whatever a peer raises."""

    def late(_: int, __: FrameType | None) -> None:
        raise _Late

    before = signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    except _Late:
        raise NoAnswer("time is up") from None
    except (NoAnswer, Inexpressible):
        raise
    except Exception as error:  # of any kind: that is what the peer says
        raise NoAnswer(type(error).__name__) from error
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def text_of(found: Array) -> str:
    """The answer as a person reads it. Raises NoAnswer if a derivative is left standing in it."""
    text = str(found)
    if "Derivative(" in (text if isinstance(found, sp.Basic) else repr(found)):
        raise NoAnswer("a derivative is left")
    return text


# ----------------------------------------------------------------------------------------- SymPy


def sympy_question(request: Request) -> Callable[[], Array]:
    """What takes SymPy's derivative. Raises Inexpressible."""
    try:
        of, wrt = to_sympy(scalar_of(request)), to_sympy(request.wrt)
    except (ShapetrickError, ValueError, TypeError, NotImplementedError) as problem:
        raise Inexpressible(str(problem)) from None

    def answer() -> Array:
        found = of.diff(wrt)
        if request.kind == "hess":
            found = found.diff(wrt)
        return found.doit() if found.has(sp.Derivative) else found

    return answer


# ------------------------------------------------------------------------------------ tensorgrad

Tensors = list[Array]


def tensorgrad_question(request: Request, full: bool) -> Callable[[], Array]:
    """What takes tensorgrad's derivative, simplified or fully so. Raises Inexpressible."""
    tensors = to_tensors(scalar_of(request), request.wrt)
    of, wrt = tensors[scalar_of(request)], tensors[request.wrt]

    def answer() -> Array:
        found = tg.Derivative(of, wrt)
        if request.kind == "hess":
            found = tg.Derivative(found, wrt)
        return found.full_simplify() if full else found.simplify()

    return answer


def to_tensors(e: Expr, wrt: Expr) -> dict[Expr, Array]:
    """Each part as a tensor: its edges are `r` and `c`, less those of dimension 1.

    Raises Inexpressible for what tensorgrad hasn't."""
    done: dict[Expr, Array] = {}
    for part in postorder([e, wrt]):
        make = _TENSORS.get(part.op)
        if make is None:
            raise Inexpressible(f"tensorgrad has no `{part.op}`.")
        done[part] = make(part, [done[a] for a in part.args])
    return done


def _size(dim: Dim) -> sp.Symbol:
    return sp.Symbol(str(dim))


def _edges(shape: Shape) -> dict[str, sp.Symbol]:
    return {edge: _size(d) for edge, d in zip("rc", shape, strict=True) if d != ONE}


def _turned(x: Array) -> Array:
    return x.rename(r="c", c="r")


def _scalar(value: Fraction | float) -> Array:
    return tg.Sum([tg.Product([])], [value])


def _number(e: Expr, _: Tensors) -> Array:
    return _scalar(value_of(e))


def _variable(e: Expr, _: Tensors) -> Array:
    found = tg.Variable(e.name, **_edges(e.shape))
    alike = e.attributes & {"symmetric", "posdef"} and len(found.edges) == 2
    return found.with_symmetries("r c") if alike else found


def _spread(e: Expr, args: Tensors) -> Tensors:
    """The arguments with the edges that the value has and they lack: sums don't broadcast."""
    wanted = _edges(e.shape)
    spread = []
    for x in args:
        missing = {edge: size for edge, size in wanted.items() if edge not in x.edges}
        spread.append(x @ tg.Ones(**missing) if missing else x)
    return spread


def _power(e: Expr, args: Tensors) -> Array:
    k = exact(e.args[1])
    if k is None:
        raise Inexpressible("tensorgrad has powers with constant exponents alone.")
    return tf.pow(args[0], int(k) if k.denominator == 1 else k)


def _product(e: Expr, args: Tensors) -> Array:
    """Neighbours share an edge with a name of its own."""
    factors = list(args)
    for i, left in enumerate(e.args[:-1]):
        if left.shape[1] != ONE:
            factors[i] = factors[i].rename(c=f"k{i}")
            factors[i + 1] = factors[i + 1].rename(r=f"k{i}")
    return tg.Product(factors)


def _of_axis(function: Callable[..., Array]) -> Callable[[Expr, Tensors], Array]:
    """A function along an axis, or of all entries."""

    def make(e: Expr, args: Tensors) -> Array:
        (x,) = args
        axis = data_of(e)
        edges = set(x.edges) if axis is None else {"rc"[axis]} & set(x.edges)
        return function(x, edges) if edges else function(x, set())

    return make


def _diag(e: Expr, args: Tensors) -> Array:
    (x,), (of,) = args, e.args
    if ONE in of.shape:
        return tf.diag(x, ["r", "c"]) if of.shape != e.shape else x
    return tf.diag(x, ["r"])


def _entrywise(function: Callable[..., Array]) -> Callable[[Expr, Tensors], Array]:
    return lambda _, args: function(*args)


def _inverse(x: Array) -> Array:
    return _turned(tf.inverse(x)) if x.edges else tf.pow(x, -1)  # theirs keeps the edges in place


def _det(x: Array) -> Array:
    return tf.det(x) if x.edges else x


def _dot(a: Array, b: Array) -> Array:
    return tf.sum(a * b)


_TENSORS: Mapping[str, Callable[[Expr, Tensors], Array]] = {} if tg is None else {
    "number": _number,
    "symbol": _variable,
    "name": lambda _, args: args[0],
    "dimension": lambda e, _: tg.Delta(sp.Symbol(e.name)),
    "constant": lambda e, _: _scalar({"pi": 3.141592653589793, "e": 2.718281828459045}[e.name]),
    "ones": lambda e, _: tg.Ones(**_edges(e.shape)),
    "zeros": lambda e, _: tg.Zero(None, **_edges(e.shape)),
    "eye": lambda e, _: tg.Delta(_size(e.shape[0]), "r", "c"),
    "add": lambda e, args: tg.Sum(_spread(e, args)),
    "times": lambda _, args: reduce(operator.mul, args),
    "power": _power,
    "matmul": _product,
    "transpose": lambda _, args: _turned(args[0]),
    "inv": _entrywise(_inverse),
    "det": _entrywise(_det),
    "logdet": _entrywise(lambda x: tf.log(tf.abs(_det(x)))),
    "adj": _entrywise(lambda x: _det(x) @ _inverse(x)),
    "tr": _entrywise(tf.trace),
    "diag": _diag,
    "dot": _entrywise(_dot),
    "norm": _entrywise(lambda x: tf.sqrt(_dot(x, x))),
    "norm1": _entrywise(lambda x: tf.sum(tf.abs(x))),
    "sum": _of_axis(tf.sum),
    "mean": _of_axis(tf.mean),
    "softmax": _of_axis(tf.softmax),
    "log_softmax": _of_axis(tf.log_softmax),
    "logsumexp": _of_axis(lambda x, edges: tf.log(tf.sum(tf.exp(x), edges))),
    "exp": _entrywise(tf.exp),
    "log": _entrywise(tf.log),
    "sqrt": _entrywise(tf.sqrt),
    "square": _entrywise(lambda x: tf.pow(x, 2)),
    "tanh": _entrywise(tf.tanh),
    "sigmoid": _entrywise(tf.sigmoid),
    "softplus": _entrywise(lambda x: tf.log(1 + tf.exp(x))),
    "silu": _entrywise(lambda x: x * tf.sigmoid(x)),
    "cosh": _entrywise(lambda x: (tf.exp(x) + tf.exp(-x)) / 2),
    "erf": _entrywise(tf.erf),
    "relu": _entrywise(tf.relu),
    "abs": _entrywise(tf.abs),
    "maximum": lambda e, args: tf.maximum(*_spread(e, args)),
}  # fmt: skip
