"""The program: its name, its first help page, its version."""

from typing import Annotated

import typer

from harvester import __version__
from harvester.terminal.rendering import answer

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


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
