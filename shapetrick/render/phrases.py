"""What is said of a result, in the words that all its renderings share."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence

from ..core.dims import shape_text
from ..core.expr import Expr
from ..core.indices import written
from ..core.problem import EqualityClaim, Request, RequestKind, called
from ..core.results import Line, Step, Validation

ABOVE = "as above"
BADGES = {
    "verified": "✓ verified",
    "right": "✓ right",
    "wrong": "✗ WRONG",
    "unchecked": "? NOT VERIFIED",
    "absent": "! zero",  # in the place of `verified`, where the variable does not occur
}
ERRORS = "error of central differences"
REMAINDER = "Taylor remainder"
KINDS: dict[RequestKind, str] = {
    "grad": "gradient",
    "vjp": "backward rule",
    "jac": "Jacobian",
    "hess": "Hessian",
    "jvp": "directional derivative",
    "hvp": "Hessian–vector product",
    "solve": "solution",
}


def asked(request: Request | EqualityClaim, name: Callable[[str], str] = str) -> str:
    """The request, or the equality, as typed, on one line; `name` writes the upstream's name."""
    if isinstance(request, EqualityClaim):
        return " ".join(request.key.split())
    if request.system is not None:
        return f"solve {differentiated(request)} for {variable(request)}"
    direction = ""
    if request.direction is not None:
        direction = f" with {name(request.direction.name)}"
    symmetric = " symmetric" if request.symmetric else ""
    ranges = () if request.claim is None else request.claim.ranges
    members = f" for {written(ranges)}" if ranges else ""
    rows = "" if request.rows is None else f"{request.rows.name}, "
    wrt = f"wrt {rows}{variable(request)}{symmetric}{members}"
    return f"{request.kind} {differentiated(request)}{direction} {wrt}"


def asked_together(requests: Sequence[Request], name: Callable[[str], str] = str) -> str:
    """Requests that differ in their variables alone, as one is typed."""
    return ", ".join([asked(requests[0], name), *map(variable, requests[1:])])


def differentiated(request: Request) -> str:
    """What is differentiated, as typed, on one line."""
    return " ".join(request.of_text.split())


def variable(request: Request) -> str:
    """The name of the variable."""
    return request.wrt.name


def label(request: Request) -> str:
    """What a request asks for, as a name: `∂J/∂X`, or without the J where that is long."""
    of, name = called(differentiated(request)), variable(request)
    match request.kind:
        case "vjp":
            return f"bar({name})"
        case "hess" if request.rows is not None:
            return f"∂²{of}/∂{request.rows.name}∂{name}"
        case "hess" | "hvp":
            return f"∂²{of}/∂{name}²{request.along}"
        case "solve":
            return name
    return f"∂{of}/∂{name}{request.along}"


def counted(line: Line, general: bool = False, others: bool = False) -> str:
    """How many arrangements fit; `general` also counts those that fit the most general types. Where
    it is one, that is said for `others` too."""
    if line.is_forced:
        shapes = ", as on every line without a remark" if others else " the declared shapes"
        return f"the only arrangement that fits{shapes}"
    number = f"{line.fitting:,}" if line.all_counted else f"more than {line.fitting:,}"
    left = f"; the most general shapes and units leave {line.typed:,}" if general else ""
    return f"1 of {number} arrangements that fit the declared shapes stands{left}"


UNIT = (
    "a unit is what the entries along a side are measured in; scale the unit of one row or column, "
    "say from metres to centimetres, and what is summed over that side must stay the same: its "
    "units cancel"
)


def mentions_units(line: Line) -> bool:
    """Whether a look-alike of the line is refused by its units."""
    return any("units don't" in r.reason for r in line.rejected)


def shared(step: Step) -> str:
    """What a name of its own for a cotangent stands for."""
    title = step.wrt[1:-1] if step.wrt.startswith("(") else step.wrt
    return f"{step.label} is the gradient by {title}, from which several gradients follow"


def above(names: Iterable[str]) -> str:
    """What these names stand for is told above."""
    return f"{', '.join(names)}: {ABOVE}"


def kept(values: Iterable[Expr], spell: Callable[[Expr], str]) -> str:
    """Values that are kept, with their shapes."""
    return ", ".join(f"{spell(e)}\N{NO-BREAK SPACE}({shape_text(e.shape)})" for e in values)


def fits(line: Line) -> str:
    """The same, short enough to stand behind a formula."""
    if line.is_forced:
        return "the only one that fits"
    return f"1 of {'' if line.all_counted else 'more than '}{line.fitting:,} that fit"


def lookalikes(count: int) -> str:
    """What is said above them."""
    if count == 1:
        return "One look-alike fits the declared shapes too, and is wrong"
    return f"{count} look-alikes fit the declared shapes too, and are wrong"


def parts(text: str) -> Iterator[tuple[str, bool]]:
    """The parts of what is said, each with whether it is code: what stands between backticks."""
    found = [text] if text.count("`") % 2 else text.split("`")
    yield from ((part, bool(i % 2)) for i, part in enumerate(found) if part)


def figures(v: Validation) -> Iterator[str]:
    """What a verdict rests on."""
    if v.zero:
        yield "zero everywhere that was looked at"
    if not math.isnan(v.max_relative_error):
        yield f"worst relative error {figure(v.max_relative_error)}"
    if not math.isnan(v.order):
        yield f"{REMAINDER} {slope(v.order)}"
    sizes = " and ".join(
        ", ".join(_size(name, size) for name, size in sorted(draw.items()))
        for draw in v.sizes
        if draw
    )
    yield f"{v.draws}\N{NO-BREAK SPACE}draws" + (f" at {sizes}" if sizes else "")
    if v.conditions:
        yield f"where {', '.join(v.conditions)}"
    yield f"seed {v.seed}"


def _size(name: str, size: int) -> str:
    """What a dimension is; a number stands for a smaller one, which takes less time."""
    return f"{size} for {name}" if name.isdigit() else f"{name}={size}"


def slope(order: float) -> str:
    """How a Taylor remainder falls with the step."""
    return "zero to rounding" if math.isinf(order) else f"of order {order:.2f}"


def figure(x: float) -> str:
    """A number with two digits."""
    return f"{x:.2g}" if 0.01 <= abs(x) < 100 or x == 0 else f"{x:.1e}"
