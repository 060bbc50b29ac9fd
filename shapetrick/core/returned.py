"""What generated code returns: values, and the answers to requests."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass

from .expr import Expr, constant
from .problem import Request
from .results import Result

LEFT_OUT = constant("nan")  # the value of a member that another request is for


@dataclass(frozen=True, slots=True)
class Returned:
    """A value or a gradient; one for each member of a family if it is `listed`."""

    key: str  # as typed: "J", "grad J wrt w"
    name: str  # in the code, where it is free; of members, that of their family
    expression: Expr  # what it comes to; of members, that of one
    _: KW_ONLY
    result: Result | None = None  # None for what was differentiated
    listed: bool = False

    @property
    def request(self) -> Request | None:
        """What it answers."""
        return None if self.result is None else self.result.request
