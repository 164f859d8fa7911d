"""Data classes whose methods come late are the standard library's in all that can be asked."""

import copy
import dataclasses
import inspect
import pickle
from collections.abc import Callable
from dataclasses import FrozenInstanceError, field
from functools import partial
from typing import Any

import pytest

from harvester.values import dataclass

Decorator = Callable[..., Any]


class Twins:
    """The same classes, once by the standard library and once by ours."""

    def __init__(self, decorator: Decorator) -> None:
        @decorator(frozen=True, slots=True)
        class Point:
            """A value."""

            x: int
            y: int = 2
            tags: list[str] = field(default_factory=list, compare=False)
            secret: str = field(default="s", repr=False)

        @decorator(frozen=True, slots=True)
        class Far(Point):
            """A value below a value."""

            z: int = 3

        @decorator(slots=True)
        class Count:
            """A value that changes."""

            n: int = 0
            seen: set[int] = field(default_factory=set, init=False)
            last: int = field(default=7, init=False)
            later: int = field(init=False)

            def __post_init__(self) -> None:
                self.later = self.n + 1

        @decorator(frozen=True, slots=True, kw_only=True)
        class Named:
            """A value whose arguments are named."""

            at: float = 0.0

        @decorator(frozen=True, slots=True)
        class Event(Named):
            """A value with both kinds of arguments, one of them called as no other."""

            self: str

        @decorator(frozen=True)
        class Own:
            """A value with methods of its own."""

            a: int

            def __repr__(self) -> str:
                return "own"

            def __hash__(self) -> int:
                return 5

        @decorator(slots=True, eq=False)
        class Thing:
            """Equal to itself alone."""

            a: int

        @decorator(frozen=True, slots=True)
        class Nothing:
            """Has no fields."""

        @decorator(frozen=True, slots=True)
        class One:
            """Has one."""

            a: Any

        self.kinds: list[Any] = [Point, Far, Count, Event, Own, Thing, Nothing, One]


OURS, THEIRS = Twins(dataclass).kinds, Twins(dataclasses.dataclass).kinds
ARGUMENTS: list[tuple[tuple[Any, ...], dict[str, Any]]] = [
    ((), {}),
    ((1,), {}),
    ((1, 5), {}),
    ((1,), {"y": 8, "secret": "t"}),
    ((1, 2, ["a"], "b", 4), {}),
    (("e",), {"at": 1.5}),
    (([1],), {}),
    ((), {"a": 3}),
    ((1, 2, 3, 4, 5, 6), {}),
    ((1,), {"unknown": 1}),
]


#: What is asked of each instance.
QUESTIONS: list[Callable[[Any], Any]] = [
    repr,
    hash,
    dataclasses.asdict,
    lambda value: value.__eq__(1),
    lambda value: value == copy.copy(value),
    lambda value: copy.deepcopy(value) == value,
    lambda value: dataclasses.replace(value) == value,
    *(
        partial(change, name)
        for change in (
            lambda name, value: hasattr(value, name) and value.__setattr__(name, 1),
            lambda name, value: hasattr(value, name) and value.__delattr__(name),
        )
        for name in ("a", "x", "later")
    ),
]


def answer(call: Callable[..., Any], *args: Any, **given: Any) -> Any:
    """What a call gives, or the error that it ends in."""
    try:
        return call(*args, **given)
    except Exception as error:  # any, since both must end in the same
        return f"{type(error).__name__}: {error}"


def arguments(kind: type) -> list[tuple[str, Any, bool, Any]]:
    """What a class takes, as `help` shows it."""
    return [
        (each.name, each.kind, each.default is each.empty, each.annotation)
        for each in inspect.signature(kind).parameters.values()
    ]


@pytest.mark.parametrize("at", range(len(OURS)), ids=[kind.__name__ for kind in OURS])
def test_the_same_as_the_standard_library(at: int) -> None:
    """Made with the same arguments: shown, compared, hashed, copied, refused alike."""
    ours, theirs = OURS[at], THEIRS[at]
    assert arguments(ours) == arguments(theirs), "before an instance is made"
    assert ours.__match_args__ == theirs.__match_args__
    for args, given in ARGUMENTS:
        made = [answer(kind, *args, **given) for kind in (ours, theirs)]
        assert isinstance(made[0], str) == isinstance(made[1], str)
        if isinstance(made[0], str):
            assert made[0] == made[1]
            continue
        for question in QUESTIONS:
            said = [answer(question, each) for each in made]
            unlike_itself = ours.__name__ == "Thing" and question is hash
            assert said[0] == said[1] or unlike_itself, (ours, args, given, question)


@dataclass(frozen=True, slots=True)
class Pickled:
    """A value of this module, which a pickle can name."""

    a: int
    b: tuple[int, ...] = ()


def test_pickles() -> None:
    """A frozen value comes back from a pickle, with its fields."""
    assert pickle.loads(pickle.dumps(Pickled(1, (2,)))) == Pickled(1, (2,))


def test_a_class_below_may_have_attributes() -> None:
    """Below a frozen value, a plain class may set what is no field, and nothing else."""

    @dataclass(frozen=True)
    class Above:
        """A value."""

        a: int

    class Below(Above):
        """A class of its own."""

    below = Below(1)
    below.other = 2  # type: ignore[attr-defined]  # what is tried
    assert below.other == 2  # type: ignore[attr-defined]  # as above
    with pytest.raises(FrozenInstanceError):
        below.a = 3  # type: ignore[misc]  # what is tried


def test_shown_within_itself() -> None:
    """A value that holds itself is shown all the same."""
    loop: list[Any] = []
    One = OURS[-1]  # noqa: N806  # a class
    loop.append(One(loop))
    assert repr(loop[0]).endswith("One(a=[...])")


def test_nothing_is_compiled_on_import() -> None:
    """`__init__` is written by the first call, and is there from then on."""

    @dataclass(frozen=True, slots=True)
    class Late:
        """A value."""

        a: int

    before: Any = Late.__init__
    assert Late(1) == Late(a=1)
    assert Late.__init__ is not before
    assert Late.__init__.__annotations__ == {"a": int, "return": None}
