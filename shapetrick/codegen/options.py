"""How code is to be written."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:  # the names of targets are for every command's help, the dimensions for few
    from ..core.dims import Sizes


class CodeOptions(NamedTuple):
    """How code is to be written.

    Products are associated for `sizes`, or for equal ones. With `blocks`, NumPy takes the rows of
    large arrays in blocks that stay in the cache, where that can be done, or so many `threads` do;
    with `shard`, JAX shares the rows of this dimension among devices. A module may have a
    `self_test`, and says by which `command` it was made."""

    sizes: Sizes | None = None
    self_test: bool = False
    blocks: bool = False
    threads: int = 0
    shard: str = ""
    command: str = ""


PLAIN = CodeOptions()
