"""The names of a problem, each drawn to scale: what a person sees while typing it."""

from __future__ import annotations

from collections.abc import Iterator

from ..core.dims import Shape, shape_text
from ..core.problem import Problem
from .html_elements import Html, element
from .svg import LabelledBox, box_picture, scale_of

MOST_DRAWN = 40  # names


def named_shapes(problem: Problem) -> Iterator[tuple[str, Shape]]:
    """The names of values with their shapes, in the order of the text: what is declared, then what
    is defined; a family by the member of each of its lines."""
    families = [s.symbol(s.indices) for s in problem.families.segments]
    given = [s for s in problem.symbols.values() if not s.indices]
    declared = [e for e in families if e.base not in problem.definitions]
    for symbol in dict.fromkeys((*given, *declared)):
        yield symbol.name, symbol.shape
    for name, e in problem.definitions.items():
        yield name, e.shape


def shapes_section(problem: Problem) -> Html:
    """The part of a document that draws them, one beside the other; empty if there is none."""
    named = list(named_shapes(problem))
    scale = scale_of([shape for _, shape in named], ())
    pictures = [
        element("li", box_picture(LabelledBox(name, shape), scale))
        for name, shape in named[:MOST_DRAWN]
    ]
    others = [element("li", f"{name}: {shape_text(shape)}") for name, shape in named[MOST_DRAWN:]]
    return element("ul", *pictures, *others, class_="boxes") if named else Html("")
