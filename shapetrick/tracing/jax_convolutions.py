"""JAX's `convolve` where lengths are letters, which its own code compares: a jaxpr with a name, and
with the shape of the result, that is read as a whole."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import jax

from ..core.errors import TraceError
from . import convolutions
from .arrays import Traced

WHOLE: Mapping[str, Callable[..., Traced]] = {
    f"convolve_{mode}": partial(convolutions.convolved, mode=mode)
    for mode in ("full", "valid", "same")
}


def _convolved(x: Any, kernel: Any, mode: str = "full", **_: Any) -> Any:
    size, width, name = x.shape[0], kernel.shape[0], f"convolve_{mode}"
    if name not in WHOLE:
        raise TraceError(f"the mode {mode!r} isn't followed.")
    length = {"full": size + width - 1, "valid": size - width + 1}.get(mode, size)

    def whole(_x: Any, _kernel: Any) -> Any:
        return jax.numpy.zeros(length)

    whole.__name__ = name
    return jax.jit(whole)(x, kernel)


OWN: Mapping[Any, Callable[..., Any]] = {jax.numpy.convolve: _convolved}
