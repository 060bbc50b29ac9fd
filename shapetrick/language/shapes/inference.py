"""Shapes: one pass over what was typed collects equations between dimensions, and solves them.

Comes after the names are known, before expressions are built. Where all shapes are declared, every
node's shape is settled as the pass meets it. A shape that was left out is a pair of unknowns;
equations that hold in any case are solved first, then the choices that remain (is `a X` a scaling
or a product?) are made in the order of the text, so that the answer depends on nothing else.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import field
from functools import cache
from math import prod
from typing import Any, NamedTuple

from ...core.dims import ONE, SCALAR, Dim, Shape
from ...core.errors import ShapeError
from ...core.functions import NAMES, TABLE, Function, Signature, parse_signature
from ...core.records import dataclass
from ..syntax.constants import IDENTITIES, SIZED, UNSIZED
from ..syntax.signs import EXPONENTIAL
from ..syntax.tree import INNER, RUNNING, SyntaxNode, postorder
from .notated_calls import SIGNS
from .structured_calls import CALLS, check_call, shape_of_block, sizes_of_selection
from .unification import Unifier, is_open, is_settled, open_text, unknowns


class Misfit(Exception):
    """The shapes at a node don't fit; `reason` says why, where the node's kind doesn't, and `size`
    is the one among its sizes that is wrong, which is no node of the tree."""

    def __init__(self, node: SyntaxNode, reason: str = "", size: SyntaxNode | None = None) -> None:
        super().__init__(reason)
        self.node = node
        self.reason = reason
        self.size = size


class Miscount(Misfit):
    """A call has too few or too many arguments, or an axis where none is taken."""


class Undetermined(Exception):
    """Equations are left that determine nothing: `kron(A, B)` of a known size."""


class Sized(NamedTuple):
    """A shape in the place of an expression, for a function's signature."""

    shape: Shape


@dataclass(slots=True, eq=False)
class _Pending:
    """A node whose shape is not settled yet: its arguments' shapes, and unknowns for its own."""

    node: SyntaxNode
    args: tuple[Shape, ...]
    out: Shape
    watched: set[str] = field(default_factory=set)
    done: bool = False


def are_columns(left: Shape, right: Shape) -> bool:
    """Whether both are shapes of one column, of more than one entry."""
    return left == right != SCALAR and left[1] == ONE


