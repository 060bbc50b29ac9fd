"""One story: what is told of a result is told by every writer, and each imports what it writes."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import replace
from html import unescape

import pytest
from samples import PROBLEM, UNCHECKED, WRONG, backward_rule, linear_regression, long_sum

import shapetrick as st
from shapetrick.core.problem import Problem
from shapetrick.core.results import Result, Validation
from shapetrick.render import document as doc
from shapetrick.render import phrases as words
from shapetrick.render.article import derivation_parts, latex, markdown
from shapetrick.render.claims import claim_story
from shapetrick.render.html import Report, fragment
from shapetrick.render.layout import plain
from shapetrick.render.terminal import Style, result_rows

RESULTS = [
    linear_regression(),
    linear_regression(WRONG),
    linear_regression(UNCHECKED),
    backward_rule(),
    replace(long_sum(), notes=("one", "another")),
]


def _sentences(story: doc.Story, detail: int) -> list[str]:
    """What is told in words, by the blocks that are told."""
    blocks = [*story.answer, *story.simplification, *(b for s in story.steps for b in s.blocks)]
    told = doc.told(blocks, detail)
    lines = [b for b in told if isinstance(b, doc.ScalarLine)]
    told += doc.told((x for b in lines for x in (*b.origins, *b.rejected)), detail)
    said = []
    for block in told:
        if isinstance(block, doc.Remark):
            said.append(block.text)
        elif isinstance(block, doc.Evidence):
            said += [block.label, block.reason, *block.figures]
        elif isinstance(block, doc.Listing):
            said += [text for item in block.items for text in item.said]
    return said


def _words(text: str) -> str:
    """Letters and figures alone: neither escapes nor line breaks."""
    return "".join(re.findall(r"\w+", unescape(re.sub(r"<[^>]*>", "", text))))


@pytest.mark.parametrize("result", RESULTS)
@pytest.mark.parametrize("detail", [doc.LINES, doc.STEPS])
def test_every_writer_tells_the_story(result: Result, detail: int) -> None:
    said = _sentences(doc.derivation_story(result), detail)
    assert len(said) > 2
    parts = list(derivation_parts([result], PROBLEM, detail))
    written = {
        "terminal": plain(result_rows(result, Style(80, steps=detail == doc.STEPS))),
        "pipe": plain(result_rows(result, Style(steps=detail == doc.STEPS))),
        "markdown": markdown(parts),
        "latex": re.sub(r"\\geq", "≥", latex(parts)),
        "html": fragment([Report(PROBLEM, result)]),
    }
    for writer, text in written.items():
        missing = [s for s in said if _words(s) not in _words(text)]
        if writer == "latex":  # signs are commands there
            missing = [s for s in missing if s.isascii()]
        assert not missing, (writer, missing)


def test_what_is_rejected_is_told_only_where_more_is_asked_for() -> None:
    lines = _sentences(doc.derivation_story(linear_regression()), doc.LINES)
    steps = _sentences(doc.derivation_story(linear_regression()), doc.STEPS)
    assert "its units do not cancel" in steps
    assert set(lines) < set(steps)


@pytest.mark.parametrize("result", RESULTS)
def test_an_answer_alone_says_where_it_is_not_verified(result: Result) -> None:
    told = doc.told(doc.derivation_story(result).answer, doc.ANSWER)
    evidence = [b for b in told if isinstance(b, doc.Evidence)]
    assert bool(evidence) == (result.validation.verdict != "verified")


SHARING = "X : m x n; W : n x n; Z = tanh(X W); J = sum(exp(Z)); L = sum(Z)"


def _results(requests: str) -> tuple[Problem, list[Result]]:
    derived = st.read(f"{SHARING}; {requests}").derive()
    return derived[0].problem, [replace(d.result, steps=d.steps) for d in derived]


def test_what_is_told_above_is_referred_to() -> None:
    problem, results = _results("grad J wrt W; grad L wrt W; grad J wrt X")
    for detail in (doc.ANSWER, doc.LINES):
        stories = doc.told_once([doc.derivation_story(r) for r in results])
        assert [len(s.steps) for s in stories] == [2, 2, 1]
        every = markdown(derivation_parts(results, problem, detail))
        assert every.startswith(markdown(derivation_parts([results[0]], problem, detail)))
        assert ("Steps: ∂J/∂Z: as above." in every) == (detail == doc.LINES)
        separate = markdown(derivation_parts(results, problem, detail, separate=True))
        assert "as above" not in separate
    answer = replace(results[1], definitions=(*results[1].definitions, ("G1", results[1].gradient)))
    quiet = markdown(derivation_parts([answer, results[0], answer], problem, doc.ANSWER))
    assert quiet.count("G_{1} &=") == 1
    assert quiet.endswith("G1: as above.")


def test_gradients_of_one_thing_are_one_story() -> None:
    _, results = _results("grad J wrt W, X; grad L wrt W, X; grad J wrt X")
    first, second, third = doc.joint_stories(results)
    assert [r.wrt.name for r in first.requests] == ["W", "X"]
    assert [s.step.label for s in first.steps] == ["∂J/∂Z", "δ", "∂J/∂W", "∂J/∂X"]
    assert [s.step.label for s in second.steps] == ["∂L/∂Z", "∂L/∂W", "∂L/∂X"]
    assert third == doc.derivation_story(results[4])
    formulas = [b for b in first.answer if isinstance(b, doc.EquationBlock)]
    gradients = [b.right for b in formulas if b.label == "gradient"]
    assert gradients == [results[0].gradient, results[1].gradient]
    (evidence,) = (b for b in first.answer if isinstance(b, doc.Evidence))
    worst = max(r.validation.max_relative_error for r in results[:2])
    assert evidence.figures[0] == f"worst relative error {words.figure(worst)}"


def test_what_holds_for_every_line_is_said_in_the_first() -> None:
    chain = st.read("X : m x d; W : d x h; V : h x k; grad norm(tanh(X W) V)^2 wrt W, V")
    results = [replace(d.result, steps=d.steps) for d in chain.derive()]
    (story,) = doc.joint_stories(results)
    lines = [b for s in story.steps for b in s.blocks if isinstance(b, doc.ScalarLine)]
    assert len(lines) > 2
    assert all(b.line.is_forced for b in lines)
    said = [b.counted() for b in lines]
    assert said[0] == "the only arrangement that fits, as on every line without a remark"
    assert not any(said[1:])
    (one,) = st.read("X : m x d; w : d; grad norm(X w)^2 wrt w").derive()
    assert str(one).count("the only arrangement that fits the declared shapes") == 1


def test_a_name_for_two_values_keeps_derivations_apart() -> None:
    _, results = _results("grad J wrt W, X")
    named = [replace(r, definitions=(*r.definitions, ("G1", r.gradient))) for r in results]
    assert [len(s.requests) for s in doc.joint_stories(named)] == [1, 1]
    assert [len(s.requests) for s in doc.joint_stories([named[0], named[0]])] == [2]


@pytest.mark.parametrize("validation", [WRONG, UNCHECKED])
def test_what_is_not_verified_is_told_alone(validation: Validation) -> None:
    _, results = _results("grad J wrt W, X")
    spoilt = [replace(results[0], validation=validation), results[1]]
    assert [len(s.requests) for s in doc.joint_stories(spoilt)] == [1, 1]
    assert [s.verdict for s in doc.joint_stories(spoilt)] == [validation.verdict, "verified"]


def test_a_claim_is_told_with_what_mends_it() -> None:
    c = st.check("A : n x n; x : n; J = x' A x; check grad J wrt x = 2 A x")
    claim, evidence, mended = claim_story(c.judgement).answer
    assert isinstance(claim, doc.MarkedText)
    assert isinstance(evidence, doc.Evidence)
    assert isinstance(mended, doc.MarkedText)
    assert (claim.text, claim.sign, claim.marks) == ("2 A x", "≠", (range(0, 1),))
    assert evidence.reason == c.diagnosis
    assert (mended.label, mended.text) == ("instead", "(A + A') x")
    written = c._repr_html_()
    for text in (evidence.label, "Instead:", *evidence.figures):
        assert _words(text) in _words(written)


# ------------------------------------------------------------------------------------- the imports

HTML = {"html", "html_elements", "svg", "mathml", "latex", "article"}
CLAIM = "X : m x d; w : d; J = norm(X w)^2 / 2; check grad J wrt w = X X w"


def _rendering(code: str) -> set[str]:
    """The modules of render/ that a program has imported at its end."""
    program = (
        f"{code}\nimport sys\n"
        "print(*(m for m in sys.modules if m.startswith('shapetrick.render.')), file=sys.stderr)"
    )
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
    return {name.rpartition(".")[2] for name in run.stderr.split()}


def test_checking_on_the_command_line_imports_nothing_that_writes_html() -> None:
    code = f"from shapetrick.cli import main\nassert main(['check', '-e', {CLAIM!r}]) == 1"
    modules = _rendering(code)
    assert "terminal" in modules
    assert not modules & HTML


def test_a_verdict_in_python_imports_no_writer() -> None:
    assert not _rendering(f"import shapetrick as st\nassert not st.check({CLAIM!r}).right")


def test_deriving_on_the_command_line_imports_the_terminal_alone() -> None:
    text = "x : n; grad (x' x) wrt x"
    code = f"from shapetrick.cli import main\nassert main(['derive', '-e', {text!r}]) == 0"
    assert not _rendering(code) & {*HTML, "claims", "plots"}
