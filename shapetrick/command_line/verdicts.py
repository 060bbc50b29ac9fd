"""`shapetrick check`: what is found of claims, each with its place, and a summary."""

from __future__ import annotations

import json
from argparse import Namespace
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial

from ..api import Problem
from ..checks import Check, equality_checked
from ..core.deadline import limited
from ..core.errors import ShapetrickError
from ..core.problem import EqualityClaim
from ..core.warnings import warnings_of
from .outcome import DONE, WRONG, BadInput, place, refused, warner
from .sources import GivenProblem, each_source, several

NOTHING_CLAIMED = "nothing is claimed: end with a claim, `check grad J wrt X = …`."

ShowVerdict = Callable[[Check], None]


def run(args: Namespace) -> int:
    """Judge the claims. Returns the exit status; raises BadInput."""
    if args.format in _DOCUMENTS and several(args):
        raise BadInput(f"`--format {args.format}` makes a document of one problem: give one file.")
    counts: Counter[str] = Counter()
    status = each_source(args, lambda source: _check(source, counts, args))
    if args.format == "text" and (args.quiet or counts.total() > 1):
        print("" if args.quiet else "\n", end="")
        print(", ".join(f"{counts[v]} {v}" for v in ("right", "wrong", "unchecked") if counts[v]))
    return status


def _check(source: GivenProblem, counts: Counter[str], args: Namespace) -> int:
    data, warn = source.problem.data, warner()
    claims = [one for one in source.problem.requests() if one.data.requests[0].claim is not None]
    if not claims and not data.equalities and several(args):
        return DONE  # a folder may have problems that ask only
    if not claims and not data.equalities:
        raise BadInput(NOTHING_CLAIMED)
    checked: list[Check] = []
    shown = args.format in _DOCUMENTS
    show = checked.append if shown else _SHOWN[args.format](source, args)
    status = DONE
    for one in claims:
        if args.quiet or args.format != "text":
            warn(warnings_of(data, one.data.requests[0]))
        try:
            (found,) = one.check(seed=args.seed, time_limit=args.time_limit)
        except ShapetrickError as e:  # the other claims are still judged
            status = max(status, refused(e, source.file))
            continue
        counts[found.verdict] += 1
        show(found)
        status = max(status, DONE if found.right else WRONG)
    for claim in data.equalities:
        status = max(status, _compare(source, claim, counts, args))
    if checked:
        print(_DOCUMENTS[args.format](source.problem, checked, args))
    return status


def _compare(
    source: GivenProblem, claim: EqualityClaim, counts: Counter[str], args: Namespace
) -> int:
    """Judge an equality of two expressions."""
    from ..render import terminal as render

    try:
        found = limited(args.time_limit, partial(equality_checked, claim, args.seed))
    except ShapetrickError as e:
        return refused(e, source.file)
    counts[found.verdict] += 1
    at = place(source.file, source.problem.data.text, claim.span)
    if args.format == "json":
        data = {**found.to_dict(), "place": at}
        print(json.dumps(data, ensure_ascii=False, allow_nan=False), flush=True)
    elif args.format == "text":
        target = render.terminal(args.color)
        style = render.Style(render.width_of(target))
        rows = render.equality_rows(found.judgement, style)
        said = f"{found.verdict}: {found.diagnosis}" if found.diagnosis else found.verdict
        line = ": ".join(filter(None, (at, claim.text, said)))
        render.show([[(line, "")]] if args.quiet else [[], *rows], target)
    return DONE if found.right else WRONG


def _text(source: GivenProblem, args: Namespace) -> ShowVerdict:
    """Each claim at length, or one line each."""
    from ..render import terminal as render

    data = source.problem.data
    target = render.terminal(args.color)
    style = render.Style(render.width_of(target))
    first = True

    def show(found: Check) -> None:
        nonlocal first
        line = render.verdict_row(found.judgement, style, _place(source, found), args.quiet)
        if args.quiet:
            render.show([line], target)
            return
        curve = found.curve if args.plot else None
        before = render.problem_rows(data, style) if first else [[]]
        rows = render.judgement_rows(found.judgement, style, data, curve)
        render.show([*before, *([line] if source.file else []), *rows], target)
        first = False

    return show


def _json(source: GivenProblem, _: Namespace) -> ShowVerdict:
    def show(found: Check) -> None:
        data = {**found.to_dict(), "place": _place(source, found)}
        print(json.dumps(data, ensure_ascii=False, allow_nan=False), flush=True)

    return show


def _github(source: GivenProblem, _: Namespace) -> ShowVerdict:
    """Annotations as GitHub's runners read them from the output of a step."""

    def show(found: Check) -> None:
        if found.right:
            return
        request = found.judgement.request
        where = []
        if source.file is not None:
            where.append(f"file={_escaped(source.file, ',:')}")
        if request.span is not None:
            text = found.problem.text
            where.append(f"line={request.span.line_of(text)},col={request.span.column_of(text)}")
        said = f"{found.claim} is {found.verdict}: {found.diagnosis}"
        if found.suggestion is not None:
            said += f"\n{'instead' if found.mended else 'the answer'}: {found.suggestion}"
        print(f"::error {','.join(where)}::{_escaped(said)}")

    return show


def _escaped(text: str, also: str = "") -> str:
    """The text in a workflow command, whose signs it must not have."""
    return "".join(f"%{ord(c):02X}" if c in "%\r\n" + also else c for c in text)


def _place(source: GivenProblem, found: Check) -> str:
    return place(source.file, found.problem.text, found.judgement.request.span)


_SHOWN = {"text": _text, "json": _json, "github": _github}


def _article(problem: Problem, checked: Sequence[Check], args: Namespace) -> str:
    from ..render import article

    parts = [*article.problem_parts(problem.data)]
    parts += article.claim_parts([c.judgement for c in checked], problem.data)
    return article.written(parts, args.format)


def _page(problem: Problem, checked: Sequence[Check], _: Namespace) -> str:
    from ..render.claims import claim_story
    from ..render.html import verdicts_page

    stories = [claim_story(c.judgement, problem.data, c.curve) for c in checked]
    return verdicts_page(problem.data, stories)


_DOCUMENTS = {"latex": _article, "markdown": _article, "html": _page}
