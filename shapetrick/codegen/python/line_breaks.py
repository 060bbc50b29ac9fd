"""Lines of generated code that fit the width, broken where ruff and black would break them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from ...core.regexes import regex

WIDTH = 88
_STEP = "    "
_STRING = regex(r'"(?:\\.|[^"\\])*"')
_ASSIGNED = regex(r"return |[^=(\"]*? [+\-*/@]?= ")
_HEAD = regex(r"(def \w+\()(.*)(\) -> .*:)")
_SUM = regex(r" (?=[+-] )")
_PRODUCT = regex(r" (?=(?:[*/@]|//) )")
_CLAUSE = regex(r" (?=(?:for|if) )")
_COMMA = regex(r", ?")
_END = regex(r"[)\]}][:,]?$")


def fitted(lines: Iterable[str]) -> Iterator[str]:
    """The lines, and in the place of one that is too long, several. What stands in a docstring, and
    comments, stay as they are."""
    inside = False
    for line in lines:
        marks = line.count('"""')
        if inside or marks or line.lstrip().startswith("#"):
            yield line
            inside ^= marks % 2 == 1
        else:
            yield from _fitted(line)


def _fitted(line: str) -> list[str]:
    if len(line) <= WIDTH:
        return [line]
    code = line.lstrip()
    indent = line[: len(line) - len(code)]
    if code.startswith("assert "):
        test, message = _parts(code, _COMMA)
        return [f"{indent}{test}, (", f"{indent}{_STEP}{message}", f"{indent})"]
    if code.startswith("return ") and len(_parts(code, _COMMA)) > 1:
        elements = _parts(code.removeprefix("return "), _COMMA)
        return [f"{indent}return (", *_listed(elements, indent + _STEP), f"{indent})"]
    head = _HEAD.fullmatch(code)
    if head is not None and len(indent + _STEP + head[2]) <= WIDTH:
        return [indent + head[1], indent + _STEP + head[2], indent + head[3]]
    assigned = _ASSIGNED.match(code)
    if assigned is not None:
        value = code[assigned.end() :]
        operator = next((o for o in (_SUM, _PRODUCT) if len(_parts(value, o)) > 1), None)
        if operator is not None:
            terms = _parts(value, operator)
            if len(terms) == 2 and (value.startswith("(") or value.endswith(")")):
                grouped = _in_last_group(code, indent)
                if grouped is not None:
                    return grouped
            whole = f"{indent}{_STEP}{value}"
            inner = [whole] if len(whole) <= WIDTH else [f"{indent}{_STEP}{t}" for t in terms]
            return [f"{indent}{code[: assigned.end()]}(", *inner, f"{indent})"]
    elif len(_parts(code, _SUM)) > 1:  # within brackets
        return [indent + term for term in _parts(code, _SUM)]
    return _bracketed(code, indent)


def _in_last_group(code: str, indent: str) -> list[str] | None:
    """A sum or product broken within the last of its groups that is not inside another."""
    depth, begin, end = 0, 0, 0
    for at, sign in _signs(code):
        if sign in "([{":
            if depth == 0 and code[at - 1] == " ":
                begin = at
            depth += 1
        else:
            depth -= 1
            end = at if depth == 0 and end <= begin else end
    head, inside, tail = code[: begin + 1], code[begin + 1 : end], code[end:]
    lines = [indent + head, indent + _STEP + inside, indent + tail]
    return lines if begin and all(len(line) <= WIDTH for line in lines) else None


def _bracketed(code: str, indent: str) -> list[str]:
    """A line that ends with a bracket, with what is inside on lines of its own."""
    end = _END.search(code)
    start = None if end is None else _opening(code, end.start())
    if end is None or start is None:
        return [indent + code]
    head, inside, tail = code[: start + 1], code[start + 1 : end.start()], code[end.start() :]
    within = indent + _STEP
    elements, clauses = _parts(inside, _COMMA), _parts(inside, _CLAUSE)
    is_display = not re.search(r"[\w\])][(\[{]$", head) and len(clauses) == 1
    if len(within + inside) <= WIDTH and not (is_display and len(elements) > 1):
        middle = [within + inside]
    elif len(clauses) > 1:
        middle = [line for clause in clauses for line in _fitted(within + clause)]
    elif len(elements) > 1:
        middle = _listed(elements, within)
    else:
        middle = _fitted(within + inside)
    return [indent + head, *middle, indent + tail]


def _listed(elements: Sequence[str], indent: str) -> list[str]:
    """Each on a line; the last may be nothing, behind the comma of a tuple."""
    return [line for element in elements if element for line in _fitted(f"{indent}{element},")]


def _opening(code: str, end: int) -> int | None:
    """Where the bracket opens that closes there."""
    opened: list[int] = []
    for at, sign in _signs(code):
        if sign in "([{":
            opened.append(at)
        elif at == end:
            return opened[-1] if opened else None
        elif opened:
            opened.pop()
    return None


def _parts(code: str, between: re.Pattern[str]) -> list[str]:
    """What stands between such signs, outside of brackets and texts."""
    depth, begin, parts = 0, 0, []
    closed = dict(_signs(code))
    strings = [range(*m.span()) for m in _STRING.finditer(code)]
    for at in range(len(code)):
        if at in closed:
            depth += 1 if closed[at] in "([{" else -1
        elif depth == 0 and at >= begin and not any(at in text for text in strings):
            m = between.match(code, at)
            if m is not None:
                parts.append(code[begin:at])
                begin = m.end()
    return [*parts, code[begin:]]


def _signs(code: str) -> Iterator[tuple[int, str]]:
    """The brackets outside of texts, with their places."""
    plain = _STRING.sub(lambda m: " " * len(m.group()), code)
    for m in re.finditer(r"[()\[\]{}]", plain):
        yield m.start(), m.group()
