"""The story of a result with pictures: a page for a browser without a network, or a notebook.

A term keeps its colour from the scalar line to the answer. All text is escaped by
`render/html_elements.py`, and the page's own policy allows no script and no style but the two that
it brings.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import field, replace
from hashlib import sha256
from itertools import groupby, islice
from pathlib import Path

from ..core.dims import shape_text
from ..core.expr import Expr, Symbol, transpose
from ..core.indices import written
from ..core.problem import Problem
from ..core.records import dataclass
from ..core.results import Result
from ..language.printer import factor_text, overlined, to_text
from ..numerics.error_curves import Curve
from ..numerics.scale_errors import ScaleErrors
from . import document as doc
from . import mathml
from . import phrases as words
from .arranging import arranging_box
from .claims import ClaimStory
from .curve_pictures import curve_picture, scale_picture
from .html_elements import Html, element, joined
from .latex import Latex, equation, factor_latex, notation_for, sized, to_latex
from .svg import LabelledBox, Scale, scale_of, shape_picture, shapes_of

CODED = {"numpy": "NumPy", "jax": "JAX", "torch": "PyTorch"}  # for which there is code
SCRIPTS = ("arranging.js", "report.js")  # as one module
COLOURS = 8
WHOLE = 40  # a remark that is shorter stays on one line, so that no number is broken
MOST_OPEN = 10  # steps: where there are more, they are folded


@dataclass(frozen=True, slots=True)
class Report:
    """What is shown of one request: its result with the steps, and what was made of it besides."""

    problem: Problem
    result: Result
    curve: Callable[[], Curve | None] = lambda: None  # made where it is shown
    scale_errors: Callable[[], ScaleErrors | None] = lambda: None
    code: Mapping[str, str] = field(default_factory=dict)  # by library


def page(
    reports: Sequence[Report], code: Mapping[str, str] | None = None, separate: bool = False
) -> str:
    """The document of the reports, which are of one problem; gradients of one thing are told
    together, unless each is told `separate`, and what is told the later ones refer to. `code` is
    what computes all their answers."""
    problem, results = reports[0].problem, [r.result for r in reports]
    groups = [[r] for r in results] if separate else [*doc.told_together(results)]
    asked = [words.asked_together([r.request for r in group]) for group in groups]
    left = iter(reports)
    return document(
        f"{', '.join(asked)} · shapetrick",
        element("h1", "A derivation by the shape trick" if len(groups) == 1 else "Derivations"),
        element("p", _lead(reports), class_="lead"),
        _problem(problem),
        _navigation(asked) if len(groups) > 1 else "",
        _tools(),
        *map(Articles().next, [[*islice(left, len(group))] for group in groups]),
        element("section", _code(code)) if code else "",
    )


class Articles:
    """The parts of a document that tell reports of one problem, one after the other: what one of
    them tells the later ones refer to."""

    def __init__(self) -> None:
        self._telling = doc.Telling()
        self._written = 0
        self.names: set[str] = set()  # of definitions

    def next(self, reports: Sequence[Report]) -> Html:
        """The part that tells these together."""
        self.names.update(name for r in reports for name, _ in r.result.definitions)
        story = self._telling.next(_story(reports))
        self._written += 1
        return article(story, reports, _anchor(self._written - 1))


def _story(reports: Sequence[Report]) -> doc.Story:
    """Their story, with the curve of the one with the largest error."""
    story = doc.joint_story([r.result for r in reports], reports[0].problem)
    return story._replace(curve=_worst(reports).curve())


def _worst(reports: Sequence[Report]) -> Report:
    return max(reports, key=lambda r: r.result.validation.max_relative_error)


def verdicts_page(problem: Problem, stories: Sequence[ClaimStory]) -> str:
    """The document of what was found of a problem's claims."""
    right = sum(story.verdict == "right" for story in stories)
    return document(
        "claims · shapetrick",
        element("h1", "Claims"),
        element("p", f"{right} of {len(stories)} are right.", class_="lead"),
        _problem(problem),
        *(verdict(problem, story) for story in stories),
    )


