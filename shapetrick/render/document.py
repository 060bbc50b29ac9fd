"""What is told of a result: its blocks, in the order of the telling, made once for all writers.

A block holds expressions, shapes and sentences. How they look is for the writers: `terminal.py`,
`article.py` (LaTeX and Markdown) and `html.py`. What is told only where a person asks for more has
a higher `detail`: a writer leaves it out, or folds it.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import groupby
from typing import Literal

from ..core.dims import Shape
from ..core.expr import Expr, Symbol, number
from ..core.indices import Range
from ..core.named_tuples import NamedTuple
from ..core.problem import Problem, Request
from ..core.results import Adjoint, Equation, Line, Result, Step
from ..core.structure import is_zero
from ..core.traversal import symbols_of
from ..core.warnings import absence, twins_of, unused_of
from ..numerics.error_curves import Curve
from . import phrases as words

MOST_NAMED = 4  # places in a row
SIMPLIFIED = "How it was simplified"
ANSWER, LINES, STEPS = range(3)  # the answer alone, the derivation, and also what was rejected
Relation = Literal["=", "=?", "≠"]
Left = str | Request | Expr  # a name, a label such as "∂J/∂Z", what is asked for, or a side


class Remark(NamedTuple):
    """A sentence behind a label."""

    label: str
    text: str
    detail: int = LINES


class KeptValues(NamedTuple):
    """The forward values that a gradient uses."""

    values: tuple[Expr, ...]
    label: str = "keeps"
    detail: int = LINES


class EquationBlock(NamedTuple):
    """An equation, and the indices for which it holds."""

    label: str
    left: Left
    right: Expr
    sign: Relation = "="
    ranges: tuple[Range, ...] = ()
    detail: int = LINES
    entries: str = ""  # at which it holds, if not at all

    @property
    def answers(self) -> bool:
        """Whether it is what was asked for, and no definition or step on the way."""
        return self.label in ("gradient", "solution", "backward")


class MarkedText(NamedTuple):
    """An answer as typed or to be typed, with what differs from another one marked. `value` is
    None where it is not known, or has none: its shapes don't fit."""

    label: str
    text: str
    marks: tuple[range, ...]
    good: bool
    left: Left
    sign: Relation
    value: Expr | None = None
    detail: int = ANSWER

    @property
    def right(self) -> Expr | str:
        return self.text if self.value is None else self.value


class ListedFormula(NamedTuple):
    """A formula in a list, what it came from, and what is said of it."""

    formula: Expr
    said: tuple[str, ...]
    before: Expr | None = None


class Listing(NamedTuple):
    """Formulas with remarks, under a title."""

    label: Literal["factors", "rejected", "simplified"]
    title: str
    items: tuple[ListedFormula, ...]
    detail: int = STEPS


class ScalarLine(NamedTuple):
    """A line of a step: a product of scalars over the shapes of its factors, and the arrangement.

    `first` is that of the step; the others are added to it. That one arrangement alone fits is
    said in the first such line of a story, for the `others` too."""

    step: Step
    line: Line
    first: bool
    label: str = "scalars"
    detail: int = LINES
    is_counted: bool = True
    others: bool = False

    def counted(self, general: bool = False) -> str:
        """How many arrangements fit, where that is said."""
        return words.counted(self.line, general, self.others) if self.is_counted else ""

    @property
    def sign(self) -> str:
        return "-" if self.line.coefficient < 0 else "" if self.first else "+"

    @property
    def factors(self) -> list[tuple[Expr, Shape | None]]:
        """What stands between the dots, with its shape: a number, which has none, and the rest."""
        size, factors = abs(self.line.coefficient), [f.expression for f in self.line.factors]
        shown: list[tuple[Expr, Shape | None]] = [(e, e.shape) for e in factors]
        return shown if size == 1 and shown else [(number(size), None), *shown]

    @property
    def origins(self) -> tuple[Listing, ...]:
        """Where each factor comes from."""
        items = [ListedFormula(f.expression, (f.origin,)) for f in self.line.factors]
        return _listing("factors", "Where the factors come from", items)

    @property
    def rejected(self) -> tuple[Listing, ...]:
        """The look-alikes, each with its error and what gives it away."""
        items = [
            ListedFormula(r.arrangement, (f"off by {words.figure(r.error)}", r.reason))
            for r in self.line.rejected
        ]
        return _listing("rejected", words.lookalikes(len(items)), items)


class Evidence(NamedTuple):
    """A verdict, and what it rests on."""

    verdict: str
    reason: str
    figures: tuple[str, ...]
    label: str
    detail: int = LINES


class StoryPlace(NamedTuple):
    """Where something is told: by which of several stories, and in which of its steps, or with its
    answer. `name` is that of the definition, or the label of the step."""

    name: str
    story: int
    step: int | None = None


