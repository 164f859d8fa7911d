"""After a harvest: what was stored, in the form that the next tool wants."""

from typing import Annotated

import typer

from harvester.cli.app import app
from harvester.cli.options import Folder, Resources
from harvester.terminal.rendering import write_lines


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
