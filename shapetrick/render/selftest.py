"""The check that a generated module carries: its gradients against central differences, in NumPy alone.

An input is drawn as its attributes ask. In a derivative along a random direction every entry counts, so
one direction for each gradient will do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np

from ..dims import Dim
from ..errors import RequestError
from ..expr import Expr
from ..plan import extent
from ..program import Output, Program
from ..sampling import assignments
from .arguments import Arguments
from .code import dim_text, shape_text
from .spellings import MODULES, Library

# How an entry is drawn where nothing is declared of it; the first that all functions are defined for.
RANGES = ("rng.standard_normal({0})", "rng.uniform(0.5, 1.5, {0})", "rng.uniform(0.1, 0.9, {0})",
          "rng.uniform(1.2, 2.0, {0})")  # fmt: skip

_DRAWS: Mapping[str, str] = {
    "posdef": "definite({0})",
    "orthogonal": "np.linalg.qr(rng.standard_normal({0}))[0]",
    "simplex": "stochastic({0})",
    "onehot": "stochastic({0}).round()",
    "unit": "rng.uniform(0.1, 0.9, {0})",
    "positive": "rng.uniform(0.5, 1.5, {0})",
    "nonneg": "rng.uniform(0.5, 1.5, {0})",
}