class Reference(NamedTuple):
    """What an earlier one of several stories tells: definitions, cotangents, or steps."""

    label: str  # where, backward, or steps
    places: tuple[StoryPlace, ...]
    detail: int = LINES

    @property
    def named(self) -> list[StoryPlace | None]:
        """The places, without the inner ones of many in a row, for which None stands: steps follow
        each other, and so do definitions of one story."""
        runs = groupby(self.places, key=lambda p: p.story if p.step is None else None)
        return [place for _, run in runs for place in _ends(list(run))]


def _ends(run: list[StoryPlace]) -> list[StoryPlace | None]:
    return [*run] if len(run) <= MOST_NAMED else [*run[:2], None, run[-1]]


Block = (
    Remark | KeptValues | EquationBlock | MarkedText | Listing | ScalarLine | Evidence | Reference
)


class Section(NamedTuple):
    """A step, and the blocks that tell it."""

    step: Step
    blocks: tuple[Block, ...]
    number: int  # among all steps of the request


class Story(NamedTuple):
    """All that is told of a request: the steps, how it was simplified, and the answer with its
    evidence. The `others` are requests that are answered with it."""

    request: Request
    answer: tuple[Block, ...]
    verdict: str
    steps: tuple[Section, ...] = ()
    warnings: tuple[Remark, ...] = ()  # that nobody should overlook
    earlier: tuple[Reference, ...] = ()  # to the steps that an earlier story tells
    simplification: tuple[Listing, ...] = ()
    curve: Curve | None = None
    others: tuple[Request, ...] = ()

    @property
    def requests(self) -> tuple[Request, ...]:
        return self.request, *self.others


def told(blocks: Iterable[Block], detail: int) -> list[Block]:
    """Those of the blocks that are told where that much is asked for."""
    return [b for b in blocks if b.detail <= detail]


# ------------------------------------------------------------------------------------- the telling


def preface(problem: Problem) -> list[Remark]:
    """What was assumed of a problem, what nothing uses, and how ambiguous texts were read."""
    assumed = [Remark("assumed", text) for text in problem.assumptions]
    unused = [Remark("unused", text) for text in unused_of(problem)]
    twins = [Remark("warning", text) for text in twins_of(problem)]
    return [*assumed, *unused, *twins, *(Remark("read", text) for text in problem.readings)]


def absent_in(problem: Problem | None, request: Request) -> tuple[Remark, ...]:
    """The warning that what is differentiated does not contain the variable, if it doesn't."""
    text = "" if problem is None else absence(problem, request)
    return (Remark("warning", text),) if text else ()


def derivation_story(result: Result, problem: Problem | None = None) -> Story:
    """The derivation of one request of a problem."""
    v = result.validation
    standing = v.verdict == "verified"
    absent = absent_in(problem, result.request)
    shown = "absent" if absent and standing else v.verdict
    evidence = Evidence(
        shown,
        v.reason,
        tuple(words.figures(v)),
        words.BADGES[shown],
        LINES if standing else ANSWER,
    )
    rewritten = [ListedFormula(r.after, (r.rule,), r.before) for r in result.rewritings]
    return Story(
        result.request,
        (*_answer(result, () if problem is None else problem.definitions), evidence),
        shown,
        _sections(_section(step, i) for i, step in enumerate(result.steps)),
        absent,
        simplification=_listing("simplified", SIMPLIFIED, rewritten),
    )


def answer_formula(result: Result) -> EquationBlock:
    """The gradient, or solution, as one equation; of families, that of the first members."""
    sign: Relation = "=" if result.validation.verdict == "verified" else "=?"
    label = "gradient" if result.request.system is None else "solution"
    return EquationBlock(label, result.request, result.gradient, sign, detail=ANSWER)


def _answer(result: Result, own: Collection[str]) -> list[Block]:
    """The gradient, the definitions that it uses, and what it keeps of the forward pass."""
    formula, recursion = answer_formula(result), result.recursion
    blocks: list[Block] = [formula] if recursion is None else []
    if recursion is not None:
        blocks += dict.fromkeys(
            block for q in recursion.cotangents for block in _backward(q, formula.sign)
        )
        blocks += _by_members(recursion.gradients, formula.sign)
    blocks += [
        EquationBlock("where", name, body, detail=LINES if name in own else ANSWER)
        for name, body in result.definitions
    ]
    if result.adjoint is not None:
        blocks += _equations(result.adjoint, formula.sign)
    kept = tuple(e for e in result.kept if not e.is_scalar)
    if any(not isinstance(e, Symbol) for e in kept) or (kept and recursion is not None):
        blocks.append(KeptValues(kept))
    return [*blocks, *(Remark("note", note) for note in result.notes)]