@dataclass(slots=True)
class Inference:
    """The shapes of names and of the nodes of expressions.

    `shapes` has those of symbols and definitions; `measure` gives the dimension of a size; `roots`
    are the expressions that were taken in."""

    shapes: dict[str, Shape]
    dims: Mapping[str, Any]
    measure: Callable[[SyntaxNode, Inference], Dim]
    unifier: Unifier = field(default_factory=Unifier)
    roots: list[SyntaxNode] = field(default_factory=list)
    _of: dict[SyntaxNode, Shape] = field(default_factory=dict)
    _pending: list[_Pending] = field(default_factory=list)
    _next: int = 0
    _watching: dict[str, list[_Pending]] = field(default_factory=dict)

    # ---- what others call

    def add(self, root: SyntaxNode) -> Shape:
        """Take in an expression; its shape, which may be open."""
        of = self._of
        self.roots.append(root)
        for node in postorder(root):
            if node.kind == "parameter":  # was given with the call
                continue
            args = tuple([of[a] for a in node.args])
            if node.opened is not None:
                of[node] = self._open(node, args)
                continue
            shape = self._apply(node, args, None, False) if args else self._leaf(node)
            if shape is None:
                shape = (self.unifier.fresh(), self.unifier.fresh())
                pending = _Pending(node, args, shape)
                self._pending.append(pending)
                self._watch(pending)
            of[node] = shape
        return of[root]

    def solve(self) -> None:
        """Settle every shape: first what must hold, then choices in the order of the text.

        Raises Misfit, Undetermined."""
        self._propagate()
        while self._next < len(self._pending):
            pending = self._pending[self._next]
            self._next += 1
            if not pending.done:
                self._settle(pending, force=True)
                self._propagate()
        while self.unifier.postponed:
            count = len(self.unifier.postponed)
            if not self.unifier.retry() or len(self.unifier.postponed) == count:
                raise Undetermined
            self._propagate()

    def shape(self, node: SyntaxNode) -> Shape:
        """A node's shape, as far as it is known."""
        return self.unifier.shape(self._of[node])

    def named(self, name: str) -> Shape:
        """A name's shape, as far as it is known."""
        return self.unifier.shape(self.shapes[name])

    def size(self, node: SyntaxNode) -> Dim:
        """The dimension that a size is, as far as it is known."""
        return self.unifier.resolve(self.measure(node, self))

    def trial(self) -> Inference:
        """A new inference with the names' shapes as far as they are known, to try things out."""
        given = {node: shape for node, shape in self._of.items() if node.kind == "parameter"}
        unifier = self.unifier.copy()
        return Inference(dict(self.shapes), self.dims, self.measure, unifier, _of=given)

    def length(self, call: SyntaxNode, size: SyntaxNode) -> Dim:
        """The dimension that a size in a call is, which can't be negative."""
        dim = self.size(size)
        if dim.least is None or (dim.integer is not None and dim.integer < 1):
            reason = f"`{dim}` may be less than 1, and there is no matrix of that size."
            raise Misfit(call, reason, size)
        return dim

    # ---- the pass

    def _open(self, call: SyntaxNode, args: Sequence[Shape]) -> Shape:
        """The shape of a defined function's right side, of arguments of these shapes."""
        assert call.opened is not None
        root, parameters, _ = call.opened
        letters: dict[str, Dim] = {}
        for node, shape in zip(parameters, args, strict=True):
            self._of[node] = shape
            wanted: Sequence[str | int | None] = node.value.sides
            for side, dim in zip(wanted, shape, strict=True):
                if side is None:
                    continue
                known = letters.setdefault(side, dim) if isinstance(side, str) else Dim.of(side)
                if not self.unifier.unify(known, dim):
                    name, given = node.value.name.name, open_text(self.unifier.shape(shape))
                    typed = "×".join(str(s) for s in wanted)
                    raise Misfit(call, f"`{name}` is {typed}, and what is given is {given}.")
        return self.add(root)

    def _watch(self, pending: _Pending) -> None:
        for shape in (*pending.args, pending.out):
            for dim in shape:
                for name in unknowns(self.unifier.resolve(dim)):
                    if name not in pending.watched:
                        pending.watched.add(name)
                        self._watching.setdefault(name, []).append(pending)

    def _propagate(self) -> None:
        """Look again at every node of whose shapes something became known."""
        queue: deque[_Pending] = deque()
        changed = self.unifier.changed
        while changed or queue:
            while changed:
                queue.extend(self._watching.pop(changed.pop(), ()))
            if queue:
                self._settle(queue.popleft(), force=False)

    def is_inner(self, node: SyntaxNode) -> bool:
        """Whether a product is the inner product of two columns."""
        return node.value == INNER and are_columns(*map(self.shape, node.args))

    def knows(self, node: SyntaxNode) -> bool:
        """Whether the node was in a text that was inferred."""
        return node in self._of

    def is_exponential(self, node: SyntaxNode) -> bool:
        """Whether a power is one of the constant e."""
        base = node.args[0]
        return base.kind == "name" and base.value == "e" and "e" not in self.shapes

    def _settle(self, pending: _Pending, force: bool) -> None:
        if pending.done:
            return
        shape = self._apply(pending.node, pending.args, pending.out, force)
        if shape is None:
            self._watch(pending)
            return
        pending.done = True
        if not self.unifier.unify_shapes(shape, pending.out):
            raise Misfit(pending.node)

    def _leaf(self, node: SyntaxNode) -> Shape:
        if node.kind == "number":
            return SCALAR
        if node.kind == "name":
            shape = self.shapes.get(node.value)
            if shape is None and node.value in IDENTITIES and node.value not in self.dims:
                n = self.unifier.fresh(apart=True)
                return n, n
            return shape or SCALAR
        return self._sized(node)

    def _sized(self, node: SyntaxNode) -> Shape:
        name, _, sizes, _ = node.value
        if name not in SIZED:
            raise Miscount(node, f"`{name}()` has nothing to work on.")
        counts, build = SIZED[name]
        if len(sizes) not in counts:
            wanted = " or ".join(map(str, counts))
            what = "size" if counts == (1,) else "sizes"
            raise Miscount(node, f"`{name}` takes {wanted} {what}, not {len(sizes)}.")
        return build(*(self.length(node, size) for size in sizes)).shape

    def _apply(
        self, node: SyntaxNode, args: tuple[Shape, ...], out: Shape | None, force: bool
    ) -> Shape | None:
        """The node's shape, or None if what is known of the arguments doesn't settle it.

        With `force`, a choice is made instead."""
        try:
            return _RULES[node.kind](self, node, tuple(map(self.unifier.shape, args)), out, force)
        except ShapeError as error:
            raise Misfit(node, error.message) from None

    def data(self, node: SyntaxNode) -> Any:
        """What a function of the table needs beside its arguments: an axis, or sizes."""
        name, axis, rest, _ = node.value
        row = TABLE[NAMES[name]]
        sizes = sizes_wanted(row)
        if not rest and not sizes:
            return axis
        if row.takes_axis:
            if axis is not None or len(rest) > 1 or rest[0].kind != "number":
                raise Miscount(node, f"`{name}` takes {_arguments(row)} and an axis.")
            if rest[0].value not in (0, 1):
                raise Miscount(node, "an axis is 0 (down the columns) or 1 (along the rows).")
            return int(rest[0].value)
        if len(rest) != sizes:
            wanted = f" and {sizes} sizes" if sizes else ""
            given = len(node.args) + len(rest)
            raise Miscount(node, f"`{name}` takes {_arguments(row)}{wanted}, not {given}.")
        return tuple([self.length(node, size) for size in rest])


