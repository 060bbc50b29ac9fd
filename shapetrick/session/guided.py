"""A derivation made by hand, line by line: the person arranges the factors, the machine judges.

A move is one scalar line: its factors with shapes, and the shape that their product should have.
What is typed is judged by its shape first, then by its value at random draws at which all
dimensions differ. A line that stands is the person's; the machine can play any of them.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from copy import copy
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property
from typing import Literal

import numpy as np

from ..algebra.index_terms import Edge, read_terms
from ..claims.comparison import ratio
from ..claims.variants import ClaimVariant, Drawn, values_at, values_of
from ..core.dims import Dim, Shape
from ..core.errors import ShapeError, enumerated
from ..core.expr import (
    Add,
    Expr,
    Name,
    Number,
    Symbol,
    add,
    dimension,
    number,
    power,
    symbol,
    times,
)
from ..core.functions import NAMES, Array
from ..core.problem import Problem, Request
from ..core.results import Factor, Line, Result, Step
from ..core.traversal import postorder, substitute, symbols_of
from ..explanation.lookalikes import objection
from ..language.expressions import read_expression, read_line
from ..language.printer import to_text
from ..language.shapes.lowering import Lowering
from ..language.syntax.tree import SyntaxNode
from ..language.vocabularies import is_name, vocabulary_of
from ..pipeline.joint_gradients import derive_together
from ..pipeline.requests import conclude, steps_together
from ..simplification.simplifier import Simplifier
from ..validation.checker import checker_of
from .hints import ALL_THERE, ARRANGEMENT, Feedback, hints
from .suggestions import kinds_of, places_of, suggested

Outcome = Literal["misfit", "shape", "wrong", "no value", "stands"]

SAME = 1e-8  # relative: a value this near is the same
POWERS = (1, -1, 2, -2)  # of a scalar that is too much
MOST_PARTS = 1000  # of the denominator of a number that is
PROPORTIONAL = "only the scalars in front are wrong"
NUMBER = "the number in front is wrong"
MOST_TIMES = 10  # that a factor stands in a product
UPSTREAMS = ("G", "U", "G1", "G2", "G3")  # names for the factor that comes from above
LETTERS = "DEFHKLPQRSABCMNUV"  # and for factors that have no name


@dataclass(frozen=True, slots=True)
class NamedFactor:
    """A factor and what it is called here: its own name, or a letter for it."""

    name: str
    factor: Factor

    @property
    def expression(self) -> Expr:
        return self.factor.expression


@dataclass(frozen=True, slots=True)
class ArrangementStep:
    """One line to be arranged. `part` is (i, n) for the i-th of the n lines of a step."""

    step: Step
    line: Line
    factors: tuple[NamedFactor, ...]
    part: tuple[int, int]

    @property
    def shape(self) -> Shape:
        return self.step.shape

    def letter(self, named: NamedFactor) -> Expr:
        """A factor as it is called here."""
        e = named.expression
        return e if e.is_scalar and not isinstance(e, Symbol) else symbol(named.name, e.shape)

    def in_letters(self, e: Expr) -> Expr:
        """An arrangement with the factors called as they are here."""
        return substitute(e, {n.expression: self.letter(n) for n in self.factors})


@dataclass(frozen=True, slots=True)
class Played:
    """A line that stands: as typed, and by whom."""

    text: str
    arrangement: Expr
    by_machine: bool = False


@dataclass(frozen=True, slots=True)
class MoveVerdict:
    """What is said of an arrangement. `factor` is what it has too much, `2` or `1/m`, if it is
    right but for that; else `reason` is why it fails, if that is known, and `kind` which kind of
    thing is wrong. `misfit` says where its shapes don't fit together, and what leads on is in
    `feedback`, of which more is told at each of the `tries`."""

    outcome: Outcome
    shape: Shape
    error: float = 0.0
    factor: str = ""
    kind: str = ""
    reason: str = ""
    lines: int = 0  # how many lines it settles
    misfit: ShapeError | None = None
    feedback: Feedback | None = None
    tries: int = 0


class GuidedDerivation:
    """A request on its way, played by a person, or with `others` those that are derived together
    with it. Raises DerivationError where no derivation is known."""

    def __init__(
        self, problem: Problem, request: Request, seed: int = 0, others: Sequence[Request] = ()
    ) -> None:
        self.requests = (request, *others)
        problem = problem.holding(request.wrt)
        self.problem = replace(problem, requests=self.requests)
        self.request = request
        self.seed = seed
        self._derived = derive_together(problem, self.requests, seed)
        self._steps_to = [
            tuple(map(_without_zeros, steps))
            for steps in steps_together(problem, self._derived, to_text)
        ]
        self.steps = tuple(dict.fromkeys(step for steps in self._steps_to for step in steps))
        self.moves = tuple(self._moves())
        self.played: list[Played] = []
        self.hints = 0  # given for this move
        self.tries = 0  # of this move that failed
        self._values: dict[Expr, list[Array | None]] = {}

    def copy(self) -> GuidedDerivation:
        """The same lines, to go on from apart."""
        other = copy(self)
        other.played = [*self.played]
        return other

    # -------------------------------------------------------------------------------- the moves

    @property
    def move(self) -> ArrangementStep | None:
        """The line that is to be arranged; None at the end."""
        return self.moves[len(self.played)] if len(self.played) < len(self.moves) else None

    def _moves(self) -> Iterator[ArrangementStep]:
        for step in self.steps:
            for i, line in enumerate(step.lines):
                yield ArrangementStep(step, line, tuple(self._named(line)), (i, len(step.lines)))

    def _named(self, line: Line) -> Iterator[NamedFactor]:
        taken = self._taken
        letters = iter([c for c in LETTERS if c not in taken])
        upstream = next(name for name in UPSTREAMS if name not in taken)
        known: dict[Expr, str] = {}
        for factor in line.factors:
            e = factor.expression
            own = str(e.name) if isinstance(e, (Symbol, Name)) else ""
            if e.is_scalar and not own:
                name = to_text(e)
            elif own and is_name(own):
                name = own
            elif isinstance(e, Symbol):
                name = upstream
            else:
                name = known.get(e) or next(letters, to_text(e))
            known[e] = name
            yield NamedFactor(name, factor)

    @cached_property
    def _taken(self) -> set[str]:
        """Names that mean something already."""
        dims = {n for e in self.problem.symbols.values() for d in e.shape for n in d.names}
        words = {*NAMES, *vocabulary_of(self.problem), *self.problem.functions, "I", "T", "e", "pi"}
        return {*self.problem.named, *dims, *words, *self.request.directions}

    # ----------------------------------------------------------------------------- what is typed

    def read(self, text: str) -> Expr:
        """An arrangement as typed, in the names of the problem and of this line's factors; what
        comes from above may also be called by its label. Raises InputError."""
        move = self.move
        assert move is not None
        plain, names = self._plain(text, move), self._names(move)
        return read_expression(plain, self.problem, names, move.shape, advised=False)

    def _names(self, move: ArrangementStep) -> dict[str, Expr]:
        """What may be mentioned in a line besides the problem's own names."""
        inside = (s for n in move.factors for s in symbols_of(n.expression))
        names: dict[str, Expr] = {s.name: s for s in inside}  # members of families too
        names |= {n.name: n.expression for n in move.factors}
        return {name: e for name, e in names.items() if is_name(name)}

    def _plain(self, text: str, move: ArrangementStep) -> str:
        """What was typed, with names in the place of labels."""
        for named in move.factors:
            label = to_text(named.expression)
            if label != named.name and label in text and isinstance(named.expression, Symbol):
                text = re.sub(re.escape(label) + r"(?!\w)", named.name, text)
        return text

    def play(self, text: str) -> MoveVerdict:
        """Judge an arrangement, and take it if it stands. Raises InputError."""
        move = self.move
        assert move is not None
        try:
            e = self.read(text)
        except ShapeError as error:
            verdict = MoveVerdict("misfit", move.shape, np.inf, misfit=error)
        else:
            verdict = self.judge(e)
            if verdict.outcome == "stands":
                self._take(text.strip(), e, verdict.lines)
                return verdict
        self.tries += 1
        feedback = self._feedback(self._plain(text, move), verdict, move)
        return replace(verdict, feedback=feedback, tries=self.tries)

    def _feedback(self, plain: str, verdict: MoveVerdict, move: ArrangementStep) -> Feedback:
        """What leads from a typed line to one that stands."""
        node, lowering = read_line(plain, self.problem, self._names(move), move.shape)
        answer = to_text(move.in_letters(move.line.arrangement))
        lacking = self._lacking(self._mentioned(plain, node, lowering, move), move)
        if lacking:
            there = [n.name for n in dict.fromkeys(move.factors)
                     if n.name not in lacking and not n.expression.is_scalar]  # fmt: skip
            right = f"{_quoted(there)} there" if there else ""
            return Feedback(right, _missing(lacking), f"{_quoted(lacking)} not in it", answer)
        if verdict.factor:
            return Feedback("the arrangement is right", NUMBER, _scaled_by(verdict), answer)
        if verdict.kind:
            return Feedback("", verdict.kind, verdict.reason, answer)
        found = suggested(plain, node, lowering, lambda lines: self._stand(lines, move))
        if not found:
            first = next(iter(self._told(move)), "")
            part = "; ".join(filter(None, [verdict.reason, first.rstrip(".")]))
            return Feedback(ALL_THERE, ARRANGEMENT, part, answer)
        nearest = next((o for o in found if self._stands(o.expression)), found[0])
        changes, reached = nearest.changes, self.judge(nearest.expression)
        kind, part = f"what is open: {kinds_of(changes)}", f"look at {places_of(changes, plain)}"
        if reached.outcome == "stands":
            part = "; ".join(filter(None, [part, verdict.reason]))
            return Feedback(ALL_THERE, kind, part, nearest.text)
        return Feedback(
            "all matrix factors are there",
            f"{kind}; and {NUMBER}",
            f"{part}; and {_scaled_by(reached)}",
            answer,
        )

    def _stand(self, lines: Sequence[Expr], move: ArrangementStep) -> list[bool]:
        """Which of these lines stand, or would but for a number in front."""
        fitting = [e for e in lines if e.shape == move.shape]
        forms = [move.line.arrangement, *(form for _, form in self._forms(move))]
        values = values_of([*forms, *fitting], self._draws[0])
        rights = [value for value in values[: len(forms)] if value is not None]
        near = {
            e
            for e, value in zip(fitting, values[len(forms) :], strict=True)
            if value is not None and any(ratio(value, right) is not None for right in rights)
        }
        return [e in near and (self._stands(e) or bool(self.judge(e).factor)) for e in lines]

    def _stands(self, e: Expr) -> bool:
        return self.judge(e).outcome == "stands"

    def _mentioned(
        self, text: str, root: SyntaxNode, lowering: Lowering, move: ArrangementStep
    ) -> set[str]:
        """The names in a line; of a factor that is written out, its own alone."""
        draft, waiting = ClaimVariant(text, root, lowering), [root]
        found: set[str] = set()
        factors: dict[Expr | None, str] = {
            self._found.get(n.expression, n.expression): n.name for n in move.factors
        }
        while waiting:
            node = waiting.pop()
            e = draft.expression(node)
            if node.kind == "name":
                found.add(str(node.value))
            elif e in factors:
                found.add(factors[e])
            else:
                waiting += node.args
        return found

    def _lacking(self, typed: set[str], move: ArrangementStep) -> list[str]:
        """The matrix factors that are mentioned neither by their names nor by what is in them."""
        own = {n.name for n in move.factors}
        lacking = []
        for n in dict.fromkeys(move.factors):
            inside = _matrices(self._found.get(n.expression, n.expression))
            spelt = {to_text(e) for e in inside} - own
            if not n.expression.is_scalar and n.name not in typed and not spelt & typed:
                lacking.append(n.name)
        return lacking

    def judge(self, e: Expr) -> MoveVerdict:
        """Shape first, then numbers."""
        move = self.move
        assert move is not None
        if e.shape != move.shape:
            return MoveVerdict("shape", e.shape)
        if e is move.line.arrangement:
            return MoveVerdict("stands", e.shape, lines=1)
        values, right = self._at_draws(e), self._at_draws(move.line.arrangement)
        error = _error(values, right)
        if error is None:
            return MoveVerdict("no value", e.shape, np.inf)
        for lines, other in self._forms(move):
            apart = _error(values, self._at_draws(other))
            if apart is not None and apart <= SAME:
                return MoveVerdict("stands", e.shape, error, lines=lines)
        ratios = _ratios(values, right)
        factor = self._factor(ratios, move) if ratios else ""
        kind, reason = (
            ("", "") if factor else (PROPORTIONAL,) * 2 if ratios else self._reason(e, move)
        )
        return MoveVerdict("wrong", e.shape, error, factor, kind, reason)

    def _factor(self, ratios: Sequence[float], move: ArrangementStep) -> str:
        """The number or scalar that is too much where the values have these ratios to the right
        ones, if it is a simple one."""
        scalars = [n.expression for n in move.factors]
        scalars += [*self.problem.symbols.values(), *self.problem.definitions.values()]
        scalars += [dimension(Dim.of(name)) for name in self._draws[0][0]]
        bases = dict.fromkeys(s for s in scalars if s.is_scalar and not isinstance(s, Number))
        for base in (number(1), *(power(s, number(k)) for k in POWERS for s in bases)):
            parts = [v.item() for v in self._at_draws(base) if v is not None and v.all()]
            if len(parts) < len(ratios) or (len(parts) < 2 and not isinstance(base, Number)):
                continue
            numbers = np.array(ratios) / np.array(parts)
            plain = Fraction(float(numbers[0])).limit_denominator(MOST_PARTS)
            if plain and np.allclose(numbers, float(plain), rtol=SAME, atol=0):
                return to_text(times(number(plain), base))
        return ""

    def _forms(self, move: ArrangementStep) -> Iterator[tuple[int, Expr]]:
        """What a person may have arranged: the line, or all the lines that are left of its step;
        with the factor from above as a letter, or as what it was found to be. With how many lines
        that settles."""
        rest = [line.arrangement for line in move.step.lines[move.part[0] :]]
        for lines in dict.fromkeys((1, len(rest))):
            whole = add(*rest[:lines])
            yield lines, whole
            yield lines, substitute(whole, self._found)

    @property
    def _found(self) -> dict[Expr, Expr]:
        """The cotangents of the steps that are done, in the problem's names."""
        values: dict[Expr, Expr] = {}
        played = iter(self.played)
        for step in self.steps:
            lines = [p.arrangement for _, p in zip(step.lines, played, strict=False)]
            if len(lines) < len(step.lines):
                break
            if not step.note:
                total = add(*lines) if lines else step.result
                values[symbol(step.label, step.shape)] = substitute(total, values)
        return values

    def _reason(self, e: Expr, move: ArrangementStep) -> tuple[str, str]:
        """The kind of thing that is wrong, and which: what is missing, what doesn't belong to the
        line; or no kind, and why the types refuse the arrangement."""
        typed, factors = move.in_letters(e), [move.letter(n) for n in move.factors]
        there, needed = _matrices(typed), _matrices(move.in_letters(move.line.arrangement))
        inside = {
            a: _matrices(self._found.get(n.expression, n.expression)) - {*factors}
            for a, n in zip(factors, move.factors, strict=True)
        }
        spelt = {a for a, leaves in inside.items() if leaves & there}  # not by their letters
        missing = [a for a in dict.fromkeys(factors) if a in needed - there - spelt]
        if missing:
            return _missing(missing), f"{_listed(missing)} not in it"
        strange = there - {*factors}.union(*(inside[a] for a in spelt))
        if strange:
            which = [a for a in postorder([typed]) if a in strange]
            return "something doesn't belong to the line", f"{_listed(which)} not in the line"
        terms = read_terms(typed) or []
        if len(terms) > 1 or any(
            isinstance(x, Add) and {*x.args} & there for x in postorder([typed])
        ):
            return ("the line is one product, not a sum",) * 2
        uses = Counter(
            edge.atom for term in terms for edge in term.edges for _ in range(_uses(edge))
        )
        often = [a for a in dict.fromkeys(factors) if uses[a] > factors.count(a)]
        if often:
            return "a factor is in it too often", f"{_listed(often)} in it too often"
        return "", objection(typed, factors, move.line.sides) or ""

    def _take(self, text: str, e: Expr, lines: int, by_machine: bool = False) -> None:
        self.hints = self.tries = 0
        for i in range(lines):
            move = self.move
            assert move is not None
            arrangement = e if lines == 1 else move.line.arrangement
            self.played.append(Played(text if i == 0 else "", arrangement, by_machine))

    # ----------------------------------------------------------------------------- the machine's

    def play_next(self) -> Played:
        """Let the machine arrange this line."""
        move = self.move
        assert move is not None
        text = to_text(move.in_letters(move.line.arrangement))
        self._take(text, move.line.arrangement, 1, by_machine=True)
        return self.played[-1]

    def back(self) -> bool:
        """Take the last line back; false if there is none."""
        self.hints = self.tries = 0
        if not self.played:
            return False
        self.played.pop()
        return True

    def hint(self) -> str:
        """One more move of this line: what stands first, what is transposed, what holds it
        together."""
        move = self.move
        assert move is not None
        told = self._told(move)
        self.hints += 1
        return told[min(self.hints, len(told)) - 1]

    @staticmethod
    def _told(move: ArrangementStep) -> list[str]:
        return [*hints(move.line.arrangement, {n.expression: n.name for n in move.factors})]

    # -------------------------------------------------------------------------------- the whole

    def whole(self) -> Result:
        """The derivation as it was played, simplified and validated. All lines must stand."""
        return self.wholes()[0]

    def wholes(self) -> list[Result]:
        """The derivations of all requests likewise; the answers of several, in which what they
        share has names, are the machine's."""
        steps = self._played_steps()
        is_plain = self.request.kind in ("grad", "vjp") and self._derived[0].recursion is None
        values = [*self._found.values()]
        results = self._derived
        if is_plain and values and len(results) == 1:
            results = [conclude(self.problem, self.request, values[-1], self.seed)]
        return [
            replace(result, steps=tuple(steps[step] for step in own))
            for result, own in zip(results, self._steps_to, strict=True)
        ]

    def _played_steps(self) -> dict[Step, Step]:
        """The steps as they were played; what is opened at the end is the machine's."""
        simplifier = Simplifier(self.problem.definitions.values(), [self.request.of])
        played = iter(self.played)
        steps: dict[Step, Step] = {}
        for step in self.steps:
            if not step.lines:
                steps[step] = step
                continue
            lines = [replace(line, arrangement=next(played).arrangement) for line in step.lines]
            total = add(*(line.arrangement for line in lines))
            steps[step] = replace(step, lines=tuple(lines), result=simplifier(total))
        return steps

    # ------------------------------------------------------------------------------ the numbers

    @cached_property
    def _draws(self) -> list[Drawn]:
        used = [e for move in self.moves for e in (move.line.arrangement, *_parts(move))]
        return checker_of(self.problem, self.request, used, self.seed, everything=True).draws()

    def _at_draws(self, e: Expr) -> list[Array | None]:
        found = self._values.get(e)
        if found is None:
            found = self._values[e] = [values_at([e], drawn)[0] for drawn in self._draws]
        return found


