"""Curves on logarithmic scales as SVG: errors against the step of the check, and against the scale
of the inputs."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ..core.named_tuples import NamedTuple
from ..numerics.error_curves import Curve
from ..numerics.scale_errors import ScaleErrors
from . import phrases as words
from .html_elements import Html, element, joined
from .svg import text_at

WIDTH, HEIGHT = 460, 250
LEFT, RIGHT, TOP, BOTTOM = 52, 14, 14, 40
DECADES = 4  # between two lines of the grid
FLOOR = -18
SCALE_CAPTIONS = ("as it is written", "as it is computed")


class _CurveLine(NamedTuple):
    """Points by their logarithms, the look of their line, and its caption."""

    points: Sequence[tuple[float, float]]
    look: str
    caption: str


def curve_picture(curve: Curve) -> Html:
    """The errors and the remainders against the step; empty where no step has a value."""
    remainder = f"{words.REMAINDER}, {words.slope(curve.order)}"
    lines = [
        _CurveLine(_points(curve.steps, curve.errors), "errors", words.ERRORS),
        _CurveLine(_points(curve.steps, curve.remainders), "remainders", remainder),
    ]
    title = (
        f"The {words.ERRORS} against the step: a V, falling until rounding makes it rise. "
        f"{remainder}."
    )
    return _plot(lines, curve.steps, title, "relative step")


def scale_picture(found: ScaleErrors) -> Html:
    """The errors of the value against the scale of the inputs."""
    captions = SCALE_CAPTIONS[-len(found.errors) :]
    looks = ("errors", "remainders")[-len(found.errors) :]
    lines = [
        _CurveLine(_points(found.scales, errors), look, caption)
        for errors, look, caption in zip(found.errors, looks, captions, strict=True)
    ]
    worst = max(y for y in found.errors[-1] if math.isfinite(y))
    title = (
        "The relative error of the gradient against the scale of the inputs: "
        f"{words.figure(worst)} at most."
    )
    return _plot(lines, found.scales, title, "scale of the inputs")


def _plot(lines: Sequence[_CurveLine], across: Sequence[float], title: str, axis: str) -> Html:
    """The lines over a grid, the first one in front; empty where there is no point."""
    heights = [y for line in lines for _, y in line.points]
    if not heights:
        return Html("")
    top = max(0, *map(math.ceil, heights))
    top = math.ceil(top / DECADES) * DECADES
    bottom = min(min(map(math.floor, heights)) // DECADES * DECADES, top - DECADES)
    left, right = (round(math.log10(across[i])) for i in (0, -1))

    def x_of(x: float) -> float:
        return LEFT + (x - left) / (right - left) * (WIDTH - LEFT - RIGHT)

    def y_of(y: float) -> float:
        return TOP + (top - y) / (top - bottom) * (HEIGHT - TOP - BOTTOM)

    step = DECADES if right > left else -DECADES
    grid = [_horizontal(y, y_of(y)) for y in range(bottom, top + 1, DECADES)]
    grid += [_vertical(x, x_of(x)) for x in range(left, right + step // DECADES, step)]
    drawn = [_line([(x_of(x), y_of(y)) for x, y in q.points], q.look) for q in reversed(lines)]
    picture = element(
        "svg",
        element("title", title),
        *grid,
        *drawn,
        text_at((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 6, axis, "axis"),
        viewBox=f"0 0 {WIDTH} {HEIGHT}",
        role="img",
        aria_label=title,
    )
    spans = [part for q in lines for part in (" ", element("span", q.caption, class_=q.look))]
    return element("figure", picture, element("figcaption", joined(*spans[1:])), class_="curve")


def _points(steps: Sequence[float], values: Sequence[float]) -> list[tuple[float, float]]:
    return [
        (math.log10(h), max(math.log10(y), FLOOR) if y > 0 else FLOOR)
        for h, y in zip(steps, values, strict=True)
        if math.isfinite(y)
    ]


def _line(points: Sequence[tuple[float, float]], look: str) -> Html:
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    dots = [element("circle", cx=f"{x:.1f}", cy=f"{y:.1f}", r=2.4) for x, y in points]
    return element("g", element("polyline", points=path), *dots, class_=look)


def _horizontal(y: int, at: float) -> Html:
    line = element("line", x1=LEFT, x2=WIDTH - RIGHT, y1=f"{at:.1f}", y2=f"{at:.1f}", class_="grid")
    return joined(line, _power(LEFT - 8, at + 4, y, "tick end"))


def _vertical(x: int, at: float) -> Html:
    line = element(
        "line", x1=f"{at:.1f}", x2=f"{at:.1f}", y1=TOP, y2=HEIGHT - BOTTOM, class_="grid"
    )
    return joined(line, _power(at, HEIGHT - BOTTOM + 15, x, "tick"))


def _power(x: float, y: float, exponent: int, look: str) -> Html:
    raised = element("tspan", str(exponent).replace("-", "−"), dy="-4", font_size="8")
    return element("text", "10", raised, x=f"{x:.1f}", y=f"{y:.1f}", class_=look)
