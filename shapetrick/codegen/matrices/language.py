"""What is to be known of a language of matrices: how it spells operations, numbers and parts, and
how a module is put together.

An operation is looked up by its name with the ranks of its arguments (`matmul/vm`: a vector and a
matrix; `s` is a scalar), with its axis (`sum/0`), with the rank of its value (`reshape>v`), then by
its name alone. In a template `{0}` and `{1}` are the arguments, `{0:atom}` one that is put in
brackets unless it is a name or a call; `{rows}` and `{columns}` are the sides of the value, `{r0}`
and `{c0}` those of the first argument, `{type}` is the value's; `{m}` and `{n}` are the sizes that
the operation has besides. A vector is a column.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from ...core.dims import Shape
from ...core.expr import Symbol
from ...core.named_tuples import NamedTuple
from ...core.records import dataclass
from ..code_text import CodePrecedence
from ..ir import Value


class MatrixSpelling(NamedTuple):
    """A template, and how tightly what it makes holds together."""

    template: str
    level: CodePrecedence = CodePrecedence.ATOM


Spellings = Mapping[str, MatrixSpelling]


class WrittenModule(NamedTuple):
    """The parts of a module: lines above it; the parameters, with the functions that are passed in
    and the sizes that nothing tells; the lines of the body; the results, each with its shape; and
    the calls of its test."""

    about: Sequence[str]
    told: Sequence[str]
    inputs: Mapping[Symbol, str]
    functions: Sequence[str]
    asked: Sequence[str]
    body: Sequence[str]
    results: Sequence[tuple[str, Shape]]
    trials: Sequence[Trial] = ()


class Trial(NamedTuple):
    """A call with literal arguments, and what is to be found, each with its key."""

    arguments: Sequence[str]
    wanted: Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class MatrixLanguage:
    """A language as a table; the functions spell what a template cannot."""

    name: str
    operations: Spellings
    functions: Spellings
    constants: Mapping[str, str]
    types: tuple[str, str, str]  # of scalars, vectors and matrices, as `{type}`
    transposed: str  # what stands behind a matrix that is turned
    replicated: str  # an array over more rows and columns
    full: str  # a scalar over rows and columns
    broadcasts: bool  # whether operations on entries do that by themselves
    size: str  # a dimension as a number
    lengths: tuple[str, str, str]  # of a vector, and of the two sides of a matrix
    origin: int  # of indices
    everything: str  # a whole axis
    span: str  # from an index to another, with both
    joined: tuple[str, str]  # parts below each other, parts beside each other
    between: tuple[str, str]
    number: Callable[[str], str]  # a number as Python has it
    ascii_names: bool
    reserved: str  # words that are no names
    size_line: str  # what a dimension is
    check: Callable[[Symbol, str, Sequence[str], str], str]  # that an input has its shape
    statement: Callable[[str, str, Value], str]  # a line that gives a value a name
    system: tuple[Sequence[str], Sequence[str]]  # a linear rule solved, around its statements
    result: Callable[[str, str, Shape], str]  # a line that gives a result a name
    literal: Callable[[Sequence[Sequence[float]], Shape], str]
    wave: str  # a function for an abstract one, as an argument: a sine that is shifted
    module: Callable[[WrittenModule], str]

    def spelling(self, v: Value) -> MatrixSpelling | None:
        """How an operation is spelled; None for what there is no code for."""
        called = v.op in ("function", "solved")
        table = self.functions if v.op == "function" else self.operations
        name = str(v.data if called else v.op)
        return next((table[key] for key in _keys(name, v) if key in table), None)


def _keys(name: str, v: Value) -> Iterator[str]:
    if v.args:
        yield f"{name}/{''.join('svm'[min(a.rank, 2)] for a in v.args)}"
    if isinstance(v.data, int):
        yield f"{name}/{v.data}"
    yield f"{name}>{'svm'[min(v.rank, 2)]}"
    yield name
