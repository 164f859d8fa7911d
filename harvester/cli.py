"""The command line. A command parses, calls one library function, and renders what it gives.

Answers go to stdout; progress, messages and errors to stderr. Nothing heavy is imported before a
command needs it: `--version`, `--help` and completion must answer at once.
"""

import os
import sys
from enum import StrEnum
from itertools import islice
from pathlib import Path
from typing import Annotated, Final, NoReturn

import typer

from harvester import __version__
from harvester.errors import ConfigError, HarvesterError
from harvester.terminal.phrases import number, one_line
from harvester.terminal.rendering import (
    NobodyReads,
    answer,
    following,
    needs_text,
    print_json,
    print_plan,
    resources_text,
    say,
    seen_text,
    stdout_columns,
    write_lines,
)

_MOST_LISTED: Final = 10
_DAMAGED: Final = 5
_FAILED: Final = 3
_INTERRUPTED: Final = 130

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


class ProgressMode(StrEnum):
    """How a run shows itself on stderr."""

    AUTO = "auto"
    PLAIN = "plain"
    NONE = "none"


ConfigFile = Annotated[Path, typer.Argument(metavar="CONFIG", help="The YAML file.")]
Folder = Annotated[
    Path, typer.Argument(metavar="DIR", help="The folder of a harvest.", exists=True)
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON on stdout.")]
BaseURL = Annotated[
    str | None,
    typer.Option("--base-url", metavar="URL", help="Instead of client.base_url."),
]
Set = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="Change a value of the YAML, as in resources.tweets.params.max_results=100; "
        "may be given again.",
    ),
]
Resources = Annotated[
    list[str] | None,
    typer.Option("--resource", metavar="NAME", help="Only this resource; may be given again."),
]
Progress = Annotated[
    ProgressMode,
    typer.Option(help="auto: live on a terminal, else plain lines. none: only what goes wrong."),
]


# --- Commands ------------------------------------------------------------------------------------


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
    as_json: Json = False,
) -> None:
    """Harvest; the same line again goes on after any stop.

    \b
    harvester run tweets.yaml
    harvester run tweets.yaml --max-pages 2 --out /tmp/try
    harvester run tweets.yaml --set 'resources.tweets.params.query=from:nasa' --json

    Exit codes: 0 complete, 2 bad usage or configuration, 3 partitions failed (run again), 4 stopped
    by a quota or rule, 5 the data on disk is damaged or refused, 6 another run holds the folder,
    130 interrupted. Nothing that was committed is ever lost.
    """  # noqa: D301 - the \b is click's: leave the lines as they are
    from harvester.config.load import load_config
    from harvester.sources import secrets_of
    from harvester.terminal.closing import closing
    from harvester.terminal.foreground import again, harvest_watched, program, stderr_columns
    from harvester.terminal.foreground import stderr_is_terminal as on_terminal

    loaded = load_config(config, base_url=base_url, set=set_ or ())
    summary, numbers = harvest_watched(
        loaded,
        live=progress is ProgressMode.AUTO and on_terminal(),
        quiet=progress is ProgressMode.NONE,
        out=out,
        resources=resource or (),
        concurrency=concurrency,
        max_pages=max_pages,
    )
    if progress is not ProgressMode.NONE or summary.exit_code:
        say(closing(summary, numbers, stderr_columns()))
        resume = again(secrets_of(loaded))
        say(following(program(), out or loaded.folder, resume, complete=summary.complete))
    if as_json:
        print_json(summary.as_dict())
    raise typer.Exit(summary.exit_code)


@app.command()
def plan(
    config: ConfigFile, as_json: Json = False, base_url: BaseURL = None, set_: Set = None
) -> None:
    """List the partitions, and what they take at least. Asks the server nothing."""
    from datetime import UTC, datetime

    from harvester.config.load import load_config
    from harvester.planning import least
    from harvester.planning import plan as planned

    loaded = load_config(config, base_url=base_url, set=set_ or ())
    now = datetime.now(UTC)
    needs = [least(loaded, resource, now) for resource in loaded.resources]
    listed = ((item.resource, item.title, item.labels) for item in planned(loaded, now=now))
    if as_json:
        print_plan(
            loaded.name,
            needs,
            ({"resource": name, "partition": labels} for name, _, labels in listed),
        )
        return
    answer(f"{loaded.name}\n{needs_text(needs)}")
    total = sum(need.partitions for need in needs)
    for _, title, _ in islice(listed, _MOST_LISTED):
        answer(f"  {title}")
    if total > _MOST_LISTED:
        answer(f"  … and {total - _MOST_LISTED:,} more; --json lists them all")
    elif not total:
        answer("No partition is planned yet. (A window is planned once it has closed.)")


