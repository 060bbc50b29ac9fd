"""How code is to be written, and what is said of a target that there isn't."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..core.named_tuples import NamedTuple

if TYPE_CHECKING:  # the names of targets are for every command's help, these for few
    from collections.abc import Sequence

    from ..core.dims import Sizes
    from ..core.errors import InputError


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


def no_target(target: object, known: Sequence[str]) -> InputError:
    """What is said of a target that is none of these."""
    from ..core.errors import OperandError, RequestError
    from ..core.warnings import nearest

    if not isinstance(target, str):
        return OperandError(f"a target is the text {known[0]!r} or another, not {target!r}.")
    near = nearest(target, known)
    advice = f" Did you mean `{near}`?" if near else ""
    return RequestError(f"`{target}` is none of the targets {', '.join(known)}.{advice}")
