"""What the parser calls for functions without brackets, `log x`, `tr A B`, `log|A|`, and for the
factors that follow them."""

from __future__ import annotations

from typing import Any

from ...core.errors import ParseError
from ...core.functions import NAMES
from .library_calls import instead
from .signs import BARS, LOG_BARS, TRACE
from .tree import Callee, SyntaxNode, call_node

TOGETHER = {("log", BARS): LOG_BARS, ("log", "det"): "logdet"}  # read as one with what is inside
# Without brackets it takes the whole product behind it, as books write `tr A B`.
_WIDE = {"tr": TRACE, TRACE: TRACE}


class Application(SyntaxNode):
    """A function that took the factor behind it without brackets."""

    __slots__ = ()


class ApplicationBuilder:
    """The part of the builder that makes them."""

    log = "log({})"  # an example of a call

    def juxtaposition(self, c: list[Any]) -> SyntaxNode:
        left, right = c
        last = left.args[1] if left.juxtaposed and not left.bracketed else left
        if last.kind == "neg" and isinstance(last.args[0], Application) and not last.bracketed:
            args = (self.juxtaposition([last.args[0], right]),)
            return SyntaxNode("neg", args, None, left.span | right.span)
        if not isinstance(last, Application) or isinstance(right, Application):
            return SyntaxNode("*", (left, right), None, left.span | right.span, juxtaposed=True)
        taken = last.args[0]
        wide = _WIDE.get(_row(last.value.name)) if last.kind == "call" else None
        if wide is None and not _begins_with_number(taken):
            raise ParseError(
                "how much a function without brackets takes is not clear where a factor follows: "
                f"put brackets, `{self.log.format('x')} y` or `{self.log.format('x y')}`.",
                last.span | right.span,
            )
        argument = self.juxtaposition([taken, right])
        value = last.value if wide is None else Callee(wide)
        wider = Application(last.kind, (argument,), value, last.span | right.span)
        return wider if last is left else self.juxtaposition([left.args[0], wider])

    def applied(self, c: list[Any]) -> SyntaxNode:
        """A function before bars: `log|A|`."""
        function, inner = c
        name, _ = function.value
        span = function.span | inner.span
        found = instead(name, [inner], span)
        if found is not None:
            return found
        together = TOGETHER.get((_row(name), inner.value.name))
        if together is not None:
            return call_node(together, inner.args, span)
        return call_node(name, (inner,), span)

    def application(self, c: list[Any]) -> SyntaxNode:
        function, argument = c
        name, *_ = function.value
        span = function.span | argument.span
        found = instead(name, [argument], span)
        if found is not None:
            return found
        if argument.kind == "call" and not argument.bracketed:
            held = argument
            if argument.value.name == BARS and _is_together(name, argument.args[0]):
                (held,) = argument.args  # `log |det A|`
            together = TOGETHER.get((_row(name), held.value.name))
            if together is not None:
                return Application("call", held.args, Callee(together), span)
        return Application("call", (argument,), Callee(name), span)


def _is_together(name: str, inner: SyntaxNode) -> bool:
    """Whether a function is read as one with a call in bars, which are no bars themselves."""
    return (
        inner.kind == "call"
        and inner.value.name != BARS
        and ((_row(name), inner.value.name) in TOGETHER)
    )


def _row(name: str) -> str:
    """The name of a function's row in the table; a name that is in none as it is."""
    return NAMES.get(name, name)


def _begins_with_number(node: SyntaxNode) -> bool:
    while node.juxtaposed and not node.bracketed:
        node = node.args[0]
    return node.kind == "number" and not node.bracketed
