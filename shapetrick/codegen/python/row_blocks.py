"""Functions that take rows apart, and which options ask for them: NumPy in blocks, so that what is
between input and gradient stays in the cache, or in threads, each with its share of the rows; Dask
in chunks and JAX over the devices of a mesh, whose sums are made of parts.
"""

from __future__ import annotations

import re
from abc import abstractmethod
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from ...core.dims import Dim
from ...core.errors import OperandError, RequestError
from ...core.records import dataclass
from ...core.traversal import postorder
from ..blocking import Blocking, Phase, blocked, blocked_by, frontier, results
from ..chain_order import nominal
from ..code_text import tuple_text, unpacked
from ..identifiers import Identifiers
from ..ir import Value
from ..options import CodeOptions
from ..program import Program
from ..statements import Assignment
from .inplace import InPlaceWriter
from .module import CodeTarget, FunctionBody, indented, written
from .statements import PythonWriter

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


BRANCHES = 8  # of a node in the tree of sums


class RowFunction(FunctionBody):
    """What comes before the rows, the function of some rows, its map, and what comes after."""

    def lines(self, writer: PythonWriter, identifiers: Identifiers) -> list[str]:
        self._writer, self._identifiers = writer, identifiers
        self.function, self.count = map(identifiers.take, ("of_rows", "count"))
        self.size = writer.dim(self.blocking.dim)
        given = [v for v in postorder(self.roots) if v.op == "input"]
        inputs = {writer.piece(v).text: v for v in given}
        self.rows = {name: v for name, v in inputs.items() if self.blocking.inside(v)}
        found = results(self.blocking, self.roots)
        self.sums = [v for v in found if self.blocking.phases[v] is Phase.SUMMED]
        self.kept = [v for v in found if self.blocking.inside(v)]  # rows that are returned
        before = frontier(self.blocking, self.roots)
        hoisted = writer.hoist([v for v in before if v.args])
        known = [x for x in (*inputs, *(s.name for s in hoisted)) if x not in self.rows]
        inside, returned = self._inside()
        words = {word for line in inside for word in re.findall(r"\w+", line)}
        self.others = [name for name in dict.fromkeys(known) if name in words]
        pairs = zip((*self.sums, *self.kept), returned, strict=True)
        self.made = [self._bound(v, text) for v, text in pairs]
        head = f"def {self.function}({', '.join([*self.rows, *self.others])}):"
        count = []
        if self.count in words:
            name, first = next(iter(self.rows.items()))
            count = [f"{self.count} = {name}.shape[{self.blocking.axes[first]}]"]
        return [
            *written(hoisted),
            *self.prepared(),
            "",
            head,
            *indented([*count, *inside, *self.returning(returned)]),
            "",
            *self.mapped(),
            *written(writer.write(self.roots)),
        ]

    def _inside(self) -> tuple[list[str], list[str]]:
        """The lines of the function, and what it returns."""
        writer, values = self._writer, [*self.sums, *self.kept]
        with writer.inside():
            writer.counts[self.blocking.dim] = self.count
            lines = written(writer.write(values, named=False))
            writer.counts.clear()
            return lines, [f"{writer.piece(v)}" for v in values]

    def _bound(self, v: Value, inside: str) -> str:
        """The name of a result outside of the function: that which it has inside, if it has one."""
        if inside.isidentifier() and inside not in (*self.rows, *self.others):
            name = inside
        else:
            name = self._writer.free_name(v)
        self._writer.bind(v, name)
        return name

    @abstractmethod
    def prepared(self) -> list[str]:
        """Lines that bring the inputs into parts."""

    @abstractmethod
    def returning(self, values: Sequence[str]) -> list[str]:
        """The last lines of the function, for the sums and then what is kept."""

    @abstractmethod
    def mapped(self) -> list[str]:
        """Lines that apply the function and give the results their names."""


class OverChunks(RowFunction):
    """Dask: a task for each chunk of rows, and a tree of tasks that add."""

    def prepared(self) -> list[str]:
        take = self._identifiers.take
        self._chunks, self._parts, self._shared = map(take, ("chunks", "parts", "shared"))
        name, v = next(iter(self.rows.items()))
        axis = self.blocking.axes[v]
        lines = [f"{self._chunks} = dask.array.asarray({name}).chunks[{axis}]"]
        for name, v in self.rows.items():
            sides = ["-1"] * v.rank
            sides[self.blocking.axes[v]] = self._chunks
            lines.append(f"{name} = dask.array.asarray({name}).rechunk({tuple_text(sides)})")
        return lines

    def returning(self, values: Sequence[str]) -> list[str]:
        sums, kept = values[: len(self.sums)], values[len(self.sums) :]
        return [
            f"return {tuple_text(sums)}, {tuple_text(kept)}"
            if kept
            else f"return {tuple_text(sums)}"
        ]

    def mapped(self) -> list[str]:
        take = self._identifiers.take
        added, totals, blocks, groups = map(take, ("added", "totals", "blocks", "groups"))
        inputs = tuple_text(list(self.rows))
        arguments = f"*block, *{self._shared}" if self.others else "*block"
        shared = [f"{self._shared} = [dask.delayed(x) for x in {tuple_text(self.others)}]"]
        sums = f"[part[0] for part in {self._parts}]" if self.kept else self._parts
        return [
            *(shared if self.others else []),
            f"{blocks} = zip(*(x.to_delayed().ravel() for x in {inputs}), strict=True)",
            f"{self._parts} = [dask.delayed({self.function})({arguments}) for block in {blocks}]",
            "",
            f"def {added}(*parts):",
            *indented(["return tuple(sum(same) for same in zip(*parts, strict=True))"]),
            "",
            f"{totals} = {sums}",
            f"while len({totals}) > 1:",
            *indented(
                [
                    f"{groups} = [{totals}[i : i + {BRANCHES}] "
                    f"for i in range(0, len({totals}), {BRANCHES})]",
                    f"{totals} = [dask.delayed({added})(*group) for group in {groups}]",
                ]
            ),
            f"{unpacked(self.made[: len(self.sums)])} = {totals}[0].compute()",
            *(self._gathered(i, v) for i, v in enumerate(self.kept)),
        ]

    def _gathered(self, i: int, v: Value) -> str:
        """The line that puts rows together as an array of Dask, which computes them when asked."""
        rows, part = map(self._identifiers.take, ("rows", "part"))
        self._writer.counts[self.blocking.dim] = rows
        shape = self._writer.shape(v.shape)
        self._writer.counts.clear()
        kind = f"{next(iter(self.rows))}.dtype"
        one = f"dask.array.from_delayed({part}[1][{i}], {shape}, {kind})"
        pairs = f"for {part}, {rows} in zip({self._parts}, {self._chunks}, strict=True)"
        name, axis = self.made[len(self.sums) + i], self.blocking.axes[v]
        return f"{name} = dask.array.concatenate([{one} {pairs}], axis={axis})"