# --------------------------------------------------------- rules: one for each kind of inner node


def _same(i: Inference, node: SyntaxNode, args: Sequence[Shape], out: Any, force: bool) -> Shape:
    return args[0]


def _derived(
    i: Inference, node: SyntaxNode, args: Sequence[Shape], out: Any, force: bool
) -> Shape | None:
    (of, wrt), along = args[:2], args[2:]
    kind = node.value
    if kind in ("vjp", "jvp", "hvp") and not along:
        raise Misfit(node, f"a value is along something: `({kind} Z wrt X with V)`.")
    if kind in ("grad", "jac", "hess") and along:
        raise Misfit(node, f"`{kind}` goes along nothing.")
    if kind in ("grad", "hess", "hvp") and not i.unifier.unify_shapes(of, SCALAR):
        more = ": `jac` is of a column or a matrix" if kind == "grad" else ""
        raise Misfit(node, f"`{kind}` is of a scalar{more}.")
    if along and not i.unifier.unify_shapes(along[0], of if kind == "vjp" else wrt):
        raise Misfit(node, f"`{kind}` goes along what has the shape of its other side.")
    if kind == "jvp":
        return of
    if kind not in ("jac", "hess"):
        return wrt
    if not (is_settled(of) and is_settled(wrt)):
        return None if not force else (i.unifier.fresh(), i.unifier.fresh())
    if kind == "jac" and wrt == SCALAR:
        return of
    rows = wrt if kind == "hess" else of
    return rows[0] * rows[1], wrt[0] * wrt[1]


def _scalar(i: Inference, node: SyntaxNode, args: Any, out: Any, force: bool) -> Shape:
    return SCALAR


def _swapped(i: Inference, node: SyntaxNode, args: Sequence[Shape], out: Any, force: bool) -> Shape:
    return args[0][1], args[0][0]


def _broadcast(
    i: Inference, node: SyntaxNode, args: Sequence[Shape], out: Shape | None, force: bool
) -> Shape | None:
    left, right = args
    if left == right or right == SCALAR:
        return left
    if left == SCALAR:
        return right
    rows = _side(i.unifier, node, left[0], right[0], out and out[0], force)
    cols = _side(i.unifier, node, left[1], right[1], out and out[1], force)
    return None if rows is None or cols is None else (rows, cols)


