"""`harvester import`: a connector's declaration as YAML files."""

from pathlib import Path
from typing import Annotated, Final

import typer

from harvester.cli.app import app
from harvester.cli.options import Json
from harvester.model import number
from harvester.terminal import answer, print_json, say

_NOTHING: Final = 3
_MOST_SHOWN: Final = 20


@app.command("import")
def import_(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE",
            help="A low-code manifest, a dlt rest_api configuration, a Postman collection, or a "
            "HAR file.",
        ),
    ],
    out: Annotated[
        Path, typer.Option("--out", metavar="DIR", help="The folder to write the YAML into.")
    ] = Path(),
    as_json: Json = False,
    force: Annotated[bool, typer.Option("--force", help="Overwrite files.")] = False,
) -> None:
    """Write the YAML for a connector's declaration.

    A stream is imported whole, or named with what stands against it: nothing that chooses records
    is left out in silence. What the source's configuration holds becomes a variable of the
    environment, `{env.NAME}`; each file lists its own at the top.

    \b
    Examples:
      harvester import manifest.yaml --out configs
      harvester import recording.har --out configs
      harvester import manifest.yaml --json | jq -r '.streams[] | select(.imported | not)'

    \b
    Next:
      harvester check configs/NAME.yaml --live

    \b
    Exit codes:
      0  at least one stream came
      2  wrong usage, or no declaration that is known
      3  no stream came: nothing is written
    """  # noqa: D301 - the \b is click's: leave the lines as they are
    from harvester.importer import import_file
    from harvester.scaffold import refuse_existing, save

    found = import_file(file)
    out.mkdir(parents=True, exist_ok=True)
    for name in found.texts:
        refuse_existing(out / name, force=force)
    for name, text in found.texts.items():
        save(out / name, text, force=force)
    came = [stream for stream in found.streams if stream.imported]
    left = [stream for stream in found.streams if not stream.imported]
    if as_json:
        print_json(found.as_dict())
    else:
        for name in found.texts:
            answer(str(out / name))
    say(f"{len(came)} of {number(len(found.streams), 'stream')} imported")
    for stream in left[:_MOST_SHOWN]:
        say(f"  {stream.name}: {'; '.join(stream.missing)}")
    if len(left) > _MOST_SHOWN:
        say(f"  … and {len(left) - _MOST_SHOWN:,} more; --json lists them all")
    if not came:
        raise typer.Exit(_NOTHING)
