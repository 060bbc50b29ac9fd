"""Where a session is worked on: what was typed goes in, rows of styled text come out.

A line is a statement of the language, an expression, or a command (`session/commands.py`); while a
derivation is made by hand it is an arrangement, and while a question is open an answer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import partial
from hashlib import blake2b

from ..api import Derivation, derivations_of
from ..claims.diagnosis import kind_of
from ..claims.equalities import judge_equality
from ..claims.judgement import judge
from ..claims.mutations import ARRANGING
from ..claims.verdicts import Judgement
from ..core.deadline import SECONDS, limited
from ..core.dims import shape_text
from ..core.errors import ShapetrickError, excerpt
from ..core.expr import Expr, Symbol
from ..core.indices import base_of
from ..core.problem import EqualityClaim, Problem, Request
from ..language.printer import overlined
from ..language.syntax.index_binders import base_below
from ..pipeline.joint_gradients import derive_together, groups
from ..quiz import Question, Scores, built_in, choose, mark
from ..render.claims import claim_story, equality_story
from ..render.document import Telling, told_together
from ..render.layout import Row, columns, labelled, padded, prose
from ..render.phrases import asked_together, figure
from ..render.terminal import INDENT, Style, claim_rows, joint_rows
from .guided import GuidedDerivation
from .guided_view import move_rows, prompt, verdict_rows
from .hints import ALL_THERE
from .recovery import Recovery, Unsaved
from .statements import Entered, Entry, ParsedExpression, Session, is_expression, listed
from .tutorial import CHAPTERS, CLOSING

Busy = Callable[[str], object]  # told what is worked on, for those who watch
AnswerPart = Callable[[], Iterable["Row"]]  # of what is said of a line


@dataclass(slots=True)
class OpenQuestion:
    """An open question: where the next ones come from, and how often it was answered wrongly."""

    question: Question
    source: Sequence[Question]
    topic: str = ""
    level: int | None = None
    wrong: int = 0


@dataclass(slots=True)
class Interpreter:
    """A session with what is open on it: a derivation by hand, a question, the last derivations."""

    session: Session = field(default_factory=Session)
    style: Style = field(default_factory=Style)
    questions: Sequence[Question] = field(default_factory=built_in)
    scores: Scores = field(default_factory=Scores)
    guided: GuidedDerivation | None = None
    asked: OpenQuestion | None = None
    chapter: int | None = None  # of the tutorial
    last: tuple[Derivation, ...] = ()  # what was derived last, by several variables together
    file: str = ""  # what was loaded or saved
    digest: str = ""  # of what the file held then
    saved: tuple[Entry, ...] = ()  # what it says
    recovery: Recovery = field(default_factory=Recovery)
    done: bool = False
    time_limit: float | None = SECONDS  # for each part of an answer
    waiting: tuple[AnswerPart, ...] = ()  # parts that follow the one that is worked on
    busy: Busy = field(default=lambda what: None)
    opened: Busy = field(default=lambda path: None)  # told what to open in a browser

    @property
    def prompt(self) -> str:
        """What is asked for now."""
        if self.guided is not None and self.guided.move is not None:
            return prompt(self.guided.move)
        return "answer = " if self.asked is not None else "> "

    @property
    def is_unsaved(self) -> bool:
        """Whether something was entered that no file holds."""
        entries = self.session.state.entries
        return bool(entries) and entries != self.saved

    def knows(self, name: str) -> bool:
        """Whether a word has a meaning of its own here."""
        problem, question = self.session.problem, self.asked
        problems = [problem] if question is None else [problem, question.question.problem]
        move = None if self.guided is None else self.guided.move
        factors = () if move is None else move.factors
        return any(n.name == name for n in factors) or any(
            name in p.functions or name in named_values(p) for p in problems
        )

    def is_in(self, file: str, content: bytes) -> None:
        """A file holds what stands."""
        self.file, self.digest, self.saved = file, digest_of(content), self.session.state.entries

    def keep(self) -> bool:
        """Keep what is unsaved where the next session finds it; whether it is safe."""
        if not self.is_unsaved:
            self.recovery.drop()
            return True
        state = self.session.state
        lines = () if self.guided is None or self.chapter is not None else _replayed(self.guided)
        return self.recovery.keep(Unsaved(state.text, state.seed, self.file, self.digest, lines))

    # ------------------------------------------------------------------------- a line, in parts

    def answer(self, part: AnswerPart) -> Iterator[Row]:
        """A part of an answer and those that it leaves waiting, each within the time limit.

        Errors are said, not raised, and the other parts are still answered. What a part changes
        stands when the part is done; an interrupt takes back all of them."""
        before = self._copy()
        try:
            yield from self._whole(part)
            waiting, self.waiting = self.waiting, ()
            for later in waiting:
                yield from self.answer(later)
        except (KeyboardInterrupt, GeneratorExit):
            self._restore(before)
            raise

    def _whole(self, part: AnswerPart) -> list[Row]:
        before = self._copy()
        try:
            return limited(self.time_limit, lambda: [*part()])
        except ShapetrickError as error:
            self._restore(before)
            return [*error_rows(error, self.style)]
        except Exception:
            self._restore(before)
            raise

    def _copy(self) -> Interpreter:
        guided = None if self.guided is None else self.guided.copy()
        asked = None if self.asked is None else replace(self.asked)
        return replace(self, session=self.session.copy(), guided=guided, asked=asked)

    def _restore(self, before: Interpreter) -> None:
        for one in fields(self):
            setattr(self, one.name, getattr(before, one.name))

    def take(self, text: str) -> Iterator[Row]:
        """What is said of a statement, an expression, an arrangement or an answer. Raises
        ShapetrickError."""
        if not text:
            return
        if not is_expression(text):
            yield from self.enter(text)
        elif self.guided is not None:
            yield from self._arrange(self.guided, text)
        elif self.asked is not None:
            yield from self._answered(self.asked, text)
        else:
            yield from reading_rows(self.session.read_expression(text), self.style)

    # ------------------------------------------------------------------------------- statements

    def enter(self, text: str) -> Iterator[Row]:
        """Take statements in; what they ask is left waiting."""
        entered = self.session.enter(text)
        yield from entered_rows(entered, self.style)
        if self.guided is not None and entered.replaced:
            stale = "the derivation by hand goes on with what stood before"
            yield from remark_rows([("note", f"{stale}; :stop leaves it")], self.style)
        self.waiting += tuple(partial(self.derive, group) for group in groups(entered.requests))
        self.waiting += tuple(partial(self.compare, claim) for claim in entered.equalities)

    def derive(self, requests: Sequence[Request], quiet: bool = False) -> Iterator[Row]:
        """The derivation of a request, of several together, or what is found of a claim. Where
        several fail together, they are derived one after the other."""
        problem, seed = self.session.problem, self.session.state.seed
        self.busy(asked_together(requests))
        if requests[0].claim is not None:
            story = claim_story(judge(problem, requests[0], seed), problem)
            yield from claim_rows(story, self.style)
            return
        try:
            results = derive_together(problem, requests, seed)
        except ShapetrickError:
            if len(requests) == 1:
                raise
            self.waiting = (*(partial(self.derive, [r], quiet) for r in requests), *self.waiting)
            return
        yield from self.show(derivations_of(problem, results), quiet=quiet)

    def compare(self, claim: EqualityClaim) -> Iterator[Row]:
        """What is found of an equality."""
        self.busy(f"check {claim.key}")
        problem, seed = self.session.problem, self.session.state.seed
        yield from claim_rows(equality_story(judge_equality(claim, seed, problem)), self.style)

    def show(
        self, derived: Sequence[Derivation], steps: bool = False, quiet: bool = False
    ) -> Iterator[Row]:
        """Derivations of one thing, which are from here on the last ones."""
        results = [d.result if quiet else replace(d.result, steps=d.steps) for d in derived]
        self.last = tuple(derived)
        style, telling = replace(self.style, steps=steps, quiet=quiet), Telling()
        for i, together in enumerate(told_together(results)):
            yield from [[]] if i and not quiet else []
            yield from joint_rows(together, style, derived[0].problem, telling)

    # ----------------------------------------------------------------------------------- by hand

    def begin(self, requests: Sequence[Request]) -> Iterator[Row]:
        """Start a derivation by hand, of one thing by one variable or by several."""
        self.busy(asked_together(requests))
        first, *others = requests
        guided = GuidedDerivation(self.session.problem, first, self.session.state.seed, others)
        self.guided, self.asked, self.chapter = guided, None, None
        yield from self.look(guided)

    def teach(self, chapter: int) -> Iterator[Row]:
        """Begin a chapter of the tutorial; after the last one, say what to do next."""
        self.guided, self.asked, self.chapter = None, None, None
        if chapter == len(CHAPTERS):
            yield from self._paragraphs([CLOSING])
            return
        title, said, given, ask = CHAPTERS[chapter]
        yield [(title, "bold")]
        yield from self._paragraphs([*said, *given.split("; "), ask])
        problem, request = CHAPTERS[chapter].problem, CHAPTERS[chapter].request
        self.guided = GuidedDerivation(problem, request, self.session.state.seed)
        self.chapter = chapter
        yield []
        yield from self.look(self.guided)

    def _paragraphs(self, texts: Iterable[str]) -> Iterator[Row]:
        for text in texts:
            yield from ([(f"  {line}", "")] for line in prose(text, self.style.prose_width - 2))

    def look(self, guided: GuidedDerivation) -> Iterator[Row]:
        """The line that is to be arranged, or at the end the whole."""
        if guided.move is not None:
            yield from move_rows(guided, self.style)
            return
        self.guided = None
        if not guided.moves:
            yield [("  there is nothing to arrange", "")]
        self.busy(asked_together(guided.requests))
        by_machine = sum(played.by_machine for played in guided.played)
        own = len(guided.played) - by_machine
        count = f"every line stands: {own} by you, {by_machine} by the machine"
        yield [(count, "")]
        yield []
        yield from self.show([Derivation(guided.problem, result) for result in guided.wholes()])
        if self.chapter is not None:
            yield []
            self.waiting += (partial(self.teach, self.chapter + 1),)

    def _arrange(self, guided: GuidedDerivation, text: str) -> Iterator[Row]:
        move = guided.move
        assert move is not None
        verdict = guided.play(text)
        if verdict.misfit is not None:
            yield from error_rows(verdict.misfit, self.style)
        yield from verdict_rows(verdict, move, self.style)
        if verdict.outcome == "stands":
            yield []
            yield from self.look(guided)

    # ---------------------------------------------------------------------------------- practice

    def pose(self, asked: OpenQuestion) -> Iterator[Row]:
        self.asked, self.guided, self.chapter = asked, None, None
        question = asked.question
        yield [(f"{question.topic}, level {question.level}", "bold")]
        for line in question.given.splitlines():
            yield [(f"  {line}", "")]
        yield [(f"  {question.ask}", "bold")]
        request = question.problem.requests[0]
        shape = shape_text(request.wrt.shape)
        yield [(f"  the answer is {shape}; :hint, :answer, :skip, :stop", "dim")]

    def pose_another(self, asked: OpenQuestion) -> Iterator[Row]:
        """Ask the next question."""
        topic, level = asked.topic, asked.level
        following = choose(asked.source, self.scores, topic, level, asked.question)
        if following == asked.question:
            level = None  # there is no other of that level
            following = choose(asked.source, self.scores, topic, level, asked.question)
        if self.scores.solved(following):
            yield [("  all of these are solved; here they come again, or :stop", "dim")]
        yield []
        yield from self.pose(OpenQuestion(following, asked.source, topic, level))

    def _answered(self, asked: OpenQuestion, text: str) -> Iterator[Row]:
        self.busy("the answer")
        judgement = mark(asked.question, text, self.session.state.seed)
        right = judgement.verdict == "right"
        self.scores.record(asked.question, right)
        if right:
            yield [("  ✓ right", "bold green")]
            yield from self.pose_another(asked)
            return
        asked.wrong += 1
        if asked.wrong > len(_HELP):
            yield from claim_rows(claim_story(judgement), self.style)
            return
        said = _HELP[asked.wrong - 1](judgement)
        for i, line in enumerate(prose(said, self.style.prose_width - 4)):
            yield [("    " if i else "  ✗ ", "bold red"), (line, "")]
        yield [("    try again, or :hint", "dim")]


def _what_is_wrong(j: Judgement) -> str:
    """What shape or what error an answer has, what is right so far, and the kind of each slip."""
    said = j.diagnosis.split(";")[0].splitlines()[0]
    if j.validation is not None and j.validation.max_relative_error < float("inf"):
        said = f"the numbers say no: relative error {figure(j.error)}"
    right = [ALL_THERE] if j.slips and all(s.name in ARRANGING for s in j.slips) else []
    return "; ".join([said, *right, *(kind_of(slip) for slip in j.slips)])


def _where_it_is_wrong(j: Judgement) -> str:
    """The same, and the part in which the last slip is."""
    parts = [slip.old for slip in j.slips if slip.old != j.claim and not slip.within]
    said = _what_is_wrong(j)
    return f"{said}; look at `{' '.join(parts[-1].split())}`" if parts else said


_HELP = (_what_is_wrong, _where_it_is_wrong)  # at the first wrong answer, and at the second


def digest_of(content: bytes) -> str:
    """What tells the contents of files apart."""
    return blake2b(content, digest_size=16).hexdigest()


def _replayed(guided: GuidedDerivation) -> tuple[str, ...]:
    """The lines that bring a derivation by hand to where it is."""
    span = guided.request.span
    assert span is not None
    begun = guided.problem.text[span.start : span.end]
    own = (":next" if p.by_machine else p.text for p in guided.played)
    return f":derive {begun}", *filter(None, own)


# -------------------------------------------------------------------------------------- the rows


def error_rows(error: ShapetrickError, style: Style) -> Iterator[Row]:
    """What is wrong, below the place where it is."""
    lines = str(error).splitlines()
    if error.span is not None and error.text is not None:
        if "\n" not in error.text.strip():  # what was just typed has one line: it needs no number
            place = excerpt(error.text, error.span).splitlines()
            lines = [line[len("line 1: ") :] for line in place] + error.message.splitlines()
        yield [(f"  {lines[0]}", "")]
        yield [(f"  {lines[1]}", "bold red")]
        lines = lines[2:]
    for line in lines:
        yield from ([(f"  {text}", "")] for text in prose(line, style.prose_width - 2))


def entered_rows(entered: Entered, style: Style) -> Iterator[Row]:
    """What statements declare and define, and what they change."""
    values = named_values(entered.problem)
    for entry in entered.entries:
        for given in entry.names:
            is_elementwise = given in entered.problem.functions
            bases = () if is_elementwise else (base_of(given), base_below(given))
            whole = (name for name in values if base_of(name) in bases)  # `q[i] = …`, `x_i : d`
            name = given if given in values else next(whole, given)
            value = values.get(name)
            shape = "element-wise function" if is_elementwise else "function"
            shape = shape if value is None else shape_text(value.shape)
            notes = ""
            if value is not None and isinstance(value, Symbol) and value.attributes:
                notes = "  " + ", ".join(sorted(value.attributes))
            yield [(f"  {overlined(name)}", "bold"), (f"   {shape}", "magenta"), (notes, "dim")]
    remarks: list[tuple[str, str]] = []
    if entered.replaced:
        what = f"{listed(entered.replaced)} had another meaning"
        if entered.dependents:
            depend = "depends" if len(entered.dependents) == 1 else "depend"
            what += f", and {listed(entered.dependents)} {depend} on it"
        remarks.append(("changed", what))
    if entered.dropped:
        remarks.append(("taken out", f"{listed(entered.dropped)}: no longer fits (see :undo)"))
    remarks += [("assumed", text) for text in entered.assumptions]
    remarks += [("read", text) for text in (*entered.echoes, *entered.readings)]
    yield from remark_rows(remarks, style)


def named_values(problem: Problem) -> dict[str, Expr]:
    """All that has a name and a shape; of a family, the members of each statement."""
    values = problem.named
    for segment in problem.families.segments:
        values[segment.name] = segment.symbol(segment.indices)
    return values


def remark_rows(remarks: Sequence[tuple[str, str]], style: Style) -> Iterator[Row]:
    """Remarks behind their labels."""
    before = ""
    for head, remark in remarks:
        texts = prose(remark, style.prose_width - INDENT)
        yield from labelled("" if head == before else head, [[(t, "")] for t in texts], INDENT)
        before = head


def reading_rows(reading: ParsedExpression, style: Style) -> Iterator[Row]:
    """How an expression was read, with its shape."""
    texts = style.broken(reading.text, 2)
    yield from ([(f"  {text}", "")] for text in texts[:-1])
    yield [(f"  {texts[-1]}", ""), (f"   {shape_text(reading.value.shape)}", "magenta")]
    remarks = [("assumed", text) for text in reading.assumptions]
    yield from remark_rows([*remarks, *(("read", text) for text in reading.readings)], style)


def shape_rows(named: Sequence[tuple[str, Expr]]) -> Iterator[Row]:
    """Names or expressions with their shapes, below each other."""
    width = min(max((columns(text) for text, _ in named), default=0), 50)
    for text, value in named:
        yield [(f"  {padded(text, width)}", ""), (f"   {shape_text(value.shape)}", "magenta")]
