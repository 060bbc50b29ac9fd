r"""The formulas of a `.tex` file between our marks, every place where it was.

    % shapetrick: begin
    We minimise $J = \frac{1}{2m} \|X w - y\|^2$, whose gradient is
    \[ \nabla_w J = \frac{1}{m} X^{\top} (X w - y). \]
    % shapetrick: X : m x d; w : d; y : m
    % shapetrick: end

A formula with `=` or `\in` is a statement, any other a mention. What a comment says behind our name
is a statement too, plain or LaTeX.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from ...core.errors import Located, ParseError, Span
from ...core.regexes import regex
from ..syntax.latex_places import formulas
from ..syntax.statement_lines import blanked
from .statement_boundaries import formula_statements

_MARK = regex(r"^[ \t]*%+[ \t]*shapetrick:(?P<said>[^\n]*)$", re.MULTILINE)


def is_marked(text: str) -> bool:
    """Whether a text says where its statements begin."""
    return any(m["said"].strip() == "begin" for m in _MARK.finditer(text))


def marked(text: str) -> str:
    """A file's statements, all else blank. Raises ParseError."""
    with Located(text):
        return _marked(text)


def _marked(text: str) -> str:
    kept = list("".join(c if c == "\n" else " " for c in text))
    marks = list(_MARK.finditer(text))
    if not is_marked(text):
        raise ParseError(
            "nothing is marked: put `% shapetrick: begin` and `% shapetrick: end` in lines of "
            "their own around what is to be read."
        )
    begin: re.Match[str] | None = None
    for m in marks:
        said = m["said"].strip()
        if (said == "begin") == (begin is not None):
            what = "is still open" if begin is not None else "was never begun"
            raise ParseError(f"what this line marks {what}.", Span(*m.span()))
        if said == "begin":
            begin = m
        elif said == "end" and begin is not None:
            for span in _statements(text, begin.end(), m.start()):
                kept[span.start : span.end] = text[span.start : span.end]
            begin = None
        else:
            kept[m.start("said") : m.end("said")] = m["said"]
    if begin is not None:
        raise ParseError("this is never ended: `% shapetrick: end`.", Span(*begin.span()))
    return "".join(kept)


def _statements(text: str, start: int, end: int) -> Iterator[Span]:
    """The formulas that say something, with what delimits them."""
    region = " " * start + blanked(text[start:end], _MARK)
    for formula in formulas(region):
        said = formula_statements(region, formula.inner)
        if any(s.relation < len(s.tokens) or s.over for s in said):
            yield formula.span
