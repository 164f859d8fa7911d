"""Decoded chunks in, fields out: the eyes of the tee.

ijson's push parser (`basic_parse_coro`) turns chunks into events; `_Matcher` walks them with a
stack of open containers, each holding the states of the paths that are still alive in it. Where
no path is alive, only depth is counted. Nothing is kept but the fields: memory does not grow
with the page.

`basic_parse_coro` and a stack of our own, not `parse_coro` or `items_coro`: those take 10.8 GB
for 65 KB of `[`, and their dotted prefixes mistake a key "paging.next" for a path.
"""

import codecs
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NoReturn

import ijson  # type: ignore[import-untyped]  # it ships no types

from harvester.config import Limits
from harvester.errors import AttemptFailed, NotJSON, PageRefused
from harvester.model import Every, Index, Key, Last, Path, Where
from harvester.page.aggregators import CLOSING, NOTHING, OPENING, Builder, Tally, usable
from harvester.page.aggregators import Take as Take
from harvester.page.aggregators import as_number as as_number
from harvester.page.aggregators import extreme as extreme
from harvester.page.guard import Guard
from harvester.page.leaps import Leaps
from harvester.page.skimmer import Skimmer


@dataclass(frozen=True, slots=True)
class Field:
    """A named value to pick out of a page. One that is `told` is for people, or a hint: what
    cannot be kept of it is none, where a page would else be refused.
    """

    name: str
    path: Path
    take: Take = Take.FIRST
    within: Callable[[Any], bool] | None = None
    """Which values count, for `MIN` and `MAX`."""
    told: bool = False


_NESTING: Final = {**dict.fromkeys(OPENING, 1), **dict.fromkeys(CLOSING, -1)}


class FieldParser:
    """Feed it the decoded chunks of one page; `close` gives the fields.

    Records that no field looks into are not sent through the parser, but proven otherwise (see
    `skim`). Raises `NotJSON` where the page is not JSON in UTF-8, complete to its last byte, and
    `PageRefused` where a limit, a duplicate key on a field's way or a field that cannot be kept
    exactly makes another try pointless.
    """

    def __init__(self, fields: Sequence[Field], limits: Limits) -> None:
        self._matcher = _Matcher(fields, limits)
        self._guard = Guard(string_bytes=limits.string_bytes, number_chars=limits.number_chars)
        self._parser = ijson.basic_parse_coro(self._matcher.events())
        self._skimmer = Skimmer(self, limits.depth)
        self._leaps = Leaps(self._guard, self._skimmer)
        self._utf8 = codecs.getincrementaldecoder("utf-8")()
        self._in_character = False

    @property
    def control_characters(self) -> int:
        """How many control characters stand raw in strings of the text so far."""
        return self._skimmer.control_characters

    def feed(self, chunk: bytes) -> None:
        """Take in one more chunk; it may end anywhere, also inside a character."""
        for piece in self._leaps.over(chunk):
            self._read(piece)
        if self._in_character or not chunk.isascii():
            self._decode(chunk)

    def close(self) -> dict[str, Any]:
        """The fields that were found, by name. Call it once, after the last chunk."""
        for piece in self._leaps.close():
            self._read(piece)
        for block in self._guard.close():
            self._skimmer.feed(block)
        self._decode(b"", final=True)
        if self._guard.in_string:  # the parser lets an open string behind the document pass
            raise NotJSON("the body is not complete, valid JSON: it ends inside a string")
        self._skimmer.close()
        try:
            self._parser.close()
        except Exception as error:
            _reject(error)
        return self._matcher.results()

    def _read(self, piece: bytes) -> None:
        for block in self._guard.feed(piece):
            self._skimmer.feed(block)

    def _decode(self, chunk: bytes, *, final: bool = False) -> None:
        # What reads the page below does not look, or takes what is close to UTF-8 for it.
        try:
            self._utf8.decode(chunk, final)
        except UnicodeDecodeError as error:
            near = ascii(error.object[max(0, error.start - 20) : error.end + 20])[1:]
            raise NotJSON(
                f"the body is not complete, valid JSON: it is not in UTF-8, near {near}"
            ) from error
        self._in_character = bool(self._utf8.getstate()[0])

    def look_closer(self, text: bytes) -> None:
        """For the skimmer: parse a text that is not sent."""
        parser = ijson.basic_parse_coro(ijson.sendable_list())
        try:
            parser.send(text)
            parser.close()
        except Exception as error:
            _reject(error)

    def send(self, text: bytes) -> None:
        """For the skimmer: parse a portion."""
        try:
            self._parser.send(text)
        except Exception as error:
            _reject(error)

    def idle_depth(self) -> int | None:
        """For the skimmer: where the parser may be spared; see `skim.Reader`."""
        return self._matcher.idle_depth()

    def passed_over(self, items: int) -> None:
        """For the skimmer: count items that are not sent."""
        self._matcher.passed_over(items)


