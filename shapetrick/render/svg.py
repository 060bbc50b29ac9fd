"""Pictures of shapes as SVG: to scale, and so that they fit together.

A product is drawn as Falk's scheme has it: the first factor at the left, every other one above what
it is multiplied to, so that edges of one dimension meet and the result stands where they lead.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate

from ..core.block_forms import BlockMatrix, written
from ..core.dims import Dim, Shape, shape_text
from ..core.expr import Expr, MatMul, Name, Times, Transpose
from ..core.structure import unnamed
from ..language.printer import overlined, to_text
from .html_elements import Html, element

UNIT = 24  # the length of 1, at most
LARGEST = 84  # of a side
USUAL = (3, 5, 4, 2, 7, 6)
LETTER = 7.2  # the width of one
LONGEST = 26  # letters of a label
MOST = 9  # factors in a picture
GAP = 16
BEHIND = 5  # how much a matrix behind another one is seen
LABEL = 30  # the height of a label
LINES = LABEL + 18  # and of its shape


# --------------------------------------------------------------------------------------- the shapes


@dataclass(frozen=True, slots=True)
class LabelledBox:
    """A matrix in the picture: its label, its shape, and its look; `formula` is the label typeset,
    if it is."""

    label: str
    shape: Shape
    looks: tuple[str, ...] = ("plain",)  # of several, one behind the other
    blocks: tuple[Sequence[Dim], Sequence[Dim]] = ((), ())  # the heights and widths of its parts
    formula: Html | None = None

    @property
    def name(self) -> str:
        text = self.label
        return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


@dataclass(frozen=True, slots=True)
class Scale:
    """How long the dimensions are drawn: as at the sizes at which the check looked first."""

    sizes: Mapping[str, int]
    unit: float

    def __call__(self, dim: Dim) -> float:
        return max(dim.size(self.sizes) * self.unit, 8)

    def cuts(self, parts: Sequence[Dim]) -> list[float]:
        """Where parts of a side meet, as shares of it."""
        ends = list(accumulate(dim.size(self.sizes) for dim in parts))
        return [end / ends[-1] for end in ends[:-1]]


def scale_of(shapes: Sequence[Shape], checked_at: Sequence[Mapping[str, int]]) -> Scale:
    """A scale for these shapes; where the check looked nowhere, dimensions have usual sizes."""
    names = dict.fromkeys(name for shape in shapes for dim in shape for name in dim.names)
    known = dict(checked_at[0]) if checked_at else {}
    sizes = {name: size for name, size in known.items() if name.isdigit()}  # small ones for large
    sizes |= {name: known.get(name, USUAL[i % len(USUAL)]) for i, name in enumerate(names)}
    longest = max((dim.size(sizes) for shape in shapes for dim in shape), default=1)
    return Scale(sizes, min(UNIT, LARGEST / longest))


def shapes_of(e: Expr, marks: Mapping[Expr, str]) -> list[Shape]:
    """What the picture of an arrangement shows."""
    return [operand.shape for operand in _operands(e, marks)[1]]


def shape_picture(
    e: Expr,
    result: LabelledBox,
    marks: Mapping[Expr, str],
    scale: Scale,
    typeset: Callable[[Expr], Html] | None = None,
) -> Html:
    """The operands of an arrangement, and how they make the result; empty where there is nothing
    to see, or too much."""
    op, operands = _operands(e, marks)
    if (
        len(operands) > MOST
        or not operands
        or result.shape[0].integer == 1 == result.shape[1].integer
    ):
        return Html("")
    boxes = [
        LabelledBox(
            to_text(a, unicode=True),
            a.shape,
            _looks(a, marks),
            _blocks(a),
            typeset(a) if typeset is not None else None,
        )
        for a in operands
    ]
    result = replace(result, blocks=_blocks(e))
    if op == "matmul" and len(boxes) > 1:
        drawn, width, height = _falk(boxes, result, scale)
    else:
        drawn, width, height = _row(boxes, result, scale)
    sign = " times " if op == "matmul" else " entry by entry with "
    said = sign.join(f"{box.label}, {shape_text(box.shape)}" for box in boxes)
    named = {name: size for name, size in sorted(scale.sizes.items()) if not name.isdigit()}
    at = ", ".join(f"{name}={size}" for name, size in named.items())
    title = f"{said}, gives {result.label}, {shape_text(result.shape)}"
    picture = element(
        "svg",
        element("title", title),
        *drawn,
        viewBox=f"0 0 {width:.0f} {height:.0f}",
        width=f"{width:.0f}",
        height=f"{height:.0f}",
        role="img",
        aria_label=title,
    )
    return element(
        "figure",
        element("div", picture, class_="scroll"),
        element("figcaption", f"to scale, at {at}" if at else "to scale"),
        class_="shapes",
    )


def box_picture(box: LabelledBox, scale: Scale) -> Html:
    """One matrix alone, with its name and its shape."""
    width = _slot([box], scale) + GAP
    drawn = _rectangle(box, width / 2, 2, scale, "below")
    height = scale(box.shape[0]) + LINES + 4
    title = f"{box.label}, {shape_text(box.shape)}"
    size = {"width": f"{width:.0f}", "height": f"{height:.0f}"}
    view = f"0 0 {width:.0f} {height:.0f}"
    return element(
        "svg", element("title", title), *drawn, viewBox=view, **size, role="img", aria_label=title
    )


def _operands(e: Expr, marks: Mapping[Expr, str]) -> tuple[str, list[Expr]]:
    """An arrangement's outermost product and its operands, without scalar factors, and without
    the sums and diagonals around it."""
    while e not in marks:
        matrices = [a for a in e.args if not a.is_scalar]
        if isinstance(e, (Times, MatMul)) and len(matrices) > 1:
            return e.op, matrices
        if len(matrices) != 1 or isinstance(e, Name):
            break
        (e,) = matrices
    return "", [e]


def _blocks(e: Expr) -> tuple[Sequence[Dim], Sequence[Dim]]:
    """The heights and the widths of a block matrix's parts, also if it has a name, is turned or is
    scaled."""
    turned = False
    e = written(unnamed(e))
    while isinstance(e, (Transpose, Times)):
        matrices = [a for a in e.args if not a.is_scalar]
        if len(matrices) != 1:
            break
        turned ^= isinstance(e, Transpose)
        e = written(unnamed(matrices[0]))
    if not isinstance(e, BlockMatrix):
        return (), ()
    heights = [a.shape[0] for a in e.args[:: e.width]]
    widths = [a.shape[1] for a in e.args[: e.width]]
    return (widths, heights) if turned else (heights, widths)


def _looks(e: Expr, marks: Mapping[Expr, str]) -> tuple[str, ...]:
    """A term's own look, or those of the terms that are multiplied entry by entry."""
    parts = (
        [a for a in e.args if a.shape == e.shape] if isinstance(e, Times) and e not in marks else []
    )
    return tuple(marks.get(a, "plain") for a in parts[-3:] or [e])