def _without_zeros(step: Step) -> Step:
    """The step without lines that cancel, as those of `X inv(X)` do."""
    return replace(step, lines=tuple(line for line in step.lines if line.coefficient))


def _parts(move: ArrangementStep) -> list[Expr]:
    return [named.expression for named in move.factors]


def _error(values: Sequence[Array | None], right: Sequence[Array | None]) -> float | None:
    """The largest relative error; None where there is no value to compare with."""
    errors = []
    for a, b in zip(values, right, strict=True):
        if b is None:
            continue
        if a is None:
            return None
        scale = float(np.abs(b).max()) or 1.0
        errors.append(float(np.abs(a - b).max()) / scale)
    return max(errors, default=None)


def _ratios(values: Sequence[Array | None], right: Sequence[Array | None]) -> list[float]:
    """What the right values are multiplied by, one number for each draw; nothing if they aren't."""
    pairs = [(a, b) for a, b in zip(values, right, strict=True) if a is not None and b is not None]
    found = [k for k in (ratio(a, b) for a, b in pairs) if k is not None]
    return found if len(found) == len(values) else []


def _matrices(e: Expr) -> set[Expr]:
    """The matrices that are named in it."""
    nodes = postorder([e], into=lambda e: not isinstance(e, Name))
    return {x for x in nodes if isinstance(x, (Symbol, Name)) and not x.is_scalar}


def _uses(edge: Edge) -> int:
    """How often a factor stands in a product, if that is a number of times."""
    k = edge.exponent.value if isinstance(edge.exponent, Number) else 1
    return int(k) if k in range(1, MOST_TIMES + 1) else 1


def _scaled_by(verdict: MoveVerdict) -> str:
    if verdict.factor == "-1":
        return "its sign is wrong"
    return f"it is {verdict.factor} times what it should be"


def _missing(found: Sequence[object]) -> str:
    return "a factor is missing" if len(found) == 1 else f"{len(found)} factors are missing"


def _listed(found: Sequence[Expr]) -> str:
    return _quoted([to_text(e) for e in found])


def _quoted(names: Sequence[str]) -> str:
    """`A is`, "`A` and `B` are"."""
    return f"{enumerated([f'`{name}`' for name in names])} {'is' if len(names) == 1 else 'are'}"


def arranged(line: Line, arrangement: Expr) -> Expr:
    """A look-alike with the line's number in front."""
    return times(number(line.coefficient), arrangement)
