"""Matches the paths of fields against the events of a parsed page.

The matcher walks the parser's events with a stack of open containers, each holding the states of
the paths that are still alive in it. Where no path is alive, only depth is counted. Nothing is kept
but the fields: memory does not grow with the page.
"""

from collections.abc import Generator, Sequence
from functools import partial
from typing import Any, Final, NoReturn

from harvester.config import Limits
from harvester.errors import AttemptFailed, PageRefused
from harvester.model import Every, Index, Key, Last, Path, Side, Where
from harvester.page.aggregators import CLOSING, NOTHING, OPENING, Aggregate, Builder, Take, usable
from harvester.page.frames import Comparison, Frame, RecordReading, State
from harvester.page.steps import Spare
from harvester.values import dataclass


@dataclass(frozen=True, slots=True)
class Field:
    """A named value to pick out of a page. One that is `advisory` is for people, or a hint: what
    cannot be kept of it is none, where a page would else be refused.
    """

    name: str
    path: Path
    take: Take = Take.FIRST
    within: Side | None = None
    """Which values count, for `MIN` and `MAX`."""
    advisory: bool = False


_NESTING: Final = {**dict.fromkeys(OPENING, 1), **dict.fromkeys(CLOSING, -1)}


class Matcher:
    """Events in, fields out. Knows nothing of bytes."""

    def __init__(self, fields: Sequence[Field], limits: Limits) -> None:
        self._aggregates = {item.name: Aggregate(item.take, within=item.within) for item in fields}
        self._paths = {item.name: item.path for item in fields}
        self._advisory = {item.name for item in fields if item.advisory}
        self._limits = limits
        self._stack: list[Frame] = []
        self._skipping = False  # a container was opened in which no path is alive
        self._builders: list[Builder] = []

    def results(self) -> dict[str, Any]:
        """The value of each field that was found, by its name."""
        return {
            name: self._kept(name, aggregate.spoiled or aggregate.value)
            for name, aggregate in self._aggregates.items()
            if aggregate.spoiled or aggregate.value is not NOTHING
        }

    def _kept(self, name: str, value: Any) -> Any:
        try:
            return usable(value, self._paths[name], self._limits.cursor_bytes)
        except AttemptFailed:
            if name not in self._advisory:
                raise
            return None

    def events(self) -> Any:
        """The coroutine that ijson sends `(event, value)` pairs to, primed."""
        coroutine = self._run()
        next(coroutine)
        return coroutine

    def spare(self) -> Spare | None:
        """The outermost open container in which nothing but items may be counted, or an array
        whose records can be read without events, also while the parser is in one of them; None
        where a path is alive here, or a value is being built.
        """
        depth = len(self._stack)
        if self._builders:
            return None
        if not depth:
            return Spare(1) if self._skipping else None
        read = self._array_read()
        if self._skipping and self._stack[-1].states:
            return Spare(depth + 1, around=read.depth if read else 0)
        return read or (None if self._stack[-1].states else Spare(depth))

    def _array_read(self) -> Spare | None:
        """The outermost open array whose records can be read without events."""
        for at, frame in enumerate(self._stack, 1):
            if not frame.is_map:
                frame.drop_settled(int(frame.position) + 1)
                if frame.states and frame.takes_last:
                    return Spare(at, _needs_no_look, keeps_last=True)
                if frame.states and (reading := frame.read_by()).reader:
                    return Spare(at, partial(self._read, frame, reading))
        return None

    def _read(self, frame: Frame, reading: RecordReading, array: bytes) -> bool:
        """Take the fields of whole records; False where the parser has to."""
        assert reading.reader  # noqa: S101  # what `spare` looked at
        columns = reading.reader.read(array, objects_only=bool(reading.counting))
        if columns is None or not reading.passed(columns):
            return False
        newest: list[tuple[Aggregate, Aggregate]] = []
        for state, column in zip(reading.states, columns, strict=False):  # then filters'
            target = state.target
            assert isinstance(target, Aggregate)  # noqa: S101  # what `wanted` says
            if isinstance(state.path[0], Last):
                aggregate = Aggregate(target.take, within=target.within)
                aggregate.put_all(column.last)
                newest.append((aggregate, target))
            else:
                target.put_all(column)
        frame.last = newest or frame.last
        return True

    def skipped(self, items: int) -> None:
        """Count items of that container, which have not been sent."""
        frame = self._stack[-1] if self._stack else None
        if frame is None or (frame.states and self._skipping):
            return
        for aggregate in frame.counting:
            aggregate.put(items)
        if frame.states:
            for state in frame.read_by().counting:
                state.target.put(items)
            frame.position += items  # type: ignore[operator]  # an array's position is an int

    def _run(self) -> Generator[None, tuple[str, Any], None]:
        stack, builders, nesting = self._stack, self._builders, _NESTING
        while True:
            event, value = yield
            if builders:
                self._build(event, value)
            if event == "map_key":
                stack[-1].position = value
            elif event in CLOSING:
                self._leave(stack.pop())
            else:
                self._value(event, value)
            if not self._skipping:
                continue
            # The hot loop: most of a page is below a container in which no path is alive.
            depth, room = 1, self._limits.depth - len(stack)
            while depth:
                event, value = yield
                if builders:
                    self._build(event, value)
                if event in nesting:
                    depth += nesting[event]
                    if depth > room:
                        self._refuse_depth()
            self._skipping = False

    def _value(self, event: str, value: Any) -> None:
        """A value begins: find which paths go on into it, and which end at it."""
        gates: list[tuple[Aggregate, Aggregate]] = []
        if self._stack:
            frame = self._stack[-1]
            if not frame.is_map:
                frame.position += 1  # type: ignore[operator]  # an array's position is an int
                if frame.states:
                    frame.drop_settled(frame.position)
            for aggregate in frame.counting:
                aggregate.put(1)
            if not frame.states:  # items are only counted, and there may be millions
                if event in OPENING:
                    self._skip()
                return
            states = self._step(frame, gates)
        else:
            states = [State(path, self._aggregates[name]) for name, path in self._paths.items()]
        alive = tuple(state for state in states if state.path)
        targets = [state.target for state in states if not state.path]
        if event in OPENING:
            counting = self._open_targets(event, targets)
            if alive or counting or gates:
                self._stack.append(
                    Frame(event == "start_map", alive, counting=counting, gates=gates)
                )
                if len(self._stack) > self._limits.depth:
                    self._refuse_depth()
            else:
                self._skip()
        else:
            for target in targets:
                if target.take is Take.COUNT:
                    target.put(0 if value is None else 1)
                else:
                    target.put(value)
            for aggregate, parent in gates:  # a scalar element has no members to filter by
                aggregate.merge_into(parent)

    def _step(self, frame: Frame, gates: list[tuple[Aggregate, Aggregate]]) -> list[State]:
        """The states that are alive in (or end at) the child at `frame.position`."""
        found: list[State] = []
        position = frame.position
        newest: list[tuple[Aggregate, Aggregate]] = []
        led_on: list[Aggregate] = []
        for state in frame.states:
            segment, rest, target = state.path[0], state.path[1:], state.target
            match segment:
                case Key(name):
                    if frame.is_map and name == position:
                        led_on.append(state.aggregate)
                        found.append(State(rest, target))
                case Index(index):
                    if not frame.is_map and index == position:
                        found.append(State(rest, target))
                case Every():
                    found.append(State(rest, target))
                case Last():
                    if not frame.is_map and isinstance(target, Aggregate):
                        aggregate = Aggregate(target.take, within=target.within)
                        aggregate.element = aggregate
                        newest.append((aggregate, target))
                        found.append(State(rest, aggregate))
                case Where():
                    if isinstance(target, Aggregate):
                        aggregate = Aggregate(target.take, within=target.within, matched=False)
                        aggregate.element = target.element
                        gates.append((aggregate, target))
                        found.append(State(rest, aggregate))
                        found.append(
                            State(tuple(map(Key, segment.path)), Comparison(segment, aggregate))
                        )
        if newest:
            frame.last = newest
        if led_on:
            if position in frame.seen:
                _refuse_twice(str(position), led_on)
            frame.seen.add(str(position))
        return found

    def _open_targets(self, event: str, targets: list[Aggregate | Comparison]) -> list[Aggregate]:
        """Paths that end at a container: count it, or build it. Returns who counts its items."""
        counting = []
        for target in targets:
            if target.take is Take.COUNT and isinstance(target, Aggregate):
                target.put(0 if event == "start_array" else 1)
                if event == "start_array":
                    counting.append(target)
            elif target.take is Take.EXISTS:
                target.put(True)
            elif isinstance(target, Aggregate) and target.wants_more:
                self._builders.append(Builder(event, target.put, self._limits.cursor_bytes))
        return counting

    def _build(self, event: str, value: Any) -> None:
        for builder in self._builders:
            builder.event(event, value)
        self._builders[:] = [builder for builder in self._builders if not builder.finished]

    def _leave(self, frame: Frame) -> None:
        for aggregate, parent in (*frame.last, *frame.gates):
            aggregate.merge_into(parent)

    def _skip(self) -> None:
        self._skipping = True
        if len(self._stack) >= self._limits.depth:
            self._refuse_depth()

    def _refuse_depth(self) -> NoReturn:
        raise PageRefused(f"the page nests deeper than {self._limits.depth} (client.limits.depth)")


def _needs_no_look(_: bytes) -> bool:
    """What reads items of which another one follows, where only the last counts."""
    return True


def _refuse_twice(key: str, led_on: Sequence[Aggregate]) -> None:
    """Refuse a page for a key that stands twice; or its last item, if this should be it."""
    reason = f"the key {key!r} stands twice in one object of the page"
    for aggregate in led_on:
        if aggregate.element is None:
            raise PageRefused(reason)
        aggregate.element.spoil(reason)
