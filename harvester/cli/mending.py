"""Commands that harvest again: `repair` for lost pages, `redo` for whole partitions."""

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from harvester.cli.app import app
from harvester.cli.options import (
    Harvest,
    Json,
    OutOf,
    Partitions,
    Progress,
    ProgressMode,
    Resources,
    pairs,
)
from harvester.model import number, one_line
from harvester.terminal import answer, following, print_json, say

if TYPE_CHECKING:
    from harvester.repair import Repair

_NOT_ALL: Final = 3


@app.command()
def repair(
    harvest: Harvest,
    out: OutOf = None,
    deep: Annotated[
        bool, typer.Option("--deep", help="Also inflate and parse every page, as verify --deep.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Get pages again that are lost or damaged on disk.

    Finds what verify finds, and asks for those pages with the journal's own cursors. A page takes
    its place only if it leads to where the next one begins; what is replaced stays beside it, as
    NAME.damaged. Where the API does not give a page any more it says which partition must begin
    anew, and how. With the YAML it also writes a harvest.json anew that is lost.

    \b
    Examples:
      harvester repair data/tweets
      harvester repair tweets.yaml --out data/tweets    its harvest.json is lost

    \b
    Next:
      harvester verify data/tweets

    \b
    Exit codes:
      0    all is well, or is again
      2    wrong usage or configuration
      3    something could not be had: what it is, and what to type, is listed
      4    stopped by a quota, a rule or a full disk
      5    the folder holds another harvest
      6    a run holds the folder
      130  interrupted; what was had by then is kept
    """  # noqa: D301 - the \b is click's: leave the lines as they are
    from harvester.repair import reopened
    from harvester.repair import repair as repaired
    from harvester.terminal import ended_by_signals, program

    config, folder = reopened(harvest, out)
    with ended_by_signals() as stop:
        found = repaired(config, folder, deep=deep, stop=stop)
    if as_json:
        print_json(found.as_dict())
    else:
        _show_repair(found, f"{program()} redo {shlex.quote(str(harvest))}", out)
        named = shlex.quote(str(folder))
        again = shlex.quote(str(harvest)) + (f" --out {shlex.quote(str(out))}" if out else "")
        if found.failed:
            say(f"once what failed is mended:\n  {program()} repair {again}")
        say(f"next:\n  {program()} verify {named}")
    raise typer.Exit(0 if found.ok else _NOT_ALL)


def _show_repair(found: "Repair", redo: str, out: Path | None) -> None:
    for line in found.again:
        answer(one_line(f"again: {line}"))
    for line in found.failed:
        answer(one_line(f"not to be had: {line}"))
    for item in found.anew:
        answer(one_line(f"must begin anew: {item.partition.title}: {item.why}"))
        chosen = "".join(
            f" --partition {shlex.quote(f'{key}={value}')}"
            for key, value in item.partition.labels.items()
        )
        where = f" --out {shlex.quote(str(out))}" if out else ""
        resource = shlex.quote(item.partition.resource)
        answer(f"  {redo}{where} --resource {resource}{chosen}")
    if found.aside:
        answer(
            f"{number(len(found.aside), 'file')} put aside, {found.aside[0]} first; they may be "
            "deleted once verify is content"
        )
    mended = f"{number(found.pages, 'page')} had again"
    answer(f"{number(found.parts, 'part')} looked at, {mended}" if found.parts else mended)


@app.command()
def redo(
    harvest: Harvest,
    out: OutOf = None,
    resource: Resources = None,
    partition: Partitions = None,
    progress: Progress = ProgressMode.AUTO,
    as_json: Json = False,
) -> None:
    """Harvest again what is complete: all of it, a resource, or a partition.

    The old pages stay and count until the new ones are complete; then they are superseded. They
    stay on disk, and no reader but a glob sees them: delete them where the room is needed.

    \b
    Examples:
      harvester redo data/tweets
      harvester redo data/tweets --resource tweets --partition query=from:nasa

    \b
    Next:
      harvester run tweets.yaml     goes on, if it was ended in between

    Exit codes: those of `harvester run`.
    """  # noqa: D301 - the \b is click's: leave the lines as they are
    from harvester.engine import RunOptions
    from harvester.repair import begin_again, reopened
    from harvester.terminal import colour, harvest_watched, last_screen, program, stderr_columns
    from harvester.terminal import stderr_is_terminal as on_terminal

    config, folder = reopened(harvest, out)
    begun = begin_again(config, folder, resources=resource or (), partition=pairs(partition))
    for name in begun.aside:
        say(f"{folder}/{name}: the old pages are here; their journal is damaged")
    summary, numbers = harvest_watched(
        config,
        RunOptions(out=folder, resources=resource or ()),
        live=progress is ProgressMode.AUTO and on_terminal(),
        quiet=progress is ProgressMode.NONE,
    )
    if progress is not ProgressMode.NONE or summary.exit_code:
        say(f"{number(begun.partitions, 'partition')} harvested again")
        say(last_screen(summary, numbers, stderr_columns()), colour(summary))
        named = shlex.quote(str(harvest)) + (f" --out {shlex.quote(str(out))}" if out else "")
        again = f"{program()} redo {named}"
        say(following(program(), folder, again, complete=summary.complete))
    if as_json:
        print_json(summary.as_dict())
    raise typer.Exit(summary.exit_code)