@app.command()
def check(
    config: ConfigFile,
    live: Annotated[
        bool, typer.Option("--live", help="Also fetch one page of each resource.")
    ] = False,
    base_url: BaseURL = None,
    set_: Set = None,
) -> None:
    """Validate the YAML; with --live, see what the API answers.

    Writes nothing into the folder of the harvest.

    Exit codes: 0 all is well, 2 the YAML is not, 3 a resource's page could not be had.
    """
    from harvester.check import check_live
    from harvester.config.load import load_config
    from harvester.lint import lints

    loaded = load_config(config, base_url=base_url, set=set_ or ())
    answer(f"{config}: ok\n{resources_text(loaded)}")
    for lint in lints(config, loaded):
        answer(f"lint: {one_line(str(lint))}")
    failed = 0
    for seen in check_live(loaded) if live else ():
        failed += seen.error is not None
        answer(f"\n{seen_text(seen)}")
    if failed:
        say(f"{number(failed, 'resource')} failed")
        raise typer.Exit(_FAILED)


@app.command()
def status(folder: Folder, as_json: Json = False) -> None:
    """Say where a harvest stands, also while it runs."""
    from harvester.report import status as state_of
    from harvester.terminal.closing import standing

    summary = state_of(folder)
    if as_json:
        print_json(summary.as_dict())
    else:
        answer(standing(summary, stdout_columns()))


@app.command()
def verify(
    folder: Folder,
    deep: Annotated[
        bool, typer.Option("--deep", help="Also inflate and parse every page.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Check every part against its journal.

    Hashes, sizes, the chain of cursors, counts, gaps, and files that nothing names.

    Exit codes: 0 all is well, 5 it is not.
    """
    from harvester.report import verify as verified

    found = verified(folder, deep=deep)
    if as_json:
        print_json(found.as_dict())
    else:
        for problem in found.problems:
            answer(f"{problem.path}: {problem.problem}" if problem.path else problem.problem)
        parts = number(found.parts, "part")
        ok = f"ok: {parts}, each as its journal says" + (", every page parsed" if deep else "")
        answer(ok if found.ok else f"{number(len(found.problems), 'problem')} in {parts}")
    raise typer.Exit(0 if found.ok else _DAMAGED)


@app.command()
def records(
    folder: Folder,
    resource: Resources = None,
    partition: Annotated[
        list[str] | None,
        typer.Option(
            "--partition", metavar="KEY=VALUE", help="Only such partitions; may be given again."
        ),
    ] = None,
) -> None:
    """Print the records as JSON Lines.

    In order, each as the server wrote it, on one line.

    \b
    harvester records data/tweets | head -n 3
    harvester records data/tweets --partition query=from:nasa > nasa.jsonl
    """  # noqa: D301 - the \b is click's: leave the lines as they are
    from harvester.records import iter_records

    pairs = [pair.partition("=") for pair in partition or ()]
    for key, equals, _ in pairs:
        if not equals:
            raise typer.BadParameter(f"{key!r} is not KEY=VALUE", param_hint="--partition")
    chosen = {key: value for key, _, value in pairs}
    write_lines(iter_records(folder, resources=resource or (), partition=chosen))


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
    """
    from harvester.demo import FAST, USUAL, play
    from harvester.terminal.foreground import stderr_is_terminal as on_terminal

    live = progress is ProgressMode.AUTO and on_terminal()
    quiet = progress is ProgressMode.NONE
    raise typer.Exit(play(out, FAST if fast else USUAL, live=live, quiet=quiet))


@app.command()
def schema() -> None:
    """Print the JSON Schema of the YAML, for editors."""
    from harvester.config.schema import json_schema

    print_json(json_schema())


def _version(wanted: bool) -> None:
    if wanted:
        answer(f"harvester {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Print the version."),
    ] = False,
) -> None:
    """Harvest paginated JSON APIs to disk: all of it, raw, once, resumable, in flat memory.

    \b
    harvester demo                       see it run, on this machine
    harvester check tweets.yaml --live   is the file right, what does the API answer?
    harvester run tweets.yaml            harvest; the same line again resumes
    harvester status data/tweets         where does it stand?
    harvester records data/tweets        the records as JSON Lines
    """  # noqa: D301 - the \b is click's: leave the lines as they are


# --- Endings -------------------------------------------------------------------------------------


def main() -> NoReturn:
    """Run the command line of this process, and leave it with the exit code."""
    code: int | str | None
    try:
        try:
            app()
            code = 0
        except SystemExit as leaving:
            code = leaving.code
        sys.stdout.flush()
    except HarvesterError as error:
        code = _tell(error)
    except KeyboardInterrupt:
        code = _INTERRUPTED
    except (NobodyReads, BrokenPipeError):  # as `head` does; nothing is wrong
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    except OSError as error:
        say(f"error: {error.filename or 'stdout'}: {error.strerror or error}")
        code = _DAMAGED if error.filename else 1
    except Exception:
        code = _tell_bug()
    sys.exit(code)


def _tell(error: HarvesterError) -> int:
    if isinstance(error, ConfigError) and error.problems:
        for problem in error.problems:
            say(one_line(str(problem)))
        say(f"{number(len(error.problems), 'problem')}; nothing was done")
    else:
        say(f"error: {error}")
    return error.exit_code


def _tell_bug() -> int:
    import traceback

    from harvester.secrets import Secrets

    say(Secrets({}).redact(traceback.format_exc()))
    say(
        f"This is a bug in harvester {__version__}; please report the lines above. What was "
        "committed is kept."
    )
    return HarvesterError.exit_code
