"""LaTeX's mathematics as MathML, which browsers show without a download.

What is read is what `latex.py` writes and no more: signs and names are spelled there once. Text
can't become markup: whatever is not a known command stands escaped in an element.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape

from ..core.greek import GREEK
from ..core.regexes import regex
from .latex import unescaped

_TOKENS = regex(
    r"\\(?P<look>mathrm|mathit|mathbf|mathtt|text)\{(?P<word>(?:\\text[a-z]+\{\}|\\.|[^{}\\])*)\}"
    r"|\\class\{(?P<mark>\w+)\}"
    r"|\\(?P<block>begin|end)\{bmatrix\}|(?P<between>&|\\\\)"
    r"|\\left(?P<open>\\?[^a-z\s]|\\[a-z]+)|\\right(?P<close>\\?[^a-z\s]|\\[a-z]+)"
    r"|\\(?P<command>[a-zA-Z]+)|\\(?P<escaped>.)"
    r"|(?P<number>\d+(?:\.\d+)?)|(?P<primes>'+)|(?P<space>\s+)|(?P<other>.)",
    re.DOTALL,
)
_SIGNS = {
    "odot": "⊙", "oslash": "⊘", "otimes": "⊗", "cdot": "·", "times": "×", "to": "→",
    "sum": "∑", "prod": "∏", "dots": "…", "rightsquigarrow": "⇝", "neq": "≠", "leq": "≤",
}  # fmt: skip
_LETTERS = {name: letter for letter, name in GREEK.items()} | {"partial": "∂", "top": "⊤"}
_LETTERS |= {"circ": "∘"}
_FENCES = {r"\|": "‖", r"\langle": "⟨", r"\rangle": "⟩"}
_ARGUMENTS = {"frac": 2, "sqrt": 1, "bar": 1, "overline": 1, "overset": 2}
_SPACES = {"quad": "1em", "qquad": "2em", ",": "0.17em", ";": "0.28em"}
_TIMES = "<mo>&#x2062;</mo>"  # seen by no one, and said by a screen reader
_APPLY = "<mo>&#x2061;</mo>"
_BREAKS = {f"<mo>{sign}</mo>" for sign in "+−⊙⊘=≠"}


def to_mathml(latex: str, display: bool = False) -> str:
    """The `math` element of a formula; with `display` on a line of its own."""
    style = ' display="block"' if display else ""
    return f"<math{style}>{row(latex)}</math>"


def row(latex: str) -> str:
    """A formula as one element, to be put among others."""
    return _mrow(_items(latex))


def pieces(latex: str) -> list[str]:
    """A formula as several `math` elements, between which a line may be broken."""
    parts: list[list[_Item]] = [[]]
    for item in _items(latex):
        if item.text in _BREAKS and parts[-1] and parts[-1][-1].operand:
            sign = item.text.replace("<mo>", '<mo form="infix">')
            parts.append([_Item(sign, operand=False)])
        else:
            parts[-1].append(item)
    return [f"<math>{_mrow(part)}</math>" for part in parts]


def _items(latex: str) -> Sequence[_Item]:
    reader = _MathReader()
    for match in _TOKENS.finditer(latex):
        reader.read(match)
    return reader.finished()


@dataclass(frozen=True, slots=True)
class _Item:
    """An element of a row; `operand` tells whether a product may be meant beside it."""

    text: str
    operand: bool = True
    function: bool = False
    base: str = ""  # what an index stands at, for a power to stand there too
    index: str = ""


@dataclass(slots=True)
class _OpenCommand:
    """A command that waits for its arguments."""

    command: str
    count: int
    found: list[_Item] = field(default_factory=list)


@dataclass(slots=True)
class _Frame:
    """A group on its way: what stands in it, and how it was opened."""

    opened: str = ""
    tall: bool = False
    items: list[_Item] = field(default_factory=list)
    pending: list[_OpenCommand] = field(default_factory=list)
    gap: bool = False


class _MathReader:
    """Puts tokens into rows; a stack holds the groups that are open."""

    def __init__(self) -> None:
        self._stack = [_Frame()]

    def finished(self) -> Sequence[_Item]:
        return self._stack[0].items

    def read(self, match: re.Match[str]) -> None:
        kind = match.lastgroup
        if kind == "word":
            self._put(_word(match["look"], unescaped(match["word"])))
        elif kind == "mark":
            self._frame.pending.append(_OpenCommand(f"class {match['mark']}", 1))
        elif kind == "block":
            self._open("[", True) if match["block"] == "begin" else self._close_block()
        elif kind == "between":
            self._frame.items.append(_Item(match[0], operand=False))
        elif kind in ("open", "close"):
            fence = match[kind]
            self._open(fence, True) if kind == "open" else self._close(fence)
        elif kind == "command":
            self._command(match["command"])
        elif kind == "number":
            self._put(_Item(f"<mn>{match[0]}</mn>"))
        elif kind == "primes":
            frame = self._frame
            frame.pending.append(_OpenCommand("^", 2, [frame.items.pop()]))
            self._put(_Item("<mo>" + "′" * len(match[0]) + "</mo>"))
        elif kind == "space":
            self._frame.gap = True
        elif kind == "escaped" and match["escaped"] in _SPACES:
            self._command(match["escaped"])
        else:
            self._character(match["escaped"] or match["other"])

    @property
    def _frame(self) -> _Frame:
        return self._stack[-1]

    def _character(self, c: str) -> None:
        if c in "^_":
            base = self._frame.items.pop() if self._frame.items else _Item("<mrow></mrow>")
            self._frame.pending.append(_OpenCommand(c, 2, [base]))
        elif c == "{":
            self._stack.append(_Frame())
        elif c == "(":
            self._open("(", False)
        elif c in ")}":
            self._close(c)
        elif c.isalpha():
            self._put(_Item(f"<mi>{escape(c)}</mi>"))
        else:
            sign = "−" if c == "-" else c
            self._put(_Item(f"<mo>{escape(sign)}</mo>", operand=False))

    def _command(self, name: str) -> None:
        if name in _ARGUMENTS:
            self._frame.pending.append(_OpenCommand(name, _ARGUMENTS[name]))
        elif name in _SPACES:
            self._put(_Item(f'<mspace width="{_SPACES[name]}"></mspace>', operand=False))
        elif name in _SIGNS:
            self._put(_Item(f"<mo>{_SIGNS[name]}</mo>", operand=False))
        elif name in _LETTERS:
            upright = ' mathvariant="normal"' if name in ("partial", "top", "circ") else ""
            self._put(_Item(f"<mi{upright}>{_LETTERS[name]}</mi>", operand=name != "partial"))
        else:
            self._put(_word("mathrm", name))

    def _open(self, fence: str, tall: bool) -> None:
        self._stack.append(_Frame(_FENCES.get(fence, fence), tall))

    def _close(self, fence: str) -> None:
        frame = self._stack.pop()
        if not frame.opened:
            self._put(_Item(_mrow(frame.items)))
            return
        stretchy = "true" if frame.tall else "false"
        fences = (frame.opened, _FENCES.get(fence, fence))
        left, right = (f'<mo stretchy="{stretchy}">{escape(f)}</mo>' for f in fences)
        inner = "".join(item.text for item in frame.items)
        self._put(_Item(f"<mrow>{left}{inner}{right}</mrow>"))

    def _close_block(self) -> None:
        """A block matrix: its rows, and what stands in them."""
        frame, rows = self._stack.pop(), list[list[list[_Item]]]([[[]]])
        for item in frame.items:
            if item.text == r"\\":
                rows.append([[]])
            elif item.text == "&":
                rows[-1].append([])
            else:
                rows[-1][-1].append(item)
        cells = ("".join(f"<mtd>{_mrow(cell)}</mtd>" for cell in row) for row in rows)
        table = "".join(f"<mtr>{row}</mtr>" for row in cells)
        left, right = (f'<mo stretchy="true">{fence}</mo>' for fence in "[]")
        self._put(_Item(f"<mrow>{left}<mtable>{table}</mtable>{right}</mrow>"))

    def _put(self, item: _Item) -> None:
        """Add an element to the row, or to the command that waits for it."""
        frame = self._frame
        while frame.pending:
            pending = frame.pending[-1]
            pending.found.append(item)
            if len(pending.found) < pending.count:
                return
            frame.pending.pop()
            item = _built(pending)
        before = frame.items[-1] if frame.items else None
        if before and before.operand and item.operand:
            hidden = _APPLY if before.function else _TIMES
            if before.function or frame.gap:
                frame.items.append(_Item(hidden, operand=False))
        frame.items.append(item)
        frame.gap = False


def _built(pending: _OpenCommand) -> _Item:
    parts = [item.text for item in pending.found]
    first = pending.found[0]
    match pending.command:
        case "frac":
            return _Item(f"<mfrac>{parts[0]}{parts[1]}</mfrac>")
        case "sqrt":
            return _Item(f"<msqrt>{parts[0]}</msqrt>")
        case "bar" | "overline":
            # Fonts disagree on the height of a bar: the style draws it, the sign is for the ear.
            under = f'<mrow class="bar">{parts[0]}</mrow>'
            return _Item(f'<mover>{under}<mo class="unseen">¯</mo></mover>')
        case "overset":
            return _Item(f"<mover>{parts[1]}{parts[0]}</mover>", operand=False)
        case "_":
            text = f"<msub>{parts[0]}{parts[1]}</msub>"
            return _Item(text, function=first.function, base=parts[0], index=parts[1])
        case "^" if first.index:
            return _Item(f"<msubsup>{first.base}{first.index}{parts[1]}</msubsup>")
        case "^":
            return _Item(f"<msup>{parts[0]}{parts[1]}</msup>", function=first.function)
    _, mark = pending.command.split()
    return _Item(f'<mrow class="{mark}">{parts[0]}</mrow>', function=first.function)


def _word(look: str, word: str) -> _Item:
    text = escape(word)
    match look:
        case "mathrm":
            return _Item(f"<mi>{text}</mi>", function=len(word) > 1)
        case "mathbf":
            return _Item(f'<mi class="bold" mathvariant="normal">{text}</mi>')
        case "mathit":
            return _Item(f'<mi class="italic">{text}</mi>')
        case "mathtt":
            return _Item(f'<mi class="typed" mathvariant="normal">{text}</mi>')
    kept = text.replace(" ", "\N{NO-BREAK SPACE}")  # others are lost at the ends
    return _Item(f"<mtext>{kept}</mtext>")


def _mrow(items: Sequence[_Item]) -> str:
    texts = [item.text for item in items]
    return texts[0] if len(texts) == 1 else f"<mrow>{''.join(texts)}</mrow>"
