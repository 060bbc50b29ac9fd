r"""LaTeX to tokens: the signs, macros and names of a formula, and what brackets what.

Names mean nothing yet. What only sets type (`\left`, `\big`, `\,`, `&`) is gone after this; the
arguments of `^`, `_`, `\frac` and the like stand in braces, also where they were typed without.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence

from ...core.errors import ParseError, Span
from ...core.named_tuples import NamedTuple
from ...core.regexes import regex

LONGEST = 30_000  # characters of a formula
MOST_NESTED = 200
_TOKEN = regex(
    r"""(?P<space>\s+|%[^\n]*|~|&|\\[,;:!>\ \n]
        |\\(?:displaystyle|textstyle|scriptstyle|limits|nolimits|nonumber|notag|hfill|strut)(?![a-zA-Z])
        |\\(?:label|tag\*?|hspace\*?|vspace\*?|phantom|color|(?:begin|end)\{(?:aligned|split|gathered)\})
         (?:\{[^{}]*\})?)
    |\\(?P<font>text(?:rm|it|bf|sf|tt)?|mbox|math(?:rm|it|sf|tt|normal)|operatorname\*?)
     \s*(?:\{(?P<word>(?:[^{}\\]|\\.)*)\}|(?P<single>[a-zA-Z]))
    |\\(?:overset|stackrel)\s*\{[^{}]*(?:\{[^{}]*\})?\}\s*\{(?P<relation>[^{}]*)\}
    |(?P<matrix>\\(?:begin|end)\s*\{(?:[bp]?matrix|[dr]?cases|array\}\s*\{[lcr|\ ]*|array)\})
    |(?P<raised>[⁰¹²³⁴-⁹⁺⁻ⁿˣᵃ-ᵛᴬ-ᵂ]+)
    |(?P<number>\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)
    |(?P<letter>[^\W\d_][\u0300-\u036f]*)
    |(?P<macro>\\(?:[a-zA-Z]+\*?|.))
    |(?P<sign>\|\||:=|.)""",
    re.VERBOSE | re.DOTALL,
)
_SIGNS = {
    "∇": r"\nabla", "∂": r"\partial", "⊙": r"\odot", "∘": r"\circ", "⊗": r"\otimes",
    "⊘": r"\oslash", "·": r"\cdot", "×": r"\times", "∈": r"\in", "∑": r"\sum", "√": r"\sqrt",
    "⊤": r"\top", "−": "-", "’": "'", "…": r"\dots", "⟨": r"\langle", "⟩": r"\rangle",
    "‖": r"\|", "≔": ":=", r"\coloneqq": ":=", r"\triangleq": ":=", r"\equiv": ":=",
    r"\Vert": r"\|", "||": r"\|", r"\vert": "|", r"\colon": ":", r"\ast": "*", r"\prime": "'",
    r"\ldots": r"\dots", r"\cdots": r"\dots", r"\dotsc": r"\dots", r"\mid": "|", r"\ne": r"\neq",
    r"\lbrace": r"\{", r"\rbrace": r"\}", r"\lbrack": "[", r"\rbrack": "]", r"\newline": r"\\",
    r"\bm": r"\boldsymbol", r"\pmb": r"\boldsymbol", r"\dfrac": r"\frac", r"\tfrac": r"\frac",
    r"\cfrac": r"\frac", r"\intercal": r"\top", r"\widehat": r"\hat", r"\overline": r"\bar",
    r"\widetilde": r"\tilde", r"\parallel": r"\|", "ℝ": r"\R", "≡": ":=",
}  # fmt: skip
_SPACE = regex(r"\\[,;:! ]|\s+")
_EXTREMA = {
    **dict.fromkeys(("minimize", "minimise"), r"\min"),
    **dict.fromkeys(("maximize", "maximise"), r"\max"),
    **dict.fromkeys(("argmin", "argmax", "arg min", "arg max"), r"\arg"),
}
MATRIX, MATRIX_END = r"\begin{matrix}", r"\end{matrix}"
CASES, CASES_END = r"\begin{cases}", r"\end{cases}"
SELECTED, SELECTED_END = "_[", "_]"  # of rows and columns that stand below
_INDEXED = (r"\sum", r"\prod", r"\max", r"\min", r"\nabla", r"\partial")  # what has letters below
_OPENING = {
    MATRIX: MATRIX_END,
    CASES: CASES_END,
    "(": ")",
    "[": "]",
    r"\{": r"\}",
    "{": "}",
    r"\langle": r"\rangle",
}
_ONE_SIDED = {r"\lVert": (r"\|", True), r"\rVert": (r"\|", False),
              r"\lvert": ("|", True), r"\rvert": ("|", False)}  # fmt: skip
_BARS = ("|", r"\|")
_SIZES = regex(r"\\(?:[bB]igg?)([lrm]?)")
_ARGUMENTS = {
    "^": 1, "_": 1, r"\frac": 2, r"\sqrt": 1, r"\mathbf": 1, r"\boldsymbol": 1, r"\vec": 1,
    r"\hat": 1, r"\bar": 1, r"\tilde": 1, r"\mathbb": 1, r"\mathcal": 1, r"\mathscr": 1,
    r"\mathfrak": 1, r"\norm": 1, r"\abs": 1, r"\underset": 2, r"\dot": 1, r"\ddot": 1,
    r"\substack": 1, r"\underbrace": 1, r"\overbrace": 1, r"\boxed": 1,
}  # fmt: skip
# After these nothing has come to an end: a bar opens, and a row goes on.
_WAITING = frozenset(
    {"+", "-", "=", ":=", "*", "/", ",", ";", ":", "^", "_", r"\in", r"\cdot", r"\times"}
    | {r"\odot", r"\otimes", r"\oslash", r"\circ", r"\\", r"\log", r"\ln", r"\det", r"\exp"}
    | {r"\sum", r"\pm", r"\quad", r"\qquad"}
)


class Token(NamedTuple):
    """A sign, a macro, a letter, a number or a word in a font of its own, and where it stands.

    Brackets are `open` and `close`, and have each other's place among the tokens as `partner`; a
    brace's text is `{`. A `relation` stands between a statement's two sides."""

    kind: str
    text: str
    span: Span
    partner: int = -1
    font: str = ""

    def is_(self, *texts: str) -> bool:
        """Whether it is one of these signs or macros."""
        return self.kind in ("sign", "macro", "relation") and self.text in texts

    def is_letter(self, *texts: str) -> bool:
        """Whether it is one of these letters."""
        return self.kind == "letter" and self.text in texts


def tokens(text: str, span: Span) -> list[Token]:
    """The tokens of a formula, brackets matched, arguments in braces. Raises ParseError."""
    if span.end - span.start > LONGEST:
        raise ParseError(
            f"the formula has {span.end - span.start} characters: at most {LONGEST} are read. Name "
            "its parts in formulas of their own.",
            Span(span.start, span.start + 1),
        )
    typed = list(_raw(text, span))
    if [token.text for token in typed[-2:]] == ["=", "?"]:  # what is asked
        typed = typed[:-2]
    found = _matched(_in_braces(_sized(typed)), text)
    return _selecting(_without_labels(_lowered(found)))


def _lowered(found: list[Token]) -> list[Token]:
    r"""With what stands below by `\underset{x}{\min}` as an index, `\min_{x}`."""
    places = [i for i, token in enumerate(found) if token.is_(r"\underset")]
    for i in reversed(places):
        low = found[i + 1].partner + 1
        high = found[low].partner
        index = [found[i]._replace(kind="sign", text="_"), *found[i + 1 : low]]
        found = [*found[:i], *found[low + 1 : high], *index, *found[high + 1 :]]
    return rebased(found) if places else found


def _without_labels(found: list[Token]) -> list[Token]:
    r"""Without a box, without what is said of a term, `\underbrace{…}_{\text{loss}}`, and with a
    condition below an indicator behind it, as in `\mathbf 1\{x > 0\}`."""
    dropped = set[int]()
    for i, token in enumerate(found):
        if token.is_(r"\boxed"):
            dropped |= {i, i + 1, found[i + 1].partner}
        elif token.is_(r"\underbrace", r"\overbrace"):
            end = found[i + 1].partner + 1
            said = end + 1 < len(found) and found[end].is_("_", "^")
            dropped |= {i, *range(end, found[end + 1].partner + 1 if said else end)}
        elif token.is_("_") and i > 3 and found[i - 4].is_(r"\mathbf", r"\mathbb"):
            low, high = i + 1, found[i + 1].partner
            if found[i - 2].text == "1" and any(t.is_("<", ">", "=") for t in found[low:high]):
                dropped |= {i, *((low, high) if found[low + 1].partner == high - 1 else ())}
    return rebased([t for i, t in enumerate(found) if i not in dropped]) if dropped else found


def _selecting(found: Sequence[Token]) -> list[Token]:
    """With rows and columns that stand below, `X_{1..k, :}`, and entries whose index is added up,
    in brackets of their own."""
    below = {
        i
        for i, token in enumerate(found[:-1])
        if token.is_("_")
        and not found[i - 1].is_(*_INDEXED)
        and (
            any(map(_spans, range(*_inner(found, i)), [found] * len(found)))
            or _adds(found[slice(*_inner(found, i))])
        )
    }
    if not below:
        return list(found)
    texts = {i + 1: SELECTED for i in below}
    texts |= {found[i + 1].partner: SELECTED_END for i in below}
    spans = {k for i in below for k in range(*_inner(found, i)) if _is_between(found, k)}
    given = [
        token._replace(kind="macro", text=r"\dots")
        if i in spans
        else token._replace(text=texts.get(i, token.text))
        for i, token in enumerate(found)
        if i not in below
    ]
    return rebased(given)


def _is_between(found: Sequence[Token], i: int) -> bool:
    """Whether a colon has an index on both sides, `x_{2:n}`."""
    sides = (found[i - 1], found[i + 1])
    return found[i].text == ":" and not any(t.text in (",", "{", "}") for t in sides)


def _inner(found: Sequence[Token], i: int) -> tuple[int, int]:
    """What stands in the brackets behind a token."""
    return i + 2, found[i + 1].partner


def _adds(inner: Sequence[Token]) -> bool:
    """Whether an index is added up of letters, `n-i`, or stands beside another one, `i+1,j`."""
    several = any(t.is_(",") for t in inner) or sum(t.kind == "letter" for t in inner) > 1
    return several and any(t.is_("+", "-") for t in inner)


def _spans(i: int, found: Sequence[Token]) -> bool:
    """Whether a token is a `:`, or of a `..`, or the number of a class, `y_i`, begins there."""
    is_pair = found[i].text == found[i + 1].text == "."
    is_class = found[i].kind == "letter" and found[i + 1].is_("_") and found[i + 3].kind == "letter"
    return is_pair or is_class or found[i].text in (":", r"\dots")


def _raw(text: str, span: Span) -> Iterator[Token]:
    """The tokens as typed, without what stands for space."""
    tables: list[str] = []  # how those end that are open
    last = ""
    for m in _TOKEN.finditer(text, *span):
        kind, at = str(m.lastgroup), Span(*m.span())
        if kind == "matrix":
            if m[kind].startswith(r"\begin"):
                opening = CASES if "cases" in m[kind] or last == r"\{" else MATRIX
                tables.append(_OPENING[opening])
                yield Token("macro", opening, at)
            else:
                yield Token("macro", tables.pop() if tables else MATRIX_END, at)
            continue
        if m.group() == "&" and tables:
            yield Token("sign", "&", at)
            continue
        if kind in ("word", "single"):
            word = _SPACE.sub(" ", m["word"] or m["single"] or "").replace("\\", "").strip()
            if word in _EXTREMA:
                yield Token("macro", _EXTREMA[word], at)
                continue
            yield Token("word", word, at, font=m["font"].rstrip("*"))
        elif kind == "raised":  # `ℝᵐˣⁿ`, `x²`
            yield from _raised(m.group(), at)
        elif kind == "relation":
            yield Token("relation", _SIGNS.get(m[kind].strip(), m[kind].strip()), at)
        elif kind != "space":
            typed = m.group()
            if kind == "macro" and typed[-1] == "*" and len(typed) > 2:
                typed = typed[:-1]
            sign = _SIGNS.get(typed, typed)
            kind = "macro" if kind == "letter" and sign != typed else kind
            if kind != "letter" and sign in ("=", ":=", ":", r"\in"):
                kind = "relation"
            last = sign
            yield Token(kind, sign, at)


def _raised(typed: str, at: Span) -> Iterator[Token]:
    """The tokens of raised letters and digits, as in `^{…}`."""
    yield Token("sign", "^", at)
    yield Token("open", "{", Span(at.start, at.start))
    plain = unicodedata.normalize("NFKC", typed.replace("ˣ", "×"))
    for m in _TOKEN.finditer(plain):
        sign = _SIGNS.get(m.group(), m.group())
        yield Token(str(m.lastgroup), sign, Span(at.start + m.start(), at.start + m.end()))
    yield Token("close", "}", Span(at.end, at.end))


def _sized(found: list[Token]) -> list[Token]:
    r"""With `\left(` and `\bigl(` as one bracket, and bars told to open or to close; a bar between
    arguments, `p(x \mid y)`, is a comma."""
    out: list[Token] = []
    bars: list[str] = []  # what is open: bars, and brackets
    between: list[int] = []  # where these are bars behind an operand
    i = 0
    while i < len(found):
        token, side = found[i], ""
        size = _SIZES.fullmatch(token.text) if token.kind == "macro" else None
        if token.is_(r"\left", r"\right", r"\middle") or size:
            side = {r"\left": "l", r"\right": "r"}.get(token.text, size[1] if size else "m")
            i += 1
            if i == len(found) or not _delimits(found[i]):
                raise ParseError(f"after `{token.text}` stands a bracket.", token.span)
            sized = token.is_(r"\left", r"\right")
            token = found[i]._replace(span=token.span | found[i].span, font="sized" * sized)
        i += 1
        sign, opens = token.text, side == "l"
        if token.kind not in ("sign", "macro"):
            out.append(token)
            continue
        if sign in _ONE_SIDED:
            sign, opens = _ONE_SIDED[sign]
            side = side or ("l" if opens else "r")
        if sign in _BARS and side not in ("l", "r"):
            waits = not out or out[-1].kind == "open" or out[-1].text in _WAITING
            is_script = len(out) > 1 and out[-2].is_("_", "^")  # `x_*`
            opens = (waits and not is_script) or not bars or bars[-1] != sign
            side = "l" if opens else "r"
        if sign == "." and token.font:
            sign = ""
        if side == "l" or (not side and sign in _OPENING):
            bars.append(sign)
            between.append(len(out) if sign in _BARS and out and ends(out[-1]) else -1)
            out.append(token._replace(kind="open", text=sign))
        elif side == "r" or (not side and sign in _OPENING.values()):
            if sign not in _BARS and between and between[-1] >= 0:
                out[between[-1]] = out[between[-1]]._replace(kind="sign", text=",")
                bars[-1:], between[-1:] = [], []
            bars[-1:], between[-1:] = [], []
            out.append(token._replace(kind="close", text=sign))
        else:
            out.append(token._replace(font=""))
    return out


def _delimits(token: Token) -> bool:
    sign = token.text
    known = sign in _OPENING or sign in _OPENING.values() or sign in _BARS or sign in _ONE_SIDED
    return token.kind in ("sign", "macro") and (known or sign in (".", "/")) and sign not in "{}"


def _in_braces(found: list[Token]) -> list[Token]:
    """With braces around arguments that were typed without, as TeX takes them."""
    out: list[Token] = []
    wanted: list[list[int]] = [[0, 0]]  # for each bracket, the arguments still to come; a root's
    i = 0
    while i < len(found):
        token = found[i]
        i += 1
        if wanted[-1][0] and not (token.kind == "open" and token.text == "{"):
            if token.text == "[" and out[-1].is_(r"\sqrt"):
                message = "a root with an index is a power: write `x^{1/3}`."
                raise ParseError(message, token.span)
            primed = token.is_("'") and not out[-1].is_("^")
            if primed or token.is_(*_ARGUMENTS) or token.kind in ("open", "close"):
                raise ParseError("put braces around what stands here.", token.span)
            group = [token]
            if token.kind == "number" and len(token.text) > 1:
                first, end = token.text[0], token.span.start + 1
                if out[-1].is_("^", "_"):
                    raise ParseError(
                        f"TeX raises or lowers the `{first}` alone: write "
                        f"`{out[-1].text}{{{token.text}}}`.",
                        token.span,
                    )
                group = [token._replace(text=first, span=Span(end - 1, end))]
                i -= 1
                found[i] = token._replace(text=token.text[1:], span=Span(end, token.span.end))
            elif token.is_("-") and out[-1].is_("^") and i < len(found) and _begins(found[i]):
                group.append(found[i])
                i += 1
            begin, end = group[0].span.start, group[-1].span.end
            out += [Token("open", "{", Span(begin, begin)), *group]
            out.append(Token("close", "}", Span(end, end)))
            wanted[-1][0] -= 1
            continue
        out.append(token)
        if token.kind == "open":
            wanted[-1][0] -= bool(wanted[-1][0])
            wanted.append([0, 0])
        elif token.kind == "close":
            wanted[-1:] = wanted[-1:] if len(wanted) == 1 else []
        elif token.kind in ("sign", "macro") and not _calls(found, i):
            wanted[-1][0] += _ARGUMENTS.get(token.text, 0)
    if wanted[-1][0]:
        raise ParseError(f"something is missing after `{out[-1].text}`.", out[-1].span)
    return out


def _begins(token: Token) -> bool:
    """Whether a minus before a token is its sign, `A^-1`: another ends a name, `P^- H^T`."""
    return token.kind == "number" or token.text == "T" or token.is_(r"\top", r"\frac")


def _calls(found: Sequence[Token], i: int) -> bool:
    r"""Whether `\vec(` is the function, not the arrow on a letter."""
    bracket = i < len(found) and found[i].kind == "open" and found[i].text != "{"
    return bracket and found[i - 1].is_(r"\vec")


def _matched(found: Sequence[Token], text: str) -> list[Token]:
    """With each bracket's partner."""
    out = list(found)
    opened: list[int] = []
    for i, token in enumerate(found):
        if token.kind == "open":
            opened.append(i)
            if len(opened) > MOST_NESTED:
                raise ParseError(
                    f"brackets are nested more than {MOST_NESTED} deep here: name parts of the "
                    "formula in formulas of their own.",
                    token.span,
                )
        elif token.kind == "close":
            if not opened:
                raise ParseError(f"this `{_typed(text, token)}` closes nothing.", token.span)
            at = opened.pop()
            begin = found[at]
            same = _OPENING.get(begin.text, begin.text) == token.text
            if begin.font != token.font or not (
                same or (begin.font and "" in (begin.text, token.text))
            ):
                raise ParseError(
                    f"this `{_typed(text, token)}` closes a `{_typed(text, begin)}`.",
                    begin.span | token.span,
                )
            out[at], out[i] = begin._replace(partner=i), token._replace(partner=at)
    if opened:
        token = found[opened[-1]]
        raise ParseError(f"this `{_typed(text, token)}` is never closed.", token.span)
    return out


def _typed(text: str, token: Token) -> str:
    return text[token.span.start : token.span.end] or token.text


def rebased(found: Sequence[Token]) -> list[Token]:
    """Some of a formula's tokens, brackets' partners counted anew."""
    out = list(found)
    opened: list[int] = []
    for i, token in enumerate(found):
        if token.kind == "open":
            opened.append(i)
        elif token.kind == "close":
            at = opened.pop()
            out[at], out[i] = out[at]._replace(partner=i), token._replace(partner=at)
    return out


def outer(found: Sequence[Token], i: int = 0, end: int | None = None) -> Iterator[int]:
    """The places of the tokens outside of brackets, from one on."""
    while i < (len(found) if end is None else end):
        yield i
        i = found[i].partner + 1 if found[i].kind == "open" else i + 1


def letters_end(found: Sequence[Token], i: int, end: int) -> int:
    """Where the letters end that stand beside each other from one on."""
    while i < end and found[i].kind == "letter":
        i += 1
        if i < end and found[i].span.start > found[i - 1].span.end:
            break
    return i


def ends(token: Token) -> bool:
    """Whether an operand can end with a token."""
    return token.kind != "open" and token.text not in _WAITING
