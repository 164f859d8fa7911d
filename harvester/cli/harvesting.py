"""Commands that harvest: `run`."""

import os
import shlex
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harvester.cli.app import app
from harvester.cli.engines import EngineOption, Scheduler, Threads, Workers, executor_of
from harvester.cli.options import (
    BaseURL,
    ConfigFile,
    Json,
    Progress,
    ProgressMode,
    Resources,
    Set,
    ShardOption,
    StalledAfter,
    Verbose,
    lasting,
    loaded,
    place,
    share,
    stalled_after_s,
)
from harvester.errors import ConfigError
from harvester.terminal import following, print_json, say, say_as_json, say_event

if TYPE_CHECKING:
    from harvester.config import Config
    from harvester.results import Summary
    from harvester.security import Secrets


class LogFormat(StrEnum):
    """How a run tells of itself on stderr."""

    TEXT = "text"
    JSON = "json"


def _as_json(wanted: LogFormat) -> LogFormat:
    """From here on, whatever is said on stderr is JSON; eager, before any other option."""
    if wanted is LogFormat.JSON:
        say_as_json()
    return wanted


@app.command()
def run(
    config: ConfigFile,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="The folder to harvest into, or a URL.  [output.path, data/<name>]",
            callback=place,
        ),
    ] = None,
    resource: Resources = None,
    concurrency: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Partitions at once.")
    ] = None,
    max_pages: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="Add at most N pages to each partition, then pause."),
    ] = None,
    shard: ShardOption = None,
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
    log_format: Annotated[
        LogFormat,
        typer.Option(
            "--log-format",
            help="json: one JSON object a line on stderr, for each event.",
            callback=_as_json,
            is_eager=True,
        ),
    ] = LogFormat.TEXT,
    metrics: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Keep OpenMetrics in FILE, for a textfile collector."),
    ] = None,
    notify: Annotated[
        list[str] | None,
        typer.Option(
            metavar="URL",
            help="Tell this Apprise URL of failure, stall and completion; may be given again.",
        ),
    ] = None,
    otel: Annotated[
        bool, typer.Option("--otel", help="Send OpenTelemetry to OTEL_EXPORTER_OTLP_ENDPOINT.")
    ] = False,
    stalled_after: StalledAfter = "1h",
    engine: EngineOption = None,
    workers: Workers = None,
    threads: Threads = None,
    scheduler: Scheduler = None,
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
      harvester run tweets.yaml --shard 0/4              a quarter, on one of four machines
      harvester run tweets.yaml -v                       shows each request and its answer
      harvester run tweets.yaml --log-format json --metrics /var/lib/metrics/tweets.prom
      harvester run tweets.yaml --notify 'ntfy://my-topic' --notify '{env.MAIL_URL}'
      harvester run tweets.yaml --engine dask --workers 16 --threads 4
      harvester run tweets.yaml --scheduler tls://dask.example.org:8786 --out s3://b/tweets

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
      4    stopped by a quota, a rule, a full disk or --max-pages: run again; or a share
           (--shard) waits for parents that other shares harvest: run again
      5    the data on disk is damaged, or is another harvest's; nothing deleted
      6    another run holds the folder
      130  interrupted: run again to go on
    """  # noqa: D301 - the \b is click's: leave the lines as they are
    from harvester.engine import RunOptions, secrets_of
    from harvester.monitoring import monitor
    from harvester.terminal import (
        colour,
        doubted,
        harvest_watched,
        last_screen,
        share_of_budgets,
        stderr_columns,
    )
    from harvester.terminal import stderr_is_terminal as on_terminal

    as_lines = log_format is LogFormat.JSON
    declared, named = loaded(config, base_url=base_url, set_=set_)
    folder = lasting(out.absolute() if out else named)
    mine = share(shard)
    if mine is not None and progress is not ProgressMode.NONE:
        say(share_of_budgets(declared, mine))
    if out is None and config.is_file():
        _note_another(declared, folder)
    watching = monitor(
        name=declared.name,
        metrics=writable(metrics) if metrics else None,
        notify=notify or (),
        telemetry=otel,
        stalled_after_s=stalled_after_s(stalled_after),
    )
    with executor_of(engine, workers, threads, scheduler, concurrency) as executor:
        summary, numbers = harvest_watched(
            declared,
            RunOptions(
                out=folder,
                resources=resource or (),
                concurrency=concurrency,
                max_pages=max_pages,
                accept_change=accept_change,
                shard=mine,
                executor=executor,
            ),
            live=progress is ProgressMode.AUTO and on_terminal() and not verbose,
            quiet=progress is ProgressMode.NONE,
            as_json=as_lines,
            watchers=[watching],
        )
    summary.strict = strict
    if as_lines:
        say_event("run_ended", {"name": summary.name, **(summary.as_dict()["run"] or {})})
    elif progress is not ProgressMode.NONE or summary.exit_code:
        say(last_screen(summary, numbers, stderr_columns()), colour(summary))
        say(_next(summary, folder, secrets_of(declared)))
    elif summary.doubts:
        say(doubted(summary.doubts, stderr_columns()))
    if as_json:
        print_json(summary.as_dict())
    raise typer.Exit(summary.exit_code)


def _next(summary: "Summary", folder: Path, secrets: "Secrets") -> str:
    """What to type next."""
    from harvester.terminal import again, is_of_before, program

    resume = again(secrets)
    before = is_of_before(summary)
    return following(program(), folder, resume, complete=summary.complete, before=before)


def _note_another(declared: "Config", folder: Path) -> None:
    """Say so where a harvest of this name lies beside the YAML, and this is another one."""
    from harvester.store import beside

    if (other := beside(declared)) is not None:
        say(
            f"note: a harvest of this name lies beside the YAML, in {other}; this one goes into "
            f"{folder}. To go on with that one: --out {shlex.quote(str(other))}"
        )


def writable(path: Path) -> Path:
    """The file for metrics; said before anything is asked if none can be there."""
    parent = path.absolute().parent
    if path.is_dir():
        raise ConfigError(f"--metrics {path}: is a folder; name a file")
    if not parent.is_dir() or not os.access(parent, os.W_OK):
        raise ConfigError(f"--metrics {path}: no file can be written in {parent}")
    return path.absolute()


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
