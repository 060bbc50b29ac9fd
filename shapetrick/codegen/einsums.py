"""A plan with its products and sums in letters, each as one `einsum`.

LETTERS says for each operation which axes it runs over. What is only turned becomes an operand as
it was, and so do the factors of a product entry by entry below a sum; a product of matrices keeps
two operands, in the order that was chosen for it. Products of entries without a sum, which need no
letters, stay `a * b`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

from ..core.dims import ONE
from ..core.traversal import postorder
from .ir import Graph, Value
from .program import Program

# By an operation with the ranks of its arguments, and with its axis if it has one.
LETTERS: Mapping[str, str] = {
    "matmul/22": "ij,jk->ik", "matmul/21": "ij,j->i", "matmul/12": "i,ij->j", "matmul/11": "i,i->",
    "inner/22": "ij,ij->", "inner/11": "i,i->", "outer/11": "i,j->ij",
    "row_dots/22": "ij,ij->i", "column_dots/22": "ij,ij->j",
    "trace/2": "ii->", "trace_of_product/22": "ij,ji->", "diagonal/2": "ii->i",
    "sum/1": "i->", "sum/1/0": "i->", "sum/2": "ij->", "sum/2/0": "ij->j", "sum/2/1": "ij->i",
}  # fmt: skip
_REDUCED = frozenset({"sum", "inner", "trace", "trace_of_product", "row_dots", "column_dots"})
_NAMES = "ijklmnopqrstuvwxyz"

LetteredOperand = tuple[Value, str]


def in_letters(program: Program) -> Program:
    """The program whose products and sums are einsums."""
    roots = [output.value for output in program.outputs]
    uses = Counter(a for v in postorder(roots) for a in v.args)
    shared = {v for v, count in uses.items() if count > 1} | {*program.names, *roots}
    writer, graph = _Letters(program.graph, shared), program.graph
    new: dict[Value, Value] = {}
    for v in postorder(roots):
        args = [new[a] for a in v.args]
        same = all(a is b for a, b in zip(args, v.args, strict=True))
        new[v] = writer.einsum(v, new) or (v if same else graph.renewed(v, args))
    return replace(
        program,
        outputs=tuple(replace(o, value=new[o.value]) for o in program.outputs),
        names={new[v]: name for v, name in program.names.items() if v in new},
    )


class _Letters:
    """Writes operations as einsums; what is `shared` has a line of its own."""

    def __init__(self, graph: Graph, shared: set[Value]) -> None:
        self._graph, self._shared = graph, shared

    def einsum(self, v: Value, new: Mapping[Value, Value]) -> Value | None:
        """The operation, of arguments that are `new`; None for what is no product or sum."""
        axis = f"/{v.data}" if isinstance(v.data, int) else ""
        text = LETTERS.get(f"{v.op}/{''.join(str(a.rank) for a in v.args)}{axis}")
        if text is None:
            return self._over_axes(v, new) if v.op == "mul" else None
        before, result = text.split("->")
        scalars: list[Value] = []
        operands: list[LetteredOperand] = []
        for a, letters in zip(v.args, before.split(","), strict=True):
            operands += self._opened(a, letters, v.op in _REDUCED, scalars)
        return self._made(operands, result, scalars, v, new)

    def _over_axes(self, v: Value, new: Mapping[Value, Value]) -> Value | None:
        """A product of entries in which a vector stands as a column beside others."""
        if v.rank != 2 or not any(a.op == "lift" for a in v.args):
            return None
        scalars: list[Value] = []
        operands = self._factors(v, "ij", scalars)
        return None if operands is None else self._made(operands, "ij", scalars, v, new)

    def _opened(
        self, a: Value, letters: str, below_sum: bool, scalars: list[Value]
    ) -> list[LetteredOperand]:
        """What stands for an argument with these letters; of its factors, the scalars apart."""
        while a.op == "transpose":
            a, letters = a.args[0], letters[::-1]
        if below_sum and a.op == "mul" and a not in self._shared:
            found = self._factors(a, letters, scalars)
            if found is not None:
                return found
        return [(a, letters)]

    def _factors(
        self, v: Value, letters: str, scalars: list[Value]
    ) -> list[LetteredOperand] | None:
        """The factors of a product of entries, with the letters of the axes that they have; None
        where one is repeated over an axis by itself, or divides."""
        operands: list[LetteredOperand] = []
        for a in v.args:
            divides = (a.exponent or 0) < 0
            if a.op == "lift":
                operands.append((a.args[0], letters[0]))
            elif a.rank and (divides or ONE in a.shape):
                return None
            elif a.rank:
                operands += self._opened(a, letters[-a.rank :], False, scalars)
        if {*letters} != {*"".join(own for _, own in operands)}:
            return None
        scalars += [a for a in v.args if not a.rank]
        return operands

    def _made(
        self,
        operands: Sequence[LetteredOperand],
        result: str,
        scalars: Sequence[Value],
        v: Value,
        new: Mapping[Value, Value],
    ) -> Value:
        """The einsum, times scalars; its letters in the order of the alphabet."""
        order = dict.fromkeys("".join(letters for _, letters in operands))
        names = str.maketrans(dict(zip(order, _NAMES, strict=False)))
        text = ",".join(letters for _, letters in operands).translate(names)
        given = [new[a] for a, _ in operands]
        made = self._graph.node("einsum", given, f"{text}->{result.translate(names)}", v.shape)
        return self._graph.mul(*(new[a] for a in scalars), made) if scalars else made
