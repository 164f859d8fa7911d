"""Sends messages between a driver and a worker process, over a socket that only these two have.

Messages pickle, and hold no secret. Two kinds hold one, and are JSON text instead: the values that
a worker begins with, and a token that is lent.
"""

import json
import pickle
import threading
from collections.abc import Mapping
from dataclasses import astuple
from multiprocessing.connection import Connection
from typing import Any

from harvester.auth import Lent
from harvester.config import Written
from harvester.engine.assignment import Assignment, RunSpec
from harvester.engine.workers.line import Batch
from harvester.errors import HarvesterError
from harvester.http import Wait
from harvester.store import Checkpoint
from harvester.values import dataclass


@dataclass(frozen=True, slots=True)
class Values:
    """What the configuration takes from outside of itself, and secrets written out in it."""

    variables: Mapping[str, str]
    written: Written

    def __reduce__(self) -> tuple[Any, ...]:
        raise TypeError("values of secrets are not pickled")


@dataclass(frozen=True, slots=True)
class Ready:
    """A worker has joined the run."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A worker waits for an answer: `what` is a method of `Line`."""

    number: int
    what: str
    given: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer, or the error that it came to."""

    number: int
    value: Any = None
    error: BaseException | None = None


@dataclass(frozen=True, slots=True)
class Ended:
    """An assignment has ended: in a checkpoint, or in an error."""

    number: int
    checkpoint: Checkpoint | None = None
    error: BaseException | None = None


@dataclass(frozen=True, slots=True)
class Begin:
    """An assignment for a worker, by its number."""

    number: int
    assignment: Assignment


@dataclass(frozen=True, slots=True)
class Held:
    """No request of this resource may leave before the wait is over."""

    scope: str
    wait: Wait


@dataclass(frozen=True, slots=True)
class Paced:
    """The pace of this resource, for all workers; None: nobody is held back."""

    scope: str
    per_s: float | None


@dataclass(frozen=True, slots=True)
class Beat:
    """A worker of another machine lives, and tells what happened; it harvests so many groups."""

    worker: str
    host: str
    pid: int
    groups: int
    batch: Batch


@dataclass(frozen=True, slots=True)
class Heard:
    """What a worker hears in return: whether to end, and which waits and paces bind it."""

    stop: bool
    holds: tuple[Held, ...]
    paces: tuple[tuple[str, float | None], ...]


@dataclass(frozen=True, slots=True)
class Wanted:
    """A token that a worker waits for: what `Line.lend` was called with."""

    number: int
    given: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Alive:
    """The driver lives, whatever it is doing."""


@dataclass(frozen=True, slots=True)
class Look:
    """The driver takes what there is for it, wants its workers to end or not, and brings tokens."""

    stop: bool
    lent: tuple[Answer, ...] = ()

    def __reduce__(self) -> tuple[Any, ...]:
        raise TypeError("tokens are not pickled")


@dataclass(frozen=True, slots=True)
class Life:
    """A process that has a worker: the groups that it harvests, and how long ago that was heard."""

    host: str
    pid: int
    groups: int
    silent_s: float


@dataclass(frozen=True, slots=True)
class Looked:
    """What there is for the driver: what workers told, the requests that were let go, tokens that
    are wanted, resources whose pace has ended, tokens that were taken, the threads of each worker,
    and its process, once that has joined the run. `given_up`: the driver was taken for dead. `lost`
    are the workers that had joined, and are gone.
    """

    told: tuple[tuple[str, Batch], ...]
    let_go: tuple[tuple[str, float], ...]
    wanted: tuple[Wanted, ...]
    ended_paces: tuple[str, ...]
    accepted: tuple[int, ...]
    threads: Mapping[str, int]
    lives: tuple[Life, ...]
    given_up: bool
    lost: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Stop:
    """End all assignments as soon as may be."""


@dataclass(frozen=True, slots=True)
class Leave:
    """There are no more assignments: end the process."""


Message = (
    RunSpec | Values | Ready | Asked | Answer | Ended | Begin | Held | Paced | Stop | Leave | Batch
    | Beat | Heard | Alive | Look | Looked
)  # fmt: skip


class Channel:
    """One end of the socket. Any thread may send; one receives."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._sending = threading.Lock()

    def send(self, message: Message) -> None:
        """Send a message; raises OSError where the other end is gone."""
        data = encoded(message)
        with self._sending:
            self._connection.send_bytes(data)

    def receive(self) -> Message:
        """The next message; raises EOFError, OSError where the other end is gone."""
        return decoded(self._connection.recv_bytes())

    def close(self) -> None:
        """Let the socket go."""
        self._connection.close()


def encoded(message: Message) -> bytes:
    """A message as bytes."""
    match message:
        case Values():
            return b"V" + json.dumps([dict(message.variables), list(message.written)]).encode()
        case Answer(value=Lent(number, token, renew_in_s, expires_in_s)):
            lent = [message.number, number, token, renew_in_s, expires_in_s]
            return b"L" + json.dumps(lent).encode()
        case Look():
            lent = [
                [each.number, list(astuple(each.value)) if each.error is None else None,
                 pickle.dumps(each.error).hex()]
                for each in message.lent
            ]  # fmt: skip
            return b"K" + json.dumps([message.stop, lent]).encode()
        case _:
            return b"P" + pickle.dumps(message, pickle.HIGHEST_PROTOCOL)


def decoded(data: bytes) -> Message:
    """The message that bytes stand for."""
    kind, rest = data[:1], data[1:]
    if kind == b"V":
        variables, written = json.loads(rest)
        return Values(variables, [(tuple(path), text) for path, text in written])
    if kind == b"L":
        number, *lent = json.loads(rest)
        return Answer(number, Lent(*lent))
    if kind == b"K":
        stop, answers = json.loads(rest)
        return Look(stop, tuple(_lent(*answer) for answer in answers))
    found: Message = pickle.loads(rest)  # noqa: S301 - from the other half of this program
    return found


def _lent(number: int, lent: list[Any] | None, error: str) -> Answer:
    if lent is not None:
        return Answer(number, Lent(*lent))
    return Answer(number, error=pickle.loads(bytes.fromhex(error)))  # noqa: S301 - as above


def travelling(error: BaseException) -> BaseException:
    """An error that can be sent: itself, or its text where it does not pickle."""
    try:
        pickle.loads(pickle.dumps(error))  # noqa: S301 - what was pickled just now
    except Exception:
        return HarvesterError(f"{type(error).__name__}: {error}")
    return error
