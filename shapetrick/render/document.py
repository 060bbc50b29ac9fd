"""What is told of a result: its blocks, in the order of the telling, made once for all writers.

A block holds expressions, shapes and sentences. How they look is for the writers: `terminal.py`,
`article.py` (LaTeX and Markdown) and `html.py`. What is told only where a person asks for more has
a higher `detail`: a writer leaves it out, or folds it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from itertools import groupby
from typing import Literal, NamedTuple

from ..core.dims import Shape
from ..core.expr import Expr, Symbol, number
from ..core.indices import Range
from ..core.problem import Problem, Request
from ..core.results import Line, Result, Step
from ..core.warnings import absence, twins_of, unused_of
from ..numerics.error_curves import Curve
from . import phrases as words

MOST_NAMED = 4  # places in a row
ANSWER, LINES, STEPS = range(3)  # the answer alone, the derivation, and also what was rejected
Relation = Literal["=", "=?", "≠"]
Left = str | Request  # a name, a label such as "∂J/∂Z", or what is asked for


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
    over: Range | None = None
    detail: int = LINES

    @property
    def answers(self) -> bool:
        """Whether it is what was asked for, and no definition or step on the way."""
        return self.label in ("gradient", "backward")


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

    `first` is that of the step; the others are added to it."""

    step: Step
    line: Line
    first: bool
    label: str = "scalars"
    detail: int = LINES

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
    """What an earlier one of several stories tells: definitions, or the first steps."""

    label: Literal["where", "steps"]
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
    """All that is told of one request: the steps, how it was simplified, and the answer with its
    evidence; `claimed` where what is told of is the verdict on a claim."""

    request: Request
    answer: tuple[Block, ...]
    verdict: str
    steps: tuple[Section, ...] = ()
    warnings: tuple[Remark, ...] = ()  # that nobody should overlook
    earlier: tuple[Reference, ...] = ()  # to the steps before these
    simplification: tuple[Listing, ...] = ()
    curve: Curve | None = None
    claimed: bool = False


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


def derivation_story(
    result: Result, problem: Problem | None = None, curve: Curve | None = None
) -> Story:
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
        tuple(_section(step, i) for i, step in enumerate(result.steps)),
        absent,
        simplification=_listing("simplified", "How it was simplified", rewritten),
        curve=curve,
    )


def answer_formula(result: Result) -> EquationBlock:
    """The gradient as one equation; of members of families, the first of its kinds."""
    sign: Relation = "=" if result.validation.verdict == "verified" else "=?"
    return EquationBlock("gradient", result.request, result.gradient, sign, detail=ANSWER)


def _answer(result: Result, own: Collection[str]) -> list[Block]:
    """The gradient, the definitions that it uses, and what it keeps of the forward pass."""
    formula, recursion = answer_formula(result), result.recursion
    blocks: list[Block] = [formula] if recursion is None else []
    if recursion is not None:
        for label, equations in (
            ("backward", recursion.cotangents),
            ("gradient", recursion.gradients),
        ):
            blocks += [
                EquationBlock(label, q.symbol.name, q.value, formula.sign, q.over, ANSWER)
                for q in equations
            ]
    blocks += [
        EquationBlock("where", name, body, detail=LINES if name in own else ANSWER)
        for name, body in result.definitions
    ]
    kept = tuple(e for e in result.kept if not e.is_scalar)
    if any(not isinstance(e, Symbol) for e in kept) or (kept and recursion is not None):
        blocks.append(KeptValues(kept))
    return [*blocks, *(Remark("note", note) for note in result.notes)]


def told_once(stories: Sequence[Story]) -> list[Story]:
    """The stories one after the other, each without the definitions and the first steps that an
    earlier one tells: it refers to them."""
    told: list[Story] = []
    definitions: dict[tuple[Left, Expr], StoryPlace] = {}
    following: dict[
        tuple[StoryPlace | None, Step], StoryPlace
    ] = {}  # steps told, by the one before them
    for i, story in enumerate(stories):
        answer: list[Block] = []
        again: list[StoryPlace] = []
        at, detail = 0, LINES
        for block in story.answer:
            if isinstance(block, EquationBlock) and block.label == "where":
                key = block.left, block.right
                if key in definitions:
                    at = at or len(answer)
                    detail = min(detail, block.detail)
                    again.append(definitions[key])
                    continue
                definitions[key] = StoryPlace(str(block.left), i)
            answer.append(block)
        if again:
            answer.insert(at, Reference("where", tuple(again), detail))
        place: StoryPlace | None = None
        known: list[StoryPlace] = []
        for section in story.steps:
            before, place = place, following.get((place, section.step))
            if place is None:
                place = following[before, section.step] = StoryPlace(
                    section.step.label, i, section.number
                )
            else:
                known.append(place)
        earlier = (Reference("steps", tuple(known)),) if known else ()
        steps = story.steps[len(known) :]
        told.append(story._replace(answer=tuple(answer), steps=steps, earlier=earlier))
    return told


def _section(step: Step, number: int) -> Section:
    blocks: list[Block] = [ScalarLine(step, line, i == 0) for i, line in enumerate(step.lines)]
    if step.note:
        blocks.append(Remark("opened", step.note))
    if len(step.lines) != 1 or step.lines[0].arrangement is not step.result:
        blocks.append(EquationBlock("together", step.label, step.result))
    return Section(step, tuple(blocks), number)


def _listing(
    label: Literal["factors", "rejected", "simplified"], title: str, items: list[ListedFormula]
) -> tuple[Listing, ...]:
    return (Listing(label, title, tuple(items)),) if items else ()
