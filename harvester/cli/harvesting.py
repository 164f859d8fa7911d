"""Commands that harvest, say where a harvest stands, and verify what it stored."""

import shlex
from pathlib import Path
from typing import Annotated, Final

import typer

from harvester.cli.app import app
from harvester.cli.options import (
    BaseURL,
    ConfigFile,
    Folder,
    Json,
    Progress,
    ProgressMode,
    Resources,
    Set,
    Verbose,
    loaded,
)
from harvester.model import number
from harvester.terminal import answer, following, print_json, say, stdout_columns

_DAMAGED: Final = 5


@app.command()
def run(
    config: ConfigFile,
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="The folder to harvest into.  [output.path, data/<name>]"),
    ] = None,
    resource: Resources = None,
    concurrency: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Partitions at once.")
    ] = None,
    max_pages: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="Add at most N pages to each partition, then pause."),
    ] = None,
    base_url: BaseURL = None,
    set_: Set = None,
    progress: Progress = ProgressMode.AUTO,
    accept_change: Annotated[
        bool,
        typer.Option(
            "--accept-change",
            help="Go on although the question is another one than the folder was begun with.",
        ),
    ] = False,
    strict: Annotated[
        bool,
        typer.Option("--strict", help="Exit with 3 where there is a doubt, as for a failure."),
    ] = False,
    verbose: Verbose = False,
    as_json: Json = False,
) -> None:
    """Harvest; the same line again goes on after any stop.

    Kill it, pull the plug, fill the disk: nothing that was committed is lost, and nothing is
    fetched twice but what was on its way.

    \b
    Examples:
      harvester run tweets.yaml                          all of it
      harvester run tweets.yaml --max-pages 2 --out try  a taste, somewhere else
      harvester run tweets.yaml --resource users         one resource
      harvester run tweets.yaml --set 'resources.tweets.params.query=cats'
      harvester run tweets.yaml --progress plain 2>> harvest.log   for cron
      harvester run data/tweets                          with the YAML as it was then
      harvester run tweets.yaml -v                       shows each request and its answer

    \b
    Next:
      harvester status data/tweets    where it stands, also while it runs
      harvester verify data/tweets    is every byte what the journal says?
      harvester records data/tweets   the records as JSON Lines

    \b
    Exit codes:
      0    complete
      2    wrong usage or configuration; nothing was done
      3    some partitions failed: run again to go on; with --strict, or there are doubts
      4    stopped by a quota, a rule, a full disk or --max-pages: run again
      5    the data on disk is damaged, or is another harvest's; nothing deleted
      6    another run holds the folder
      130  interrupted: run again to go on
    """  # noqa: D301 - the \b is click's: leave the lines as they are
    from harvester.engine import secrets_of
    from harvester.store import beside
    from harvester.terminal import (
        again,
        colour,
        doubted,
        harvest_watched,
        is_of_before,
        last_screen,
        program,
        stderr_columns,
    )
    from harvester.terminal import stderr_is_terminal as on_terminal

    declared, folder = loaded(config, base_url=base_url, set_=set_)
    folder = out.absolute() if out else folder
    if out is None and config.is_file() and (other := beside(declared)) is not None:
        say(
            f"note: a harvest of this name lies beside the YAML, in {other}; this one goes into "
            f"{folder}. To go on with that one: --out {shlex.quote(str(other))}"
        )
    summary, numbers = harvest_watched(
        declared,
        live=progress is ProgressMode.AUTO and on_terminal() and not verbose,
        quiet=progress is ProgressMode.NONE,
        out=folder,
        resources=resource or (),
        concurrency=concurrency,
        max_pages=max_pages,
        accept_change=accept_change,
    )
    summary.strict = strict
    if progress is not ProgressMode.NONE or summary.exit_code:
        say(last_screen(summary, numbers, stderr_columns()), colour(summary))
        resume = again(secrets_of(declared))
        say(
            following(
                program(),
                folder,
                resume,
                complete=summary.complete,
                before=is_of_before(summary),
            )
        )
    elif summary.doubts:
        say(doubted(summary.doubts, stderr_columns()))
    if as_json:
        print_json(summary.as_dict())
    raise typer.Exit(summary.exit_code)