def _reject(error: Exception) -> NoReturn:
    """Map whatever the parser lets through to a verdict.

    Measured: JSONError, UnicodeDecodeError, decimal.InvalidOperation, ValueError, SystemError.
    """
    if isinstance(error, AttemptFailed | MemoryError):
        raise error
    if isinstance(error, ArithmeticError):  # its own words are "[<class 'decimal.…'>]"
        raise NotJSON(
            "the body is not complete, valid JSON: a number's exponent is beyond all range"
        ) from error
    reason = str(error).strip().splitlines()
    raise NotJSON(
        f"the body is not complete, valid JSON: {reason[0] if reason else type(error).__name__}"
    ) from error


@dataclass(slots=True)
class _Comparison:
    """The target of a filter's left side: opens the element's tally when the values agree."""

    where: Where
    tally: Tally
    take: Take = Take.FIRST

    def put(self, value: Any) -> None:
        if self.where.accepts(value):
            self.tally.matched = True


@dataclass(frozen=True, slots=True)
class _State:
    """A path that is alive in a container: the segments left to match there, and its target."""

    path: Path
    target: Tally | _Comparison


@dataclass(slots=True)
class _Frame:
    """An open container on the way to a field."""

    is_map: bool
    states: tuple[_State, ...]
    position: str | int = -1
    counting: list[Tally] = field(default_factory=list)  # each item here is one record
    seen: set[str] = field(default_factory=set)  # keys that led on: no second time
    last: list[tuple[Tally, Tally]] = field(default_factory=list)  # [-1]: newest element, parent
    gates: list[tuple[Tally, Tally]] = field(default_factory=list)  # filters decided at its end