def _side(u: Unifier, node: SyntaxNode, a: Dim, b: Dim, out: Dim | None, force: bool) -> Dim | None:
    """One side of a sum: two sides are equal, or one of them is 1. An unknown may be 1 as well."""
    if a == b or b == ONE:
        return a
    if a == ONE:
        return b
    if out is not None and u.resolve(out) == ONE:
        a_known, b_known = u.unify(a, ONE), u.unify(b, ONE)
        if a_known and b_known:
            return ONE
        raise Misfit(node)
    if force or (u.is_apart(a) and u.is_apart(b)):
        if u.unify(a, b):
            return a
        raise Misfit(node)
    known = [d for d in (a, b) if u.is_apart(d)]
    if known and out is not None and not u.unify(out, known[0]):
        raise Misfit(node)
    return None


def _product(
    i: Inference, node: SyntaxNode, args: Sequence[Shape], out: Any, force: bool
) -> Shape | None:
    left, right = args
    if left == SCALAR:
        return right
    if right == SCALAR:
        return left
    u = i.unifier
    (rows, inner), (other, cols) = left, right
    if inner == other:
        return rows, cols
    if node.value == INNER and inner == cols == ONE and rows == other:
        return SCALAR
    left_large, right_large = any(map(u.is_apart, left)), any(map(u.is_apart, right))
    may_meet = _may_be_equal(u, inner, other)
    if left_large and right_large:
        if may_meet and u.unify(inner, other):
            return rows, cols
        raise Misfit(node)
    if not force and (may_meet or not (left_large or right_large)):
        return None
    # A left factor that may be a scalar is one if it would be a column before something else.
    if not left_large and (not may_meet or inner == ONE) and u.unify_shapes(left, SCALAR):
        return right
    if not right_large and not may_meet and u.unify_shapes(right, SCALAR):
        return left
    if u.unify(inner, other):
        return rows, cols
    raise Misfit(node)


def _may_be_equal(u: Unifier, a: Dim, b: Dim) -> bool:
    if not is_open(a) and not is_open(b):
        return a == b
    return not ((a == ONE and u.is_apart(b)) or (b == ONE and u.is_apart(a)))


def _quotient(
    i: Inference, node: SyntaxNode, args: Sequence[Shape], out: Any, force: bool
) -> Shape:
    if not i.unifier.unify_shapes(args[1], SCALAR):
        raise Misfit(node)
    return args[0]


def _power(i: Inference, node: SyntaxNode, args: Sequence[Shape], out: Any, force: bool) -> Shape:
    base, exponent = args
    if i.is_exponential(node):
        sign = SIGNS[EXPONENTIAL]
        shape = sign.shape(i.unifier, exponent)
        if shape is None:
            raise Misfit(node, sign.refusal)
        return shape
    if not i.unifier.unify_shapes(exponent, SCALAR) or not i.unifier.unify(*base):
        raise Misfit(node)
    return base


def _kronecker(
    i: Inference, node: SyntaxNode, args: Sequence[Shape], out: Any, force: bool
) -> Shape:
    (m, n), (p, q) = args
    return m * p, n * q


def _call(
    i: Inference, node: SyntaxNode, args: Sequence[Shape], out: Shape | None, force: bool
) -> Shape | None:
    name = node.value.name
    if name in UNSIZED:
        return _unsized(i, node, args)
    if name in CALLS:
        return _structured(i, node, args, out, force)
    if name in SIGNS:
        shape = SIGNS[name].shape(i.unifier, args[0])
        if shape is None:
            raise Misfit(node, SIGNS[name].refusal)
        return shape
    row = TABLE[NAMES[name]]
    data = i.data(node)
    if len(args) != row.arity:
        raise Miscount(node, f"`{name}` takes {_arguments(row)}, not {len(args)}.")
    if data in (0, 1) and not row.takes_axis:
        raise Miscount(node, f"`{name}` takes no axis.")
    if row.elementwise:
        return args[0] if row.arity == 1 else _broadcast(i, node, args, out, force)
    if all(map(is_settled, args)):
        return row.shape_of([Sized(a) for a in args], data)
    return _open_call(i, node, row, args, data, force)


def _structured(
    i: Inference, node: SyntaxNode, args: Sequence[Shape], out: Shape | None, force: bool
) -> Shape | None:
    check_call(node, args, i.size)
    shape: Shape | None = args[0]
    for other in args[1:]:
        shape = None if shape is None else _broadcast(i, node, (shape, other), out, force)
    return shape


