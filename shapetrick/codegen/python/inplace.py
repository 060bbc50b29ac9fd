"""Statements that compute a block's matrices in arrays made once: `np.tanh(t1, out=t1)`.

A matrix is computed where an argument stood that nothing else needs, else in a free work array.
What reads a matrix gets its line at once: later, something else may stand there.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence

from ...core.dims import ONE
from ...core.records import dataclass
from ...core.regexes import regex
from ...core.traversal import postorder
from ..blocking import Blocking
from ..ir import ArrayOperation, Value
from ..statements import Assignment
from .operations import spelling
from .statements import PythonWriter

_CALL = regex(r"np\.(\w+)\(\{0\}(, \{1\})?\)")
_AUGMENTED: Mapping[str, str] = {"add": "+=", "subtract": "-=", "multiply": "*=", "divide": "/="}


@dataclass(frozen=True, slots=True)
class StepOperand:
    """What stands in a step, and the matrix that it is, if it is one."""

    text: str
    value: Value | None = None


@dataclass(frozen=True, slots=True)
class InPlaceStep:
    """A NumPy function and its operands; after the first step, the result so far comes first."""

    name: str
    operands: tuple[StepOperand, ...]


class InPlaceWriter(PythonWriter):
    """Writes a loop's matrices into work arrays, of which a block's rows are filled; without a
    loop, it writes what a plain writer does."""

    _blocking: Blocking | None = None

    def begin(self, blocking: Blocking, roots: Sequence[Value], step: str, count: str) -> None:
        """Say what the loop is: `step` rows at most, of which a block has `count`."""
        self.work: list[str] = []  # the lines that make work arrays
        self.columns: Counter[str] = Counter()  # of the matrices that need memory of their own
        self._blocking = blocking
        self._step, self._count = step, count
        self._free: dict[str, list[str]] = {}  # names of arrays, by their columns
        self._standing: dict[Value, tuple[str, str]] = {}  # where matrices are, and their columns
        self._needed: Counter[Value] = Counter(roots)  # how often a matrix is still read
        for v in postorder(roots):
            if not _is_view(v):
                self._needed.update(_owner(a) for a in v.args)

    def _emit(self, v: Value) -> None:
        if self._blocking is None:
            super()._emit(v)
            return
        if self._is_matrix(v):
            self._compute(v)
        else:
            super()._emit(v)
            reads = any(_owner(a) in self._standing for a in v.args)
            if reads and not _is_view(v) and not self.piece(v).is_simple:
                self.name(v)
        self._release(v)

    def add_to(self, v: Value, name: str) -> list[Assignment]:
        statements = super().add_to(v, name)
        self._release(v)
        return statements

    def store(self, v: Value, place: str) -> list[Assignment]:
        if not self._is_matrix(v) or self._uses[v] > 1:
            return super().store(v, place)
        statements = self.write(v.args, named=False)
        self._compute(v, place)
        self._release(v)
        return statements

    def _is_matrix(self, v: Value) -> bool:
        """Whether it is computed in place: a matrix of the loop, its rows those of the loop."""
        loop = self._blocking
        if loop is None or not loop.inside(v) or v.op == "input" or _is_view(v):
            return False
        return v.is_matrix and ONE not in v.shape and loop.axes[v] == 0

    def _release(self, v: Value) -> None:
        """The memory of arguments that were read for the last time is free."""
        if _is_view(v):
            return
        for a in map(_owner, v.args):
            self._needed[a] -= 1
            if not self._needed[a] and a in self._standing:
                name, columns = self._standing.pop(a)
                self._free.setdefault(columns, []).append(name)

    # ------------------------------------------------------------------------------- one matrix

    def _compute(self, v: Value, place: str = "") -> None:
        """The statements that compute a matrix: in a place, over an argument, in a free array."""
        steps = _steps(self, v)
        columns = self.dim(v.shape[1])
        if not steps:  # no function takes a place for its result
            self._place(v)
            if place:
                self._append(v, place, f"{self.piece(v)}", "=")
            else:
                self.name(v)
                self.columns[columns] += 1
                self._standing[v] = self.piece(v).text, columns
            return
        over = None if place else self._overwritten(v, steps[0])
        name = room = place
        if over is not None:
            room, _ = self._standing.pop(over)
            name = self._identifiers.take(self._names[v]) if v in self._names else room
        elif not place:
            room, name = self._room(columns), self.free_name(v)
        self._write_steps(v, steps, name, room)
        if not place:
            self.bind(v, name)
            self._standing[v] = name, columns

    def _write_steps(self, v: Value, steps: Sequence[InPlaceStep], name: str, room: str) -> None:
        for i, step in enumerate(steps):
            texts = [x.text for x in step.operands]
            texts = [name, *texts] if i else texts
            sign = _AUGMENTED.get(step.name)
            if texts[0] == name and sign and (i or name == room):
                self._append(v, name, texts[1], sign)
            else:
                target = name if i else room
                called = f"np.{step.name}({', '.join(texts)}, out={target})"
                self._append(v, "" if target == name else name, called, "=")

    def _append(self, v: Value, name: str, text: str, sign: str) -> None:
        names = {self._count} if self._count in text else set()
        names.update(n for a in v.args for n in self.piece(a).names)
        self._statements.append(Assignment(name, text, frozenset(names), v, sign))

    def _overwritten(self, v: Value, first: InPlaceStep) -> Value | None:
        """The operand of the first step over which the value may be written."""
        if v.op in ("matmul", "outer"):
            return None
        reads = Counter(_owner(a) for a in v.args)
        for x in (operand.value for operand in first.operands):
            if x in self._standing and self._needed[x] == reads[x] and x.shape == v.shape:
                return x
        return None

    def _room(self, columns: str) -> str:
        """An array of that many columns that is free."""
        free = self._free.get(columns)
        if free:
            return free.pop()
        self.columns[columns] += 1
        name = self._identifiers.number("work")
        self.work.append(f"{name} = np.empty(({self._step}, {columns}))")
        return f"{name}[:{self._count}]"

    # ------------------------------------------------------------------------------------- steps

    def steps_of_sum(self, v: Value) -> list[InPlaceStep]:
        """The terms one after the other, beginning with one over which the sum can be written."""
        terms = [(self.operand(a), self.piece(a).negative) for a in v.args]
        terms.sort(key=lambda term: (term[1], term[0].value not in self._standing))
        (first, negative), *rest = terms
        if negative:
            return []
        rest.sort(key=lambda term: term[0].value not in self._standing)
        steps = [InPlaceStep("subtract" if minus else "add", (x,)) for x, minus in rest]
        return [InPlaceStep(steps[0].name, (first, *steps[0].operands)), *steps[1:]]

    def steps_of_product(self, v: Value) -> list[InPlaceStep]:
        """The matrices, what scales rows and columns, then the scalars."""
        terms, factors, divisors = self.quotient(), [], []
        for a in v.args:
            if a.op == "number":
                terms.multiply(a.data)
            elif not a.rank:
                self.put(terms, a, ())
            elif self.divides(a):
                divisors.append(StepOperand(f"{self.denominator(a)}"))
            else:
                terms.negate(self.piece(a).negative)
                factors.append(self.operand(a))
        if not factors:
            return []
        factors.sort(key=lambda x: (x.value not in self._standing, x.value is None))
        steps = [InPlaceStep("multiply", (x,)) for x in factors[1:]]
        steps += [InPlaceStep("divide", (x,)) for x in divisors]
        steps += [
            InPlaceStep(name, (StepOperand(text),) if text else ()) for name, text in terms.steps()
        ]
        if not steps:
            return []
        return [InPlaceStep(steps[0].name, (factors[0], *steps[0].operands)), *steps[1:]]

    def steps_of_power(self, v: Value) -> list[InPlaceStep]:
        base = v.args[0]
        if v.exponent == 2 and not self.piece(base).negative:
            return [InPlaceStep("square", (self.operand(base),))]
        return []

    def steps_of_outer(self, v: Value) -> list[InPlaceStep]:
        a, b = (self.piece(x) for x in v.args)
        return [InPlaceStep("multiply", (StepOperand(f"{a:atom}[:, None]"), StepOperand(f"{b}")))]

    def operand(self, a: Value) -> StepOperand:
        """A value without its sign."""
        matrix = a.args[-1] if _is_negated(a) else a
        return StepOperand(self.piece(a).unsigned.text, matrix if matrix.is_matrix else None)


_STEPS: Mapping[ArrayOperation, Callable[[InPlaceWriter, Value], list[InPlaceStep]]] = {
    "add": InPlaceWriter.steps_of_sum,
    "mul": InPlaceWriter.steps_of_product,
    "power": InPlaceWriter.steps_of_power,
    "outer": InPlaceWriter.steps_of_outer,
}


def _steps(writer: InPlaceWriter, v: Value) -> list[InPlaceStep]:
    """The functions that compute a value one after the other; none if some take no place."""
    if v.op in _STEPS:
        return _STEPS[v.op](writer, v)
    operands = tuple(StepOperand(f"{writer.piece(a)}", a) for a in v.args)
    if v.op == "matmul":
        return [InPlaceStep("matmul", operands)]
    spelled = spelling(v)
    call = _CALL.fullmatch(spelled.numpy) if spelled is not None else None
    return [InPlaceStep(call[1], operands)] if call is not None else []


def _is_negated(v: Value) -> bool:
    return v.op == "mul" and len(v.args) == 2 and v.args[0].op == "number" and v.args[0].data == -1


def _is_view(v: Value) -> bool:
    """Whether it is no array of its own: what uses it sees another array, turned or with a sign."""
    return v.op in ("transpose", "lift") or _is_negated(v)


def _owner(v: Value) -> Value:
    """The value whose array it is."""
    while _is_view(v):
        v = v.args[-1]
    return v
