"""The body of a NumPy function that takes rows in blocks, so that what is between input and
gradient stays in the cache.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from ..blocking import Blocking, Phase, frontier
from ..plan import Value, walk
from ..program import Program
from .code import Writer
from .identifiers import Identifiers
from .programs import Body, indented, written

ENTRIES = 2**17  # of the arrays of a block together: a megabyte
FEWEST = 32  # rows


def in_blocks(program: Program, blocking: Blocking) -> Body:
    """What writes the lines of the body."""
    return lambda writer, identifiers: _Blocks(program, blocking, writer, identifiers).lines()


class _Blocks:
    """What comes before the loop, the loop, and what comes after it."""

    def __init__(
        self, program: Program, blocking: Blocking, writer: Writer, identifiers: Identifiers
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

    def lines(self) -> list[str]:
        before, sums = frontier(self._blocking, self._roots)
        hoisted = written(self._writer.hoist([v for v in before if v.args]))
        size = self._writer.dim(self._blocking.dim)
        inside = self._inside(sums)
        step = f"{self._step} = max({FEWEST}, {ENTRIES:_} // {self._width()})"
        loop = f"for {self._start} in range(0, {size}, {self._step}):"
        return [
            *hoisted,
            *self._made,
            step,
            loop,
            *indented(inside),
            *written(self._writer.write(self._roots)),
        ]

    def _inside(self, sums: Sequence[Value]) -> list[str]:
        """The lines of the loop."""
        end = f"{self._start} + {self._step}"
        lines = [f"{self._rows} = slice({self._start}, {end})"]
        self._writer.counts[self._blocking.dim] = self._count
        sliced = [v for v in walk(self._roots) if v.op == "input" and self._blocking.inside(v)]
        for v in sliced:
            whole = self._writer.piece(v).text
            name = self._identifiers.take(f"{whole}_{self._rows}")
            lines.append(f"{name} = {whole}[{self._place(v)}]")
            self._writer.bind(v, name)
        results = dict.fromkeys(v for v in self._roots if self._blocking.inside(v) and v.args)
        statements = []
        for v in walk(self._roots):
            if self._blocking.phases[v] is Phase.SUMMED:
                statements += self._writer.add_to(v, self._gathered(v, "np.zeros"))
            elif v in results:
                whole = self._gathered(v, "np.empty")
                statements += self._writer.store(v, f"{whole}[{self._place(v)}]")
                self._writer.bind(v, whole)
        self._writer.counts.clear()
        used = {name for s in statements for name in s.names}
        if self._count in used:
            size = self._writer.dim(self._blocking.dim)
            lines.append(f"{self._count} = min({self._step}, {size} - {self._start})")
        return [*lines, *written(statements)]

    def _gathered(self, v: Value, make: str) -> str:
        """An array, or a number, that the loop fills."""
        wanted = self._names.get(v)
        name = self._identifiers.take(wanted) if wanted else self._identifiers.number("t")
        counts = dict(self._writer.counts)
        self._writer.counts.clear()
        shape = self._writer.shape(v.shape)
        self._writer.counts.update(counts)
        self._made.append(f"{name} = {make}({shape})" if v.rank else f"{name} = 0.0")
        return name

    def _place(self, v: Value) -> str:
        return f":, {self._rows}" if self._blocking.axes[v] else self._rows

    def _width(self) -> str:
        """The entries in a row of all arrays of the loop."""
        columns: Counter[str] = Counter()
        for v in walk(self._roots):
            if self._blocking.inside(v) and v.is_matrix and v.op not in ("transpose", "lift"):
                columns[self._writer.dim(v.shape[1 - self._blocking.axes[v]])] += 1
        terms = [
            name if count == 1 else f"{count} * {name if name.isidentifier() else f'({name})'}"
            for name, count in columns.items()
        ]
        if not terms:
            return "8"
        return terms[0] if len(terms) == 1 and " " not in terms[0] else f"({' + '.join(terms)})"
