"""`shapetrick check`: what is found of claims, each with its place, and a summary."""

from __future__ import annotations

from argparse import Namespace
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial

from ..api import Problem
from ..checks import JudgedClaim
from ..core.errors import RequestError, ShapetrickError
from ..core.warnings import warnings_of
from .outcome import DONE, WRONG, BadInput, place, print_data, refused, warner
from .progress import working
from .sources import GivenProblem, each_source, several

NOTHING_CLAIMED = "nothing is claimed: end with a claim, `check grad J wrt X = …`."

ShowVerdict = Callable[[JudgedClaim], None]


def run(args: Namespace) -> int:
    """Judge the claims. Returns the exit status; raises BadInput."""
    if args.format in _DOCUMENTS and several(args):
        raise BadInput(f"`--format {args.format}` makes a document of one problem: give one file.")
    status, counts = each_source(args, partial(_check, args))
    said = ", ".join(f"{counts[v]} {v}" for v in ("right", "wrong", "unchecked") if counts[v])
    if not counts and status == DONE:  # of a folder
        said = "nothing is claimed"
    if args.format == "text" and said and (args.quiet or counts.total() != 1):
        print(said if args.quiet or not counts else f"\n{said}")
    return status


def _check(args: Namespace, source: GivenProblem, counts: Counter[str]) -> int:
    data, warn = source.problem.data, warner()
    claims = [part for part in source.problem.parts(together=False) if part.data.claimed]
    if not claims:  # a folder may have problems that ask only
        return DONE if several(args) else refused(RequestError(NOTHING_CLAIMED), source.file)
    documented: list[JudgedClaim] = []
    show = None if args.format in _DOCUMENTS else _SHOWN[args.format](source, args)
    status = DONE
    for claim in claims:
        if args.quiet or args.format != "text":
            for request in claim.data.requests:
                warn(warnings_of(data, request))
        try:
            with working(f"checking {claim.data.claimed[0].key}"):
                (found,) = claim.verdicts(args.seed, time_limit=args.time_limit)
        except ShapetrickError as e:  # the other claims are still judged
            status = max(status, refused(e, source.file))
            continue
        counts[found.verdict] += 1
        if show is not None:
            show(found)
        else:
            documented.append(found)
        status = max(status, DONE if found.right else WRONG)
    if documented:
        print(_DOCUMENTS[args.format](source.problem, documented, args))
    return status


def _text(source: GivenProblem, args: Namespace) -> ShowVerdict:
    """Each claim at length, or one line each."""
    from ..render import terminal as render

    target = render.terminal(args.color)
    style = render.Style(render.width_of(target))
    first = True

    def show(found: JudgedClaim) -> None:
        nonlocal first
        at = _place(source, found)
        if args.quiet:
            before = ": ".join(filter(None, (at, found.stated(style.name))))
            render.show([render.verdict_row(before, found.verdict, found.diagnosis)], target)
            return
        before_all = render.problem_rows(source.problem.data, style) if first else [[]]
        line = [render.verdict_row(at, found.verdict)] if source.file else []
        render.show([*before_all, *line, *found.rows(style, args.plot)], target)
        first = False

    return show


def _json(source: GivenProblem, _: Namespace) -> ShowVerdict:
    return lambda found: print_data({**found.to_dict(), "place": _place(source, found)})


def _github(source: GivenProblem, _: Namespace) -> ShowVerdict:
    """Annotations as GitHub's runners read them from the output of a step."""

    def show(found: JudgedClaim) -> None:
        if found.right:
            return
        where = []
        if source.file is not None:
            where.append(f"file={_escaped(source.file, ',:')}")
        if found.span is not None:
            text = source.problem.data.text
            where.append(f"line={found.span.line_of(text)},col={found.span.column_of(text)}")
        said = f"{found.claim} is {found.verdict}: {found.diagnosis}"
        if found.suggestion is not None:
            said += f"\n{'instead' if found.mended else 'the answer'}: {found.suggestion}"
        print(f"::error {','.join(where)}::{_escaped(said)}")

    return show


def _escaped(text: str, also: str = "") -> str:
    """The text in a workflow command, whose signs it must not have."""
    return "".join(f"%{ord(c):02X}" if c in "%\r\n" + also else c for c in text)


def _place(source: GivenProblem, found: JudgedClaim) -> str:
    return place(source.file, source.problem.data.text, found.span)


_SHOWN = {"text": _text, "json": _json, "github": _github}


def _article(problem: Problem, checked: Sequence[JudgedClaim], args: Namespace) -> str:
    from ..render import article

    parts = [*article.problem_parts(problem.data)]
    parts += article.claim_parts([c.story() for c in checked], problem.data)
    return article.written(parts, args.format)


def _page(problem: Problem, checked: Sequence[JudgedClaim], _: Namespace) -> str:
    from ..render.html import verdicts_page

    return verdicts_page(problem.data, [c.story() for c in checked])


_DOCUMENTS = {"latex": _article, "markdown": _article, "html": _page}