def _backward(q: Equation, sign: Relation) -> Iterator[EquationBlock]:
    """What a cotangent is, or the equations that determine it."""
    solved = q.solved
    if solved is None:
        yield EquationBlock("backward", q.symbol.name, q.value, sign, q.ranges, ANSWER)
    for e in () if solved is None else solved.equations:
        yield EquationBlock("adjoint", e.left, e.right, sign, q.ranges, ANSWER, e.entries)


def _by_members(equations: Sequence[Equation], sign: Relation) -> Iterator[EquationBlock]:
    """The gradients by members; of several that are zero, one equation says so for all others."""
    zero = [q for q in equations if is_zero(q.value)]
    apart = zero if 1 < len(zero) < len(equations) else []
    for q in (q for q in equations if q not in apart):
        yield EquationBlock("gradient", q.symbol.name, q.value, sign, _told(q), ANSWER)
    if apart:
        most = max(equations, key=lambda q: len(_told(q)))
        others = f"for all other {', '.join(r.letter for r in _told(most))}"
        name, value = most.symbol.name, apart[0].value
        yield EquationBlock("gradient", name, value, sign, detail=ANSWER, entries=others)


def _told(q: Equation) -> tuple[Range, ...]:
    """The ranges of an equation's letters; not of one with one value, which is in its name."""
    return tuple(r for r in q.ranges if r.first != r.last or not q.symbol.indices)


def _equations(adjoint: Adjoint, sign: Relation) -> Iterator[EquationBlock]:
    """The equations of the unknowns, those of the multipliers (where these have a closed form that
    is the answer), and those of differentials."""
    for system in adjoint.systems:
        for left, right in system.equations:
            yield EquationBlock("equation", left, right)
    for q in adjoint.equations:
        is_open = not {*symbols_of(q.left)}.isdisjoint(adjoint.multipliers)
        detail = ANSWER if is_open else LINES
        yield EquationBlock("adjoint", q.left, q.right, sign, (), detail, q.entries)
    for q in (q for linear in adjoint.differentials for q in linear.equations):
        yield EquationBlock("tangent", q.left, q.right, sign, (), ANSWER, q.entries)


def joint_stories(results: Iterable[Result], problem: Problem | None = None) -> Iterator[Story]:
    """The derivations of several requests: gradients of one thing that follow each other are one
    story, in which what they share is told once."""
    return (joint_story(together, problem) for together in told_together(results))


def told_together(results: Iterable[Result]) -> Iterator[list[Result]]:
    """The results in order, those together that one story tells."""
    together: list[Result] = []
    for result in results:
        if together and not are_joint(together, result):
            yield together
            together = []
        together.append(result)
    if together:
        yield together


def are_joint(together: Sequence[Result], result: Result) -> bool:
    """Whether one story tells a derivation with those before it: they are of one thing, and no
    name stands for two values."""
    named = {name: body for r in together for name, body in r.definitions}
    return _joint(together[-1]) == _joint(result) and all(
        named.get(name, body) == body for name, body in result.definitions
    )


def _joint(result: Result) -> Hashable:
    """What is alike for requests that are told together: all is well, and they are of one thing."""
    v = result.validation
    if v.verdict != "verified" or v.zero or v.reason or result.adjoint is not None:
        return id(result)
    return _meaning(result.request), v.sizes, v.conditions


def joint_story(results: Sequence[Result], problem: Problem | None) -> Story:
    """The one story of results that are told together."""
    stories = told_once([derivation_story(r, problem) for r in results])
    first, *others = stories
    if not others:
        return first
    answers = [block for story in stories for block in story.answer]
    formulas = dict.fromkeys(b for b in answers if isinstance(b, EquationBlock))
    kept = dict.fromkeys(e for b in answers if isinstance(b, KeptValues) for e in b.values)
    notes = dict.fromkeys(b for b in answers if isinstance(b, Remark))
    validations = [r.validation for r in results]
    worst = max(validations, key=lambda v: v.max_relative_error)
    worst = replace(
        worst,
        order=min(v.order for v in validations),
        draws=min(v.draws for v in validations),
    )
    evidence = next(b for b in first.answer if isinstance(b, Evidence))
    rewritten = dict.fromkeys(item for s in stories for x in s.simplification for item in x.items)
    return first._replace(
        answer=(
            *sorted(formulas, key=lambda b: _PLACES[b.label]),
            *([KeptValues(tuple(kept))] if kept else []),
            *notes,
            evidence._replace(figures=tuple(words.figures(worst))),
        ),
        steps=_once(section for story in stories for section in story.steps),
        simplification=_listing("simplified", SIMPLIFIED, [*rewritten]),
        others=tuple(story.request for story in others),
    )


