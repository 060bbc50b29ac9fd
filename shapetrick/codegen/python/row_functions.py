"""The body of a function whose sums over rows are made of parts: a function of some of the rows,
mapped over chunks by Dask, or over the devices of a mesh by JAX.
"""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Sequence

from ...core.traversal import postorder
from ..blocking import Phase, frontier, results
from ..code_text import tuple_text, unpacked
from ..identifiers import Identifiers
from ..ir import Value
from .module import FunctionBody, indented, written
from .statements import PythonWriter

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
