"""`shapetrick code`: the gradients as a module."""

from __future__ import annotations

from argparse import Namespace
from collections import Counter
from functools import partial

from ..core.deadline import limited
from ..core.errors import RequestError, ShapetrickError
from ..core.problem import NOTHING_ASKED
from ..targets import CodeOptions, code
from .outcome import DONE, WRONG, BadInput, refused, warner
from .progress import working
from .sources import GivenProblem, each_source, several


def run(args: Namespace) -> int:
    """Write a module. Returns the exit status; raises BadInput."""
    if several(args):
        raise BadInput("`code` writes the module of one problem: give one file.")
    status, _ = each_source(args, partial(_write, args))
    return status


def _write(args: Namespace, source: GivenProblem, _: Counter[str]) -> int:
    problem, warn = source.problem, warner()
    if not problem.data.requests:
        return refused(RequestError(NOTHING_ASKED), source.file)
    try:
        with working("deriving"):
            derived = problem.derive(args.seed, time_limit=args.time_limit)
        for derivation in derived:
            warn(derivation.warnings)
        results = [d.result for d in derived]
        options = CodeOptions(
            args.sizes, args.self_test, args.blocks, args.threads, args.shard, args.call
        )
        with working("writing the code"):
            text = limited(
                args.time_limit, lambda: code(problem.data, results, args.target, options)
            )
        print(text, end="")
    except ShapetrickError as e:
        return refused(e, source.file)
    return DONE if all(d.verified for d in derived) else WRONG
