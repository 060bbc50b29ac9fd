"""A curve of errors as a picture: of characters on a terminal, or a matplotlib figure.

The only importer of matplotlib, which is there with the extra `plot`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from ..core.errors import InputError
from ..numerics.error_curves import Curve
from .phrases import ERRORS, REMAINDER, slope

WIDTH, HEIGHT = 60, 15
FLOOR = 1e-17
DOT, RING, BOTH = "●", "○", "◉"


def curve_lines(curve: Curve) -> list[str]:
    """The errors and the remainders against the step, all on logarithmic scales."""
    shown = [y for y in (*curve.errors, *curve.remainders) if math.isfinite(y)]
    if not shown:
        return ["no step has a value"]
    top = math.ceil(max(map(_log, shown)))
    bottom = min(math.floor(min(map(_log, shown))), top - 1)
    grid = [[" "] * WIDTH for _ in range(HEIGHT)]
    for values, mark in ((curve.remainders, RING), (curve.errors, DOT)):
        for column, y in _points(curve.steps, values):
            row = round((top - _log(y)) / (top - bottom) * (HEIGHT - 1))
            grid[row][column] = BOTH if grid[row][column] not in (" ", mark) else mark
    labels = {0: top, HEIGHT - 1: bottom}
    lines = [f"{_power(labels.get(i)):>6} ┤{''.join(row).rstrip()}" for i, row in enumerate(grid)]
    left, right = _power(_log(curve.steps[0])), _power(_log(curve.steps[-1]))
    axis = f"{'':6} └{'─' * WIDTH}"
    under = f"{'':8}{left}{'step':^{WIDTH - len(left) - len(right)}}{right}"
    legend = f"{'':8}{DOT} {ERRORS}", f"{'':8}{RING} {REMAINDER}, {slope(curve.order)}"
    return [*lines, axis, under, *legend]


def curve_figure(curve: Curve, title: str) -> Any:
    """The same as a matplotlib figure. Raises InputError where matplotlib is not there."""
    try:
        from matplotlib.figure import Figure  # slow to import, and not everybody has it
    except ImportError as problem:
        raise InputError("this needs matplotlib: `pip install shapetrick[plot]`.") from problem
    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.add_subplot()
    axes.loglog(curve.steps, curve.errors, "o-", label=ERRORS)
    axes.loglog(curve.steps, curve.remainders, "s-", label=f"{REMAINDER}, {slope(curve.order)}")
    axes.set_xlabel("relative step")
    axes.set_ylabel("relative error")
    axes.invert_xaxis()
    axes.set_title(title)
    axes.legend()
    return figure


def _points(steps: Sequence[float], values: Sequence[float]) -> list[tuple[int, float]]:
    first, last = _log(steps[0]), _log(steps[-1])
    return [
        (round((first - _log(h)) / (first - last) * (WIDTH - 1)), y)
        for h, y in zip(steps, values, strict=True)
        if math.isfinite(y)
    ]


def _log(y: float) -> float:
    return math.log10(max(y, FLOOR))


def _power(exponent: float | None) -> str:
    return "" if exponent is None else f"1e{round(exponent):d}"
