"""How many random examples the tests try: few, more (`full`), or many new ones (`thorough`).

pytest --hypothesis-profile=full
"""

import os
import signal
import sys
from collections.abc import Iterator

import pytest
from hypothesis import settings

# What JAX compiles is run once or twice: to optimize it takes longer.
os.environ.setdefault("XLA_FLAGS", "--xla_backend_optimization_level=0")
settings.register_profile("quick", deadline=None, derandomize=True, max_examples=25)
settings.register_profile("full", deadline=None, derandomize=True, max_examples=100)
settings.register_profile("thorough", deadline=None, max_examples=5_000)
settings.load_profile("quick")
# A shell lets what it starts in the background ignore Ctrl-C, which the programs that are tested
# would inherit.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True, scope="module")
def _without_compiled_functions() -> Iterator[None]:
    """JAX keeps what it compiled: gigabytes, through which every collection of garbage goes."""
    yield
    if "jax" in sys.modules:
        sys.modules["jax"].clear_caches()
