"""The report: its markup, its formulas and its pictures."""

from __future__ import annotations

import re
from base64 import b64encode
from dataclasses import replace
from hashlib import sha256
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from derived import derivations
from effort import calls
from hypothesis import given, strategies
from paths import ROOT
from samples import PROBLEM, UNCHECKED, WRONG, backward_rule, linear_regression, long_sum
from thinned import thinned

import shapetrick as st
from shapetrick.api import html_page
from shapetrick.cli import main
from shapetrick.core.dims import ONE, Dim
from shapetrick.core.expr import call, matmul, symbol, times, transpose
from shapetrick.core.functions import OPERATORS, TABLE
from shapetrick.core.structured import block_matrix
from shapetrick.numerics.error_curves import Curve
from shapetrick.render.curve_pictures import curve_picture
from shapetrick.render.document import EquationBlock, derivation_story, told_once
from shapetrick.render.html import CODED, Report, fragment, page
from shapetrick.render.html_elements import element, joined
from shapetrick.render.latex import escaped, to_latex
from shapetrick.render.mathml import pieces, row, to_mathml
from shapetrick.render.svg import LabelledBox, scale_of, shape_picture, shapes_of

EXAMPLES = sorted((ROOT / "examples").glob("*.st"))
HOSTILE = """
# </code></pre><script>window.hacked = 1</script><img src=x onerror="window.hacked = 1"> &lt; "'`
X : m x n
w_in, ж : n
J = norm(X (w_in + ж))^2 / 2
grad J wrt w_in, ж
"""


def report_of(text: str) -> str:
    return page([d.report for d in derivations(text)])


# ------------------------------------------------------------------------------------- the markup

EMPTY = {"meta", "br"}