def document(title: str, *parts: Html | str) -> str:
    """A page of its own, with its style and its script."""
    style, script = _resource("report.css"), Html("".join(map(_resource, SCRIPTS)))
    policy = f"default-src 'none'; style-src {_hash(style)}; script-src {_hash(script)}"
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=policy),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        element("title", title),
        element("style", style),
    )
    body = element("main", *parts, class_="shapetrick")
    document = element(
        "html", head, element("body", body, element("script", script, type="module")), lang="en"
    )
    return f"<!doctype html>\n{document}\n"


def fragment(
    reports: Sequence[Report], code: Mapping[str, str] | None = None, in_text: str = ""
) -> str:
    """Reports that are told together, to be put into another document, such as a notebook; `code`
    is what computes all their answers, and `in_text` tells them where that takes no styles."""
    return _styled(article(_story(reports), reports, "", is_compact=True, code=code), in_text)


UNSTYLED = "Formulas and pictures are shown once this notebook is trusted; in plain text:"


def verdict_card(problem: Problem, story: ClaimStory, in_text: str) -> str:
    """The verdict on a claim, likewise."""
    return _styled(verdict(problem, story), in_text)


def verdict(problem: Problem, story: ClaimStory) -> Html:
    """The part of a document that tells the verdict on a claim."""
    writer = _FormulaWriter(notation_for(problem, story.claim), {}, {}, Scale({}, 1))
    asked = element("p", f"check {words.asked(story.claim)}", class_="asked")
    return element("section", asked, _answer(story, writer), _check(story.curve))


def _styled(content: Html, in_text: str) -> str:
    """With the style that it needs in another document. A notebook from somebody else takes styles,
    formulas and pictures out until it is trusted: what the style hides tells all in text there."""
    style = element("style", _resource("report.css"))
    told = element("p", UNSTYLED), element("pre", in_text)
    unstyled = element("div", *told, class_="unstyled") if in_text else ""
    return str(element("div", style, unstyled, content, class_="shapetrick"))


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
    from .pygments_lexer import coloured  # of reports alone

    code = coloured(problem.text.strip("\n"))
    return element(
        "section",
        element("h2", "The problem", class_="small"),
        element("pre", code, tabindex=0) if problem.text.strip() else "",
        *map(_remark, doc.preface(problem)),
    )


def _remark(remark: doc.Remark) -> Html:
    return element("p", f"{remark.label}: {remark.text}", class_=f"soft {remark.label}")


def _navigation(requests: Sequence[str]) -> Html:
    links = [
        element("li", element("a", text, href=f"#{_anchor(i)}")) for i, text in enumerate(requests)
    ]
    return element("nav", element("ol", *links), aria_label="Requests")


def _anchor(story: int, step: int | None = None) -> str:
    """The name of a place on the page."""
    return f"request-{story + 1}" + (f"-step-{step + 1}" if step is not None else "")


def _tools() -> Html:
    buttons = [
        element("button", text, type="button", data_fold=fold)
        for text, fold in (("Unfold all", "open"), ("Fold all", "closed"))
    ]
    return element("div", *buttons, class_="tools", hidden=True)


# ------------------------------------------------------------------------------------- one request


@dataclass(frozen=True, slots=True)
class _FormulaWriter:
    """How a request's formulas are written: its names, and the colours of its terms."""

    notation: Latex
    looks: Mapping[Expr, str]
    labels: Mapping[str, str]
    scale: Scale
    acts: bool = False  # whether there is a script to arrange lines with

    def equation(self, f: doc.EquationBlock | doc.MarkedText, shape: str = "") -> Html:
        left, sign, right = equation(f, self.notation)
        return _formula(f"{self._coloured(f.left, left)} {sign} {right}", shape)

    def label(self, label: str) -> str:
        return self._coloured(label, sized(self.notation.label(label)))

    def _coloured(self, label: doc.Left, latex: str) -> str:
        look = self.labels.get(label) if isinstance(label, str) else None
        return latex if look is None else rf"\class{{{look}}}{{{latex}}}"

    def expression(self, e: Expr) -> str:
        return to_latex(e, self.notation)


