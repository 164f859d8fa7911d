"""What a disk may hold after a power cut: all that was synced, and any part of the rest."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field

JOURNAL = "journal.jsonl"


@dataclass
class Synced:
    """What of a partition's folder is written, and what of that is synced, call by call.

    Parts are known by their numbers; lines by theirs, the first, which names no page, being 0.
    """

    lines: int = 0  # written
    safe_lines: int = 0
    begun: set[int] = field(default_factory=set)  # parts that are being written
    named: set[int] = field(default_factory=set)
    safe_names: set[int] = field(default_factory=set)
    safe_parts: set[int] = field(default_factory=set)

    def do(self, call: str) -> None:
        """Take note of a call that has returned, as `Matrix.calls_on_disk` writes it."""
        verb, name = call.split()
        match verb, name:
            case "write", "journal.jsonl":
                self.lines += 1
            case "fdatasync", "journal.jsonl":
                self.safe_lines = self.lines
            case "fsync", "folder":
                self.safe_names = {*self.named}
            case "fsync", "journal.jsonl":
                self.safe_lines = self.lines
            case "write", _:
                self.begun.add(_number(name))
                self.safe_parts.discard(_number(name))
            case "fsync", _:
                self.safe_parts.add(_number(name))
            case "link", _:
                self.named.add(_number(name))
            case _:
                raise AssertionError(call)

    @property
    def safe(self) -> int:
        """Up to which page nothing can be lost."""
        safe = 0
        while safe + 1 in self.safe_parts & self.safe_names and safe + 1 < self.safe_lines:
            safe += 1
        return safe

    def named_before(self, line: int) -> None:
        """A part has its name before its line is written."""
        assert line == 0 or line in self.named, f"line {line} before its part has its name"

    def disks(self, content: dict[str, bytes]) -> Iterator[dict[str, bytes]]:
        """Every state that a power cut may leave of the files of a whole harvest, `content`."""
        lines = content[JOURNAL].splitlines(keepends=True)
        parts = sorted(self.begun | self.named)
        for journal in self._journals(lines):
            for choice in itertools.product(*(self._states(part) for part in parts)):
                left = {} if journal is None else {JOURNAL: journal}
                for part, (name, state) in zip(parts, choice, strict=True):
                    if name is not None:
                        left[_name(part) + name] = _as(content[_name(part)], state)
                yield left

    def _journals(self, lines: list[bytes]) -> Iterator[bytes | None]:
        """The journal: with any of the lines that were not synced, torn, with holes."""
        safe, unsafe = lines[: self.safe_lines], lines[self.safe_lines : self.lines]
        sound = b"".join(safe)
        if not self.safe_lines:
            yield None
        for number, line in enumerate(unsafe):
            before = sound + b"".join(unsafe[:number])
            behind = b"".join(unsafe[number + 1 :])
            yield before
            yield before + line[: len(line) // 2]
            yield before + bytes(len(line) + len(behind))
            if self.safe_lines:  # the first line is synced before there is another
                yield before + bytes(len(line)) + behind
                yield before + line[:9] + bytes(len(line) - 10) + b"\n" + behind
        yield sound + b"".join(unsafe)

    def _states(self, part: int) -> list[tuple[str | None, str]]:
        """Under which name a part may be there, and what of it."""
        contents = ["whole"] if part in self.safe_parts else ["whole", "empty", "short", "zeros"]
        if part in self.safe_names:
            return [("", state) for state in contents]
        under = [(".tmp", "short")]
        if part in self.named:
            under += [("", state) for state in contents]
        return [(None, ""), *under]


def _number(name: str) -> int:
    return int(name.removeprefix("part-")[:6])


def _name(part: int) -> str:
    return f"part-{part:06d}.json.gz"


def _as(content: bytes, state: str) -> bytes:
    match state:
        case "empty":
            return b""
        case "short":
            return content[: len(content) // 2]
        case "zeros":
            return bytes(len(content))
        case _:
            return content
