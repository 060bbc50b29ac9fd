"""The notebook in examples/, run with a real kernel, and what its cells refuse."""

from __future__ import annotations

import html
import re
import sys
import warnings
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

with warnings.catch_warnings():  # of theirs about each other
    warnings.simplefilter("ignore")
    import nbformat
    from nbclient import NotebookClient

import shapetrick as st
from shapetrick import notebook

TOUR = Path(__file__).parent.parent / "examples" / "tour.ipynb"


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_the_tour_runs_and_shows_what_it_says() -> None:
    tour = nbformat.read(TOUR, as_version=4)
    NotebookClient(tour, timeout=300, kernel_name="python3").execute()
    shown = [
        output.data
        for cell in tour.cells
        if cell.cell_type == "code"
        for output in cell.outputs
        if output.output_type in ("display_data", "execute_result")
    ]
    pages = [data["text/html"] for data in shown if "text/html" in data]
    assert len(pages) == 3  # both backward rules in one
    assert [page.count("✓ verified</span>") for page in pages] == [1, 1, 0]
    assert "✗ WRONG" in pages[-1]
    assert all("<math>" in page and "<svg" in page for page in pages)
    formula = r"$\displaystyle \frac{1}{m} X^{\top} (X w - y)$"
    assert [d["text/latex"] for d in shown if "text/latex" in d and "text/html" not in d] == [
        formula
    ]
    printed = [
        o.text for c in tour.cells if c.cell_type == "code" for o in c.outputs if "text" in o
    ]
    assert printed[0] == "X' (X w - y) / m ('d', '1') True\n"
    assert not any(o.get("name") == "stderr" for c in tour.cells for o in c.get("outputs", ()))


def test_the_stored_tour_has_no_outputs() -> None:
    tour = nbformat.read(TOUR, as_version=4)
    nbformat.validate(tour)
    assert not any(cell.get("outputs") for cell in tour.cells)


class Shell:
    """What the cell needs of IPython."""

    def __init__(self) -> None:
        self.user_ns: dict[str, Any] = {}
        self.shown: list[Any] = []
        self.magic: Any = None

    def register_magic_function(self, function: Any, kind: str, name: str) -> None:
        assert (kind, name) == ("cell", "shapetrick")
        self.magic = function


@pytest.fixture
def shell(monkeypatch: pytest.MonkeyPatch) -> Shell:
    shell = Shell()
    display = SimpleNamespace(display=shell.shown.append, Math=lambda text: text)
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(display=display))
    monkeypatch.setitem(sys.modules, "IPython.display", display)
    st.load_ipython_extension(shell)
    return shell


PROBLEM = "x, y : n\nJ = x' y\ngrad J wrt x\ncheck grad J wrt y = x"


def test_a_cell_shows_derivations_and_verdicts(shell: Shell) -> None:
    shell.magic("found --seed 3", PROBLEM)
    derivation, check = shell.shown
    assert shell.user_ns["found"] == [derivation, check]
    assert derivation.validation.seed == 3
    assert check.right


def test_gradients_of_one_thing_share_names_in_a_cell(shell: Shell) -> None:
    text = "X : m x n; w : n; b : scalar; y : m\nJ = norm(X w + b - y)^2\ngrad J wrt w, b"
    shell.magic("found", f"{text}\ncheck J = 2 J")
    assert [str(d.gradient) for d in shell.user_ns["found"][:2]] == ["X' δ", "sum(δ)"]
    article, equality = shell.shown
    page = article._repr_html_()
    assert [page.count(part) for part in ("<article", "✓ verified</span>", 'class="codes"')] == [
        1,
        1,
        1,
    ]
    assert repr(article).splitlines()[1] == "<Derivation grad J wrt b = sum(δ)>"
    assert "✗ WRONG" in equality._repr_html_()
    assert equality.latex() == r"J \neq 2 J"


def test_a_quiet_cell_shows_formulas(shell: Shell) -> None:
    shell.magic("--quiet", PROBLEM)
    assert shell.shown == [
        r"\frac{\partial J}{\partial x} = y",
        r"\frac{\partial J}{\partial y} = x",
    ]
    assert not shell.user_ns


@pytest.mark.parametrize(
    ("line", "cell", "said"),
    [
        ("", "x : n\nJ = x' (y\ngrad J wrt x", "line 2"),
        ("--seed one", PROBLEM, "invalid int value"),
        ("one two", PROBLEM, "unrecognized arguments"),
        ("'", PROBLEM, "No closing quotation"),
    ],
)
def test_what_is_wrong_is_said_without_a_traceback(
    shell: Shell, line: str, cell: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    shell.magic(line, cell)
    assert said in capsys.readouterr().err
    assert not shell.shown


@pytest.mark.parametrize(
    "shown",
    [
        st.derive("X : m x d; w : d; J = norm(X w)^2; grad J wrt w"),
        st.check("A : n x n; x : n; J = x' A x; check grad J wrt x = 2 A x"),
    ],
    ids=["derivation", "claim"],
)
def test_what_takes_no_styles_shows_the_text(shown: Any) -> None:
    page = shown._repr_html_()
    (told,) = re.findall(r'<div class="unstyled"><p>.*?</p><pre>(.*?)</pre>', page, re.DOTALL)
    assert html.unescape(told) == str(shown)
    assert ".unstyled { display: none; }" in page


def test_modules_are_named_by_the_package() -> None:
    assert st.load_ipython_extension is notebook.load_ipython_extension
