"""Results as a report with pictures: one file, for a browser without a network, or a notebook.

A term keeps its colour from the scalar line to the answer. All text is escaped by
`render/html_elements.py`, and the page's own policy allows no script and no style but the two that
it brings.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path

from ..core.dims import shape_text
from ..core.expr import Expr, Symbol, transpose
from ..core.problem import Problem
from ..core.results import Equation, Line, Rejected, Result, Step
from ..numerics.error_curves import Curve
from . import mathml
from . import phrases as words
from .document import heading
from .html_elements import Html, element, joined
from .latex import Latex, factor_latex, notation_for, sized, to_latex
from .svg import Box, Scale, curve_picture, scale_of, shape_picture, shapes_of

CODED = {"numpy": "NumPy", "jax": "JAX", "torch": "PyTorch"}  # for which there is code
COLOURS = 8
WHOLE = 40  # a remark that is shorter stays on one line, so that no number is broken
MOST_OPEN = 12  # steps: where there are more, they are folded


@dataclass(frozen=True, slots=True)
class Report:
    """What is shown of one request: its result with the steps, and what was made of it besides."""

    problem: Problem
    result: Result
    curve: Curve | None = None
    code: Mapping[str, str] = field(default_factory=dict)  # by library


def page(reports: Sequence[Report]) -> str:
    """The document of the reports, which are of one problem."""
    problem = reports[0].problem
    requests = [words.asked(r.result.request) for r in reports]
    style, script = _resource("report.css"), _resource("report.js")
    policy = f"default-src 'none'; style-src {_hash(style)}; script-src {_hash(script)}"
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=policy),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        element("title", f"{', '.join(requests)} · shapetrick"),
        element("style", style),
    )
    body = element(
        "main",
        element("h1", "A derivation by the shape trick" if len(reports) == 1 else "Derivations"),
        element("p", _lead(reports), class_="lead"),
        _problem(problem),
        _navigation(requests) if len(reports) > 1 else "",
        _tools(),
        *(_article(report, f"request-{i}") for i, report in enumerate(reports, 1)),
        class_="shapetrick",
    )
    document = element("html", head, element("body", body, element("script", script)), lang="en")
    return f"<!doctype html>\n{document}\n"


def fragment(report: Report) -> str:
    """One report to be put into another document, such as a notebook."""
    return styled(_article(report, ""))


def styled(content: Html) -> str:
    """What is put into another document, with the style that it needs."""
    return str(
        element("div", element("style", _resource("report.css")), content, class_="shapetrick")
    )


def _resource(name: str) -> Html:
    return Html(Path(__file__).with_name(name).read_text(encoding="utf-8"))


def _hash(text: str) -> str:
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"


def _lead(reports: Sequence[Report]) -> str:
    standing = sum(r.result.validation.verdict == "verified" for r in reports)
    if standing == len(reports):
        return "Every gradient on this page held against finite differences on random inputs."
    return f"{standing} of {len(reports)} held against finite differences on random inputs."


# -------------------------------------------------------------------------------------- the problem


def _problem(problem: Problem) -> Html:
    remarks = [
        element("p", f"{name}: {text}", class_="soft")
        for name, texts in (("assumed", problem.assumptions), ("read", problem.readings))
        for text in texts
    ]
    code = element("code", problem.text.strip("\n"))
    return element(
        "section",
        element("h2", "The problem", class_="small"),
        element("pre", code, tabindex=0) if problem.text.strip() else "",
        *remarks,
    )


def _navigation(requests: Sequence[str]) -> Html:
    links = [
        element("li", element("a", text, href=f"#request-{i}"))
        for i, text in enumerate(requests, 1)
    ]
    return element("nav", element("ol", *links), aria_label="Requests")


def _tools() -> Html:
    buttons = [
        element("button", text, type="button", data_fold=fold)
        for text, fold in (("Unfold all", "open"), ("Fold all", "closed"))
    ]
    return element("div", *buttons, class_="tools", hidden=True)


# ------------------------------------------------------------------------------------- one request


@dataclass(frozen=True, slots=True)
class _Writer:
    """How a request's formulas are written: its names, and the colours of its terms."""

    notation: Latex
    looks: Mapping[Expr, str]
    labels: Mapping[str, str]
    scale: Scale

    def formula(self, latex: str, shape: str = "") -> Html:
        pieces = [Html(piece) for piece in mathml.pieces(latex)]
        end = element("span", shape, class_="shape") if shape else ""
        return element("div", *pieces, end, class_="formula")

    def expression(self, e: Expr) -> str:
        return to_latex(e, self.notation)

    def label(self, label: str) -> str:
        text = sized(self.notation.label(label))
        return rf"\class{{{self.labels[label]}}}{{{text}}}" if label in self.labels else text


