"""Write the YAML for an API that has none yet: `init`, from what its documentation shows."""

import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Final

import typer
import typer.core

from harvester.cli.app import app
from harvester.cli.completing import example_files
from harvester.model import number
from harvester.terminal import (
    answer,
    copied_text,
    proposal_text,
    say,
    tick,
)

_LONGEST_LINE: Final = 4 << 20  # of stdin


class _CurlAsItIs(typer.core.TyperCommand):
    """Leaves what follows the word `curl` alone: its options are curl's, not ours."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put a `--` before it, which ends our own options."""
        if "--" not in args and "curl" in args:
            at = args.index("curl")
            args = [*args[:at], "--", *args[at:]]
        return super().parse_args(ctx, args)


@app.command(cls=_CurlAsItIs)
def init(
    source: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="SOURCE",
            help="A curl line (in quotes, or as it is), a URL, an OpenAPI 3 document, a Postman "
            "collection, a HAR file, or - for stdin.",
        ),
    ] = None,
    from_: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="NAME",
            help="Copy the example of this name instead; `harvester examples` lists them.",
            autocompletion=example_files,
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Where to write; - is stdout.  [<name>.yaml]"),
    ] = None,
    name: Annotated[
        str | None, typer.Option(metavar="NAME", help="The name of the harvest.")
    ] = None,
    offline: Annotated[
        bool, typer.Option("--offline", help="Ask nothing; guess from the line alone.")
    ] = False,
    operation: Annotated[
        list[str] | None,
        typer.Option(
            metavar="ID", help="An operation of the OpenAPI document; may be given again."
        ),
    ] = None,
    base_url: Annotated[
        str | None,
        typer.Option(metavar="URL", help="The server, where an OpenAPI document names none."),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite the file.")] = False,
) -> None:
    """Write the YAML for an API, from a curl line, a URL, an OpenAPI document or a recording.

    Fetches a page, finds the records and how the API pages, and proves it by a second page: at
    most twelve requests. Secrets stay out of the file: it names variables. A Postman collection or
    a HAR file is read with the answers that it has, and nothing is asked.

    \b
    harvester init 'curl -H "Authorization: Bearer $TOKEN" https://api.example.org/v1/items'
    harvester init curl -G https://api.example.org/v1/items -d limit=100
    harvester init openapi.yaml --operation listItems
    pbpaste | harvester init - --name items
    harvester init --from github_issues

    Exit codes: 0 written, 2 bad usage or input, 3 no page could be had (nothing is written).
    """  # noqa: D301 - the \b is click's: leave the lines as they are
    from harvester.scaffold import given, named, propose, refuse_existing, save
    from harvester.terminal import program

    if from_ is not None:
        _copy(from_, source or [], out, name, force=force)
        return
    if not source:
        raise typer.BadParameter("a curl line, a URL, an OpenAPI document or --from is wanted")
    if recorded := _recorded(source):
        _of_recording(recorded, out, name, operation or (), force=force)
        return
    found = given(
        source,
        lambda: sys.stdin.read(_LONGEST_LINE),
        operation=operation or (),
        base_url=base_url,
        offline=offline,
        env=os.environ,
    )
    title = named([one.ask for one in found.wanted], name)
    path = out or Path(f"{title}.yaml")
    to_stdout = str(path) == "-"
    if not to_stdout:
        refuse_existing(path, force=force)
    proposal = propose(
        found.wanted,
        name=title,
        source=found.source,
        env=os.environ,
        offline=offline,
        asking=lambda left: tick(f"asking {found.place}; at most {number(left, 'request')} left"),
    )
    tick("")
    if to_stdout:
        answer(proposal.text.removesuffix("\n"))
    else:
        save(path, proposal.text, force=force)
    say(proposal_text(proposal, None if to_stdout else path, program()))


def _recorded(source: list[str]) -> Path | None:
    """The recording that is given, if it is one."""
    from harvester.importer import is_recorded

    if len(source) != 1 or not source[0].lower().endswith((".har", ".json")):
        return None
    path = Path(source[0])
    try:
        return path if path.is_file() and is_recorded(path) else None
    except (OSError, ValueError):
        return None


def _of_recording(
    path: Path, out: Path | None, name: str | None, operation: Sequence[str], *, force: bool
) -> None:
    """Write what a recording has, as `import` does: a file for each API that it asks."""
    from harvester.importer import import_file
    from harvester.scaffold import named, refuse_existing, save

    if name is not None:
        named((), name)  # refuses what is no name
    if operation:
        raise typer.BadParameter("is for OpenAPI documents", param_hint="--operation")
    found = import_file(path)
    for stream in found.streams:
        if not stream.imported:
            say(f"not taken: {stream.name}: {'; '.join(stream.missing)}")
    if not found.texts:
        say(f"{path}: nothing in it can be harvested; nothing is written")
        raise typer.Exit(3)
    if len(found.texts) > 1 and (out is not None or name is not None):
        names = ", ".join(found.texts)
        raise typer.BadParameter(
            f"{path} asks several APIs, each a file of its own ({names}): no --out or --name"
        )
    for given_name, written in found.texts.items():
        text = re.sub(r"(?m)^name: .*$", f"name: {name}", written, count=1) if name else written
        file = out or Path(f"{name}.yaml" if name else given_name)
        if str(file) == "-":
            answer(text.removesuffix("\n"))
            continue
        refuse_existing(file, force=force)
        save(file, text, force=force)
        say(f"wrote {file}\nNext:\n  harvester check {file} --live\n  harvester run {file}")


def _copy(
    copied: str, source: list[str], out: Path | None, name: str | None, *, force: bool
) -> None:
    """Write an example into a file of one's own."""
    from harvester.scaffold import example, example_text, refuse_existing, save
    from harvester.terminal import program

    if source:
        raise typer.BadParameter("give a SOURCE or --from, not both", param_hint="--from")
    text = example_text(copied, name)
    known = example(copied)
    path = out or Path(f"{name or (known and known.name)}.yaml")
    if str(path) == "-":
        answer(text.removesuffix("\n"))
        return
    refuse_existing(path, force=force)
    save(path, text, force=force)
    if known is not None:
        say(copied_text(known, path, program()))
