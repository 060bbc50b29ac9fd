"""An article's blocks written down: in LaTeX, as a document of its own, or in GitHub's Markdown."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

from ..language.latex_names import GREEK
from .document import Block, Equation, Item, Text
from .latex import escaped

# Letters of the language and of what is said that pdfLaTeX lacks, in mathematics.
_SIGNS = {
    **{letter: f"\\{name}" for letter, name in GREEK.items()},
    "⊙": r"\odot", "⊘": r"\oslash", "⊗": r"\otimes", "∘": r"\circ", "ᵀ": r"^{\top}", "−": "-",
    "∂": r"\partial", "≥": r"\geq", "≤": r"\leq", "→": r"\to", "Σ": r"\Sigma", "′": r"'",
    "✓": r"\checkmark", "✗": r"\times", "²": "^{2}", "₀": "_{0}", "₁": "_{1}", "₂": "_{2}",
    "₃": "_{3}",
}  # fmt: skip
_DOCUMENT = r"""\documentclass[10pt,fleqn]{article}
\usepackage[a4paper,margin=22mm]{geometry}
\usepackage{amsmath,amssymb,iftex}
\ifPDFTeX
  \IfFileExists{lmodern.sty}{\usepackage[T1]{fontenc}\usepackage{lmodern}}{}
%LETTERS%
\else
  \usepackage{fontspec}
\fi
\setlength{\parindent}{0pt}
\setlength{\parskip}{6pt}
\setlength{\mathindent}{1em}
\allowdisplaybreaks
\begin{document}

%BODY%

\end{document}
"""


def document(blocks: Iterable[Block]) -> str:
    """A document of its own, for pdfLaTeX too: letters that it lacks are given by number there."""
    body = latex(blocks)
    lines = [
        rf"  \DeclareUnicodeCharacter{{{ord(c):04X}}}{{\ensuremath{{\mathtt{{U{ord(c):04X}}}}}}}"
        for c in sorted(set(body))
        if ord(c) > 0xFF
    ]
    return _DOCUMENT.replace("%LETTERS%", "\n".join(lines)).replace("%BODY%", body)


def latex(blocks: Iterable[Block]) -> str:
    """The blocks in LaTeX, for a document with amsmath and amssymb."""
    return "\n\n".join(map(_latex_block, blocks))


def _latex_block(block: Block) -> str:
    if isinstance(block, tuple):
        return f"\\begin{{align*}}\n{_rows(block)}\n\\end{{align*}}"
    text = _printable(block.text)
    if isinstance(block, Item):
        return rf"\textbullet\ ${block.formula}$: {_latex_text(text)}."
    if block.look == "code":
        lines = [_latex_text(line).replace(" ", r"\ ") for line in text.splitlines()]
        rows = "\n".join(rf"\mbox{{}}{line}\\" for line in lines)
        return f"\\begin{{flushleft}}\\ttfamily\n{rows}\n\\end{{flushleft}}"
    looks = {"heading": r"\subsection*{\texttt{%s}}", "strong": r"\textbf{%s}"}
    return looks.get(block.look, "%s") % _latex_text(text)


def _latex_text(text: str) -> str:
    return "".join(f"${_SIGNS[c]}$" if c in _SIGNS else escaped(c) for c in text)


def markdown(blocks: Iterable[Block]) -> str:
    """The blocks in Markdown, mathematics in the fences that GitHub renders."""
    return "\n\n".join(map(_markdown_block, blocks))


def _markdown_block(block: Block) -> str:
    if isinstance(block, tuple):
        return f"```math\n\\begin{{aligned}}\n{_rows(block)}\n\\end{{aligned}}\n```"
    text = _printable(block.text)
    if isinstance(block, Text) and block.look == "code":
        fence = "`" * max(3, 1 + max(map(len, re.findall("`+", text)), default=0))
        return f"{fence}\n{text}\n{fence}"
    text = re.sub(r"([\\`*_\[\]<>|$~&#])", r"\\\1", text)
    if isinstance(block, Item):
        return f"- $`{block.formula}`$: {text}."
    return {"heading": f"### {text}", "strong": f"**{text}**"}.get(block.look, text)


def _rows(equations: Iterable[Equation]) -> str:
    rows = []
    for e in equations:
        remark = rf" \qquad \text{{{e.remark}}}" if e.remark else ""
        rows.append(f"  {e.left} &{e.sign} {e.right}{remark}".rstrip())
    return " \\\\\n".join(rows)


def _printable(text: str) -> str:
    """The text without tabs, controls and marks that change the direction of writing."""
    text = unicodedata.normalize("NFC", text.expandtabs(4))
    return "".join(c if c.isprintable() or c == "\n" else " " for c in text)
