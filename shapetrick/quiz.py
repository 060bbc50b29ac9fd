"""Practice: problems of growing difficulty, the judgement of an answer, and the score.

The built-in set is `practice.toml` beside this file; a teacher's own set is a file of the same
form, or a list of `Question`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from .claims.judgement import judge
from .claims.verdicts import Judgement
from .core.errors import InputError, RequestError, Span
from .core.files import make_folder, write_file
from .core.problem import Problem
from .language.elaboration import read
from .language.source import read_tables
from .language.syntax.parser import parse_expression
from .language.vocabularies import vocabulary_of
from .pipeline import hooks as hooks

BUILT_IN = Path(__file__).parent / "practice.toml"
LEVELS = range(1, 6)
_FIELDS = {"topic": str, "level": int, "given": str, "ask": str, "hint": str}


@dataclass(frozen=True, slots=True)
class Question:
    """What is given (declarations and definitions), and what is asked, `grad J wrt X`."""

    topic: str
    level: int
    given: str
    ask: str
    hint: str = ""

    @property
    def key(self) -> str:
        """What the score knows it by."""
        return f"{self.topic} {self.level}: {' '.join(self.given.split())}; {self.ask}"

    @property
    def problem(self) -> Problem:
        """The problem with its one request. Raises InputError."""
        problem = read(f"{self.given}\n{self.ask}")
        if len(problem.requests) != 1:
            raise RequestError(f"a question asks for one thing, not `{self.ask}`.")
        return problem


def questions(path: str | Path = BUILT_IN) -> tuple[Question, ...]:
    """The questions of a TOML file, easiest first. Raises InputError if it is no such file, and
    BudgetError."""
    _, _, rows = read_tables(path, "question", _FIELDS)
    found = [_question(fields, where) for where, fields in rows]
    return tuple(sorted(found, key=lambda q: q.level))


def _question(fields: dict[str, Any], where: str) -> Question:
    for name, kind in _FIELDS.items():
        if name not in fields and name != "hint":
            raise RequestError(f"{where} has no `{name}`, which is {_SAID[kind]}.")
        if not isinstance(fields.get(name, ""), kind) or isinstance(fields.get(name), bool):
            raise RequestError(f"{where}: `{name}` should be {_SAID[kind]}.")
    question = Question(**fields)
    if question.level not in LEVELS:
        raise RequestError(f"{where}: `level` is from {LEVELS[0]} to {LEVELS[-1]}.")
    try:
        _ = question.problem
    except InputError as error:
        raise RequestError(f"{where}:\n{error}") from None
    return question


_SAID = {str: "a text", int: "a whole number"}


def mark(question: Question, answer: str, seed: int = 0) -> Judgement:
    """The judgement of an answer. Raises InputError, with its place in the answer, for one that is
    no expression."""
    flat = " ".join(answer.split("\n"))
    parse_expression(flat, vocabulary_of(question.problem), question.problem.functions)
    head = f"{question.given}\ncheck {question.ask} = "
    try:
        problem = read(head + flat)
    except InputError as error:
        if error.span is None or error.text is None or error.span.start < len(head):
            raise
        at = Span(error.span.start - len(head), error.span.end - len(head))
        raise type(error)(error.message, at, answer) from None
    return judge(problem, problem.requests[0], seed)


# ------------------------------------------------------------------------------------- the score


@dataclass(slots=True)
class Scores:
    """How often each question was answered, and how often rightly; kept in a file, if there is
    one."""

    path: Path | None = None
    tally: dict[str, tuple[int, int]] = field(default_factory=dict)

    @classmethod
    def kept_in(cls, path: Path | None) -> Scores:
        """The score so far; one that can't be read starts anew."""
        try:
            data = {} if path is None else json.loads(path.read_text(encoding="utf-8"))
            tally = {str(k): (int(tried), int(right)) for k, (tried, right) in data.items()}
        except (OSError, ValueError, TypeError, AttributeError):
            tally = {}
        return cls(path, tally)

    def record(self, question: Question, right: bool) -> None:
        """Count an answer."""
        tried, stood = self.tally.get(question.key, (0, 0))
        self.tally[question.key] = (tried + 1, stood + right)
        if self.path is None:
            return
        try:
            make_folder(self.path.parent)
            write_file(self.path, json.dumps(self.tally, ensure_ascii=False, indent=0))
        except OSError:
            self.path = None  # a score that can't be kept is no reason to stop

    def solved(self, question: Question) -> bool:
        return self.tally.get(question.key, (0, 0))[1] > 0

    def tried(self, question: Question) -> int:
        return self.tally.get(question.key, (0, 0))[0]


def choose(
    asked: Iterable[Question],
    scores: Scores,
    topic: str = "",
    level: int | None = None,
    after: Question | None = None,
) -> Question:
    """The easiest question that wasn't solved, else the one that was tried least; not `after`
    again if there are others. Raises RequestError if none is of the topic and level."""
    fitting = [q for q in asked if topic in ("", q.topic) and level in (None, q.level)]
    if not fitting:
        raise RequestError(f"there is no question of {topic or 'any topic'}, level {level}.")
    others = [q for q in fitting if q != after] or fitting
    unsolved = [q for q in others if not scores.solved(q)]
    return min(unsolved or others, key=lambda q: (q.level, scores.tried(q)))


def topics(asked: Sequence[Question]) -> list[str]:
    """The topics in the order of the set."""
    return list(dict.fromkeys(q.topic for q in asked))


@cache
def built_in() -> tuple[Question, ...]:
    """The set that comes with the tool."""
    return questions()