def _writer(report: Report) -> _Writer:
    """Colours for the matrices among the factors, in the order in which they appear."""
    result = report.result
    lines = [line for step in result.steps for line in step.lines]
    terms = dict.fromkeys(
        f.expression for x in lines for f in x.factors if not f.expression.is_scalar
    )
    looks: dict[Expr, str] = {}
    for i, e in enumerate(terms):
        looks[e] = looks[transpose(e)] = f"t{i % COLOURS}"
    labels = {e.name: look for e, look in looks.items() if isinstance(e, Symbol)}
    marks = {e: rf"\class{{{look}}}{{" for e, look in looks.items()}
    notation = replace(notation_for(report.problem, result.request), marks=marks)
    shapes = [shape for line in lines for shape in shapes_of(line.arrangement, looks)]
    shapes += [step.shape for step in result.steps]
    return _Writer(notation, looks, labels, scale_of(shapes, result.validation.sizes))


def _article(report: Report, name: str) -> Html:
    result, writer = report.result, _writer(report)
    folded = len(result.steps) > MOST_OPEN
    steps = [_step(step, writer, not folded) for step in result.steps]
    return element(
        "article",
        _title(result, writer),
        _answer(result, writer),
        element("h3", "Step by step") if steps else "",
        *steps,
        _simplification(result, writer),
        _check(report),
        _code(report.code),
        **{"id": name} if name else {},
    )


def _title(result: Result, writer: _Writer) -> Html:
    request = result.request
    kind = words.KINDS[request.kind]
    of = mathml.to_mathml(to_latex(request.of, replace(writer.notation, marks=None)))
    by = mathml.to_mathml(str(writer.notation.name(words.variable(request))))
    text = joined(kind[0].upper() + kind[1:], " of ", Html(of), " by ", Html(by))
    return element(
        "header", element("h2", text), element("p", words.asked(request), class_="asked")
    )


def _answer(result: Result, writer: _Writer) -> Html:
    v = result.validation
    sign = "=" if v.verdict == "verified" else r"\overset{?}{=}"
    if result.recursion is not None:
        recurrence = (*result.recursion.cotangents, *result.recursion.gradients)
        answer = [_equation(q, sign, writer) for q in recurrence]
    else:
        left = sized(heading(result.request, replace(writer.notation, marks=None)))
        shape = shape_text(result.gradient.shape)
        answer = [writer.formula(f"{left} {sign} {writer.expression(result.gradient)}", shape)]
    definitions = [
        writer.formula(
            f"{writer.notation.name(name)} = {writer.expression(body)}", shape_text(body.shape)
        )
        for name, body in result.definitions
    ]
    where = [element("div", "where", *definitions, class_="where soft")] if definitions else []
    kept = [e for e in result.kept if not e.is_scalar]
    if any(not isinstance(e, Symbol) for e in kept):
        names = ", ".join(map(str, kept))
        where.append(element("p", f"keeps {names}", class_="soft"))
    where += [element("p", note, class_="soft") for note in result.notes]
    said = [v.reason, *words.figures(v)] if v.reason else [*words.figures(v)]
    parts: list[str] = []
    for text in said:
        parts += ["; "] if parts else []
        parts.append(element("span", text, class_="whole") if len(text) < WHOLE else text)
    verdict = element(
        "p",
        element("span", words.BADGES[v.verdict], class_="badge"),
        element("span", *parts, class_="soft"),
        class_="verdict",
    )
    return element("div", *answer, *where, verdict, class_=f"answer {v.verdict}")


def _equation(q: Equation, sign: str, writer: _Writer) -> Html:
    """An equation of a recurrence, and the indices for which it holds."""
    left = writer.notation.label(q.symbol.name)
    shape = shape_text(q.symbol.shape) + (f" for {q.over}" if q.over is not None else "")
    return writer.formula(f"{left} {sign} {writer.expression(q.value)}", shape)


# ---------------------------------------------------------------------------------------- the steps


def _step(step: Step, writer: _Writer, is_open: bool) -> Html:
    title = joined(
        Html(mathml.to_mathml(writer.label(step.label))),
        element("span", shape_text(step.shape), class_="shape"),
    )
    body = [_line(step, line, i, writer) for i, line in enumerate(step.lines)]
    if step.note:
        body.append(element("p", step.note, class_="soft"))
    if len(step.lines) != 1 or step.lines[0].arrangement is not step.result:
        text = f"{writer.label(step.label)} = {writer.expression(step.result)}"
        together = element("span", "together" if step.lines else "result", class_="label")
        body.append(element("div", together, writer.formula(text), class_="arranged together"))
    return _fold(title, body, "step", is_open)


