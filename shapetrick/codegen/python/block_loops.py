"""The body of a NumPy function that takes rows in blocks, so that what is between input and
gradient stays in the cache; in threads, each of which has its share of the rows.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from ...core.traversal import postorder
from ..blocking import Blocking, Phase, frontier, results
from ..code_text import tuple_text
from ..identifiers import Identifiers
from ..ir import Value
from ..program import Program
from ..statements import Assignment
from .inplace import InPlaceWriter
from .module import FunctionBody, indented, written

# Entries of a block's arrays together, and the fewest rows: products of matrices want more of both.
VECTORS = 2**17, 32
MATRICES = 2**16, 384


class BlockLoop(FunctionBody):
    """What comes before the loop, the loop, and what comes after it; `room` is other than VECTORS
    or MATRICES."""

    kind = InPlaceWriter

    def __init__(
        self, program: Program, blocking: Blocking, room: tuple[int, int] | None = None
    ) -> None:
        super().__init__(program, blocking)
        self._room = room
        self._sums: dict[str, str] = {}  # what results are gathered in, by its name
        self._kept: dict[str, str] = {}

    def lines(self, writer: InPlaceWriter, identifiers: Identifiers) -> list[str]:
        self._writer, self._identifiers = writer, identifiers
        self._step, self._start, self._rows, self._count = map(
            identifiers.take, ("step", "start", "rows", "count")
        )
        writer.begin(self.blocking, self.roots, self._step, self._count)
        before = frontier(self.blocking, self.roots)
        hoisted = written(writer.hoist([v for v in before if v.args]))
        inside = self._inside()
        entries, fewest = self._room or (MATRICES if self._multiplies() else VECTORS)
        step = f"{self._step} = max({fewest}, {entries:_} // {self._width()})"
        return [*hoisted, *self._looped(step, inside), *written(writer.write(self.roots))]

    def _looped(self, step: str, inside: Sequence[str]) -> list[str]:
        """The lines of the loop, and those that make what it fills."""
        made = [*self._sums.values(), *self._kept.values(), step, *self._writer.work]
        loop = f"for {self._start} in range(0, {self._end}, {self._step}):"
        return [*made, loop, *indented(inside)]

    @property
    def _end(self) -> str:
        """Where the rows of the loop end."""
        return self._writer.dim(self.blocking.dim)

    def _block(self) -> str:
        """The rows of a block; NumPy leaves out those that there aren't."""
        return f"slice({self._start}, {self._start} + {self._step})"

    def _inside(self) -> list[str]:
        """The lines of the loop; afterwards, what it filled is known by its name."""
        writer, blocking = self._writer, self.blocking
        lines = [f"{self._rows} = {self._block()}"]
        whole: dict[Value, str] = {}
        for v in postorder(self.roots):
            if v.op == "input" and blocking.inside(v):
                whole[v] = writer.piece(v).text
                name = self._identifiers.take(f"{whole[v]}_{self._rows}")
                lines.append(f"{name} = {whole[v]}[{self._place(v)}]")
                writer.bind(v, name)
        writer.counts[blocking.dim] = self._count
        statements: list[Assignment] = []
        for v in results(blocking, self.roots):
            if blocking.phases[v] is Phase.SUMMED:
                statements += writer.add_to(v, self._gathered(v, "np.zeros", self._sums))
            else:
                whole[v] = self._gathered(v, "np.empty", self._kept)
                statements += writer.store(v, f"{whole[v]}[{self._place(v)}]")
        writer.counts.clear()
        for v, name in whole.items():
            writer.bind(v, name)
        if any(self._count in s.names for s in statements):
            lines.append(f"{self._count} = min({self._step}, {self._end} - {self._start})")
        return [*lines, *written(statements)]

    def _gathered(self, v: Value, make: str, made: dict[str, str]) -> str:
        """The name of an array, or of a number, that the loop fills."""
        name = self._writer.free_name(v)
        shape = tuple_text([self._writer.dim(d) for d in v.shape])
        made[name] = f"{name} = {make}({shape})" if v.rank else f"{name} = 0.0"
        return name

    def _place(self, v: Value) -> str:
        return f":, {self._rows}" if self.blocking.axes[v] else self._rows

    def _multiplies(self) -> bool:
        """Whether there are products of two matrices in the loop."""
        return any(
            v.op == "matmul" and all(a.is_matrix for a in v.args) for v in postorder(self.roots)
        )

    def _width(self) -> str:
        """The entries in a row of all matrices that are in memory in the loop."""
        columns = Counter(self._writer.columns)
        for v in postorder(self.roots):
            if not v.is_matrix or not self.blocking.inside(v):
                continue
            axis = self.blocking.axes[v]
            if v.op == "input" or (axis == 1 and v.op not in ("transpose", "lift")):
                columns[self._writer.dim(v.shape[1 - axis])] += 1
        terms = [
            name if count == 1 else f"{count} * {name if name.isidentifier() else f'({name})'}"
            for name, count in columns.items()
        ]
        if not terms:
            return "8"
        return terms[0] if len(terms) == 1 and " " not in terms[0] else f"({' + '.join(terms)})"


class ThreadedBlockLoop(BlockLoop):
    """A function of a stretch of rows has the loop, in each of so many threads; its sums are
    added."""

    def __init__(
        self,
        program: Program,
        blocking: Blocking,
        threads: int,
        room: tuple[int, int] | None = None,
    ) -> None:
        super().__init__(program, blocking, room)
        self._threads = threads

    def lines(self, writer: InPlaceWriter, identifiers: Identifiers) -> list[str]:
        self._function, self._first, self._last = map(
            identifiers.take, ("of_rows", "first", "last")
        )
        return super().lines(writer, identifiers)

    def _looped(self, step: str, inside: Sequence[str]) -> list[str]:
        ends, pool, parts = map(self._identifiers.take, ("ends", "pool", "parts"))
        count, size = self._threads, self._writer.dim(self.blocking.dim)
        whole = size if size.isidentifier() else f"({size})"
        sums = ", ".join(self._sums) + "," * (len(self._sums) == 1)
        loop = f"for {self._start} in range({self._first}, {self._last}, {self._step}):"
        own = [*self._sums.values(), *self._writer.work, loop, *indented(inside)]
        return [
            *self._kept.values(),
            step,
            "",
            f"def {self._function}({self._first}, {self._last}):",
            *indented([*own, f"return ({sums})" if sums.endswith(",") else f"return {sums}"]),
            "",
            f"{ends} = [{whole} * i // {count} for i in range({count + 1})]",
            f"with ThreadPoolExecutor({count}) as {pool}:",
            *indented([f"{parts} = {pool}.map({self._function}, {ends}[:-1], {ends}[1:])"]),
            f"{sums} = (sum(same) for same in zip(*{parts}, strict=True))",
        ]

    @property
    def _end(self) -> str:
        return self._last

    def _block(self) -> str:
        return f"slice({self._start}, min({self._start} + {self._step}, {self._last}))"
