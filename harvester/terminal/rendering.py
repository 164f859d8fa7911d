"""Prints what commands answer: text and JSON, on stdout and stderr.

Light to import, as `cli` is. Everything for people passes through `printable`; records and JSON
go out as they are.
"""

import contextlib
import json
import os
import re
import shlex
import shutil
import sys
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Final

from harvester.model import duration, fit, number, one_line, printable, table, wrap
from harvester.patterns import pattern
from harvester.terminal import streams
from harvester.terminal.charset import shown, speaks_unicode

if TYPE_CHECKING:
    from harvester.config import Config
    from harvester.planning import Least, StoreCost
    from harvester.scaffold import Example, Proposal

_BUFFER_BYTES: Final = 16 * 1024  # what is larger goes out as it is
_OBEYED: Final = pattern(r"[^\x20-\x7e\n]")  # or may be, where it is not printable
_COLOURS: Final = {"red": 31, "green": 32, "yellow": 33}

# --- Texts ---------------------------------------------------------------------------------------


def following(program: str, out: Path, again: str, *, complete: bool, before: bool = False) -> str:
    """What to type after a run; `again` is its own command line. `before`: it asked for nothing,
    since all was complete.
    """
    name = _quoted(out)
    anew = f"\nTo harvest it anew:\n  {program} redo {name}" if before else ""
    if complete:
        table = f"{out.name}.parquet" if is_installed("pyarrow") else f"{out.name}.csv"
        report = f"  {program} report {name}\n" if is_installed("vl_convert", "jinja2") else ""
        return (
            f"Next:\n  {program} records {name} | head -n 3\n"
            f"  {program} export {name} {_quoted(Path(table))}\n"
            f"{report}  {program} verify {name}" + anew
        )
    return f"To go on from here:\n  {again}"


def is_installed(*modules: str) -> bool:
    """Whether the libraries of an extra are there, so that what needs them may be advised."""
    return all(find_spec(module) is not None for module in modules)


def _quoted(path: Path) -> str:
    return shlex.quote(str(path))


def needs_text(needs: Iterable["Least"]) -> str:
    """The table of `plan`."""
    header = ("resource", "partitions", "least requests", "least time")
    rows = [
        (need.resource, _known(need), f"{need.requests:,}", duration(need.seconds))
        if need.inside is None
        else (need.resource, _known(need), "none", "")
        for need in needs
    ]
    return table(header, rows, stdout_columns())


def _known(need: "Least") -> str:
    """How many partitions are known, and whose records will add to them."""
    if need.inside is not None:
        return f"inside {need.inside}"
    if need.after is None:
        return f"{need.partitions:,}"
    more = f"after {need.after}"
    return f"{need.partitions:,}, more {more}" if need.partitions else more


def print_plan(
    name: str,
    needs: Iterable["Least"],
    partitions: Iterable[dict[str, Any]],
    cost: "StoreCost | None" = None,
) -> None:
    """One JSON object, its partitions written as they come: there may be millions."""
    resources = _json([need.as_dict() for need in needs])
    store = f', "store": {_json(cost.as_dict())}' if cost else ""
    head = f'{{"name": {_json(name)}, "resources": {resources}{store}, "partitions": ['
    streams.write(head)
    for place, item in enumerate(partitions):
        if not streams.write((",\n" if place else "\n") + _json(item)):
            return
    streams.write("\n]}\n")


def cost_text(cost: "StoreCost") -> str:
    """What an object store asks for the pages of a plan."""
    told = cost.as_dict()
    file = f" (a file as it came {told['puts_per_file']:.3f})" if cost.files else ""
    text = (
        f"In {cost.place}: {number(cost.least_puts, 'PUT')} at least, for a page of each "
        f"partition. Each page takes {told['puts_per_page']:.3f} PUT{file} and no GET or LIST, "
        "nor does a partition that is new: "
        f"{cost.dollars_per_million_pages:.2f} dollars for a million pages, where a million PUTs "
        "cost 5, as in S3 Standard."
    )
    return wrap(text, stdout_columns())


def resources_text(config: "Config") -> str:
    """The table of `check`."""
    from datetime import UTC, datetime

    from harvester.config import Resource
    from harvester.planning import least

    now = datetime.now(UTC)
    auth = config.client.auth.type if config.client.auth else "none"
    rows = [
        (item.name, item.paginator.type, _known(least(config, item, now)), auth)
        if isinstance(item, Resource)
        else (item.name, "no request", f"inside {item.inside.resource}", "")
        for item in config.declared
    ]
    return table(("resource", "paginator", "partitions", "auth"), rows, stdout_columns())


def proposal_text(proposal: "Proposal", path: Path | None, program: str) -> str:
    """What `init` decided and why, what is unsure, and what to type next."""
    lines = []
    for name, lines_of in proposal.findings.items():
        lines += [one_line(name), *(f"  {one_line(line)}" for line in lines_of)]
    for title, items in (("note", proposal.notes), ("not sure", proposal.unsure)):
        lines += [f"{title}: {one_line(item)}" for item in items]
    lines.append(f"asked {number(proposal.requests, 'request')}")
    if sys.stderr.isatty():
        wide = max(40, _terminal_columns())
        lines = [textwrap.fill(line, wide, subsequent_indent="    ") for line in lines]
    if path is None:
        return "\n".join(lines)
    lines.append(f"wrote {path}")
    name = _quoted(path)
    exports = [
        f"  export {one}" for one in proposal.exports if one.partition("=")[0] in proposal.missing
    ]
    following = [f"  {program} check {name} --live", f"  {program} run {name}"]
    return "\n".join([*lines, "Next:", *exports, *following])