@cache
def sizes_wanted(row: Function) -> int:
    """How many dimensions a call has to give because its arguments' shapes don't."""
    count = 0
    for _, text in row.signatures:
        sides = [part for side in parse_signature(text).args for part in side]
        single = {part[0] for part in sides if len(part) == 1}
        count = max(count, len({c for part in sides if len(part) > 1 for c in part} - single))
    return count


def _arguments(row: Function) -> str:
    return "1 argument" if row.arity == 1 else f"{row.arity} arguments"


def _unsized(i: Inference, node: SyntaxNode, args: Sequence[Shape]) -> Shape:
    name, axis, rest, _ = node.value
    if rest or axis is not None or not i.unifier.unify_shapes(args[0], SCALAR):
        raise Misfit(node, f"`{name}` takes one scalar.")
    cols = i.unifier.fresh(apart=True) if UNSIZED[name] else ONE
    return i.unifier.fresh(apart=True), cols


def _open_call(
    i: Inference, node: SyntaxNode, row: Function, args: Sequence[Shape], data: Any, force: bool
) -> Shape | None:
    """A call of which some argument's shape is not known: of its signatures, the one that fits."""
    axis = data if data in (0, 1) else None
    signatures = [parse_signature(text) for wanted, text in row.signatures if wanted == axis]
    prices = [_price(i.unifier, s, args) for s in signatures]
    possible = [k for k, price in enumerate(prices) if price is not None]
    if not possible:
        raise Misfit(node)
    if len(possible) > 1 and not force:
        return None
    signature = signatures[min(possible, key=lambda k: prices[k] or 0)]
    letters: dict[str, Dim] = {}
    if isinstance(data, tuple):
        letters.update(zip("mn", data, strict=False))
    for side, shape in zip(signature.args, args, strict=True):
        for part, dim in zip(side, shape, strict=True):
            wanted = letters.setdefault(part[0], dim) if len(part) == 1 else _fused(part, letters)
            if not i.unifier.unify(wanted, dim):
                raise Misfit(node)
    rows, cols = (_fused(part, letters) for part in signature.value)
    return rows, cols


def _price(u: Unifier, signature: Signature, args: Sequence[Shape]) -> int | None:
    """How many unknowns a signature would make 1, or None if it can't fit."""
    price = 0
    for side, shape in zip(signature.args, args, strict=True):
        ones = sum(not part and dim != ONE for part, dim in zip(side, shape, strict=True))
        if any(not part and u.is_apart(dim) for part, dim in zip(side, shape, strict=True)):
            return None
        if side[0] == side[1] and shape[0] != shape[1]:
            if not _may_be_equal(u, *shape):
                return None
            ones += ONE in shape
        price += ones
    return price


def _fused(letters: Sequence[str], dims: Mapping[str, Dim]) -> Dim:
    return prod((dims[letter] for letter in letters), start=ONE)


def _selected(
    i: Inference, node: SyntaxNode, args: Sequence[Shape], out: Any, force: bool
) -> Shape | None:
    found = sizes_of_selection(node, args[0], i.size)
    if found is None and (force or is_settled(args[0])):  # refused where it is built
        return SCALAR
    return found


def _block(
    i: Inference, node: SyntaxNode, args: Sequence[Shape], out: Any, force: bool
) -> Shape | None:
    """Parts in one row have its height; those in one column of a regular one its width."""
    if not all(map(is_settled, args)):
        at = 0
        for width in node.value:
            for shape in args[at + 1 : at + width]:
                if not i.unifier.unify(args[at][0], shape[0]):
                    raise Misfit(node)
            for k in range(width if len({*node.value}) == 1 else 0):
                if not i.unifier.unify(args[k][1], args[at + k][1]):
                    raise Misfit(node)
            at += width
    return shape_of_block(node, [i.unifier.shape(s) for s in args])


_RULES: Mapping[str, Callable[..., Shape | None]] = {
    "neg": _same,
    "abstract": _same,
    **dict.fromkeys(RUNNING, _same),
    "side": _scalar,
    "derived": _derived,
    "'": _swapped,
    "+": _broadcast,
    "-": _broadcast,
    ".*": _broadcast,
    "./": _broadcast,
    ".^": _broadcast,
    "*": _product,
    "/": _quotient,
    "^": _power,
    "⊗": _kronecker,
    "call": _call,
    "selected": _selected,
    "block": _block,
}
