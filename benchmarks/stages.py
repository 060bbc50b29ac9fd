"""Where the time of a derivation goes: the engine's stages, timed from outside.

`timed` wraps the functions by which each stage is entered, wherever a module has them, and takes
the wrapping off again. A stage's time is its own: while a stage that it calls runs, its clock
stands still (finding a rule is part of the chain rule, and counted as the search alone).
"""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any

from shapetrick.core.expr import Expr
from shapetrick.derivation import vjp_rules as rules
from shapetrick.derivation.chain_rule import cotangents
from shapetrick.families import unrolled_checks as depths
from shapetrick.language import elaboration
from shapetrick.language.syntax.parser import parse
from shapetrick.pipeline import requests as derivation
from shapetrick.simplification import subexpressions as naming
from shapetrick.simplification.simplifier import Simplifier
from shapetrick.validation.checker import Checker

PARSING, SHAPES, CHAIN_RULE, SEARCH = "parsing", "shapes", "chain rule", "arrangement search"
SIMPLIFICATION, VALIDATION, PRINTING, REST = "simplification", "validation", "printing", "the rest"
STAGES = (PARSING, SHAPES, CHAIN_RULE, SEARCH, SIMPLIFICATION, VALIDATION, PRINTING, REST)

# A function is replaced in every module that has it; a method in its class.
FUNCTIONS: tuple[tuple[str, Callable[..., Any]], ...] = (
    (PARSING, parse),
    (SHAPES, elaboration.read),
    (CHAIN_RULE, cotangents),
    (SEARCH, rules._search),
    (SIMPLIFICATION, naming.with_names),
    (SIMPLIFICATION, derivation.symmetrized),
    (VALIDATION, depths.validate),
)
METHODS = (
    (PRINTING, Expr, ("__str__",)),
    (SIMPLIFICATION, Simplifier, ("__init__", "__call__", "write", "answer", "with_diagonals")),
    (VALIDATION, Checker, ("__init__", "check")),
)


class Clock:
    """The CPU seconds that each stage has taken itself; the rest is what is in none."""

    def __init__(self) -> None:
        self.seconds = Counter[str]()
        self._open = [REST]
        self._since = time.process_time()

    def switch(self) -> None:
        """What has passed goes to the stage that is open."""
        now = time.process_time()
        self.seconds[self._open[-1]] += now - self._since
        self._since = now

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        self.switch()
        self._open.append(name)
        try:
            yield
        finally:
            self.switch()
            self._open.pop()

    def wrapped(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(function)
        def call(*args: Any, **options: Any) -> Any:
            with self.stage(name):
                return function(*args, **options)

        return call


@contextmanager
def timed() -> Iterator[Clock]:
    """A clock that the engine's stages are set to while this is open."""
    clock = Clock()
    undo: list[tuple[Any, str, Any]] = []

    def put(owner: Any, attribute: str, old: Any, new: Any) -> None:
        undo.append((owner, attribute, old))
        setattr(owner, attribute, new)

    modules = [m for name, m in list(sys.modules.items()) if name.split(".")[0] == "shapetrick"]
    for stage, function in FUNCTIONS:
        new = clock.wrapped(stage, function)
        for module in modules:
            for attribute, value in list(vars(module).items()):
                if value is function:
                    put(module, attribute, function, new)
    for stage, owner, names in METHODS:
        for name in names:
            old = getattr(owner, name)
            put(owner, name, old, clock.wrapped(stage, old))
    try:
        clock.switch()
        clock.seconds.clear()
        yield clock
    finally:
        clock.switch()
        for owner, attribute, old in reversed(undo):
            setattr(owner, attribute, old)