def _fold(title: str, body: Sequence[str], look: str, is_open: bool = False) -> Html:
    return element(
        "details",
        element("summary", title),
        element("div", *body, class_="body"),
        class_=look,
        open=is_open,
    )


def _line(step: Step, line: Line, index: int, writer: _Writer) -> Html:
    arranged = element(
        "div",
        element("span", "arranged", class_="label"),
        writer.formula(writer.expression(line.arrangement)),
        class_="arranged",
    )
    result = Box(step.label, step.shape, ("result",))
    told = element(
        "div",
        element("span", "as scalars", class_="label"),
        _scalars(step, line, index, writer),
        arranged,
        element("p", words.counted(line, general=True), class_="count"),
        _origins(line, writer),
    )
    picture = shape_picture(line.arrangement, result, writer.looks, writer.scale)
    row = element("div", told, picture, class_="row")
    return element("div", row, _rejected(line.rejected, writer), class_="line")


def _scalars(step: Step, line: Line, index: int, writer: _Writer) -> Html:
    """The scalar line, every factor with its shape below it."""
    label = writer.label(step.label)
    negative = r" -" if line.coefficient < 0 else ""
    start = f"{label} ={negative}" if index == 0 else negative or "+"
    parts = [element("span", Html(mathml.to_mathml(start)), class_="sign")]
    factors = [
        element(
            "span",
            Html(mathml.to_mathml(factor_latex(f.expression, writer.notation))),
            element("span", shape_text(f.expression.shape), class_="shape"),
            class_=f"factor {writer.looks.get(f.expression, '')}".strip(),
        )
        for f in line.factors
    ]
    if abs(line.coefficient) != 1 or not factors:
        number = mathml.to_mathml(str(writer.notation.number(abs(line.coefficient))))
        factors.insert(0, element("span", Html(number), class_="factor"))
    dot = element("span", "·", class_="sign")
    for i, factor in enumerate(factors):
        parts += [dot, factor] if i else [factor]
    parts.append(element("span", f"→ {shape_text(step.shape)}", class_="target"))
    return element("div", *parts, class_="scalars")


def _origins(line: Line, writer: _Writer) -> Html:
    items = [
        element(
            "li",
            Html(mathml.to_mathml(factor_latex(f.expression, writer.notation))),
            element("span", f.origin, class_="soft"),
        )
        for f in line.factors
    ]
    return _fold("Where the factors come from", [element("ul", *items)], "origins")


def _rejected(rejected: Sequence[Rejected], writer: _Writer) -> Html:
    """The look-alikes, greyed, each with its error and what gives it away."""
    if not rejected:
        return Html("")
    plain = replace(writer.notation, marks=None)
    items = [
        element(
            "li",
            Html(mathml.to_mathml(to_latex(r.arrangement, plain))),
            " ",
            element("span", f"off by {words.figure(r.error)}", class_="off"),
            element("div", r.reason, class_="why"),
        )
        for r in rejected
    ]
    some = "One look-alike fits" if len(items) == 1 else f"{len(items)} look-alikes fit"
    title = f"{some} the declared shapes too, and {'is' if len(items) == 1 else 'are'} wrong"
    return _fold(title, [element("ul", *items)], "rejected", is_open=True)


def _simplification(result: Result, writer: _Writer) -> Html:
    if not result.rewritings:
        return Html("")
    items: Iterator[Html] = (
        element(
            "li", element("span", r.rule, class_="soft"), writer.formula(writer.expression(r.after))
        )
        for r in result.rewritings
    )
    return _fold("How it was simplified", [element("ol", *items)], "simplification")


# ----------------------------------------------------------------------------- the check, the code


def _check(report: Report) -> Html:
    if report.curve is None:
        return Html("")
    picture = curve_picture(report.curve)
    note = (
        "The error of the differences falls with the square of the step until rounding makes it "
        "rise again: a V, of which a quadratic has the right half alone. The error of a wrong "
        "derivative stays on a floor."
    )
    body = [picture, element("p", note, class_="soft")]
    return joined(element("h3", "The check"), _fold("Error against the step", body, "check", True))


def _code(codes: Mapping[str, str]) -> Html:
    if not codes:
        return Html("")
    folds = []
    for target, code in codes.items():
        title = CODED[target]
        name = f"Copy the code for {title}"
        button = element(
            "button", "Copy", type="button", class_="copy", aria_label=name, hidden=True
        )
        body = [button, element("pre", element("code", code), tabindex=0)]
        folds.append(_fold(title, body, "code"))
    return joined(element("h3", "Code"), *folds)
