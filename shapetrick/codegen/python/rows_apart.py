"""Which rows a function takes apart, for which options, and what writes that."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from ...core.dims import Dim
from ...core.errors import RequestError
from ...core.records import dataclass
from ..blocking import Blocking, blocked, blocked_by
from ..chain_order import nominal
from ..options import CodeOptions
from ..program import Program
from .block_loops import BlockLoop, ThreadedBlockLoop
from .module import CodeTarget, FunctionBody
from .row_functions import OverChunks, OverMesh

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
    if options.threads:
        body = partial(ThreadedBlockLoop, threads=options.threads)
        return RowsApart(body, required=False, tried=partial(body, room=(1, 2)))
    if options.blocks:
        return RowsApart(BlockLoop, required=False)
    if options.shard:
        return RowsApart(OverMesh, Dim.of(options.shard))
    return RowsApart(OverChunks, lazy=True)
