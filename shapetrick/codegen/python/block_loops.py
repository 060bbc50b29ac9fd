"""The body of a NumPy function that takes rows in blocks, so that what is between input and
gradient stays in the cache.
"""

from __future__ import annotations

from collections import Counter

from ...core.traversal import postorder
from ..blocking import Blocking, Phase, frontier, results
from ..ir import Value
from ..program import Program
from .identifiers import Identifiers
from .inplace import InPlaceWriter
from .module import FunctionBody, indented, written
from .statements import Assignment, shape_text

# Entries of a block's arrays together, and the fewest rows: products of matrices want more of both.
VECTORS = 2**17, 32
MATRICES = 2**16, 384


def in_blocks(
    program: Program, blocking: Blocking, room: tuple[int, int] | None = None
) -> FunctionBody:
    """What writes the lines of the body; `room` is other than VECTORS or MATRICES."""
    return lambda writer, identifiers: _Blocks(program, blocking, writer, identifiers).lines(room)


class _Blocks:
    """What comes before the loop, the loop, and what comes after it."""

    def __init__(
        self, program: Program, blocking: Blocking, writer: InPlaceWriter, identifiers: Identifiers
    ) -> None:
        self._roots = [output.value for output in program.outputs]
        self._names = {**program.names, **{o.value: o.name for o in program.outputs}}
        self._blocking = blocking
        self._writer = writer
        self._identifiers = identifiers
        self._step, self._start, self._rows, self._count = (
            identifiers.take(name) for name in ("step", "start", "rows", "count")
        )
        self._made: list[str] = []  # where results are gathered

    def lines(self, room: tuple[int, int] | None) -> list[str]:
        self._writer.begin(self._blocking, self._roots, self._step, self._count)
        before = frontier(self._blocking, self._roots)
        hoisted = written(self._writer.hoist([v for v in before if v.args]))
        size = self._writer.dim(self._blocking.dim)
        inside = self._inside(size)
        entries, fewest = room or (MATRICES if self._multiplies() else VECTORS)
        step = f"{self._step} = max({fewest}, {entries:_} // {self._width()})"
        loop = f"for {self._start} in range(0, {size}, {self._step}):"
        return [
            *hoisted,
            *self._made,
            step,
            *self._writer.work,
            loop,
            *indented(inside),
            *written(self._writer.write(self._roots)),
        ]

    def _inside(self, size: str) -> list[str]:
        """The lines of the loop; afterwards, what it filled is known by its name."""
        writer, blocking = self._writer, self._blocking
        lines = [f"{self._rows} = slice({self._start}, {self._start} + {self._step})"]
        whole: dict[Value, str] = {}
        for v in postorder(self._roots):
            if v.op == "input" and blocking.inside(v):
                whole[v] = writer.piece(v).text
                name = self._identifiers.take(f"{whole[v]}_{self._rows}")
                lines.append(f"{name} = {whole[v]}[{self._place(v)}]")
                writer.bind(v, name)
        writer.counts[blocking.dim] = self._count
        statements: list[Assignment] = []
        for v in results(blocking, self._roots):
            if blocking.phases[v] is Phase.SUMMED:
                statements += writer.add_to(v, self._gathered(v, "np.zeros"))
            else:
                whole[v] = self._gathered(v, "np.empty")
                statements += writer.store(v, f"{whole[v]}[{self._place(v)}]")
        writer.counts.clear()
        for v, name in whole.items():
            writer.bind(v, name)
        if any(self._count in s.names for s in statements):
            lines.append(f"{self._count} = min({self._step}, {size} - {self._start})")
        return [*lines, *written(statements)]

    def _gathered(self, v: Value, make: str) -> str:
        """The name of an array, or of a number, that the loop fills."""
        wanted = self._names.get(v)
        name = self._identifiers.take(wanted) if wanted else self._identifiers.number("t")
        shape = shape_text([self._writer.dim(d) for d in v.shape])
        self._made.append(f"{name} = {make}({shape})" if v.rank else f"{name} = 0.0")
        return name

    def _place(self, v: Value) -> str:
        return f":, {self._rows}" if self._blocking.axes[v] else self._rows

    def _multiplies(self) -> bool:
        """Whether there are products of two matrices in the loop."""
        return any(
            v.op == "matmul" and all(a.is_matrix for a in v.args) for v in postorder(self._roots)
        )

    def _width(self) -> str:
        """The entries in a row of all matrices that are in memory in the loop."""
        columns = Counter(self._writer.columns)
        for v in postorder(self._roots):
            if not v.is_matrix or not self._blocking.inside(v):
                continue
            axis = self._blocking.axes[v]
            if v.op == "input" or (axis == 1 and v.op not in ("transpose", "lift")):
                columns[self._writer.dim(v.shape[1 - axis])] += 1
        terms = [
            name if count == 1 else f"{count} * {name if name.isidentifier() else f'({name})'}"
            for name, count in columns.items()
        ]
        if not terms:
            return "8"
        return terms[0] if len(terms) == 1 and " " not in terms[0] else f"({' + '.join(terms)})"