def _writer(reports: Sequence[Report], told: Sequence[doc.Section], acts: bool) -> _FormulaWriter:
    """Colours for the matrices among the factors, in the order in which they appear; a scale for
    the steps that are told."""
    problem, result = reports[0].problem, reports[0].result
    lines = [line for r in reports for step in r.result.steps for line in step.lines]
    terms = dict.fromkeys(
        f.expression for x in lines for f in x.factors if not f.expression.is_scalar
    )
    looks: dict[Expr, str] = {}
    for i, e in enumerate(terms):
        looks[e] = looks[transpose(e)] = f"t{i % COLOURS}"
    labels = {e.name: look for e, look in looks.items() if isinstance(e, Symbol)}
    marks = {e: rf"\class{{{look}}}{{" for e, look in looks.items()}
    notation = replace(notation_for(problem, result.request), marks=marks)
    steps = [section.step for section in told]
    shapes = [s for step in steps for x in step.lines for s in shapes_of(x.arrangement, looks)]
    shapes += [step.shape for step in steps]
    shapes += [f.expression.shape for step in steps for x in step.lines for f in x.factors]
    scale = scale_of(shapes, result.validation.sizes)
    return _FormulaWriter(notation, looks, labels, scale, acts)


def article(
    story: doc.Story,
    reports: Sequence[Report],
    name: str,
    is_compact: bool = False,
    code: Mapping[str, str] | None = None,
) -> Html:
    """The story of these reports; `name` is that of its place on a page, or empty. Where it is
    compact, the answer stands alone at first. `code` is that of all of them."""
    writer = _writer(reports, story.steps, acts=not is_compact)
    is_open = len(story.steps) <= MOST_OPEN
    details = [
        element("h3", "Step by step") if any(r.result.steps for r in reports) else "",
        *_blocks(story.earlier, writer),
        *(_section(section, writer, name, is_open) for section in story.steps),
        *_blocks(story.simplification, writer),
        _check(story.curve, _worst(reports).scale_errors(), _of(_worst(reports), reports)),
        _codes(reports),
        _code(code or {}),
    ]
    if is_compact:
        details = [_fold("How it was derived, checked and computed", details, "details", False)]
    return element(
        "article",
        _title(story, writer),
        _answer(story, writer),
        *_blocks(story.warnings, writer),
        *details,
        class_=False if is_open else "long",
        id=name or False,
    )


def _title(story: doc.Story, writer: _FormulaWriter) -> Html:
    request, *others = story.requests
    kind = words.KINDS[request.kind] + ("s" if others else "")
    of = _math(to_latex(request.of, replace(writer.notation, marks=None)))
    names = [_math(str(writer.notation.name(words.variable(r)))) for r in story.requests]
    by = joined(*(part for name in names for part in (", ", name)))
    text = joined(kind[0].upper() + kind[1:], " of ", of, " by ", Html(by.removeprefix(", ")))
    asked = words.asked_together(story.requests)
    return element("header", element("h2", text), element("p", asked, class_="asked"))


def _answer(story: doc.Story | ClaimStory, writer: _FormulaWriter) -> Html:
    return element("div", *_blocks(story.answer, writer), class_=f"answer {story.verdict}")


def _section(section: doc.Section, writer: _FormulaWriter, name: str, is_open: bool) -> Html:
    step = section.step
    title = joined(
        _math(writer.label(step.label)), element("span", shape_text(step.shape), class_="shape")
    )
    place = f"{name}-step-{section.number + 1}" if name else ""
    return _fold(title, list(_blocks(section.blocks, writer)), "step", is_open, place)


# -------------------------------------------------------------------------------------- the blocks