class _Matcher:
    """Events in, fields out. Knows nothing of bytes."""

    def __init__(self, fields: Sequence[Field], limits: Limits) -> None:
        self._tallies = {item.name: Tally(item.take, within=item.within) for item in fields}
        self._paths = {item.name: item.path for item in fields}
        self._told = {item.name for item in fields if item.told}
        self._limits = limits
        self._stack: list[_Frame] = []
        self._skipping = False  # a container was opened in which no path is alive
        self._builders: list[Builder] = []

    def results(self) -> dict[str, Any]:
        return {
            name: self._kept(name, tally.value)
            for name, tally in self._tallies.items()
            if tally.value is not NOTHING
        }

    def _kept(self, name: str, value: Any) -> Any:
        try:
            return usable(value, self._paths[name], self._limits.cursor_bytes)
        except AttemptFailed:
            if name not in self._told:
                raise
            return None

    def events(self) -> Any:
        """The coroutine that ijson sends `(event, value)` pairs to, primed."""
        coroutine = self._run()
        next(coroutine)
        return coroutine

    def idle_depth(self) -> int | None:
        """The depth, from 1, of the outermost open container in which nothing but items may be
        counted; None where a path is alive here, or a value is being built.
        """
        depth = len(self._stack)
        if self._builders:
            return None
        if depth and not self._stack[-1].states:
            return depth
        return depth + 1 if self._skipping else None

    def passed_over(self, items: int) -> None:
        """Count items of that container."""
        frame = self._stack[-1] if self._stack else None
        if frame is not None and not frame.states:
            for tally in frame.counting:
                tally.put(items)

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
        gates: list[tuple[Tally, Tally]] = []
        if self._stack:
            frame = self._stack[-1]
            if not frame.is_map:
                frame.position += 1  # type: ignore[operator]  # an array's position is an int
            for tally in frame.counting:
                tally.put(1)
            if not frame.states:  # items are only counted, and there may be millions
                if event in OPENING:
                    self._skip()
                return
            states = self._step(frame, gates)
        else:
            states = [_State(path, self._tallies[name]) for name, path in self._paths.items()]
        alive = tuple(state for state in states if state.path)
        targets = [state.target for state in states if not state.path]
        if event in OPENING:
            counting = self._open_targets(event, targets)
            if alive or counting or gates:
                self._stack.append(
                    _Frame(event == "start_map", alive, counting=counting, gates=gates)
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
            for tally, parent in gates:  # a scalar element has no members to filter by
                tally.merge_into(parent)

    def _step(self, frame: _Frame, gates: list[tuple[Tally, Tally]]) -> list[_State]:
        """The states that are alive in (or end at) the child at `frame.position`."""
        found: list[_State] = []
        position = frame.position
        newest: list[tuple[Tally, Tally]] = []
        led_on = False
        for state in frame.states:
            segment, rest, target = state.path[0], state.path[1:], state.target
            match segment:
                case Key(name):
                    if frame.is_map and name == position:
                        led_on = True
                        found.append(_State(rest, target))
                case Index(index):
                    if not frame.is_map and index == position:
                        found.append(_State(rest, target))
                case Every():
                    found.append(_State(rest, target))
                case Last():
                    if not frame.is_map and isinstance(target, Tally):
                        tally = Tally(target.take, within=target.within)
                        newest.append((tally, target))
                        found.append(_State(rest, tally))
                case Where():
                    if isinstance(target, Tally):
                        tally = Tally(target.take, within=target.within, matched=False)
                        gates.append((tally, target))
                        found.append(_State(rest, tally))
                        found.append(
                            _State(tuple(map(Key, segment.path)), _Comparison(segment, tally))
                        )
        if newest:
            frame.last = newest
        if led_on:
            if position in frame.seen:
                raise PageRefused(f"the key {position!r} stands twice in one object of the page")
            frame.seen.add(str(position))
        return found

    def _open_targets(self, event: str, targets: list[Tally | _Comparison]) -> list[Tally]:
        """Paths that end at a container: count it, or build it. Returns who counts its items."""
        counting = []
        for target in targets:
            if target.take is Take.COUNT and isinstance(target, Tally):
                target.put(0 if event == "start_array" else 1)
                if event == "start_array":
                    counting.append(target)
            elif target.take is Take.EXISTS:
                target.put(True)
            elif isinstance(target, Tally) and target.wants_more:
                self._builders.append(Builder(event, target.put, self._limits.cursor_bytes))
        return counting

    def _build(self, event: str, value: Any) -> None:
        for builder in self._builders:
            builder.event(event, value)
        self._builders[:] = [builder for builder in self._builders if not builder.finished]

    def _leave(self, frame: _Frame) -> None:
        for tally, parent in (*frame.last, *frame.gates):
            tally.merge_into(parent)

    def _skip(self) -> None:
        self._skipping = True
        if len(self._stack) >= self._limits.depth:
            self._refuse_depth()

    def _refuse_depth(self) -> NoReturn:
        raise PageRefused(f"the page nests deeper than {self._limits.depth} (limits.depth)")
