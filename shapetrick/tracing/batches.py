"""Arguments of more than two axes, as families: their first axes, and those of the same sizes in
front of other arguments, count members, `X: b x n x d` being `X[i] : n x d for i = 1..b`. So do
the parts of an axis that is taken apart, `W: d x (h p)` being `W[i] : d x p for i = 1..h`.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from functools import partial
from itertools import accumulate, chain, count, islice, pairwise
from math import prod

from ..core.dims import ONE, Dim
from ..core.errors import InputError, TraceError
from ..core.families import index_letters
from ..core.named_tuples import NamedTuple
from ..core.regexes import regex
from ..language.shapes.words import vocabulary
from ..language.syntax.parser import parse
from ..language.syntax.tree import ATTRIBUTES, Declaration
from . import arrays, extents
from .array_terms import HIGHEST_RANK

_NAMES = regex(r"[^\[\]():]*:")
_BETWEEN = regex(r"\s+x\s+|\s*[×,]\s*|\s*\\times\s*")
_ATTRIBUTES = regex(rf"(?=[\s,]+(?:{'|'.join(ATTRIBUTES)})\b)")
_PRODUCT = regex(r"\(?\s*\w+(?:[\s*·]+\w+)*\s*\)?")
Groups = tuple[tuple[int, ...], ...]


class MemberDeclarations(NamedTuple):
    """Declarations, a line each, and for each name of which axes of the members' array the axes of
    the argument are made."""

    text: str
    groups: Mapping[str, Groups]


def with_members(
    head: str, counted: Collection[str] = (), apart: Collection[tuple[str, ...]] = ()
) -> MemberDeclarations:
    """Declarations with families in the place of arrays that have sizes which are counted, or more
    than two axes, or axes that are taken apart; a size that has an argument's name gets another
    one."""
    if not all(map(_NAMES.match, head.splitlines())):
        return MemberDeclarations(head, {})  # which is refused as a text
    lines = [line for text in head.splitlines() for line in _single(text)]
    axes = [_axes(shape) for _, shape in lines]
    used = {*re.findall(r"\w+", head)}
    sizes = {word for own, _ in axes for word in re.findall(r"\w+", " ".join(own))}
    for name in sorted(sizes & {name for name, _ in lines}):
        tried = chain([name.upper()], (f"{name}_{k}" for k in count()))
        other = next(c for c in tried if c not in used)
        used.add(other)
        renamed = partial(re.sub, rf"\b{name}\b", other)
        axes = [([*map(renamed, own)], words) for own, words in axes]
    for (name, _), (own, _) in zip(lines, axes, strict=True):
        if "1" in own[:-HIGHEST_RANK]:
            kept = " x ".join(d for d in own if d != "1")
            raise InputError(
                f"`{name}` has an axis of one entry before two others: leave it out, "
                f'{name}="{kept}", and let the function add it.'
            )
    along = {d for own, _ in axes for d in own if _is_among(d, counted)}
    lead = {*along, *(d for own, _ in axes for d in own[:-HIGHEST_RANK])}
    letters = [*islice((c for c in index_letters() if c not in used), arrays.MOST_INDICES)]
    texts, groups = [], {}
    for (name, _), (own, words) in zip(lines, axes, strict=True):
        first = next((k for k, d in enumerate(own) if d not in lead), len(own))
        first = max(first, len(own) - HIGHEST_RANK)
        pieces = [_pieces(d, apart, counts=k < first) for k, d in enumerate(own)]
        ends = [*accumulate(map(len, pieces), initial=0)]
        each = [d for parts in pieces for d in parts]
        behind = zip(own[first:], ends[first + 1 :], strict=True)
        own_axes = [end - 1 for d, end in behind if d not in along]
        order = [k for k in range(len(each)) if k not in own_axes] + own_axes
        counts = len(each) - len(own_axes)
        texts.append(_declared(name, [each[k] for k in order], counts, words, letters))
        if counts:
            groups[name] = tuple(tuple(map(order.index, range(a, b))) for a, b in pairwise(ends))
    return MemberDeclarations("\n".join(texts), groups)


def _single(text: str) -> list[tuple[str, str]]:
    """Each name of a declaration, with the shape."""
    names, _, shape = text.partition(":")
    return [(name.strip(), shape) for name in names.split(",")]


def _axes(shape: str) -> tuple[list[str], str]:
    """The sizes, and the words behind them: attributes."""
    sizes, *words = _ATTRIBUTES.split(shape.strip(), maxsplit=1)
    return _BETWEEN.split(re.sub(r"^[(\[](.*,.*)[)\]]$", r"\1", sizes)), "".join(words)


def _pieces(size: str, apart: Collection[tuple[str, ...]], counts: bool) -> list[str]:
    """The sizes that an axis is made of, where it is taken apart, or counts members by a product
    of letters, which is no index."""
    if _PRODUCT.fullmatch(size):
        for parts in apart:
            try:
                rest = extents.quotient(_product(size), prod(map(_product, parts), start=ONE))
            except TraceError:
                continue
            return [*([] if rest == ONE else [f"({rest})"]), *(f"({part})" for part in parts)]
        if counts and len(_product(size).names) > 1:
            return re.findall(r"\w+", size)
    return [size]


def _is_among(size: str, counted: Collection[str]) -> bool:
    """Whether a size is one of these, however it is written."""
    if not counted or size in counted:
        return bool(counted)
    (statement,) = parse(f"x : {size}", vocabulary())
    sides = statement.sides if isinstance(statement, Declaration) else None
    return sides is not None and str(sides[0].dim) in counted


def _product(text: str) -> Dim:
    words = re.findall(r"\w+", text)
    return prod((Dim.of(int(w) if w.isdigit() else w) for w in words), start=ONE)


def _declared(
    name: str, sizes: Sequence[str], counts: int, words: str, letters: Sequence[str]
) -> str:
    """The declaration of one name; a family where so many of its axes count members."""
    member = " x ".join(sizes[counts:]) or "scalar"
    if not counts:
        return f"{name} : {member}{words}"
    lasts = (d.strip("()") for d in sizes[:counts])
    ranges = ", ".join(f"{c} = 1..{d}" for c, d in zip(letters, lasts, strict=False))
    return f"{name}[{','.join(letters[:counts])}] : {member}{words} for {ranges}"
