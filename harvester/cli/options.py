"""Arguments and options that several commands share."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


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
Partitions = Annotated[
    list[str] | None,
    typer.Option(
        "--partition", metavar="KEY=VALUE", help="Only such partitions; may be given again."
    ),
]
Progress = Annotated[
    ProgressMode,
    typer.Option(help="auto: live on a terminal, else plain lines. none: only what goes wrong."),
]
