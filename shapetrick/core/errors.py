"""Errors: what is wrong, where in the text, and what to write instead.

ShapetrickError
├── InputError            the text or the call can't be understood (exit status 2)
│   ├── ParseError        it is not in the language
│   ├── NameProblem       a name is unknown, repeated, or means two things
│   ├── ShapeError        shapes don't fit
│   ├── InferenceError    a shape can't be inferred
│   ├── OperandError      in Python: something is no operand of an expression
│   ├── TraceError        a Python function can't be followed
│   └── RequestError      a request asks for what can't be had
├── DerivationError       the input is fine, but no gradient was found (exit status 1)
├── CodeError             generated code is not what it says (exit status 1)
└── BudgetError           it takes more work or memory than is taken on (exit status 1)
    └── TimeLimitError    it takes more time than was given
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from operator import index

from .named_tuples import NamedTuple

CONTEXT_WIDTH = 100


def enumerated(words: Sequence[str], last: str = "and") -> str:
    """`A, B and C`."""
    *most, end = words
    return f"{', '.join(most)} {last} {end}" if most else end


class Span(NamedTuple):
    """A half-open range of character offsets in a problem's text."""

    start: int
    end: int

    def __or__(self, other: Span) -> Span:
        return Span(min(self.start, other.start), max(self.end, other.end))

    def line_of(self, text: str) -> int:
        """The 1-based number of the line in which the span starts."""
        return text.count("\n", 0, self.start) + 1

    def column_of(self, text: str) -> int:
        """The 1-based place in its line at which the span starts, in characters."""
        return self.start - text.rfind("\n", 0, self.start)


class ShapetrickError(Exception):
    """Base of all errors that this package raises on purpose.

    `message` says what is wrong and what to write instead; `span` and `text` say where.
    """

    def __init__(self, message: str, span: Span | None = None, text: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.span = span
        self.text = text

    def located(self, span: Span | None, text: str | None) -> ShapetrickError:
        """This error with a place, unless it has one: short reasons are raised deep down and the
        caller who knows the text adds the place."""
        self.span = self.span or span
        self.text = self.text if self.text is not None else text
        return self

    def __str__(self) -> str:
        if self.span is None or self.text is None:
            return self.message
        return excerpt(self.text, self.span) + self.message


class InputError(ShapetrickError):
    """The text or the call can't be understood."""


class Located:
    """`with Located(text):` an InputError from within tells that text, unless it has one."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __enter__(self) -> None: ...

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        if isinstance(error, InputError):
            error.located(None, self._text)


class ParseError(InputError):
    """The text is not in the language."""


class NameProblem(InputError):
    """A name is unknown, given twice, or means two things."""


class ShapeError(InputError):
    """The shapes of an operation's operands don't fit."""


class CallError(ShapeError):
    """A function has too few or too many arguments."""


class InferenceError(InputError):
    """A shape that was left out has no single most general answer."""


class OperandError(InputError, TypeError):
    """In Python: a value is no operand of an expression, or an expression is used as a value."""


def checked_seed(seed: int) -> int:
    """The seed of random draws. Raises OperandError for what is none."""
    with suppress(TypeError):
        if index(seed) >= 0:
            return index(seed)
    raise OperandError(f"a seed is a whole number from 0 on, not {seed!r}.")


class TraceError(InputError):
    """A Python function does what can't be followed, or is read as something else.

    `file` is the one in which the place is; `equal` are two dimensions, if it is that these would
    have to be equal, and `counted` is one that would have to count the members of families."""

    file: str | None = None
    equal: tuple[str, str] | None = None
    counted: str = ""
    apart: tuple[str, ...] = ()

    def __str__(self) -> str:
        return super().__str__() if self.file is None else f"{self.file}, {super().__str__()}"


class RequestError(InputError):
    """A request asks for what can't be had, such as the gradient of a non-scalar."""


class DerivationError(ShapetrickError):
    """The input is understood, but no gradient was found for it."""


class CodeError(ShapetrickError):
    """Generated code finds other values than the expressions that it was made of."""


class BudgetError(ShapetrickError):
    """What is asked for takes more work or memory than is taken on."""


class TimeLimitError(BudgetError):
    """It takes more time than was given, on this machine."""


def excerpt(text: str, span: Span) -> str:
    """`line N: …` and a line of carets below the span, cut to a window if the line is very long."""
    begin = text.rfind("\n", 0, span.start) + 1
    end = text.find("\n", begin)
    line = text[begin : end if end >= 0 else len(text)]
    first = min(span.start - begin, len(line))
    last = max(first + 1, min(span.end - begin, len(line)))
    shown, offset = line, 0
    if len(line) > CONTEXT_WIDTH:
        offset = max(0, first - CONTEXT_WIDTH // 2)
        shown = line[offset : offset + CONTEXT_WIDTH]
        last = min(last, offset + CONTEXT_WIDTH)
    head = f"line {span.line_of(text)}: "
    visible = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in shown)
    return f"{head}{visible}\n{' ' * (len(head) + first - offset)}{'^' * (last - first)}\n"