def examples_text(examples: Sequence["Example"], columns: int | None) -> str:
    """The table of `examples`, and what to type next."""
    rows = [
        (
            one.name,
            ", ".join([*one.needs, *(["an address of yours"] if one.own_host else [])])
            or "nothing",
            ", ".join(one.shows),
        )
        for one in examples
    ]
    if columns is not None:  # a table that is wider than the terminal is no table
        name = max(len(row[0]) for row in rows)
        room = max(12, (columns - name - 4) // 2)
        rows = [(row[0], fit(row[1], room), fit(row[2], room)) for row in rows]
    listed = table(("example", "needs", "shows"), rows, columns)
    return (
        f"{listed}\n\nNext:\n  harvester examples NAME      print it\n"
        "  harvester init --from NAME   copy it, to change\n"
        "  harvester check NAME --live  try it as it is"
    )


def copied_text(example: "Example", path: Path, program: str) -> str:
    """What a copied example needs before it runs, and what to type next."""
    name = _quoted(path)
    needs = [f"  export {variable}=…" for variable in example.needs]
    edit = [f"  # {name}: client.base_url holds the address of a server of yours"]
    following = [f"  {program} check {name} --live", f"  {program} run {name}"]
    head = [f"wrote {path}: {example.about}", "Next:"]
    return "\n".join([*head, *needs, *(edit if example.own_host else ()), *following])


# --- What is written -----------------------------------------------------------------------------


def answer(text: str) -> None:
    """Print what was asked for."""
    streams.write(shown(printable(text), sys.stdout) + "\n")


class _Spoken:
    """How this process speaks on stderr."""

    as_json = False


_spoken: Final = _Spoken()


def say_as_json() -> None:
    """From now on every line on stderr is a JSON object."""
    _spoken.as_json = True


def say_event(name: str, told: Mapping[str, Any]) -> None:
    """One line of JSON on stderr."""
    from harvester.terminal.json_lines import write_line

    write_line(name, told)


def say(text: str, colour: str | None = None) -> None:
    """Tell a person something beside the answer; `colour` is for its first line, where it can be
    shown and is wanted (https://no-color.org).
    """
    if _spoken.as_json:
        kind = "error" if text.startswith("error: ") else "message"
        say_event(kind, {"text": text.removeprefix("error: ")})
        return
    text = shown(printable(text), sys.stderr)
    if colour and sys.stderr.isatty() and not os.environ.get("NO_COLOR") and _paints():
        first, line_break, rest = text.partition("\n")
        text = f"\x1b[1;{_COLOURS[colour]}m{first}\x1b[0m{line_break}{rest}"
    with contextlib.suppress(OSError):  # nobody listens; the exit code still tells
        sys.stderr.write(text + "\n")
        sys.stderr.flush()


def _paints() -> bool:
    return os.environ.get("TERM", "") not in ("", "dumb", "unknown")


def tick(text: str) -> None:
    """Say on a terminal what is being waited for; the next call takes its place, `""` ends it."""
    if sys.stderr.isatty():
        with contextlib.suppress(OSError):
            sys.stderr.write(f"\r\x1b[2K{fit(one_line(text), _terminal_columns() - 1)}")
            sys.stderr.flush()


def _terminal_columns() -> int:
    return shutil.get_terminal_size().columns


def print_json(value: Any) -> None:
    """Print an answer for programs."""
    streams.write(_json(value, indent=2) + "\n")


def print_json_line(value: Any) -> None:
    """The same in one line, out at once."""
    streams.write(_json(value) + "\n")
    streams.flush()


def clear_screen() -> None:
    """Begin at the top of the terminal on stdout; elsewhere, after an empty line."""
    streams.write("\x1b[2J\x1b[H" if sys.stdout.isatty() else "\n")


def _json(value: Any, indent: int | None = None) -> str:
    """JSON that neither a terminal nor a charset can do anything about: what is not printable is
    escaped, which is the same to whoever reads it as JSON.
    """
    text = json.dumps(value, ensure_ascii=not speaks_unicode(sys.stdout.encoding), indent=indent)
    return _OBEYED.sub(_escaped, text)


def _escaped(found: re.Match[str]) -> str:
    return found[0] if found[0].isprintable() else json.dumps(found[0])[1:-1]


def stdout_columns() -> int | None:
    """The width of the terminal on stdout; None where there is none."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def write_blocks(blocks: Iterable[bytes]) -> None:
    """Bytes to stdout, small blocks gathered: as they are, but for a terminal, which would obey
    control characters in them.
    """
    streams.flush()
    if sys.stdout.isatty():
        blocks = map(_for_terminal, blocks)
    stdout = open(  # noqa: SIM115  # its close writes, and may fail as a write does
        sys.stdout.fileno(), "wb", buffering=_BUFFER_BYTES, closefd=False
    )
    try:
        for block in blocks:
            if not _put(stdout, block):
                break
    finally:
        with streams.noting():
            stdout.close()


def _put(stdout: BinaryIO, block: bytes) -> bool:
    """Whether stdout took it. An error of the blocks' own is none of stdout."""
    with streams.noting():
        stdout.write(block)
        return True
    return False


def _for_terminal(block: bytes) -> bytes:
    """Lines of JSON whose strings hold nothing that a terminal obeys."""
    text = block.decode("utf-8", "replace")
    return _OBEYED.sub(_escaped, text).encode("utf-8", "replace")