def _blocks(blocks: Iterable[doc.Block], writer: _FormulaWriter) -> Iterator[Html]:
    """The blocks below each other; definitions stand together."""
    for label, alike in groupby(blocks, key=lambda block: block.label):
        written = [_block(block, writer) for block in alike]
        if label == "where":
            yield element("div", "where", *written, class_="where soft")
        else:
            yield from written


def _block(block: doc.Block, writer: _FormulaWriter) -> Html:
    match block:
        case doc.ScalarLine():
            return _line(block, writer)
        case doc.EquationBlock(label="together"):
            return _labelled("together", writer.equation(block), "arranged together")
        case doc.EquationBlock():
            over = f" for {written(block.ranges)}" if block.ranges else ""
            over += f" {block.entries}" if block.entries else ""
            return writer.equation(block, shape_text(block.right.shape) + over)
        case doc.MarkedText():
            return _claimed(block, writer)
        case doc.Evidence():
            return _evidence(block)
        case doc.Listing():
            return _listing(block, writer)
        case doc.KeptValues():
            return _remark(doc.Remark(block.label, words.kept(block.values, to_text)))
        case doc.Reference():
            return _reference(block, writer)
        case doc.Remark():
            return _remark(block)


def _math(latex: str) -> Html:
    return Html(mathml.to_mathml(latex))


def _formula(latex: str, shape: str = "") -> Html:
    pieces = [Html(piece) for piece in mathml.pieces(latex)]
    end = element("span", shape, class_="shape") if shape else ""
    return element("div", *pieces, end, class_="formula")


def _labelled(label: str, formula: Html, look: str) -> Html:
    return element("div", element("span", label, class_="label"), formula, class_=look)


def _fold(
    title: str, body: Sequence[str], look: str, is_open: bool = False, place: str = ""
) -> Html:
    return element(
        "details",
        element("summary", title),
        element("div", *body, class_="body"),
        class_=look,
        open=is_open,
        id=place or False,
    )


def _reference(block: doc.Reference, writer: _FormulaWriter) -> Html:
    """Links to where it is told."""
    parts: list[str] = []
    for place in block.named:
        parts += [", "] if parts else []
        if place is None:
            parts.append("…")
        else:
            name = _math(writer.label(place.name))
            parts.append(element("a", name, href=f"#{_anchor(place.story, place.step)}"))
    return element("p", *parts, f": {words.ABOVE}", class_="soft")


def _line(block: doc.ScalarLine, writer: _FormulaWriter) -> Html:
    step, arranged = block.step, block.line.arrangement
    told = element(
        "div",
        element("span", "as scalars", class_="label"),
        _scalars(block, writer),
        _labelled("arranged", _formula(writer.expression(arranged)), "arranged"),
        element("p", count, class_="count") if (count := block.counted(general=True)) else "",
        *_blocks(block.origins, writer),
    )
    result = LabelledBox(
        step.label, step.shape, ("result",), formula=_math(writer.label(step.label))
    )
    picture = shape_picture(
        arranged, result, writer.looks, writer.scale, lambda e: _math(writer.expression(e))
    )
    row = element("div", told, picture, class_="row")
    box = _arranging(block, writer) if writer.acts else ""
    return element("div", row, box, *_blocks(block.rejected, writer), class_="line")


def _arranging(block: doc.ScalarLine, writer: _FormulaWriter) -> Html:
    """The box in which the line's matrix factors are arranged by hand."""
    factors = [
        (
            e,
            overlined(factor_text(e, unicode=True)),
            writer.looks.get(e, ""),
            _math(factor_latex(e, writer.notation)),
        )
        for e, shape in block.factors
        if shape is not None and not e.is_scalar
    ]
    return arranging_box(block.step, block.line, factors, writer.scale)


