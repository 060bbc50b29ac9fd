"""The self-test of what a plan writes, and the inputs at which it passes."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import redirect_stdout
from io import StringIO
from itertools import product
from typing import Any

import numpy as np

from ...numerics.arrays import admit_trial
from .callables import compiled
from .custom_rules import CustomRule
from .function_plans import FunctionPlan
from .module import with_function
from .self_test import RANGES, STEPS, Draws, function_test, rule_test
from .trials import SampledPoint, quietly


def of_function(plan: FunctionPlan, draws: Draws) -> list[str]:
    """The self-test of the function."""
    members, entry = plan.members, plan.entry
    given = members.arguments(entry.given)
    checked = members.checked(entry.outputs, given)
    stacking = members.stacking(entry.given, entry.outputs)
    listed = plan.problem.has_families
    return function_test(given, plan.library, draws, checked, listed, stacking, plan.lazy)


def of_rules(plan: FunctionPlan, rules: Sequence[CustomRule], draws: Draws) -> list[str]:
    """That of the rules."""
    members = plan.members
    ruled = [members.ruled(rule) for rule in rules]
    stacking = members.stacking(plan.entry.given)
    return rule_test(ruled, plan.library, draws, plan.problem.has_families, stacking)


def draws_for(plan: FunctionPlan, places: Sequence[SampledPoint]) -> Draws:
    """Inputs at which a module can be tested: the first at which its test passes in NumPy. Where
    the domain is narrow, these are the very ones at which it was tried. Raises BudgetError where
    what is run takes too much."""
    plain = plan.in_numpy()
    outputs = plain.entry.outputs
    run = [e for a in outputs for e in plan.members.expressions(a)]
    run += plain.entry.given.inputs
    candidates = [Draws(s, r) for s, r in product(plan.sizes(), RANGES)]
    if not places and not plan.problem.has_families:
        return candidates[0]  # no point was found at which there is a value
    candidates += [Draws(s, RANGES[0], d.env, step) for (s, d), step in product(places, STEPS)]
    for draws in candidates:
        admit_trial(run, draws.sizes, "a self-test at these sizes")
        module = with_function(plain.lines, "numpy", test=of_function(plain, draws))
        space: dict[str, Any] = compiled(module)
        with redirect_stdout(StringIO()), quietly():
            try:
                if not space["self_test"]():
                    return draws
            except (
                np.linalg.LinAlgError,
                ArithmeticError,
                ValueError,
            ):  # singular, 1 / 0, log(0)
                continue
    return candidates[0]
