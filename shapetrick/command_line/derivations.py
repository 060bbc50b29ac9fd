"""`shapetrick derive`: the gradients that problems ask for, with their derivations."""

from __future__ import annotations

import json
from argparse import Namespace
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from ..api import Derivation, Problem
from ..core.deadline import limited
from ..core.errors import InputError, RequestError, ShapetrickError
from .outcome import DONE, WRONG, BadInput, refused, warner
from .sources import GivenProblem, each_source, several

NOTHING_ASKED = "nothing is asked for: end with a request such as `grad J wrt X`."

ShowDerivation = Callable[[Derivation], None]


def run(args: Namespace) -> int:
    """Derive what is asked. Returns the exit status; raises BadInput."""
    if args.standalone and args.format != "latex":
        raise BadInput("`--standalone` goes with `--format latex`.")
    if args.format in _DOCUMENTS and several(args):
        raise BadInput(f"`--format {args.format}` makes a document of one problem: give one file.")
    try:
        sizes = _account_sizes(args)
    except InputError as e:
        raise BadInput(str(e)) from e
    return each_source(args, lambda source: _derive(source, sizes, args))


def _derive(source: GivenProblem, sizes: Mapping[str, int] | None, args: Namespace) -> int:
    problem, warn = source.problem, warner()
    requests = _requests(problem, args.wrt)
    derived: list[Derivation] = []
    show = derived.append if args.format in _DOCUMENTS else _SHOWN[args.format](source, sizes, args)
    status = DONE
    for request in requests:

        def answer(request: Problem = request) -> Derivation:
            derivation = request.derive(seed=args.seed, time_limit=None)[0]
            if args.quiet:
                warn(derivation.warnings)
            show(derivation)
            return derivation

        try:
            derivation = limited(args.time_limit, answer)
        except ShapetrickError as e:  # the other requests are still answered
            status = max(status, refused(e, source.file))
            continue
        status = max(status, DONE if derivation.verified else WRONG)
    if derived:
        document = _DOCUMENTS[args.format]
        try:
            print(limited(args.time_limit, lambda: document(problem, derived, args)))
        except ShapetrickError as e:
            return max(status, refused(e, source.file))
    return status


def _requests(problem: Problem, wrt: str | None) -> list[Problem]:
    """The problem once for each request that is wanted."""
    if not problem.data.requests:
        raise BadInput(NOTHING_ASKED)
    try:
        return (problem if wrt is None else problem.only(wrt)).requests()
    except RequestError as e:
        raise BadInput(str(e)) from e


def _text(source: GivenProblem, sizes: Mapping[str, int] | None, args: Namespace) -> ShowDerivation:
    from ..render import terminal as render

    problem = source.problem
    target = render.terminal(args.color)
    style = render.Style(render.width_of(target), args.steps, args.quiet)
    first = True
    if several(args):
        render.show([[(str(source.file), "bold")]], target)

    def show(d: Derivation) -> None:
        nonlocal first
        result = replace(d.result, steps=() if args.quiet else d.steps)
        rows = render.result_rows(result, style, problem.data.definitions)
        if not args.quiet:
            rows = [*(render.problem_rows(problem.data, style) if first else [[]]), *rows]
        if sizes is not None:
            rows += [[], *render.account_rows(d.account(sizes), style)]
        render.show(rows, target)
        first = False

    return show


def _json(source: GivenProblem, sizes: Mapping[str, int] | None, args: Namespace) -> ShowDerivation:
    from ..interop.json_export import account_data

    def show(d: Derivation) -> None:
        data = d.to_dict()
        if several(args):
            data["file"] = source.file
        if sizes is not None:
            data["cache"] = account_data(d.account(sizes))
        print(json.dumps(data, ensure_ascii=False, allow_nan=False), flush=True)

    return show


def _account_sizes(args: Namespace) -> Mapping[str, int] | None:
    """The sizes at which families are accounted for, if any are given."""
    if not args.sizes:
        return None
    from ..families.saved_values import sizes_of

    return sizes_of(args.sizes)


_SHOWN = {"text": _text, "json": _json}  # one after the other; the others are a document


def _article(problem: Problem, derived: Sequence[Derivation], args: Namespace) -> str:
    from ..render import article
    from ..render.document import ANSWER, LINES, STEPS

    results = [replace(d.result, steps=() if args.quiet else d.steps) for d in derived]
    detail = ANSWER if args.quiet else STEPS if args.steps else LINES
    parts = [*article.derivation_parts(results, problem.data, detail)]
    if not args.quiet:
        parts = [*article.problem_parts(problem.data), *parts]
    return article.written(parts, args.format, args.standalone)


def _report(_: Problem, derived: Sequence[Derivation], __: Namespace) -> str:
    from ..api import html_page

    return html_page(derived)


_DOCUMENTS = {"latex": _article, "markdown": _article, "html": _report}
