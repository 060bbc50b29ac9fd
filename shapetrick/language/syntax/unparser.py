"""A typed expression as text: with a part changed, the rest as it was typed, or with all brackets.

Comes after parsing; what is changed stands in `claims/mutations.py`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import IntEnum
from itertools import pairwise
from typing import Any

from .latex_places import is_latex
from .selections import Selector, key_of
from .signs import TYPED_SIGNS
from .syntax_errors import RAISED_SIGNS
from .tree import RUNNING, Callee, SyntaxNode, postorder, with_node


class GrammarPrecedence(IntEnum):
    """How tightly a text holds together, as in the grammar."""

    SUM = 0
    PRODUCT = 1
    SIGNED = 2
    POWER = 3
    BASE = 4
    ATOM = 5


_LEVELS = {
    **dict.fromkeys(("+", "-"), GrammarPrecedence.SUM),
    **dict.fromkeys(("*", "/", ".*", "./", "⊗"), GrammarPrecedence.PRODUCT),
    **dict.fromkeys(("^", ".^", *RUNNING), GrammarPrecedence.POWER),
    "neg": GrammarPrecedence.SIGNED,
    "'": GrammarPrecedence.BASE,
}
# The least level of each operand.
_NEEDED: Mapping[str, tuple[GrammarPrecedence, ...]] = {
    **dict.fromkeys(("+", "-"), (GrammarPrecedence.SUM, GrammarPrecedence.PRODUCT)),
    **dict.fromkeys(
        ("*", "/", ".*", "./", "⊗"), (GrammarPrecedence.PRODUCT, GrammarPrecedence.POWER)
    ),
    **dict.fromkeys(("^", ".^"), (GrammarPrecedence.BASE, GrammarPrecedence.ATOM)),
    "neg": (GrammarPrecedence.SIGNED,),
    "'": (GrammarPrecedence.BASE,),
    "selected": (GrammarPrecedence.ATOM,),
}
# Signs that mean the same; a new one is written as the others in the text are.
_SIGNS = {
    "*": re.compile(r"@|(?<!\.)\*|·"),
    ".*": re.compile(r"\.\*|⊙|∘"),
    "./": re.compile(r"\./|⊘"),
}
_TRANSPOSES = ("'", ".T", "ᵀ", "^T", "’")


class Unparser:
    """Writes nodes: those of a text as they stand there, new ones in the style of the text."""

    def __init__(self, text: str, root: SyntaxNode) -> None:
        self._text = text
        self._plain = not is_latex(text, root.span)
        self._sources = dict.fromkeys(postorder(root), text) if self._plain else {}
        self._parents = {a: (node, i) for node in postorder(root) for i, a in enumerate(node.args)}
        self._root = root
        own = text[root.span.start : root.span.end]
        found = {kind: sign.search(own) for kind, sign in _SIGNS.items()}
        self._signs = {kind: match.group() if match else "" for kind, match in found.items()}
        self._transpose = next((t for t in _TRANSPOSES if t in own), "'")

    def learn(self, root: SyntaxNode, text: str) -> None:
        """Take in the nodes of another text."""
        self._sources.update(dict.fromkeys(postorder(root), text))

    def write(self, node: SyntaxNode) -> str:
        """The text of a node."""
        done: dict[SyntaxNode, str] = {}
        stack = [node]
        while stack:
            top = stack[-1]
            typed = self._typed(top)
            missing = [] if typed else [a for a in top.args if a not in done]
            if missing:
                stack.extend(missing)
                continue
            done[top] = typed or self._composed(top, done)
            stack.pop()
        return done[node]

    def _typed(self, node: SyntaxNode) -> str:
        """The node as it stands in its text; empty for a new one."""
        text = self._sources.get(node)
        typed = "" if text is None else text[node.span.start : node.span.end]
        is_raised = node.kind in ("number", "neg") and typed.startswith((*RAISED_SIGNS, "^"))
        return "" if is_raised else typed  # a raised exponent is written as a number

    def replaced(self, old: SyntaxNode, new: SyntaxNode) -> str:
        """The whole text with a new node in the place of one of its own; what was typed in LaTeX is
        written anew."""
        if not self._plain:
            return self.write(with_node(self._root, old, new))
        text = self.write(new)
        parent = self._parents.get(old)
        if parent is not None:
            text = self._enclosed(new, text, _needed(*parent))
        head = self._text[self._root.span.start : old.span.start]
        return head + text + self._text[old.span.end : self._root.span.end]

    def _composed(self, node: SyntaxNode, done: Mapping[SyntaxNode, str]) -> str:
        words = [self._operand(node, i, done[a]) for i, a in enumerate(node.args)]
        if node.kind in ("call", "abstract"):  # have brackets of their own
            given = zip(node.args, words, strict=True)
            words = [
                w[1:-1] if a.bracketed and self._typed(a).startswith("(") else w for a, w in given
            ]
        match node.kind:
            case "number" | "name":
                return str(node.value)
            case "neg":
                return f"-{words[0]}"
            case "'":
                return words[0] + self._transpose
            case "^" | ".^":
                return f"{words[0]}{node.kind}{words[1]}"
            case "abstract":
                name, order = node.value
                return f"{name}{chr(39) * order}({words[0]})"
            case kind if kind in RUNNING:
                summed = self._enclosed(node.args[0], words[0], GrammarPrecedence.PRODUCT)
                return f"{RUNNING[kind]}({node.value}) {summed}"
            case "call":
                return self._call(node, words)
            case "derived":
                along = f" with {words[2]}" if len(words) > 2 else ""
                return f"({node.value} {words[0]} wrt {words[1]}{along})"
            case "selected":
                whole = self._enclosed(node.args[0], words[0], GrammarPrecedence.ATOM)
                return f"{whole}[{','.join(map(self._selector, node.value))}]"
            case "block":
                ends = [sum(node.value[:i]) for i in range(len(node.value) + 1)]
                rows = (", ".join(words[i:j]) for i, j in pairwise(ends))
                return f"[{'; '.join(rows)}]"
        return f"{words[0]}{self._sign(node)}{words[1]}"

    def _operand(self, parent: SyntaxNode, index: int, text: str) -> str:
        node = parent.args[index]
        if index and node.kind == "neg" and parent.kind in ("^", ".^"):  # needs no brackets here
            return text
        return self._enclosed(node, text, _needed(parent, index))

    def _sign(self, node: SyntaxNode) -> str:
        """The sign between two operands: as it was typed before the second, if it was there."""
        if not self._plain:
            return " " if node.kind == "*" else f" {node.kind} "
        parent, index = self._parents.get(node.args[1], (node, 0))
        if index == 1 and parent.kind == node.kind:
            return self._text[parent.args[0].span.end : parent.args[1].span.start]
        sign = self._signs.get(node.kind, node.kind)
        if node.kind == "*" and not sign:
            return " "
        return f" {sign or node.kind} "

    def _selector(self, selector: Selector) -> str:
        bounds = "..".join(map(self.write, selector.bounds))
        return bounds.replace(" + ", "+").replace(" - ", "-") or ":"

    def _call(self, node: SyntaxNode, words: list[str]) -> str:
        if node.value.name in TYPED_SIGNS:
            return TYPED_SIGNS[node.value.name].format(words[0])
        axis = [] if node.value.axis is None else [f"axis={node.value.axis}"]
        sizes = [self.write(size) for size in node.value.sizes]
        keywords = [k.typed for k in node.value.keywords]
        return f"{node.value.name}({', '.join([*words, *sizes, *axis, *keywords])})"

    def _enclosed(self, node: SyntaxNode, text: str, least: GrammarPrecedence) -> str:
        return text if self._level(node) >= least else f"({text})"

    def _level(self, node: SyntaxNode) -> GrammarPrecedence:
        typed = self._typed(node)
        if node.bracketed and typed:
            return GrammarPrecedence.ATOM
        if node.kind == "number" and "/" in (typed or str(node.value)):
            return GrammarPrecedence.PRODUCT
        level = GrammarPrecedence.SIGNED if typed.startswith("+") else GrammarPrecedence.ATOM
        return min(level, _LEVELS.get(node.kind, GrammarPrecedence.ATOM))


class BracketWriter(Unparser):
    """Writes an expression with every bracket that its reading implies; sums and products of one
    kind stay flat."""

    def _typed(self, node: SyntaxNode) -> str:
        as_typed = node.kind in ("number", "selected", "block", "binder", "bound", *RUNNING)
        return super()._typed(node).strip("(){} ") if as_typed else ""

    def _operand(self, parent: SyntaxNode, index: int, text: str) -> str:
        node, kinds = parent.args[index], {parent.kind, parent.args[index].kind}
        is_flat = kinds <= {"+", "-"} or (len(kinds) == 1 and node.kind in ("*", ".*"))
        whole = not node.args or node.kind in ("call", "abstract", "'")
        if whole or parent.kind in ("call", "abstract") or (is_flat and not index):
            return text
        return f"({text})"

    def _sign(self, node: SyntaxNode) -> str:
        return " " if node.kind == "*" else f" {node.kind} "


def _needed(parent: SyntaxNode, index: int) -> GrammarPrecedence:
    takes_all = parent.args[index].kind in RUNNING and _LEVELS.get(parent.kind)
    if not index and takes_all is GrammarPrecedence.PRODUCT:  # what follows would be summed, too
        return GrammarPrecedence.ATOM
    return _NEEDED.get(parent.kind, (GrammarPrecedence.SUM,) * len(parent.args))[index]


def narrowed(old: SyntaxNode, new: SyntaxNode) -> tuple[SyntaxNode, SyntaxNode]:
    """The smallest parts in which two typed expressions differ, one in the place of the other."""
    forms: dict[SyntaxNode, int] = {}
    numbers: dict[Any, int] = {}
    for node in (*postorder(old), *postorder(new)):
        value: Any = node.value
        if isinstance(value, Callee):
            value = value._replace(sizes=())
        elif node.kind == "selected":
            value = key_of(value)
        form = (node.kind, value, *(forms[a] for a in node.args))
        forms[node] = numbers.setdefault(form, len(numbers))
    while (old.kind, len(old.args)) == (new.kind, len(new.args)):
        apart = [p for p in zip(old.args, new.args, strict=True) if forms[p[0]] != forms[p[1]]]
        if len(apart) != 1 or (old.kind in ("call", "abstract") and old.value != new.value):
            break
        old, new = apart[0]
    return old, new
