"""Commands that say where a harvest stands, whether it is well, and whether it is sound."""

import shlex
import signal
import threading
import time
from typing import Annotated, Final

import typer

from harvester.cli.app import app
from harvester.cli.options import (
    Folder,
    Folders,
    Json,
    ShardOption,
    StalledAfter,
    duration_s,
    share,
    stalled_after_s,
)
from harvester.model import number
from harvester.terminal import answer, flush, print_json, print_json_line, say, stdout_columns

_DAMAGED: Final = 5
_NOT_WELL: Final = 1  # as Docker has it


@app.command()
def status(
    folder: Folder,
    shard: ShardOption = None,
    watch: Annotated[
        bool, typer.Option("--watch", help="Look again and again, until no run is under way.")
    ] = False,
    every: Annotated[
        str, typer.Option(metavar="TIME", help="With --watch: how often to look.")
    ] = "2s",
    stalled_after: StalledAfter = "1h",
    as_json: Json = False,
) -> None:
    """Say where a harvest stands, also while it runs.

    Whether a run is under way, which process it is, when it last kept a page, how fast it is and
    how long it may take; what is complete, what failed, what is in doubt. Reads the journals and
    the run's own note, and asks the server nothing.

    \b
    Examples:
      harvester status data/tweets
      harvester status tweets.yaml --watch
      harvester status s3://bucket/tweets --shard 0/4
      harvester status data/tweets --json | jq .complete
      harvester status data/tweets --json | jq '.under_way, .stalled, .rate.records_per_s, .eta'

    \b
    Exit codes:
      0  answered, whether complete or not
      2  wrong usage
      5  no folder of a harvest, or a damaged one
    """  # noqa: D301 - the \b is click's: leave the lines as they are
    from harvester.results import status as state_of
    from harvester.results import under_way
    from harvester.terminal import (
        clear_screen,
        running,
        standing,
        takes_more,
    )

    limit, pause = stalled_after_s(stalled_after), duration_s(every, "--every")
    mine, looks = share(shard), 0
    while True:
        summary = state_of(folder, shard=mine)
        run = under_way(folder, summary.since)
        told = {**summary.as_dict(), **run.as_dict(limit)} if as_json else {}
        if as_json:
            (print_json_line if watch else print_json)(told)
        else:
            if watch and (looks or stdout_columns()):
                clear_screen()
            columns = stdout_columns()
            answer(standing(summary, columns, folder, running(run, limit, columns)))
        looks += 1
        if not (watch and run.running and takes_more()):
            return
        time.sleep(pause)


@app.command()
def watch(
    folder: Folder,
    port: Annotated[
        int, typer.Option(min=0, max=65535, metavar="N", help="The port; 0 takes a free one.")
    ] = 0,
    stalled_after: StalledAfter = "1h",
    as_json: Json = False,
) -> None:
    """Show a harvest in a browser while it goes on: a page on this machine only.

    Partitions as a strip over time, the rate, waits, failures, doubts, the time left. The page
    needs no network and loads nothing; it follows the run, and the next one too. Ctrl-C ends it,
    and does nothing to the run.

    \b
    Examples:
      harvester watch data/tweets
      harvester watch tweets.yaml --port 8090

    \b
    Exit codes:
      0  ended by Ctrl-C or SIGTERM
      2  wrong usage, or a port that is taken
      5  no folder of a harvest, or a damaged one
    """  # noqa: D301 - the \b is click's: leave the lines as they are
    from harvester.monitoring import WatchPage
    from harvester.results import status as state_of

    limit = stalled_after_s(stalled_after)
    state_of(folder)  # refuses what is no harvest
    ended = threading.Event()
    for number_ in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number_, lambda *_: ended.set())
    try:
        page = WatchPage(folder, port=port, stalled_after_s=limit)
    except OSError as error:
        raise typer.BadParameter(f"{port}: {error.strerror}", param_hint="--port") from None
    with page:
        if as_json:
            print_json_line({"url": page.url})
        else:
            answer(page.url)
        flush()
        say(f"{folder}; Ctrl-C ends this page, not the run")
        ended.wait()


@app.command()
def healthcheck(
    folders: Folders, stalled_after: StalledAfter = "1h", as_json: Json = False
) -> None:
    """Say whether a harvest is well, by the exit code, for containers and monitors.

    Not well is a run that has kept no page for longer than --stalled-after (waits that it
    announced, as for a rate limit, do not count), and a harvest whose last run was killed before
    it was complete, while no other is under way.

    \b
    Examples:
      harvester healthcheck data/tweets --stalled-after 1h
      HEALTHCHECK CMD ["harvester", "healthcheck", "/data/tweets"]     in a Dockerfile

    \b
    Exit codes:
      0  well
      1  not well: why is said
      2  wrong usage
      5  no folder of a harvest, or a damaged one
    """  # noqa: D301 - the \b is click's: leave the lines as they are
    from harvester.monitoring import health_of

    limit = stalled_after_s(stalled_after)
    found = [(str(folder), health_of(folder, limit)) for folder in folders]
    if as_json:
        print_json([{"folder": name, "well": one.well, "why": one.why} for name, one in found])
    else:
        for name, one in found:
            answer(f"{name}: {'well' if one.well else 'not well'}: {one.why}")
    raise typer.Exit(0 if all(one.well for _, one in found) else _NOT_WELL)


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