@app.command()
def status(folder: Folder, as_json: Json = False) -> None:
    """Say where a harvest stands, also while it runs.

    Reads the journals, asks the server nothing, and takes no lock.

    \b
    Examples:
      harvester status data/tweets
      harvester status data/tweets --json | jq .complete
      watch harvester status data/tweets

    \b
    Exit codes:
      0  answered, whether complete or not
      2  wrong usage
      5  no folder of a harvest, or a damaged one
    """  # noqa: D301 - the \b is click's: leave the lines as they are
    from harvester.results import status as state_of
    from harvester.terminal import standing

    summary = state_of(folder)
    if as_json:
        print_json(summary.as_dict())
    else:
        answer(standing(summary, stdout_columns(), folder))


@app.command()
def verify(
    folder: Folder,
    deep: Annotated[
        bool, typer.Option("--deep", help="Also inflate and parse every page.")
    ] = False,
    keys: Annotated[
        bool, typer.Option("--keys", help="Also count how many records are different, exactly.")
    ] = False,
    key: Annotated[
        list[str] | None,
        typer.Option(
            "--key",
            metavar="PATH",
            help="What makes a record the same record, for --keys, instead of the YAML's `key`; "
            "given again, all the paths together.",
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Check every part against its journal.

    Hashes, sizes, the chain of cursors, counts, gaps, and files that nothing names. Changes
    nothing.

    \b
    Examples:
      harvester verify data/tweets          at the speed of the disk
      harvester verify data/tweets --deep   also inflates and parses every page
      harvester verify data/tweets --keys   also counts records that come twice

    Records that come twice are no damage: they are counted, and the exit code stays 0.

    \b
    Exit codes:
      0  all is well
      2  wrong usage
      5  it is not: each problem is listed with its file
    """  # noqa: D301 - the \b is click's: leave the lines as they are
    from harvester.results import verify as verified
    from harvester.terminal import doubled, program

    found = verified(folder, deep=deep)
    counted = []
    if keys or key:
        from harvester.results import doubles

        counted = doubles(folder, key or ())
    if as_json:
        counts = {"keys": [each.as_dict() for each in counted]} if keys or key else {}
        print_json({**found.as_dict(), **counts})
    else:
        for each in counted:
            answer(doubled(each))
        for problem in found.problems:
            answer(f"{problem.path}: {problem.problem}" if problem.path else problem.problem)
        parts = number(found.parts, "part")
        ok = f"ok: {parts}, each as its journal says" + (", every page parsed" if deep else "")
        answer(ok if found.ok else f"{number(len(found.problems), 'problem')} in {parts}")
        if not found.ok:
            say(f"to get what was lost again:\n  {program()} repair {shlex.quote(str(folder))}")
    raise typer.Exit(0 if found.ok else _DAMAGED)


@app.command()
def demo(
    out: Annotated[Path, typer.Option(metavar="DIR", help="The folder to harvest into.")] = Path(
        "harvester-demo"
    ),
    progress: Progress = ProgressMode.AUTO,
    fast: Annotated[bool, typer.Option("--fast", hidden=True)] = False,
) -> None:
    """See it run, on this machine.

    Harvests a built-in, faulty, Twitter-style API on loopback, in about 40 seconds. Kill it in the
    middle and start it again: it goes on where it was.

    \b
    Examples:
      harvester demo
      harvester demo --out /tmp/demo

    Next: what it prints at its end. Exit codes: those of `harvester run`.
    """  # noqa: D301 - the \b is click's: leave the lines as they are
    from harvester.cli.demo import FAST, USUAL, play
    from harvester.terminal import stderr_is_terminal as on_terminal

    live = progress is ProgressMode.AUTO and on_terminal()
    quiet = progress is ProgressMode.NONE
    raise typer.Exit(play(out, FAST if fast else USUAL, live=live, quiet=quiet))
