"""`shapetrick handout`: a worksheet of exercises, and its key."""

from __future__ import annotations

from argparse import Namespace
from dataclasses import replace
from functools import partial

from ..api import Derivation, read
from ..core.deadline import limited
from ..core.errors import ShapetrickError
from ..quiz import Question, built_in, questions
from .outcome import DONE, WRONG, refused
from .progress import working


def run(args: Namespace) -> int:
    """Write the handout. Returns the exit status."""
    from ..render import handout

    exercises, status = [], DONE
    try:
        for question in built_in() if args.file is None else questions(args.file):
            with working(question.ask):
                d = limited(args.time_limit, partial(_derived, question))
            title = f"{question.topic}, level {question.level}"
            given, result = question.given.strip("\n"), replace(d.result, steps=d.steps)
            exercises.append(handout.Exercise(title, given, question.hint, d.problem, result))
            status = max(status, DONE if d.verified else WRONG)
    except ShapetrickError as e:
        return refused(e, None)
    print({"html": handout.in_html, "latex": handout.in_latex}[args.format](exercises))
    return status


def _derived(question: Question) -> Derivation:
    (derivation,) = read(f"{question.given}\n{question.ask}", time_limit=None).derive(
        time_limit=None
    )
    _ = derivation.steps
    return derivation
