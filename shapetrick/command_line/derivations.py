"""`shapetrick derive`: the gradients that problems ask for, with their derivations."""

from __future__ import annotations

from argparse import Namespace
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from ..api import Derivation, Problem
from ..core.deadline import limited
from ..core.errors import RequestError, ShapetrickError
from ..core.problem import NOTHING_ASKED
from ..pipeline import joint_gradients as joint_gradients  # before time is taken
from .outcome import DONE, WRONG, BadInput, complain, print_data, refused, warner
from .progress import working
from .sources import GivenProblem, each_source, several

if TYPE_CHECKING:
    from ..core.results import Result
    from ..render.layout import Row


def run(args: Namespace) -> int:
    """Derive what is asked. Returns the exit status; raises BadInput."""
    if args.standalone and args.format != "latex":
        raise BadInput("`--standalone` goes with `--format latex`.")
    if args.format in _DOCUMENTS and several(args):
        raise BadInput(f"`--format {args.format}` makes a document of one problem: give one file.")
    status, _ = each_source(args, partial(_derive, args))
    return status


def _derive(args: Namespace, source: GivenProblem, _: Counter[str]) -> int:
    if not source.problem.data.requests:
        # a folder may have problems that claim only
        return DONE if several(args) else refused(RequestError(NOTHING_ASKED), source.file)
    if source.problem.data.claimed:
        before, after = ("", "") if source.file is None else (f"{source.file}: ", f" {source.file}")
        complain(f"{before}what is claimed is judged by `shapetrick check{after}`, not here.")
    problem = replace(source.problem, data=source.problem.data.without_claims())
    source, warn = source._replace(problem=problem), warner()
    try:
        waiting = _asked(problem, args)
    except RequestError as e:
        return refused(e, source.file)
    derived: list[Derivation] = []
    taken: set[str] = set()  # names for what gradients share
    shown = None if args.format in _DOCUMENTS else _SHOWN[args.format](source, args)
    show = derived.append if shown is None else shown
    status = DONE
    while waiting:
        asked = waiting.pop(0)
        requests = asked.data.requests
        try:
            with working(", ".join([requests[0].key, *(r.wrt.name for r in requests[1:])])):
                found = limited(
                    args.time_limit, partial(_answered, asked, taken, args), len(requests)
                )
            for derivation in found:
                if args.quiet:
                    warn(derivation.warnings)
                limited(args.time_limit, partial(show, derivation))
        except ShapetrickError as e:  # the other requests are still answered
            if len(asked.data.requests) > 1:
                waiting[:0] = asked.requests()
            else:
                status = max(status, refused(e, source.file))
            continue
        taken.update(name for d in found for name, _ in d.definitions)
        status = max(status, *(DONE if d.verified else WRONG for d in found))
    if derived or shown:
        try:
            if shown is not None:
                limited(args.time_limit, shown.finish)
            else:
                write = partial(_DOCUMENTS[args.format], problem, derived, args)
                with working("writing the document"):
                    text = limited(args.time_limit, write)
                print(text)
        except ShapetrickError as e:
            return max(status, refused(e, source.file))
    return status


def _answered(asked: Problem, taken: set[str], args: Namespace) -> list[Derivation]:
    """The derivations of requests, with their steps if they are going to be shown."""
    found = asked.derive(seed=args.seed, time_limit=None, taken=taken)
    if not args.quiet:
        for derivation in found:
            _ = derivation.steps
    return found


def _asked(problem: Problem, args: Namespace) -> list[Problem]:
    """The problem once for each request that is wanted, or for those that are derived together.
    Raises RequestError."""
    wanted = problem if args.wrt is None else problem.only(args.wrt)
    return wanted.requests() if args.separate else wanted.together()


class _Text:
    """Derivations on the terminal; those that are told together wait for each other."""

    def __init__(self, source: GivenProblem, args: Namespace) -> None:
        from ..render import terminal as render
        from ..render.document import Telling

        self._render = render
        self._data, self._sizes = source.problem.data, args.sizes
        self._alone = args.separate or args.sizes is not None
        self._target = render.terminal(args.color)
        self._style = render.Style(render.width_of(self._target), args.steps, args.quiet)
        self._first, self._telling = True, Telling()
        self._waiting: list[Result] = []
        if several(args):
            render.show([[(str(source.file), "bold")]], self._target)

    def __call__(self, d: Derivation) -> None:
        """Show a derivation, or let it wait for those that are told with it."""
        from ..render.document import are_joint

        result = replace(d.result, steps=() if self._style.quiet else d.steps)
        if self._alone:
            rows = self._render.result_rows(result, self._style, self._data)
            if self._sizes is not None:
                rows += [[], *self._render.account_rows(d.account(self._sizes), self._style)]
            self._show(rows)
            return
        if self._waiting and not are_joint(self._waiting, result):
            self.finish()
        self._waiting.append(result)

    def finish(self) -> None:
        """Show those that wait."""
        if self._waiting:
            given = self._waiting, self._style, self._data, self._telling
            self._show(self._render.joint_rows(*given))
            self._waiting.clear()

    def _show(self, rows: list[Row]) -> None:
        if not self._style.quiet:
            first = self._render.problem_rows(self._data, self._style) if self._first else [[]]
            rows = [*first, *rows]
        self._render.show(rows, self._target)
        self._first = False


class _Json:
    """An object for each derivation, on a line."""

    def __init__(self, source: GivenProblem, args: Namespace) -> None:
        self._file, self._sizes = source.file if several(args) else None, args.sizes

    def __call__(self, d: Derivation) -> None:
        """Print it."""
        from ..interop.json_export import account_data

        data = d.to_dict()
        if self._file is not None:
            data["file"] = self._file
        if self._sizes is not None:
            data["cache"] = account_data(d.account(self._sizes))
        print_data(data)

    def finish(self) -> None:
        """Nothing waits."""


# One after the other; the others are a document.
_SHOWN: dict[str, type[_Text] | type[_Json]] = {"text": _Text, "json": _Json}


def _article(problem: Problem, derived: Sequence[Derivation], args: Namespace) -> str:
    from ..render import article
    from ..render.document import ANSWER, LINES, STEPS

    results = [replace(d.result, steps=() if args.quiet else d.steps) for d in derived]
    detail = ANSWER if args.quiet else STEPS if args.steps else LINES
    parts = [*article.derivation_parts(results, problem.data, detail, args.separate)]
    if not args.quiet:
        parts = [*article.problem_parts(problem.data), *parts]
    return article.written(parts, args.format, args.standalone)


def _report(_: Problem, derived: Sequence[Derivation], args: Namespace) -> str:
    from ..api import html_page

    return html_page(derived, args.separate)


_DOCUMENTS = {"latex": _article, "markdown": _article, "html": _report}
