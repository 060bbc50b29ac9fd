"""What is told to a person who looks for an arrangement: one move at a time, and of a line that
doesn't stand a bit more at each try."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from ..core.expr import Expr, Name, Symbol, Times, Transpose
from ..language.printer import to_text

ALL_THERE = "all factors are there"
ARRANGEMENT = "only the arrangement is open"
MOST_TRIES = 3  # after which the answer is given


@dataclass(frozen=True, slots=True)
class Feedback:
    """What is said of a line that doesn't stand: `right` is what is right so far, `kind` which kind
    of thing is wrong, `part` the factor or the part that it is in, and why; `answer` a line that
    was tried and stands, told only at the last."""

    right: str
    kind: str
    part: str
    answer: str

    def told(self, tries: int) -> str:
        """What is said at that try, counted from 1."""
        if tries >= MOST_TRIES:
            return f"`{self.answer}` fits, and the numbers agree"
        detail = self.kind if tries < MOST_TRIES - 1 else self.part or self.kind
        return "; ".join(filter(None, [self.right, detail]))


def hints(arrangement: Expr, names: Mapping[Expr, str]) -> Iterator[str]:
    """What stands first; what is transposed; what sign holds it together; how many factors."""
    body = _body(arrangement)
    leaves = [(name, turned) for name, turned in _leaves(body, names) if name]
    if leaves:
        yield f"`{leaves[0][0]}` goes first."
        transposed = list(dict.fromkeys(name for name, turned in leaves if turned))
        listed = " and ".join(f"`{name}`" for name in transposed)
        verb = "is" if len(transposed) == 1 else "are"
        yield f"{listed} {verb} transposed." if transposed else "nothing is transposed."
    yield f"at the outside there is {_OUTSIDE.get(body.op, f'a call of {body.op}')}."
    order = ", then ".join(f"`{name}'`" if turned else f"`{name}`" for name, turned in leaves)
    yield f"from left to right: {order or 'numbers alone'}. :next arranges it."


_OUTSIDE = {
    "matmul": "a matrix product",
    "times": "a product element by element, or by a number",
    "add": "a sum",
    "transpose": "a transpose",
    "symbol": "nothing: one factor is the answer",
    "name": "nothing: one factor is the answer",
    "number": "nothing: it is a number",
    "sum": "a sum along an axis",
    "power": "a power",
}


def _body(e: Expr) -> Expr:
    """The arrangement without the numbers in front."""
    while isinstance(e, Times):
        rest = [a for a in e.args if not a.is_scalar]
        if len(rest) != 1:
            break
        e = rest[0]
    return e


def _leaves(body: Expr, names: Mapping[Expr, str]) -> Iterator[tuple[str, bool]]:
    """The matrix factors of the arrangement in the order of its text, and whether each is
    transposed."""
    stack = [(body, False)]
    while stack:
        e, turned = stack.pop()
        if e in names or isinstance(e, (Symbol, Name)) or not e.args:
            if not e.is_scalar:
                yield names.get(e, to_text(e)), turned
        elif isinstance(e, Transpose):
            stack.append((e.args[0], not turned))
        else:
            stack.extend((a, turned) for a in reversed(e.args))
