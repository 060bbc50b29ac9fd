"""What of ours is made quickly is what the standard library would make."""

from __future__ import annotations

import copy
import dataclasses
import pickle
import re
import typing
from dataclasses import FrozenInstanceError, field, replace
from typing import Any

import pytest

from shapetrick.core.named_tuples import NamedTuple
from shapetrick.core.records import dataclass
from shapetrick.core.regexes import regex


@dataclass(frozen=True, slots=True)
class Frozen:
    a: int
    b: list[int] = field(default_factory=list, compare=False)
    c: str = field(default="c", init=False)


@dataclass(slots=True)
class Open:
    a: int
    b: int = 2

    def __post_init__(self) -> None:
        self.a += 1


@dataclass(frozen=True, slots=True, eq=False)
class Identical:
    a: int


def test_fields_defaults_and_what_happens_behind_init() -> None:
    x = Frozen(1)
    assert (x.a, x.b, x.c) == (1, [], "c")
    assert Frozen(1).b is not Frozen(1).b
    assert [f.name for f in dataclasses.fields(x)] == ["a", "b", "c"]
    assert (Open(1).a, Open(1, b=5).b) == (2, 5)
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'a'"):
        Frozen()  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="unexpected keyword argument 'c'"):
        Frozen(1, c="d")  # type: ignore[call-arg]


def test_equality_and_hashes_are_those_of_the_fields_that_count() -> None:
    assert Frozen(1, [2]) == Frozen(1, [3]) != Frozen(2, [2])
    assert hash(Frozen(1, [2])) == hash(Frozen(1, [3]))
    assert Open(1) == Open(1)
    assert Frozen(1) != Open(0)
    assert Identical(1) != Identical(1)
    with pytest.raises(TypeError, match="unhashable"):
        hash(Open(1))


def test_what_is_frozen_stays() -> None:
    for change in (lambda: setattr(Frozen(1), "a", 2), lambda: delattr(Frozen(1), "a")):
        with pytest.raises(FrozenInstanceError, match="'a'"):
            change()
    assert replace(Frozen(1, [2]), a=3) == Frozen(3)


@pytest.mark.parametrize("x", [Frozen(1, [2]), Open(1, 3)], ids=repr)
def test_copies_and_representations(x: Any) -> None:
    for other in (copy.copy(x), copy.deepcopy(x), pickle.loads(pickle.dumps(x))):
        assert other == x
        assert repr(other) == repr(x)
    assert repr(Frozen(1, [2])) == "Frozen(a=1, b=[2], c='c')"


def test_a_match_takes_the_fields_in_order() -> None:
    match Frozen(1, [2]):
        case Frozen(a, b):
            assert (a, b) == (1, [2])


class Standard(typing.NamedTuple):
    """A pair."""

    a: int
    b: tuple[int, ...] = ()

    def total(self) -> int:
        return self.a + sum(self.b)

    @property
    def first(self) -> int:
        return self.a


class Quick(NamedTuple):
    """A pair."""

    a: int
    b: tuple[int, ...] = ()

    def total(self) -> int:
        return self.a + sum(self.b)

    @property
    def first(self) -> int:
        return self.a


@pytest.mark.parametrize("of", [Standard, Quick])
def test_a_named_tuple_is_what_the_standard_one_is(of: Any) -> None:
    x = of(1, b=(2, 3))
    assert x == (1, (2, 3)) == tuple(x)
    assert (x.total(), x.first, of(4).b) == (6, 1, ())
    assert repr(x) == f"{of.__name__}(a=1, b=(2, 3))"
    assert x._replace(a=5)._asdict() == {"a": 5, "b": (2, 3)}
    assert (of._fields, of._field_defaults) == (("a", "b"), {"b": ()})
    assert (of.__doc__, of.__module__, of.__qualname__) == ("A pair.", __name__, of.__name__)
    assert [*of.__annotations__] == ["a", "b"]
    assert pickle.loads(pickle.dumps(x)) == copy.deepcopy(x) == x
    assert hash(x) == hash((1, (2, 3)))
    with pytest.raises(AttributeError):
        x.a = 2
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'a'"):
        of()


def test_a_regular_expression_is_compiled_at_its_first_use(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    compiled = []
    plain = re.compile

    def watched(*given: Any) -> re.Pattern[str]:
        compiled.append(given)
        return plain(*given)

    monkeypatch.setattr(re, "compile", watched)
    word = regex(r"(?P<word>[a-z]+)", re.IGNORECASE)
    assert not compiled
    found = word.match("Ab 1")
    assert found is not None
    assert found["word"] == "Ab"
    assert word.sub("-", "ab 1 C") == "- 1 -"
    assert word.pattern == r"(?P<word>[a-z]+)"
    used = len(compiled)
    assert word.match("1") is None
    assert len(compiled) == used