Drawing = tuple[list[Html], float, float]


def _falk(boxes: Sequence[LabelledBox], result: LabelledBox, scale: Scale) -> Drawing:
    first, *others = boxes
    above = LINES + max(scale(box.shape[0]) for box in others)
    top, x = above + GAP, float(GAP)
    drawn: list[Html] = []
    slot = _slot([first], scale)
    drawn += _rectangle(first, x + slot / 2, top, scale, "below")
    drawn += _joint(x + slot / 2, top, scale(first.shape[1]), first.shape[1], "over")
    x += slot + GAP
    for i, box in enumerate(others):
        last = i == len(others) - 1
        product = result if last else LabelledBox("", (first.shape[0], box.shape[1]), ("between",))
        slot = _slot([box, product], scale)
        middle = x + slot / 2
        high, wide = scale(box.shape[0]), scale(box.shape[1])
        drawn += _joint(middle - wide / 2, above - high, high, box.shape[0], "beside")
        drawn += _rectangle(box, middle, above - high, scale, "above")
        drawn += _rectangle(product, middle, top, scale, "below")
        x += slot + GAP
    return drawn, x, top + scale(first.shape[0]) + LINES + 4


def _row(boxes: Sequence[LabelledBox], result: LabelledBox, scale: Scale) -> Drawing:
    """Operands of an element-wise product beside each other, and the result."""
    all_boxes = [*boxes, result]
    highest = max(scale(box.shape[0]) for box in all_boxes)
    x, drawn = float(GAP), []
    for i, box in enumerate(all_boxes):
        if i:
            sign = "→" if i == len(boxes) else "⊙"
            drawn.append(text_at(x, 8 + highest / 2, sign, "sign"))
            x += GAP
        slot = _slot([box], scale)
        middle = 8 + (highest - scale(box.shape[0])) / 2
        drawn += _rectangle(box, x + slot / 2, middle, scale, "below", 8 + highest)
        x += slot + GAP
    return drawn, x, 8 + highest + LINES + 4