def _scalars(block: doc.ScalarLine, writer: _FormulaWriter) -> Html:
    """The scalar line, every factor with its shape below it."""
    start = f"{writer.label(block.step.label)} = {block.sign}" if block.first else block.sign
    parts = [element("span", _math(start), class_="sign")]
    dot = element("span", "·", class_="sign")
    for i, (e, shape) in enumerate(block.factors):
        below = "" if shape is None else element("span", shape_text(shape), class_="shape")
        look = f"factor {writer.looks.get(e, '')}".strip()
        factor = element("span", _math(factor_latex(e, writer.notation)), below, class_=look)
        parts += [dot, factor] if i else [factor]
    parts.append(element("span", f"→ {shape_text(block.step.shape)}", class_="target"))
    return element("div", *parts, class_="scalars")


def _listing(block: doc.Listing, writer: _FormulaWriter) -> Html:
    """Formulas with what is said of each; what was rejected has no colours."""
    wrong = block.label == "rejected"
    notation = replace(writer.notation, marks=None) if wrong else writer.notation
    items = [
        element(
            "li",
            _formula(to_latex(item.formula, notation)),
            *(element("span", text, class_="said") for text in item.said),
        )
        for item in block.items
    ]
    return _fold(block.title, [element("ul", *items)], block.label, wrong)


def _claimed(block: doc.MarkedText, writer: _FormulaWriter) -> Html:
    """A claim as a formula; what mends it likewise, or as text where it mentions new names."""
    if not block.good:
        return writer.equation(block)
    value = writer.notation.read(block.text) if writer.notation.read is not None else None
    shown = block._replace(value=value)
    formula = element("pre", block.text)
    if value is not None:
        formula = writer.equation(shown, shape_text(value.shape))
    return joined(element("p", f"{block.label.capitalize()}:"), formula)


def _evidence(block: doc.Evidence) -> Html:
    parts: list[str] = []
    for text in filter(None, (block.reason, *block.figures)):
        parts += ["; "] if parts else []
        said = [element("code", part) if code else part for part, code in words.parts(text)]
        parts += [element("span", *said, class_="whole")] if len(text) < WHOLE else said
    return element(
        "p",
        element("span", block.label, class_="badge"),
        element("span", *parts, class_="soft"),
        class_="verdict",
    )


# ----------------------------------------------------------------------------- the check, the code


STEPS_NOTE = (
    "The error of the differences falls with the square of the step until rounding makes it rise "
    "again: a V, of which a quadratic has the right half alone. The error of a wrong derivative "
    "stays on a floor."
)
SCALES_NOTE = (
    "How exact the gradient is as code and evaluate compute it, against extended precision, "
    "where all inputs are so many times larger or smaller: 1 is that no digit is right."
)


def _check(curve: Curve | None, scales: ScaleErrors | None = None, of: str = "") -> Html:
    folds = []
    for picture, title, note in (
        (curve and curve_picture(curve), "step", STEPS_NOTE),
        (scales and scale_picture(scales), "inputs' scale", SCALES_NOTE),
    ):
        if picture:
            body = [picture, element("p", note, class_="soft")]
            folds.append(_fold(f"Error against the {title}{of}", body, "check", True))
    checks = element("div", *folds, class_="checks")
    return joined(element("h3", "The check"), checks) if folds else Html("")


def _codes(reports: Sequence[Report]) -> Html:
    """The code of each."""
    return joined(*(_code(r.code, _of(r, reports)) for r in reports))


def _of(report: Report, reports: Sequence[Report]) -> str:
    """Of which of several reports something is, behind its title."""
    return f", of {words.label(report.result.request)}" if len(reports) > 1 else ""


def _code(codes: Mapping[str, str], of: str = "") -> Html:
    if not codes:
        return Html("")
    folds = []
    for target, code in codes.items():
        title = CODED[target] + of
        name = f"Copy the code for {title}"
        button = element(
            "button", "Copy", type="button", class_="copy", aria_label=name, hidden=True
        )
        from .pygments_lexer import coloured

        body = [button, element("pre", coloured(code, python=True), tabindex=0)]
        folds.append(_fold(title, body, "code"))
    return element("div", element("h3", "Code"), *folds, class_="codes")
