"""The page's questions: what is told of a text, as plain data that JSON holds."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from typing import Any

import pytest
from paths import EXAMPLES

import shapetrick as st
from shapetrick.codegen.python.module import TARGETS as LIBRARIES
from shapetrick.core.budget import TEXT
from shapetrick.targets import TARGETS
from shapetrick.web_page.answers import answer

REGRESSION = "X : m x d; w : d; y : m; J = norm(X w - y)^2 / (2 m); grad J wrt w"
HOSTILE = """
# </code></pre><script>window.hacked = 1</script><img src=x onerror="window.hacked = 1"> &lt;
X : m x n
w_in, ж : n
J = norm(X (w_in + ж))^2 / 2
grad J wrt w_in, ж
"""
CLAIM = "A : n x n; x : n; q = x' A x; check grad q wrt x = 2 A x"


def asked(ask: str, text: str = "", **more: object) -> Any:
    """The answer as a page gets it."""
    found = answer({"ask": ask, "text": text, **more}, time_limit=60)
    return json.loads(json.dumps(found, allow_nan=False))


def test_shapes_are_told_while_nothing_is_derived() -> None:
    found = asked("reading", REGRESSION)
    assert found["names"][-1] == {"name": "J", "rows": "1", "columns": "1"}
    assert found["shapes"].count("<svg") == 4
    assert found["errors"] == []
    assert "results" not in found


@pytest.mark.parametrize(
    ("begun", "names"),
    [
        ("X : m x d; w : d; z = X w", "Xwz"),
        ("X : m x d\nw : d\nz = X w\nJ = norm(z", "Xwz"),
        ("X : m x d\nw : d\nz = X X\n", "Xw"),
        ("X : ", ""),
    ],
)
def test_shapes_are_told_of_what_is_still_being_typed(begun: str, names: str) -> None:
    found = asked("reading", begun)
    assert found["errors"]
    assert "".join(name["name"] for name in found["names"]) == names


def test_inferred_shapes_and_defaults_are_told() -> None:
    found = asked("reading", "x' A x")
    assert [(n["name"], n["rows"], n["columns"]) for n in found["names"]] == [
        ("x", "n", "1"),
        ("A", "n", "n"),
    ]
    assert found["requests"] == ["grad x' A x wrt x", "grad x' A x wrt A"]
    assert found["remarks"][0] == {"label": "assumed", "text": "x is n×1", "detail": 1}


def test_a_derivation_is_told_once_for_all_writers() -> None:
    (result,) = asked("answers", REGRESSION)["results"]
    d = st.derive(REGRESSION)
    assert result["verdict"] == "verified"
    assert result["text"] == "∂J/∂w = X' (X w - y) / m"
    assert result["latex"] == d.latex()
    assert result["markup"] in d.html().replace(_code_of(d), "")


def test_gradients_of_one_thing_are_told_together() -> None:
    text = (EXAMPLES / "mlp.st").read_text(encoding="utf-8")
    loss, layer = asked("answers", text)["results"]
    assert (loss["asked"], loss["requests"]) == ("grad J wrt W1, W2", 2)
    assert loss["text"].splitlines()[::2] == [
        "δ2 = (Z2 - Y) .* sigma'(Z1 W2) / m",
        "∂J/∂W2 = Z1' δ2",
    ]
    assert [layer["latex"].count(name) for name in ("\\bar{Z}", "\\bar{W}", "\\text{where}")] == [
        1
    ] * 3
    assert loss["markup"].count("<article") == 1


def _code_of(d: st.Derivation) -> str:
    """The part of a report that the page has in a place of its own."""
    begin = d.html().index('<div class="codes">')
    return d.html()[begin : d.html().index("</article>")]


def test_later_derivations_refer_to_earlier_ones() -> None:
    text = (EXAMPLES / "mlp.st").read_text(encoding="utf-8")
    text = f"{text}; grad J wrt W1; vjp sigma(Z W) with G wrt W; hess J wrt W2"
    results = asked("answers", text)["results"]
    ids = "".join(result["markup"] for result in results)
    links = [part.split('"')[0] for part in ids.split('href="#')[1:]]
    assert links
    assert all(f'id="{link}"' in ids for link in links)


@pytest.mark.parametrize(
    ("claim", "verdict", "instead"),
    [("2 A x", "wrong", "(A + A') x"), ("A x + A' x", "right", None)],
)
def test_a_claim_is_judged_and_mended_in_its_place(
    claim: str, verdict: str, instead: str | None
) -> None:
    text = CLAIM.replace("2 A x", claim)
    (result,) = asked("answers", text)["results"]
    assert result["verdict"] == verdict
    assert result.get("instead") == instead
    if instead is not None:
        assert text[result["start"] : result["end"]] == claim


def test_an_equality_is_judged() -> None:
    (result,) = asked("answers", "A : n x n; check tr(A) = sum(A)")["results"]
    assert result["verdict"] == "wrong"
    assert "at n = " in result["text"]
    assert "✗ WRONG" in result["markup"]


def test_latex_is_read() -> None:
    (result,) = asked("answers", r"\nabla_\theta \frac{1}{2m}\|X\theta - y\|_2^2")["results"]
    assert result["verdict"] == "verified"
    found = asked("answers", (EXAMPLES / "paper.tex").read_text(encoding="utf-8"))
    assert found["errors"] == []
    assert found["results"]


@pytest.mark.parametrize("wide", ["", "# 𝑥 and 😀\n", "é : n\n"])
@pytest.mark.parametrize("fault", ["X Z", "X +", "foo(X)"])
def test_places_are_counted_as_javascript_does(wide: str, fault: str) -> None:
    text = f"{wide}X : m x n; Z : k x k; J = {fault}"
    found = asked("reading", text)
    (error,) = found["errors"]
    units = text.encode("utf-16-le")
    marked = units[2 * error["start"] : 2 * error["end"]].decode("utf-16-le")
    assert marked.strip() == "" or marked in fault
    assert error["end"] > error["start"] or error["start"] == len(units) // 2
    assert f"line {text.count(chr(10)) + 1}" in error["excerpt"]
    for look, start, end in found["marks"]:
        part = units[2 * start : 2 * end].decode("utf-16-le")
        assert look != "comment" or part == wide.strip()


def test_letters_that_are_made_plain_stay_in_their_place() -> None:
    text = "𝑥 : n; J = 𝑥' 𝑥 Q(𝑥)"
    (error,) = asked("reading", text)["errors"]
    units = text.encode("utf-16-le")
    assert units[2 * error["start"] :].decode("utf-16-le").startswith("Q")


def test_a_request_that_fails_leaves_the_others() -> None:
    found = asked(
        "answers", "a : n; grad sum(a) wrt a; grad sum(sum(a.^12345678901234567890)) wrt a"
    )
    assert len(found["results"]) + len(found["errors"]) >= 1
    assert found["results"][0]["verdict"] == "verified"


@pytest.mark.parametrize("target", TARGETS)
def test_code_for_every_target(target: str) -> None:
    found = asked("code", "X : m x n; w : n; J = norm(X w)^2; grad J wrt w", target=target)
    assert found["errors"] == [] and "X" in found["code"]
    if target in LIBRARIES:
        compile(found["code"], target, "exec")


@pytest.mark.parametrize(
    ("form", "begin"), [("html", "<!doctype html>"), ("latex", r"\documentclass"), ("markdown", "")]
)
def test_documents(form: str, begin: str) -> None:
    document = asked("document", REGRESSION, format=form)["document"]
    assert document.startswith(begin)
    assert "verified" in document


@pytest.mark.parametrize(
    "question",
    [
        {"ask": "nothing"},
        {"ask": ["reading"], "text": "x : n"},
        {"ask": "reading", "text": 5},
        {"ask": "code", "text": "x : n; grad (x' x) wrt x", "target": "cobol"},
        {"ask": "document", "text": "x : n; grad (x' x) wrt x", "format": "pdf"},
        {"ask": "document", "text": "x : n", "format": "html"},
        {},
    ],
)
def test_what_is_no_question_is_told(question: dict[str, object]) -> None:
    found = answer(question)
    assert found["errors"][0]["message"]


@pytest.mark.parametrize("ask", ["reading", "answers"])
@pytest.mark.parametrize(
    "text",
    ["x" * (TEXT.most + 1), "\0", "\ud800", "(" * 50_000, "x : n\n" * 50_000, "\\frac{" * 20_000],
)
def test_hostile_texts_end_in_an_error(ask: str, text: str) -> None:
    found = answer({"ask": ask, "text": text}, time_limit=10)
    assert found["errors"]
    json.dumps(found, allow_nan=False).encode()


def test_an_endless_problem_ends_and_keeps_what_was_found() -> None:
    text = "x : n; A : n x n\ngrad (x' x) wrt x\n" + "grad tr(A A A A A A A A) wrt A\n" * 2000
    found = answer({"ask": "answers", "text": text}, time_limit=1.0)
    assert "time limit" in found["errors"][-1]["message"]
    assert found["results"][0]["verdict"] == "verified"


class _Elements(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)
        assert not [key for key, _ in attrs if key.startswith("on") or key in ("src", "style")]


def test_markup_holds_no_script() -> None:
    found = asked("answers", HOSTILE)
    markup = found["shapes"] + "".join(result["markup"] for result in found["results"])
    assert not _Elements(markup).names & {"script", "style", "img", "iframe", "link"}


def test_what_the_page_begins_with() -> None:
    words = asked("words")
    assert words["words"]["logdet"]
    assert words["letters"][r"\theta"] == "θ"
    assert words["targets"] == list(TARGETS)
    names = [example["name"] for example in asked("examples")["examples"]]
    assert "mlp.st" in names
    assert "paper.tex" in names
