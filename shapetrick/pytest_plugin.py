"""Claims as tests: with `--shapetrick`, or where they are named, pytest collects `.st` files, and
each claim is a test.

A request without a claim is one too: that its gradient is verified. Tests of functions have the
fixture `assert_gradient`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from .api import Problem
    from .core.errors import Span


class UnverifiedError(Exception):
    """A claim or a gradient that does not hold; its text is what is told."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """The switch, which `addopts` may have."""
    group = parser.getgroup("shapetrick")
    group.addoption("--shapetrick", action="store_true", help="test the claims in .st files")


@pytest.fixture(scope="session")
def assert_gradient() -> Callable[..., None]:
    """`st.assert_gradient(f, g, *inputs)`: fails with what is known, unless g is f's gradient."""
    from .gradient_checks import assert_gradient as asserted

    return asserted


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Problems, where they are asked for: by the switch, or by their names."""
    named = parent.session.isinitpath(file_path) and file_path.is_file()
    if file_path.suffix == ".st" and (named or parent.config.getoption("--shapetrick")):
        return ProblemFile.from_parent(parent, path=file_path)
    return None


class ProblemFile(pytest.File):
    """A problem, whose requests and equalities are tests."""

    def collect(self) -> Iterator[pytest.Item]:
        """A test for each of them, in order."""
        from .api import read
        from .core.errors import ShapetrickError
        from .language.source import read_text

        try:
            problem = read(read_text(str(self.path)))
        except ShapetrickError as e:
            raise self.CollectError(str(e)) from None
        for part in problem.parts(together=False):
            (asked,) = part.data.asked
            name = asked.key
            for request in part.data.requests:
                name += f" = {' '.join(request.claim.text.split())}" if request.claim else ""
            yield RequestItem.from_parent(self, name=name, problem=part, span=asked.span)


class RequestItem(pytest.Item):
    """That a claim is right, or a gradient verified: of a problem with one request or equality."""

    def __init__(self, *, problem: Problem, span: Span | None, **given: Any) -> None:
        super().__init__(**given)
        self.problem = problem
        self.span = span

    def runtest(self) -> None:
        """Raises UnverifiedError, ShapetrickError."""
        for derivation in () if self.problem.data.claimed else self.problem.derive():
            if not derivation.verified:
                raise UnverifiedError(f"{derivation.validation.verdict}\n\n{derivation}")
        for check in self.problem.verdicts():
            if not check.right:
                raise UnverifiedError(f"{check.verdict}: {check.diagnosis}\n\n{check}")

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """What is told of a claim that does not hold: why, at length, and where."""
        from .core.errors import ShapetrickError

        if isinstance(excinfo.value, (UnverifiedError, ShapetrickError)):
            path, line, _ = self.reportinfo()
            place = f"{path.name}:{'' if line is None else f'{line + 1}: '}"
            return f"{str(excinfo.value).rstrip()}\n\n{place}{excinfo.typename}"
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int | None, str]:
        """The line in which it stands."""
        line = None if self.span is None else self.span.line_of(self.problem.data.text) - 1
        return self.path, line, self.name
