"""Data classes of ours are what the standard library's would be."""

from __future__ import annotations

import copy
import dataclasses
import pickle
from dataclasses import FrozenInstanceError, field, replace
from typing import Any

import pytest

from shapetrick.core.records import dataclass


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
