"""Claims as tests: with `--shapetrick`, pytest collects the `.st` files, and each claim is a test.

A request without a claim is one too: that its gradient is verified.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from .api import Problem


class UnverifiedError(Exception):
    """A claim or a gradient that does not hold; its text is what is told."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """The switch, which `addopts` may have."""
    group = parser.getgroup("shapetrick")
    group.addoption("--shapetrick", action="store_true", help="test the claims in .st files")


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Problems, where they are asked for."""
    if file_path.suffix == ".st" and parent.config.getoption("--shapetrick"):
        return ProblemFile.from_parent(parent, path=file_path)
    return None


class ProblemFile(pytest.File):
    """A problem, whose requests are tests."""

    def collect(self) -> Iterator[pytest.Item]:
        """A test for each request, in order."""
        from .api import read
        from .core.errors import ShapetrickError
        from .language.source import read_text

        try:
            problem = read(read_text(str(self.path)))
        except ShapetrickError as e:
            raise self.CollectError(str(e)) from None
        for one in problem.requests():
            request = one.data.requests[0]
            name = f"{request.kind} {request.of_text} wrt {request.wrt.name}"
            if request.claim is not None:
                name += f" = {' '.join(request.claim.text.split())}"
            yield RequestItem.from_parent(self, name=name, problem=one)


class RequestItem(pytest.Item):
    """That a claim is right, or a gradient verified."""

    def __init__(self, *, problem: Problem, **given: Any) -> None:
        super().__init__(**given)
        self.problem = problem

    def runtest(self) -> None:
        """Raises UnverifiedError, ShapetrickError."""
        if self.problem.data.requests[0].claim is not None:
            (check,) = self.problem.check()
            if not check.right:
                raise UnverifiedError(str(check))
        else:
            (derivation,) = self.problem.derive()
            if not derivation.verified:
                raise UnverifiedError(str(derivation))

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """What is told of a claim that does not hold."""
        from .core.errors import ShapetrickError

        if isinstance(excinfo.value, (UnverifiedError, ShapetrickError)):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int | None, str]:
        """The line of the request."""
        data = self.problem.data
        span = data.requests[0].span
        return self.path, None if span is None else span.line_of(data.text) - 1, self.name