class OverMesh(RowFunction):
    """JAX: each device has its share of the rows, and sums are taken over all."""

    def prepared(self) -> list[str]:
        take = self._identifiers.take
        self._mesh, self._spec, devices = map(take, ("mesh", "spec", "devices"))
        return [  # as many devices as share the rows equally
            f"{devices} = jax.devices()[: math.gcd({self.size}, jax.device_count())]",
            f"{self._mesh} = jax.sharding.Mesh({devices}, ({self._axis},))",
            f"{self._spec} = jax.sharding.PartitionSpec",
        ]

    def returning(self, values: Sequence[str]) -> list[str]:
        sums, kept = values[: len(self.sums)], values[len(self.sums) :]
        summed = f"jax.lax.psum({tuple_text(sums)}, {self._axis})"
        return [f"return (*{summed}, {', '.join(kept)})" if kept else f"return {summed}"]

    @property
    def _axis(self) -> str:
        return f'"{self.size}"'

    def mapped(self) -> list[str]:
        axes = [*(self.blocking.axes[v] for v in self.rows.values()), *[None] * len(self.others)]
        found = [*[None] * len(self.sums), *(self.blocking.axes[v] for v in self.kept)]
        given, returned = (tuple_text(list(map(self._along, own))) for own in (axes, found))
        specs = f"in_specs={given}, out_specs={returned}"
        over, arguments = self._identifiers.take("over_rows"), [*self.rows, *self.others]
        return [
            f"{over} = jax.shard_map({self.function}, mesh={self._mesh}, {specs})",
            f"{unpacked(self.made)} = {over}({', '.join(arguments)})",
        ]

    def _along(self, axis: int | None) -> str:
        """Along which axis an array is shared, if along any."""
        axes = "" if axis is None else "None, " * axis + self._axis
        return f"{self._spec}({axes})"


IN_SMALL_BLOCKS = partial(BlockLoop, room=(1, 2))


@dataclass(frozen=True, slots=True)
class RowsApart:
    """How rows are taken apart: what writes that, the dimension if one is asked for, whether there
    must be one, and whether what has the rows is computed only when it is asked for; `tried` writes
    it for NumPy with parts of few rows, so that there are several."""

    body: Callable[[Program, Blocking], FunctionBody]
    dim: Dim | None = None
    required: bool = True
    lazy: bool = False
    tried: Callable[[Program, Blocking], FunctionBody] = IN_SMALL_BLOCKS

    def written(
        self, program: Program, sizes: Mapping[str, int], tried: bool = False
    ) -> FunctionBody | None:
        """What writes the body of a function, if its rows can be taken apart. Raises
        RequestError."""
        values = [output.value for output in program.outputs]
        found = blocked_by(values, self.dim) if self.dim else blocked(values, nominal(sizes))
        if found is not None:
            return (self.tried if tried else self.body)(program, found)
        if not self.required:
            return None
        which = f"`{self.dim}` is no dimension" if self.dim else "there is no dimension"
        raise RequestError(
            f"{which} over which all is a sum, or stands row by row: the target numpy has the "
            "plain code."
        )


def rows_apart(target: CodeTarget, options: CodeOptions, in_chunks: bool) -> RowsApart:
    """What is asked for: of Dask `in_chunks`, by its target, and else by options. Raises
    RequestError."""
    if (options.blocks or options.threads) and (target != "numpy" or in_chunks):
        raise RequestError(
            "blocks and threads are for the target numpy: JAX and PyTorch compile loops themselves."
        )
    if options.shard and target != "jax":
        raise RequestError("shards are for the target jax.")
    if not hasattr(options.threads, "__index__") or options.threads < 0:
        raise OperandError(f"threads are a whole number from 0 on, not {options.threads!r}.")
    if options.threads:
        body = partial(ThreadedBlockLoop, threads=options.threads)
        return RowsApart(body, required=False, tried=partial(body, room=(1, 2)))
    if options.blocks:
        return RowsApart(BlockLoop, required=False)
    if options.shard:
        return RowsApart(OverMesh, Dim.of(options.shard))
    return RowsApart(OverChunks, lazy=True)