_PLACES = {"backward": 0, "adjoint": 0, "gradient": 1, "where": 2}


def _once(sections: Iterable[Section]) -> tuple[Section, ...]:
    """The sections of several stories as those of one."""
    return _sections(
        s._replace(blocks=tuple(b for b in s.blocks if b is not _UNIT), number=i)
        for i, s in enumerate(sections)
    )


class Telling:
    """Stories one after the other, each without what an earlier one tells: it refers to that."""

    def __init__(self) -> None:
        self._stories = 0
        self._definitions: dict[tuple[Left, Expr, tuple[Range, ...]], StoryPlace] = {}
        self._steps: dict[tuple[Hashable, Step], StoryPlace] = {}

    def next(self, story: Story) -> Story:
        """The story, and what is left of it."""
        answer: list[Block] = []
        again: dict[str, int] = {}  # where the answer refers to what was told, by its label
        for block in story.answer:
            if isinstance(block, EquationBlock) and block.label in _TOLD_BEFORE:
                key = block.left, block.right, block.ranges
                place = self._definitions.setdefault(
                    key, StoryPlace(str(block.left), self._stories)
                )
                if place.story < self._stories:
                    at = again.setdefault(block.label, len(answer))
                    if at == len(answer):
                        answer.append(Reference(block.label, (), block.detail))
                    reference = answer[at]
                    assert isinstance(reference, Reference)
                    answer[at] = reference._replace(
                        places=(*reference.places, place),
                        detail=min(reference.detail, block.detail),
                    )
                    continue
            answer.append(block)
        known: list[StoryPlace] = []
        steps: list[Section] = []
        for section in story.steps:
            label = section.step.label
            place = StoryPlace(label, self._stories, section.number)
            told = self._steps.setdefault((_meaning(story.request), section.step), place)
            if told is place:
                steps.append(section)
            else:
                known.append(told)
        self._stories += 1
        return story._replace(
            answer=tuple(answer),
            steps=tuple(steps),
            earlier=(Reference("steps", tuple(known)),) if known else (),
        )


_TOLD_BEFORE = ("where", "backward")  # the labels of equations that an earlier story may have told


def _meaning(request: Request) -> Hashable:
    """What the labels of a request's steps are told apart by from those of another: ∂J/∂Z is one
    thing for all gradients of J, and what moves with a variable is that variable's."""
    moves = request.kind in ("hess", "hvp", "jvp")
    return request.kind, request.of, request.direction, request.wrt if moves else None


def told_once(stories: Iterable[Story]) -> list[Story]:
    """The stories one after the other, each without what an earlier one tells."""
    telling = Telling()
    return [telling.next(story) for story in stories]


def _section(step: Step, number: int) -> Section:
    blocks: list[Block] = [ScalarLine(step, line, i == 0) for i, line in enumerate(step.lines)]
    if step.lines and step.label.isidentifier():  # else it says itself what it is: ∂J/∂Z1
        blocks.append(Remark("named", words.shared(step)))
    if step.note:
        blocks.append(Remark("opened", step.note))
    if len(step.lines) != 1 or step.lines[0].arrangement is not step.result:
        blocks.append(EquationBlock("together", step.label, step.result))
    return Section(step, tuple(blocks), number)


_UNIT = Remark("unit", words.UNIT, STEPS)


def _sections(sections: Iterable[Section]) -> tuple[Section, ...]:
    """The sections of a story: what holds for several lines is said in the first."""
    return _with_units(_with_counts([*sections]))


def _with_counts(sections: Sequence[Section]) -> Iterator[Section]:
    """The sections, and that one arrangement alone fits in the first line of which it is true."""
    lines = [b for s in sections for b in s.blocks if isinstance(b, ScalarLine)]
    alone = [b for b in lines if b.line.is_forced]
    said = {
        id(b): b._replace(is_counted=b is alone[0], others=b is alone[0] and len(alone) > 1)
        for b in alone
    }
    for s in sections:
        yield s._replace(blocks=tuple(said.get(id(b), b) for b in s.blocks))


def _with_units(sections: Iterable[Section]) -> tuple[Section, ...]:
    """The sections, and what a unit is where one is mentioned first."""
    found = []
    is_told = False
    for section in sections:
        first = not is_told and any(map(words.mentions_units, section.step.lines))
        is_told = is_told or first
        found.append(section._replace(blocks=(*section.blocks, _UNIT)) if first else section)
    return tuple(found)


def _listing(
    label: Literal["factors", "rejected", "simplified"], title: str, items: list[ListedFormula]
) -> tuple[Listing, ...]:
    return (Listing(label, title, tuple(items)),) if items else ()