class Reader(HTMLParser):
    """The elements of a page, which must be closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.texts: list[str] = []
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {k: v or "" for k, v in attrs}))
        if tag not in EMPTY:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    def named(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.elements if name == tag]


@pytest.mark.parametrize("path", thinned(EXAMPLES, 2), ids=lambda path: path.stem)
def test_page_of_an_example(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    written = report_of(text)
    reader = Reader(written)
    assert written.startswith("<!doctype html>")
    assert text.strip("\n") in "".join(reader.texts)
    assert 0 < written.count("✓ verified") == len(reader.named("article"))
    title = re.findall("<title>(.*?)</title>", written)[0]
    asked = {r.wrt.name for r in st.read(text).data.requests}
    assert asked <= set(re.findall(r"(?:[^\s,;·]|,(?! ))+", unescape(title)))
    assert reader.named("html") == [{"lang": "en"}]
    ids = [a["id"] for _, a in reader.elements if "id" in a]
    assert len(ids) == len(set(ids))
    links = [a["href"] for a in reader.named("a")]
    assert all(link.removeprefix("#") in ids for link in links)


def test_a_page_needs_no_network() -> None:
    reader = Reader(report_of(HOSTILE))
    loading = {"src", "href", "srcset", "action", "data", "xlink:href"}
    used = [(k, v) for _, a in reader.elements for k, v in a.items() if k in loading]
    assert all(k == "href" and v.startswith("#") for k, v in used)
    assert "@import" not in report_of(HOSTILE)
    assert "url(" not in report_of(HOSTILE)


def test_text_is_no_markup() -> None:
    written = report_of(HOSTILE)
    reader = Reader(written)
    assert HOSTILE.strip("\n") in "".join(reader.texts)
    assert len(reader.named("script")) == 1
    assert not reader.named("img")
    assert not [k for _, a in reader.elements for k in a if k.startswith("on") or k == "style"]


def test_names_and_remarks_are_no_markup() -> None:
    evil = '"><script>alert(1)</script>'
    n = Dim.of(evil)
    x = symbol(evil, (n, ONE))
    base = linear_regression()
    line = replace(
        base.steps[0].lines[0],
        factors=tuple(f._replace(origin=evil) for f in base.steps[0].lines[0].factors),
        arrangement=matmul(transpose(x), x),
        rejected=tuple(replace(r, reason=evil) for r in base.steps[0].lines[0].rejected),
    )
    step = replace(base.steps[0], lines=(line, line), label=evil, note=evil)
    result = replace(
        base,
        request=replace(base.request, of_text=evil),
        steps=(step,),
        definitions=((evil, x),),
        notes=(evil,),
        validation=replace(WRONG, reason=evil, conditions=(evil,)),
    )
    problem = replace(PROBLEM, text=evil, assumptions=(evil,), readings=(evil,))
    for written in (
        page([Report(problem, result, code={"numpy": evil})] * 2),
        fragment([Report(problem, result)]),
    ):
        reader = Reader(written)
        assert len(reader.named("script")) <= 1
        assert "<script>alert" not in written


def test_policy_allows_what_the_page_brings_and_no_more() -> None:
    written = report_of("x : n; J = x' x; grad J wrt x")
    (policy,) = (a["content"] for a in Reader(written).named("meta") if "http-equiv" in a)
    for tag in ("style", "script"):
        (text,) = re.findall(f"<{tag}[^>]*>(.*?)</{tag}>", written, re.DOTALL)
        digest = b64encode(sha256(text.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy
    assert policy.startswith("default-src 'none'")


def test_elements_escape() -> None:
    assert element("p", "<b>&", title="\"'<") == '<p title="&quot;&#x27;&lt;">&lt;b&gt;&amp;</p>'
    assert joined("a<", element("br")) == "a&lt;<br>"
    assert element("details", hidden=True, open=False, data_fold="x") == (
        '<details hidden data-fold="x"></details>'
    )
    assert (
        element("p", "a\x00\u202eb")
        == "<p>a\N{REPLACEMENT CHARACTER}\N{REPLACEMENT CHARACTER}b</p>"
    )


@pytest.mark.parametrize("validation", [WRONG, UNCHECKED])
def test_what_is_not_verified_does_not_look_so(validation: Any) -> None:
    written = fragment([Report(PROBLEM, linear_regression(validation))])
    assert "verified" not in written.split("</style>")[1]
    assert validation.reason in written
    assert "<mover><mo>=</mo><mo>?</mo></mover>" in written


@pytest.mark.parametrize("result", [linear_regression(), backward_rule(), long_sum()])
def test_results_put_together_by_hand(result: Any) -> None:
    reader = Reader(page([Report(PROBLEM, result)]))
    assert not reader.named("nav")
    assert "assumed: A is n×n" in reader.texts


def test_a_term_keeps_its_colour() -> None:
    written = report_of("X : m x d; w : d; y : m; J = norm(X w - y)^2 / 2; grad J wrt w")
    factor = re.search(r'<span class="factor (t\d)"><math><mrow class="\1"><mi>X</mi>', written)
    assert factor
    answer = written[written.index('class="answer') : written.index("Step by step")]
    look = factor[1]
    assert re.search(rf'<mrow class="{look}"><msup>(<mrow class="{look}">)?<mi>X</mi>', answer)
    assert f'rx="2" class="{look}">' in written


def test_rejected_look_alikes_are_shown_with_their_errors() -> None:
    written = fragment([Report(PROBLEM, linear_regression())])
    assert "One look-alike fits the declared shapes too, and is wrong" in written
    assert "off by 1.2" in written
    assert "its units do not cancel" in written


def test_many_steps_are_folded_and_take_linear_time() -> None:
    def effort(layers: int) -> int:
        text = "Z0 : m x n; W : n x n\n"
        text += "\n".join(f"Z{i} = tanh(Z{i - 1} W)" for i in range(1, layers + 1))
        (d,) = st.read(f"{text}\nJ = sum(Z{layers}); grad J wrt Z0").derive()
        report = Report(d.problem, replace(d.result, steps=d.steps))
        assert '<details class="step" open' not in page([report])
        return calls(lambda: page([report]))

    effort(13)
    assert effort(80) < 2.3 * effort(40)


def _layers(count: int) -> list[st.Derivation]:
    text = "Z0 : m x n; Y : m x n\n"
    text += "\n".join(f"W{i} : n x n; Z{i} = tanh(Z{i - 1} W{i})" for i in range(1, count + 1))
    asked = ", ".join(f"W{i}" for i in range(1, count + 1))
    return st.read(f"{text}\nJ = norm(Z{count} - Y)^2 / 2; grad J wrt {asked}").derive()


def test_a_page_of_many_requests_is_of_linear_size_and_takes_linear_time() -> None:
    def effort(layers: int) -> tuple[int, int]:
        derived = _layers(layers)
        for d in derived:  # made where they are looked at
            assert d.steps
            assert d.curve
        size = len(html_page(derived))
        return calls(lambda: html_page(derived)), size

    effort(3)
    (time, size), (more_time, more_size) = effort(6), effort(12)
    assert more_time < 2.3 * time
    assert more_size < 2.2 * size


@pytest.mark.parametrize("separate", [False, True])
def test_a_page_tells_a_step_and_a_definition_once(separate: bool) -> None:
    derived = _layers(3)
    stories = told_once([derivation_story(d.report.result) for d in derived])
    reader = Reader(html_page(derived, separate))
    assert len(reader.named("article")) == (3 if separate else 1)
    steps = {step for d in derived for step in d.steps}
    assert len(steps) < sum(len(d.steps) for d in derived)
    assert len([a for a in reader.named("details") if a["class"] == "step"]) == len(steps)
    assert len([a for a in reader.named("details") if a["class"] == "code"]) == len(CODED)
    ids = [a["id"] for _, a in reader.elements if "id" in a]
    links = [a["href"].removeprefix("#") for a in reader.named("a")]
    assert set(links) <= set(ids)
    assert any("-step-" in link for link in links) == separate
    definitions = {pair for d in derived for pair in d.definitions}
    told = [tuple(b for b in s.answer if b.label == "where") for s in stories]
    formulas = [b for blocks in told for b in blocks if isinstance(b, EquationBlock)]
    assert {(f.left, f.right) for f in formulas} == definitions
    assert len(formulas) == len(definitions) < sum(len(d.definitions) for d in derived)


def test_a_colour_is_one_on_all_the_page() -> None:
    written = html_page(_layers(4))
    looks = re.findall(
        r'<span class="factor (t\d)"><math><mrow class="t\d">(.*?)</mrow></math>', written
    )
    assert len(looks) > 8
    colours: dict[str, set[str]] = {}
    for look, text in looks:
        colours.setdefault(text, set()).add(look)
    assert all(len(found) == 1 for found in colours.values())


def test_code_that_not_all_answers_have_is_that_of_each_alone() -> None:
    derived = st.read("x : n; A : n x n; J = x' A x; grad J wrt x; grad J wrt A").derive()
    one, other = (d.report for d in derived)
    both = page([replace(one, code={}), replace(other, code={"numpy": "own"})], {"jax": "common"})
    assert both.count('<pre tabindex="0"><code>own') == both.count("<code>common") == 1


# --------------------------------------------------------------------------------------- formulas


@pytest.mark.parametrize("name", sorted({*TABLE} - OPERATORS - {"transpose", "unvec"}))
def test_every_function_is_mathml(name: str) -> None:
    n = Dim.of("n")
    arguments = [symbol(c, (n, n)) for c in "AB"][: TABLE[name].arity]
    axis = 1 if TABLE[name].vector_without_axis else None
    ElementTree.fromstring(to_mathml(to_latex(call(name, *arguments, data=axis))))


@pytest.mark.parametrize(
    ("latex", "expected"),
    [
        ("X w", "<mrow><mi>X</mi><mo>&#x2062;</mo><mi>w</mi></mrow>"),
        (r"W_{1}^{\top}", '<msubsup><mi>W</mi><mn>1</mn><mi mathvariant="normal">⊤</mi></msubsup>'),
        (r"\frac{1}{m}", "<mfrac><mn>1</mn><mi>m</mi></mfrac>"),
        (r"\sigma'", "<msup><mi>σ</mi><mo>′</mo></msup>"),
        ("(A)^{2}", '<msup><mrow><mo stretchy="false">(</mo><mi>A</mi><mo stretchy="false">)</mo>'
                    "</mrow><mn>2</mn></msup>"),
        (r"\mathrm{tr}(A)", '<mrow><mi>tr</mi><mo>&#x2061;</mo><mrow><mo stretchy="false">(</mo>'
                            '<mi>A</mi><mo stretchy="false">)</mo></mrow></mrow>'),
        (r"\class{t3}{A}", '<mrow class="t3"><mi>A</mi></mrow>'),
        (r"\text{<b>}", "<mtext>&lt;b&gt;</mtext>"),
        (r"\mathit{a\_b}", '<mi class="italic">a_b</mi>'),
        (r"\begin{bmatrix} A & 1 \\ 0 & B \end{bmatrix}",
         '<mrow><mo stretchy="true">[</mo><mtable><mtr><mtd><mi>A</mi></mtd><mtd><mn>1</mn></mtd>'
         "</mtr><mtr><mtd><mn>0</mn></mtd><mtd><mi>B</mi></mtd></mtr></mtable>"
         '<mo stretchy="true">]</mo></mrow>'),
    ],
)  # fmt: skip
def test_mathml(latex: str, expected: str) -> None:
    assert row(latex) == expected
    ElementTree.fromstring(expected)


@given(strategies.text(strategies.characters(codec="utf-8", categories=("L", "N", "P", "S"))))
def test_any_text_within_a_formula_is_shown_as_it_is(text: str) -> None:
    shown = ElementTree.fromstring(to_mathml(rf"\overline{{\text{{{escaped(text)}}}}}"))
    assert "".join(shown.itertext()) == f"{text}¯"


def test_long_sums_may_be_broken_between_their_terms() -> None:
    parts = pieces(r"a = b + (c - d) - \frac{e + f}{g}")
    assert [re.sub(r"<[^>]+>|&#x2062;", "", part) for part in parts] == [
        "a",
        "=b",
        "+(c−d)",
        "−e+fg",
    ]
    assert '<mo form="infix">+</mo>' in parts[2]
    assert len(pieces("a = -b")) == 2


# --------------------------------------------------------------------------------------- pictures

M, D, K = (Dim.of(c) for c in "mdk")


def test_shapes_are_to_scale_and_fit_together() -> None:
    a, b = symbol("A", (M, D)), symbol("B", (D, K))
    scale = scale_of([(M, D), (D, K), (M, K)], ({"m": 5, "d": 3, "k": 2},))
    drawn = shape_picture(
        matmul(a, b), LabelledBox("C", (M, K), ("result",)), {a: "t0", b: "t1"}, scale
    )
    rectangles = {
        r["class"]: {k: float(v) for k, v in r.items() if k not in ("class", "rx")}
        for r in Reader(drawn).named("rect")
    }
    first, second, result = (rectangles[c] for c in ("t0", "t1", "result"))
    assert first["width"] == second["height"] == 3 * first["height"] / 5
    assert (result["height"], result["width"]) == (first["height"], second["width"])
    assert result["y"] == first["y"] > second["y"] + second["height"]
    assert result["x"] == second["x"] > first["x"] + first["width"]
    (picture,) = Reader(drawn).named("svg")
    assert picture["aria-label"] == "A, m×d times B, d×k, gives C, m×k"
    assert "to scale, at d=3, k=2, m=5" in drawn


def test_blocks_are_drawn_where_they_meet() -> None:
    a, b, w = symbol("A", (M, D)), symbol("B", (M, K)), symbol("W", (D + K, M))
    scale = scale_of([(M, D + K)], ({"m": 5, "d": 3, "k": 2},))
    drawn = shape_picture(matmul(block_matrix([[a, b]]), w), LabelledBox("C", (M, M)), {}, scale)
    (cut,) = (x for x in Reader(drawn).named("line") if x["class"] == "division")
    first = Reader(drawn).named("rect")[0]
    share = (float(cut["x1"]) - float(first["x"])) / float(first["width"])
    assert share == pytest.approx(3 / 5, abs=0.01) and cut["x1"] == cut["x2"]
    assert "[A, B], m×(d+k) times W, (d+k)×m" in drawn
    whole = block_matrix([[a, b]])
    drawn = shape_picture(whole, LabelledBox("C", whole.shape, ("result",)), {}, scale)
    cuts = (float(x["x1"]) for x in Reader(drawn).named("line") if x["class"] == "division")
    for cut, side in zip(cuts, Reader(drawn).named("rect"), strict=True):  # of the result, too
        share = (cut - float(side["x"])) / float(side["width"])
        assert share == pytest.approx(3 / 5, abs=0.01)


def test_entries_that_meet_stand_beside_each_other() -> None:
    a, b = symbol("A", (M, D)), symbol("B", (M, D))
    scale = scale_of([(M, D)], ())
    drawn = shape_picture(times(a, b), LabelledBox("C", (M, D)), {}, scale)
    assert "A, m×d entry by entry with B, m×d, gives C, m×d" in drawn
    assert drawn.count("<rect") == 3
    stacked = shape_picture(matmul(times(a, b), transpose(a)), LabelledBox("C", (M, M)), {}, scale)
    assert stacked.count('class="paper"') == 2


def test_large_sizes_are_drawn_small() -> None:
    images, classes = Dim.of(784), Dim.of(10)
    weights = symbol("W", (images, classes))
    scale = scale_of(shapes_of(weights, {}), ())
    assert scale(images) <= 84
    assert scale(ONE) == 8


def test_the_curve_of_a_check() -> None:
    steps = tuple(10.0**-k for k in range(1, 13))
    curve = Curve(
        steps, tuple(max(h * h, 1e-16 / h) for h in steps), tuple(h * h for h in steps), 2.0
    )
    drawn = curve_picture(curve)
    assert drawn.count("<circle") == 24
    assert "Taylor remainder, of order 2.00" in drawn
    nothing = (float("nan"),) * len(steps)
    assert curve_picture(Curve(steps, nothing, nothing, float("inf"))) == ""
    assert (
        curve_picture(Curve(steps, (0.0,) * 12, (0.0,) * 12, float("inf"))).count("<circle") == 24
    )


# ----------------------------------------------------------------------------------- command line


def test_command(capsys: pytest.CaptureFixture[str]) -> None:
    asked = ["derive", "--format", "html", "-e", "x, y : n; J = x' y; grad J wrt x, y"]
    for arguments, articles in ((asked, 1), ([*asked, "--separate"], 2)):
        assert main(arguments) == 0
        reader = Reader(capsys.readouterr().out)
        assert len(reader.named("article")) == articles