def _slot(boxes: Sequence[LabelledBox], scale: Scale) -> float:
    """The width that boxes above each other take, with their labels."""
    letters = max(len(t) for b in boxes for t in (b.name, shape_text(b.shape)))
    return max(LETTER * letters, *(scale(b.shape[1]) for b in boxes), 0)


def _rectangle(
    box: LabelledBox,
    middle: float,
    top: float,
    scale: Scale,
    side: str,
    bottom: float | None = None,
) -> Iterator[Html]:
    high, wide = scale(box.shape[0]), scale(box.shape[1])
    for i in reversed(range(len(box.looks))):
        place = {"x": middle - wide / 2 + BEHIND * i, "y": top - BEHIND * i}
        size = {"width": wide, "height": high}
        numbers = {key: f"{value:.1f}" for key, value in (place | size).items()}
        if len(box.looks) > 1:
            yield element("rect", **numbers, rx=2, class_="paper")
        yield element("rect", **numbers, rx=2, class_=box.looks[i])
    rows, cols = map(scale.cuts, box.blocks)
    left = middle - wide / 2
    for cut in rows:
        yield _division(left, left + wide, top + cut * high, top + cut * high)
    for cut in cols:
        yield _division(left + cut * wide, left + cut * wide, top, top + high)
    end = bottom if bottom is not None else top + high
    at = top - LINES if side == "above" else end + 2
    look = f"label {box.looks[0] if len(box.looks) == 1 else 'plain'}"
    if box.formula is None or box.name != box.label:
        yield text_at(middle, at + 15, box.name, look)
    else:
        inside = element("div", box.formula, class_=f"caption {look}")
        width = _slot([box], scale)
        where = {"x": f"{middle - width / 2:.1f}", "y": f"{at:.1f}", "width": f"{width:.1f}"}
        yield element("foreignObject", inside, **where, height=LABEL)
    yield text_at(middle, at + LABEL + 10, shape_text(box.shape), "shape")


def _division(x1: float, x2: float, y1: float, y2: float) -> Html:
    """Where two parts of a block matrix meet."""
    ends = {"x1": x1, "x2": x2, "y1": y1, "y2": y2}
    return element("line", **{k: f"{v:.1f}" for k, v in ends.items()}, class_="division")


def _joint(x: float, y: float, length: float, dim: Dim, side: str) -> Iterator[Html]:
    """An edge along which two factors meet, with the dimension that they share."""
    if side == "over":
        ends = {"x1": x - length / 2, "x2": x + length / 2, "y1": y, "y2": y}
        yield text_at(x, y - 5, str(dim), "joint")
    else:
        ends = {"x1": x, "x2": x, "y1": y, "y2": y + length}
        yield text_at(x - 8, y + length / 2 + 4, str(dim), "joint")
    yield element("line", **{k: f"{v:.1f}" for k, v in ends.items()}, class_="joint")


def text_at(x: float, y: float, text: str, look: str) -> Html:
    return element("text", overlined(text), x=f"{x:.1f}", y=f"{y:.1f}", class_=look)
